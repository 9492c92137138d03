//! From the credentials of a request to its caller, and what the response says of the session.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::auth::{Access, AccessError, Authentication, stream};
use crate::domain::identity::{Client, Principal};
use crate::error::ApiError;
use crate::state::AppState;
use crate::telemetry::Record;

/// How a caller was received, which the response may have to tell.
pub(super) struct Reception {
    access: Access,
    /// Who was let in.
    caller: Option<Arc<Principal>>,
    /// The `error` of a challenge.
    code: Option<&'static str>,
    set_cookie: Option<HeaderValue>,
}

/// Puts the [`Principal`] into the request's extensions, or says why nobody is let in.
pub(super) async fn identify_caller(
    state: &AppState,
    access: Access,
    request: &mut Request,
) -> (Reception, Result<(), ApiError>) {
    let client = client_of(request.headers());
    let mut reception = Reception { access, caller: None, code: None, set_cookie: None };
    let Some(authenticator) = state.authenticator() else {
        reception.let_in(Principal::local(client), request);
        return (reception, Ok(()));
    };
    if !access.needs_caller() {
        return (reception, Ok(()));
    }
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    // In a box, so that those who are let in at once do not hold the room for those who wait.
    let admit = Box::pin(authenticator.authenticate(access, method, uri, headers, client));
    let admitted = tokio::time::timeout(state.request_timeout(), admit).await;
    match admitted.unwrap_or_else(|_| Err(AccessError::new(ApiError::Timeout))) {
        Ok(Authentication { principal, set_cookie }) => {
            reception.let_in(principal, request);
            let code = Some("invalid_token");
            (Reception { code, set_cookie, ..reception }, Ok(()))
        }
        Err(AccessError { error, code, set_cookie }) => {
            (Reception { code, set_cookie, ..reception }, Err(error))
        }
    }
}

impl Reception {
    fn let_in(&mut self, caller: Principal, request: &mut Request) {
        let caller = Arc::new(caller);
        if self.access.needs_caller() {
            Record::note(|record| record.set_caller(&caller));
        }
        request.extensions_mut().insert(Arc::clone(&caller));
        self.caller = Some(caller);
    }

    /// Adds to the response what the caller has to know, and ends what lasts with the caller's
    /// session.
    pub(super) fn end(self, state: &AppState, mut response: Response) -> Response {
        let Some(authenticator) = state.authenticator() else { return response };
        if let Some(caller) = &self.caller {
            response = stream::end_with_session(response, authenticator, caller);
        }
        let is_challenged = response.status() == StatusCode::UNAUTHORIZED
            || response.status() == StatusCode::BAD_REQUEST && self.code == Some("invalid_request");
        if self.access.needs_caller()
            && is_challenged
            && let Some(challenge) = authenticator.build_challenge(self.access, self.code)
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(set_cookie) = self.set_cookie {
            // What a handler says of the session, that it is over, comes before its refresh.
            response.headers_mut().entry(header::SET_COOKIE).or_insert(set_cookie);
        }
        response
    }
}

/// The program that asks: the first product token of RFC 9110, section 10.1.5, without its version.
fn client_of(headers: &HeaderMap) -> Client {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    Client::named(agent.unwrap_or_default().split([' ', '/']).next().unwrap_or_default())
}
