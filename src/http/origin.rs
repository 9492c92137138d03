//! The check of `Host`, `Origin` and `Sec-Fetch-Site`.

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Version, header};

use crate::auth::Access;
use crate::auth::origin::{is_same_host, is_same_origin, plain_host};
use crate::error::ApiError;
use crate::state::AppState;

/// The first segments of the paths that programs call. No page of another site links to them.
const PROGRAM_PATHS: [&str; 4] = ["api", "mcp", "sse", "messages"];

/// Refuses a foreign `Host`, and where it matters a request of a foreign page.
///
/// A page that rebinds its own DNS name to the address of this server still sends that name as
/// `Host` (MCP specification, Streamable HTTP, security warning). Where callers need a credential,
/// `Origin` matters to MCP alone: a write with a cookie is checked together with the cookie, and every other request
/// needs a token, which no foreign page has.
pub(super) fn check_host_and_origin(
    state: &AppState,
    access: Access,
    request: &Request,
) -> Result<(), ApiError> {
    let needs_credential = state.gate().needs_credential();
    let is_probe = needs_credential && access == Access::Probe;
    let hosts = match read_hosts(request) {
        Some(hosts) => hosts,
        None if is_probe && !request.headers().contains_key(header::HOST) => return Ok(()),
        None => {
            let detail = "the Host header is missing, repeated or malformed";
            return Err(ApiError::Malformed(detail.to_owned()));
        }
    };
    let mut hosts = hosts.iter().map(plain_host);
    // An orchestrator addresses a machine by its IP address.
    if !hosts.all(|host| host.is_some_and(|host| is_probe || is_own_host(state, host))) {
        return Err(ApiError::Forbidden(if needs_credential {
            "the Host header must name the public URL of this server"
        } else {
            "the Host header must name localhost or a loopback address"
        }));
    }
    if is_probe || needs_credential && !access.is_mcp() {
        return Ok(());
    }
    if !request.headers().get_all(header::ORIGIN).iter().all(|origin| {
        origin.to_str().is_ok_and(|origin| {
            is_same_origin(origin, state.public_url()) || is_allowed(state, access, origin)
        })
    }) {
        return Err(ApiError::Forbidden("the Origin header names another site"));
    }
    if !needs_credential
        && is_program_path(request.uri().path())
        && is_sent_by_foreign_page(request)
    {
        let detail = "the Sec-Fetch-Site header names another site as the sender";
        return Err(ApiError::Forbidden(detail));
    }
    Ok(())
}

fn is_own_host(state: &AppState, host: &str) -> bool {
    is_same_host(host, state.public_host())
}

/// Whether pages of another origin may call a route by the settings.
pub(super) fn is_allowed(state: &AppState, access: Access, origin: &str) -> bool {
    access == Access::Mcp && state.gate().allows_origin(origin)
}

fn is_program_path(path: &str) -> bool {
    let first = path.strip_prefix('/').and_then(|path| path.split('/').next());
    first.is_some_and(|first| PROGRAM_PATHS.contains(&first))
}

/// Whether a page of another site, or of another port of this machine, sent the request.
///
/// A page cannot suppress `Sec-Fetch-Site`, and browsers send it where `Origin` is missing: with the
/// `GET` of an image or a script. A click on a link does not count: the page that it opens replaces
/// the other one, which cannot read it.
fn is_sent_by_foreign_page(request: &Request) -> bool {
    let headers = request.headers();
    let mut sites = headers.get_all("sec-fetch-site").iter();
    // Both of a browser's other values are of a foreign page: `cross-site`, and `same-site` for a
    // page on another port of this machine.
    let is_foreign = sites.any(|site| *site != "same-origin" && *site != "none");
    is_foreign && !is_link_navigation(request.method(), headers)
}

/// Whether a top-level navigation by a link is the request. A form's `POST` is none.
fn is_link_navigation(method: &Method, headers: &HeaderMap) -> bool {
    let is = |name, value| headers.get(name).is_some_and(|found| found == value);
    method.is_safe() && is("sec-fetch-mode", "navigate") && is("sec-fetch-dest", "document")
}

/// The authorities that a request names: that of its target and that of its `Host` header. Returns
/// `None` if one of them is malformed, if there are several `Host` headers, or if there is none.
///
/// RFC 9112, section 3.2.2: the authority of a target in absolute form takes precedence over `Host`.
/// A proxy or a log may read the other one, so both have to be ours. In HTTP/2 the target has the
/// pseudo-header `:authority`, and `Host` is optional (RFC 9113, section 8.3.1).
pub(super) fn read_hosts(request: &Request) -> Option<Vec<Authority>> {
    let target = request.uri().authority().cloned();
    let mut headers = request.headers().get_all(header::HOST).iter();
    let host = headers.next();
    // RFC 9112, section 3.2: a request of HTTP/1.1 without `Host`, or with several, is refused.
    let lacks_host = host.is_none() && request.version() < Version::HTTP_2;
    if lacks_host || headers.next().is_some() {
        return None;
    }
    let host = host.map(|host| Authority::try_from(host.as_bytes())).transpose().ok()?;
    let hosts: Vec<_> = target.into_iter().chain(host).collect();
    (!hosts.is_empty()).then_some(hosts)
}
