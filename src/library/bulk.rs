//! One action on many prompts. Each prompt has an outcome of its own: a refused prompt does not stop
//! the others.

use std::slice;

use tokio::time::{Instant, timeout_at};

use super::prompts::unknown_prompt;
use super::{Library, LibraryError, write_context};
use crate::domain::FieldError;
use crate::domain::audit::Action;
use crate::domain::draft::Draft;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Prompt, PromptRef, Tag};
use crate::domain::skill::is_skill;
use crate::error::ApiError;
use crate::store::{Change, Presence, Saved, StoreError};

/// Maximum number of prompts that one call changes.
pub const BULK_MAX: usize = 100;

/// How often a change is tried on a prompt that others save at the same time.
const ATTEMPTS: u32 = 3;

/// What is done to each prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BulkAction {
    /// Delete it; it can be restored.
    Delete,
    /// Undo its deletion.
    Restore,
    /// Add a tag, as a new version.
    Tag(Tag),
    /// Remove a tag, as a new version.
    Untag(Tag),
    /// Set the favourite mark.
    Mark(bool),
    /// Remove a deleted prompt for good.
    Purge,
}

/// The outcome for one prompt.
#[derive(Debug)]
pub enum BulkOutcome {
    /// It was changed.
    Done,
    /// It was so already.
    Unchanged,
    /// It was left as it was, or the end of the change was not awaited ([`ApiError::Timeout`]).
    Refused(ApiError),
}

impl Library {
    /// Does one action on prompts, one after the other. What is left at `deadline` is refused as
    /// [`ApiError::Timeout`].
    ///
    /// # Errors
    /// [`NotInPerson`](LibraryError::NotInPerson) before anything is done, for a purge by a program, and
    /// [`Invalid`](LibraryError::Invalid) for one that adds the tag [`skill`](crate::domain::skill).
    pub async fn change_in_bulk(
        &self,
        caller: &Principal,
        action: &BulkAction,
        prompts: &[String],
        deadline: Instant,
    ) -> Result<Vec<BulkOutcome>, LibraryError> {
        if *action == BulkAction::Purge && !caller.via.is_in_person() {
            return Err(LibraryError::NotInPerson);
        }
        if let BulkAction::Tag(tag) = action {
            check_added(caller, slice::from_ref(tag))?;
        }
        let mut outcomes = Vec::with_capacity(prompts.len());
        let mut changed = false;
        for prompt in prompts {
            // Checked first, for a change that needs not wait is never late.
            let outcome = if Instant::now() >= deadline {
                Err(ApiError::Timeout)
            } else {
                let change = Box::pin(self.change_one(caller, action, prompt));
                let outcome = match timeout_at(deadline, change).await {
                    Ok(outcome) => outcome.map_err(ApiError::from),
                    Err(_) => Err(ApiError::Timeout),
                };
                // A write whose end was not awaited may have happened. A refusal changed nothing.
                changed |= matches!(outcome, Ok(true) | Err(ApiError::Timeout));
                outcome
            };
            outcomes.push(match outcome {
                Ok(true) => BulkOutcome::Done,
                Ok(false) => BulkOutcome::Unchanged,
                Err(error) => BulkOutcome::Refused(error),
            });
        }
        if changed {
            self.announce_change(&caller.library_id);
        }
        Ok(outcomes)
    }

    /// Adds tags to a prompt and removes others, as one new version. Returns whether that changed it.
    ///
    /// # Errors
    /// [`Invalid`](LibraryError::Invalid) for a program that adds the tag
    /// [`skill`](crate::domain::skill), and for more tags than a prompt has.
    pub async fn change_tags(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        add: &[Tag],
        remove: &[Tag],
    ) -> Result<bool, LibraryError> {
        check_added(caller, add)?;
        let changed = self.retag_one(caller, prompt, add, remove).await?;
        if changed {
            self.announce_change(&caller.library_id);
        }
        Ok(changed)
    }

