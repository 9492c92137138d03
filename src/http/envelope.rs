//! The parts that every response has: the request id, the security headers and, for an error, the
//! problem document.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::response::Response;

use super::rule::Content;
use crate::error::{PROBLEM_JSON, Problem};
use crate::state::AppState;
use crate::telemetry::Exchange;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The content security policy of data: it loads nothing.
const DATA_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The content security policy of a page: scripts of this server alone, no form, and links that
/// resolve against the page's own URL.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// Responses are not framed, sniffed, loaded by other sites or cached.
const SECURITY_HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Two years of https alone (RFC 6797), where the public URL is https. Subdomains are left out: they
/// belong to other servers, and `__Host-` cookies are safe from them anyway.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=63072000");

/// Adds these parts to a response and ends its request.
pub(super) fn seal(
    state: &AppState,
    content: Content,
    exchange: Exchange,
    method: &Method,
    mut response: Response,
) -> Response {
    let record = exchange.record();
    if let Some(problem) = response.extensions_mut().remove::<Box<Problem>>() {
        write_problem(&mut response, *problem, record.id(), method);
    }
    let headers = response.headers_mut();
    let policy = match content {
        Content::Data => DATA_POLICY,
        Content::Page => PAGE_POLICY,
    };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if state.is_strict_transport() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
    }
    if let Ok(id) = HeaderValue::from_str(record.id()) {
        headers.insert(X_REQUEST_ID, id);
    }
    exchange.respond(response.status());
    response
}

fn write_problem(response: &mut Response, problem: Problem, request_id: &str, method: &Method) {
    let problem = Problem { request_id: request_id.to_owned(), ..problem };
    let body = serde_json::to_vec(&problem).expect("a problem holds strings and numbers only");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
}
