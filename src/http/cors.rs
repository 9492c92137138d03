//! Cross-origin calls of `/mcp` by the pages that `ALLOWED_ORIGINS` names (Fetch standard, CORS
//! protocol). A page sends a token of its own; cookies are never part of such a call.
//!
//! It is a step of the edge instead of tower-http's layer, which would answer a preflight before it
//! is counted, and the preflight of every other origin, too.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::origin::is_allowed;
use crate::auth::Access;
use crate::state::AppState;

/// The methods of MCP's Streamable HTTP transport.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");

/// The headers that MCP clients send, those of the revision 2026-07-28 included.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, last-event-id, \
     mcp-method, mcp-name",
);

/// The headers of a response that a page may read: the challenge, by which a client finds the
/// authorization server, and what it needs to try again or to report a problem.
const RESPONSE_HEADERS: HeaderValue =
    HeaderValue::from_static("www-authenticate, mcp-session-id, retry-after, x-request-id");

/// How long a browser may keep the answer to a preflight, in seconds: two hours, the longest that
/// browsers accept.
const PREFLIGHT_MAX_AGE_SECONDS: HeaderValue = HeaderValue::from_static("7200");

/// The page of an allowed origin that sent a request.
pub(super) struct AllowedPage {
    origin: HeaderValue,
}

impl AllowedPage {
    /// Reads the origin of a request. Returns `None` for every origin that is not allowed, and for a
    /// request that names several.
    pub(super) fn of(state: &AppState, access: Access, headers: &HeaderMap) -> Option<Self> {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else { return None };
        let is_allowed = origin.to_str().is_ok_and(|origin| is_allowed(state, access, origin));
        is_allowed.then(|| Self { origin: origin.clone() })
    }

    /// Lets the page read a response, an error included. Without `Access-Control-Allow-Credentials`
    /// a browser refuses a response to a request with cookies.
    pub(super) fn share(&self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        // Another origin gets another response.
        headers.append(header::VARY, HeaderValue::from_name(HeaderName::from_static("origin")));
    }
}

/// Whether a request is a preflight: a browser's question before the call itself. It has no token.
pub(super) fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Answers a preflight of an allowed page.
pub(super) fn answer_preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_MAX_AGE_SECONDS),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
