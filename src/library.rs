//! The use cases: what a person does with their library. REST and MCP call only this.

mod accounts;
mod completion;
mod error;
mod export;
mod harvest;
mod import;
mod pool;
mod readiness;
mod review;
mod similar;
mod usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::broadcast;

use self::pool::Pool;
use self::readiness::Readiness;
use self::usage::UsageCounter;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::draft::Draft;
use crate::domain::identity::{LibraryId, Principal};
use crate::domain::paging::{Cursor, Limit, Page, PageRequest};
use crate::domain::prompt::{Prompt, PromptId, PromptRef, Tag, VariableName, Version};
use crate::domain::ranking::{self, MATCHES_MAX, Query, Ranked};
use crate::domain::template::{self, Rendered};
use crate::domain::{Clock, FieldError};
use crate::store::{
    Change, Counts, Filter, Idempotency, NewPrompt, Presence, Search, Sort, Store, StoreError,
    WriteContext,
};

/// Maximum size of the contents, in bytes, that are ranked on the async thread itself: about a
/// millisecond of work.
const RANKED_HERE_MAX_BYTES: usize = 64 * 1024;

/// How many changes wait for a listener before it is told that it missed some.
const CHANGES_KEPT: usize = 64;

/// Everything a caller can do, on top of a store.
pub struct Library {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    usage: UsageCounter,
    changes: broadcast::Sender<LibraryId>,
    readiness: Readiness,
    pool: Pool,
}

type Outcome<T> = Result<T, LibraryError>;

/// What a save is to do beside its draft.
#[derive(Debug, Clone, Default)]
pub struct SaveOptions {
    /// The mark to set.
    pub favorite: Option<bool>,
    /// The version that the caller has seen.
    pub expected_version: Option<u32>,
    /// The caller's key for a write that it may repeat.
    pub idempotency: Option<Idempotency>,
}

/// A save and what it resembles.
#[derive(Debug, Clone)]
pub struct SavedPrompt {
    /// The prompt after the save.
    pub prompt: Prompt,
    /// Whether it is new in the library.
    pub created: bool,
    /// At most three prompts of the library that it resembles, the closest first.
    pub similar: Vec<Similar>,
}

pub use self::completion::Completions;
pub use self::error::LibraryError;
pub use self::export::Export;
pub use self::harvest::Harvested;
pub use self::import::{Counted, ImportOptions, ItemOutcome, ItemReport};
pub use self::readiness::StoreHealth;
pub use self::similar::{Similar, SimilarTo};

/// What a listing is to show.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Search instead of listing.
    pub query: Option<String>,
    /// Only with this tag.
    pub tag: Option<String>,
    /// Only with this mark.
    pub favorite: Option<bool>,
    /// The deleted prompts instead of the living ones.
    pub deleted: bool,
    /// Relevance with a query, else the latest save first, when absent.
    pub sort: Option<SortOrder>,
    /// 1 to 100; 20 when absent.
    pub limit: Option<i64>,
    /// As an earlier page gave it.
    pub cursor: Option<String>,
}

/// The orders that a caller may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// The best match first; only with a query.
    Relevance,
    /// An order of the store.
    By(Sort),
}

/// A page of prompts.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The prompts.
    pub page: Page<Prompt>,
    /// How many there are on all pages, where that is known without counting.
    pub total: Option<usize>,
}

/// What a query found.
#[derive(Debug)]
pub enum Found {
    /// One prompt that is clearly meant.
    One(Box<Prompt>),
    /// Several that may be meant, the best first; none where nothing matches.
    Several(Vec<Prompt>),
}

