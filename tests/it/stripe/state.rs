//! What the client reads of subscriptions, through their whole life.

use promptdb::clients::stripe::StripeError;
use promptdb::domain::Timestamp;
use promptdb::domain::subscription::{
    CheckoutId, CustomerId, Interval, Price, Status, SubscriptionId,
};
use serde_json::{Value, json};

use super::fake::{Command, MONTHLY, YEARLY};
use super::{CANCEL_URL, SUCCESS_URL, Shop};

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[tokio::test]
async fn a_paid_checkout_is_an_active_subscription() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let page = shop.client.create_checkout(&customer, MONTHLY, SUCCESS_URL, CANCEL_URL);
    let page = page.await.unwrap();
    assert!(page.url.starts_with(&shop.stripe.url), "{page:?}");
    assert_eq!(shop.list(&customer).await, []);
    let checkout = page.id.as_str().to_owned();
    let id = shop.run(Command::Pay { checkout }).await;

    let subscription = shop.only(&customer).await;
    assert_eq!(subscription.id, SubscriptionId::parse(id.as_str().unwrap()).unwrap());
    assert_eq!((subscription.status, subscription.is_live), (Status::Active, false));
    let price = Price {
        id: MONTHLY.to_owned(),
        amount: 500,
        currency: "usd".to_owned(),
        interval: Interval::Month,
    };
    assert_eq!(subscription.price.as_ref(), Some(&price));
    assert_eq!(subscription.created_at, at("2026-01-01T00:00:00Z"));
    assert_eq!(subscription.period_end, at("2026-02-01T00:00:00Z"));
    assert_eq!((subscription.ends_at, subscription.past_due_since), (None, None));
    assert_eq!(shop.client.get_price(MONTHLY).await.unwrap(), price);
    let yearly = shop.client.get_price(YEARLY).await.unwrap();
    assert_eq!((yearly.amount, yearly.interval), (5000, Interval::Year));
}

#[tokio::test]
async fn a_renewal_moves_the_end_of_the_period() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    shop.subscribe(&customer).await;
    shop.advance_days(40).await;
    assert_eq!(shop.only(&customer).await.period_end, at("2026-03-01T00:00:00Z"));
    let yearly = shop.new_customer().await;
    let (customer, price) = (yearly.as_str().to_owned(), YEARLY.to_owned());
    shop.run(Command::Subscribe { customer, price }).await;
    assert_eq!(shop.only(&yearly).await.period_end, at("2027-02-10T00:00:00Z"));
}

#[tokio::test]
async fn every_planned_end_is_read_and_so_is_the_end_itself() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let subscription = shop.subscribe(&customer).await.as_str().to_owned();
    let id = || subscription.clone();
    shop.run(Command::CancelAtPeriodEnd { subscription: id() }).await;
    let planned = shop.only(&customer).await;
    assert_eq!((planned.status, planned.ends_at), (Status::Active, Some(planned.period_end)));
    shop.run(Command::Resume { subscription: id() }).await;
    assert_eq!(shop.only(&customer).await.ends_at, None);

    let tenth = at("2026-01-10T00:00:00Z");
    shop.run(Command::CancelAt { subscription: id(), at: tenth.as_millis() / 1000 }).await;
    assert_eq!(shop.only(&customer).await.ends_at, Some(tenth));
    shop.advance_days(5).await;
    shop.run(Command::CancelNow { subscription: id() }).await;
    let ended = shop.only(&customer).await;
    // An end that has come counts before the planned one.
    assert_eq!((ended.status, ended.ends_at), (Status::Canceled, Some(at("2026-01-06T00:00:00Z"))));
    shop.stripe.run(Command::Resume { subscription: id() }).await.unwrap_err();

    let second = shop.subscribe(&customer).await.as_str().to_owned();
    shop.run(Command::CancelAtPeriodEnd { subscription: second }).await;
    shop.advance_days(40).await;
    let latest = &shop.list(&customer).await[0];
    assert_eq!(latest.status, Status::Canceled);
    assert_eq!(latest.ends_at, Some(at("2026-02-06T00:00:00Z")));
}

