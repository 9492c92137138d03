//! Events on their way: signed and posted as Stripe does, and a receiver that checks them with the
//! server's own code.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use promptdb::clients::http_client;
use promptdb::config::Secret;
use promptdb::domain::Clock;
use promptdb::http::signature::read_signed_body;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{Inner, WEBHOOK_SECRET};

/// How long a receiver may take for a delivery.
const TIMEOUT: Duration = Duration::from_secs(20);
/// The header with the signature.
const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// Where events are delivered.
pub(super) struct Webhook {
    pub(super) url: String,
    /// The secrets that sign, several while one is replaced by another.
    pub(super) secrets: Vec<String>,
    /// Whether each event is delivered at once.
    pub(super) is_automatic: bool,
}

/// The value of `Stripe-Signature` for a body that is sent now.
pub(super) fn sign(clock: &dyn Clock, secrets: &[String], body: &str) -> String {
    let time = clock.now().as_millis().div_euclid(1000);
    let mut header = format!("t={time}");
    for secret in secrets {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length will do");
        mac.update(format!("{time}.{body}").as_bytes());
        header.push_str(",v1=");
        let code = mac.finalize().into_bytes();
        header = code.iter().fold(header, |header, byte| format!("{header}{byte:02x}"));
    }
    header
}

/// Delivers what was not delivered yet, where that is done at once.
pub(super) async fn deliver_new(inner: &Arc<Inner>) {
    let is_automatic = inner.lock().webhook.as_ref().is_some_and(|webhook| webhook.is_automatic);
    if is_automatic && let Err(error) = deliver(inner, None).await {
        inner.lock().received.push(json!({ "error": error }));
    }
}

/// Delivers events one after the other, and returns the statuses of the answers. An event without a
/// successful answer stays to be delivered.
pub(super) async fn deliver(
    inner: &Arc<Inner>,
    events: Option<Vec<String>>,
) -> Result<Value, String> {
    let events = events.unwrap_or_else(|| std::mem::take(&mut inner.lock().undelivered));
    let mut statuses = Vec::new();
    for event in events {
        let (url, body, signature) = {
            let account = inner.lock();
            let webhook = account.webhook.as_ref().ok_or("there is no webhook")?;
            let body = account.find(&event).ok_or("no such event")?.to_string();
            let signature = sign(account.clock.as_ref(), &webhook.secrets, &body);
            (webhook.url.clone(), body, signature)
        };
        let http = http_client(TIMEOUT).map_err(|error| error.to_string())?;
        let request = http.post(url).header(SIGNATURE, signature);
        let answer = request.header("content-type", "application/json").body(body).send().await;
        let status = answer.map_or(0, |answer| answer.status().as_u16());
        let mut account = inner.lock();
        account.undelivered.retain(|id| *id != event);
        if !(200..300).contains(&status) {
            account.undelivered.push(event);
        }
        statuses.push(Value::from(status));
    }
    Ok(Value::from(statuses))
}

/// Receives a delivery of any sender with [`WEBHOOK_SECRET`], or another secret beside it.
pub(super) async fn receive(inner: &Arc<Inner>, request: Request) -> Response {
    let secrets = ["whsec_other", WEBHOOK_SECRET].map(|secret| Secret::from(secret.to_owned()));
    let now = inner.lock().clock.now();
    let (status, event) = match read_signed_body(request, SIGNATURE, &secrets, now).await {
        Ok(body) => {
            let event: Value = serde_json::from_slice(&body).unwrap_or_default();
            (StatusCode::OK, event["type"].clone())
        }
        Err(error) => (StatusCode::BAD_REQUEST, Value::from(error.to_string())),
    };
    inner.lock().received.push(json!({ "status": status.as_u16(), "event": event }));
    status.into_response()
}
