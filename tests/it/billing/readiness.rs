//! `/health/ready`: what is wrong with the settings of Stripe fails it, an outage of Stripe does not.

use std::time::{Duration, Instant};

use promptdb::clients::stripe::TIMEOUT;
use serde_json::json;

use super::Shop;
use crate::stripe::fake::Command;
use crate::stripe::fake::faults::Kind;

/// The status of the response, and that of the layer of billing.
async fn probe(shop: &Shop) -> (u16, String) {
    let answer = shop.world.app.get("/health/ready").await;
    let body = answer.json();
    let layers = body["layers"].as_array().unwrap();
    let layer = layers.iter().find(|layer| layer["name"] == "billing").unwrap();
    (answer.status.as_u16(), layer["status"].as_str().unwrap().to_owned())
}

fn ok() -> (u16, String) {
    (200, "ok".to_owned())
}

fn failed() -> (u16, String) {
    (503, "failed".to_owned())
}

/// Probes until the result is another one: a reading goes on in the background.
async fn wait_for(shop: &Shop, expected: (u16, String)) {
    while probe(shop).await != expected {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn wrong_settings_fail_it() {
    let settings: [fn(&mut promptdb::config::Billing); 3] = [
        |settings| settings.secret_key = "sk_test_wrong".to_owned().into(),
        |settings| settings.monthly_price = "price_unknown".to_owned(),
        |settings| settings.yearly_price = Some("price_unknown".to_owned()),
    ];
    for change in settings {
        let shop = Shop::with_settings(change).await;
        assert_eq!(probe(&shop).await, failed());
        let reads = shop.count("GET", "/v1/prices").await;
        assert_eq!(probe(&shop).await, failed());
        assert_eq!(shop.count("GET", "/v1/prices").await, reads, "not for a minute");
    }
    let shop = Shop::with_settings(|settings| settings.monthly_price = "price_new".into()).await;
    assert_eq!(probe(&shop).await, failed());
    let [id, currency, interval] = ["price_new", "usd", "month"].map(str::to_owned);
    shop.run(Command::AddPrice { id, amount: 700, currency, interval }).await;
    shop.world.clock.advance_seconds(60);
    wait_for(&shop, ok()).await;
}

#[tokio::test]
async fn an_outage_of_stripe_does_not() {
    for kind in [Kind::Status(500), Kind::Status(429), Kind::Page(404), Kind::Garbled, Kind::Abort]
    {
        let shop = Shop::open().await;
        let mut ann = shop.sign_in("user_ann").await;
        shop.fail("GET", "/v1/prices", kind).await;
        assert_eq!(probe(&shop).await, ok(), "{kind:?}");
        assert_eq!(shop.show(&mut ann).await["offers"], json!([]));
        shop.run(Command::Recover).await;
        shop.world.clock.advance_seconds(60);
        while shop.show(&mut ann).await["offers"].as_array().unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // What was read once outlasts an outage.
        shop.fail("GET", "/v1/prices", kind).await;
        shop.world.clock.advance_by(Duration::from_hours(1));
        let reads = shop.count("GET", "/v1/prices").await;
        assert_eq!(probe(&shop).await, ok(), "{kind:?}");
        shop.wait_for("GET", "/v1/prices", reads + 1).await;
        let mut ann = shop.sign_in("user_ann").await;
        assert_eq!(shop.show(&mut ann).await["offers"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_stripe_that_hangs_slows_no_probe() {
    let shop = Shop::open().await;
    shop.fail("GET", "/v1/prices", Kind::Hang).await;
    let started = Instant::now();
    assert_eq!(probe(&shop).await, ok());
    assert!(started.elapsed() < TIMEOUT, "the first one waits a little");

    let shop = Shop::open().await;
    assert_eq!(probe(&shop).await, ok());
    shop.fail("GET", "/v1/prices", Kind::Hang).await;
    shop.world.clock.advance_by(Duration::from_hours(1));
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(probe(&shop).await, ok());
    }
    assert!(started.elapsed() < TIMEOUT, "those with an older reading wait for nothing");
    shop.wait_for("GET", "/v1/prices", 3).await;
    assert_eq!(probe(&shop).await, ok());
    assert_eq!(shop.count("GET", "/v1/prices").await, 3, "one reading at a time");
}
