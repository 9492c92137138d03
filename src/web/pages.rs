//! The small HTML pages of a sign-in.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::assets::find_stylesheet;
use crate::error::{ApiError, Problem};
use crate::http::negotiation::prefers_html;
use crate::http::page::{HTML, render_page};

const JAVASCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");

/// Notifies the page that opened the window, and closes the window. The message goes over both
/// channels: a sign-in page in between may have severed the link to the opener by its
/// `Cross-Origin-Opener-Policy`.
const POPUP_SCRIPT: &str = "\
const message = { type: 'promptdb:signed-in' };
const channel = new BroadcastChannel('promptdb');
channel.postMessage(message);
channel.close();
if (window.opener) {
  window.opener.postMessage(message, window.location.origin);
}
window.close();
";

/// Turns the failure of a sign-in into a response, whose page leads back to the sign-in.
pub(super) fn render_error(headers: &HeaderMap, error: ApiError) -> Response {
    let mut response = error.into_response();
    if prefers_html(headers)
        && let Some(problem) = response.extensions_mut().get_mut::<Box<Problem>>()
    {
        problem.login_url.get_or_insert("/auth/login");
    }
    response
}

/// Renders the last page of a sign-in in a window of its own.
pub(super) fn render_popup() -> Response {
    let headers = [(header::CONTENT_TYPE, HTML)];
    let text = "<p>You are signed in. You can close this window.</p>";
    let script = "<script src=\"/auth/popup.js\" defer></script>";
    (headers, render_page("Signed in", text, script, find_stylesheet)).into_response()
}

/// Serves the script of the last page. The content security policy forbids inline scripts.
pub(crate) async fn popup_script() -> Response {
    ([(header::CONTENT_TYPE, JAVASCRIPT)], POPUP_SCRIPT).into_response()
}
