//! The [`Store`] trait: where prompts are kept, and the laws that every implementation obeys.
//!
//! Each law is stated in a doc comment here and tested once, in `tests/it/store_contract.rs`,
//! against every implementation.

pub mod convex;
pub mod sqlite;

use async_trait::async_trait;

use crate::domain::audit::{Action, AuditEntry};
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::identity::UserId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::prompt::{Body, Name, Prompt, PromptId, PromptRef, Tag, Version};
use crate::domain::{Timestamp, ranking};

/// Keeps prompts, versions and the audit trail.
///
/// Laws of every method:
/// - **Isolation**: nothing of another owner is seen, changed or hinted at; a foreign id behaves
///   like an unknown one, a foreign cursor lists nothing foreign.
/// - **Durability**: a write that returned `Ok` survives `kill -9` of the process.
/// - **Atomicity**: a write that returned `Err` changed nothing, except that the outcome of
///   [`StoreError::Busy`] and [`StoreError::Unavailable`] may be unknown to a remote store; an
///   idempotency key makes the repetition safe.
/// - **Audit**: each write to the library leaves exactly one entry in the same transaction; a write
///   that changes nothing leaves none.
/// - **Time** is the store's own: no caller passes one for a write, but for imports, which bring
///   that of what they import.
#[async_trait]
pub trait Store: Send + Sync {
    /// Adds a prompt as version 1.
    ///
    /// Laws: of many concurrent calls with one name, one wins and the others get
    /// [`StoreError::NameTaken`]; with a `quota` of `n`, no concurrency brings more than `n` living
    /// prompts about ([`StoreError::QuotaExceeded`]).
    async fn create_prompt(
        &self,
        owner: &UserId,
        new: NewPrompt,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Result<Saved, StoreError>;

    /// Appends a version and applies what else has changed.
    ///
    /// Laws: of many concurrent calls with one `expected_version`, one wins and the others get
    /// [`StoreError::VersionConflict`]; an equal body appends nothing; a version, once written,
    /// never changes.
    async fn save_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        change: Change,
        write: &WriteContext,
    ) -> Result<Saved, StoreError>;

