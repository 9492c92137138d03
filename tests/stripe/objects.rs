//! The objects of the API as Stripe shows them, with the fields that matter here.

use promptdb::clients::stripe::API_VERSION;
use serde_json::{Value, json};

use super::account::Account;

pub(super) fn customer(account: &Account, id: &str, email: Option<&str>) -> Value {
    json!({
        "id": id, "object": "customer", "created": account.now(), "email": email, "name": null,
        "livemode": account.is_live, "metadata": {}, "balance": 0, "currency": null,
        "delinquent": false, "description": null, "shipping": null,
    })
}

pub(super) fn deleted_customer(id: &str) -> Value {
    json!({ "id": id, "object": "customer", "deleted": true })
}

pub(super) fn price(
    account: &Account,
    id: &str,
    amount: i64,
    currency: &str,
    interval: &str,
) -> Value {
    json!({
        "id": id, "object": "price", "active": true, "billing_scheme": "per_unit",
        "created": account.now(), "currency": currency, "livemode": account.is_live,
        "metadata": {}, "product": "prod_FakePro", "type": "recurring", "unit_amount": amount,
        "unit_amount_decimal": amount.to_string(), "lookup_key": null, "nickname": null,
        "recurring": { "interval": interval, "interval_count": 1, "usage_type": "licensed",
            "meter": null, "trial_period_days": null },
    })
}

/// What a request says of a checkout page.
pub(super) struct CheckoutTerms<'a> {
    pub(super) customer: &'a str,
    pub(super) currency: &'a str,
    pub(super) success_url: &'a str,
    pub(super) cancel_url: &'a str,
    pub(super) price: Option<&'a str>,
}

pub(super) fn checkout(account: &Account, id: &str, terms: &CheckoutTerms<'_>) -> Value {
    let now = account.now();
    let metadata = terms.price.map_or_else(|| json!({}), |price| json!({ "price": price }));
    json!({
        "id": id, "object": "checkout.session", "created": now, "expires_at": now + 24 * 60 * 60,
        "customer": terms.customer, "currency": terms.currency, "livemode": account.is_live,
        "metadata": metadata, "mode": "subscription", "payment_status": "unpaid", "status": "open",
        "subscription": null, "invoice": null, "success_url": terms.success_url,
        "cancel_url": terms.cancel_url, "url": format!("{}/pay/{id}", account.url),
    })
}

pub(super) fn portal(account: &Account, id: &str, customer: &str, return_url: &str) -> Value {
    json!({
        "id": id, "object": "billing_portal.session", "created": account.now(),
        "configuration": "bpc_FakePortal", "customer": customer, "livemode": account.is_live,
        "locale": null, "flow": null, "on_behalf_of": null, "return_url": return_url,
        "url": format!("{}/portal/{id}", account.url),
    })
}

/// A subscription to a price whose first period ends at `period_end`.
pub(super) fn subscription(
    account: &Account,
    id: &str,
    customer: &str,
    price: &Value,
    period_end: i64,
) -> Value {
    let now = account.now();
    let item = json!({
        "id": id.replacen("sub_", "si_", 1), "object": "subscription_item", "created": now,
        "current_period_start": now, "current_period_end": period_end, "metadata": {},
        "price": price, "quantity": 1, "subscription": id, "tax_rates": [], "discounts": [],
    });
    json!({
        "id": id, "object": "subscription", "billing_cycle_anchor": now, "cancel_at": null,
        "cancel_at_period_end": false, "canceled_at": null, "collection_method":
        "charge_automatically", "created": now, "currency": price["currency"],
        "customer": customer, "discounts": [], "ended_at": null,
        "items": { "object": "list", "data": [item], "has_more": false, "total_count": 1,
            "url": format!("/v1/subscription_items?subscription={id}") },
        "latest_invoice": null, "livemode": account.is_live, "metadata": {},
        "pause_collection": null, "start_date": now, "status": "active", "trial_end": null,
        "trial_start": null, "test_clock": null,
    })
}

/// An invoice of a subscription that was finalised at a time.
pub(super) fn invoice(id: &str, subscription: &Value, finalized_at: i64) -> Value {
    let price = &subscription["items"]["data"][0]["price"];
    json!({
        "id": id, "object": "invoice", "created": finalized_at, "amount_due": price["unit_amount"],
        "amount_paid": 0, "currency": price["currency"], "customer": subscription["customer"],
        "livemode": subscription["livemode"], "metadata": {}, "status": "open",
        "parent": { "type": "subscription_details", "quote_details": null,
            "subscription_details": { "subscription": subscription["id"], "metadata": {} } },
        "status_transitions": { "finalized_at": finalized_at, "paid_at": null,
            "marked_uncollectible_at": null, "voided_at": null },
    })
}

pub(super) fn event(account: &Account, id: &str, kind: &str, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "api_version": API_VERSION, "created": account.now(),
        "data": { "object": object }, "livemode": account.is_live, "pending_webhooks": 1,
        "request": { "id": null, "idempotency_key": null }, "type": kind,
    })
}
