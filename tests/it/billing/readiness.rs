//! `/health/ready`: what is wrong with the settings of Stripe fails it, an outage of Stripe does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Shop, wait_until};
use crate::auth::browser::Browser;
use crate::prompts::assert_problem;
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
    wait_until("the state of readiness", async || probe(shop).await == expected).await;
}

/// Looks until so many prices are offered.
async fn wait_for_offers(shop: &Shop, browser: &mut Browser, offers: usize) {
    let count = async || shop.show(browser).await["offers"].as_array().unwrap().len() == offers;
    wait_until("the offers", count).await;
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
        wait_for_offers(&shop, &mut ann, 2).await;
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
async fn a_price_that_is_not_what_its_setting_says_is_not_sold_until_it_is_another_one() {
    let recurring = |interval: &str, count: u32, usage: &str| {
        json!({ "recurring":
            { "interval": interval, "interval_count": count, "usage_type": usage } })
    };
    let cases: [(&str, Value); 7] = [
        ("price_month", recurring("year", 1, "licensed")),
        ("price_year", recurring("month", 1, "licensed")),
        ("price_month", recurring("month", 3, "licensed")),
        ("price_month", recurring("week", 1, "licensed")),
        ("price_month", recurring("month", 1, "metered")),
        ("price_month", json!({ "billing_scheme": "tiered", "unit_amount": null })),
        ("price_year", json!({ "recurring": null })),
    ];
    for (id, changes) in cases {
        let shop = Shop::open().await;
        let mut ann = shop.sign_in("user_ann").await;
        let sound = shop.run(Command::Show { id: id.to_owned() }).await;
        shop.change_price(id, changes.clone()).await;
        for body in [None, Some(super::yearly())] {
            let refused = shop.post(&mut ann, "/checkout", body).await;
            assert_problem(&refused, 503, "billing-unavailable");
        }
        assert_eq!(shop.count("POST", "/v1/").await, 0, "no money is taken: {changes}");
        assert_eq!(probe(&shop).await, failed(), "{changes}");
        assert_eq!(shop.show(&mut ann).await["offers"], json!([]));

        shop.run(Command::Replace { id: id.to_owned(), object: sound }).await;
        assert_eq!(probe(&shop).await, failed(), "it is read again after a minute");
        shop.world.clock.advance_seconds(60);
        wait_for(&shop, ok()).await;
        wait_for_offers(&shop, &mut ann, 2).await;
        shop.open_page(&mut ann, "/checkout").await;
    }
}

#[tokio::test]
async fn a_price_that_was_sound_is_not_sold_once_it_is_refused() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    wait_for_offers(&shop, &mut ann, 2).await;
    shop.change_price("price_month", json!({ "recurring": null })).await;
    shop.world.clock.advance_by(Duration::from_hours(1));
    let mut ann = shop.sign_in("user_ann").await;
    wait_for(&shop, failed()).await;
    assert_eq!(shop.show(&mut ann).await["offers"], json!([]));
    let refused = shop.post(&mut ann, "/checkout", None).await;
    assert_problem(&refused, 503, "billing-unavailable");
}

#[tokio::test]
async fn a_sale_after_an_outage_reads_its_price_at_once() {
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.fail("GET", "/v1/prices", Kind::Abort).await;
    assert_eq!(shop.show(&mut ann).await["offers"], json!([]));
    let refused = shop.post(&mut ann, "/checkout", None).await;
    assert_problem(&refused, 503, "billing-unavailable");
    assert_eq!(shop.count("POST", "/v1/").await, 0);
    shop.run(Command::Recover).await;
    shop.open_page(&mut ann, "/checkout").await;
}

#[tokio::test]
async fn a_stripe_that_hangs_slows_no_probe() {
    // Each answer is held until the probes have theirs. A probe that waited for one would wait until
    // the call is given up, and no price would be read then.
    let shop = Shop::open().await;
    let mut ann = shop.sign_in("user_ann").await;
    shop.fail("GET", "/v1/prices", Kind::Hold).await;
    assert_eq!(probe(&shop).await, ok());
    shop.run(Command::Recover).await;
    wait_for_offers(&shop, &mut ann, 2).await;

    shop.fail("GET", "/v1/prices", Kind::Hold).await;
    shop.world.clock.advance_by(Duration::from_hours(1));
    for _ in 0..20 {
        assert_eq!(probe(&shop).await, ok());
    }
    shop.wait_for("GET", "/v1/prices", 3).await;
    assert_eq!(shop.count("GET", "/v1/prices").await, 3, "one reading at a time");
    shop.change_price("price_year", json!({ "unit_amount": 7000 })).await;
    shop.run(Command::Recover).await;
    let mut ann = shop.sign_in("user_ann").await;
    let read = async || shop.show(&mut ann).await["offers"][1]["amount"] == 7000;
    wait_until("the reading goes on", read).await;
}
