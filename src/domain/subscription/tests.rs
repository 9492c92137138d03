//! What a subscription is worth, status by status and date by date; and the laws of the best one.

use proptest::prelude::*;

use super::*;

const DAY: i64 = 24 * 60 * 60 * 1000;
const NOW: Timestamp = Timestamp(100 * DAY);

fn offer() -> Offer {
    Offer { prices: vec!["price_month".to_owned(), "price_year".to_owned()], is_live: true }
}

fn price(id: &str) -> Price {
    Price { id: id.to_owned(), amount: 500, currency: "usd".to_owned(), interval: Interval::Month }
}

fn subscription(status: Status) -> Subscription {
    Subscription {
        id: SubscriptionId::parse("sub_1").unwrap(),
        status,
        price: Some(price("price_month")),
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
    for other in [None, Some(price("price_other"))] {
        let other = Subscription { price: other, ..active.clone() };
        assert!(!other.is_paid(&offer(), NOW));
        assert!(other.is_to_be_managed(), "it is paid all the same");
    }
    let in_test_mode = Subscription { is_live: false, ..active.clone() };
    assert!(!in_test_mode.is_paid(&offer(), NOW));
    let test_offer = Offer { is_live: false, ..offer() };
    assert!(in_test_mode.is_paid(&test_offer, NOW) && !active.is_paid(&test_offer, NOW));
    assert!(!active.is_paid(&Offer { prices: Vec::new(), is_live: true }, NOW));
}

#[test]
fn what_was_never_paid_or_is_over_is_bought_anew_and_all_else_is_managed() {
    for status in Status::ALL {
        let expected =
            !matches!(status, Status::Incomplete | Status::Canceled | Status::IncompleteExpired);
        assert_eq!(subscription(status).is_to_be_managed(), expected, "{status:?}");
    }
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
    let due =
        Subscription { past_due_since: Some(NOW.plus_days(-1)), ..subscription(Status::PastDue) };
    let foreign = Subscription { price: Some(price("price_other")), ..renewing.clone() };
    assert_eq!(best(&[&foreign, &due]), due);
    // What is to be managed comes before what is over, whatever its price.
    let canceled = subscription(Status::Canceled);
    assert_eq!(best(&[&foreign, &canceled]), foreign);
    let tiered = Subscription { price: None, ..subscription(Status::Unpaid) };
    assert_eq!(best(&[&tiered, &canceled]), tiered);
    assert_eq!(best(&[&canceled, &subscription(Status::Unpaid)]).status, Status::Unpaid);
}

/// Subscriptions with few values of each field, so that many are equal in some.
fn any_subscription() -> impl Strategy<Value = Subscription> {
    let day = -10i64..10;
    let date = prop::option::of(day.clone().prop_map(|days| NOW.plus_days(days)));
    let price = prop::option::of(prop::sample::select(vec!["price_month", "price_other"]));
    let ids = prop::sample::select(vec!["sub_1", "sub_2", "sub_3"]);
    let status = prop::sample::select(Status::ALL.to_vec());
    let dates = (day.clone(), day, date.clone(), date);
    (ids, status, price, any::<bool>(), dates).prop_map(
        |(id, status, price, is_live, (created, end, ends_at, past_due_since))| {
            let model = subscription(status);
            Subscription {
                id: SubscriptionId::parse(id).unwrap(),
                price: price.map(self::price),
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
        prop_assert_eq!(
            best.as_ref().is_some_and(Subscription::is_to_be_managed),
            subscriptions.iter().any(Subscription::is_to_be_managed)
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
}
