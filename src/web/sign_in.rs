//! The routes of a browser's sign-in with WorkOS and of its sign-out.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::pages::{render_error, render_popup};
use crate::auth::{
    Access, AccessError, AuthenticatedCaller, Authenticator, Reauthentication, Redirect,
};
use crate::domain::FieldError;
use crate::domain::identity::Client;
use crate::error::ApiError;
use crate::http::extract::{Json, Query};
use crate::http::negotiation::{names_json, prefers_html};

/// Where a browser goes after a sign-in that began at no page.
const HOME: &str = "/app";
/// Maximum size in bytes of the path to return to, which the cookie of the sign-in holds.
const RETURN_TO_MAX_BYTES: usize = 1024;

type SharedAuthenticator = State<Arc<Authenticator>>;

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    return_to: Option<String>,
    /// `1` makes the user sign in actively.
    reauth: Option<String>,
}

/// Redirects to the sign-in page of WorkOS.
pub(crate) async fn begin_sign_in(
    State(authenticator): SharedAuthenticator,
    headers: HeaderMap,
    query: Result<Query<LoginQuery>, ApiError>,
) -> Response {
    match query.and_then(|Query(query)| parse_login(query)) {
        Ok((return_to, reauthentication)) => {
            redirect(authenticator.begin_sign_in(&headers, return_to, reauthentication))
        }
        Err(error) => render_error(&headers, error),
    }
}

pub(super) fn parse_login(query: LoginQuery) -> Result<(String, Reauthentication), ApiError> {
    let reauthentication = match query.reauth.as_deref() {
        None => Reauthentication::NotNeeded,
        Some("1") => Reauthentication::Required,
        Some(_) => return Err(FieldError::new("reauth", "must be 1, or absent").into()),
    };
    Ok((parse_return_to(query.return_to)?, reauthentication))
}

/// Checks the path to return to after a sign-in; [`HOME`] if there is none.
pub(super) fn parse_return_to(path: Option<String>) -> Result<String, ApiError> {
    match path {
        None => Ok(HOME.to_owned()),
        Some(path) if is_local_path(&path) => Ok(path),
        Some(_) => {
            let message = "must be a path on this server, such as /app";
            Err(FieldError::new("return_to", message).into())
        }
    }
}

/// Whether a redirect to `path` stays on this server, against open redirects (RFC 9700, section
/// 4.11). `//host` and `/\host` would name another host; browsers drop tabs and line breaks before
/// they parse a URL.
fn is_local_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= RETURN_TO_MAX_BYTES
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[derive(Deserialize)]
pub(crate) struct CallbackQuery {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Handles the redirect of WorkOS back to this server.
pub(crate) async fn finish_sign_in(
    State(authenticator): SharedAuthenticator,
    headers: HeaderMap,
    query: Result<Query<CallbackQuery>, ApiError>,
) -> Response {
    let finished = match query.and_then(|Query(query)| parse_callback(query)) {
        Ok((code, state)) => authenticator.finish_sign_in(&headers, &state, &code).await,
        Err(error) => Err(error),
    };
    match finished {
        Ok(target) => redirect(target),
        Err(error) => render_error(&headers, error),
    }
}

/// Reads the code and the state of an authorization response (RFC 6749, section 4.1.2).
fn parse_callback(query: CallbackQuery) -> Result<(String, String), ApiError> {
    // An error response (section 4.1.2.1). Its description is another site's text and is not shown.
    if query.error.is_some() {
        let detail = "the sign-in was not completed; nothing was changed";
        return Err(ApiError::Malformed(detail.to_owned()));
    }
    let (Some(code), Some(state)) = (query.code, query.state) else {
        let detail = "the code or the state of the sign-in is missing; start again";
        return Err(ApiError::Malformed(detail.to_owned()));
    };
    Ok((code, state))
}

/// Where the page of a sign-out goes next.
#[derive(Serialize)]
pub(super) struct SignOutResponse {
    /// The page of WorkOS that ends the browser's own session there and returns to `/`, or `/` if
    /// there was no session.
    pub(super) url: String,
}

/// Ends the session of the request's cookie. A form is redirected to WorkOS, where the browser's own
/// session ends. A script that accepts JSON by name gets the URL instead, because the content security
/// policy of pages lets no form follow a redirect to another site. Other clients get 204.
pub(crate) async fn sign_out(
    State(authenticator): SharedAuthenticator,
    headers: HeaderMap,
) -> Response {
    // Otherwise any page could sign the user out (cross-site request forgery).
    if !authenticator.is_same_origin_request(&headers) {
        let detail = "a sign-out must come from a page of this server";
        return render_error(&headers, ApiError::Forbidden(detail));
    }
    let is_browser = prefers_html(&headers);
    let is_script = !is_browser && names_json(&headers);
    match authenticator.sign_out(&headers, is_browser || is_script).await {
        Ok(target) if is_browser => redirect(target),
        Ok(Redirect { location: url, cookies }) if is_script => {
            add_cookies(Json(SignOutResponse { url }).into_response(), cookies)
        }
        Ok(target) => add_cookies(StatusCode::NO_CONTENT.into_response(), target.cookies),
        Err(error) => render_error(&headers, error),
    }
}

/// Serves the window that another page opens for a sign-in: redirects to the sign-in first, and
/// serves a page that closes itself afterwards.
pub(crate) async fn show_popup(
    State(authenticator): SharedAuthenticator,
    request: Request,
) -> Response {
    let headers = request.headers();
    let client = Client::named("browser");
    match authenticator.authenticate_browser(headers, client, Access::Api).await {
        Ok(Some(AuthenticatedCaller { set_cookie, .. })) => {
            add_cookies(render_popup(), set_cookie.into_iter().collect())
        }
        Ok(None) | Err(AccessError { error: ApiError::Unauthorized(_), .. }) => {
            let return_to = "/auth/popup".to_owned();
            redirect(authenticator.begin_sign_in(headers, return_to, Reauthentication::NotNeeded))
        }
        Err(AccessError { error, .. }) => render_error(headers, error),
    }
}

pub(super) fn redirect(target: Redirect) -> Response {
    let Ok(location) = HeaderValue::try_from(target.location) else {
        let cause = "the target of a redirect is not a valid header value";
        return ApiError::Internal(cause.into()).into_response();
    };
    // RFC 9110, section 15.4.4: after 303 a browser follows with GET, also from the POST of a
    // sign-out.
    let response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    add_cookies(response, target.cookies)
}

pub(super) fn add_cookies(mut response: Response, cookies: Vec<HeaderValue>) -> Response {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::is_local_path;

    #[test]
    fn a_sign_in_returns_to_this_server_only() {
        for path in ["/", "/app", "/app?tab=1#top", "/a//b", "/%2Fevil.example"] {
            assert!(is_local_path(path), "{path}");
        }
        for path in [
            "",
            "app",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " /app",
            "/a b",
            "/ü",
        ] {
            assert!(!is_local_path(path), "{path}");
        }
        assert!(!is_local_path(&format!("/{}", "a".repeat(1024))));
    }
}
