//! Webhooks of WorkOS: deleted users and revoked sessions.
//!
//! An event may arrive more than once, late, and in any order. Each handler is idempotent, and both
//! kinds of event are final, so that order does not matter.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::auth::Authenticator;
use crate::config::Secret;
use crate::domain::Timestamp;
use crate::domain::identity::UserId;
use crate::error::ApiError;
use crate::http::body::read_body;

/// Maximum difference between the time of a signature and the server's clock.
const WINDOW: Duration = Duration::from_mins(5);
/// A time below this is in seconds, any other in milliseconds: as seconds it is the year 5138, as
/// milliseconds a day in 1973.
const SECONDS_BELOW: i64 = 100_000_000_000;

#[derive(Deserialize)]
struct Event {
    event: String,
    data: serde_json::Value,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    user_id: String,
}

/// Handles an event. Fails with [`ApiError::Malformed`] if the signature is not valid or the event
/// cannot be parsed; other kinds of event are ignored.
pub(crate) async fn receive_event(
    State(authenticator): State<Arc<Authenticator>>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let signature = request.headers().get("workos-signature").and_then(|value| value.to_str().ok());
    let signature = signature.unwrap_or_default().to_owned();
    let body = read_body(request.into_body()).await?;
    let secret = authenticator.webhook_secret().ok_or(ApiError::NoRoute)?;
    // Nothing of the body is parsed before its signature is verified.
    if !is_signature_valid(&signature, &body, secret, authenticator.now()) {
        let detail =
            "the WorkOS-Signature header does not match the body, or its time is too far off";
        return Err(ApiError::Malformed(detail.to_owned()));
    }
    let event: Event = serde_json::from_slice(&body).map_err(|_| unexpected_event())?;
    match event.event.as_str() {
        "user.deleted" => {
            let user: User = parse_data(event.data)?;
            authenticator.erase(&parse_user_id(&user.id)?).await?;
        }
        "session.revoked" => {
            let session: Session = parse_data(event.data)?;
            authenticator.end_session(&parse_user_id(&session.user_id)?, &session.id).await?;
        }
        _ => {}
    }
    Ok(StatusCode::NO_CONTENT)
}

fn parse_data<T: DeserializeOwned>(data: serde_json::Value) -> Result<T, ApiError> {
    serde_json::from_value(data).map_err(|_| unexpected_event())
}

/// Parses the id of a user. An event must not erase the local user.
fn parse_user_id(text: &str) -> Result<UserId, ApiError> {
    UserId::parse(text).filter(|id| *id != UserId::local()).ok_or_else(unexpected_event)
}

/// Logs an event that is signed but cannot be parsed: WorkOS has changed its format.
fn unexpected_event() -> ApiError {
    tracing::error!("a signed webhook of WorkOS has an unexpected format");
    ApiError::Malformed("the event has an unexpected format".to_owned())
}

/// Whether a signature, `t=<time>, v1=<hex>`, is the HMAC-SHA256 of `<time>.<body>`, and its time
/// is near. The time bounds how long a captured event can be replayed.
fn is_signature_valid(signature: &str, body: &[u8], secret: &Secret, now: Timestamp) -> bool {
    let (Some(time), Some(code)) =
        (find_parameter(signature, "t"), find_parameter(signature, "v1"))
    else {
        return false;
    };
    let Ok(number) = time.parse::<i64>() else { return false };
    let millis = if number < SECONDS_BELOW { number.saturating_mul(1000) } else { number };
    let signed_at = Timestamp::from_millis(millis);
    if now.plus(WINDOW) < signed_at || signed_at.plus(WINDOW) < now {
        return false;
    }
    let Some(code) = decode_hex(code) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    // Compares in constant time.
    mac.verify_slice(&code).is_ok()
}

/// Finds the value of a parameter in a list of `name=value`, separated by commas.
fn find_parameter<'a>(signature: &'a str, name: &str) -> Option<&'a str> {
    let mut parts = signature.split(',').filter_map(|part| part.trim().split_once('='));
    parts.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Decodes pairs of hexadecimal digits. Returns `None` for any other text.
fn decode_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes().chunks(2).map(decode_hex_pair).collect()
}

fn decode_hex_pair(pair: &[u8]) -> Option<u8> {
    let high = char::from(*pair.first()?).to_digit(16)?;
    let low = char::from(*pair.get(1)?).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}
