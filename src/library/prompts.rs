//! The use cases of single prompts: create, read, save, delete, restore, render.

use std::collections::BTreeMap;

use super::{Library, LibraryError, Similar, write_context};
use crate::domain::FieldError;
use crate::domain::audit::Action;
use crate::domain::draft::Draft;
use crate::domain::identity::Principal;
use crate::domain::paging::{Page, SealedCursor};
use crate::domain::placeholders::find_notes;
use crate::domain::prompt::{Body, Name, Prompt, PromptId, PromptRef, Version};
use crate::domain::skill::{SKILL_NOTE, withhold_skill};
use crate::domain::template::{self, Arguments, Rendered};
use crate::error::chain;
use crate::store::{Change, Idempotency, NewPrompt, Presence, StoreError, WriteContext};

/// What to do about a save that names a deleted prompt.
const RESTORE_FIRST: &str = "Restore it first (restore_prompt), or save a new prompt with its content \
    and without expected_version";

/// What a save takes beside its draft.
#[derive(Debug, Clone, Default)]
pub struct SaveOptions {
    /// The favourite mark to set; absent keeps it.
    pub favorite: Option<bool>,
    /// The version that the caller has read.
    pub expected_version: Option<u32>,
    /// The key of a write that the caller may repeat.
    pub idempotency: Option<Idempotency>,
    /// Whether the save may add the tag [`skill`](crate::domain::skill), as the owner in person may.
    pub may_add_skill: bool,
}

impl SaveOptions {
    /// Removes the tag `skill` from a body that must not add it. Returns whether it did.
    pub(super) fn withhold_skill(&self, body: &mut Body, before: Option<&Body>) -> bool {
        !self.may_add_skill && withhold_skill(body, before)
    }
}

/// A saved prompt and what it resembles.
#[derive(Debug, Clone)]
pub struct SavedPrompt {
    /// The prompt after the save.
    pub prompt: Prompt,
    /// Whether it is new in the library.
    pub created: bool,
    /// Sentences on what its content leaves as text although it looks like a placeholder, and on what
    /// was not saved.
    pub notes: Vec<String>,
    /// At most three prompts of the library that it resembles, the closest first.
    pub similar: Vec<Similar>,
}

impl SavedPrompt {
    /// Adds the note on the tag `skill`, if it was withheld.
    #[must_use]
    pub(super) fn with_skill_note(mut self, is_withheld: bool) -> Self {
        self.notes.extend(is_withheld.then(|| SKILL_NOTE.to_owned()));
        self
    }
}

/// A restored prompt.
#[derive(Debug, Clone)]
pub struct RestoredPrompt {
    /// The prompt as it is now.
    pub prompt: Prompt,
    /// As those of [`SavedPrompt`], where a version was saved again: its text may be from a time with
    /// another syntax. Empty for an undone deletion, which changes no text.
    pub notes: Vec<String>,
}

impl Library {
    /// Creates a prompt.
    pub async fn create_prompt(
        &self,
        caller: &Principal,
        draft: Draft,
        options: SaveOptions,
    ) -> Result<SavedPrompt, LibraryError> {
        let (name, mut body) = draft.into_new()?;
        let is_withheld = options.withhold_skill(&mut body, None);
        let favorite = options.favorite.unwrap_or_default();
        let embedding = self.embed_body(&caller.library_id, &body).await;
        let new = NewPrompt { id: PromptId::random(), name, body, favorite, embedding };
        let write = write_context(caller, options.idempotency);
        let saved = self.store.create_prompt(&caller.library_id, new, &write).await;
        let saved = saved.map_err(|error| self.explain(error))?;
        let saved = self.complete_save(caller, saved.prompt, true).await?;
        Ok(saved.with_skill_note(is_withheld))
    }

    /// Appends a version to a prompt; fields that the draft lacks keep their value.
    pub async fn save_prompt(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        draft: Draft,
        options: SaveOptions,
    ) -> Result<SavedPrompt, LibraryError> {
        if let Some(done) = self.recall_write(caller, options.idempotency.as_ref()).await? {
            return self.complete_save(caller, done, false).await;
        }
        let current = self.get_prompt(caller, prompt).await?;
        let Some(expected_version) = options.expected_version else {
            return self.save_mark(caller, &current, draft, options).await;
        };
        // The draft is completed from the version that the caller has read. The store compares that
        // version again inside its transaction, so the merge never overwrites a newer one.
        let seen = self.read_expected_version(caller, &current, expected_version).await?;
        let (name, mut body) = draft.amend(&seen.body)?;
        let is_withheld = options.withhold_skill(&mut body, Some(&current.body));
        let favorite = options.favorite;
        let library = &caller.library_id;
        let embedding = self.embed_changed(library, &body, &current.body).await;
        let change =
            Change { expected_version, body, name, favorite, action: Action::Saved, embedding };
        let write = write_context(caller, options.idempotency);
        let saved = self.store.save_prompt(library, &current.id, change, &write).await;
        let saved = saved.map_err(|error| self.explain(error))?;
        let saved = self.complete_save(caller, saved.prompt, false).await?;
        Ok(saved.with_skill_note(is_withheld))
    }

