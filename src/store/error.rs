//! [`StoreError`]: the refusals and failures of every store.

use std::error::Error;

use crate::domain::prompt::Name;

/// The result of a store's method.
pub type StoreResult<T> = Result<T, StoreError>;

/// A refusal or failure of a store.
///
/// The messages are for the log. They may name files, addresses and causes, so a response never
/// contains one.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The owner has no such prompt or candidate.
    #[error("the prompt or candidate does not exist")]
    NotFound,
    /// A living prompt of the owner has the name.
    #[error("the name {name} is taken")]
    NameTaken {
        /// The name.
        name: Name,
        /// The current version of the prompt with that name.
        current_version: u32,
    },
    /// The prompt has another version than expected.
    #[error("the current version is {current_version}")]
    VersionConflict {
        /// The current version.
        current_version: u32,
    },
    /// The owner's plan allows no more prompts.
    #[error("the quota of {limit} prompts is used up")]
    QuotaExceeded {
        /// The quota.
        limit: u32,
    },
    /// The owner's plan allows no more bytes.
    #[error("the quota of {limit} bytes is used up")]
    BytesExceeded {
        /// The quota in bytes.
        limit: u64,
    },
    /// The prompt is living, and only a deleted one can be removed for good.
    #[error("the prompt is not deleted")]
    NotDeleted,
    /// The review queue is full.
    #[error("the review queue is full ({limit})")]
    QueueFull {
        /// The maximum number of waiting candidates.
        limit: u32,
    },
    /// The customer of the payment provider is or was another user's.
    #[error("the customer belongs to another user")]
    CustomerTaken,
    /// The account was erased.
    #[error("the account was erased")]
    AccountErased,
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    /// The cursor belongs to another listing.
    #[error("the cursor does not belong to this listing")]
    InvalidCursor,
    /// The store did not finish in time; a repetition may succeed.
    #[error("the store is busy")]
    Busy,
    /// The store cannot work until its operator or its network repairs it.
    #[error("the store is unavailable: {0}")]
    Unavailable(Outage),
    /// A fault of the store itself.
    #[error("the store failed")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

/// Why a store is unavailable. `Display` is complete, cause included; its subject, "it", is the
/// store.
#[derive(Debug, thiserror::Error)]
pub enum Outage {
    /// The disk of the database is full.
    #[error("the disk is full")]
    DiskFull,
    /// The database file was moved or replaced while it was open.
    #[error("its file was moved or replaced; restart PromptDB")]
    Moved,
    /// The database file is read-only.
    #[error("it cannot be written to")]
    ReadOnly,
    /// The database file cannot be opened.
    #[error("it cannot be opened; check its path and permissions")]
    CannotOpen,
    /// The content of the database file is corrupt.
    #[error("it is damaged; restore a backup")]
    Damaged,
    /// The file is not a database.
    #[error("it is not a database")]
    NotADatabase,
    /// The operating system failed to read or write the database file.
    #[error("reading or writing it failed: {0}")]
    Io(Box<dyn Error + Send + Sync>),
    /// The store was closed, or one of its threads ended.
    #[error("it was closed")]
    Closed,
    /// The deployment did not answer, or not as Convex does.
    #[error("Convex cannot be reached: {0}")]
    Unreachable(Box<dyn Error + Send + Sync>),
    /// The deployment has another API key.
    #[error("CONVEX_API_KEY is not the key of this Convex deployment")]
    WrongApiKey,
}
