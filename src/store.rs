//! The [`Store`] traits: where prompts, candidates, accounts, subscriptions and the audit trail are
//! kept.
//!
//! There is one trait per aggregate, in a file with its laws and its types. A law is a sentence in
//! a doc comment here and one test under `tests/it/store_contract/`, which runs on every
//! implementation. No store knows a status code, and no handler calls a store.

pub mod accounts;
pub mod audit;
pub mod candidates;
pub mod clients;
pub mod convex;
pub mod error;
pub mod prompts;
pub mod sqlite;
pub mod subscriptions;
pub mod vectors;
pub mod write;

use async_trait::async_trait;

pub use self::accounts::{Account, AccountStore, ERASURE_DAYS, SESSION_DAYS};
pub use self::audit::{AUDIT_DAYS, AuditStore, WriteMark};
pub use self::candidates::{CandidateStore, NewCandidate};
pub use self::clients::{ClientCall, ClientStore};
pub use self::error::{Outage, StoreError, StoreResult};
pub use self::prompts::{
    Change, Counts, Filter, IMPORT_VERSIONS_MAX, ImportedPrompt, Matches, NewPrompt, Presence,
    PromptStore, Removed, Saved, Search, Sort, TAG_COUNT_MAX, TagCount, Use,
};
pub use self::subscriptions::{
    Billing, CHECK_EVERY, CustomerWork, EVENT_DAYS, LEASE, LEASED_MAX, LeasedCustomer,
    SubscriptionStore, Synced,
};
pub use self::vectors::{
    EMBEDDED_CONTENT_MAX_CHARS, Embedded, EmbeddingTurn, Unembedded, VectorCounts, VectorStore,
};
pub use self::write::{IDEMPOTENCY_DAYS, IDEMPOTENCY_KEY_MAX_BYTES, Idempotency, WriteContext};

/// Everything that the library needs of a store.
///
/// Laws of every method:
/// - **Isolation**: a method neither returns, changes nor reveals anything of another owner. A
///   foreign id behaves like an unknown one, and a foreign cursor lists nothing foreign.
/// - **Durability**: a write that returned `Ok` survives `kill -9` of the process.
/// - **Atomicity**: a write that returned `Err` changed nothing. The exceptions are
///   [`StoreError::Busy`] and [`StoreError::Unavailable`] of a remote store, after which the result
///   may be unknown; an idempotency key makes the repetition safe.
/// - **Audit**: each write to the library leaves exactly one entry in the same transaction; a write
///   that changes nothing leaves none.
/// - **Time** is the store's own: callers pass no time for a write. Only imports carry the times of
///   what they import.
#[async_trait]
pub trait Store:
    PromptStore
    + CandidateStore
    + AccountStore
    + AuditStore
    + ClientStore
    + SubscriptionStore
    + VectorStore
{
    /// Checks that the store answers.
    async fn ping(&self) -> StoreResult<()>;

    /// Removes what was removed for good and what has expired: deletions that can no longer be restored
    /// with their versions, old candidates and audit entries, idempotency keys, ended sessions,
    /// erased accounts and processed events. Also counts the bytes of what is older than the counters.
    ///
    /// One call takes a bounded number of rows and bytes of each kind, so that it delays no write for
    /// long; call it again while [`Purge::has_more`]. A fault in one kind stops no other. A store that
    /// purges by itself returns an empty [`Purge`].
    async fn purge(&self) -> StoreResult<Purge>;
}

/// Maximum number of rows of each kind that one [`Store::purge`] removes.
pub const PURGE_MAX: usize = 500;

/// The result of one [`Store::purge`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purge {
    /// The number of removed prompts.
    pub prompts: usize,
    /// Whether more may have expired.
    pub has_more: bool,
}
