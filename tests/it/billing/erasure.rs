//! The erasure of an account with a customer at Stripe: nothing of it stays there, whatever fails.

use axum::http::{Method, StatusCode};
use promptdb::domain::subscription::CustomerId;
use serde_json::json;

use super::Shop;
use crate::auth::browser::Browser;
use crate::prompts::assert_problem;
use crate::stripe::fake::faults::{Fault, Kind};
use crate::stripe::fake::{Command, MONTHLY};
use crate::support::TestResponse;

async fn erase(shop: &Shop, browser: &mut Browser) -> TestResponse {
    let confirmed = Some(json!({ "confirm": "erase" }));
    browser.write(&shop.world.app, Method::DELETE, "/api/account", confirmed).await
}

/// A shop in which Ann has a subscription and, beside it, an open page.
async fn with_a_customer() -> (Shop, Browser, CustomerId, String) {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let subscription = shop.subscribe(&mut ann).await;
    let customer = shop.customer("user_ann").await.unwrap();
    let page = "https://prompts.example/app/billing";
    shop.client().create_checkout(&customer, MONTHLY, page, page).await.unwrap();
    (shop, ann, customer, subscription)
}

/// Asserts that nothing of a customer is left at Stripe, or here.
async fn assert_gone(shop: &Shop, customer: &CustomerId, subscription: &str) {
    let shown = shop.run(Command::Show { id: customer.as_str().to_owned() }).await;
    assert_eq!(shown["deleted"], true, "{shown}");
    let shown = shop.run(Command::Show { id: subscription.to_owned() }).await;
    assert_eq!(shown["status"], "canceled");
    assert_eq!(shop.open_pages(customer).await, []);
    assert_not_kept(shop, customer).await;
}

/// Asserts that nothing is kept of a customer, and that no delivery brings it back.
async fn assert_not_kept(shop: &Shop, customer: &CustomerId) {
    let reads = shop.count("GET", "/v1/subscriptions").await;
    for event in shop.run(Command::Events).await.as_array().unwrap() {
        assert_eq!(shop.deliver(event).await.status, StatusCode::OK);
    }
    assert_eq!(shop.count("GET", "/v1/subscriptions").await, reads);
    assert_eq!(shop.store.begin_sync(customer).await.unwrap(), None);
    shop.billing().erase_customers().await.unwrap();
    assert_eq!(shop.count("GET", "/v1/subscriptions").await, reads, "nothing waits");
}

fn deleted_at_workos(shop: &Shop) -> bool {
    let mut is_deleted = false;
    shop.world.workos.set(|directory| is_deleted = directory.deleted.contains("user_ann"));
    is_deleted
}

#[tokio::test]
async fn an_erasure_ends_everything_at_stripe_and_nothing_brings_it_back() {
    let (shop, mut ann, customer, subscription) = with_a_customer().await;
    assert_eq!(erase(&shop, &mut ann).await.status, StatusCode::NO_CONTENT);
    assert!(deleted_at_workos(&shop));
    // In this order: a page that is paid later would begin another subscription.
    let requests = shop.run(Command::Requests).await;
    let ends: Vec<&str> = requests
        .as_array()
        .unwrap()
        .iter()
        .filter(|request| {
            request["method"] == "DELETE" || request["path"].as_str().unwrap().ends_with("/expire")
        })
        .map(|request| request["path"].as_str().unwrap())
        .collect();
    let [expired, canceled, deleted] = ends[..] else { panic!("{ends:?}") };
    assert!(expired.starts_with("/v1/checkout/sessions/"), "{expired}");
    assert_eq!(canceled, format!("/v1/subscriptions/{subscription}"));
    assert_eq!(deleted, format!("/v1/customers/{}", customer.as_str()));
    assert_gone(&shop, &customer, &subscription).await;
}

#[tokio::test]
async fn an_erasure_without_a_customer_asks_stripe_for_nothing() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.fail("GET", "/v1", Kind::Abort).await;
    assert_eq!(erase(&shop, &mut ann).await.status, StatusCode::NO_CONTENT);
    assert_eq!(shop.count("GET", "/v1").await, 0);
}

