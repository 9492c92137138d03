//! The endpoints of the API.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::account::Account;
use super::objects::{self, CheckoutTerms};
use super::params::Type::{Count, Email, OneOf, Text, Url};
use super::params::{Param, Params, optional, required};
use super::requests::{Received, Refusal, Reply};
use super::{life, text};

/// The longest page of a list.
const LIMIT_MAX: u32 = 100;
/// The length of a page without a limit.
const LIMIT: usize = 10;

/// An endpoint. `*` in its path is an id.
struct Endpoint {
    method: Method,
    path: &'static str,
    params: &'static [Param],
    act: fn(&mut Account, &str, &Params) -> Result<Value, Refusal>,
}

static ENDPOINTS: [Endpoint; 15] = [
    Endpoint {
        method: Method::POST,
        path: "/v1/customers",
        params: &[optional("email", Email), optional("name", Text)],
        act: |account, _, params| Ok(create_customer(account, params)),
    },
    Endpoint {
        method: Method::GET,
        path: "/v1/customers/*",
        params: &[],
        act: |account, id, _| find(account, "customer", id),
    },
    Endpoint {
        method: Method::POST,
        path: "/v1/customers/*",
        params: &[optional("email", Email), optional("name", Text)],
        act: update_customer,
    },
    Endpoint { method: Method::DELETE, path: "/v1/customers/*", params: &[], act: delete_customer },
    Endpoint {
        method: Method::POST,
        path: "/v1/checkout/sessions",
        params: &[
            required("mode", OneOf(&["subscription"])),
            required("customer", Text),
            required("line_items[0][price]", Text),
            required("line_items[0][quantity]", Count(1)),
            optional("metadata[price]", Text),
            required("success_url", Url),
            optional("cancel_url", Url),
        ],
        act: create_checkout,
    },
    Endpoint {
        method: Method::GET,
        path: "/v1/checkout/sessions",
        params: &[
            optional("customer", Text),
            optional("status", OneOf(&["open", "complete", "expired"])),
            optional("limit", Count(LIMIT_MAX)),
            optional("starting_after", Text),
        ],
        act: |account, _, params| list(account, "checkout.session", params),
    },
    Endpoint {
        method: Method::GET,
        path: "/v1/checkout/sessions/*",
        params: &[],
        act: |account, id, _| find(account, "checkout.session", id),
    },
    Endpoint {
        method: Method::POST,
        path: "/v1/checkout/sessions/*/expire",
        params: &[],
        act: expire_checkout,
    },
    Endpoint {
        method: Method::POST,
        path: "/v1/billing_portal/sessions",
        params: &[required("customer", Text), optional("return_url", Url)],
        act: create_portal,
    },
    Endpoint {
        method: Method::GET,
        path: "/v1/subscriptions",
        params: &[
            optional("customer", Text),
            optional("status", OneOf(&["all", "active", "past_due", "canceled", "ended"])),
            optional("limit", Count(LIMIT_MAX)),
            optional("starting_after", Text),
            optional("expand[]", OneOf(&["data.latest_invoice"])),
        ],
        act: |account, _, params| list(account, "subscription", params),
    },
    Endpoint {
        method: Method::GET,
        path: "/v1/subscriptions/*",
        params: &[optional("expand[]", OneOf(&["latest_invoice"]))],
        act: |account, id, params| {
            let subscription = find(account, "subscription", id)?;
            Ok(expand(account, subscription, params))
        },
    },
    Endpoint {
        method: Method::DELETE,
        path: "/v1/subscriptions/*",
        params: &[],
        act: cancel_subscription,
    },
    Endpoint {
        method: Method::GET,
        path: "/v1/prices/*",
        params: &[],
        act: |account, id, _| find(account, "price", id),
    },
    Endpoint {
        method: Method::GET,
        path: "/v1/invoices",
        params: &[
            optional("customer", Text),
            optional("subscription", Text),
            optional("status", OneOf(&["draft", "open", "paid", "uncollectible", "void"])),
            optional("limit", Count(LIMIT_MAX)),
            optional("starting_after", Text),
        ],
        act: |account, _, params| list(account, "invoice", params),
    },
    Endpoint {
        method: Method::GET,
        path: "/v1/invoices/*",
        params: &[],
        act: |account, id, _| find(account, "invoice", id),
    },
];

/// Answers a request; also returns whether the answer is one of before.
pub(super) fn answer(account: &mut Account, received: &Received) -> (StatusCode, Value, bool) {
    let key = received.key();
    let outcome = received.check().and_then(|()| select(received)).and_then(|(endpoint, id)| {
        received.params.check(endpoint.params)?;
        let Some(reply) = key.as_ref().and_then(|key| account.replies.get(key)) else {
            return Ok(Err((endpoint, id)));
        };
        if reply.path != received.path || reply.params != received.params {
            return Err(Refusal::reused_key());
        }
        Ok(Ok((reply.status, reply.body.clone())))
    });
    let (endpoint, id) = match outcome {
        Ok(Ok((status, body))) => return (status, body, true),
        Ok(Err(todo)) => todo,
        Err(refusal) => {
            let (status, body) = refusal.answer();
            return (status, body, false);
        }
    };
    let result = (endpoint.act)(account, &id, &received.params);
    let (status, body) = result.map_or_else(Refusal::answer, |body| (StatusCode::OK, body));
    if let Some(key) = key {
        let (path, params) = (received.path.clone(), received.params.clone());
        account.replies.insert(key, Reply { path, params, status, body: body.clone() });
    }
    (status, body, false)
}

