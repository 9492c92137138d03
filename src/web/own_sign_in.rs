//! The routes of a browser's sign-in with the access token of the server, and of its sign-out.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::assets::find_stylesheet;
use super::pages::{render_error, render_popup};
use super::sign_in::{
    LoginQuery, SignOutResponse, add_cookies, parse_login, parse_return_to, redirect,
};
use crate::auth::{Reauthentication, Redirect, TokenGate};
use crate::error::ApiError;
use crate::http::body::read_body;
use crate::http::extract::{Caller, Json, Query, media_type};
use crate::http::negotiation::{names_json, prefers_html};
use crate::http::page::{HTML, escape_html, render_page};

/// Maximum size in bytes of the form: room for a token and for a path, percent-encoded.
pub(crate) const FORM_MAX_BYTES: usize = 8 * 1024;

/// The page of the sign-in. A browser that is signed in is not sent back to it.
const LOGIN_URL: &str = "/auth/login";

/// A form's `POST` from a page without a referrer has the origin `null` (Fetch standard, appending a
/// request `Origin` header), and would not be known as this server's own.
const REFERRER_POLICY: HeaderValue = HeaderValue::from_static("same-origin");

type SharedGate = State<Arc<TokenGate>>;

/// Shows the form, or redirects a browser that is signed in.
pub(crate) async fn show_form(
    caller: Result<Caller, ApiError>,
    headers: HeaderMap,
    query: Result<Query<LoginQuery>, ApiError>,
) -> Response {
    match query.and_then(|Query(query)| parse_login(query)) {
        Ok((location, Reauthentication::NotNeeded))
            if caller.is_ok() && !location.starts_with(LOGIN_URL) =>
        {
            redirect(Redirect { location, cookies: vec![] })
        }
        Ok((return_to, _)) => render_form(&return_to, false),
        Err(error) => render_error(&headers, error),
    }
}

/// The fields of the form.
#[derive(Default)]
struct Form {
    token: String,
    return_to: Option<String>,
}

impl Form {
    /// Reads the fields; the last of a name counts, and others are ignored.
    fn parse(body: &[u8]) -> Self {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            match &*name {
                // A token that was copied often comes with a space or a line break.
                "token" => value.trim().clone_into(&mut form.token),
                "return_to" if !value.is_empty() => form.return_to = Some(value.into_owned()),
                _ => {}
            }
        }
        form
    }
}

/// Signs a browser in whose form has the access token.
pub(crate) async fn sign_in(State(gate): SharedGate, request: Request) -> Response {
    let headers = request.headers().clone();
    if !gate.is_same_origin_request(&headers) {
        let detail = "a sign-in must come from the page of this server";
        return render_error(&headers, ApiError::Forbidden(detail));
    }
    let signed_in = read_form(&headers, request).await.and_then(|body| {
        let form = Form::parse(&body);
        let return_to = parse_return_to(form.return_to)?;
        Ok((gate.sign_in(&form.token)?, return_to))
    });
    match signed_in {
        Ok((Some(cookie), location)) => redirect(Redirect { location, cookies: vec![cookie] }),
        Ok((None, _)) if !prefers_html(&headers) => {
            let detail = "the access token is not that of this server";
            ApiError::Unauthorized(detail).into_response()
        }
        Ok((None, return_to)) => render_form(&return_to, true),
        Err(error) => render_error(&headers, error),
    }
}

async fn read_form(headers: &HeaderMap, request: Request) -> Result<Bytes, ApiError> {
    if !media_type(headers).eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let detail = "the body must be a form; send content-type: \
            application/x-www-form-urlencoded";
        return Err(ApiError::UnsupportedMediaType(detail));
    }
    read_body(request).await
}

/// Renders the form. After a wrong token it says so.
fn render_form(return_to: &str, is_refused: bool) -> Response {
    let (status, fault) = if is_refused {
        let fault = "<p class=\"error\" id=\"error\" role=\"alert\">That is not the access token of this \
            server. It is the value of <code>ACCESS_TOKEN</code> in its settings.</p>";
        (StatusCode::UNAUTHORIZED, fault)
    } else {
        (StatusCode::OK, "")
    };
    let invalid = if is_refused { " aria-invalid=\"true\" aria-describedby=\"error\"" } else { "" };
    let return_to = escape_html(return_to);
    // The user name is for managers of passwords, which keep none without.
    let body = format!(
        "<form class=\"sign-in\" method=\"post\" action=\"{LOGIN_URL}\">\
         <input type=\"hidden\" name=\"return_to\" value=\"{return_to}\">\
         <input type=\"text\" name=\"username\" value=\"promptdb\" autocomplete=\"username\" hidden>\
         <div class=\"field\"><label for=\"token\">Access token</label>\
         <input class=\"input\" type=\"password\" id=\"token\" name=\"token\" \
         autocomplete=\"current-password\" required autofocus{invalid}>{fault}</div>\
         <button class=\"button button-primary\">Sign in</button></form>"
    );
    let head = "<meta name=\"robots\" content=\"noindex\">";
    let page = render_page("Sign in", &body, head, find_stylesheet);
    let headers = [(header::CONTENT_TYPE, HTML), (header::REFERRER_POLICY, REFERRER_POLICY)];
    (status, headers, page).into_response()
}

/// Ends the session of the request's cookie. A form goes on to the sign-in, a script that accepts JSON by
/// name gets its path, and other clients get 204.
pub(crate) async fn sign_out(
    State(gate): SharedGate,
    Caller(caller): Caller,
    headers: HeaderMap,
) -> Response {
    let Some(session_id) = &caller.session_id else {
        let detail =
            "an access token has no session to end: set another ACCESS_TOKEN to withdraw it";
        return render_error(&headers, ApiError::Forbidden(detail));
    };
    if let Err(error) = gate.end_session(session_id).await {
        return render_error(&headers, error);
    }
    let cookies = gate.build_session_removal().into_iter().collect();
    if prefers_html(&headers) {
        redirect(Redirect { location: LOGIN_URL.to_owned(), cookies })
    } else if names_json(&headers) {
        let url = LOGIN_URL.to_owned();
        add_cookies(Json(SignOutResponse { url }).into_response(), cookies)
    } else {
        add_cookies(StatusCode::NO_CONTENT.into_response(), cookies)
    }
}

/// Serves the page that ends the sign-in in a window of its own. A browser without a session is
/// redirected to the form before.
pub(crate) async fn show_popup() -> Response {
    render_popup()
}