#[tokio::test]
async fn where_stripe_fails_the_erasure_goes_on_and_a_job_finishes_it() {
    for (method, path) in [
        ("GET", "/v1/checkout/sessions"),
        ("POST", "/v1/checkout/sessions"),
        ("GET", "/v1/subscriptions"),
        ("DELETE", "/v1/subscriptions"),
        ("DELETE", "/v1/customers"),
    ] {
        for kind in [Kind::Status(500), Kind::Abort] {
            let (shop, mut ann, customer, subscription) = with_a_customer().await;
            shop.fail(method, path, kind).await;
            let answer = erase(&shop, &mut ann).await;
            let problem = assert_problem(&answer, 503, "erasure-incomplete");
            assert_eq!(problem["erased"], json!(["promptdb", "workos"]));
            assert_eq!(problem["remaining"], json!(["stripe"]), "{method} {path}");
            assert!(deleted_at_workos(&shop));
            let answer = ann.get(&shop.world.app, "/api/me").await;
            assert_problem(&answer, 401, "account-erased");
            shop.billing().erase_customers().await.unwrap_err();

            shop.run(Command::Recover).await;
            // What is leased is tried again when the lease has ended.
            shop.world.clock.advance_by(promptdb::store::LEASE);
            shop.billing().erase_customers().await.unwrap();
            assert_gone(&shop, &customer, &subscription).await;
        }
    }
}

#[tokio::test]
async fn a_user_who_is_deleted_at_workos_leaves_stripe_too() {
    let (shop, _, customer, subscription) = with_a_customer().await;
    let data = json!({ "object": "user", "id": "user_ann" });
    let answer = crate::auth::webhooks::deliver(&shop.world, "user.deleted", data).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    shop.billing().erase_customers().await.unwrap();
    assert_gone(&shop, &customer, &subscription).await;
}

#[tokio::test]
async fn a_checkout_during_an_erasure_leaves_nothing() {
    for (method, path, has_effect) in [
        ("POST", "/v1/customers", true),
        ("POST", "/v1/customers", false),
        ("GET", "/v1/subscriptions", false),
        ("POST", "/v1/checkout/sessions", false),
        ("POST", "/v1/checkout/sessions", true),
    ] {
        let shop = Shop::open().await;
        let mut ann = shop.sign_in("user_ann").await;
        let mut other = ann.clone();
        let fault = Fault {
            method: Some(method.to_owned()),
            path: path.to_owned(),
            times: Some(1),
            has_effect,
            kind: Kind::Hold,
            ..Fault::default()
        };
        shop.run(Command::Fail { fault }).await;
        let (opened, ()) = tokio::join!(shop.post(&mut ann, "/checkout", None), async {
            shop.wait_for(method, path, 1).await;
            assert_eq!(erase(&shop, &mut other).await.status, StatusCode::NO_CONTENT);
            shop.run(Command::Release { answers: 1 }).await;
        });
        assert_problem(&opened, 401, "account-erased");
        shop.billing().erase_customers().await.unwrap();
        let requests = shop.run(Command::Requests).await;
        let deleted = requests.as_array().unwrap().iter().filter(|request| {
            let path = request["path"].as_str().unwrap();
            request["method"] == "DELETE" && path.starts_with("/v1/customers/")
        });
        let ids: Vec<&str> = deleted
            .map(|request| request["path"].as_str().unwrap().rsplit('/').next().unwrap())
            .collect();
        assert!(!ids.is_empty(), "{method} {path}");
        for id in ids {
            let shown = shop.run(Command::Show { id: id.to_owned() }).await;
            assert_eq!(shown["deleted"], true, "{method} {path}");
            let customer = CustomerId::parse(id).unwrap();
            assert_eq!(shop.open_pages(&customer).await, []);
            assert_not_kept(&shop, &customer).await;
        }
        assert_eq!(shop.customer("user_ann").await, None);
    }
}

