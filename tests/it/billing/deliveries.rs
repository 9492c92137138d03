//! `POST /webhooks/stripe`: what is accepted, and what follows from it.

use axum::http::StatusCode;
use promptdb::domain::Clock;
use promptdb::domain::subscription::EventId;
use serde_json::{Value, json};

use super::{NEXT_SECRET, Shop};
use crate::auth::webhooks::sign;
use crate::prompts::assert_problem;
use crate::stripe::fake::faults::Kind;
use crate::stripe::fake::{Command, WEBHOOK_SECRET};

const SUBSCRIPTIONS: &str = "/v1/subscriptions";

/// The header of a signature that is `age` seconds old.
fn header(shop: &Shop, secret: &str, age: i64, body: &str) -> String {
    let time = (shop.world.clock.now().as_millis() / 1000 - age).to_string();
    format!("t={time},v1={}", sign(secret, &time, body))
}

/// Delivers a body with a good signature.
async fn deliver(shop: &Shop, body: &Value) -> StatusCode {
    let body = body.to_string();
    shop.deliver_text(&[&header(shop, WEBHOOK_SECRET, 0, &body)], &body).await.status
}

async fn is_processed(shop: &Shop, event: &Value) -> bool {
    let id = EventId::parse(event["id"].as_str().unwrap()).unwrap();
    shop.store.is_event_processed(&id).await.unwrap()
}

/// A shop whose customer Ann has paid, and the event about her subscription.
async fn with_an_event() -> (Shop, Value) {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.pay(&mut ann).await;
    let events = shop.take_events().await;
    let event = events.into_iter().find(|event| event["type"] == "customer.subscription.created");
    (shop, event.unwrap())
}

#[tokio::test]
async fn only_one_recent_signature_over_the_very_bytes_is_accepted() {
    let (shop, event) = with_an_event().await;
    let body = event.to_string();
    let good = header(&shop, WEBHOOK_SECRET, 0, &body);
    let reads = shop.count("GET", SUBSCRIPTIONS).await;
    let code = good.split_once("v1=").unwrap().1;
    let time = good.split(',').next().unwrap();
    for (what, headers) in [
        ("no signature", vec![]),
        ("an empty one", vec![String::new()]),
        ("another secret", vec![header(&shop, "whsec_other", 0, &body)]),
        ("an empty secret", vec![header(&shop, "", 0, &body)]),
        ("the name of the secret without its prefix", vec![header(&shop, "fake", 0, &body)]),
        ("an old one", vec![header(&shop, WEBHOOK_SECRET, 301, &body)]),
        ("one of the future", vec![header(&shop, WEBHOOK_SECRET, -301, &body)]),
        ("the header twice", vec![good.clone(), good.clone()]),
        ("a good one after a bad one", vec!["x".to_owned(), good.clone()]),
        ("another time", vec![format!("t=1767225601,v1={code}")]),
        ("no time", vec![format!("v1={code}")]),
        ("no code", vec![time.to_owned()]),
        ("a cut code", vec![good[..good.len() - 1].to_owned()]),
        ("a code of another scheme", vec![format!("{time},v0={code}")]),
        ("a code in Base64", vec![format!("{time},v1={}", "QUJD".repeat(16))]),
        ("five codes", vec![format!("{time}{}", format!(",v1={code}").repeat(5))]),
    ] {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        assert_problem(&shop.deliver_text(&headers, &body).await, 400, "malformed");
        assert!(!is_processed(&shop, &event).await, "{what}");
    }
    let pretty = serde_json::to_string_pretty(&event).unwrap();
    for other in [pretty.as_str(), &format!("{body}\n"), &format!("\u{feff}{body}"), "", "{}"] {
        assert_problem(&shop.deliver_text(&[&good], other).await, 400, "malformed");
    }
    assert_eq!(shop.count("GET", SUBSCRIPTIONS).await, reads, "nothing is read for them");
    assert!(!is_processed(&shop, &event).await);
}

#[tokio::test]
async fn each_secret_is_accepted_while_one_replaces_another() {
    let wrong = "0".repeat(64);
    for (secret, age) in [(NEXT_SECRET, 0), (WEBHOOK_SECRET, 300), (WEBHOOK_SECRET, -300)] {
        let (shop, event) = with_an_event().await;
        let body = event.to_string();
        // Stripe signs with both secrets, of which this server may not have one yet.
        let header = format!("{},v1={wrong},v0=x", header(&shop, secret, age, &body));
        assert_eq!(shop.deliver_text(&[&header], &body).await.status, StatusCode::OK);
        assert!(is_processed(&shop, &event).await);
    }
}

