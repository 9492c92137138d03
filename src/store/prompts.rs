//! [`PromptStore`]: prompts, their versions, their tags and their use.

use async_trait::async_trait;

use super::error::StoreResult;
use super::write::{Idempotency, WriteContext};
use crate::domain::audit::Action;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Limit, Page, PageRequest};
use crate::domain::prompt::{Body, Name, Prompt, PromptId, PromptRef, Tag, Version};
use crate::domain::ranking::Match;
use crate::domain::vector::Embedding;
use crate::domain::{Timestamp, ranking};

/// Keeps prompts and their versions.
///
/// Laws of every listing: a page ends at its limit, or before the item that would make it larger than
/// [`PAGE_MAX_BYTES`](crate::domain::paging::PAGE_MAX_BYTES), but has at least one item; its cursor goes
/// on with the next item, so no item is skipped or repeated.
///
/// Laws of bytes: what a library holds is counted in the transaction of the write, as
/// [`Body::bytes`] of every version and waiting candidate. A write that makes the library larger, and
/// larger than [`Quota::bytes`](crate::domain::plan::Quota::bytes), is
/// [`BytesExceeded`](super::StoreError::BytesExceeded) and writes nothing, whatever the concurrency; any
/// other write, and any read, works above the quota. An acceptance gives the bytes of its candidate
/// back. No body larger than [`BODY_MAX_BYTES`](crate::domain::prompt::BODY_MAX_BYTES) is written; one
/// from before there was that limit is read, deleted and restored as any other.
#[async_trait]
pub trait PromptStore: Send + Sync {
    /// Adds a prompt as version 1.
    ///
    /// Laws: of many concurrent calls with one name, one succeeds and the others return
    /// [`NameTaken`](super::StoreError::NameTaken). With a quota of `n` prompts, no concurrency creates
    /// more than `n` living prompts ([`QuotaExceeded`](super::StoreError::QuotaExceeded)).
    async fn create_prompt(
        &self,
        library: &LibraryId,
        new: NewPrompt,
        write: &WriteContext,
    ) -> StoreResult<Saved>;