#[tokio::test]
async fn a_payment_is_due_since_its_invoice_was_finalised() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let subscription = shop.subscribe(&customer).await.as_str().to_owned();
    let card = |works| Command::SetCard { customer: customer.as_str().to_owned(), works };
    shop.run(card(false)).await;
    shop.advance_days(35).await;
    let due = shop.only(&customer).await;
    assert_eq!(due.status, Status::PastDue);
    assert_eq!(due.past_due_since, Some(at("2026-02-01T00:00:00Z")));
    shop.run(Command::PayInvoices { subscription: subscription.clone() }).await;
    let paid = shop.only(&customer).await;
    assert_eq!((paid.status, paid.past_due_since), (Status::Active, None));

    // Without an invoice, the payment of the period is due; an invoice that is a draft counts since
    // it exists.
    shop.run(Command::SetStatus { subscription: subscription.clone(), status: "past_due".into() })
        .await;
    let invoices = [
        (json!(null), "2026-02-01T00:00:00Z"),
        (
            json!({ "created": 1_770_000_000, "status_transitions": { "finalized_at": null } }),
            "2026-02-02T02:40:00Z",
        ),
        (json!({ "created": 1_770_000_000 }), "2026-02-02T02:40:00Z"),
    ];
    for (invoice, since) in invoices {
        let object = shop.run(Command::Show { id: subscription.clone() }).await;
        let id = object["latest_invoice"].as_str().map(str::to_owned);
        if invoice.is_null() {
            let changes = json!({ "latest_invoice": null });
            shop.run(Command::Update { subscription: subscription.clone(), changes }).await;
            assert_eq!(shop.only(&customer).await.past_due_since, Some(at(since)));
            let changes = json!({ "latest_invoice": id });
            shop.run(Command::Update { subscription: subscription.clone(), changes }).await;
        } else {
            shop.run(Command::Replace { id: id.unwrap(), object: with_kind(&invoice) }).await;
            assert_eq!(shop.only(&customer).await.past_due_since, Some(at(since)), "{invoice}");
        }
    }
}

fn with_kind(invoice: &Value) -> Value {
    let mut invoice = invoice.clone();
    invoice["object"] = json!("invoice");
    invoice
}

#[tokio::test]
async fn a_further_failed_invoice_begins_no_further_grace() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let subscription = shop.subscribe(&customer).await.as_str().to_owned();
    shop.run(Command::SetDunning { days: 365, end: "past_due".to_owned() }).await;
    shop.run(Command::SetCard { customer: customer.as_str().to_owned(), works: false }).await;
    for _ in 0..3 {
        shop.advance_days(31).await;
        let due = shop.only(&customer).await;
        assert_eq!(due.status, Status::PastDue);
        assert_eq!(due.past_due_since, Some(at("2026-02-01T00:00:00Z")));
    }
    // Without the date of its finalisation, an invoice counts since it was created; one that is not
    // open any more does not count.
    let invoices = ids_of_invoices(&shop).await;
    let mut first = shop.run(Command::Show { id: invoices[1].clone() }).await;
    first["status_transitions"] = json!({ "finalized_at": null });
    first["created"] = json!(1_770_000_000);
    shop.run(Command::Replace { id: invoices[1].clone(), object: first.clone() }).await;
    let since = async || shop.only(&customer).await.past_due_since;
    assert_eq!(since().await, Some(at("2026-02-02T02:40:00Z")));
    for status in ["draft", "uncollectible", "void"] {
        first["status"] = json!(status);
        shop.run(Command::Replace { id: invoices[1].clone(), object: first.clone() }).await;
        assert_eq!(since().await, Some(at("2026-03-01T00:00:00Z")), "{status}");
    }
    shop.run(Command::PayInvoices { subscription }).await;
    assert_eq!(since().await, None);
}

