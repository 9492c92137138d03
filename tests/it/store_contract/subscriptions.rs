//! Laws of customers: one for each user, the latest state, leases, events, erasure.

use std::collections::BTreeSet;
use std::time::Duration;

use promptdb::domain::Timestamp;
use promptdb::domain::identity::UserId;
use promptdb::domain::subscription::{
    CustomerId, EventId, Interval, Price, Status, Subscription, SubscriptionId,
};
use promptdb::store::{
    Billing, CHECK_EVERY, CustomerWork, EVENT_DAYS, LEASE, LEASED_MAX, StoreError, Synced,
};

use super::{World, laws};

const MILLI: Duration = Duration::from_millis(1);

pub(crate) fn customer(id: &str) -> CustomerId {
    CustomerId::parse(id).unwrap()
}

fn event(id: &str) -> EventId {
    EventId::parse(id).unwrap()
}

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// A subscription to the price `price_1` in the mode for tests.
pub(crate) fn subscription(id: &str, status: Status) -> Subscription {
    Subscription {
        id: SubscriptionId::parse(id).unwrap(),
        status,
        price: Some(Price {
            id: "price_1".to_owned(),
            amount: 500,
            currency: "usd".to_owned(),
            interval: Interval::Month,
        }),
        is_live: false,
        created_at: Timestamp::from_millis(1_000),
        period_end: Timestamp::from_millis(2_000),
        ends_at: None,
        past_due_since: None,
    }
}

impl World {
    async fn bind(&self, id: &str) -> CustomerId {
        self.store.bind_customer(&self.user, &customer(id)).await.unwrap()
    }

    async fn kept(&self) -> Option<Subscription> {
        self.store.get_billing(&self.user).await.unwrap().and_then(|kept| kept.subscription)
    }

    /// Keeps a state under the next sequence.
    async fn sync(&self, of: &CustomerId, state: Option<&Subscription>) -> Synced {
        let sequence = self.store.begin_sync(of).await.unwrap().unwrap();
        self.store.finish_sync(of, sequence, state, None).await.unwrap()
    }

    async fn lease(&self, work: CustomerWork) -> Vec<String> {
        let leased = self.store.lease_customers(work, LEASED_MAX).await.unwrap();
        leased.iter().map(|leased| leased.customer.as_str().to_owned()).collect()
    }
}

