//! Stripe's objects, as far as they are read. A field that is not read may be absent or of any type.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{StripeError, garbled};
use crate::domain::Timestamp;
use crate::domain::subscription::{Interval, Price, Status, Subscription, SubscriptionId};

/// Maximum length of an id in bytes.
const ID_MAX_BYTES: usize = 255;

/// The id of a checkout page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutId(String);

impl CheckoutId {
    /// Parses 1 to 255 letters, digits and underscores; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_valid = (1..=ID_MAX_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        is_valid.then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object that was created. A page has a URL.
#[derive(Deserialize)]
pub(super) struct Created {
    pub(super) id: String,
    url: Option<String>,
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

/// A checkout page.
#[derive(Deserialize)]
pub(super) struct CheckoutObject {
    id: String,
    status: Option<String>,
}

impl CheckoutObject {
    pub(super) fn is_open(&self) -> bool {
        self.status.as_deref() == Some("open")
    }

    pub(super) fn id(&self) -> Result<CheckoutId, StripeError> {
        CheckoutId::parse(&self.id).ok_or_else(|| garbled("the id of a checkout page is not one"))
    }
}

impl Listed for CheckoutObject {
    fn cursor(&self) -> &str {
        &self.id
    }
}

/// A price. One that is paid once, by use or in tiers lacks some of it.
#[derive(Deserialize)]
pub(super) struct PriceObject {
    id: String,
    currency: String,
    unit_amount: Option<i64>,
    recurring: Option<Recurring>,
}

#[derive(Deserialize)]
struct Recurring {
    interval: String,
    #[serde(default = "one")]
    interval_count: u32,
}

fn one() -> u32 {
    1
}

impl PriceObject {
    /// The price of a month or a year; `None` for any other.
    pub(super) fn price(&self) -> Option<Price> {
        let recurring =
            self.recurring.as_ref().filter(|recurring| recurring.interval_count == 1)?;
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

#[derive(Deserialize)]
struct StatusTransitions {
    finalized_at: Option<i64>,
}

impl Listed for SubscriptionObject {
    fn cursor(&self) -> &str {
        &self.id
    }
}

impl SubscriptionObject {
    /// The subscription for each of its items that is paid every month or every year.
    pub(super) fn subscriptions(&self) -> Result<Vec<Subscription>, StripeError> {
        let id = SubscriptionId::parse(&self.id)
            .ok_or_else(|| garbled("the id of a subscription is not one"))?;
        let status = Status::parse(&self.status)
            .ok_or_else(|| garbled("the status of a subscription is unknown"))?;
        let priced = self.items.data.iter().filter_map(|item| Some((item, item.price.price()?)));
        let subscriptions = priced.map(|(item, price)| Subscription {
            id: id.clone(),
            status,
            price,
            is_live: self.livemode,
            created_at: time(self.created),
            period_end: time(item.current_period_end),
            ends_at: self.ends_at(status, item),
            past_due_since: self.past_due_since(status, item),
        });
        Ok(subscriptions.collect())
    }

    fn ends_at(&self, status: Status, item: &Item) -> Option<Timestamp> {
        let canceled_at = self.canceled_at.filter(|_| status == Status::Canceled);
        let period_end = self.cancel_at_period_end.then_some(item.current_period_end);
        // An end that has come counts before one that was planned for later.
        self.ended_at.or(canceled_at).or(self.cancel_at).or(period_end).map(time)
    }

    /// The finalisation of the latest invoice is when its payment was tried.
    fn past_due_since(&self, status: Status, item: &Item) -> Option<Timestamp> {
        if status != Status::PastDue {
            return None;
        }
        let since = match &self.latest_invoice {
            Some(LatestInvoice::Expanded(invoice)) => {
                let transitions = invoice.status_transitions.as_ref();
                Some(transitions.and_then(|at| at.finalized_at).unwrap_or(invoice.created))
            }
            Some(LatestInvoice::Id(_)) | None => None,
        };
        // Without an invoice, the payment of the current period is due.
        since.or(item.current_period_start).map(time)
    }
}

/// Converts Stripe's seconds since the Unix epoch.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds.saturating_mul(1000))
}
