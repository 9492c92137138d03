//! Under which name the server is asked, and by whose pages.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use super::auth::Door;
use crate::app::AppState;
use crate::config::is_loopback_host;
use crate::error::ApiError;

/// Refuses a `Host` that is not this server, and an `Origin` that is not it either.
///
/// A browser sends the name that a page was loaded from as `Host`, so a page that rebinds its own
/// name to the address of this server is told apart by it (MCP specification, Streamable HTTP,
/// security warning). With sign-in, `Origin` matters to MCP alone: a write with a cookie is looked
/// at where the cookie is, and everything else needs a token that no page has. Whoever asks for
/// the health of a machine knows it by its address only.
pub(super) fn check_host_and_origin(state: &AppState, request: &Request) -> Result<(), ApiError> {
    let path = request.uri().path();
    let has_sign_in = state.authenticator().is_some();
    if has_sign_in && matches!(path, "/health" | "/health/ready") {
        return Ok(());
    }
    let host = host_of(request.uri(), request.headers())
        .ok_or_else(|| ApiError::Malformed("the Host header is missing or malformed".to_owned()))?;
    if !is_same_host(host.host(), state.public_host()) {
        return Err(ApiError::Forbidden(if has_sign_in {
            "the Host header must name the public URL of this server"
        } else {
            "the Host header must name localhost or a loopback address"
        }));
    }
    if !has_sign_in || Door::of(path).is_mcp() {
        for origin in request.headers().get_all(header::ORIGIN) {
            let is_own = |origin: &str| is_same_origin(origin, state.public_url());
            if !origin.to_str().is_ok_and(is_own) {
                return Err(ApiError::Forbidden("the Origin header names another site"));
            }
        }
    }
    Ok(())
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

/// Whether two origins are one, where all names of this machine are alike.
pub(super) fn is_same_origin(origin: &str, own: &str) -> bool {
    let split = |origin: &str| -> Option<(String, String, u16)> {
        let uri: Uri = origin.parse().ok()?;
        let scheme = uri.scheme_str()?.to_owned();
        let default = if scheme == "https" { 443 } else { 80 };
        Some((scheme, uri.host()?.to_owned(), uri.port_u16().unwrap_or(default)))
    };
    let (Some((scheme, host, port)), Some((own_scheme, own_host, own_port))) =
        (split(origin), split(own))
    else {
        return false;
    };
    scheme == own_scheme && port == own_port && is_same_host(&host, &own_host)
}

fn is_same_host(host: &str, own: &str) -> bool {
    host.eq_ignore_ascii_case(own) || is_loopback_host(host) && is_loopback_host(own)
}