#[tokio::test]
async fn a_page_that_opens_after_the_erasure_looked_for_pages_is_closed() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let mut other = ann.clone();
    shop.open_page(&mut ann, "/checkout").await;
    let checkouts = "/v1/checkout/sessions";
    let (pages, lists) = (shop.count("POST", checkouts).await, shop.count("GET", checkouts).await);
    // The page opens when the erasure has read that there is none, and has not deleted the customer yet.
    let hold = |method: &str, has_effect| Command::Fail {
        fault: Fault {
            method: Some(method.to_owned()),
            path: checkouts.to_owned(),
            times: Some(1),
            has_effect,
            kind: Kind::Hold,
            ..Fault::default()
        },
    };
    shop.run(hold("POST", false)).await;
    let opening = async {
        // For a year, because the page for a month is open.
        let opened = shop.post(&mut ann, "/checkout", Some(json!({ "interval": "year" }))).await;
        shop.run(Command::Release { answers: 1 }).await;
        opened
    };
    let erasing = async {
        shop.wait_for("POST", checkouts, pages + 1).await;
        shop.run(hold("GET", true)).await;
        erase(&shop, &mut other).await
    };
    let (opened, erased, ()) = tokio::join!(opening, erasing, async {
        shop.wait_for("GET", checkouts, lists + 2).await;
        shop.run(Command::Release { answers: 1 }).await;
    });
    assert_problem(&opened, 401, "account-erased");
    assert_eq!(erased.status, StatusCode::NO_CONTENT);
    let sessions = shop.run(Command::Checkouts).await;
    let statuses: Vec<&str> =
        sessions.as_array().unwrap().iter().map(|one| one["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["expired", "expired"]);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_stops_no_erasure() {
    let strange: [fn(&mut serde_json::Value); 4] = [
        |object| object["status"] = json!("frozen"),
        |object| object["items"] = json!({ "data": [{ "price": null }] }),
        |object| object["items"] = json!({ "data": [] }),
        |object| object["created"] = json!("yesterday"),
    ];
    for change in strange {
        let (shop, mut ann, customer, subscription) = with_a_customer().await;
        let mut object = shop.run(Command::Show { id: subscription.clone() }).await;
        change(&mut object);
        shop.run(Command::Replace { id: subscription.clone(), object }).await;
        assert_eq!(erase(&shop, &mut ann).await.status, StatusCode::NO_CONTENT);
        assert_gone(&shop, &customer, &subscription).await;
    }
}

#[tokio::test]
async fn an_erasure_does_not_wait_long_for_a_slow_stripe() {
    let (shop, mut ann, customer, subscription) = with_a_customer().await;
    shop.run(Command::Fail {
        fault: Fault {
            method: Some("DELETE".to_owned()),
            path: "/v1/".to_owned(),
            kind: Kind::Hold,
            ..Fault::default()
        },
    })
    .await;
    let erased = erase(&shop, &mut ann).await;
    let problem = assert_problem(&erased, 503, "erasure-incomplete");
    assert_eq!(problem["remaining"], json!(["stripe"]));
    shop.run(Command::Recover).await;
    shop.pass_days(1).await;
    shop.billing().erase_customers().await.unwrap();
    assert_gone(&shop, &customer, &subscription).await;
}

#[tokio::test]
async fn one_customer_that_stripe_keeps_stops_the_work_for_no_other() {
    let shop = Shop::open().await;
    let mut customers = Vec::new();
    for user in ["user_ann", "user_bob", "user_eve"] {
        let mut browser = shop.sign_in(user).await;
        shop.subscribe(&mut browser).await;
        let customer = shop.customer(user).await.unwrap();
        shop.run(Command::SetCard { customer: customer.as_str().to_owned(), works: false }).await;
        customers.push(customer);
    }
    // The deliveries are lost, and the state of the first customer is one that nobody can read.
    shop.pass_days(31).await;
    let first =
        shop.client().list_subscriptions(&customers[0]).await.unwrap().subscriptions[0].id.clone();
    let id = first.as_str().to_owned();
    shop.run(Command::SetStatus { subscription: id, status: "frozen".to_owned() }).await;
    shop.billing().compare_customers().await.unwrap_err();
    let mut states = Vec::new();
    for user in ["user_ann", "user_bob", "user_eve"] {
        let mut browser = shop.sign_in(user).await;
        states.push(shop.show(&mut browser).await["status"].as_str().unwrap().to_owned());
    }
    assert_eq!(states, ["active", "past_due", "past_due"]);

    shop.fail("DELETE", &format!("/v1/customers/{}", customers[1].as_str()), Kind::Abort).await;
    for user in ["user_bob", "user_eve"] {
        let mut browser = shop.sign_in(user).await;
        let expected = if user == "user_bob" { 503 } else { 204 };
        assert_eq!(erase(&shop, &mut browser).await.status.as_u16(), expected);
    }
    shop.billing().erase_customers().await.unwrap_err();
}