    /// Appends a version and applies the other changes.
    ///
    /// Laws: of many concurrent calls with one `expected_version`, one succeeds and the others
    /// return [`VersionConflict`](super::StoreError::VersionConflict). An equal body appends
    /// nothing. A written version never changes.
    async fn save_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        change: Change,
        write: &WriteContext,
    ) -> StoreResult<Saved>;

    /// Changes the favourite mark alone.
    ///
    /// Law: it appends no version and expects none, so that no concurrent save makes it fail, and it
    /// takes nothing of another change back.
    async fn mark_favorite(
        &self,
        library: &LibraryId,
        id: &PromptId,
        favorite: bool,
        write: &WriteContext,
    ) -> StoreResult<Saved>;

    /// Deletes softly: the prompt leaves all listings, its name is free at once, and it can be
    /// restored for [`RESTORABLE_DAYS`](crate::domain::prompt::RESTORABLE_DAYS) days.
    async fn delete_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        expected_version: Option<u32>,
        write: &WriteContext,
    ) -> StoreResult<Saved>;

    /// Undoes a deletion; changes nothing on a living prompt. Fails if the name was taken or the
    /// quota used up in the meantime.
    async fn undelete_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        write: &WriteContext,
    ) -> StoreResult<Saved>;

    /// Removes a deleted prompt for good, with its versions.
    ///
    /// Laws: a living prompt is [`NotDeleted`](super::StoreError::NotDeleted). Afterwards no method
    /// finds the prompt or a version of it, its bytes are given back, and the entries of the audit trail
    /// about it have no name. Its text leaves the files of the store within 60 s.
    async fn purge_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        write: &WriteContext,
    ) -> StoreResult<()>;

    /// Removes the deleted prompts for good, each as [`purge_prompt`](Self::purge_prompt) does and
    /// with an entry of its own in the audit trail. Call it again while [`Removed::has_more`].
    async fn empty_trash(&self, library: &LibraryId, write: &WriteContext) -> StoreResult<Removed>;

    /// Removes the versions before `before` of a living prompt for good. The current version always
    /// stays. Call it again while [`Removed::has_more`].
    ///
    /// Law: removed versions are in no listing, and their bytes are given back.
    async fn prune_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        before: u32,
        write: &WriteContext,
    ) -> StoreResult<Removed>;

    /// The recorded result of the write under this key, if there was one.
    ///
    /// A repetition must call this before its own checks, because the first write may have changed
    /// what they check.
    async fn recall(
        &self,
        library: &LibraryId,
        idempotency: &Idempotency,
    ) -> StoreResult<Option<Saved>>;

    /// A prompt by id or name. By name, a living prompt precedes deleted ones, and of several
    /// deleted ones the latest deletion is returned.
    async fn get_prompt(
        &self,
        library: &LibraryId,
        prompt: &PromptRef,
        presence: Presence,
    ) -> StoreResult<Option<Prompt>>;

    /// The ids of the deleted prompts with this name that can still be restored, the latest deletion
    /// first; at most `most`.
    async fn list_deleted_ids(
        &self,
        library: &LibraryId,
        name: &Name,
        most: usize,
    ) -> StoreResult<Vec<PromptId>> {
        let filter = Filter { deleted: true, ..Filter::default() };
        let mut page = PageRequest { limit: Limit::MAX, cursor: None };
        let mut ids = Vec::new();
        loop {
            let listed = self.list_prompts(library, &filter, Sort::Recent, &page).await?;
            let named = listed.items.into_iter().filter(|prompt| prompt.name == *name);
            ids.extend(named.map(|prompt| prompt.id));
            page.cursor = listed.next;
            if ids.len() >= most || page.cursor.is_none() {
                ids.truncate(most);
                return Ok(ids);
            }
        }
    }

    /// One version of a prompt.
    async fn get_version(
        &self,
        library: &LibraryId,
        id: &PromptId,
        version: u32,
    ) -> StoreResult<Option<Version>>;

    /// A page of the library.
    ///
    /// Law: paging to the end during concurrent writes shows every prompt that existed all the time
    /// exactly once. For [`Sort::Recent`] and [`Sort::Oldest`] that holds even for prompts that are
    /// saved meanwhile: the order is that of the moment when the first page was read. For
    /// [`Sort::Name`] it holds for prompts that keep their name, for [`Sort::Used`] for prompts that
    /// are not used meanwhile.
    async fn list_prompts(
        &self,
        library: &LibraryId,
        filter: &Filter,
        sort: Sort,
        page: &PageRequest,
    ) -> StoreResult<Page<Prompt>>;

    /// The most promising matches in no particular order; [`ranking::rank`] sorts them. Living prompts
    /// only: [`MATCHES_MAX`](ranking::MATCHES_MAX) by name and words, and with a meaning as many that
    /// are nearest to it.
    ///
    /// Laws: the number of rows that are read for a word does not grow with the library. Stores that
    /// read the same rows return the same matches and frequencies. With a meaning, every match that has
    /// a current vector of its model has a cosine, whichever way it was found, and no other match has
    /// one. The filter holds for every match.
    async fn search_prompts(
        &self,
        library: &LibraryId,
        search: &Search,
        filter: &Filter,
    ) -> StoreResult<Matches>;

    /// A page of the versions of a prompt, the newest first; `None` for an unknown prompt.
    async fn list_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        page: &PageRequest,
    ) -> StoreResult<Option<Page<Version>>>;

    /// Adds an imported prompt with its history, its times and its counters.
    ///
    /// Laws: as for a new prompt, the name of a living prompt is
    /// [`NameTaken`](super::StoreError::NameTaken), and the quota holds; a deleted prompt takes
    /// neither name nor quota. The id is kept if no owner has it. Otherwise the prompt gets the
    /// [derived](PromptId::derived) id, or a fresh one if that is taken as well.
    async fn import_prompt(
        &self,
        library: &LibraryId,
        prompt: ImportedPrompt,
        write: &WriteContext,
    ) -> StoreResult<Saved>;

    /// Appends imported versions, with their times and sources, to a living or restorable prompt:
    /// at least one and at most [`IMPORT_VERSIONS_MAX`], numbered without a gap.
    ///
    /// Law: the first number must follow the current version; otherwise the call is
    /// [`VersionConflict`](super::StoreError::VersionConflict) and appends nothing.
    async fn append_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        versions: Vec<Version>,
        write: &WriteContext,
    ) -> StoreResult<Saved>;

    /// At most `most` tags of living prompts that begin with `prefix`, in alphabetical order.
    async fn list_tags(
        &self,
        library: &LibraryId,
        prefix: &str,
        most: usize,
    ) -> StoreResult<Vec<Tag>>;

    /// The tags of living prompts after `after`, in alphabetical order, each with the number of its
    /// prompts: at most `most` of them, and fewer only at the end.
    ///
    /// Law: what counts is the current version. A number is exact up to [`TAG_COUNT_MAX`], where
    /// counting ends.
    async fn count_tags(
        &self,
        library: &LibraryId,
        after: Option<&Tag>,
        most: usize,
    ) -> StoreResult<Vec<TagCount>>;

    /// What the library holds.
    async fn count_library(&self, library: &LibraryId) -> StoreResult<Counts>;

    /// Adds to the use counters; skips unknown and foreign ids. Leaves no audit entry.
    async fn record_uses(&self, library: &LibraryId, uses: &[Use]) -> StoreResult<()>;
}

/// Maximum number of versions in one call of an import, so that a call stays small enough for every
/// store. A longer history is imported by its first versions and then appended to.
pub const IMPORT_VERSIONS_MAX: usize = 100;

