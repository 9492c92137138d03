//! What WorkOS reports: users who were deleted, sessions that were revoked. Every event may come
//! twice, late, and in any order; what it says stays true.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;

use crate::auth::Authenticator;
use crate::config::Secret;
use crate::domain::Timestamp;
use crate::domain::identity::UserId;
use crate::error::ApiError;
use crate::http::body::read_body;

/// How far the time of a signature may be from ours.
const WINDOW: Duration = Duration::from_mins(5);
/// Times below this are seconds, others milliseconds: the year 5138, or a day in 1973.
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

pub(crate) async fn receive_event(
    State(authenticator): State<Arc<Authenticator>>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let signature = request.headers().get("workos-signature").and_then(|value| value.to_str().ok());
    let signature = signature.unwrap_or_default().to_owned();
    let body = read_body(request.into_body()).await?;
    let secret = authenticator.webhook_secret().ok_or(ApiError::NoRoute)?;
    if !is_signed(&signature, &body, secret, authenticator.now()) {
        let detail = "the WorkOS-Signature header does not fit the body, the secret and the time";
        return Err(ApiError::Malformed(detail.to_owned()));
    }
    let event: Event = parse(&body)?;
    match event.event.as_str() {
        "user.deleted" => {
            let user: User = parse_value(event.data)?;
            authenticator.erase(&user_id(&user.id)?).await?;
        }
        "session.revoked" => {
            let session: Session = parse_value(event.data)?;
            authenticator.end_session(user_id(&session.user_id)?, session.id).await?;
        }
        _ => {}
    }
    Ok(StatusCode::NO_CONTENT)
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(body).map_err(|_| unknown_shape())
}

fn parse_value<T: serde::de::DeserializeOwned>(data: serde_json::Value) -> Result<T, ApiError> {
    serde_json::from_value(data).map_err(|_| unknown_shape())
}

fn user_id(text: &str) -> Result<UserId, ApiError> {
    UserId::parse(text).filter(|id| *id != UserId::local()).ok_or_else(unknown_shape)
}

fn unknown_shape() -> ApiError {
    tracing::error!("a webhook of WorkOS is signed, but has another shape than expected");
    ApiError::Malformed("the event has another shape than expected".to_owned())
}

/// Whether `signature`, `t=<time>, v1=<hex>`, is the HMAC-SHA256 of `<time>.<body>`, and recent.
fn is_signed(signature: &str, body: &[u8], secret: &Secret, now: Timestamp) -> bool {
    let part = |name: &str| {
        let mut parts = signature.split(',').filter_map(|part| part.trim().split_once('='));
        parts.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let (Some(time), Some(code)) = (part("t"), part("v1")) else { return false };
    let Ok(number) = time.parse::<i64>() else { return false };
    let millis = if number < SECONDS_BELOW { number.saturating_mul(1000) } else { number };
    let signed_at = Timestamp::from_millis(millis);
    if now.plus(WINDOW) < signed_at || signed_at.plus(WINDOW) < now {
        return false;
    }
    let Some(code) = from_hex(code) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&code).is_ok()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(*pair.get(1)?)?).ok();
    pairs.map(byte).collect()
}
