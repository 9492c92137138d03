//! What runs beside requests, and what a reading that changes nothing costs.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use axum::http::StatusCode;
use promptdb::billing::RUN_MAX;
use promptdb::jobs::{Jobs, billing_jobs};
use promptdb::store::CHECK_EVERY;
use tempfile::TempDir;

use super::{Shop, sell};
use crate::auth::World;
use crate::stores::HeldStore;
use crate::stripe::fake::faults::Kind;
use crate::stripe::fake::{Command, FakeStripe};
use crate::support::{FixedClock, sqlite};

const READ: (&str, &str) = ("GET", "/v1/subscriptions");

/// A shop with three customers that wait for a comparison, and the number of readings so far.
async fn with_three_to_compare() -> (Shop, usize) {
    let shop = Shop::open().await;
    for user in ["user_ann", "user_bob", "user_eve"] {
        let mut browser = shop.sign_in(user).await;
        shop.subscribe(&mut browser).await;
    }
    shop.world.clock.advance_by(CHECK_EVERY);
    let readings = shop.count(READ.0, READ.1).await;
    (shop, readings)
}

#[tokio::test]
async fn a_stop_waits_for_no_customer_while_stripe_hangs() {
    let (shop, before) = with_three_to_compare().await;
    shop.fail(READ.0, READ.1, Kind::Hang).await;
    let jobs = Jobs::start(billing_jobs(shop.billing()));
    shop.wait_for(READ.0, READ.1, before + 1).await;
    jobs.stop().await;
    assert_eq!(shop.count(READ.0, READ.1).await, before + 1);
}

#[tokio::test]
async fn a_run_that_stripe_makes_slow_leaves_the_rest_to_a_later_one() {
    let (shop, before) = with_three_to_compare().await;
    shop.fail(READ.0, READ.1, Kind::Hold).await;
    let (outcome, ()) = tokio::join!(shop.billing().compare_customers(), async {
        shop.wait_for(READ.0, READ.1, before + 1).await;
        shop.world.clock.advance_by(RUN_MAX);
        shop.run(Command::Recover).await;
    });
    outcome.unwrap();
    assert_eq!(shop.count(READ.0, READ.1).await, before + 1);

    shop.world.clock.advance_by(promptdb::store::LEASE);
    shop.billing().compare_customers().await.unwrap();
    assert_eq!(shop.count(READ.0, READ.1).await, before + 3);
}

#[tokio::test]
async fn a_state_that_is_kept_already_makes_no_request_read_the_account_anew() {
    let (clock, dir) = (FixedClock::new(), TempDir::new().unwrap());
    let stripe = FakeStripe::start(clock.clone()).await.unwrap();
    let store = Arc::new(HeldStore::new(Arc::new(sqlite(&dir, clock.clone()))));
    let settings = sell(&stripe);
    let world = World::with_app(clock, |app| app.store(store.clone()).billing(settings)).await;
    let shop = Shop { world, stripe, store: store.clone(), delivered: AtomicUsize::new(0), dir };
    let mut ann = shop.sign_in("user_ann").await;
    shop.pay(&mut ann).await;
    assert_eq!(shop.plan(&mut ann).await, "free");
    let mut sync = async || {
        let before = store.count("ensure_account");
        let answer = shop.post(&mut ann, "/sync", None).await;
        assert_eq!((answer.status, &answer.json()["plan"]), (StatusCode::OK, &"pro".into()));
        assert_eq!(shop.plan(&mut ann).await, "pro");
        store.count("ensure_account") - before
    };
    assert_eq!(sync().await, 1, "of a change, the next request learns");
    assert_eq!(sync().await, 0);
}