    /// Saves a change of the favourite mark alone, which needs no version; any other change does.
    async fn save_mark(
        &self,
        caller: &Principal,
        current: &Prompt,
        draft: Draft,
        options: SaveOptions,
    ) -> Result<SavedPrompt, LibraryError> {
        let (name, keeps_body) = if draft.keeps_body() {
            (draft.name()?, true)
        } else {
            let (name, body) = draft.amend(&current.body)?;
            (name, body == current.body)
        };
        let keeps_all = keeps_body && name.is_none_or(|name| name == current.name);
        let Some(favorite) = options.favorite.filter(|_| keeps_all) else {
            return Err(LibraryError::VersionMissing { current_version: current.version });
        };
        let write = write_context(caller, options.idempotency);
        let library = &caller.library_id;
        let marked = self.store.mark_favorite(library, &current.id, favorite, &write).await?;
        self.announce_change(library);
        Ok(SavedPrompt {
            prompt: marked.prompt,
            created: false,
            notes: Vec::new(),
            similar: Vec::new(),
        })
    }

    /// Saves over the prompt with the draft's name if `expected_version` is given, or if the draft has
    /// no content; else as a new prompt.
    pub async fn save_by_name(
        &self,
        caller: &Principal,
        draft: Draft,
        options: SaveOptions,
    ) -> Result<SavedPrompt, LibraryError> {
        let is_new = options.expected_version.is_none() && draft.content.is_some();
        let name = match draft.name() {
            Ok(Some(name)) if !is_new => name,
            Ok(None) if options.expected_version.is_some() => {
                let message = "is missing; expected_version is of the prompt with that name";
                return Err(FieldError::new("name", message).into());
            }
            // A creation reports every fault of a draft.
            _ => return self.create_prompt(caller, draft, options).await,
        };
        if options.expected_version.is_none() {
            self.check_changes_prompt(caller, &name, &draft, &options).await?;
        }
        let draft = Draft { name: None, ..draft };
        let saved = self.save_prompt(caller, &PromptRef::Name(name.clone()), draft, options).await;
        match saved {
            Err(error) => Err(self.name_target(caller, error, &name).await),
            saved => saved,
        }
    }

    /// Checks that a draft without a content has a prompt to change, and a change of it.
    async fn check_changes_prompt(
        &self,
        caller: &Principal,
        name: &Name,
        draft: &Draft,
        options: &SaveOptions,
    ) -> Result<(), LibraryError> {
        let prompt = PromptRef::Name(name.clone());
        let found = self.store.get_prompt(&caller.library_id, &prompt, Presence::Living).await?;
        let message = match found {
            None if self.is_deleted(caller, &prompt).await? => {
                format!("is missing; the prompt named {name} is deleted. {RESTORE_FIRST}")
            }
            None => format!("is missing; no prompt is named {name}, and a new one needs its text"),
            Some(_) if draft.keeps_body() && options.favorite.is_none() => {
                "is missing; pass the text of the prompt, or another field to change".to_owned()
            }
            Some(_) => return Ok(()),
        };
        Err(FieldError::new("content", message).into())
    }

    /// Explains why an unknown prompt was looked for: the caller passed a version to save over.
    pub(super) async fn name_target(
        &self,
        caller: &Principal,
        error: LibraryError,
        name: &Name,
    ) -> LibraryError {
        if !matches!(error, LibraryError::NotFound(_)) {
            return error;
        }
        match self.is_deleted(caller, &PromptRef::Name(name.clone())).await {
            Err(error) => error,
            Ok(true) => LibraryError::NotFound(format!(
                "the prompt named {name} is deleted, and nothing was written. {RESTORE_FIRST}"
            )),
            Ok(false) => LibraryError::NotFound(format!(
                "there is no prompt named {name} to save over; pass the name of the prompt that \
                 expected_version belongs to, or leave expected_version out to save a new one"
            )),
        }
    }

