//! Subscriptions: what a customer of the payment provider pays for, and until when it counts.
//!
//! Stripe is the source of every field; the rules here decide what a subscription is worth at a
//! moment. Nothing in this file calls Stripe.

use std::cmp::Reverse;
use std::time::Duration;

use super::Timestamp;

/// How long a subscription counts as paid after a payment of it has failed.
pub const GRACE: Duration = Duration::from_hours(7 * 24);

/// Maximum characters of an id of Stripe.
pub const STRIPE_ID_MAX_CHARS: usize = 255;

/// Defines an id that Stripe issues: 1 to 255 of `[A-Za-z0-9_]`.
macro_rules! stripe_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses an id: 1 to 255 ASCII letters, digits and `_`; `None` for any other text.
            pub fn parse(text: &str) -> Option<Self> {
                let well_formed = (1..=STRIPE_ID_MAX_CHARS).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                well_formed.then(|| Self(text.to_owned()))
            }

            /// Returns the id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

/// Restores stored ids.
macro_rules! restored {
    ($($name:ident),+) => {$(
        impl $name {
            /// Restores a stored id without a check. Only stores call this.
            pub(crate) fn from_store(text: String) -> Self {
                Self(text)
            }
        }
    )+};
}

stripe_id! {
    /// The id of a customer at Stripe. A user has at most one.
    CustomerId
}
stripe_id! {
    /// The id of a subscription at Stripe.
    SubscriptionId
}
stripe_id! {
    /// The id of a checkout page.
    CheckoutId
}
stripe_id! {
    /// The id of an event that Stripe delivers, possibly more than once.
    EventId
}

restored!(CustomerId, SubscriptionId);

/// The status of a subscription, in Stripe's words. The order is that of their worth: the first is
/// the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Paid.
    Active,
    /// In a trial period.
    Trialing,
    /// A payment has failed, and Stripe repeats it.
    PastDue,
    /// A payment has failed for good, and the subscription continues without one.
    Unpaid,
    /// A trial has ended without a means of payment.
    Paused,
    /// The first payment is outstanding.
    Incomplete,
    /// Ended.
    Canceled,
    /// The first payment was not made in time.
    IncompleteExpired,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Active,
        Self::Trialing,
        Self::PastDue,
        Self::Unpaid,
        Self::Paused,
        Self::Incomplete,
        Self::Canceled,
        Self::IncompleteExpired,
    ];

    /// Returns Stripe's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Trialing => "trialing",
            Self::PastDue => "past_due",
            Self::Unpaid => "unpaid",
            Self::Paused => "paused",
            Self::Incomplete => "incomplete",
            Self::Canceled => "canceled",
            Self::IncompleteExpired => "incomplete_expired",
        }
    }

    /// Parses a word of Stripe.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// The interval at which a price recurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Interval {
    /// Every month.
    Month,
    /// Every year.
    Year,
}

impl Interval {
    /// Every interval.
    pub const ALL: [Self; 2] = [Self::Month, Self::Year];

    /// Returns Stripe's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Parses a word of Stripe.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|interval| interval.as_str() == word)
    }
}

/// A price at Stripe of one amount for every month or every year.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    /// Its id.
    pub id: String,
    /// The amount in minor units of the currency, such as cents.
    pub amount: i64,
    /// The currency as Stripe writes it: ISO 4217 in lower case.
    pub currency: String,
    /// The interval at which it recurs.
    pub interval: Interval,
}

/// A subscription, as Stripe stated it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Its status.
    pub status: Status,
    /// Its price; `None` for one that is not of one amount for every month or every year, which gives
    /// no plan.
    pub price: Option<Price>,
    /// Whether it is paid with real money, and not in Stripe's test mode.
    pub is_live: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// The end of the period that was last invoiced.
    pub period_end: Timestamp,
    /// When it ends, or has ended; `None` while it renews itself.
    pub ends_at: Option<Timestamp>,
    /// Since when a payment is due, while the status is [`Status::PastDue`].
    pub past_due_since: Option<Timestamp>,
}

