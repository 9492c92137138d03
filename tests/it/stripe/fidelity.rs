//! The fake itself: what it refuses, repeats, signs and delivers, so that other tests can rely on it.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, Request};
use promptdb::clients::http_client;
use promptdb::clients::stripe::{API_VERSION, StripeError};
use promptdb::config::Secret;
use promptdb::domain::Clock;
use promptdb::http::signature::read_signed_body;
use serde_json::{Value, json};

use super::fake::faults::{Fault, Kind};
use super::fake::{Command, MONTHLY, SECRET_KEY, WEBHOOK_SECRET};
use super::{CANCEL_URL, SUCCESS_URL, Shop};

/// Sends a request of its own to the fake, and returns the status and the body.
async fn send(
    shop: &Shop,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, Value) {
    let http = http_client(Duration::from_mins(1)).unwrap();
    let url = format!("{}{target}", shop.stripe.url);
    let mut request = http.request(method.parse().unwrap(), url).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

const AUTHORIZATION: (&str, &str) = ("authorization", "Bearer sk_test_fake");
const VERSION: (&str, &str) = ("stripe-version", API_VERSION);
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const KEY: (&str, &str) = ("idempotency-key", "k1");

#[tokio::test]
async fn it_refuses_what_the_real_one_refuses_and_what_the_client_must_send() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    assert_eq!(SECRET_KEY, AUTHORIZATION.1.trim_start_matches("Bearer "));
    let all = [AUTHORIZATION, VERSION, FORM, KEY];
    let without = |name: &str| -> Vec<(&str, &str)> {
        all.into_iter().filter(|(own, _)| *own != name).collect()
    };
    for (name, status) in [
        ("authorization", 401),
        ("stripe-version", 400),
        ("content-type", 400),
        ("idempotency-key", 400),
    ] {
        let (given, body) =
            send(&shop, "POST", "/v1/customers", &without(name), "email=a@b.c").await;
        assert_eq!(given, status, "without {name}: {body}");
    }
    let old = [AUTHORIZATION, ("stripe-version", "2024-06-20"), FORM, KEY];
    assert_eq!(send(&shop, "POST", "/v1/customers", &old, "").await.0, 400);
    assert_eq!(send(&shop, "POST", "/v1/nothing", &all, "").await.0, 404);
    assert_eq!(send(&shop, "POST", "/v1/customers?email=a@b.c", &all, "").await.0, 400);

    let good = format!(
        "mode=subscription&customer={}&line_items[0][price]={MONTHLY}&line_items[0][quantity]=1\
         &success_url={SUCCESS_URL}&cancel_url={CANCEL_URL}",
        customer.as_str()
    );
    let mistakes = [
        (good.replace("mode=subscription", "mode=gift"), "parameter_invalid_string"),
        (good.replace("quantity]=1", "quantity]=one"), "parameter_invalid_integer"),
        (good.replace("&success_url=", "&success="), "parameter_unknown"),
        (good.replace(SUCCESS_URL, "nowhere"), "url_invalid"),
        (good.replace(SUCCESS_URL, ""), "parameter_invalid_empty"),
        (good.replace(MONTHLY, "price_none"), "resource_missing"),
        (good.replace(customer.as_str(), "cus_none"), "resource_missing"),
        (good.replace("mode=subscription&", ""), "parameter_missing"),
        (format!("{good}&mode=subscription"), "parameter_invalid"),
    ];
    for (index, (body, code)) in mistakes.into_iter().enumerate() {
        let key = format!("mistake_{index}");
        let headers = [&without("idempotency-key")[..], &[("idempotency-key", &key)]].concat();
        let (status, answer) = send(&shop, "POST", "/v1/checkout/sessions", &headers, &body).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(code)), "{body}: {answer}");
    }
    let (status, page) = send(&shop, "POST", "/v1/checkout/sessions", &all, &good).await;
    assert_eq!((status, &page["status"]), (200, &json!("open")));
    let again = send(&shop, "POST", "/v1/checkout/sessions", &all, &good).await;
    assert_eq!(again, (200, page), "the answer of the same key");
    let bad_limit = "/v1/subscriptions?limit=101";
    assert_eq!(send(&shop, "GET", bad_limit, &[AUTHORIZATION, VERSION], "").await.0, 400);
}