impl Library {
    /// A library on a store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let changes = broadcast::Sender::new(CHANGES_KEPT);
        Self {
            store,
            clock,
            usage: UsageCounter::default(),
            changes,
            readiness: Readiness::default(),
            pool: Pool::default(),
        }
    }

    /// Whose list of prompts changed, from now on, through this process.
    pub fn changes(&self) -> broadcast::Receiver<LibraryId> {
        self.changes.subscribe()
    }

    /// Tells those who listen, if anybody does.
    fn announce_change(&self, caller: &Principal) {
        self.announce_change_of(&caller.library_id);
    }

    fn announce_change_of(&self, library: &LibraryId) {
        let _ = self.changes.send(library.clone());
    }

    /// Adds a prompt.
    pub async fn create_prompt(
        &self,
        caller: &Principal,
        draft: Draft,
        options: SaveOptions,
    ) -> Outcome<SavedPrompt> {
        let (name, body) = draft.into_new()?;
        let favorite = options.favorite.unwrap_or_default();
        let new = NewPrompt { id: PromptId::random(), name, body, favorite };
        let write = write_context(caller, options.idempotency);
        let quota = caller.plan.prompt_limit;
        let saved = self.store.create_prompt(&caller.library_id, new, quota, &write).await?;
        self.with_similar(caller, saved.prompt, true).await
    }

    /// Appends a version to a prompt; fields that the draft lacks keep their value.
    pub async fn save_prompt(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        draft: Draft,
        options: SaveOptions,
    ) -> Outcome<SavedPrompt> {
        if let Some(done) = self.repeated(caller, options.idempotency.as_ref()).await? {
            return self.with_similar(caller, done, false).await;
        }
        let current = self.get_prompt(caller, prompt).await?;
        let Some(expected_version) = options.expected_version else {
            return Err(LibraryError::VersionMissing { current_version: current.version });
        };
        // The draft is completed from the version that the caller has seen, which the store
        // compares again inside its transaction: what is merged here is never written over
        // something newer.
        let seen = self.version_or_current(caller, &current, expected_version).await?;
        let (name, body) = draft.amend(&seen.body)?;
        let favorite = options.favorite;
        let change = Change { expected_version, body, name, favorite, action: Action::Saved };
        let write = write_context(caller, options.idempotency);
        let saved = self.store.save_prompt(&caller.library_id, &current.id, change, &write).await?;
        self.with_similar(caller, saved.prompt, false).await
    }

    /// Saves by name: over the prompt of that name if `expected_version` is given, else as a new
    /// prompt.
    pub async fn save_by_name(
        &self,
        caller: &Principal,
        draft: Draft,
        options: SaveOptions,
    ) -> Outcome<SavedPrompt> {
        if options.expected_version.is_none() {
            return self.create_prompt(caller, draft, options).await;
        }
        let name = draft.name()?.ok_or_else(|| {
            FieldError::new("name", "is missing; expected_version is of the prompt with that name")
        })?;
        let draft = Draft { name: None, ..draft };
        self.save_prompt(caller, &PromptRef::Name(name), draft, options).await
    }

    /// A living prompt.
    pub async fn get_prompt(&self, caller: &Principal, prompt: &PromptRef) -> Outcome<Prompt> {
        let found = self.store.get_prompt(&caller.library_id, prompt, Presence::Living).await?;
        found.ok_or_else(|| unknown(prompt))
    }

    /// A living prompt as it read at `version`.
    pub async fn get_version(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        version: u32,
    ) -> Outcome<Prompt> {
        let current = self.get_prompt(caller, prompt).await?;
        if current.version == version {
            return Ok(current);
        }
        let found = self.store.get_version(&caller.library_id, &current.id, version).await?;
        let found = found.ok_or_else(|| no_version(&current, version))?;
        Ok(current.at(found))
    }

    /// The prompt that a query means, or the candidates.
    pub async fn find_prompt(&self, caller: &Principal, query: &str) -> Outcome<Found> {
        let (query, mut ranked) = self.search(caller, query, &Filter::default()).await?;
        Ok(match ranking::find_clear_winner(&query, &ranked) {
            Some(winner) => Found::One(Box::new(ranked.swap_remove(winner).prompt)),
            None => Found::Several(ranked.into_iter().map(|ranked| ranked.prompt).collect()),
        })
    }

    /// Renders a prompt that was just read, and counts that as a use.
    pub fn render_prompt(
        &self,
        caller: &Principal,
        prompt: &Prompt,
        arguments: &BTreeMap<String, String>,
    ) -> Outcome<Rendered> {
        let variables = &prompt.body.variables;
        for name in arguments.keys() {
            if !variables.iter().any(|variable| variable.name.as_str() == name) {
                let known: Vec<&str> =
                    variables.iter().map(|variable| variable.name.as_str()).collect();
                let known = match known.as_slice() {
                    [] => "it has none".to_owned(),
                    known => format!("it has {}", known.join(", ")),
                };
                let message = format!("is not a variable of `{}`; {known}", prompt.name);
                return Err(FieldError::new(format!("arguments.{name}"), message).into());
            }
        }
        let argument = |name: &VariableName| arguments.get(name.as_str()).map(String::as_str);
        let rendered = template::render(prompt.body.content.as_str(), variables, argument)
            .map_err(|error| FieldError::new("arguments", error.to_string()))?;
        self.usage.count(&caller.library_id, &prompt.id, self.clock.now());
        Ok(rendered)
    }

    /// A page of the library, or of what a query finds in it.
    pub async fn list_prompts(&self, caller: &Principal, options: ListOptions) -> Outcome<Listing> {
        let tag = options.tag.as_deref().map(Tag::parse).transpose();
        let tag = tag.map_err(|message| FieldError::new("tag", message))?;
        let filter = Filter { tag, favorite: options.favorite, deleted: options.deleted };
        let page = page_request(options.limit, options.cursor)?;
        match (options.query, options.sort) {
            (Some(_), _) if filter.deleted => {
                Err(FieldError::new("query", "cannot be combined with deleted").into())
            }
            (None, Some(SortOrder::Relevance)) => {
                Err(FieldError::new("sort", "relevance needs a query").into())
            }
            (Some(query), sort) => self.list_matches(caller, &query, &filter, sort, &page).await,
            (None, sort) => {
                let sort = match sort {
                    Some(SortOrder::By(sort)) => sort,
                    _ => Sort::Recent,
                };
                let page =
                    self.store.list_prompts(&caller.library_id, &filter, sort, &page).await?;
                Ok(Listing { page, total: None })
            }
        }
    }

    /// Deletes a prompt; it can be restored for 30 days.
    pub async fn delete_prompt(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        expected_version: Option<u32>,
        idempotency: Option<Idempotency>,
    ) -> Outcome<Prompt> {
        if let Some(done) = self.repeated(caller, idempotency.as_ref()).await? {
            return Ok(done);
        }
        let id = self.get_prompt(caller, prompt).await?.id;
        let write = write_context(caller, idempotency);
        let saved =
            self.store.delete_prompt(&caller.library_id, &id, expected_version, &write).await;
        self.announce_change(caller);
        saved.map(|saved| saved.prompt).map_err(|error| match error {
            StoreError::NotFound => unknown(prompt),
            other => other.into(),
        })
    }

    /// Takes a deletion back, brings an old version back as a new one, or both.
    pub async fn restore_prompt(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        version: Option<u32>,
        options: SaveOptions,
    ) -> Outcome<Prompt> {
        if let Some(done) = self.repeated(caller, options.idempotency.as_ref()).await? {
            return Ok(done);
        }
        let library = &caller.library_id;
        let found = self.store.get_prompt(library, prompt, Presence::LivingOrDeleted).await?;
        let mut current = found.ok_or_else(|| unknown(prompt))?;
        check_expected(&current, options.expected_version)?;
        let old = match version {
            Some(number) => {
                let old = self.store.get_version(library, &current.id, number).await?;
                Some(old.ok_or_else(|| no_version(&current, number))?)
            }
            None => None,
        };
        let write = write_context(caller, options.idempotency);
        if current.deleted_at.is_some() || old.is_none() {
            // The key stands for the last write, so that a repetition goes on where a request that
            // was cut off had come to.
            let idempotency = write.idempotency.clone().filter(|_| old.is_none());
            let undeletion = WriteContext { idempotency, ..write.clone() };
            let quota = caller.plan.prompt_limit;
            let saved =
                self.store.undelete_prompt(library, &current.id, quota, &undeletion).await?;
            current = saved.prompt;
        }
        self.announce_change(caller);
        let Some(old) = old else { return Ok(current) };
        let change = Change {
            expected_version: current.version,
            body: old.body,
            name: None,
            favorite: None,
            action: Action::Restored,
        };
        Ok(self.store.save_prompt(library, &current.id, change, &write).await?.prompt)
    }

    /// The versions of a prompt, the newest first; also of a deleted one.
    pub async fn list_versions(
        &self,
        caller: &Principal,
        prompt: &PromptRef,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Outcome<Page<Version>> {
        let page = page_request(limit, cursor)?;
        let library = &caller.library_id;
        let found = self.store.get_prompt(library, prompt, Presence::LivingOrDeleted).await?;
        let id = found.ok_or_else(|| unknown(prompt))?.id;
        let versions = self.store.list_versions(library, &id, &page).await?;
        versions.ok_or_else(|| unknown(prompt))
    }

    /// The audit trail, the newest entry first.
    pub async fn list_audit(
        &self,
        caller: &Principal,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Outcome<Page<AuditEntry>> {
        let page = page_request(limit, cursor)?;
        Ok(self.store.list_audit(&caller.library_id, &page).await?)
    }

    /// How much the caller keeps.
    pub async fn count_prompts(&self, caller: &Principal) -> Outcome<Counts> {
        Ok(self.store.count_prompts(&caller.library_id).await?)
    }

    /// Records the uses that were counted since the last flush. What could not be recorded waits for
    /// the next one.
    pub async fn flush_uses(&self) -> Result<(), LibraryError> {
        Ok(self.usage.flush(&*self.store).await?)
    }

    /// Removes what can no longer be restored, in batches between which other writes go on.
    pub async fn purge(&self) -> Result<(), LibraryError> {
        while self.store.purge().await?.has_more {}
        Ok(())
    }

    /// The outcome of the same write under the same key, if it was done before.
    async fn repeated(
        &self,
        caller: &Principal,
        idempotency: Option<&Idempotency>,
    ) -> Outcome<Option<Prompt>> {
        let Some(idempotency) = idempotency else { return Ok(None) };
        let done = self.store.recall(&caller.library_id, idempotency).await?;
        Ok(done.map(|saved| saved.prompt))
    }

    async fn search(
        &self,
        caller: &Principal,
        query: &str,
        filter: &Filter,
    ) -> Result<(Query, Vec<Ranked>), LibraryError> {
        let query = Query::parse(query).map_err(|message| FieldError::new("query", message))?;
        let search = Search::Query(query.clone());
        let found = self.store.search_prompts(&caller.library_id, &search, filter).await?;
        let bytes: usize = found.iter().map(|prompt| prompt.body.content.as_str().len()).sum();
        if bytes <= RANKED_HERE_MAX_BYTES {
            let ranked = ranking::rank(&query, found);
            return Ok((query, ranked));
        }
        let rank = move || (ranking::rank(&query, found), query);
        let (ranked, query) = self.pool.run(rank).await?;
        Ok((query, ranked))
    }

    async fn list_matches(
        &self,
        caller: &Principal,
        query: &str,
        filter: &Filter,
        sort: Option<SortOrder>,
        page: &PageRequest,
    ) -> Outcome<Listing> {
        let (_, ranked) = self.search(caller, query, filter).await?;
        let total = Some(ranked.len()).filter(|total| *total < MATCHES_MAX);
        let mut prompts: Vec<Prompt> = ranked.into_iter().map(|ranked| ranked.prompt).collect();
        match sort {
            None | Some(SortOrder::Relevance) => {}
            Some(SortOrder::By(Sort::Recent)) => {
                prompts.sort_by_key(|prompt| std::cmp::Reverse(prompt.updated_at));
            }
            Some(SortOrder::By(Sort::Oldest)) => prompts.sort_by_key(|prompt| prompt.updated_at),
            Some(SortOrder::By(Sort::Name)) => prompts.sort_by(|a, b| a.name.cmp(&b.name)),
            Some(SortOrder::By(Sort::Used)) => {
                prompts.sort_by_key(|prompt| std::cmp::Reverse(prompt.use_count));
            }
        }
        // A page goes on behind the prompt that ended the one before, wherever that stands now; if
        // it is gone, at the place where it stood.
        let start = match &page.cursor {
            None => 0,
            Some(cursor) => {
                let [last, place] = cursor.decode("search").ok_or(StoreError::InvalidCursor)?;
                let place = place.parse().map_err(|_| StoreError::InvalidCursor)?;
                let found = prompts.iter().position(|prompt| prompt.id.as_str() == last);
                found.map_or(place, |found| found + 1).min(prompts.len())
            }
        };
        let end = prompts.len().min(start + page.limit.get());
        let more = end < prompts.len();
        let items: Vec<Prompt> = prompts.drain(start..end).collect();
        let last = items.last().filter(|_| more);
        let place = end.saturating_sub(1).to_string();
        let next = last.map(|last| Cursor::encode("search", &[last.id.as_str(), &place]));
        Ok(Listing { page: Page { items, next }, total })
    }

    /// What the caller has seen; where it has seen nothing that exists, what is there now, for the
    /// store will refuse the write with a conflict.
    async fn version_or_current(
        &self,
        caller: &Principal,
        current: &Prompt,
        version: u32,
    ) -> Outcome<Version> {
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

    async fn with_similar(
        &self,
        caller: &Principal,
        prompt: Prompt,
        created: bool,
    ) -> Outcome<SavedPrompt> {
        self.announce_change(caller);
        let similar = match self.find_similar(caller, &prompt).await {
            Ok(similar) => similar,
            // The save is done and stays acknowledged; only the hint is missing.
            Err(error) => {
                tracing::warn!(%error, "similar prompts were not looked for");
                Vec::new()
            }
        };
        Ok(SavedPrompt { prompt, created, similar })
    }
}

fn write_context(caller: &Principal, idempotency: Option<Idempotency>) -> WriteContext {
    WriteContext { client: caller.client.as_str().to_owned(), idempotency, accepts: None }
}

fn page_request(limit: Option<i64>, cursor: Option<String>) -> Outcome<PageRequest> {
    let limit = limit.map(Limit::parse).transpose();
    let limit = limit.map_err(|message| FieldError::new("limit", message))?.unwrap_or_default();
    Ok(PageRequest { limit, cursor: cursor.map(Cursor::from_caller) })
}

fn check_expected(current: &Prompt, expected: Option<u32>) -> Outcome<()> {
    match expected {
        Some(expected) if expected != current.version => {
            Err(StoreError::VersionConflict { current_version: current.version }.into())
        }
        _ => Ok(()),
    }
}

fn unknown(prompt: &PromptRef) -> LibraryError {
    LibraryError::NotFound(match prompt {
        PromptRef::Id(id) => format!("there is no prompt with the id {id}"),
        PromptRef::Name(name) => format!("there is no prompt named {name}"),
    })
}

fn no_version(prompt: &Prompt, version: u32) -> LibraryError {
    let (name, latest) = (&prompt.name, prompt.version);
    LibraryError::NotFound(format!("{name} has no version {version}; the latest is {latest}"))
}
