//! The check of `Host` and `Origin`.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use crate::auth::Access;
use crate::auth::origin::{is_same_host, is_same_origin};
use crate::error::ApiError;
use crate::state::AppState;

/// Refuses a foreign `Host`, and where it matters a foreign `Origin`.
///
/// A page that rebinds its own DNS name to the address of this server still sends that name as
/// `Host` (MCP specification, Streamable HTTP, security warning). With sign-in, `Origin` matters to
/// MCP alone: a write with a cookie is checked together with the cookie, and every other request
/// needs a token, which no foreign page has.
pub(super) fn check_host_and_origin(
    state: &AppState,
    access: Access,
    request: &Request,
) -> Result<(), ApiError> {
    let has_sign_in = state.authenticator().is_some();
    if has_sign_in && access == Access::Probe {
        return Ok(());
    }
    let host = find_host(request.uri(), request.headers())
        .ok_or_else(|| ApiError::Malformed("the Host header is missing or malformed".to_owned()))?;
    if !is_same_host(host.host(), state.public_host()) {
        return Err(ApiError::Forbidden(if has_sign_in {
            "the Host header must name the public URL of this server"
        } else {
            "the Host header must name localhost or a loopback address"
        }));
    }
    if has_sign_in && !access.is_mcp() {
        return Ok(());
    }
    for origin in request.headers().get_all(header::ORIGIN) {
        if !origin.to_str().is_ok_and(|origin| is_same_origin(origin, state.public_url())) {
            return Err(ApiError::Forbidden("the Origin header names another site"));
        }
    }
    Ok(())
}

/// The authority that the client asks for: the only `Host` header (RFC 9112, section 3.2), or
/// `:authority` in HTTP/2 (RFC 9113, section 8.3.1).
fn find_host(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None, None) => uri.authority().cloned(),
        _ => None,
    }
}
