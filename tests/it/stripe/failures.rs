//! What the client makes of failures at every step: the kind of the error, and nothing of the
//! request in its text.

use std::time::Duration;

use promptdb::clients::stripe::StripeError;
use promptdb::clients::{CallError, Failure};
use promptdb::domain::subscription::{CheckoutId, SubscriptionId};

use super::fake::faults::{Fault, Kind};
use super::fake::{Command, MONTHLY, SECRET_KEY};
use super::{CANCEL_URL, SUCCESS_URL, Shop, client};

/// Calls every method of the client once, and returns the errors by name.
async fn call_all(shop: &Shop) -> Vec<(&'static str, Option<StripeError>)> {
    let customer = shop.new_customer().await;
    let checkout = shop.new_checkout(&customer).await;
    let subscription = shop.subscribe(&customer).await;
    let stripe = &shop.client;
    vec![
        ("create_customer", stripe.create_customer("k").await.err()),
        ("update_customer", stripe.set_customer_email(&customer, "ann@example.com").await.err()),
        ("get_customer", stripe.is_customer_deleted(&customer).await.err()),
        (
            "create_checkout",
            stripe.create_checkout(&customer, MONTHLY, SUCCESS_URL, CANCEL_URL).await.err(),
        ),
        ("create_portal", stripe.create_portal(&customer, CANCEL_URL).await.err()),
        ("list_subscriptions", stripe.list_subscriptions(&customer).await.err()),
        ("list_open_checkouts", stripe.list_open_checkouts(&customer).await.err()),
        ("get_price", stripe.get_price(MONTHLY).await.err()),
        ("expire_checkout", stripe.expire_checkout(&checkout).await.err()),
        ("cancel_subscription", stripe.cancel_subscription(&subscription).await.err()),
        ("delete_customer", stripe.delete_customer(&customer).await.err()),
    ]
}

/// The requests before those that fail: a customer and two checkout pages.
const PREPARATION: usize = 3;

#[tokio::test]
async fn every_call_fails_by_kind_and_quotes_nothing() {
    for (kind, word) in [
        (Kind::Status(500), "failed"),
        (Kind::Status(502), "failed"),
        (Kind::Status(429), "overloaded"),
        (Kind::Status(503), "overloaded"),
        (Kind::Status(409), "failed"),
        (Kind::Status(402), "refused"),
        (Kind::Page(200), "failed"),
        (Kind::Page(302), "failed"),
        (Kind::Page(404), "failed"),
        (Kind::Page(403), "refused"),
        (Kind::Garbled, "failed"),
        (Kind::Abort, "unreachable"),
    ] {
        let shop = Shop::open().await;
        let fault = Fault { skip: PREPARATION, kind, ..Fault::default() };
        shop.run(Command::Fail { fault }).await;
        for (name, error) in call_all(&shop).await {
            let error = error.unwrap_or_else(|| panic!("{name} succeeds after {kind:?}"));
            assert_eq!(error.kind(), word, "{name} after {kind:?}: {error}");
            let text = format!("{error} {error:?}");
            for secret in [SECRET_KEY, "cus_", "cs_", "sub_", "price_", "ann@", "http"] {
                assert!(!text.contains(secret), "{name} after {kind:?}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_ends_when_its_time_is_over() {
    let shop = Shop::with_timeout(Duration::from_millis(200)).await;
    let patient = client(&shop.stripe.url, SECRET_KEY, Duration::from_mins(1));
    let customer = patient.create_customer("k").await.unwrap();
    let fault = Fault { kind: Kind::Hang, ..Fault::default() };
    shop.run(Command::Fail { fault }).await;
    let error = shop.client.list_subscriptions(&customer).await.unwrap_err();
    assert!(matches!(error, StripeError::Call(CallError::Timeout)), "{error}");
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_shown() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let stranger = client(&shop.stripe.url, "sk_test_wrong", Duration::from_mins(1));
    let error = stranger.list_subscriptions(&customer).await.unwrap_err();
    assert!(matches!(error, StripeError::Refused(_)), "{error}");
    assert!(!format!("{error:?}").contains("sk_test"), "{error:?}");
}

#[tokio::test]
async fn an_effect_without_its_answer_is_found_again() {
    let shop = Shop::open().await;
    let lose = || Fault { has_effect: true, times: Some(1), ..Fault::default() };
    shop.run(Command::Fail { fault: lose() }).await;
    shop.client.create_customer("lost").await.unwrap_err();
    let customer = shop.client.create_customer("lost").await.unwrap();
    assert_eq!(customer.as_str(), "cus_Fake000001", "the customer of the lost answer");

    let subscription = shop.subscribe(&customer).await;
    let checkout = shop.new_checkout(&customer).await;
    shop.run(Command::Fail { fault: lose() }).await;
    shop.client.expire_checkout(&checkout).await.unwrap_err();
    shop.client.expire_checkout(&checkout).await.unwrap();
    shop.run(Command::Fail { fault: lose() }).await;
    shop.client.cancel_subscription(&subscription).await.unwrap_err();
    shop.client.cancel_subscription(&subscription).await.unwrap();
    shop.run(Command::Fail { fault: lose() }).await;
    shop.client.delete_customer(&customer).await.unwrap_err();
    shop.client.delete_customer(&customer).await.unwrap();
}

#[tokio::test]
async fn a_failure_in_the_middle_of_a_list_loses_the_list() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    for _ in 0..101 {
        let (customer, price) = (customer.as_str().to_owned(), MONTHLY.to_owned());
        shop.run(Command::Subscribe { customer, price }).await;
    }
    let path = "/v1/subscriptions".to_owned();
    let fault = Fault { path, skip: 1, kind: Kind::Status(500), ..Fault::default() };
    shop.run(Command::Fail { fault }).await;
    shop.client.list_subscriptions(&customer).await.unwrap_err();
}

#[tokio::test]
async fn a_checkout_that_stays_open_is_no_success() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let checkout = shop.new_checkout(&customer).await;
    let path = format!("/v1/checkout/sessions/{}/expire", checkout.as_str());
    let fault = Fault { path, kind: Kind::Status(400), times: Some(1), ..Fault::default() };
    shop.run(Command::Fail { fault }).await;
    let error = shop.client.expire_checkout(&checkout).await.unwrap_err();
    assert!(matches!(error, StripeError::Refused(_)), "{error}");
    shop.client.expire_checkout(&checkout).await.unwrap();
}

#[test]
fn an_id_cannot_leave_its_path() {
    for text in ["", "cs/../x", "cs?x", "cs x", "é", &"a".repeat(256)] {
        assert_eq!(CheckoutId::parse(text), None, "{text}");
        assert_eq!(SubscriptionId::parse(text), None, "{text}");
    }
    assert!(CheckoutId::parse(&"a".repeat(255)).is_some());
}
