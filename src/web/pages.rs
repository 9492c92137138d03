//! The small HTML pages of a sign-in.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::error::{ApiError, Problem};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JAVASCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");

/// The content security policy of an error page, also on routes that serve data otherwise.
const ERROR_PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

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

/// Whether the client accepts HTML: a browser that navigates, not a program.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}

/// Renders an error as a page for browsers, and as a problem document for other clients.
pub(super) fn render_error(headers: &HeaderMap, error: ApiError) -> Response {
    let problem = error.problem();
    let mut response = error.into_response();
    if is_browser(headers) {
        // The page replaces the problem document, which the outermost layer would write.
        response.extensions_mut().remove::<Box<Problem>>();
        response.headers_mut().insert(header::CONTENT_TYPE, HTML);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, ERROR_PAGE_POLICY);
        let link = "<p><a href=\"/auth/login\">Sign in</a></p>";
        let text = escape_html(&describe(&problem));
        *response.body_mut() = render_page(problem.title, &format!("<p>{text}.</p>{link}"), "");
    }
    response
}

/// The invalid fields of a problem, or its detail if there are none.
fn describe(problem: &Problem) -> String {
    if problem.errors.is_empty() {
        return problem.detail.clone();
    }
    let errors: Vec<String> =
        problem.errors.iter().map(|error| format!("{} {}", error.field, error.message)).collect();
    errors.join("; ")
}

/// Renders the last page of a sign-in in a window of its own.
pub(super) fn render_popup() -> Response {
    let headers = [(header::CONTENT_TYPE, HTML)];
    let text = "<p>You are signed in. You can close this window.</p>";
    let script = "<script src=\"/auth/popup.js\" defer></script>";
    (headers, render_page("Signed in", text, script)).into_response()
}

/// Serves the script of the last page. The content security policy forbids inline scripts.
pub(crate) async fn popup_script() -> Response {
    ([(header::CONTENT_TYPE, JAVASCRIPT)], POPUP_SCRIPT).into_response()
}

/// Renders a page. `body` and `head` are HTML, `title` is text.
fn render_page(title: &str, body: &str, head: &str) -> Body {
    let title = escape_html(title);
    Body::from(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} - PromptDB</title>{head}</head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    ))
}

/// Escapes text for element content and quoted attributes.
fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
