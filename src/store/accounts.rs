//! [`AccountStore`]: accounts and ended sessions, which belong to a user instead of a library.

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::Timestamp;
use crate::domain::identity::UserId;
use crate::domain::subscription::Subscription;

/// Days for which the id of an erased account is kept; longer than any token is valid.
pub const ERASURE_DAYS: i64 = 30;

/// Days for which an ended session is kept; longer than any access token is valid.
pub const SESSION_DAYS: i64 = 30;

/// Keeps accounts and ended sessions. No method leaves an audit entry.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// The user's account; the first call creates it.
    ///
    /// Law: of many concurrent first calls one creates the account, and all return the same.
    /// [`AccountErased`](super::StoreError::AccountErased) after
    /// [`erase_account`](Self::erase_account).
    async fn ensure_account(&self, user: &UserId) -> StoreResult<Account>;

    /// Removes the account, its sessions and its library with the audit trail.
    ///
    /// Laws: afterwards the user can neither have an account nor add anything
    /// ([`AccountErased`](super::StoreError::AccountErased)), so that a request in flight restores
    /// nothing; the id is kept for [`ERASURE_DAYS`] to enforce that. What is left of the user's customer
    /// at Stripe is its id, without a user, until
    /// [`forget_customer`](super::SubscriptionStore::forget_customer). [`UserId::local`] has no
    /// sign-in that could end, so it starts anew. Nothing can be read once the call returns, and the
    /// texts leave the files of the store within 60 s. Idempotent, also for an unknown user.
    async fn erase_account(&self, user: &UserId) -> StoreResult<()>;

    /// Records the end of a session for [`SESSION_DAYS`]. Idempotent.
    async fn end_session(&self, user: &UserId, session_id: &str) -> StoreResult<()>;

    /// Whether a session of this user has ended.
    async fn is_session_ended(&self, user: &UserId, session_id: &str) -> StoreResult<bool>;
}

/// A user's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The time of the user's first request.
    pub created_at: Timestamp,
    /// The subscription that is kept of the user's customer, read in the same transaction.
    pub subscription: Option<Subscription>,
}
