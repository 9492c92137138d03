//! Webhooks of Stripe: each event is a reason to read the state of its customer there.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, StatusCode};

use crate::billing::Billing;
use crate::error::ApiError;
use crate::http::signature::read_signed_body;

/// The header with the signature of Stripe.
const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// Handles an event. Fails with [`ApiError::Malformed`] if the signature is not valid or the event
/// cannot be parsed, and with a status of 500 or more if it is to be delivered again; other kinds of
/// event are ignored.
pub(crate) async fn receive_event(
    State(billing): State<Arc<Billing>>,
    request: Request,
) -> Result<StatusCode, ApiError> {
    let secrets = billing.webhook_secrets();
    let body = read_signed_body(request, SIGNATURE, secrets, billing.now()).await?;
    let event = serde_json::from_slice(&body).map_err(|_| {
        tracing::error!("a signed webhook of Stripe has an unexpected format");
        ApiError::Malformed("the event has an unexpected format".to_owned())
    })?;
    billing.receive(&event).await?;
    // Stripe counts every status from 200 to 299 as received.
    Ok(StatusCode::OK)
}
