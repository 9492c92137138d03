//! The requests that the client sends, as a snapshot. `tests/clients/stripe.test.js` validates it
//! against Stripe's own description of its API.

use promptdb::clients::stripe::API_VERSION;
use serde_json::{Value, json};

use super::fake::{Command, MONTHLY};
use super::{CANCEL_URL, SUCCESS_URL, Shop};

/// Sends every kind of request.
async fn send_all(shop: &Shop) {
    let customer = shop.client.create_customer("key").await.unwrap();
    shop.client.set_customer_email(&customer, "ann+1@example.com").await.unwrap();
    shop.client.is_customer_deleted(&customer).await.unwrap();
    let checkout = shop.new_checkout(&customer).await;
    let subscription = shop.subscribe(&customer).await;
    for _ in 0..100 {
        let (customer, price) = (customer.as_str().to_owned(), MONTHLY.to_owned());
        shop.run(Command::Subscribe { customer, price }).await;
    }
    shop.client.create_portal(&customer, "https://prompts.example/app/billing").await.unwrap();
    let due = Command::SetStatus {
        subscription: subscription.as_str().to_owned(),
        status: "past_due".to_owned(),
    };
    shop.run(due).await;
    shop.list(&customer).await;
    shop.client.list_open_checkouts(&customer).await.unwrap();
    shop.client.expire_checkout(&checkout).await.unwrap();
    shop.client.expire_checkout(&checkout).await.unwrap();
    shop.client.get_price(MONTHLY).await.unwrap();
    shop.client.cancel_subscription(&subscription).await.unwrap();
    shop.client.delete_customer(&customer).await.unwrap();
}

#[tokio::test]
async fn every_request_is_the_one_that_the_description_of_the_api_is_asked_about() {
    let shop = Shop::open().await;
    send_all(&shop).await;
    let requests = shop.run(Command::Requests).await;
    let mut keys = Vec::new();
    let mut shown: Vec<Value> = Vec::new();
    for request in requests.as_array().unwrap() {
        assert_eq!(request["version"], API_VERSION);
        let key = request["idempotency_key"].as_str();
        assert_eq!(key.is_some(), request["method"] == "POST", "{request}");
        keys.extend(key.map(str::to_owned));
        let (method, path) = (&request["method"], &request["path"]);
        shown.push(json!({ "method": method, "path": path, "params": request["params"] }));
    }
    let all = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), all, "no key is used twice");
    assert!(SUCCESS_URL != CANCEL_URL);
    insta::assert_json_snapshot!("stripe_requests", shown);
}
