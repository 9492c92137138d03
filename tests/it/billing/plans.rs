//! A subscription from its beginning to its end, as its owner sees it over REST and in chats.

use axum::http::{Method, StatusCode};
use promptdb::domain::Timestamp;
use promptdb::domain::subscription::CustomerId;
use serde_json::{Value, json};

use super::{Shop, id_of, press, yearly};
use crate::prompts::assert_problem;
use crate::stripe::fake::{Command, MONTHLY};
use crate::support::TestApp;

/// Words that nothing in a chat contains.
const WORDS_OF_SALES: [&str; 9] =
    ["plan", "price", "pro", "upgrade", "subscri", "pay", "billing", "$", "stripe"];

async fn save(shop: &Shop, name: &str) -> Value {
    let token = shop.world.workos.oauth_token("user_ann");
    shop.world.tool(&token, "save_prompt", json!({ "name": name, "content": "x" })).await
}

#[track_caller]
fn assert_refused_without_a_word_of_sales(refused: &Value) {
    let text = TestApp::mistake(refused).to_lowercase();
    assert!(text.contains("full"), "{text}");
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    for word in WORDS_OF_SALES {
        assert!(!words.iter().any(|found| found.starts_with(word) && !found.starts_with("prompt")));
    }
}

fn days_after(time: &Value, days: u64) -> String {
    let time = Timestamp::parse(time.as_str().unwrap()).unwrap();
    time.plus(std::time::Duration::from_hours(24 * days)).to_string()
}

#[tokio::test]
async fn a_person_upgrades_cancels_and_is_free_again_with_everything_readable() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let month = json!({ "amount": 500, "currency": "usd", "interval": "month" });
    let offers = json!([month, { "amount": 5000, "currency": "usd", "interval": "year" }]);
    let free = json!({ "plan": "free", "status": "none", "can_manage": false,
        "can_buy": true, "offers": offers });
    assert_eq!(shop.show(&mut ann).await, free);
    for number in 0..25 {
        TestApp::structured(&save(&shop, &format!("p{number}")).await);
    }
    assert_refused_without_a_word_of_sales(&save(&shop, "one-more").await);

    // A page that is open or left grants nothing; neither does a return from it.
    let url = shop.open_page(&mut ann, "/checkout").await;
    let synced = shop.post(&mut ann, "/sync", None).await.json();
    assert_eq!((&synced["plan"], &synced["can_manage"]), (&json!("free"), &json!(true)));
    assert_eq!(synced["can_buy"], true);
    assert!(TestApp::mistake(&save(&shop, "one-more").await).contains("full"));

    shop.run(Command::Pay { checkout: id_of(&url) }).await;
    assert_eq!(shop.plan(&mut ann).await, "free");
    shop.deliver_new().await;
    let me = ann.get(&shop.world.app, "/api/me").await.json();
    assert_eq!((&me["plan"], &me["limits"]["prompts"]), (&json!("pro"), &json!(5000)));
    TestApp::structured(&save(&shop, "one-more").await);
    let paid = json!({ "plan": "pro", "status": "active", "price": month, "can_manage": true,
        "can_buy": false, "renews_at": "2026-02-01T00:00:00.000Z", "offers": offers });
    assert_eq!(shop.show(&mut ann).await, paid);

    let portal = shop.open_page(&mut ann, "/portal").await;
    let customer = shop.customer("user_ann").await.unwrap();
    let subscriptions = shop.client().list_subscriptions(&customer).await.unwrap().subscriptions;
    let subscription = subscriptions[0].id.as_str().to_owned();
    press(&portal, "cancel", &subscription).await;
    shop.deliver_new().await;
    let ending = json!({ "plan": "pro", "status": "active", "price": month, "can_manage": true,
        "can_buy": false, "ends_at": "2026-02-01T00:00:00.000Z", "offers": offers });
    assert_eq!(shop.show(&mut ann).await, ending);
    assert_eq!(shop.plan(&mut ann).await, "pro");

    // The end counts when it comes, whether Stripe has reported it or not.
    shop.pass_days(31).await;
    let mut ann = shop.sign_in("user_ann").await;
    assert_eq!(shop.plan(&mut ann).await, "free");
    shop.deliver_new().await;
    let state = shop.show(&mut ann).await;
    assert_eq!((&state["plan"], &state["status"]), (&json!("free"), &json!("canceled")));
    assert_eq!(state["can_buy"], true);
    assert_eq!(state["ends_at"], "2026-02-01T00:00:00.000Z");
    let me = ann.get(&shop.world.app, "/api/me").await.json();
    assert_eq!((&me["limits"]["prompts"], &me["use"]["prompts"]), (&json!(25), &json!(26)));
    for path in ["/api/prompts/one-more", "/api/export?format=json", "/api/prompts"] {
        assert_eq!(ann.get(&shop.world.app, path).await.status, StatusCode::OK, "{path}");
    }
    let token = shop.world.workos.oauth_token("user_ann");
    let read = shop.world.tool(&token, "get_prompt", json!({ "name": "one-more" })).await;
    TestApp::structured(&read);
    assert_refused_without_a_word_of_sales(&save(&shop, "another").await);

    // And back again, with the same customer.
    shop.subscribe(&mut ann).await;
    assert_eq!(shop.plan(&mut ann).await, "pro");
    TestApp::structured(&save(&shop, "another").await);
    assert_eq!(shop.count("POST", "/v1/customers").await, 1);
}