laws! {
    async fn of_concurrent_bindings_one_binds_and_all_return_it(world) {
        let calls = (0..8).map(|number| {
            let (store, user) = (world.store.clone(), world.user.clone());
            let own = customer(&format!("cus_{number}"));
            tokio::spawn(async move { store.bind_customer(&user, &own).await.unwrap() })
        });
        let mut bound = BTreeSet::new();
        for call in calls.collect::<Vec<_>>() {
            bound.insert(call.await.unwrap());
        }
        assert_eq!(bound.len(), 1);
        let bound = bound.pop_first().unwrap();
        assert_eq!(world.bind("cus_later").await, bound);
        let billing = world.store.get_billing(&world.user).await.unwrap();
        assert_eq!(billing, Some(Billing { customer: bound, subscription: None }));
        assert!(world.audit().await.is_empty());
    }

    async fn a_customer_is_one_users_alone(world) {
        let (store, bob) = (&world.store, user("user_bob"));
        assert_eq!(store.get_billing(&world.user).await.unwrap(), None);
        let own = world.bind("cus_ann").await;
        world.sync(&own, Some(&subscription("sub_1", Status::Active))).await;
        let refused = store.bind_customer(&bob, &own).await.unwrap_err();
        assert!(matches!(refused, StoreError::CustomerTaken), "{refused:?}");
        assert_eq!(store.get_billing(&bob).await.unwrap(), None);
        assert_eq!(store.ensure_account(&bob).await.unwrap().subscription, None);
        let theirs = customer("cus_bob");
        assert_eq!(store.bind_customer(&bob, &theirs).await.unwrap(), theirs);
        world.sync(&theirs, Some(&subscription("sub_2", Status::Canceled))).await;
        assert_eq!(world.kept().await, Some(subscription("sub_1", Status::Active)));
    }

    async fn every_field_is_kept_and_comes_with_the_account(world) {
        let own = world.bind("cus_1").await;
        let account = world.store.ensure_account(&world.user).await.unwrap();
        assert_eq!(account.subscription, None);
        for status in Status::ALL {
            let plain = subscription("sub_1", status);
            let full = Subscription {
                price: Some(Price {
                    id: "price_Yearly-\"é\"".to_owned(),
                    amount: -1,
                    currency: "jpy".to_owned(),
                    interval: Interval::Year,
                }),
                is_live: true,
                ends_at: Some(Timestamp::from_millis(3_000)),
                past_due_since: Some(Timestamp::from_millis(1_500)),
                ..subscription("sub_2", status)
            };
            let priceless = Subscription { price: None, ..plain.clone() };
            for state in [Some(&plain), Some(&full), Some(&priceless), None] {
                for is_changed in [true, false] {
                    let owner = Some(world.user.clone());
                    let synced = world.sync(&own, state).await;
                    assert_eq!(synced, Synced { owner, is_kept: true, is_changed }, "{state:?}");
                }
                assert_eq!(world.kept().await.as_ref(), state);
                let kept = world.store.ensure_account(&world.user).await.unwrap();
                assert_eq!((kept.created_at, kept.subscription.as_ref()), (account.created_at, state));
            }
        }
    }

    async fn an_earlier_state_never_replaces_a_later_one_in_any_order(world) {
        let own = world.bind("cus_1").await;
        let statuses = [Status::Active, Status::PastDue, Status::Canceled];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut sequences = Vec::new();
            for _ in statuses {
                sequences.push(world.store.begin_sync(&own).await.unwrap().unwrap());
            }
            assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
            let mut latest = None;
            // Each twice, as after a lost answer.
            for index in order.into_iter().flat_map(|index| [index, index]) {
                let state = subscription("sub_1", statuses[index]);
                let event = event(&format!("evt_{}", sequences[index]));
                let synced = world.store.finish_sync(&own, sequences[index], Some(&state), Some(&event)).await.unwrap();
                assert_eq!(synced.owner.as_ref(), Some(&world.user));
                assert_eq!(synced.is_kept, latest.is_none_or(|latest| latest <= index), "{order:?}");
                // The last state of an order before is that of the first one.
                let is_later = latest.is_none_or(|latest| latest < index);
                assert!(is_later || !synced.is_changed, "{order:?}");
                assert!(world.store.is_event_processed(&event).await.unwrap(), "kept or not");
                latest = latest.max(Some(index));
                assert_eq!(world.kept().await.unwrap().status, statuses[latest.unwrap()], "{order:?}");
            }
        }
    }

    async fn concurrent_syncs_have_numbers_of_their_own(world) {
        let own = world.bind("cus_1").await;
        let calls = (0..8).map(|_| {
            let (store, own) = (world.store.clone(), own.clone());
            tokio::spawn(async move { store.begin_sync(&own).await.unwrap().unwrap() })
        });
        let mut numbers = BTreeSet::new();
        for call in calls.collect::<Vec<_>>() {
            numbers.insert(call.await.unwrap());
        }
        assert_eq!(numbers.len(), 8);
        assert!(world.store.begin_sync(&own).await.unwrap() > numbers.pop_last());
    }

    async fn what_was_kept_before_changes_nothing_of_a_later_state(world) {
        let own = world.bind("cus_1").await;
        for millis in [Some(5_000), Some(9_000), None, Some(3_000)] {
            let past_due_since = millis.map(Timestamp::from_millis);
            let state = Subscription { past_due_since, ..subscription("sub_1", Status::PastDue) };
            world.sync(&own, Some(&state)).await;
            assert_eq!(world.kept().await, Some(state));
        }
    }

    async fn of_an_unknown_customer_nothing_is_kept(world) {
        let (store, unknown, own) = (&world.store, customer("cus_unknown"), event("evt_1"));
        assert_eq!(store.begin_sync(&unknown).await.unwrap(), None);
        let state = subscription("sub_1", Status::Active);
        let synced = store.finish_sync(&unknown, 1, Some(&state), Some(&own)).await.unwrap();
        assert_eq!(synced, Synced { owner: None, is_kept: false, is_changed: false });
        assert!(!store.is_event_processed(&own).await.unwrap());
        store.forget_customer(&unknown).await.unwrap();
        assert_eq!(store.bind_customer(&world.user, &unknown).await.unwrap(), unknown);
        assert_eq!(world.kept().await, None);
    }

    async fn a_processed_event_is_kept_for_its_days(world) {
        let own = world.bind("cus_1").await;
        assert!(!world.store.is_event_processed(&event("evt_1")).await.unwrap());
        for _ in 0..2 {
            world.store.finish_sync(&own, 1, None, Some(&event("evt_1"))).await.unwrap();
        }
        assert!(!world.store.is_event_processed(&event("evt_2")).await.unwrap());
        world.clock.advance_days(EVENT_DAYS);
        while world.store.purge().await.unwrap().has_more {}
        assert!(world.store.is_event_processed(&event("evt_1")).await.unwrap());
        world.clock.advance_by(MILLI);
        assert!(!world.store.is_event_processed(&event("evt_1")).await.unwrap());
        while world.store.purge().await.unwrap().has_more {}
        assert!(!world.store.is_event_processed(&event("evt_1")).await.unwrap());
    }

    async fn a_customer_is_leased_to_one_caller_and_waits_again_after_the_lease(world) {
        let own = world.bind("cus_1").await;
        world.clock.advance_by(CHECK_EVERY.saturating_sub(MILLI));
        assert!(world.lease(CustomerWork::Compare).await.is_empty());
        world.clock.advance_by(MILLI);
        let calls = (0..4).map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move { store.lease_customers(CustomerWork::Compare, 5).await.unwrap() })
        });
        let mut leased = Vec::new();
        for call in calls.collect::<Vec<_>>() {
            leased.extend(call.await.unwrap());
        }
        assert_eq!(leased.len(), 1);
        assert_eq!(leased[0].customer, own);
        world.clock.advance_by(LEASE.saturating_sub(MILLI));
        assert!(world.lease(CustomerWork::Compare).await.is_empty());
        world.clock.advance_by(MILLI);
        let again = world.store.lease_customers(CustomerWork::Compare, 5).await.unwrap();
        assert!(again[0].sequence > leased[0].sequence);

        // A lease begins a sync: the state of the lease that ended comes too late.
        let state = subscription("sub_1", Status::Active);
        assert!(world.store.finish_sync(&own, again[0].sequence, Some(&state), None).await.unwrap().is_kept);
        assert!(!world.store.finish_sync(&own, leased[0].sequence, None, None).await.unwrap().is_kept);
        assert_eq!(world.kept().await, Some(state));
        world.clock.advance_by(CHECK_EVERY.saturating_sub(MILLI));
        assert!(world.lease(CustomerWork::Compare).await.is_empty());
        world.clock.advance_by(MILLI);
        assert_eq!(world.lease(CustomerWork::Compare).await, ["cus_1"]);
        assert!(world.lease(CustomerWork::Erase).await.is_empty());
    }

    async fn those_that_wait_the_longest_are_leased_first(world) {
        for number in 0..4 {
            let (user, own) = (user(&format!("user_{number}")), customer(&format!("cus_{number}")));
            world.store.bind_customer(&user, &own).await.unwrap();
            world.clock.advance_by(MILLI);
        }
        world.sync(&customer("cus_0"), None).await;
        world.clock.advance_by(CHECK_EVERY);
        let lease = async |limit| {
            let leased = world.store.lease_customers(CustomerWork::Compare, limit).await.unwrap();
            leased.into_iter().map(|leased| leased.customer).collect::<BTreeSet<_>>()
        };
        assert!(lease(0).await.is_empty());
        assert_eq!(lease(2).await, [customer("cus_1"), customer("cus_2")].into());
        assert_eq!(lease(usize::MAX).await, [customer("cus_0"), customer("cus_3")].into());
        assert!(lease(LEASED_MAX).await.is_empty());
    }

    async fn after_an_erasure_a_customer_waits_for_its_deletion_and_nothing_brings_it_back(world) {
        let (store, own) = (&world.store, world.bind("cus_1").await);
        let state = subscription("sub_1", Status::Active);
        let sequence = store.begin_sync(&own).await.unwrap().unwrap();
        store.finish_sync(&own, sequence, Some(&state), Some(&event("evt_1"))).await.unwrap();
        store.bind_customer(&user("user_bob"), &customer("cus_bob")).await.unwrap();
        assert!(world.lease(CustomerWork::Erase).await.is_empty());
        assert!(!store.has_customers_to_erase().await.unwrap());

        for _ in 0..2 {
            store.erase_account(&world.user).await.unwrap();
        }
        assert!(store.has_customers_to_erase().await.unwrap());
        let refused = store.get_billing(&world.user).await.unwrap_err();
        assert!(matches!(refused, StoreError::AccountErased), "{refused:?}");
        for id in [&own, &customer("cus_2")] {
            let refused = store.bind_customer(&world.user, id).await.unwrap_err();
            assert!(matches!(refused, StoreError::AccountErased), "{refused:?}");
        }
        let refused = store.bind_customer(&user("user_eve"), &own).await.unwrap_err();
        assert!(matches!(refused, StoreError::CustomerTaken), "{refused:?}");
        assert_eq!(store.begin_sync(&own).await.unwrap(), None);
        let late = store.finish_sync(&own, sequence + 9, Some(&state), Some(&event("evt_2"))).await.unwrap();
        assert_eq!(late, Synced { owner: None, is_kept: false, is_changed: false });
        assert!(!store.is_event_processed(&event("evt_2")).await.unwrap());

        assert_eq!(world.lease(CustomerWork::Erase).await, ["cus_1"]);
        assert!(world.lease(CustomerWork::Erase).await.is_empty());
        assert!(store.has_customers_to_erase().await.unwrap(), "leased or not");
        // As long as Stripe is down, and beyond the days for which an erased account is kept.
        world.clock.advance_days(31);
        while store.purge().await.unwrap().has_more {}
        assert_eq!(world.lease(CustomerWork::Erase).await, ["cus_1"]);
        for _ in 0..2 {
            store.forget_customer(&own).await.unwrap();
        }
        assert!(!store.has_customers_to_erase().await.unwrap());
        world.clock.advance_by(LEASE);
        assert!(world.lease(CustomerWork::Erase).await.is_empty());
        assert_eq!(world.lease(CustomerWork::Compare).await, ["cus_bob"]);
    }

    async fn an_erasure_ends_a_lease_for_a_comparison(world) {
        world.bind("cus_1").await;
        world.clock.advance_by(CHECK_EVERY);
        assert_eq!(world.lease(CustomerWork::Compare).await, ["cus_1"]);
        world.store.erase_account(&world.user).await.unwrap();
        assert_eq!(world.lease(CustomerWork::Erase).await, ["cus_1"]);
        world.clock.advance_by(LEASE);
        assert!(world.lease(CustomerWork::Compare).await.is_empty());
    }

    async fn the_local_user_starts_anew_after_an_erasure(world) {
        let (store, local) = (&world.store, UserId::local());
        let first = store.bind_customer(&local, &customer("cus_1")).await.unwrap();
        store.erase_account(&local).await.unwrap();
        assert_eq!(store.get_billing(&local).await.unwrap(), None);
        assert_eq!(store.bind_customer(&local, &customer("cus_2")).await.unwrap(), customer("cus_2"));
        assert_eq!(store.begin_sync(&first).await.unwrap(), None);
    }

    async fn a_customer_that_stripe_deleted_can_be_followed_by_another(world) {
        let own = world.bind("cus_1").await;
        world.sync(&own, Some(&subscription("sub_1", Status::Active))).await;
        world.store.forget_customer(&own).await.unwrap();
        assert_eq!(world.store.get_billing(&world.user).await.unwrap(), None);
        assert_eq!(world.store.ensure_account(&world.user).await.unwrap().subscription, None);
        assert_eq!(world.bind("cus_2").await, customer("cus_2"));
    }
}
