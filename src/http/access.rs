//! Authentication of a request, and the headers by which the response reports on the session.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::envelope::LOGIN_URL;
use super::negotiation::prefers_html;
use super::rule::{Content, Rule};
use crate::auth::{Access, AccessError, AuthenticatedCaller, Gate, stream};
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
/// A route that needs no caller has none, except where there is only the local user.
pub(super) async fn authenticate(
    state: &AppState,
    access: Access,
    request: &mut Request,
) -> (Authentication, Result<(), ApiError>) {
    let client = read_client_name(request.headers());
    let resource = find_resource(access, request.uri().path());
    let mut authentication =
        Authentication { access, resource, caller: None, code: None, set_cookie: None };
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    // Boxed, so that the future of a request holds no room for a call to the identity provider.
    let admitted = match state.gate() {
        Gate::Loopback => {
            let principal = Principal::local(client);
            Ok(Some(AuthenticatedCaller { principal, set_cookie: None }))
        }
        // A probe is answered whatever it carries, and waits for no store.
        Gate::AccessToken(_) if access == Access::Probe => Ok(None),
        Gate::AccessToken(gate) => {
            let admit = Box::pin(gate.authenticate(access, method, uri, headers, client));
            match within_deadline(state, admit).await {
                Err(_) if access.is_public() => Ok(None),
                outcome => outcome.map(Some),
            }
        }
        Gate::WorkOs(_) if !access.needs_caller() => Ok(None),
        Gate::WorkOs(authenticator) => {
            let admit = Box::pin(authenticator.authenticate(access, method, uri, headers, client));
            within_deadline(state, admit).await.map(Some)
        }
    };
    match admitted {
        Ok(None) => (authentication, Ok(())),
        Ok(Some(AuthenticatedCaller { mut principal, set_cookie })) => {
            if !matches!(state.gate(), Gate::WorkOs(_)) {
                principal.plan = state.local_plan();
            }
            authentication.admit(principal, request);
            let code = Some("invalid_token");
            (Authentication { code, set_cookie, ..authentication }, Ok(()))
        }
        Err(AccessError { error, code, set_cookie }) => {
            (Authentication { code, set_cookie, ..authentication }, Err(error))
        }
    }
}

/// Waits for an authentication no longer than a request may take.
async fn within_deadline<T>(
    state: &AppState,
    authenticating: impl Future<Output = Result<T, AccessError>>,
) -> Result<T, AccessError> {
    let authenticated = tokio::time::timeout(state.request_timeout(), authenticating).await;
    authenticated.unwrap_or_else(|_| Err(AccessError::new(ApiError::Timeout)))
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

    /// The `WWW-Authenticate` header of a response; `None` where there is none. A server with an access
    /// token has no authorization server, so its challenge names the scheme alone.
    fn challenge(&self, gate: &Gate, status: StatusCode) -> Option<HeaderValue> {
        let is_unauthorized = status == StatusCode::UNAUTHORIZED;
        match gate {
            Gate::AccessToken(_) if is_unauthorized && !self.access.is_public() => {
                Some(HeaderValue::from_static("Bearer"))
            }
            Gate::WorkOs(authenticator) if self.access.needs_caller() => {
                let is_invalid = self.code == Some("invalid_request");
                let is_challenged =
                    is_unauthorized || status == StatusCode::BAD_REQUEST && is_invalid;
                let challenge = || authenticator.build_challenge(self.resource, self.code);
                is_challenged.then(challenge).flatten()
            }
            _ => None,
        }
    }

    /// Adds the challenge and the cookie to the response, and ends a stream of events with the
    /// caller's session.
    pub(super) fn complete(self, state: &AppState, mut response: Response) -> Response {
        if let Some(challenge) = self.challenge(state.gate(), response.status()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let (Some(authenticator), Some(caller)) = (state.authenticator(), &self.caller) {
            response = stream::end_with_session(response, authenticator, caller);
        }
        if let Some(set_cookie) = self.set_cookie {
            // A handler that ends the session has set its cookie already.
            response.headers_mut().entry(header::SET_COOKIE).or_insert(set_cookie);
        }
        response
    }
}

/// Redirects a person who is signed out from a page of a server with an access token to its sign-in.
/// Everything else gets the error.
pub(super) fn refuse(state: &AppState, rule: Rule, request: &Request, error: ApiError) -> Response {
    let has_form = matches!(state.gate(), Gate::AccessToken(_));
    let is_signed_out = matches!(error, ApiError::Unauthorized(_));
    let is_page = rule.content == Content::Page && request.method().is_safe();
    let is_led = has_form && is_signed_out && is_page && prefers_html(request.headers());
    if !is_led {
        return error.into_response();
    }
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    let path: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
    Redirect::to(&format!("{LOGIN_URL}?return_to={path}")).into_response()
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
