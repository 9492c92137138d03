//! The pages of Stripe on which a subscription is bought and managed: for whom they open, and how many.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Shop, id_of};
use crate::auth::World;
use crate::prompts::assert_problem;
use crate::stripe::fake::faults::{Fault, Kind};
use crate::stripe::fake::{Command, FakeStripe, YEARLY};
use crate::support::FixedClock;

const CHECKOUTS: &str = "/v1/checkout/sessions";

#[tokio::test]
async fn only_its_owner_in_person_buys_or_manages_a_subscription() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let app = &shop.world.app;
    let program = format!("Bearer {}", shop.world.workos.oauth_token("user_ann"));
    let page = format!("Bearer {}", shop.world.workos.web_token("user_ann", "session_1"));
    for path in ["/api/billing/checkout", "/api/billing/portal", "/api/billing/sync"] {
        let headers = [("authorization", program.as_str())];
        let refused = app.call(Method::POST, path, &headers, None).await;
        assert_problem(&refused, 403, "forbidden");
        // Another site, or none that the browser names.
        for headers in
            [&[][..], &[("sec-fetch-site", "cross-site")], &[("origin", "https://evil.example")]]
        {
            let refused = ann.send(app, Method::POST, path, headers, None).await;
            assert_problem(&refused, 403, "forbidden");
        }
        let get = ann.get(app, path).await;
        assert_eq!(get.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    assert_eq!(shop.count("POST", "/v1/").await, 0);
    let read = app.call(Method::GET, "/api/billing", &[("authorization", &program)], None).await;
    assert_eq!(read.json()["plan"], "free");
    let headers = [("authorization", page.as_str())];
    let opened = app.call(Method::POST, "/api/billing/checkout", &headers, None).await;
    assert_eq!(opened.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_bought_is_said_in_one_of_two_words() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    for body in [
        json!({ "interval": "week" }),
        json!({ "interval": "Month" }),
        json!({ "interval": "" }),
        json!({ "interval": YEARLY }),
        json!({ "interval": 1 }),
        json!({ "price": "price_month" }),
        json!({ "customer": "cus_1" }),
    ] {
        let refused = shop.post(&mut ann, "/checkout", Some(body.clone())).await;
        assert_problem(&refused, 422, "invalid-field");
    }
    assert_eq!(shop.count("POST", "/v1/").await, 0);
    let mut urls = BTreeSet::new();
    for body in [None, Some(json!({})), Some(json!({ "interval": "month" }))] {
        let opened = shop.post(&mut ann, "/checkout", body).await;
        assert_eq!(opened.status, StatusCode::OK);
        urls.insert(opened.json()["url"].as_str().unwrap().to_owned());
    }
    assert_eq!(urls.len(), 1, "the page for the month is opened again: {urls:?}");
    let requests = shop.run(Command::Requests).await;
    let prices: Vec<&Value> = requests.as_array().unwrap().iter().collect();
    let prices: Vec<String> = prices
        .iter()
        .filter(|request| request["method"] == "POST" && request["path"] == CHECKOUTS)
        .map(|request| request["params"].to_string())
        .collect();
    assert_eq!(prices.len(), 1);
    assert!(prices.iter().all(|params| params.contains("price_month")), "{prices:?}");
}

#[tokio::test]
async fn one_page_is_open_and_whoever_pays_already_gets_the_portal() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    assert_problem(&shop.post(&mut ann, "/portal", None).await, 404, "not-found");
    let first = shop.open_page(&mut ann, "/checkout").await;
    let second = shop.post(&mut ann, "/checkout", Some(json!({ "interval": "year" }))).await;
    let second = second.json()["url"].as_str().unwrap().to_owned();
    shop.stripe.run(Command::Pay { checkout: id_of(&first) }).await.unwrap_err();
    shop.run(Command::Pay { checkout: id_of(&second) }).await;
    // Before anything is delivered.
    for path in ["/checkout", "/portal", "/checkout"] {
        assert!(shop.open_page(&mut ann, path).await.contains("/portal/"));
    }
    let customer = shop.customer("user_ann").await.unwrap();
    assert_eq!(shop.open_pages(&customer).await, []);
    assert_eq!(shop.client().list_subscriptions(&customer).await.unwrap().subscriptions.len(), 1);
    assert_eq!(shop.count("POST", "/v1/customers").await, 1);
    // The customers of two people are two.
    let mut bob = shop.sign_in("user_bob").await;
    shop.open_page(&mut bob, "/checkout").await;
    assert_ne!(shop.customer("user_bob").await, Some(customer));
}

#[tokio::test]
async fn a_page_is_opened_again_while_it_is_open_for_the_same_price() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let first = shop.open_page(&mut ann, "/checkout").await;
    let asked = shop.count("", "/v1/").await;
    assert_eq!(shop.open_page(&mut ann, "/checkout").await, first);
    assert_eq!(shop.count("", "/v1/").await, asked + 2, "the state, and the pages");
    assert_eq!(shop.count("POST", CHECKOUTS).await, 1);
    // For another price it is another page, and shortly before Stripe closes it.
    let yearly = shop.post(&mut ann, "/checkout", Some(json!({ "interval": "year" }))).await;
    let yearly = yearly.json()["url"].as_str().unwrap().to_owned();
    assert_ne!(yearly, first);
    let customer = shop.customer("user_ann").await.unwrap();
    assert_eq!(shop.open_pages(&customer).await.len(), 1);
    let monthly = shop.open_page(&mut ann, "/checkout").await;
    shop.world.clock.advance_by(Duration::from_hours(23));
    shop.run(Command::Advance { seconds: 0 }).await;
    assert_ne!(shop.open_page(&mut ann, "/checkout").await, monthly);
    assert_eq!(shop.open_pages(&customer).await.len(), 1);
}

