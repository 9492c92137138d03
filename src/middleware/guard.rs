//! Who may ask at all, and who it is that asks.

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::app::AppState;
use crate::config::is_loopback_host;
use crate::domain::identity::{Client, Principal};
use crate::error::ApiError;

/// Refuses a `Host` that is not this machine, and an `Origin` that is not this server.
///
/// A browser sends the name that a page was loaded from as `Host`, so a page that rebinds its own
/// name to a loopback address is told apart by it (MCP specification, Streamable HTTP, security
/// warning).
pub(super) async fn check_host_and_origin(
    State(state): State<AppState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let host = host_of(request.uri(), request.headers())
        .ok_or_else(|| ApiError::Malformed("the Host header is missing or malformed".to_owned()))?;
    if !is_loopback_host(host.host()) {
        return Err(ApiError::Forbidden(
            "the Host header must name localhost or a loopback address",
        ));
    }
    for origin in request.headers().get_all(header::ORIGIN) {
        if !origin.to_str().is_ok_and(|origin| state.is_own_origin(origin)) {
            return Err(ApiError::Forbidden("the Origin header names another site"));
        }
    }
    Ok(next.run(request).await)
}

/// The authority that the client meant: one `Host` header, or `:authority` in HTTP/2.
fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None, None) => uri.authority().cloned(),
        _ => None,
    }
}

/// Puts the [`Principal`] into the request's extensions.
pub(super) async fn identify_caller(mut request: Request, next: Next) -> Response {
    let agent = request.headers().get(header::USER_AGENT);
    let agent = agent.and_then(|value| value.to_str().ok()).unwrap_or_default();
    // The first product token of RFC 9110, section 10.1.5, without its version.
    let product = agent.split([' ', '/']).next().unwrap_or_default();
    let principal = Principal::local(Client::named(product));
    request.extensions_mut().insert(std::sync::Arc::new(principal));
    next.run(request).await
}
