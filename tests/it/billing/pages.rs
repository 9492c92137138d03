//! The pages of Stripe on which a subscription is bought and managed: for whom they open, and how many.

use axum::http::{Method, StatusCode};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{Shop, id_of};
use crate::prompts::assert_problem;
use crate::stripe::fake::faults::{Fault, Kind};
use crate::stripe::fake::{Command, YEARLY};

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
    for body in [None, Some(json!({})), Some(json!({ "interval": "month" }))] {
        let opened = shop.post(&mut ann, "/checkout", body).await;
        assert_eq!(opened.status, StatusCode::OK);
    }
    let requests = shop.run(Command::Requests).await;
    let prices: Vec<&Value> = requests.as_array().unwrap().iter().collect();
    let prices: Vec<String> = prices
        .iter()
        .filter(|request| request["method"] == "POST" && request["path"] == CHECKOUTS)
        .map(|request| request["params"].to_string())
        .collect();
    assert_eq!(prices.len(), 3);
    assert!(prices.iter().all(|params| params.contains("price_month")), "{prices:?}");
}

#[tokio::test]
async fn one_page_is_open_and_whoever_pays_already_gets_the_portal() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    assert_problem(&shop.post(&mut ann, "/portal", None).await, 404, "not-found");
    let first = shop.open_page(&mut ann, "/checkout").await;
    let second = shop.open_page(&mut ann, "/checkout").await;
    shop.stripe.run(Command::Pay { checkout: id_of(&first) }).await.unwrap_err();
    shop.run(Command::Pay { checkout: id_of(&second) }).await;
    // Before anything is delivered.
    for path in ["/checkout", "/portal", "/checkout"] {
        assert!(shop.open_page(&mut ann, path).await.contains("/portal/"));
    }
    let customer = shop.customer("user_ann").await.unwrap();
    assert_eq!(shop.client().list_open_checkouts(&customer).await.unwrap(), []);
    assert_eq!(shop.client().list_subscriptions(&customer).await.unwrap().len(), 1);
    assert_eq!(shop.count("POST", "/v1/customers").await, 1);
    // The customers of two people are two.
    let mut bob = shop.sign_in("user_bob").await;
    shop.open_page(&mut bob, "/checkout").await;
    assert_ne!(shop.customer("user_bob").await, Some(customer));
}

#[tokio::test]
async fn parallel_checkouts_create_one_customer_and_leave_one_page_open() {
    let shop = Shop::open().await;
    let ann = shop.sign_in("user_ann").await;
    // Every call is as far as the others before one goes on.
    for path in ["/v1/customers", CHECKOUTS] {
        let fault = Fault {
            method: Some("POST".to_owned()),
            path: path.to_owned(),
            times: Some(4),
            kind: Kind::Hold,
            ..Fault::default()
        };
        shop.run(Command::Fail { fault }).await;
    }
    let calls = (0..4).map(|_| {
        let (shop, mut browser) = (&shop, ann.clone());
        async move { shop.open_page(&mut browser, "/checkout").await }
    });
    let (urls, ()) = tokio::join!(join_all(calls), async {
        for path in ["/v1/customers", CHECKOUTS] {
            shop.wait_for("POST", path, 4).await;
            shop.run(Command::Release { answers: 4 }).await;
        }
    });
    let customer = shop.customer("user_ann").await.unwrap();
    let open = shop.client().list_open_checkouts(&customer).await.unwrap();
    assert_eq!(open.len(), 1, "{open:?}");
    assert!(urls.iter().any(|url| id_of(url) == open[0].as_str()), "{urls:?}");
    let checkout = open[0].as_str().to_owned();
    shop.run(Command::Pay { checkout }).await;
    assert_eq!(shop.client().list_subscriptions(&customer).await.unwrap().len(), 1);
    let requests = shop.run(Command::Requests).await;
    let keys: std::collections::BTreeSet<&str> = requests
        .as_array()
        .unwrap()
        .iter()
        .filter(|request| request["method"] == "POST" && request["path"] == "/v1/customers")
        .map(|request| request["idempotency_key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), 1);
    assert!(!keys.iter().any(|key| key.contains("ann")), "the key names no user: {keys:?}");
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
    let (url, ()) = tokio::join!(shop.open_page(&mut ann, "/checkout"), async {
        shop.wait_for("POST", CHECKOUTS, 2).await;
        shop.run(Command::Pay { checkout: id_of(&first) }).await;
        shop.run(Command::Release { answers: 1 }).await;
    });
    assert!(url.contains("/portal/"), "{url}");
    let customer = shop.customer("user_ann").await.unwrap();
    assert_eq!(shop.client().list_open_checkouts(&customer).await.unwrap(), []);
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
            }
        }
    }
    shop.fail("POST", "/v1/billing_portal", Kind::Status(500)).await;
    shop.subscribe(&mut ann).await;
    let customer = shop.customer("user_ann").await.unwrap();
    assert_eq!(shop.client().list_open_checkouts(&customer).await.unwrap(), []);
    for path in ["/portal", "/checkout"] {
        let refused = shop.post(&mut ann, path, None).await;
        assert_problem(&refused, 503, "billing-unavailable");
    }
    assert_eq!(shop.plan(&mut ann).await, "pro");
}

#[tokio::test]
async fn a_profile_gives_the_customer_its_address() {
    let shop = Shop::open().await;
    let profile = json!({ "id": "user_ann", "email": "ann@example.com", "first_name": "Ann" });
    shop.world.workos.set(|directory| {
        directory.profiles.insert("user_ann".to_owned(), profile);
    });
    let mut ann = shop.sign_in("user_ann").await;
    shop.open_page(&mut ann, "/checkout").await;
    let id = shop.customer("user_ann").await.unwrap().as_str().to_owned();
    assert_eq!(shop.run(Command::Show { id }).await["email"], "ann@example.com");
}