    /// Does the action on one prompt; returns whether that changed it.
    async fn change_one(
        &self,
        caller: &Principal,
        action: &BulkAction,
        prompt: &str,
    ) -> Result<bool, LibraryError> {
        let prompt =
            PromptRef::parse(prompt).map_err(|message| FieldError::new("names", message))?;
        match action {
            BulkAction::Delete => self.delete_one(caller, &prompt).await,
            BulkAction::Restore => self.restore_one(caller, &prompt).await,
            BulkAction::Tag(tag) => {
                self.retag_one(caller, &prompt, slice::from_ref(tag), &[]).await
            }
            BulkAction::Untag(tag) => {
                self.retag_one(caller, &prompt, &[], slice::from_ref(tag)).await
            }
            BulkAction::Mark(favorite) => {
                let current = self.get_prompt(caller, &prompt).await?;
                let (library, write) = (&caller.library_id, write_context(caller, None));
                let marked = self.store.mark_favorite(library, &current.id, *favorite, &write);
                Ok(marked.await?.changed)
            }
            BulkAction::Purge => {
                self.purge_prompt(caller, &prompt, None).await?;
                Ok(true)
            }
        }
    }

    async fn delete_one(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
    ) -> Result<bool, LibraryError> {
        let (library, write) = (&caller.library_id, write_context(caller, None));
        let found = self.store.get_prompt(library, prompt, Presence::LivingOrDeleted).await?;
        let found = found.ok_or_else(|| unknown_prompt(prompt))?;
        if found.deleted_at.is_some() {
            return Ok(false);
        }
        Ok(self.store.delete_prompt(library, &found.id, None, &write).await?.changed)
    }

    async fn restore_one(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
    ) -> Result<bool, LibraryError> {
        let (library, write) = (&caller.library_id, write_context(caller, None));
        let deleted = match self.find_deleted(caller, prompt).await {
            Err(LibraryError::Store(StoreError::NotDeleted)) => return Ok(false),
            found => found?,
        };
        let restored = self.store.undelete_prompt(library, &deleted.id, &write).await;
        Ok(restored.map_err(|error| self.explain_undeletion(error, &deleted))?.changed)
    }

    /// Saves a prompt with other tags, and tries again if another save came first.
    async fn retag_one(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        add: &[Tag],
        remove: &[Tag],
    ) -> Result<bool, LibraryError> {
        let (library, write) = (&caller.library_id, write_context(caller, None));
        let mut attempts = ATTEMPTS;
        loop {
            let current = self.get_prompt(caller, prompt).await?;
            let Some(mut change) = retag(&current, add, remove)? else { return Ok(false) };
            change.embedding = self.embed_changed(library, &change.body, &current.body).await;
            attempts -= 1;
            match self.store.save_prompt(library, &current.id, change, &write).await {
                Ok(Saved { changed, .. }) => return Ok(changed),
                Err(StoreError::VersionConflict { .. }) if attempts > 0 => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
    }
}

/// Refuses the tag by which a text steers every chat from anybody but the owner.
fn check_added(caller: &Principal, tags: &[Tag]) -> Result<(), FieldError> {
    if tags.iter().any(is_skill) && !caller.via.is_in_person() {
        let message = "must not be skill; only the owner of the library adds it, in person";
        return Err(FieldError::new("tag", message));
    }
    Ok(())
}

/// Makes the change of a prompt that gets tags and loses others; `None` if it has the first and none of
/// the others.
fn retag(current: &Prompt, add: &[Tag], remove: &[Tag]) -> Result<Option<Change>, LibraryError> {
    let before = &current.body.tags;
    let kept = before.iter().filter(|tag| !remove.contains(tag));
    let new = add.iter().filter(|tag| !before.contains(tag));
    let tags: Vec<&Tag> = kept.chain(new).collect();
    if tags.iter().copied().eq(before) {
        return Ok(None);
    }
    let tags = tags.into_iter().map(|tag| tag.as_str().to_owned()).collect();
    let (_, body) = Draft { tags: Some(tags), ..Draft::default() }.amend(&current.body)?;
    let expected_version = current.version;
    Ok(Some(Change {
        expected_version,
        body,
        name: None,
        favorite: None,
        action: Action::Saved,
        embedding: None,
    }))
}