/// The ids of every invoice that failed or was paid, the oldest first.
async fn ids_of_invoices(shop: &Shop) -> Vec<String> {
    let events = shop.run(Command::Events).await;
    let events = events.as_array().unwrap().iter();
    let invoices = events.filter(|event| event["type"].as_str().unwrap().starts_with("invoice."));
    invoices.map(|event| event["data"]["object"]["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn what_is_given_up_ends_or_stays_unpaid() {
    for (end, status) in
        [("canceled", Status::Canceled), ("unpaid", Status::Unpaid), ("past_due", Status::PastDue)]
    {
        let shop = Shop::open().await;
        let customer = shop.new_customer().await;
        shop.subscribe(&customer).await;
        shop.run(Command::SetDunning { days: 14, end: end.to_owned() }).await;
        shop.run(Command::SetCard { customer: customer.as_str().to_owned(), works: false }).await;
        shop.advance_days(31 + 13).await;
        assert_eq!(shop.only(&customer).await.status, Status::PastDue);
        shop.advance_days(1).await;
        assert_eq!(shop.only(&customer).await.status, status);
    }
}

#[tokio::test]
async fn every_status_and_mode_is_read() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let subscription = shop.subscribe(&customer).await.as_str().to_owned();
    for (word, status) in [
        ("incomplete", Status::Incomplete),
        ("trialing", Status::Trialing),
        ("active", Status::Active),
        ("past_due", Status::PastDue),
        ("unpaid", Status::Unpaid),
        ("paused", Status::Paused),
        ("incomplete_expired", Status::IncompleteExpired),
    ] {
        shop.run(Command::SetStatus { subscription: subscription.clone(), status: word.into() })
            .await;
        let read = shop.only(&customer).await;
        assert_eq!(read.status, status);
        assert_eq!(read.past_due_since.is_some(), status == Status::PastDue, "{word}");
    }
    let live = shop.subscribe(&customer).await.as_str().to_owned();
    let changes = json!({ "livemode": true });
    shop.run(Command::Update { subscription: live.clone(), changes }).await;
    assert!(shop.list(&customer).await[0].is_live);

    // A status that is not known is neither paid nor unpaid.
    shop.run(Command::SetStatus { subscription: live, status: "frozen".into() }).await;
    let list = shop.client.list_subscriptions(&customer).await.unwrap();
    assert!(!list.is_complete);
    assert!(list.subscriptions.iter().all(|one| !one.is_live), "{list:?}");
}

#[tokio::test]
async fn one_subscription_that_cannot_be_read_hides_no_other() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let odd = shop.subscribe(&customer).await.as_str().to_owned();
    let kept = shop.subscribe(&customer).await;
    let object = shop.run(Command::Show { id: odd.clone() }).await;
    for (field, value) in [
        ("status", json!("frozen")),
        ("livemode", json!(null)),
        ("items", json!(null)),
        ("created", json!("yesterday")),
        ("items", json!({ "data": [{ "price": {} }] })),
    ] {
        let mut object = object.clone();
        object[field] = value;
        shop.run(Command::Replace { id: odd.clone(), object }).await;
        let list = shop.client.list_subscriptions(&customer).await.unwrap();
        assert!(!list.is_complete, "{field}");
        assert_eq!(list.subscriptions.iter().map(|one| &one.id).collect::<Vec<_>>(), [&kept]);
    }
}