#[tokio::test]
async fn many_calls_of_one_user_ask_stripe_one_after_another() {
    let shop = Shop::open().await;
    let ann = shop.sign_in("user_ann").await;
    let urls: BTreeSet<String> = join_all((0..10).map(|_| {
        let mut browser = ann.clone();
        let shop = &shop;
        async move { shop.open_page(&mut browser, "/checkout").await }
    }))
    .await
    .into_iter()
    .collect();
    assert_eq!(urls.len(), 1, "{urls:?}");
    assert_eq!(shop.count("POST", CHECKOUTS).await, 1);
    // Two for each call, six more for the first, and the prices.
    assert!(shop.count("", "/v1/").await <= 2 * 10 + 8);
}

fn post(path: &str, times: usize, kind: Kind) -> Command {
    let (method, path) = (Some("POST".to_owned()), path.to_owned());
    Command::Fail { fault: Fault { method, path, times: Some(times), kind, ..Fault::default() } }
}

/// The idempotency keys of the requests that create a customer.
async fn keys_of_customers(shop: &Shop) -> BTreeSet<String> {
    let requests = shop.run(Command::Requests).await;
    let requests = requests.as_array().unwrap().iter();
    requests
        .filter(|request| request["method"] == "POST" && request["path"] == "/v1/customers")
        .map(|request| request["idempotency_key"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn parallel_checkouts_create_one_customer_and_leave_one_page_open() {
    let shop = Shop::open().await;
    shop.sign_in("user_ann").await;
    // The first call still runs at Stripe while the others repeat it, and every one is as far as the
    // others before a page opens.
    shop.run(post("/v1/customers", 1, Kind::Hold)).await;
    shop.run(post(CHECKOUTS, 4, Kind::Hold)).await;
    let (urls, ()) = tokio::join!(shop.open_on_machines("user_ann", 4), async {
        shop.wait_for("POST", "/v1/customers", 2).await;
        shop.run(Command::Release { answers: 1 }).await;
        shop.wait_for("POST", CHECKOUTS, 4).await;
        shop.run(Command::Release { answers: 4 }).await;
    });
    let customer = shop.customer("user_ann").await.unwrap();
    let open = shop.open_pages(&customer).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(urls.iter().all(|url| id_of(url) == open[0].as_str()), "{urls:?}");
    let checkout = open[0].as_str().to_owned();
    shop.run(Command::Pay { checkout }).await;
    assert_eq!(shop.client().list_subscriptions(&customer).await.unwrap().subscriptions.len(), 1);
    let keys = keys_of_customers(&shop).await;
    assert_eq!(keys.len(), 1);
    assert!(!keys.iter().any(|key| key.contains("ann")), "the key names no user: {keys:?}");
    assert_eq!(shop.run(Command::Customers).await.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_first_failure_that_stripe_repeats_blocks_nobody() {
    let shop = Shop::open().await;
    shop.sign_in("user_ann").await;
    shop.run(post("/v1/customers", 1, Kind::Status(500))).await;
    // Stripe has the failure as the answer to the first key of every call.
    shop.open_on_machines("user_ann", 20).await;
    assert_eq!(keys_of_customers(&shop).await.len(), 2);
    assert_eq!(shop.run(Command::Customers).await.as_array().unwrap().len(), 1);
    let customer = shop.customer("user_ann").await.unwrap();
    assert_eq!(shop.open_pages(&customer).await.len(), 1);
}

#[tokio::test]
async fn a_call_with_a_key_that_is_in_use_waits_and_a_call_without_an_answer_is_not_repeated() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.run(post("/v1/customers", 3, Kind::Status(409))).await;
    shop.open_page(&mut ann, "/checkout").await;
    assert_eq!(shop.count("POST", "/v1/customers").await, 4);
    assert_eq!(keys_of_customers(&shop).await.len(), 1);

    let mut bob = shop.sign_in("user_bob").await;
    shop.run(post("/v1/customers", 1, Kind::Abort)).await;
    let refused = shop.post(&mut bob, "/checkout", None).await;
    assert_problem(&refused, 503, "billing-unavailable");
    assert_eq!(shop.count("POST", "/v1/customers").await, 5);
    shop.open_page(&mut bob, "/checkout").await;
    assert_eq!(keys_of_customers(&shop).await.len(), 2, "the same key again");
}

#[tokio::test]
async fn an_outage_that_uses_every_key_up_blocks_nobody_for_long() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.fail("POST", "/v1/customers", Kind::Status(500)).await;
    let refused = shop.post(&mut ann, "/checkout", None).await;
    assert_problem(&refused, 503, "billing-unavailable");
    shop.run(Command::Recover).await;
    shop.world.clock.advance_by(Duration::from_mins(10));
    let mut ann = shop.sign_in("user_ann").await;
    shop.open_page(&mut ann, "/checkout").await;
}

#[tokio::test]
async fn any_subscription_that_is_to_be_managed_leads_to_the_portal() {
    let tiered = json!({ "billing_scheme": "tiered", "unit_amount": null });
    let quarter = json!({ "recurring": { "interval": "month", "interval_count": 3 } });
    let other_price = json!({ "currency": "eur" });
    for changes in [tiered, quarter, other_price] {
        for status in ["active", "trialing", "past_due", "unpaid", "paused"] {
            let shop = Shop::open().await;
            let mut ann = shop.sign_in("user_ann").await;
            let first = shop.subscribe(&mut ann).await;
            let customer = shop.customer("user_ann").await.unwrap().as_str().to_owned();
            let [id, currency, interval] = ["price_x", "usd", "month"].map(str::to_owned);
            shop.run(Command::AddPrice { id, amount: 5, currency, interval }).await;
            shop.change_price("price_x", changes.clone()).await;
            let other = Command::Subscribe { customer: customer.clone(), price: "price_x".into() };
            let other = shop.run(other).await.as_str().unwrap().to_owned();
            shop.run(Command::SetStatus { subscription: other, status: status.into() }).await;
            // The one that was sold here is over, and more recent.
            shop.run(Command::CancelNow { subscription: first }).await;
            shop.deliver_new().await;
            let state = shop.show(&mut ann).await;
            assert_eq!((&state["plan"], &state["status"]), (&json!("free"), &json!(status)));
            assert_eq!((&state["can_buy"], &state["can_manage"]), (&json!(false), &json!(true)));
            assert_eq!(state.get("price").is_some(), changes.get("currency").is_some());
            let pages = shop.count("POST", CHECKOUTS).await;
            assert!(shop.open_page(&mut ann, "/checkout").await.contains("/portal/"));
            assert_eq!(shop.count("POST", CHECKOUTS).await, pages, "{status} {changes}");
        }
    }
}

#[tokio::test]
async fn a_customer_that_stripe_does_not_have_is_gone_in_the_test_mode_alone() {
    for is_live in [false, true] {
        let shop = Shop::with_settings(|settings| settings.is_live = is_live).await;
        shop.run(Command::SetLive { live: is_live }).await;
        let mut ann = shop.sign_in("user_ann").await;
        shop.subscribe(&mut ann).await;
        assert_eq!(shop.plan(&mut ann).await, "pro");
        let customer = shop.customer("user_ann").await.unwrap();
        // As by data of the test mode that were wiped, or a key of another account.
        shop.run(Command::Forget { id: customer.as_str().to_owned() }).await;
        if is_live {
            for path in ["/sync", "/checkout", "/portal"] {
                let refused = shop.post(&mut ann, path, None).await;
                assert_problem(&refused, 503, "billing-unavailable");
            }
            assert_eq!(shop.customer("user_ann").await, Some(customer));
            assert_eq!(shop.plan(&mut ann).await, "pro");
            continue;
        }
        let synced = shop.post(&mut ann, "/sync", None).await;
        assert_eq!(synced.json()["plan"], "free");
        shop.open_page(&mut ann, "/checkout").await;
        assert_ne!(shop.customer("user_ann").await, Some(customer));
    }
}

#[tokio::test]
async fn a_customer_that_was_deleted_is_gone_in_the_live_mode_too() {
    let shop = Shop::with_settings(|settings| settings.is_live = true).await;
    shop.run(Command::SetLive { live: true }).await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.subscribe(&mut ann).await;
    let customer = shop.customer("user_ann").await.unwrap();
    shop.run(Command::DeleteCustomer { customer: customer.as_str().to_owned() }).await;
    let synced = shop.post(&mut ann, "/sync", None).await;
    assert_eq!(synced.json()["plan"], "free");
    assert_problem(&shop.post(&mut ann, "/portal", None).await, 404, "not-found");
    shop.open_page(&mut ann, "/checkout").await;
    assert_ne!(shop.customer("user_ann").await, Some(customer));
}

#[tokio::test]
async fn what_asks_stripe_costs_more_of_the_callers_rate() {
    let clock = FixedClock::new();
    let stripe = FakeStripe::start(clock.clone()).await.unwrap();
    for (path, units) in [("/checkout", 10), ("/portal", 10), ("/sync", 5)] {
        let settings = super::sell(&stripe);
        let world = World::with_app(clock.clone(), |app| {
            let rate = NonZeroU32::new(60);
            app.billing(settings).limits(move |limits| limits.rate_per_minute = rate)
        })
        .await;
        let mut ann = world.sign_in_browser("user_ann").await;
        let mut post = async |path: &str| {
            let path = format!("/api/billing{path}");
            ann.write(&world.app, Method::POST, &path, None).await
        };
        // The first request creates the customer.
        assert_eq!(post("/checkout").await.status, StatusCode::OK);
        clock.advance_seconds(60);
        for _ in 0..60 / units {
            assert_eq!(post(path).await.status, StatusCode::OK, "{path}");
        }
        assert_problem(&post(path).await, 429, "rate-limited");
    }
}

#[tokio::test]
async fn a_page_that_is_paid_while_another_one_opens_leaves_no_second_one() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let first = shop.open_page(&mut ann, "/checkout").await;
    let fault = Fault {
        method: Some("POST".to_owned()),
        path: CHECKOUTS.to_owned(),
        times: Some(1),
        kind: Kind::Hold,
        ..Fault::default()
    };
    shop.run(Command::Fail { fault }).await;
    // For a year, because the page for a month is open.
    let yearly = Some(json!({ "interval": "year" }));
    let (opened, ()) = tokio::join!(shop.post(&mut ann, "/checkout", yearly), async {
        shop.wait_for("POST", CHECKOUTS, 2).await;
        shop.run(Command::Pay { checkout: id_of(&first) }).await;
        shop.run(Command::Release { answers: 1 }).await;
    });
    let url = opened.json()["url"].as_str().unwrap().to_owned();
    assert!(url.contains("/portal/"), "{url}");
    let customer = shop.customer("user_ann").await.unwrap();
    assert_eq!(shop.open_pages(&customer).await, []);
}

#[tokio::test]
async fn while_stripe_fails_no_page_opens_and_nothing_is_left_half_done() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    for (method, path) in [
        ("POST", "/v1/customers"),
        ("GET", "/v1/subscriptions"),
        ("POST", CHECKOUTS),
        ("GET", CHECKOUTS),
    ] {
        for kind in [Kind::Status(500), Kind::Status(401), Kind::Garbled, Kind::Abort] {
            for has_effect in [false, true] {
                let (method, path) = (Some(method.to_owned()), path.to_owned());
                let fault = Fault { method, path, has_effect, kind, ..Fault::default() };
                shop.run(Command::Fail { fault }).await;
                let refused = shop.post(&mut ann, "/checkout", None).await;
                let problem = assert_problem(&refused, 503, "billing-unavailable");
                assert!(!problem.to_string().contains("cus_"), "{problem}");
                assert!(refused.headers.contains_key("retry-after"));
                shop.run(Command::Recover).await;
                // Stripe repeats its own failures as answers to their keys.
                shop.world.clock.advance_by(Duration::from_mins(10));
                ann = shop.sign_in("user_ann").await;
                // A page whose answer was lost would be opened again without a request to create it.
                if let Some(customer) = shop.customer("user_ann").await {
                    for page in shop.open_pages(&customer).await {
                        shop.client().expire_checkout(&page).await.unwrap();
                    }
                }
            }
        }
    }
    shop.fail("POST", "/v1/billing_portal", Kind::Status(500)).await;
    shop.subscribe(&mut ann).await;
    let customer = shop.customer("user_ann").await.unwrap();
    assert_eq!(shop.open_pages(&customer).await, []);
    for path in ["/portal", "/checkout"] {
        let refused = shop.post(&mut ann, path, None).await;
        assert_problem(&refused, 503, "billing-unavailable");
    }
    assert_eq!(shop.plan(&mut ann).await, "pro");
}

#[tokio::test]
async fn a_profile_gives_a_customer_its_address_once_it_is_bound() {
    for fails in [false, true] {
        let shop = Shop::open().await;
        let profile = json!({ "id": "user_ann", "email": "ann@example.com", "first_name": "Ann" });
        shop.world.workos.set(|directory| {
            directory.profiles.insert("user_ann".to_owned(), profile);
        });
        if fails {
            shop.fail("POST", "/v1/customers/", Kind::Status(500)).await;
        }
        let mut ann = shop.sign_in("user_ann").await;
        shop.open_page(&mut ann, "/checkout").await;
        let id = shop.customer("user_ann").await.unwrap().as_str().to_owned();
        let email = if fails { Value::Null } else { json!("ann@example.com") };
        assert_eq!(shop.run(Command::Show { id }).await["email"], email);
        let requests = shop.run(Command::Requests).await;
        let mut customers = requests.as_array().unwrap().iter().filter(|request| {
            request["method"] == "POST"
                && request["path"].as_str().unwrap().starts_with("/v1/customers")
        });
        assert_eq!(customers.next().unwrap()["params"], json!([]), "one that is not bound");
        assert_eq!(customers.count(), 1);
    }
}