/// The status of a delivery by the server's own check: 200, or that of its refusal.
async fn verify(shop: &Shop, secrets: &[&str], delivery: &Value) -> bool {
    let header = HeaderName::from_static("stripe-signature");
    let request = Request::post("/webhooks/stripe")
        .header(&header, delivery["signature"].as_str().unwrap())
        .body(Body::from(delivery["body"].as_str().unwrap().to_owned()))
        .unwrap();
    let secrets: Vec<Secret> =
        secrets.iter().map(|text| Secret::from((*text).to_owned())).collect();
    read_signed_body(request, header, &secrets, shop.clock.now()).await.is_ok()
}

#[tokio::test]
async fn its_deliveries_verify_for_five_minutes_with_any_secret_of_a_rotation() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    shop.subscribe(&customer).await;
    let events = shop.run(Command::Events).await;
    let event = events[0]["id"].as_str().unwrap().to_owned();
    let sign = || Command::Sign { event: event.clone() };
    let delivery = shop.run(sign()).await;
    assert!(verify(&shop, &[WEBHOOK_SECRET], &delivery).await);
    assert!(verify(&shop, &["whsec_new", WEBHOOK_SECRET], &delivery).await);
    assert!(!verify(&shop, &["whsec_new"], &delivery).await);
    let mut changed = delivery.clone();
    changed["body"] = json!(delivery["body"].as_str().unwrap().replace(':', ": "));
    assert!(!verify(&shop, &[WEBHOOK_SECRET], &changed).await, "re-encoded");

    shop.clock.advance_seconds(300);
    assert!(verify(&shop, &[WEBHOOK_SECRET], &delivery).await);
    shop.clock.advance_seconds(1);
    assert!(!verify(&shop, &[WEBHOOK_SECRET], &delivery).await);
    let secrets = Some(vec!["whsec_new".to_owned(), WEBHOOK_SECRET.to_owned()]);
    let url = format!("{}/deliveries", shop.stripe.url);
    shop.run(Command::SetWebhook { url, secrets, automatic: false }).await;
    let both = shop.run(sign()).await;
    assert!(verify(&shop, &[WEBHOOK_SECRET], &both).await);
    assert!(verify(&shop, &["whsec_new"], &both).await);
}

#[tokio::test]
async fn its_events_are_delivered_in_any_order_twice_or_at_once() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let url = format!("{}/deliveries", shop.stripe.url);
    let webhook = |automatic| Command::SetWebhook { url: url.clone(), secrets: None, automatic };
    shop.run(webhook(false)).await;
    let subscription = shop.subscribe(&customer).await.as_str().to_owned();
    let events = shop.run(Command::Events).await;
    let kinds: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "customer.subscription.created",
            "invoice.paid",
            "customer.subscription.updated",
            "checkout.session.completed",
        ]
    );
    let ids: Vec<String> =
        [2, 0, 2].map(|index: usize| events[index]["id"].as_str().unwrap().to_owned()).into();
    assert_eq!(shop.run(Command::Deliver { events: Some(ids) }).await, json!([200, 200, 200]));
    assert_eq!(shop.run(Command::Deliver { events: None }).await, json!([200, 200]));
    assert_eq!(shop.run(Command::Deliver { events: None }).await, json!([]));

    shop.run(webhook(true)).await;
    shop.run(Command::CancelNow { subscription }).await;
    let received = shop.run(Command::Received).await;
    let received: Vec<&str> =
        received.as_array().unwrap().iter().map(|one| one["event"].as_str().unwrap()).collect();
    let expected = [
        "customer.subscription.updated",
        "customer.subscription.created",
        "customer.subscription.updated",
        "invoice.paid",
        "checkout.session.completed",
        "customer.subscription.deleted",
    ];
    assert_eq!(received, expected);
}

#[tokio::test]
async fn a_reset_account_is_empty_and_repeats_no_id() {
    let shop = Shop::open().await;
    let before = shop.new_customer().await;
    shop.subscribe(&before).await;
    shop.advance_days(1).await;
    shop.run(Command::Reset).await;
    assert_eq!(shop.run(Command::Events).await, json!([]));
    let error = shop.client.list_subscriptions(&before).await.unwrap_err();
    assert!(matches!(error, StripeError::NoCustomer), "{error}");
    let after = shop.new_customer().await;
    assert!(after > before, "{after:?}");
    shop.subscribe(&after).await;
    assert_eq!(shop.only(&after).await.created_at, shop.clock.now());
}