/// A prompt to add.
#[derive(Debug, Clone)]
pub struct NewPrompt {
    /// Fresh and random.
    pub id: PromptId,
    /// Unique among the living prompts of the library.
    pub name: Name,
    /// The body of version 1.
    pub body: Body,
    /// Whether it is marked as a favourite.
    pub favorite: bool,
    /// The vector of the body, if it is known.
    pub embedding: Option<Embedding>,
}

/// A prompt to import.
#[derive(Debug, Clone)]
pub struct ImportedPrompt {
    /// The id to keep if no owner has it.
    pub id: PromptId,
    /// The name, which only a living prompt takes.
    pub name: Name,
    /// Whether it is marked as a favourite.
    pub favorite: bool,
    /// When it was deleted; `None` for a living prompt.
    pub deleted_at: Option<Timestamp>,
    /// How often it was used.
    pub use_count: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// At least one and at most [`IMPORT_VERSIONS_MAX`], numbered 1, 2, ... in this order. The time
    /// of the first is the prompt's creation.
    pub versions: Vec<Version>,
}

/// The changes of a save.
#[derive(Debug, Clone)]
pub struct Change {
    /// The version that the caller has read; any other current version is a conflict.
    pub expected_version: u32,
    /// The new body.
    pub body: Body,
    /// The new name, if it changes.
    pub name: Option<Name>,
    /// The new favourite mark, if it changes.
    pub favorite: Option<bool>,
    /// The audit action of an appended version: saved or restored.
    pub action: Action,
    /// The vector of the new body, if it is known.
    pub embedding: Option<Embedding>,
}

/// The result of a write to a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The prompt after the write.
    pub prompt: Prompt,
    /// Whether this write, or the one that it repeats, changed anything.
    pub changed: bool,
}

/// Which prompts a lookup may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Only living prompts.
    Living,
    /// Also deleted prompts that can still be restored.
    LivingOrDeleted,
}

/// Which prompts a listing shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only prompts with this tag.
    pub tag: Option<Tag>,
    /// Only prompts with this favourite mark.
    pub favorite: Option<bool>,
    /// The deleted prompts that can still be restored, instead of the living ones.
    pub deleted: bool,
}

/// The order of a listing; every order is total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// The latest save first.
    Recent,
    /// The latest save last.
    Oldest,
    /// By name.
    Name,
    /// The most used first.
    Used,
}

/// The condition of a search.
#[derive(Debug, Clone)]
pub enum Search {
    /// A user's query: the prompt whose name it is, the names that begin with it, prompts with any of
    /// its words, titles that resemble a word which no name, title or tag has, and the prompts nearest
    /// to its meaning.
    Query {
        /// The words.
        query: ranking::Query,
        /// The meaning, where there is a model.
        meaning: Option<Embedding>,
    },
    /// Prompts that share words with a text or are near to its meaning, for comparison; at most `most`
    /// of each kind.
    Alike {
        /// The words of the text.
        words: Vec<String>,
        /// The meaning of the text, where there is a model.
        meaning: Option<Embedding>,
        /// Maximum number of prompts of each kind.
        most: usize,
    },
}

impl Search {
    /// The search of a query by its words alone.
    pub fn by_words(query: ranking::Query) -> Self {
        Self::Query { query, meaning: None }
    }
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matches {
    /// The prompts, each once.
    pub matches: Vec<Match>,
    /// How frequent the words of the query are. Empty for [`Search::Alike`].
    pub frequencies: ranking::Frequencies,
}

impl Matches {
    /// Returns the prompts alone.
    pub fn into_prompts(self) -> Vec<Prompt> {
        self.matches.into_iter().map(|one| one.prompt).collect()
    }
}

/// The result of a write that removes for good, in batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// The number of removed prompts or versions.
    pub count: u64,
    /// Whether more are to be removed.
    pub has_more: bool,
}

/// What a library holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Living prompts.
    pub prompts: u64,
    /// Deleted prompts that can still be restored.
    pub deleted: u64,
    /// Waiting candidates.
    pub candidates: u64,
    /// The bytes of all versions and candidates, as in
    /// [`Quota::bytes`](crate::domain::plan::Quota::bytes). `None` until a migration has counted what
    /// was there before; nothing is refused for bytes until then.
    pub bytes: Option<u64>,
}

/// The number of prompts with one tag at which counting ends: as many rows as one transaction of every
/// store can read.
pub const TAG_COUNT_MAX: u64 = 10_000;

/// A tag and the number of living prompts that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagCount {
    /// The tag.
    pub tag: Tag,
    /// At least 1, and at most [`TAG_COUNT_MAX`].
    pub count: u64,
}

/// The uses of a prompt since they were last recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The prompt.
    pub id: PromptId,
    /// The number of uses.
    pub count: u64,
    /// The time of the latest use.
    pub last_used_at: Timestamp,
}
