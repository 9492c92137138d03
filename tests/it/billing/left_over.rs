//! What an erasure leaves at Stripe: the owner is told as long as something may be there.

use axum::http::{Method, StatusCode};
use futures_util::FutureExt;
use serde_json::json;

use super::Shop;
use crate::auth::browser::Browser;
use crate::auth::workos::Failure;
use crate::auth::{URL, settings};
use crate::prompts::assert_problem;
use crate::stripe::fake::Command;
use crate::stripe::fake::faults::Kind;
use crate::support::{TestApp, TestResponse};

async fn erase(app: &TestApp, browser: &mut Browser) -> TestResponse {
    let confirmed = Some(json!({ "confirm": "erase" }));
    browser.write(app, Method::DELETE, "/api/account", confirmed).await
}

/// Asserts that an erasure left exactly these places.
#[track_caller]
fn assert_remaining(answer: &TestResponse, remaining: &[&str]) {
    if remaining.is_empty() {
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    } else {
        let problem = assert_problem(answer, 503, "erasure-incomplete");
        assert_eq!(problem["remaining"], json!(remaining));
    }
}

/// A machine of the shop on which billing is off.
fn without_billing(shop: &Shop) -> TestApp {
    let (clock, store) = (shop.world.clock.clone(), shop.store.clone());
    let sign_in = settings(&shop.world.workos);
    TestApp::builder().clock(clock).store(store).sign_in(URL, sign_in).build()
}

/// Whether the job that deletes customers has been woken since the last call.
fn is_job_woken(shop: &Shop) -> bool {
    shop.billing().deletions().notified().now_or_never().is_some()
}

#[tokio::test]
async fn where_billing_was_turned_off_stripe_remains_until_it_is_on_again() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.subscribe(&mut ann).await;
    let customer = shop.customer("user_ann").await.unwrap();
    let off = without_billing(&shop);
    for _ in 0..2 {
        assert_remaining(&erase(&off, &mut ann).await, &["stripe"]);
    }
    let at_stripe = || shop.run(Command::Show { id: customer.as_str().to_owned() });
    assert_eq!(at_stripe().await["deleted"], json!(null));

    shop.billing().erase_customers().await.unwrap();
    assert_eq!(at_stripe().await["deleted"], true);
    assert_remaining(&erase(&off, &mut ann).await, &[]);
}

#[tokio::test]
async fn where_nothing_was_ever_sold_nothing_remains() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let off = without_billing(&shop);
    assert_remaining(&erase(&off, &mut ann).await, &[]);
}

#[tokio::test]
async fn a_repeated_erasure_claims_nothing_before_the_job_has_deleted_the_customer() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.subscribe(&mut ann).await;
    let mut bob = shop.sign_in("user_bob").await;
    shop.world.workos.set(|directory| directory.api_failure = Some(Failure::Status(500)));
    shop.fail("DELETE", "/v1/customers", Kind::Status(500)).await;
    let app = &shop.world.app;
    assert_remaining(&erase(app, &mut ann).await, &["workos", "stripe"]);
    shop.world.workos.set(|directory| directory.api_failure = None);
    assert_remaining(&erase(app, &mut ann).await, &["stripe"]);
    // Another user's first erasure is not in doubt.
    assert_remaining(&erase(app, &mut bob).await, &[]);

    shop.run(Command::Recover).await;
    shop.billing().erase_customers().await.unwrap();
    assert_remaining(&erase(app, &mut ann).await, &[]);
}

#[tokio::test]
async fn the_job_is_woken_by_what_an_erasure_may_have_left() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.subscribe(&mut ann).await;
    assert!(!is_job_woken(&shop));
    shop.fail("DELETE", "/v1/customers", Kind::Abort).await;
    assert_remaining(&erase(&shop.world.app, &mut ann).await, &["stripe"]);
    assert!(is_job_woken(&shop));

    let data = json!({ "object": "user", "id": "user_eve" });
    let answer = crate::auth::webhooks::deliver(&shop.world, "user.deleted", data).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(is_job_woken(&shop));
}