#[tokio::test]
async fn an_answer_is_held_until_a_command_lets_it_go() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let subscription = shop.subscribe(&customer).await.as_str().to_owned();
    let path = "/v1/subscriptions".to_owned();
    let (times, has_effect) = (Some(1), true);
    let fault = Fault { path, times, has_effect, kind: Kind::Hold, ..Fault::default() };
    shop.run(Command::Fail { fault }).await;
    let held = shop.list(&customer);
    let later = async {
        // The held request has arrived once its fault is used up.
        while shop.run(Command::Requests).await.as_array().unwrap().len() < 3 {
            tokio::task::yield_now().await;
        }
        shop.run(Command::CancelNow { subscription }).await;
        let now = shop.list(&customer).await;
        shop.run(Command::Release { answers: 1 }).await;
        now
    };
    let (held, now) = tokio::join!(held, later);
    assert_ne!(held[0].status, now[0].status, "the held answer is of before");
}

#[tokio::test]
async fn one_request_of_a_key_runs_and_its_failure_is_repeated() {
    let shop = Shop::open().await;
    let path = "/v1/customers".to_owned();
    let times = Some(1);
    let fault = |kind| Fault { path: path.clone(), times, kind, ..Fault::default() };
    shop.run(Command::Fail { fault: fault(Kind::Hold) }).await;
    let (first, ()) = tokio::join!(shop.client.create_customer("one"), async {
        // The first request is held once it is kept.
        while shop.run(Command::Requests).await.as_array().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let error = shop.client.create_customer("one").await.unwrap_err();
        assert!(error.is_conflict(), "{error}");
        shop.client.create_customer("other").await.unwrap();
        shop.run(Command::Release { answers: 1 }).await;
    });
    assert_eq!(shop.client.create_customer("one").await.unwrap(), first.unwrap());

    shop.run(Command::Fail { fault: fault(Kind::Status(500)) }).await;
    for _ in 0..2 {
        let error = shop.client.create_customer("failed").await.unwrap_err();
        assert!(error.is_server_error(), "{error}");
    }
    shop.client.create_customer("next").await.unwrap();
    // What never began is not repeated, nor is what a proxy states.
    for kind in [Kind::Status(409), Kind::Status(429), Kind::Page(502), Kind::Abort] {
        shop.run(Command::Fail { fault: fault(kind) }).await;
        let key = format!("{kind:?}");
        shop.client.create_customer(&key).await.unwrap_err();
        shop.client.create_customer(&key).await.unwrap();
    }
}

#[tokio::test]
async fn a_person_pays_and_manages_on_its_pages() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let http = http_client(Duration::from_mins(1)).unwrap();
    let checkout = shop.client.create_checkout(&customer, MONTHLY, SUCCESS_URL, CANCEL_URL);
    let checkout = checkout.await.unwrap().url;
    let page = http.get(&checkout).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Subscribe") && page.contains(CANCEL_URL), "{page}");
    let press = |url: String, form: String| {
        let request = http.post(url).header(FORM.0, FORM.1).body(form);
        async move { request.send().await.unwrap() }
    };
    let paid = press(checkout.clone(), "action=pay".to_owned()).await;
    assert_eq!(
        (paid.status().as_u16(), paid.headers()["location"].to_str().unwrap()),
        (303, SUCCESS_URL)
    );
    assert_eq!(press(checkout, "action=pay".to_owned()).await.status().as_u16(), 410, "paid once");

    let portal = shop.client.create_portal(&customer, CANCEL_URL).await.unwrap();
    let id = shop.only(&customer).await.id.as_str().to_owned();
    for (action, is_planned) in [("cancel", true), ("resume", false), ("update_card", false)] {
        let form = format!("action={action}&subscription={id}");
        assert_eq!(press(portal.clone(), form).await.status().as_u16(), 303);
        assert_eq!(shop.only(&customer).await.ends_at.is_some(), is_planned, "{action}");
    }
    let other = shop.new_customer().await;
    let foreign = shop.client.create_portal(&other, CANCEL_URL).await.unwrap();
    let form = format!("action=cancel_now&subscription={id}");
    assert_eq!(press(foreign, form.clone()).await.status().as_u16(), 410);
    assert_eq!(press(portal, form).await.status().as_u16(), 303);
    assert!(shop.only(&customer).await.ends_at.is_some());
}
