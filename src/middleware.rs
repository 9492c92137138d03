//! The layers around every route, in order, each with its reason for being there.

mod auth;
mod envelope;
mod guard;
mod limits;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower::util::option_layer;

use crate::app::AppState;
use crate::error::ApiError;

pub use auth::{Admission, Authenticator, CookieSeal, Departure, Purpose, Refusal};
pub use limits::Limits;

/// Wraps the routes. A request meets the layers from the last to the first.
pub fn wrap(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    let is_limited = state.limits().has_rates();
    router
        // How often a user asks.
        .layer(option_layer(
            is_limited.then(|| from_fn_with_state(state.clone(), limits::limit_users)),
        ))
        // Who asks; refusals further out need no caller.
        .layer(from_fn_with_state(state.clone(), auth::identify_caller))
        // How often those ask whom nobody knows.
        .layer(option_layer(
            is_limited.then(|| from_fn_with_state(state.clone(), limits::limit_addresses)),
        ))
        // DNS rebinding: a page in the user's browser must not reach the library under a name of
        // its own.
        .layer(from_fn_with_state(state.clone(), guard::check_host_and_origin))
        // More requests than the machine can bear are refused before they cost anything.
        .layer(from_fn_with_state(state.clone(), limits::limit_concurrency))
        // A panic in a handler is a 500 for that request alone.
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(envelope::panicked))
        // The request id, problem documents, security headers and the line in the log; outermost,
        // so that nothing escapes it.
        .layer(from_fn_with_state(state.clone(), envelope::seal))
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
