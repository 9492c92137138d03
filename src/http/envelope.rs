//! The parts that every response has: the request id, the security headers and, for an error, the
//! problem document or its page.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::compression::{PLAIN_MAX_BYTES, encode};
use super::conditions::VARY_BY_CODING;
use super::layers::Edge;
use super::negotiation::{Coding, prefers_html};
use super::page::{FindStylesheet, HTML, PROBLEM_POLICY, render_problem};
use super::policy::{DATA_POLICY, page_policy};
use super::rule::{Content, Rule};
use crate::error::{PROBLEM_JSON, Problem};
use crate::telemetry::Exchange;

/// Where a person signs in.
pub(super) const LOGIN_URL: &str = "/auth/login";

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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

/// How a client wants its answer, as far as the request says so.
pub(super) struct ResponsePreferences {
    /// The coding of a larger answer.
    pub(super) coding: Option<Coding>,
    /// Whether a problem is a page.
    wants_pages: bool,
    is_head: bool,
}

impl ResponsePreferences {
    pub(super) fn read(rule: Rule, request: &Request) -> Self {
        let (method, headers) = (request.method(), request.headers());
        // Whatever a client of MCP accepts, it calls as a program; a person can only look at the path.
        let may_be_browser = method.is_safe() || !rule.access.is_mcp();
        Self {
            // At the levels of this step both codings make answers of the same size, and gzip takes
            // less memory.
            coding: Coding::select(headers, Coding::Gzip),
            wants_pages: may_be_browser && prefers_html(headers),
            is_head: method == Method::HEAD,
        }
    }
}

/// Adds these parts to a response and ends its request.
pub(super) fn seal(
    edge: &Edge,
    content: Content,
    exchange: Exchange,
    preferences: &ResponsePreferences,
    mut response: Response,
) -> Response {
    let Edge { state, find_stylesheet, .. } = edge;
    let record = exchange.record();
    if let Some(problem) = response.extensions_mut().remove::<Box<Problem>>() {
        let request_id = record.id().to_owned();
        let is_signed_out =
            state.gate().needs_credential() && problem.status == StatusCode::UNAUTHORIZED;
        let login_url = problem.login_url.or(is_signed_out.then_some(LOGIN_URL));
        let problem = Problem { request_id, ..*problem };
        let page = preferences.wants_pages.then_some((login_url, *find_stylesheet));
        write_problem(&mut response, problem, page, preferences);
    }
    let headers = response.headers_mut();
    let policy = match content {
        Content::Data | Content::File => DATA_POLICY,
        Content::Page => page_policy(state.is_https()),
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

/// Writes a problem in the form that the client wants. `page` has what a page has beside the problem:
/// where to sign in, and the style sheet.
fn write_problem(
    response: &mut Response,
    problem: Problem,
    page: Option<(Option<&'static str>, FindStylesheet)>,
    preferences: &ResponsePreferences,
) {
    let headers = response.headers_mut();
    // RFC 9110, section 12.5.5.
    headers.append(header::VARY, HeaderValue::from_static("accept"));
    let mut body = if let Some((login_url, find_stylesheet)) = page {
        headers.insert(header::CONTENT_TYPE, HTML);
        headers.insert(header::CONTENT_SECURITY_POLICY, PROBLEM_POLICY);
        render_problem(&Problem { login_url, ..problem }, find_stylesheet).into_bytes()
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        serde_json::to_vec(&problem).expect("a problem holds strings and numbers only")
    };
    if body.len() > PLAIN_MAX_BYTES {
        headers.append(header::VARY, VARY_BY_CODING);
        // It is bounded by the excerpts of which it is made, so it takes well under a millisecond.
        if let Some(coding) = preferences.coding
            && let Ok(encoded) = encode(coding, &body)
        {
            body = encoded;
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = if preferences.is_head { Body::empty() } else { Body::from(body) };
}