/// What the configuration sells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The ids of the prices that are accepted.
    pub prices: Vec<String>,
    /// Whether they are paid with real money, and not in Stripe's test mode.
    pub is_live: bool,
}

impl Offer {
    /// Returns whether a subscription is to what is sold.
    fn includes(&self, subscription: &Subscription) -> bool {
        let is_sold = |price: &Price| self.prices.contains(&price.id);
        self.is_live == subscription.is_live && subscription.price.as_ref().is_some_and(is_sold)
    }
}

/// A time before every other, and one after every other.
const NEVER: Timestamp = Timestamp(i64::MIN);
const FOREVER: Timestamp = Timestamp(i64::MAX);

impl Subscription {
    /// Returns whether the subscription gives its owner the paid plan at `now`.
    ///
    /// It does if its price and mode are those of the offer, its status is active, trialing, or past due
    /// within [`GRACE`], and it has not ended. A renewal that Stripe has not reported yet ends nothing.
    pub fn is_paid(&self, offer: &Offer, now: Timestamp) -> bool {
        offer.includes(self) && now < self.paid_until()
    }

    /// The end of what the status and the dates allow, whatever is sold.
    fn paid_until(&self) -> Timestamp {
        let by_status = match self.status {
            Status::Active | Status::Trialing => FOREVER,
            // Without a date there is no grace that would ever end.
            Status::PastDue => self.grace_until().unwrap_or(NEVER),
            Status::Unpaid
            | Status::Paused
            | Status::Incomplete
            | Status::Canceled
            | Status::IncompleteExpired => NEVER,
        };
        by_status.min(self.ends_at.unwrap_or(FOREVER))
    }

    /// Returns when the grace after a failed payment ends; `None` unless the status is
    /// [`Status::PastDue`] and the date of the payment is known.
    pub fn grace_until(&self) -> Option<Timestamp> {
        let since = self.past_due_since.filter(|_| self.status == Status::PastDue)?;
        Some(since.plus(GRACE))
    }

    /// Returns when the subscription renews itself; `None` if it ends instead, or has no period that
    /// was paid.
    pub fn renews_at(&self) -> Option<Timestamp> {
        let is_renewed = matches!(self.status, Status::Active | Status::Trialing);
        (is_renewed && self.ends_at.is_none()).then_some(self.period_end)
    }

    /// Returns whether the subscription is changed on Stripe's pages instead of bought: another one
    /// would be paid beside it, whatever its price.
    pub fn is_to_be_managed(&self) -> bool {
        match self.status {
            Status::Active
            | Status::Trialing
            | Status::PastDue
            | Status::Unpaid
            | Status::Paused => true,
            // The first payment of it never happened, or it is over.
            Status::Incomplete | Status::Canceled | Status::IncompleteExpired => false,
        }
    }
}

/// Returns the subscription of a customer that counts; `None` if there are none.
///
/// A paid one comes before any other, and of several paid ones that which is paid the longest. Of the
/// others, one that [is to be managed](Subscription::is_to_be_managed) comes first, so that the result
/// is to be managed if any of them is. Then come one to what is sold, the better status, the later
/// period and the later creation. The result does not depend on the order of the input.
pub fn pick_best(
    subscriptions: impl IntoIterator<Item = Subscription>,
    offer: &Offer,
    now: Timestamp,
) -> Option<Subscription> {
    let worth = |subscription: &Subscription| {
        let is_paid = subscription.is_paid(offer, now);
        let paid_until = if is_paid { subscription.paid_until() } else { NEVER };
        let Subscription { status, period_end, created_at, .. } = *subscription;
        let is_offered = offer.includes(subscription);
        let is_to_be_managed = subscription.is_to_be_managed();
        let worth = (is_paid, paid_until, is_to_be_managed, is_offered);
        (worth, Reverse(status), period_end, created_at)
    };
    // The other fields decide between equals, so that the order is total.
    subscriptions.into_iter().max_by(|a, b| worth(a).cmp(&worth(b)).then_with(|| a.cmp(b)))
}

#[cfg(test)]
mod tests;