    /// Deletes softly: the prompt leaves all listings, its name is free at once, and it can be
    /// restored for [`RESTORABLE_DAYS`](crate::domain::prompt::RESTORABLE_DAYS) days.
    async fn delete_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        expected_version: Option<u32>,
        write: &WriteContext,
    ) -> Result<Saved, StoreError>;

    /// Takes a deletion back; on a living prompt it changes nothing. The name may be taken and the
    /// quota used up in the meantime.
    async fn undelete_prompt(
        &self,
        owner: &UserId,
        id: &PromptId,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Result<Saved, StoreError>;

    /// The outcome of the write that was done under this key, if one was.
    ///
    /// A repetition asks first, for what the write checked need not hold any more after it.
    async fn recall(
        &self,
        owner: &UserId,
        idempotency: &Idempotency,
    ) -> Result<Option<Saved>, StoreError>;

    /// A prompt by id or name. By name, a living prompt comes before a deleted one, and of several
    /// deleted ones the one deleted last.
    async fn get_prompt(
        &self,
        owner: &UserId,
        prompt: &PromptRef,
        presence: Presence,
    ) -> Result<Option<Prompt>, StoreError>;

    /// One version of a prompt.
    async fn get_version(
        &self,
        owner: &UserId,
        id: &PromptId,
        version: u32,
    ) -> Result<Option<Version>, StoreError>;

    /// A page of the library.
    ///
    /// Law: while writes go on, paging to the end shows every prompt that was there all the time
    /// exactly once. For [`Sort::Recent`] and [`Sort::Oldest`] that holds even when prompts are saved meanwhile: the
    /// order is that of the moment when the first page was read. For [`Sort::Name`] it holds for
    /// prompts that keep their name, for [`Sort::Used`] for prompts that are not used meanwhile.
    async fn list_prompts(
        &self,
        owner: &UserId,
        filter: &Filter,
        sort: Sort,
        page: &PageRequest,
    ) -> Result<Page<Prompt>, StoreError>;

    /// The [`MATCHES_MAX`](ranking::MATCHES_MAX) best matches in no particular order:
    /// [`ranking::rank`] sorts them. Living prompts only.
    async fn search_prompts(
        &self,
        owner: &UserId,
        search: &Search,
        filter: &Filter,
    ) -> Result<Vec<Prompt>, StoreError>;

    /// The versions of a prompt, the newest first; `None` for an unknown prompt.
    async fn list_versions(
        &self,
        owner: &UserId,
        id: &PromptId,
        page: &PageRequest,
    ) -> Result<Option<Page<Version>>, StoreError>;

    /// Adds a prompt as an import brings it: with its history, its times and its counters.
    ///
    /// Laws: a name that a living prompt has is [`StoreError::NameTaken`], and the quota holds, as
    /// for a new prompt; a deleted prompt takes no name and no quota. The id is kept where no owner
    /// has it; else the prompt gets the one [derived](PromptId::derived) from it, and where that is
    /// taken as well a fresh one.
    async fn import_prompt(
        &self,
        owner: &UserId,
        prompt: ImportedPrompt,
        quota: Option<u32>,
        write: &WriteContext,
    ) -> Result<Saved, StoreError>;

    /// Appends versions as an import brings them, with their times and sources, to a prompt that
    /// lives or can be restored: at least one and at most [`IMPORT_VERSIONS_MAX`], numbered without
    /// a gap.
    ///
    /// Law: the first one's number must follow the current version, else it is
    /// [`StoreError::VersionConflict`] and nothing is appended.
    async fn append_versions(
        &self,
        owner: &UserId,
        id: &PromptId,
        versions: Vec<Version>,
        write: &WriteContext,
    ) -> Result<Saved, StoreError>;

    /// Puts a candidate up for review as an import brings it, with its time and source; it expires
    /// by that time. The id is kept or replaced as for [`Store::import_prompt`], and the queue is
    /// bounded as for [`Store::add_candidates`].
    async fn import_candidate(
        &self,
        owner: &UserId,
        candidate: Candidate,
        write: &WriteContext,
    ) -> Result<Candidate, StoreError>;

    /// Puts candidates up for review, all or none. Of one owner at most
    /// [`QUEUE_MAX`](crate::domain::candidate::QUEUE_MAX) wait at a time
    /// ([`StoreError::QueueFull`]).
    async fn add_candidates(
        &self,
        owner: &UserId,
        candidates: Vec<NewCandidate>,
        write: &WriteContext,
    ) -> Result<Vec<Candidate>, StoreError>;

    /// The candidates that wait, the newest first. A candidate that is accepted, rejected or older
    /// than [`CANDIDATE_DAYS`](crate::domain::candidate::CANDIDATE_DAYS) days is unknown to every
    /// method.
    async fn list_candidates(
        &self,
        owner: &UserId,
        page: &PageRequest,
    ) -> Result<Page<Candidate>, StoreError>;

    /// A candidate that waits.
    async fn get_candidate(
        &self,
        owner: &UserId,
        id: &CandidateId,
    ) -> Result<Option<Candidate>, StoreError>;

    /// Removes a candidate that waits.
    async fn reject_candidate(
        &self,
        owner: &UserId,
        id: &CandidateId,
        write: &WriteContext,
    ) -> Result<(), StoreError>;

    /// The tags of living prompts that begin with `prefix`, in alphabetical order, at most `most`.
    async fn list_tags(
        &self,
        owner: &UserId,
        prefix: &str,
        most: usize,
    ) -> Result<Vec<Tag>, StoreError>;

    /// The audit trail, the newest entry first.
    async fn list_audit(
        &self,
        owner: &UserId,
        page: &PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError>;

    /// How much the owner keeps.
    async fn count_prompts(&self, owner: &UserId) -> Result<Counts, StoreError>;

    /// Adds to the counters of use; ids that are unknown or foreign are passed over. Leaves no
    /// audit entry.
    async fn record_uses(&self, owner: &UserId, uses: &[Use]) -> Result<(), StoreError>;

    /// The owner's account, which their first sight makes.
    ///
    /// Law: of many concurrent first sights one makes the account, and all return the same.
    /// [`StoreError::AccountErased`] after [`erase_account`](Store::erase_account).
    async fn ensure_account(&self, owner: &UserId) -> Result<Account, StoreError>;

    /// Removes everything of the owner, the audit trail with it, in one transaction.
    ///
    /// Laws: from then on the owner can neither have an account nor add anything
    /// ([`StoreError::AccountErased`]), so that a request on its way brings nothing back; the id is
    /// kept for [`ERASURE_DAYS`] to see to that. [`UserId::local`], who has no sign-in that could
    /// end, starts anew. To repeat it, or to erase whom nobody has seen, is no error.
    async fn erase_account(&self, owner: &UserId) -> Result<(), StoreError>;

    /// Notes that a session has ended, for [`SESSION_DAYS`]; a repetition changes nothing. Leaves
    /// no audit entry.
    async fn end_session(&self, owner: &UserId, session_id: &str) -> Result<(), StoreError>;

    /// Whether a session of this owner has ended.
    async fn is_session_ended(&self, owner: &UserId, session_id: &str) -> Result<bool, StoreError>;

    /// Whether the store answers at all.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// Days for which the outcome of a write with an idempotency key is kept.
pub const IDEMPOTENCY_DAYS: i64 = 2;

/// Maximum bytes of an idempotency key and of its fingerprint.
pub const IDEMPOTENCY_KEY_MAX_BYTES: usize = 255;

/// For how many days the id of an erased account is kept; longer than any token lives.
pub const ERASURE_DAYS: i64 = 30;

/// For how many days an ended session is remembered; longer than any access token lives.
pub const SESSION_DAYS: i64 = 30;

/// What is known of an owner beside their library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// When they were first seen.
    pub created_at: Timestamp,
}

/// A prompt to add.
#[derive(Debug, Clone)]
pub struct NewPrompt {
    /// Fresh and random.
    pub id: PromptId,
    /// Unique among the owner's living prompts.
    pub name: Name,
    /// What version 1 says.
    pub body: Body,
    /// Whether it is marked.
    pub favorite: bool,
}

/// Most versions that one call of an import brings, so that a call stays small enough for every
/// store. A longer history is imported by its first versions and then appended to.
pub const IMPORT_VERSIONS_MAX: usize = 100;

/// A prompt as an import brings it.
#[derive(Debug, Clone)]
pub struct ImportedPrompt {
    /// The id to keep, if nobody has it.
    pub id: PromptId,
    /// The name, which counts as taken by a living prompt only.
    pub name: Name,
    /// Whether it is marked.
    pub favorite: bool,
    /// When it was deleted; absent for a living one.
    pub deleted_at: Option<Timestamp>,
    /// How often it was used.
    pub use_count: u64,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// At least one and at most [`IMPORT_VERSIONS_MAX`], numbered 1, 2, ... in this order. The
    /// prompt was created when the first one was saved.
    pub versions: Vec<Version>,
}

/// A candidate to put up for review.
#[derive(Debug, Clone)]
pub struct NewCandidate {
    /// Fresh and random.
    pub id: CandidateId,
    /// What it will be called.
    pub name: Name,
    /// What it will say.
    pub body: Body,
    /// Why it is worth keeping.
    pub why: String,
}

/// What a save changes.
#[derive(Debug, Clone)]
pub struct Change {
    /// The version that the caller has seen; anything else is a conflict.
    pub expected_version: u32,
    /// What the prompt is to say.
    pub body: Body,
    /// A new name.
    pub name: Option<Name>,
    /// A new mark.
    pub favorite: Option<bool>,
    /// What the audit entry calls an appended version: saved or restored.
    pub action: Action,
}

/// Who writes, and whether the write is a repetition.
#[derive(Debug, Clone)]
pub struct WriteContext {
    /// The client, for the source of a version and for the audit entry.
    pub client: String,
    /// Set where the caller may repeat the write.
    pub idempotency: Option<Idempotency>,
    /// The candidate that this creation or save accepts. It is removed in the same transaction,
    /// and the write is [`StoreError::NotFound`] if it does not wait any more.
    pub accepts: Option<CandidateId>,
}

/// A caller's key for one write, kept for at least 24 hours.
///
/// Law: a write with a key that already succeeded writes nothing and returns the recorded outcome;
/// with another fingerprint it is [`StoreError::IdempotencyMismatch`]. Failures are not recorded.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Unique per write and owner; 1 to 255 bytes.
    pub key: String,
    /// Tells one request from another.
    pub fingerprint: String,
}