#[tokio::test]
async fn a_body_of_more_than_64_kib_is_refused() {
    let shop = Shop::open().await;
    for (size, status) in [(64 * 1024, 200), (64 * 1024 + 1, 413)] {
        let mut body = json!({ "id": "evt_1", "type": "x.y", "pad": "" }).to_string();
        body.insert_str(body.len() - 2, &"x".repeat(size - body.len()));
        let header = header(&shop, WEBHOOK_SECRET, 0, &body);
        assert_eq!(shop.deliver_text(&[&header], &body).await.status.as_u16(), status);
    }
}

#[tokio::test]
async fn what_is_about_nothing_here_is_received_and_forgotten() {
    let (shop, event) = with_an_event().await;
    let reads = shop.count("GET", SUBSCRIPTIONS).await;
    let with = |changes: Value| {
        let mut event = event.clone();
        for (path, value) in changes.as_object().unwrap() {
            *event.pointer_mut(path).unwrap() = value.clone();
        }
        event
    };
    for other in [
        with(json!({ "/type": "customer.updated" })),
        with(json!({ "/type": "customer.subscription.trial_will_end" })),
        with(json!({ "/type": "CUSTOMER.SUBSCRIPTION.CREATED" })),
        with(json!({ "/livemode": true })),
        with(json!({ "/livemode": null })),
        with(json!({ "/data/object/customer": "cus_unknown" })),
        with(json!({ "/data/object/customer": "../customers/x" })),
        with(json!({ "/data/object/customer": null })),
        with(json!({ "/data/object/customer": 7 })),
        with(json!({ "/data/object": [] })),
        with(json!({ "/data": null })),
        json!({ "id": event["id"], "object": "v2.core.event", "type": "v2.core.account.created" }),
    ] {
        assert_eq!(deliver(&shop, &other).await, StatusCode::OK, "{other}");
        assert!(!is_processed(&shop, &event).await, "{other}");
    }
    assert_eq!(shop.count("GET", SUBSCRIPTIONS).await, reads);
    for garbled in [json!([]), json!("x"), json!({ "type": "invoice.paid" }), json!({ "id": 7 })] {
        assert_eq!(deliver(&shop, &garbled).await, StatusCode::BAD_REQUEST, "{garbled}");
    }
}

#[tokio::test]
async fn while_stripe_fails_a_delivery_fails_and_is_repeated() {
    for kind in [Kind::Status(500), Kind::Status(429), Kind::Page(404), Kind::Garbled, Kind::Abort]
    {
        let (shop, event) = with_an_event().await;
        let mut ann = shop.sign_in("user_ann").await;
        shop.fail("GET", SUBSCRIPTIONS, kind).await;
        for _ in 0..2 {
            let answer = shop.deliver(&event).await;
            assert_problem(&answer, 503, "billing-unavailable");
            assert!(!is_processed(&shop, &event).await);
        }
        // Everything else works.
        assert_eq!(shop.show(&mut ann).await["plan"], "free");
        shop.run(Command::Recover).await;
        assert_eq!(shop.deliver(&event).await.status, StatusCode::OK, "{kind:?}");
        assert!(is_processed(&shop, &event).await);
        assert_eq!(shop.plan(&mut ann).await, "pro");
    }
}

#[tokio::test]
async fn while_the_store_fails_a_delivery_fails_and_is_repeated() {
    let (shop, event) = with_an_event().await;
    let mut ann = shop.sign_in("user_ann").await;
    let path = shop.dir.path().join("library").join("promptdb.db");
    let file = rusqlite::Connection::open(path).unwrap();
    let fail = "BEGIN SELECT RAISE(ABORT, 'a fault'); END";
    // The number, the state, and the event that is recorded in the transaction of the state.
    for moment in [
        "UPDATE OF sequence ON subscriptions",
        "UPDATE OF status ON subscriptions",
        "INSERT ON stripe_events",
    ] {
        file.execute_batch(&format!("CREATE TRIGGER fault BEFORE {moment} {fail}")).unwrap();
        assert_problem(&shop.deliver(&event).await, 500, "internal");
        assert!(!is_processed(&shop, &event).await, "{moment}");
        assert_eq!(shop.plan(&mut ann).await, "free", "{moment}");
        file.execute_batch("DROP TRIGGER fault").unwrap();
    }
    assert_eq!(shop.deliver(&event).await.status, StatusCode::OK);
    assert_eq!(shop.plan(&mut ann).await, "pro");
}