/// Finds the endpoint of a request and the id in its path.
fn select(received: &Received) -> Result<(&'static Endpoint, String), Refusal> {
    let found = ENDPOINTS.iter().find_map(|endpoint| {
        let id = match_path(endpoint.path, &received.path)?;
        (endpoint.method == received.method).then_some((endpoint, id))
    });
    let message = format!("Unrecognized request URL ({}).", received.method);
    found.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, &message))
}

/// The id in a path that has the form of `pattern`; empty without one.
fn match_path(pattern: &str, path: &str) -> Option<String> {
    let (wanted, given): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), path.split('/').collect());
    let is_match = wanted.len() == given.len()
        && wanted.iter().zip(&given).all(|(want, part)| *want == "*" || want == part);
    let id = wanted.iter().position(|want| *want == "*").and_then(|at| given.get(at));
    is_match.then(|| id.copied().unwrap_or_default().to_owned())
}

fn find(account: &Account, kind: &str, id: &str) -> Result<Value, Refusal> {
    account.get(kind, id).cloned().ok_or_else(|| Refusal::missing(kind, "id", id))
}

fn find_customer<'a>(account: &Account, params: &'a Params) -> Result<&'a str, Refusal> {
    let customer = params.text("customer");
    let missing = || Refusal::missing("customer", "customer", customer);
    account.customer(customer).map(|_| customer).ok_or_else(missing)
}

fn list(account: &mut Account, kind: &str, params: &Params) -> Result<Value, Refusal> {
    let customer = params.get("customer").map(|_| find_customer(account, params)).transpose()?;
    let status = params.get("status");
    let is_wanted = |object: &Value| match status {
        Some("all") => true,
        Some("ended") => life::is_final(object),
        Some(status) => object["status"] == status,
        // Without a status, ended subscriptions are left out.
        None => kind != "subscription" || !life::is_final(object),
    };
    let objects = account.list(kind, customer);
    let mut objects: Vec<&Value> = objects.into_iter().filter(|object| is_wanted(object)).collect();
    if let Some(subscription) = params.get("subscription") {
        let of = |object: &Value| object["parent"]["subscription_details"]["subscription"].clone();
        objects.retain(|object| of(object) == subscription);
    }
    if let Some(cursor) = params.get("starting_after") {
        let missing = || Refusal::missing(kind, "starting_after", cursor);
        account.get(kind, cursor).ok_or_else(missing)?;
        objects.retain(|object| text(object, "id") < cursor);
    }
    let limit = params.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(LIMIT);
    let has_more = objects.len() > limit;
    let page = objects.into_iter().take(limit);
    let page: Vec<Value> = page.map(|object| expand(account, object.clone(), params)).collect();
    Ok(json!({ "object": "list", "data": page, "has_more": has_more, "url": "/v1/list" }))
}

/// Puts the latest invoice in the place of its id, where that is asked for.
fn expand(account: &Account, mut object: Value, params: &Params) -> Value {
    if params.get("expand[]").is_some() {
        let invoice = account.get("invoice", text(&object, "latest_invoice"));
        object["latest_invoice"] = invoice.cloned().unwrap_or_default();
    }
    object
}

fn create_customer(account: &mut Account, params: &Params) -> Value {
    let id = account.new_id("cus");
    let customer = objects::customer(account, &id, params.get("email"));
    account.add(customer.clone());
    customer
}

fn update_customer(account: &mut Account, id: &str, params: &Params) -> Result<Value, Refusal> {
    account.customer(id).ok_or_else(|| Refusal::missing("customer", "id", id))?;
    for name in ["email", "name"] {
        if let Some(value) = params.get(name) {
            account.set(id, &json!({ name: value }));
        }
    }
    find(account, "customer", id)
}

fn delete_customer(account: &mut Account, id: &str, _: &Params) -> Result<Value, Refusal> {
    account.delete_customer(id).map_err(|_| Refusal::missing("customer", "id", id))?;
    Ok(objects::deleted_customer(id))
}

fn create_checkout(account: &mut Account, _: &str, params: &Params) -> Result<Value, Refusal> {
    let customer = find_customer(account, params)?;
    let param = "line_items[0][price]";
    let price = params.text(param);
    let missing = || Refusal::missing("price", param, price);
    let currency = text(account.get("price", price).ok_or_else(missing)?, "currency").to_owned();
    let id = account.new_id("cs_test");
    let (success_url, cancel_url) = (params.text("success_url"), params.text("cancel_url"));
    let noted = params.get("metadata[price]");
    let terms =
        CheckoutTerms { customer, currency: &currency, success_url, cancel_url, price: noted };
    let checkout = objects::checkout(account, &id, &terms);
    account.wanted_prices.insert(id, price.to_owned());
    account.add(checkout.clone());
    Ok(checkout)
}

fn expire_checkout(account: &mut Account, id: &str, _: &Params) -> Result<Value, Refusal> {
    let checkout = find(account, "checkout.session", id)?;
    if checkout["status"] != "open" {
        let status = text(&checkout, "status");
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout \
             Session has a status of `{status}`."
        );
        return Err(Refusal::new(StatusCode::BAD_REQUEST, &message));
    }
    account.set(id, &json!({ "status": "expired", "url": null }));
    account.emit("checkout.session.expired", id);
    find(account, "checkout.session", id)
}

fn create_portal(account: &mut Account, _: &str, params: &Params) -> Result<Value, Refusal> {
    let customer = find_customer(account, params)?;
    let id = account.new_id("bps");
    let portal = objects::portal(account, &id, customer, params.text("return_url"));
    account.add(portal.clone());
    Ok(portal)
}

fn cancel_subscription(account: &mut Account, id: &str, _: &Params) -> Result<Value, Refusal> {
    account.cancel(id).map_err(|_| Refusal::missing("subscription", "id", id))?;
    find(account, "subscription", id)
}