#[tokio::test]
async fn a_long_list_is_read_to_its_end() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let mut ids = Vec::new();
    for _ in 0..205 {
        let (customer, price) = (customer.as_str().to_owned(), MONTHLY.to_owned());
        let id = shop.run(Command::Subscribe { customer, price }).await;
        ids.insert(0, id.as_str().unwrap().to_owned());
    }
    let read = shop.list(&customer).await;
    assert_eq!(read.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn a_subscription_to_a_price_that_is_not_for_a_month_or_a_year_is_listed_without_it() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let subscription = shop.subscribe(&customer).await.as_str().to_owned();
    let item =
        shop.run(Command::Show { id: subscription.clone() }).await["items"]["data"][0].clone();
    let item_with = |changes: Value| {
        let mut item = item.clone();
        for (name, value) in changes.as_object().unwrap() {
            item["price"][name] = value.clone();
        }
        item
    };
    let week = item_with(json!({ "recurring": { "interval": "week", "interval_count": 1 } }));
    let quarter = item_with(json!({ "recurring": { "interval": "month", "interval_count": 3 } }));
    let once = item_with(json!({ "recurring": null, "type": "one_time" }));
    let tiers = item_with(json!({ "unit_amount": null, "billing_scheme": "tiered" }));
    let metered = json!({ "interval": "month", "interval_count": 1, "usage_type": "metered" });
    let used = item_with(json!({ "recurring": metered }));
    let in_tiers = item_with(json!({ "billing_scheme": "tiered" }));
    let year = item_with(json!({ "id": YEARLY, "recurring": { "interval": "year" } }));
    for (items, expected) in [
        (vec![], &[None][..]),
        (vec![&week, &quarter, &once, &tiers, &used, &in_tiers], &[None]),
        (vec![&week, &item], &[Some(MONTHLY)]),
        (vec![&item, &year], &[Some(MONTHLY), Some(YEARLY)]),
    ] {
        let changes = json!({ "items": { "object": "list", "data": items, "has_more": false } });
        shop.run(Command::Update { subscription: subscription.clone(), changes }).await;
        let read = shop.list(&customer).await;
        let prices = read.iter().map(|one| one.price.as_ref().map(|price| price.id.as_str()));
        assert_eq!(prices.collect::<Vec<_>>(), expected);
        assert!(read.iter().all(|one| one.id.as_str() == subscription));
        assert!(read.iter().all(promptdb::domain::subscription::Subscription::is_to_be_managed));
    }
}