#[tokio::test]
async fn what_an_event_claims_is_not_believed() {
    let shop = Shop::open().await;
    let (mut ann, mut bob) = (shop.sign_in("user_ann").await, shop.sign_in("user_bob").await);
    shop.open_page(&mut ann, "/checkout").await;
    let subscription = shop.subscribe(&mut bob).await;
    let [of_ann, of_bob] = [shop.customer("user_ann").await, shop.customer("user_bob").await];
    let object = shop.run(Command::Show { id: subscription }).await;
    // Bob's subscription, claimed for Ann; and an end of it that did not happen.
    let forged =
        |id: &str, customer: &Option<promptdb::domain::subscription::CustomerId>, status| {
            let mut object = object.clone();
            object["customer"] = json!(customer.as_ref().unwrap().as_str());
            object["status"] = json!(status);
            object["metadata"] = json!({ "user_id": "user_ann" });
            json!({ "id": id, "object": "event", "type": "customer.subscription.updated",
            "livemode": false, "data": { "object": object } })
        };
    for (index, event) in [forged("evt_a", &of_ann, "active"), forged("evt_b", &of_bob, "canceled")]
        .iter()
        .enumerate()
    {
        let reads = shop.count("GET", SUBSCRIPTIONS).await;
        assert_eq!(deliver(&shop, event).await, StatusCode::OK);
        assert_eq!(shop.count("GET", SUBSCRIPTIONS).await, reads + 1, "a reason to read");
        assert!(is_processed(&shop, event).await, "{index}");
    }
    assert_eq!(shop.show(&mut ann).await["status"], "none");
    assert_eq!(shop.plan(&mut ann).await, "free");
    assert_eq!(shop.show(&mut bob).await["status"], "active");
    assert_eq!(shop.plan(&mut bob).await, "pro");
}

#[tokio::test]
async fn a_repeated_event_is_processed_once() {
    let (shop, event) = with_an_event().await;
    let reads = shop.count("GET", SUBSCRIPTIONS).await;
    for _ in 0..3 {
        assert_eq!(shop.deliver(&event).await.status, StatusCode::OK);
    }
    assert_eq!(shop.count("GET", SUBSCRIPTIONS).await, reads + 1);
}

#[tokio::test]
async fn another_price_or_mode_grants_nothing() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.open_page(&mut ann, "/checkout").await;
    let customer = || async { shop.customer("user_ann").await.unwrap().as_str().to_owned() };
    let [id, currency, interval] = ["price_other", "usd", "month"].map(str::to_owned);
    shop.run(Command::AddPrice { id: id.clone(), amount: 1, currency, interval }).await;
    let other = Command::Subscribe { customer: customer().await, price: id };
    let other = shop.run(other).await.as_str().unwrap().to_owned();
    shop.deliver_new().await;
    let state = shop.show(&mut ann).await;
    assert_eq!((&state["status"], &state["plan"]), (&json!("active"), &json!("free")));

    shop.run(Command::CancelNow { subscription: other }).await;
    shop.run(Command::SetLive { live: true }).await;
    let price = "price_month".to_owned();
    shop.run(Command::Subscribe { customer: customer().await, price }).await;
    shop.deliver_new().await;
    let synced = shop.post(&mut ann, "/sync", None).await;
    assert_eq!(synced.json()["plan"], "free");
    assert_eq!(shop.plan(&mut ann).await, "free");
}

#[tokio::test]
async fn a_later_state_is_not_replaced_by_one_that_was_read_before_it() {
    let (shop, event) = with_an_event().await;
    let mut ann = shop.sign_in("user_ann").await;
    // Stripe's answer of now arrives after that to a later question.
    let fault = crate::stripe::fake::faults::Fault {
        path: SUBSCRIPTIONS.to_owned(),
        times: Some(1),
        has_effect: true,
        kind: Kind::Hold,
        ..Default::default()
    };
    let reads = shop.count("GET", SUBSCRIPTIONS).await;
    shop.run(Command::Fail { fault }).await;
    let (held, ()) = tokio::join!(shop.deliver(&event), async {
        shop.wait_for("GET", SUBSCRIPTIONS, reads + 1).await;
        let subscription = event["data"]["object"]["id"].as_str().unwrap().to_owned();
        shop.run(Command::CancelNow { subscription }).await;
        shop.deliver_new().await;
        assert_eq!(shop.show(&mut ann).await["status"], "canceled");
        shop.run(Command::Release { answers: 1 }).await;
    });
    assert_eq!(held.status, StatusCode::OK);
    assert!(is_processed(&shop, &event).await);
    assert_eq!(shop.show(&mut ann).await["status"], "canceled");
}
