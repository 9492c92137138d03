//! What every request passes on its way to a route and back, in order, each step with its reason for
//! being there.

mod auth;
mod envelope;
mod guard;
mod limits;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use crate::app::AppState;
use crate::error::ApiError;
use crate::telemetry::Exchange;

pub use auth::{Admission, Authenticator, CookieSeal, Departure, Purpose, Refusal};
pub use limits::Limits;

/// Wraps the routes. It is one layer, since each costs a box that holds the request again, and one
/// for the routes within.
pub fn wrap(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    router.layer(from_fn_with_state(state.clone(), pass))
}

async fn pass(State(state): State<AppState>, request: Request, next: Next) -> Response {
    // The request id, problem documents, security headers and the line in the log; outermost, so
    // that nothing escapes it.
    let exchange = Exchange::over_http(&request, state.is_strict_transport());
    let method = request.method().clone();
    // A panic in a handler, which the panic hook prints, is a 500 for that request alone.
    let work = AssertUnwindSafe(admit(&state, request, next)).catch_unwind();
    let outcome = Arc::clone(exchange.record()).during(work).await;
    let response =
        outcome.unwrap_or_else(|_| ApiError::Internal("a handler panicked".into()).into_response());
    envelope::seal(&state, exchange, &method, response)
}

async fn admit(state: &AppState, mut request: Request, next: Next) -> Response {
    // More requests than the machine can bear are refused before they cost anything.
    let place = match limits::take_place(state, &request) {
        Ok(place) => place,
        Err(error) => return error.into_response(),
    };
    // DNS rebinding: a page in the user's browser must not reach the library under a name of its own.
    if let Err(error) = guard::check_host_and_origin(state, &request) {
        return error.into_response();
    }
    // How often those ask whom nobody knows.
    let attempt = match limits::count_address(state, &request) {
        Ok(attempt) => attempt,
        Err(refusal) => return refusal.into_response(),
    };
    // Who asks; refusals further out need no caller.
    let (reception, admitted) = auth::identify_caller(state, &mut request).await;
    let response = match admitted {
        // How often a user asks.
        Ok(()) => match limits::count_user(state, &request) {
            Ok(standing) => limits::tell(standing, next.run(request).await),
            Err(refusal) => refusal.into_response(),
        },
        Err(error) => error.into_response(),
    };
    place.hold_for(attempt.end(state, reception.end(state, response)))
}

/// Gives up on a request that takes longer than the setting allows. Not for `/mcp`, which answers
/// in its own form.
pub async fn keep_deadline(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    tokio::time::timeout(state.request_timeout(), next.run(request))
        .await
        .map_err(|_| ApiError::Timeout)
}
