//! [`SubscriptionStore`]: the customers of the payment provider and their subscriptions.

use std::time::Duration;

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::identity::UserId;
use crate::domain::subscription::{CustomerId, EventId, Subscription};

/// Days for which a processed event is kept; longer than Stripe repeats a delivery.
pub const EVENT_DAYS: i64 = 30;

/// How long a customer stays leased to the caller that leased it.
pub const LEASE: Duration = Duration::from_mins(10);

/// How long a kept state counts as compared with that of Stripe.
pub const CHECK_EVERY: Duration = Duration::from_hours(24);

/// Maximum number of customers that one call leases.
pub const LEASED_MAX: usize = 100;

/// Keeps one customer of Stripe for each user, the state of their subscription, and the events that
/// were processed. No method leaves an audit entry.
///
/// A user's own methods take the user. The others take a customer alone, because a delivery names no
/// user; nothing that a user sends reaches them.
///
/// Laws: a customer belongs to at most one user, and to no other one until it is
/// [forgotten](SubscriptionStore::forget_customer), once Stripe has deleted it. After an
/// [erasure](super::AccountStore::erase_account) of its user a customer has no owner and no
/// subscription, and no method gives it either again.
#[async_trait]
pub trait SubscriptionStore: Send + Sync {
    /// The user's customer and subscription; `None` for a user without a customer.
    /// [`AccountErased`](super::StoreError::AccountErased) after an erasure.
    async fn get_billing(&self, user: &UserId) -> StoreResult<Option<Billing>>;

    /// Binds a customer to a user, and returns the customer that is bound.
    ///
    /// Laws: of concurrent calls with different customers one binds, and all return its customer; so
    /// does every later call. [`CustomerTaken`](super::StoreError::CustomerTaken) if the user has no
    /// customer and this one is or was another user's;
    /// [`AccountErased`](super::StoreError::AccountErased) after an erasure. Idempotent.
    async fn bind_customer(&self, user: &UserId, customer: &CustomerId) -> StoreResult<CustomerId>;

    /// Begins to read the state of a customer at Stripe: returns a number that is larger than every one
    /// before; `None` for a customer that is unknown or whose user was erased.
    async fn begin_sync(&self, customer: &CustomerId) -> StoreResult<Option<u64>>;

    /// Keeps a state that was read after [`begin_sync`](Self::begin_sync) or a lease returned
    /// `sequence`, and records that the event was processed, in one transaction.
    ///
    /// Laws: a state of an earlier sequence never replaces one of a later sequence; the event is recorded
    /// in either case. What is kept ends a lease and counts as compared for [`CHECK_EVERY`]. For an
    /// unknown or erased customer nothing is kept, the event neither.
    /// Idempotent.
    async fn finish_sync(
        &self,
        customer: &CustomerId,
        sequence: u64,
        subscription: Option<&Subscription>,
        event: Option<&EventId>,
    ) -> StoreResult<Synced>;

    /// Whether an event was recorded within the last [`EVENT_DAYS`]; older ones are purged.
    async fn is_event_processed(&self, event: &EventId) -> StoreResult<bool>;

    /// Leases up to `limit` customers, at most [`LEASED_MAX`], that wait for some work, those first that
    /// wait the longest.
    ///
    /// Laws: a customer is leased to one caller at a time, for [`LEASE`]; afterwards, if the work was not
    /// finished, it waits again. A customer waits for [`Compare`](CustomerWork::Compare)
    /// from [`CHECK_EVERY`] after its binding and after each state that was kept, and for
    /// [`Erase`](CustomerWork::Erase) from the erasure of its user, which ends a lease for the other
    /// work.
    async fn lease_customers(
        &self,
        work: CustomerWork,
        limit: usize,
    ) -> StoreResult<Vec<LeasedCustomer>>;

    /// Whether a customer of an erased user waits for its deletion at Stripe, leased or not.
    async fn has_customers_to_erase(&self) -> StoreResult<bool>;

    /// Removes everything that is kept of a customer, once Stripe has deleted it. A living user has no
    /// customer then, and can be bound to another one. Idempotent.
    async fn forget_customer(&self, customer: &CustomerId) -> StoreResult<()>;
}

/// What is kept of a user's customer at Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billing {
    /// The customer.
    pub customer: CustomerId,
    /// The subscription that counts, as it was last read; `None` before the first one.
    pub subscription: Option<Subscription>,
}

/// The result of [`SubscriptionStore::finish_sync`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// The user of the customer; `None` if it is unknown or its user was erased.
    pub owner: Option<UserId>,
    /// Whether the state was kept, and not one of a later sequence.
    pub is_kept: bool,
    /// Whether what is kept differs from what was kept before.
    pub is_changed: bool,
}

/// What a customer can wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomerWork {
    /// A comparison of the kept state with that of Stripe.
    Compare,
    /// The deletion at Stripe, because the user was erased.
    Erase,
}

impl CustomerWork {
    /// The words of all kinds of work.
    pub const WORDS: [&str; 2] = ["compare", "erase"];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Compare => "compare",
            Self::Erase => "erase",
        }
    }
}

/// A customer that is leased to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedCustomer {
    /// The customer.
    pub customer: CustomerId,
    /// The number for [`SubscriptionStore::finish_sync`], as by [`SubscriptionStore::begin_sync`].
    pub sequence: u64,
}
