//! The pages on which a person pays and manages subscriptions.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;

use super::account::Account;
use super::params::Params;
use super::{Inner, deliveries, life, read, text};

pub(super) async fn answer(inner: &Arc<Inner>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let Some((place, id)) = path.trim_start_matches('/').split_once('/') else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let params = Params::parse(&read(body).await);
    let is_post = parts.method == Method::POST;
    let outcome = match place {
        "pay" if is_post => post_checkout(&mut inner.lock(), id, &params),
        "pay" => show_checkout(&inner.lock(), id),
        _ if is_post => post_portal(&mut inner.lock(), id, &params),
        _ => show_portal(&inner.lock(), id),
    };
    // The receiver learns of a payment before the person is back.
    deliveries::deliver_new(inner).await;
    outcome.unwrap_or_else(|fault| (StatusCode::GONE, show("Stripe", &fault)).into_response())
}

fn show_checkout(account: &Account, id: &str) -> Result<Response, String> {
    let checkout = account.get("checkout.session", id).ok_or("There is no such page.")?;
    if checkout["status"] != "open" {
        return Err(format!("This page is {}.", text(checkout, "status")));
    }
    let body = format!(
        "<form method=\"post\">{}</form><p><a href=\"{}\">Back</a></p>",
        button("action", "pay", "Subscribe"),
        escape(text(checkout, "cancel_url")),
    );
    Ok(show("Checkout", &body).into_response())
}

fn post_checkout(account: &mut Account, id: &str, params: &Params) -> Result<Response, String> {
    if params.text("action") != "pay" {
        return Err("This page has no such button.".to_owned());
    }
    account.pay(id)?;
    let success_url = text(account.object(id), "success_url");
    // As Stripe does, the page puts the session's id in the place of the template.
    Ok(redirect(&success_url.replace("{CHECKOUT_SESSION_ID}", id)))
}

fn show_portal(account: &Account, id: &str) -> Result<Response, String> {
    let portal = account.get("billing_portal.session", id).ok_or("There is no such page.")?;
    let subscriptions = account.list("subscription", Some(text(portal, "customer")));
    let forms: String = subscriptions
        .into_iter()
        .filter(|subscription| !life::is_final(subscription))
        .map(form)
        .collect();
    let body =
        format!("{forms}<p><a href=\"{}\">Return</a></p>", escape(text(portal, "return_url")));
    Ok(show("Billing portal", &body).into_response())
}

/// The buttons of a subscription.
fn form(subscription: &Value) -> String {
    let is_planned = subscription["cancel_at_period_end"] == true;
    let plan = if is_planned {
        button("action", "resume", "Do not cancel")
    } else {
        button("action", "cancel", "Cancel at the end of the period")
    };
    format!(
        "<form method=\"post\"><p>{}</p><input type=\"hidden\" name=\"subscription\" value=\"{}\">\
         {plan}{}{}</form>",
        text(subscription, "status"),
        text(subscription, "id"),
        button("action", "cancel_now", "Cancel now"),
        button("action", "update_card", "Update the card"),
    )
}

fn post_portal(account: &mut Account, id: &str, params: &Params) -> Result<Response, String> {
    let portal = account.get("billing_portal.session", id).ok_or("There is no such page.")?;
    let customer = text(portal, "customer").to_owned();
    let subscription = params.text("subscription");
    let is_own = account
        .get("subscription", subscription)
        .is_some_and(|subscription| subscription["customer"] == customer.as_str());
    if !is_own {
        return Err("The customer has no such subscription.".to_owned());
    }
    match params.text("action") {
        "cancel" => account.cancel_at_period_end(subscription, true)?,
        "resume" => account.cancel_at_period_end(subscription, false)?,
        "cancel_now" => account.cancel(subscription)?,
        "update_card" => account.pay_invoices(subscription)?,
        _ => return Err("This page has no such button.".to_owned()),
    }
    Ok(redirect(&format!("/portal/{id}")))
}

fn redirect(url: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response()
}

fn show(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"></head><body><main><h1>{title}</h1>{body}</main></body>\
         </html>"
    ))
}

fn button(name: &str, value: &str, label: &str) -> String {
    format!("<button name=\"{name}\" value=\"{value}\">{label}</button>")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}
