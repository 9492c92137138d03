//! Stripe's objects, as far as they are read. A field that is not read may be absent or of any type.

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value};

use super::{Checkout, StripeError, garbled};
use crate::domain::Timestamp;
use crate::domain::subscription::{
    CheckoutId, Interval, Price, Status, Subscription, SubscriptionId,
};

/// An object that was created. A page has a URL.
#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) id: String,
    url: Option<String>,
}

/// A customer. A deleted one has no other field but its id.
#[derive(Deserialize)]
pub(super) struct CustomerObject {
    #[serde(default)]
    pub(super) deleted: bool,
}

impl Created {
    /// The URL of a page.
    pub(super) fn url(self) -> Result<String, StripeError> {
        self.url.ok_or_else(|| garbled("the page has no URL"))
    }
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// An object of a list.
pub(super) trait Listed {
    /// The cursor of the page that begins after it.
    fn cursor(&self) -> &str;
}

/// An object of a list that is read by itself, so that one that cannot be read hides no other.
#[derive(Deserialize)]
pub(super) struct RawObject {
    id: String,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl RawObject {
    pub(super) fn read<T: DeserializeOwned>(self) -> Result<T, StripeError> {
        let mut fields = self.fields;
        fields.insert("id".to_owned(), self.id.into());
        // The error may quote the object.
        T::deserialize(Value::Object(fields))
            .map_err(|_| garbled("an object lacks what is read of it"))
    }
}

impl Listed for RawObject {
    fn cursor(&self) -> &str {
        &self.id
    }
}

/// A checkout page.
#[derive(Deserialize)]
pub(super) struct CheckoutObject {
    id: String,
    status: Option<String>,
    created: i64,
    url: Option<String>,
    #[serde(default)]
    metadata: CheckoutMetadata,
}

/// What [`create_checkout`](super::StripeClient::create_checkout) wrote.
#[derive(Default, Deserialize)]
struct CheckoutMetadata {
    price: Option<String>,
}

impl CheckoutObject {
    pub(super) fn is_open(&self) -> bool {
        self.status.as_deref() == Some("open")
    }

    pub(super) fn checkout(self) -> Result<Checkout, StripeError> {
        let id = CheckoutId::parse(&self.id);
        Ok(Checkout {
            id: id.ok_or_else(|| garbled("the id of a checkout page is not one"))?,
            url: self.url.unwrap_or_default(),
            price: self.metadata.price,
            created_at: time(self.created),
        })
    }
}

impl Listed for CheckoutObject {
    fn cursor(&self) -> &str {
        &self.id
    }
}

/// A price. One that is paid once or in tiers lacks some of it.
#[derive(Deserialize)]
pub(super) struct PriceObject {
    id: String,
    currency: String,
    unit_amount: Option<i64>,
    billing_scheme: Option<String>,
    recurring: Option<Recurring>,
}

#[derive(Deserialize)]
struct Recurring {
    interval: String,
    #[serde(default = "one")]
    interval_count: u32,
    usage_type: Option<String>,
}

/// The billing scheme of a price that has one amount.
const PER_UNIT: &str = "per_unit";
/// The usage type of a price that is paid whatever is used.
const LICENSED: &str = "licensed";

fn one() -> u32 {
    1
}

impl PriceObject {
    /// The price of one amount for a month or a year; `None` for any other.
    pub(super) fn price(&self) -> Option<Price> {
        let recurring = self.recurring.as_ref()?;
        let is_flat = recurring.interval_count == 1
            && recurring.usage_type.as_ref().is_none_or(|usage| usage == LICENSED)
            && self.billing_scheme.as_ref().is_none_or(|scheme| scheme == PER_UNIT);
        if !is_flat {
            return None;
        }
        Some(Price {
            id: self.id.clone(),
            amount: self.unit_amount?,
            currency: self.currency.clone(),
            interval: Interval::parse(&recurring.interval)?,
        })
    }
}

/// A subscription with its latest invoice.
#[derive(Deserialize)]
pub(super) struct SubscriptionObject {
    id: String,
    status: String,
    livemode: bool,
    created: i64,
    cancel_at: Option<i64>,
    #[serde(default)]
    cancel_at_period_end: bool,
    canceled_at: Option<i64>,
    ended_at: Option<i64>,
    items: Items,
    latest_invoice: Option<LatestInvoice>,
}

#[derive(Deserialize)]
struct Items {
    data: Vec<Item>,
}

/// What is paid. The period is that of the item since version 2025-03-31.
#[derive(Deserialize)]
struct Item {
    current_period_start: Option<i64>,
    current_period_end: i64,
    price: PriceObject,
}

/// An invoice, or its id where Stripe did not expand it.
#[derive(Deserialize)]
#[serde(untagged)]
enum LatestInvoice {
    Expanded(Invoice),
    Id(IgnoredAny),
}

#[derive(Deserialize)]
struct Invoice {
    created: i64,
    status_transitions: Option<StatusTransitions>,
}

impl Invoice {
    /// When its payment was tried first.
    fn due_at(&self) -> Timestamp {
        let transitions = self.status_transitions.as_ref();
        time(transitions.and_then(|at| at.finalized_at).unwrap_or(self.created))
    }
}

/// An invoice of a list.
#[derive(Deserialize)]
pub(super) struct InvoiceObject {
    id: String,
    #[serde(flatten)]
    invoice: Invoice,
}

impl InvoiceObject {
    /// When its payment was tried first.
    pub(super) fn due_at(&self) -> Timestamp {
        self.invoice.due_at()
    }
}

impl Listed for InvoiceObject {
    fn cursor(&self) -> &str {
        &self.id
    }
}

#[derive(Deserialize)]
struct StatusTransitions {
    finalized_at: Option<i64>,
}

impl SubscriptionObject {
    pub(super) fn id(&self) -> Result<SubscriptionId, StripeError> {
        SubscriptionId::parse(&self.id)
            .ok_or_else(|| garbled("the id of a subscription is not one"))
    }