#[tokio::test]
async fn a_payment_that_is_past_due_leaves_seven_days() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let subscription = shop.subscribe(&mut ann).await;
    let customer = shop.customer("user_ann").await.unwrap().as_str().to_owned();
    shop.run(Command::SetCard { customer, works: false }).await;
    shop.pass_days(31).await;
    shop.deliver_new().await;
    let mut ann = shop.sign_in("user_ann").await;
    let state = shop.show(&mut ann).await;
    assert_eq!((&state["status"], &state["plan"]), (&json!("past_due"), &json!("pro")));
    assert_eq!(state["grace_until"], days_after(&state["past_due_since"], 7));
    assert!(state.get("renews_at").is_none(), "{state}");
    // It is mended, and not bought a second time.
    assert!(shop.open_page(&mut ann, "/checkout").await.contains("/portal/"));

    shop.pass_days(7).await;
    let mut ann = shop.sign_in("user_ann").await;
    assert_eq!(shop.plan(&mut ann).await, "free");
    let state = shop.show(&mut ann).await;
    assert_eq!((&state["status"], &state["plan"]), (&json!("past_due"), &json!("free")));
    let portal = shop.open_page(&mut ann, "/checkout").await;
    press(&portal, "update_card", &subscription).await;
    shop.deliver_new().await;
    assert_eq!(shop.plan(&mut ann).await, "pro");
    let state = shop.show(&mut ann).await;
    assert!(state.get("grace_until").is_none() && state.get("past_due_since").is_none(), "{state}");
}

#[tokio::test]
async fn a_year_is_bought_where_it_is_sold() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let url = shop.post(&mut ann, "/checkout", Some(yearly())).await.json()["url"].take();
    shop.run(Command::Pay { checkout: id_of(url.as_str().unwrap()) }).await;
    shop.deliver_new().await;
    let state = shop.show(&mut ann).await;
    assert_eq!(state["price"]["interval"], "year");
    assert_eq!(
        (&state["plan"], &state["renews_at"]),
        (&json!("pro"), &json!("2027-01-01T00:00:00.000Z"))
    );

    let shop = Shop::with_settings(|settings| settings.yearly_price = None).await;
    let mut ann = shop.sign_in("user_ann").await;
    assert_eq!(shop.show(&mut ann).await["offers"].as_array().unwrap().len(), 1);
    let refused = shop.post(&mut ann, "/checkout", Some(yearly())).await;
    assert_eq!(assert_problem(&refused, 422, "invalid-field")["errors"][0]["field"], "interval");
    assert_eq!(shop.count("POST", "/v1/").await, 0);
}

#[tokio::test]
async fn a_customer_that_the_owner_of_the_account_deletes_is_free_and_can_subscribe_again() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    let mut customers = Vec::new();
    // Within a day, in which Stripe repeats the answers of before.
    for _ in 0..3 {
        shop.subscribe(&mut ann).await;
        assert_eq!(shop.plan(&mut ann).await, "pro");
        let customer = shop.customer("user_ann").await.unwrap();
        assert!(!customers.contains(&customer));
        shop.run(Command::DeleteCustomer { customer: customer.as_str().to_owned() }).await;
        customers.push(customer);
        shop.deliver_new().await;
        assert_eq!(shop.plan(&mut ann).await, "free");
        let refused = shop.post(&mut ann, "/portal", None).await;
        assert_problem(&refused, 404, "not-found");
        assert_eq!(shop.show(&mut ann).await["can_manage"], false);
    }
}

#[tokio::test]
async fn without_billing_its_routes_name_that() {
    let paid = Shop::open().await;
    let world = crate::auth::World::new().await;
    let token = format!("Bearer {}", world.workos.web_token("user_ann", "session_1"));
    let local = TestApp::new();
    for (method, path) in [
        (Method::GET, "/api/billing"),
        (Method::POST, "/api/billing/checkout"),
        (Method::POST, "/api/billing/portal"),
        (Method::POST, "/api/billing/sync"),
    ] {
        let headers = [("authorization", token.as_str())];
        let signed_in = world.app.call(method.clone(), path, &headers, None).await;
        let here = local.call(method.clone(), path, &[], None).await;
        for answer in [signed_in, here] {
            assert_problem(&answer, 404, "billing-off");
        }
        let stranger = paid.world.app.call(method, path, &[], None).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for app in [&world.app, &local] {
        let answer = app.post("/webhooks/stripe", json!({})).await;
        assert_problem(&answer, 404, "no-route");
    }
}

#[tokio::test]
async fn a_subscription_that_cannot_be_read_takes_no_plan_for_which_another_one_pays() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.subscribe(&mut ann).await;
    let customer = shop.customer("user_ann").await.unwrap().as_str().to_owned();
    let price = MONTHLY.to_owned();
    let odd = shop.run(Command::Subscribe { customer: customer.clone(), price }).await;
    let subscription = odd.as_str().unwrap().to_owned();
    shop.run(Command::SetStatus { subscription: subscription.clone(), status: "frozen".into() })
        .await;
    assert_eq!(shop.post(&mut ann, "/sync", None).await.status, StatusCode::OK);
    assert_eq!(shop.plan(&mut ann).await, "pro");
    // Alone it may be what is paid, so what was known before stays.
    let all = shop.client().list_subscriptions(&CustomerId::parse(&customer).unwrap()).await;
    for paid in all.unwrap().subscriptions {
        let subscription = paid.id.as_str().to_owned();
        shop.run(Command::CancelNow { subscription }).await;
    }
    let refused = shop.post(&mut ann, "/sync", None).await;
    assert_problem(&refused, 503, "billing-unavailable");
    assert_eq!(shop.plan(&mut ann).await, "pro");
    shop.run(Command::CancelNow { subscription }).await;
    assert_eq!(shop.post(&mut ann, "/sync", None).await.status, StatusCode::OK);
    assert_eq!(shop.plan(&mut ann).await, "free");
}
