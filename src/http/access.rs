//! Authentication of a request, and the headers by which the response reports on the session.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::auth::{Access, AccessError, AuthenticatedCaller, stream};
use crate::domain::identity::{Client, Principal};
use crate::error::ApiError;
use crate::state::AppState;
use crate::telemetry::Record;

/// The outcome of authentication, as far as the response depends on it.
pub(super) struct Authentication {
    access: Access,
    /// The path of the resource that a challenge names.
    resource: &'static str,
    /// The caller, if the request was admitted.
    caller: Option<Arc<Principal>>,
    /// The `error` of a challenge (RFC 6750, section 3.1).
    code: Option<&'static str>,
    /// The `Set-Cookie` header of a session that was refreshed or has ended.
    set_cookie: Option<HeaderValue>,
}

/// Authenticates a request and puts its [`Principal`] into the extensions.
///
/// A route that needs no caller has none, except in local mode.
pub(super) async fn authenticate(
    state: &AppState,
    access: Access,
    request: &mut Request,
) -> (Authentication, Result<(), ApiError>) {
    let client = read_client_name(request.headers());
    let resource = find_resource(access, request.uri().path());
    let mut authentication =
        Authentication { access, resource, caller: None, code: None, set_cookie: None };
    let Some(authenticator) = state.authenticator() else {
        let plan = state.local_plan();
        authentication.admit(Principal { plan, ..Principal::local(client) }, request);
        return (authentication, Ok(()));
    };
    if !access.needs_caller() {
        return (authentication, Ok(()));
    }
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    // Boxed, so that the future of a request holds no room for a call to the identity provider.
    let admit = Box::pin(authenticator.authenticate(access, method, uri, headers, client));
    let admitted = tokio::time::timeout(state.request_timeout(), admit).await;
    match admitted.unwrap_or_else(|_| Err(AccessError::new(ApiError::Timeout))) {
        Ok(AuthenticatedCaller { principal, set_cookie }) => {
            authentication.admit(principal, request);
            let code = Some("invalid_token");
            (Authentication { code, set_cookie, ..authentication }, Ok(()))
        }
        Err(AccessError { error, code, set_cookie }) => {
            (Authentication { code, set_cookie, ..authentication }, Err(error))
        }
    }
}

impl Authentication {
    fn admit(&mut self, caller: Principal, request: &mut Request) {
        let caller = Arc::new(caller);
        if self.access.needs_caller() {
            Record::note(|record| record.set_caller(&caller));
        }
        request.extensions_mut().insert(Arc::clone(&caller));
        self.caller = Some(caller);
    }

    /// The caller, if the request was admitted.
    pub(super) fn caller(&self) -> Option<&Arc<Principal>> {
        self.caller.as_ref()
    }

    /// Adds the challenge and the cookie to the response, and ends a stream of events with the
    /// caller's session.
    pub(super) fn complete(self, state: &AppState, mut response: Response) -> Response {
        let Some(authenticator) = state.authenticator() else { return response };
        if let Some(caller) = &self.caller {
            response = stream::end_with_session(response, authenticator, caller);
        }
        let is_challenged = response.status() == StatusCode::UNAUTHORIZED
            || response.status() == StatusCode::BAD_REQUEST && self.code == Some("invalid_request");
        if self.access.needs_caller()
            && is_challenged
            && let Some(challenge) = authenticator.build_challenge(self.resource, self.code)
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(set_cookie) = self.set_cookie {
            // A handler that ends the session has set its cookie already.
            response.headers_mut().entry(header::SET_COOKIE).or_insert(set_cookie);
        }
        response
    }
}

/// The path of the resource that a request asks for. A client refuses the metadata of any other
/// (RFC 9728, section 3.3), also where a slash is the whole difference.
fn find_resource(access: Access, path: &str) -> &'static str {
    match access {
        Access::Sse => "sse",
        Access::Mcp if path.ends_with('/') => "mcp/",
        _ => "mcp",
    }
}

/// Reads the client's name from `User-Agent`.
fn read_client_name(headers: &HeaderMap) -> Client {
    let agent = headers.get(header::USER_AGENT).map(HeaderValue::as_bytes).unwrap_or_default();
    Client::of_user_agent(&String::from_utf8_lossy(agent))
}