/// The outcome of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The prompt after the write.
    pub prompt: Prompt,
    /// Whether this write, or the one it repeats, changed anything.
    pub changed: bool,
}

/// Which prompts a lookup may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Only living ones.
    Living,
    /// Also those that were deleted and can still be restored.
    LivingOrDeleted,
}

/// Which prompts a listing shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those with this tag.
    pub tag: Option<Tag>,
    /// Only those with this mark.
    pub favorite: Option<bool>,
    /// The deleted ones that can still be restored, instead of the living ones.
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

/// What to look for.
#[derive(Debug, Clone)]
pub enum Search {
    /// By a user's query: the name that it spells, the names that begin with it, and prompts with
    /// all its words; if no prompt has them all, prompts with any.
    Query(ranking::Query),
    /// Prompts that share words with a text, for comparison; at most `most` of them.
    Alike {
        /// The words to share.
        words: Vec<String>,
        /// How many prompts are wanted.
        most: usize,
    },
}

/// How much an owner keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Living prompts.
    pub prompts: u64,
    /// Deleted prompts that can still be restored.
    pub deleted: u64,
}

/// Uses of a prompt since they were last recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// The prompt.
    pub id: PromptId,
    /// How often.
    pub count: u64,
    /// The latest one.
    pub last_used_at: Timestamp,
}

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such prompt of this owner.
    #[error("no such prompt")]
    NotFound,
    /// A living prompt of this owner has the name.
    #[error("the name {name} is taken")]
    NameTaken {
        /// The name.
        name: Name,
        /// The current version of the prompt that has it.
        current_version: u32,
    },
    /// The prompt has another version than expected.
    #[error("the current version is {current_version}")]
    VersionConflict {
        /// The current version.
        current_version: u32,
    },
    /// The owner's plan holds no more prompts.
    #[error("the quota of {limit} prompts is used up")]
    QuotaExceeded {
        /// The quota.
        limit: u32,
    },
    /// As many candidates wait as may.
    #[error("{limit} candidates wait for review")]
    QueueFull {
        /// The most that may wait.
        limit: u32,
    },
    /// The owner has left, and everything of theirs was erased.
    #[error("the account was erased")]
    AccountErased,
    /// The idempotency key belongs to another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The cursor is not one of this listing.
    #[error("the cursor does not belong to this listing")]
    InvalidCursor,
    /// The store did not get round to it in time; worth a repetition.
    #[error("the store is busy")]
    Busy,
    /// The store cannot work until somebody mends it.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// A fault of the store itself.
    #[error("the store failed")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}
