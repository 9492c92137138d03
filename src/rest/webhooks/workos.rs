//! Webhooks of WorkOS: deleted users and revoked sessions. Both kinds of event are final, so that
//! their order does not matter.

use std::slice;

use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::identity::UserId;
use crate::error::ApiError;
use crate::http::signature::read_signed_body;
use crate::state::AppState;

/// The header with the signature of WorkOS.
const SIGNATURE: HeaderName = HeaderName::from_static("workos-signature");

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
    State(state): State<AppState>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let authenticator = state.authenticator().ok_or(ApiError::NoRoute)?;
    let secret = authenticator.webhook_secret().ok_or(ApiError::NoRoute)?;
    let body =
        read_signed_body(request, SIGNATURE, slice::from_ref(secret), authenticator.now()).await?;
    let event: Event = serde_json::from_slice(&body).map_err(|_| unexpected_event())?;
    match event.event.as_str() {
        "user.deleted" => {
            let user: User = parse_data(event.data)?;
            state.erasure().erase_deleted_user(&parse_user_id(&user.id)?).await?;
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