    /// Returns whether a prompt that is not living can be restored.
    async fn is_deleted(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
    ) -> Result<bool, LibraryError> {
        let presence = Presence::LivingOrDeleted;
        let found = self.store.get_prompt(&caller.library_id, prompt, presence).await?;
        Ok(found.is_some_and(|found| found.deleted_at.is_some()))
    }

    /// Returns a living prompt.
    pub async fn get_prompt(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
    ) -> Result<Prompt, LibraryError> {
        let found = self.store.get_prompt(&caller.library_id, prompt, Presence::Living).await?;
        found.ok_or_else(|| unknown_prompt(prompt))
    }

    /// Returns a living prompt with the text of `version`.
    pub async fn get_version(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        version: u32,
    ) -> Result<Prompt, LibraryError> {
        let current = self.get_prompt(caller, prompt).await?;
        if current.version == version {
            return Ok(current);
        }
        let found = self.store.get_version(&caller.library_id, &current.id, version).await?;
        let found = found.ok_or_else(|| unknown_version(&current, version))?;
        Ok(current.at(found))
    }

    /// Renders a prompt and counts a use.
    pub fn render_prompt(
        &self,
        caller: &Principal,
        prompt: &Prompt,
        arguments: &BTreeMap<String, String>,
    ) -> Result<Rendered, LibraryError> {
        let arguments = Arguments::of_prompt(prompt, arguments)?;
        let rendered = template::render(&prompt.body, &arguments)
            .map_err(|error| FieldError::new("arguments", error.to_string()))?;
        self.usage.count(&caller.library_id, &prompt.id, self.clock.now());
        Ok(rendered)
    }

    /// Deletes a prompt. It can be restored for 30 days.
    pub async fn delete_prompt(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        expected_version: Option<u32>,
        idempotency: Option<Idempotency>,
    ) -> Result<Prompt, LibraryError> {
        if let Some(done) = self.recall_write(caller, idempotency.as_ref()).await? {
            return Ok(done);
        }
        let id = self.get_prompt(caller, prompt).await?.id;
        let write = write_context(caller, idempotency);
        let saved =
            self.store.delete_prompt(&caller.library_id, &id, expected_version, &write).await;
        self.announce_change(&caller.library_id);
        saved.map(|saved| saved.prompt).map_err(|error| match error {
            StoreError::NotFound => unknown_prompt(prompt),
            other => other.into(),
        })
    }

    /// Undoes a deletion, or saves an old version as a new one, or both.
    pub async fn restore_prompt(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        version: Option<u32>,
        options: SaveOptions,
    ) -> Result<RestoredPrompt, LibraryError> {
        let (prompt, is_skill_withheld) = self.restore(caller, prompt, version, options).await?;
        let mut notes = Vec::new();
        if version.is_some() {
            notes.extend(self.find_notes(prompt.body.clone()).await);
        }
        notes.extend(is_skill_withheld.then(|| SKILL_NOTE.to_owned()));
        Ok(RestoredPrompt { prompt, notes })
    }

    /// Returns the prompt, and whether the tag `skill` of the old version was withheld.
    async fn restore(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        version: Option<u32>,
        options: SaveOptions,
    ) -> Result<(Prompt, bool), LibraryError> {
        if let Some(done) = self.recall_write(caller, options.idempotency.as_ref()).await? {
            return Ok((done, false));
        }
        let library = &caller.library_id;
        let mut current = self.get_living_or_deleted(caller, prompt).await?;
        check_expected(&current, options.expected_version)?;
        let mut old = match version {
            Some(number) => {
                let old = self.store.get_version(library, &current.id, number).await?;
                let old = old.ok_or_else(|| unknown_version(&current, number))?;
                let body = old.body.into_current_syntax()?;
                body.check_size()?;
                Some(body)
            }
            None => None,
        };
        let is_skill_withheld =
            old.as_mut().is_some_and(|body| options.withhold_skill(body, Some(&current.body)));
        let write = write_context(caller, options.idempotency);
        if current.deleted_at.is_some() || old.is_none() {
            // The key belongs to the last of the two writes: the repetition of a request that broke
            // off between them goes on there.
            let idempotency = write.idempotency.clone().filter(|_| old.is_none());
            let undeletion = WriteContext { idempotency, ..write.clone() };
            let saved = self.store.undelete_prompt(library, &current.id, &undeletion).await;
            current = saved.map_err(|error| self.explain_undeletion(error, &current))?.prompt;
        }
        self.announce_change(&caller.library_id);
        let Some(body) = old else { return Ok((current, false)) };
        let embedding = self.embed_changed(library, &body, &current.body).await;
        let change = Change {
            expected_version: current.version,
            body,
            name: None,
            favorite: None,
            action: Action::Restored,
            embedding,
        };
        let saved = self.store.save_prompt(library, &current.id, change, &write).await;
        Ok((saved.map_err(|error| self.explain(error))?.prompt, is_skill_withheld))
    }

