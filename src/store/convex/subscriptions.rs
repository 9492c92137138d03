//! Customers, subscriptions and processed events in Convex: the functions of
//! `convex/subscriptions.ts`.
//!
//! The mutations are idempotent and take no key, except that a repeated lease leaves what the first
//! call leased to its end.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ConvexStore;
use super::wire::Whole;
use crate::clients::convex::Kind;
use crate::domain::Timestamp;
use crate::domain::identity::UserId;
use crate::domain::subscription::{
    CustomerId, EventId, Interval, Price, Status, Subscription, SubscriptionId,
};
use crate::store::{
    Billing, CustomerWork, LEASED_MAX, LeasedCustomer, StoreResult, SubscriptionStore, Synced,
};

#[async_trait]
impl SubscriptionStore for ConvexStore {
    async fn get_billing(&self, user: &UserId) -> StoreResult<Option<Billing>> {
        let found: Option<WireBilling> =
            self.query(user.as_str(), "subscriptions:get", json!({})).await?;
        Ok(found.map(|found| Billing {
            customer: CustomerId::from_store(found.customer),
            subscription: found.subscription.and_then(WireSubscription::into_subscription),
        }))
    }

    async fn bind_customer(&self, user: &UserId, customer: &CustomerId) -> StoreResult<CustomerId> {
        let args = json!({ "customer": customer.as_str() });
        let bound = self.call(Kind::Mutation, user.as_str(), "subscriptions:bind", args).await?;
        Ok(CustomerId::from_store(bound))
    }

    async fn begin_sync(&self, customer: &CustomerId) -> StoreResult<Option<u64>> {
        let args = json!({ "customer": customer.as_str() });
        let sequence: Option<Whole> =
            self.call_system(Kind::Mutation, "subscriptions:beginSync", args).await?;
        Ok(sequence.map(sequence_of))
    }

    async fn finish_sync(
        &self,
        customer: &CustomerId,
        sequence: u64,
        subscription: Option<&Subscription>,
        event: Option<&EventId>,
    ) -> StoreResult<Synced> {
        let args = json!({
            "customer": customer.as_str(),
            "sequence": sequence,
            "subscription": subscription.map(StatedSubscription::new),
            "event": event.map(EventId::as_str),
        });
        let synced: WireSynced =
            self.call_system(Kind::Mutation, "subscriptions:finishSync", args).await?;
        let owner = synced.owner.as_deref().and_then(UserId::parse);
        Ok(Synced { owner, is_kept: synced.kept, is_changed: synced.changed })
    }

    async fn is_event_processed(&self, event: &EventId) -> StoreResult<bool> {
        let args = json!({ "event": event.as_str() });
        self.call_system(Kind::Query, "subscriptions:isProcessed", args).await
    }

    async fn lease_customers(
        &self,
        work: CustomerWork,
        limit: usize,
    ) -> StoreResult<Vec<LeasedCustomer>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let args = json!({ "work": work.as_str(), "limit": limit.min(LEASED_MAX) });
        let leased: Vec<WireLeased> =
            self.call_system(Kind::Mutation, "subscriptions:lease", args).await?;
        Ok(leased.into_iter().map(WireLeased::into_leased).collect())
    }

    async fn has_customers_to_erase(&self) -> StoreResult<bool> {
        self.call_system(Kind::Query, "subscriptions:hasCustomersToErase", json!({})).await
    }

    async fn forget_customer(&self, customer: &CustomerId) -> StoreResult<()> {
        let args = json!({ "customer": customer.as_str() });
        self.call_system(Kind::Mutation, "subscriptions:forget", args).await
    }
}

fn sequence_of(number: Whole) -> u64 {
    number.number().unsigned_abs()
}

#[derive(Deserialize)]
struct WireBilling {
    customer: String,
    subscription: Option<WireSubscription>,
}

/// A subscription as an argument.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatedSubscription<'a> {
    id: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<StatedPrice<'a>>,
    is_live: bool,
    created_at: i64,
    period_end: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    past_due_since: Option<i64>,
}

#[derive(Serialize)]
struct StatedPrice<'a> {
    id: &'a str,
    amount: i64,
    currency: &'a str,
    interval: &'static str,
}

impl<'a> StatedSubscription<'a> {
    fn new(subscription: &'a Subscription) -> Self {
        let price = subscription.price.as_ref();
        let price = price.map(|Price { id, amount, currency, interval }| StatedPrice {
            id,
            amount: *amount,
            currency,
            interval: interval.as_str(),
        });
        Self {
            id: subscription.id.as_str(),
            status: subscription.status.as_str(),
            price,
            is_live: subscription.is_live,
            created_at: subscription.created_at.as_millis(),
            period_end: subscription.period_end.as_millis(),
            ends_at: subscription.ends_at.map(Timestamp::as_millis),
            past_due_since: subscription.past_due_since.map(Timestamp::as_millis),
        }
    }
}

/// A subscription in an answer.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireSubscription {
    id: String,
    status: String,
    price: Option<WirePrice>,
    is_live: bool,
    created_at: Whole,
    period_end: Whole,
    ends_at: Option<Whole>,
    past_due_since: Option<Whole>,
}

#[derive(Deserialize)]
struct WirePrice {
    id: String,
    amount: Whole,
    currency: String,
    interval: String,
}

impl WirePrice {
    /// Returns the price; `None` for one with an interval of a later release.
    fn into_price(self) -> Option<Price> {
        let interval = Interval::parse(&self.interval)?;
        Some(Price { id: self.id, amount: self.amount.number(), currency: self.currency, interval })
    }
}

impl WireSubscription {
    /// Returns the subscription; `None` for one with a word of a later release, which gives nothing
    /// here.
    pub(super) fn into_subscription(self) -> Option<Subscription> {
        let price = match self.price {
            Some(price) => Some(price.into_price()?),
            None => None,
        };
        Some(Subscription {
            id: SubscriptionId::from_store(self.id),
            status: Status::parse(&self.status)?,
            price,
            is_live: self.is_live,
            created_at: self.created_at.at(),
            period_end: self.period_end.at(),
            ends_at: self.ends_at.map(Whole::at),
            past_due_since: self.past_due_since.map(Whole::at),
        })
    }
}

#[derive(Deserialize)]
struct WireSynced {
    owner: Option<String>,
    kept: bool,
    changed: bool,
}

#[derive(Deserialize)]
struct WireLeased {
    customer: String,
    sequence: Whole,
}

impl WireLeased {
    fn into_leased(self) -> LeasedCustomer {
        LeasedCustomer {
            customer: CustomerId::from_store(self.customer),
            sequence: sequence_of(self.sequence),
        }
    }
}