#[tokio::test]
async fn a_price_that_is_not_of_one_amount_for_a_month_or_a_year_is_refused() {
    let shop = Shop::open().await;
    let (id, currency, interval) = ("price_once".into(), "usd".into(), "day".into());
    shop.run(Command::AddPrice { id, amount: 5, currency, interval }).await;
    let model = shop.run(Command::Show { id: "price_once".into() }).await;
    for (field, value) in [
        ("/recurring", model["recurring"].clone()),
        ("/recurring", Value::Null),
        ("/recurring", json!({ "interval": "month", "interval_count": 3 })),
        ("/recurring", json!({ "interval": "month", "usage_type": "metered" })),
    ] {
        let mut price = model.clone();
        *price.pointer_mut(field).unwrap() = value.clone();
        shop.run(Command::Replace { id: "price_once".into(), object: price }).await;
        let refused = shop.client.get_price("price_once").await.unwrap_err();
        assert!(matches!(refused, StripeError::UnsuitablePrice), "{value}: {refused}");
    }
    for (field, value) in [("billing_scheme", json!("tiered")), ("unit_amount", Value::Null)] {
        let mut price = model.clone();
        price["recurring"]["interval"] = json!("month");
        price[field] = value;
        shop.run(Command::Replace { id: "price_once".into(), object: price }).await;
        let refused = shop.client.get_price("price_once").await.unwrap_err();
        assert!(matches!(refused, StripeError::UnsuitablePrice), "{field}: {refused}");
    }
    let unknown = shop.client.get_price("price_unknown").await.unwrap_err();
    assert!(matches!(unknown, StripeError::NotFound), "{unknown}");
    // An id cannot name another endpoint.
    for id in ["../customers", "price_month?x=1", "", "a/b"] {
        shop.client.get_price(id).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_deleted_or_unknown_customer_has_nothing() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    shop.subscribe(&customer).await;
    shop.new_checkout(&customer).await;
    shop.client.delete_customer(&customer).await.unwrap();
    let unknown = CustomerId::parse("cus_unknown").unwrap();
    assert!(shop.client.is_customer_deleted(&customer).await.unwrap());
    assert!(!shop.client.is_customer_deleted(&shop.new_customer().await).await.unwrap());
    let error = shop.client.is_customer_deleted(&unknown).await.unwrap_err();
    assert!(matches!(error, StripeError::NoCustomer), "{error}");
    for gone in [customer, unknown] {
        let subscriptions = shop.client.list_subscriptions(&gone).await.unwrap_err();
        let checkouts = shop.client.list_open_checkouts(&gone).await.unwrap_err();
        shop.client.delete_customer(&gone).await.unwrap();
        let checkout = shop.client.create_checkout(&gone, MONTHLY, SUCCESS_URL, CANCEL_URL);
        let checkout = checkout.await.unwrap_err();
        let portal = shop.client.create_portal(&gone, CANCEL_URL).await.unwrap_err();
        for error in [subscriptions, checkouts, checkout, portal] {
            assert!(matches!(error, StripeError::NoCustomer), "{error}");
        }
    }
}

#[tokio::test]
async fn ending_what_has_ended_is_done() {
    let shop = Shop::open().await;
    let customer = shop.new_customer().await;
    let subscription = shop.subscribe(&customer).await;
    let (open, other) = (shop.new_checkout(&customer).await, shop.new_checkout(&customer).await);
    let listed = shop.client.list_open_checkouts(&customer).await.unwrap();
    let ids: Vec<&CheckoutId> = listed.iter().map(|page| &page.id).collect();
    assert_eq!(ids, [&other, &open]);
    assert!(listed.iter().all(|page| page.price.as_deref() == Some(MONTHLY)), "{listed:?}");
    assert!(listed.iter().all(|page| page.url.ends_with(page.id.as_str())), "{listed:?}");
    for _ in 0..2 {
        shop.client.expire_checkout(&open).await.unwrap();
        shop.client.cancel_subscription(&subscription).await.unwrap();
    }
    shop.stripe.run(Command::Pay { checkout: open.as_str().into() }).await.unwrap_err();
    assert_eq!(shop.only(&customer).await.status, Status::Canceled);
    shop.run(Command::Pay { checkout: other.as_str().into() }).await;
    shop.client.expire_checkout(&other).await.unwrap();
    assert_eq!(shop.client.list_open_checkouts(&customer).await.unwrap(), []);
    shop.client.expire_checkout(&CheckoutId::parse("cs_unknown").unwrap()).await.unwrap();
    let unknown = SubscriptionId::parse("sub_unknown").unwrap();
    shop.client.cancel_subscription(&unknown).await.unwrap();
    assert_eq!(shop.list(&customer).await[0].status, Status::Active, "the completed one");

    // A page closes by itself after a day.
    let late = shop.new_checkout(&customer).await;
    shop.advance_days(1).await;
    assert_eq!(shop.client.list_open_checkouts(&customer).await.unwrap(), []);
    shop.client.expire_checkout(&late).await.unwrap();
}

#[tokio::test]
async fn one_key_makes_one_customer_without_data() {
    let shop = Shop::open().await;
    let first = shop.client.create_customer("one").await.unwrap();
    assert_eq!(shop.client.create_customer("one").await.unwrap(), first);
    assert_ne!(shop.client.create_customer("two").await.unwrap(), first);
    let shown = async || shop.run(Command::Show { id: first.as_str().to_owned() }).await;
    assert_eq!(shown().await["email"], Value::Null);
    shop.client.set_customer_email(&first, "ann@example.com").await.unwrap();
    assert_eq!(shown().await["email"], "ann@example.com");
}