    /// Explains what can be done for a deleted prompt whose name another one has.
    pub(super) fn explain_undeletion(&self, error: StoreError, deleted: &Prompt) -> LibraryError {
        match error {
            StoreError::NameTaken { name, current_version } => {
                LibraryError::RestoredNameTaken { name, current_version, id: deleted.id.clone() }
            }
            other => self.explain(other),
        }
    }

    /// Lists the versions of a prompt, deleted or not, the newest first.
    pub async fn list_versions(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<Page<Version, SealedCursor>, LibraryError> {
        let page = self.page_request(caller, limit, cursor)?;
        let id = self.get_living_or_deleted(caller, prompt).await?.id;
        let versions = self.store.list_versions(&caller.library_id, &id, &page).await?;
        let versions = versions.ok_or_else(|| unknown_prompt(prompt))?;
        Ok(self.seal_page(caller, versions))
    }

    /// Returns the result of the same write under the same key, if it was done before.
    async fn recall_write(
        &self,
        caller: &Principal,
        idempotency: Option<&Idempotency>,
    ) -> Result<Option<Prompt>, LibraryError> {
        let Some(idempotency) = idempotency else { return Ok(None) };
        let done = self.store.recall(&caller.library_id, idempotency).await?;
        Ok(done.map(|saved| saved.prompt))
    }

    /// Returns the version that the caller has read. Where it does not exist, returns the current one:
    /// the store will refuse the write with a conflict.
    async fn read_expected_version(
        &self,
        caller: &Principal,
        current: &Prompt,
        version: u32,
    ) -> Result<Version, LibraryError> {
        let now = Version {
            version: current.version,
            body: current.body.clone(),
            source: current.source.clone(),
            created_at: current.updated_at,
        };
        if version == current.version {
            return Ok(now);
        }
        let seen = self.store.get_version(&caller.library_id, &current.id, version).await?;
        Ok(seen.unwrap_or(now))
    }

    /// Announces a save and adds what the prompt resembles.
    pub(super) async fn complete_save(
        &self,
        caller: &Principal,
        prompt: Prompt,
        created: bool,
    ) -> Result<SavedPrompt, LibraryError> {
        self.announce_change(&caller.library_id);
        let similar = match self.find_similar(caller, &prompt).await {
            Ok(similar) => similar,
            // The save is on disk, so it is acknowledged. Only the hint is missing.
            Err(error) => {
                tracing::warn!(error = %chain(&error), "the search for similar prompts failed");
                Vec::new()
            }
        };
        let notes = self.find_notes(prompt.body.clone()).await;
        Ok(SavedPrompt { prompt, created, notes, similar })
    }

    /// Finds the notes on a body that was saved.
    pub(super) async fn find_notes(&self, body: Body) -> Vec<String> {
        let bytes = body.content.as_str().len();
        let notes = self.pool.run_sized(bytes, move || find_notes(&body)).await;
        notes.unwrap_or_else(|error| {
            tracing::warn!(error = %chain(&error), "the search for placeholders failed");
            Vec::new()
        })
    }
}

pub(super) fn check_expected(current: &Prompt, expected: Option<u32>) -> Result<(), LibraryError> {
    match expected {
        Some(expected) if expected != current.version => {
            Err(StoreError::VersionConflict { current_version: current.version }.into())
        }
        _ => Ok(()),
    }
}

pub(super) fn unknown_prompt(prompt: &PromptRef) -> LibraryError {
    LibraryError::NotFound(match prompt {
        PromptRef::Id(id) => format!("there is no prompt with the id {id}"),
        PromptRef::Name(name) => format!("there is no prompt named {name}"),
    })
}

fn unknown_version(prompt: &Prompt, version: u32) -> LibraryError {
    let (name, latest) = (&prompt.name, prompt.version);
    LibraryError::NotFound(format!("{name} has no version {version}; the latest is {latest}"))
}
