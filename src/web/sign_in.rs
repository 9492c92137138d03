//! Signing in: the browser's way through WorkOS and back, what MCP clients have to know, and what
//! WorkOS reports. Only where people sign in.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::pages::{self, is_browser, refuse};
use crate::auth::{Admission, Authenticator, Departure, Refusal};
use crate::domain::FieldError;
use crate::domain::identity::Client;
use crate::error::ApiError;
use crate::http::extract::Query;

/// Most bytes of the path that a sign-in returns to; the sign-in's cookie holds it.
const RETURN_TO_MAX_BYTES: usize = 1024;

type SharedAuthenticator = State<Arc<Authenticator>>;

#[derive(Deserialize)]
pub(crate) struct LoginQuery {
    return_to: Option<String>,
}

pub(crate) async fn begin_sign_in(
    State(authenticator): SharedAuthenticator,
    headers: HeaderMap,
    query: Result<Query<LoginQuery>, ApiError>,
) -> Response {
    let return_to = query.and_then(|Query(query)| match query.return_to {
        None => Ok("/".to_owned()),
        Some(path) if is_local_path(&path) => Ok(path),
        Some(_) => {
            let message = "must be a path on this server, such as /app";
            Err(FieldError::new("return_to", message).into())
        }
    });
    match return_to {
        Ok(return_to) => redirect(authenticator.begin_sign_in(return_to)),
        Err(error) => refuse(&headers, error),
    }
}

/// Whether a browser that is sent to `path` stays on this server: no other site, no other scheme,
/// and nothing that browsers drop or turn around before they look.
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

pub(crate) async fn finish_sign_in(
    State(authenticator): SharedAuthenticator,
    headers: HeaderMap,
    query: Result<Query<CallbackQuery>, ApiError>,
) -> Response {
    let finish = async {
        let Query(query) = query?;
        if query.error.is_some() {
            let detail = "the sign-in was not completed; nothing was changed";
            return Err(ApiError::Malformed(detail.to_owned()));
        }
        let (Some(code), Some(state)) = (query.code, query.state) else {
            let detail = "the code or the state of the sign-in is missing; start again";
            return Err(ApiError::Malformed(detail.to_owned()));
        };
        authenticator.finish_sign_in(&headers, &state, &code).await
    };
    match finish.await {
        Ok(departure) => redirect(departure),
        Err(error) => refuse(&headers, error),
    }
}

pub(crate) async fn sign_out(
    State(authenticator): SharedAuthenticator,
    headers: HeaderMap,
) -> Response {
    if !authenticator.is_own_page(&headers) {
        let detail = "a sign-out must come from a page of this server";
        return refuse(&headers, ApiError::Forbidden(detail));
    }
    let is_browser = is_browser(&headers);
    match authenticator.sign_out(&headers, is_browser).await {
        Ok(departure) if is_browser => redirect(departure),
        Ok(departure) => with_cookies(StatusCode::NO_CONTENT.into_response(), departure.cookies),
        Err(error) => refuse(&headers, error),
    }
}

/// The window that another page opened for signing in: signs in first, then closes itself.
pub(crate) async fn show_popup(
    State(authenticator): SharedAuthenticator,
    request: Request,
) -> Response {
    let headers = request.headers();
    match authenticator.admit_browser(headers, Client::named("browser")).await {
        Ok(Some(Admission { set_cookie, .. })) => {
            with_cookies(pages::popup(), set_cookie.into_iter().collect())
        }
        Ok(None) | Err(Refusal { error: ApiError::Unauthorized(_), .. }) => {
            redirect(authenticator.begin_sign_in("/auth/popup".to_owned()))
        }
        Err(Refusal { error, .. }) => refuse(headers, error),
    }
}

fn redirect(departure: Departure) -> Response {
    let Ok(location) = HeaderValue::try_from(departure.location) else {
        return ApiError::Internal("a URL with characters that no URL has".into()).into_response();
    };
    let response = (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response();
    with_cookies(response, departure.cookies)
}

fn with_cookies(mut response: Response, cookies: Vec<HeaderValue>) -> Response {
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
