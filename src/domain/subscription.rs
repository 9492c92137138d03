//! A subscription as the payment provider states it, and what it entitles to.

use std::time::Duration;

use super::Timestamp;

/// Maximum length of an id in bytes: that of the payment provider.
const ID_MAX_BYTES: usize = 255;

/// How long a subscription stays paid after a renewal failed.
pub const GRACE: Duration = Duration::from_hours(7 * 24);

/// Defines an id of the payment provider.
macro_rules! provider_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
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
    };
}

provider_id! {
    /// The id of a customer.
    CustomerId
}
provider_id! {
    /// The id of a subscription.
    SubscriptionId
}
provider_id! {
    /// The id of an event.
    EventId
}

/// The status of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The first payment has not succeeded yet.
    Incomplete,
    /// The first payment did not succeed in time. Final.
    IncompleteExpired,
    /// A trial.
    Trialing,
    /// Paid.
    Active,
    /// The latest payment failed, and is tried again.
    PastDue,
    /// Ended. Final.
    Canceled,
    /// The latest payment failed, and is not tried again.
    Unpaid,
    /// A trial ended without a means of payment.
    Paused,
}

impl Status {
    /// Parses the word of the payment provider.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "incomplete" => Self::Incomplete,
            "incomplete_expired" => Self::IncompleteExpired,
            "trialing" => Self::Trialing,
            "active" => Self::Active,
            "past_due" => Self::PastDue,
            "canceled" => Self::Canceled,
            "unpaid" => Self::Unpaid,
            "paused" => Self::Paused,
            _ => return None,
        })
    }
}

/// The time between two payments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interval {
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Interval {
    /// Parses the word of the payment provider.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "month" => Some(Self::Month),
            "year" => Some(Self::Year),
            _ => None,
        }
    }
}

/// A price for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// The id of the price.
    pub id: String,
    /// The amount in minor units of the currency.
    pub amount: i64,
    /// The currency as three lower-case letters (ISO 4217).
    pub currency: String,
    /// The time between two payments.
    pub interval: Interval,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The id of the subscription.
    pub id: SubscriptionId,
    /// The status.
    pub status: Status,
    /// What is paid.
    pub price: Price,
    /// Whether real money is paid.
    pub is_live: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// The end of the current period.
    pub period_end: Timestamp,
    /// When it ends or ended, if that is decided.
    pub ends_at: Option<Timestamp>,
    /// Since when a payment is due; `None` unless the status is past due.
    pub past_due_since: Option<Timestamp>,
}

/// What a server sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The ids of the prices that entitle.
    pub prices: Vec<String>,
    /// Whether subscriptions must be paid with real money.
    pub is_live: bool,
}
