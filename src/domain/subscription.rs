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

/// A recurring price at Stripe.
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
    /// Its price.
    pub price: Price,
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
        self.is_live == subscription.is_live && self.prices.contains(&subscription.price.id)
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

    /// Returns the state to keep in place of `kept`.
    ///
    /// While one subscription stays past due, the earlier date of the two is its
    /// [`past_due_since`](Self::past_due_since): a further invoice that fails begins no further grace.
    #[must_use]
    pub fn replacing(mut self, kept: Option<&Self>) -> Self {
        let is_past_due = |subscription: &Self| subscription.status == Status::PastDue;
        let kept = kept.filter(|kept| kept.id == self.id && is_past_due(kept));
        if let Some(kept) = kept.filter(|_| is_past_due(&self)) {
            let dates = [self.past_due_since, kept.past_due_since];
            self.past_due_since = dates.into_iter().flatten().min();
        }
        self
    }
}

/// Returns the subscription of a customer that counts; `None` if there are none.
///
/// A paid one comes before any other, and of several paid ones that which is paid the longest. Of the
/// others, one to what is sold comes first, then the better status, the later period and the later
/// creation. The result does not depend on the order of the input.
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
        (is_paid, paid_until, is_offered, Reverse(status), period_end, created_at)
    };
    // The other fields decide between equals, so that the order is total.
    subscriptions.into_iter().max_by(|a, b| worth(a).cmp(&worth(b)).then_with(|| a.cmp(b)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 24 * 60 * 60 * 1000;
    const NOW: Timestamp = Timestamp(100 * DAY);

    fn offer() -> Offer {
        Offer { prices: vec!["price_month".to_owned(), "price_year".to_owned()], is_live: true }
    }

    fn subscription(status: Status) -> Subscription {
        Subscription {
            id: SubscriptionId::parse("sub_1").unwrap(),
            status,
            price: Price {
                id: "price_month".to_owned(),
                amount: 500,
                currency: "usd".to_owned(),
                interval: Interval::Month,
            },
            is_live: true,
            created_at: NOW.plus_days(-40),
            period_end: NOW.plus_days(20),
            ends_at: None,
            past_due_since: None,
        }
    }

    #[test]
    fn an_id_of_stripe_has_letters_digits_and_underscores() {
        let longest = "x".repeat(STRIPE_ID_MAX_CHARS);
        for text in ["cus_9s6XKzkNRiz8i3", "cus_test", "A", "0", "_", &longest] {
            assert_eq!(CustomerId::parse(text).unwrap().as_str(), text);
        }
        let too_long = "x".repeat(STRIPE_ID_MAX_CHARS + 1);
        for text in ["", "cus 1", "cus/1", "cus-1", "cus_\u{e9}", "cus_1\n", "..", &too_long] {
            assert_eq!(CustomerId::parse(text), None, "{text:?}");
            assert_eq!(SubscriptionId::parse(text), None, "{text:?}");
            assert_eq!(EventId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn words_of_stripe_are_read_as_they_are_written() {
        for status in Status::ALL {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        for interval in Interval::ALL {
            assert_eq!(Interval::parse(interval.as_str()), Some(interval));
        }
        for word in ["", "Active", "cancelled", "week", "day"] {
            assert_eq!((Status::parse(word), Interval::parse(word)), (None, None), "{word}");
        }
    }

    #[test]
    fn a_status_is_paid_or_not() {
        for (status, expected) in [
            (Status::Active, true),
            (Status::Trialing, true),
            (Status::PastDue, false),
            (Status::Unpaid, false),
            (Status::Paused, false),
            (Status::Incomplete, false),
            (Status::Canceled, false),
            (Status::IncompleteExpired, false),
        ] {
            assert_eq!(subscription(status).is_paid(&offer(), NOW), expected, "{status:?}");
            // A date alone makes nothing paid.
            let dated = Subscription {
                ends_at: Some(NOW.plus_days(5)),
                past_due_since: Some(NOW),
                ..subscription(status)
            };
            let expected = expected || status == Status::PastDue;
            assert_eq!(dated.is_paid(&offer(), NOW), expected, "{status:?}");
        }
    }

    #[test]
    fn grace_ends_after_seven_days_to_the_millisecond() {
        let since = NOW.plus_days(-7);
        let due = |millis: i64| Subscription {
            past_due_since: Some(Timestamp(since.0 + millis)),
            ..subscription(Status::PastDue)
        };
        assert!(!due(0).is_paid(&offer(), NOW) && due(1).is_paid(&offer(), NOW));
        assert_eq!(due(0).grace_until(), Some(NOW));
        assert_eq!(Subscription { status: Status::Active, ..due(0) }.grace_until(), None);
        assert_eq!(subscription(Status::PastDue).grace_until(), None);
    }

    #[test]
    fn a_subscription_that_ends_is_paid_until_then_and_renews_no_more() {
        for status in [Status::Active, Status::Trialing] {
            let ending = Subscription { ends_at: Some(NOW.plus_days(3)), ..subscription(status) };
            let end = NOW.plus_days(3);
            assert!(ending.is_paid(&offer(), Timestamp(end.0 - 1)));
            assert!(!ending.is_paid(&offer(), end));
            assert_eq!(ending.renews_at(), None);
            assert_eq!(subscription(status).renews_at(), Some(NOW.plus_days(20)));
        }
        // The end comes before that of the grace.
        let due = Subscription {
            past_due_since: Some(NOW.plus_days(-1)),
            ends_at: Some(NOW),
            ..subscription(Status::PastDue)
        };
        assert!(!due.is_paid(&offer(), NOW) && due.is_paid(&offer(), Timestamp(NOW.0 - 1)));
        assert_eq!(subscription(Status::PastDue).renews_at(), None);
        assert_eq!(subscription(Status::Canceled).renews_at(), None);
    }

    #[test]
    fn a_renewal_that_is_not_reported_yet_ends_nothing() {
        let late = Subscription { period_end: NOW.plus_days(-3), ..subscription(Status::Active) };
        assert!(late.is_paid(&offer(), NOW));
    }

    #[test]
    fn another_price_or_mode_is_worth_nothing() {
        let active = subscription(Status::Active);
        let other_price = Price { id: "price_other".to_owned(), ..active.price.clone() };
        let other = Subscription { price: other_price, ..active.clone() };
        assert!(!other.is_paid(&offer(), NOW));
        let in_test_mode = Subscription { is_live: false, ..active.clone() };
        assert!(!in_test_mode.is_paid(&offer(), NOW));
        let test_offer = Offer { is_live: false, ..offer() };
        assert!(in_test_mode.is_paid(&test_offer, NOW) && !active.is_paid(&test_offer, NOW));
        assert!(!active.is_paid(&Offer { prices: Vec::new(), is_live: true }, NOW));
    }

    #[test]
    fn a_further_failed_invoice_begins_no_further_grace() {
        let due = |days: Option<i64>| Subscription {
            past_due_since: days.map(|days| NOW.plus_days(days)),
            ..subscription(Status::PastDue)
        };
        for (new, kept, expected) in [
            (Some(-1), Some(-9), Some(-9)),
            (Some(-9), Some(-1), Some(-9)),
            (None, Some(-9), Some(-9)),
            (Some(-1), None, Some(-1)),
            (None, None, None),
        ] {
            assert_eq!(due(new).replacing(Some(&due(kept))), due(expected), "{new:?} {kept:?}");
        }
        let paid = subscription(Status::Active);
        assert_eq!(due(Some(-1)).replacing(Some(&paid)), due(Some(-1)));
        assert_eq!(paid.clone().replacing(Some(&due(Some(-9)))), paid);
        let id = SubscriptionId::parse("sub_2").unwrap();
        let other = Subscription { id, ..due(Some(-9)) };
        assert_eq!(due(Some(-1)).replacing(Some(&other)), due(Some(-1)));
        assert_eq!(due(Some(-1)).replacing(None), due(Some(-1)));
    }

    #[test]
    fn of_several_paid_ones_that_which_is_paid_the_longest_counts() {
        let renewing = subscription(Status::Active);
        let ending = |days| Subscription {
            id: SubscriptionId::parse("sub_2").unwrap(),
            ends_at: Some(NOW.plus_days(days)),
            period_end: NOW.plus_days(300),
            ..subscription(Status::Active)
        };
        let best = |subscriptions: &[&Subscription]| {
            pick_best(subscriptions.iter().map(|s| (*s).clone()), &offer(), NOW).unwrap()
        };
        assert_eq!(best(&[&renewing, &ending(200)]), renewing);
        assert_eq!(best(&[&ending(20), &ending(200)]), ending(200));
        // A paid one in its grace comes before an active one of another product.
        let due = Subscription {
            past_due_since: Some(NOW.plus_days(-1)),
            ..subscription(Status::PastDue)
        };
        let foreign = Price { id: "price_other".to_owned(), ..renewing.price.clone() };
        let foreign = Subscription { price: foreign, ..renewing.clone() };
        assert_eq!(best(&[&foreign, &due]), due);
        let canceled = subscription(Status::Canceled);
        assert_eq!(best(&[&foreign, &canceled]), canceled);
        assert_eq!(best(&[&canceled, &subscription(Status::Unpaid)]).status, Status::Unpaid);
    }

    /// Subscriptions with few values of each field, so that many are equal in some.
    fn any_subscription() -> impl Strategy<Value = Subscription> {
        let day = -10i64..10;
        let date = prop::option::of(day.clone().prop_map(|days| NOW.plus_days(days)));
        let price = prop::sample::select(vec!["price_month", "price_year", "price_other"]);
        let ids = prop::sample::select(vec!["sub_1", "sub_2", "sub_3"]);
        let status = prop::sample::select(Status::ALL.to_vec());
        let dates = (day.clone(), day, date.clone(), date);
        (ids, status, price, any::<bool>(), dates).prop_map(
            |(id, status, price, is_live, (created, end, ends_at, past_due_since))| {
                let model = subscription(status);
                Subscription {
                    id: SubscriptionId::parse(id).unwrap(),
                    price: Price { id: price.to_owned(), ..model.price },
                    is_live,
                    created_at: NOW.plus_days(created),
                    period_end: NOW.plus_days(end),
                    ends_at,
                    past_due_since,
                    ..model
                }
            },
        )
    }

    proptest! {
        #[test]
        fn the_best_does_not_depend_on_the_order(
            (subscriptions, shuffled) in prop::collection::vec(any_subscription(), 0..6)
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            let best = pick_best(subscriptions.clone(), &offer(), NOW);
            prop_assert_eq!(&pick_best(shuffled, &offer(), NOW), &best);
            let is_paid = |s: &Subscription| s.is_paid(&offer(), NOW);
            prop_assert_eq!(
                best.as_ref().is_some_and(is_paid),
                subscriptions.iter().any(is_paid)
            );
            // No worse one, nor a repetition, changes it.
            let again = best.clone().into_iter().chain(subscriptions);
            prop_assert_eq!(pick_best(again, &offer(), NOW), best);
        }

        #[test]
        fn what_is_paid_stays_paid_until_one_end(
            subscription in any_subscription(),
            days in prop::collection::vec(-30i64..30, 2),
        ) {
            let (first, last) = (days[0].min(days[1]), days[0].max(days[1]));
            let is_paid = |days| subscription.is_paid(&offer(), NOW.plus_days(days));
            prop_assert!(is_paid(first) || !is_paid(last), "it begins again");
            if is_paid(first) && !is_paid(last) {
                let ends = [subscription.ends_at, subscription.grace_until()];
                let is_between = |end| NOW.plus_days(first) < end && end <= NOW.plus_days(last);
                prop_assert!(ends.into_iter().flatten().any(is_between));
            }
        }

        #[test]
        fn the_date_of_a_debt_never_moves_later(
            kept in any_subscription(),
            new in any_subscription(),
        ) {
            let result = new.clone().replacing(Some(&kept));
            let later = result.past_due_since > new.past_due_since;
            prop_assert!(!later || new.past_due_since.is_none());
            let unchanged = Subscription { past_due_since: new.past_due_since, ..result.clone() };
            prop_assert_eq!(unchanged, new.clone());
            prop_assert_eq!(result.clone().replacing(Some(&result)), result);
        }
    }
}