    fn status(&self) -> Result<Status, StripeError> {
        Status::parse(&self.status)
            .ok_or_else(|| garbled("the status of a subscription is unknown"))
    }

    pub(super) fn is_past_due(&self) -> bool {
        Status::parse(&self.status) == Some(Status::PastDue)
    }

    /// The subscription for each of its items that has a [`Price`]; where none has, one without a price.
    /// `due_since` is the date of the earliest open invoice.
    pub(super) fn subscriptions(
        &self,
        due_since: Option<Timestamp>,
    ) -> Result<Vec<Subscription>, StripeError> {
        let (id, status) = (self.id()?, self.status()?);
        let state = |item: Option<&Item>, price| Subscription {
            id: id.clone(),
            status,
            price,
            is_live: self.livemode,
            created_at: time(self.created),
            period_end: time(item.map_or(self.created, |item| item.current_period_end)),
            ends_at: self.ends_at(status, item),
            past_due_since: self.past_due_since(status, due_since, item),
        };
        let items = &self.items.data;
        let priced = items.iter().filter_map(|item| Some((item, item.price.price()?)));
        let subscriptions: Vec<Subscription> =
            priced.map(|(item, price)| state(Some(item), Some(price))).collect();
        if subscriptions.is_empty() {
            return Ok(vec![state(items.first(), None)]);
        }
        Ok(subscriptions)
    }

    fn ends_at(&self, status: Status, item: Option<&Item>) -> Option<Timestamp> {
        let canceled_at = self.canceled_at.filter(|_| status == Status::Canceled);
        let period_end = item.filter(|_| self.cancel_at_period_end);
        let period_end = period_end.map(|item| item.current_period_end);
        // An end that has come counts before one that was planned for later.
        self.ended_at.or(canceled_at).or(self.cancel_at).or(period_end).map(time)
    }

    fn past_due_since(
        &self,
        status: Status,
        due_since: Option<Timestamp>,
        item: Option<&Item>,
    ) -> Option<Timestamp> {
        if status != Status::PastDue {
            return None;
        }
        let latest = match &self.latest_invoice {
            Some(LatestInvoice::Expanded(invoice)) => Some(invoice.due_at()),
            Some(LatestInvoice::Id(_)) | None => None,
        };
        // Without an invoice, the payment of the current period is due.
        let period_start = || item.and_then(|item| item.current_period_start).map(time);
        due_since.or(latest).or_else(period_start)
    }
}

/// Converts Stripe's seconds since the Unix epoch.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000))
}
