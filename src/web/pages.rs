//! The small pages that a browser meets on its way through a sign-in.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::error::{ApiError, Problem};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JAVASCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");

/// The policy of a refusal, which is a page whatever the route serves otherwise.
const REFUSAL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Tells the page that opened the window, by both ways there are: a sign-in page on the way may
/// have cut the one to the opener.
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

/// Whether a person is to read the answer.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted.filter_map(|value| value.to_str().ok()).any(|value| value.contains("text/html"))
}

/// A failure, as a page for browsers and as a problem document for others.
pub(super) fn refuse(headers: &HeaderMap, error: ApiError) -> Response {
    let problem = error.problem();
    let mut response = error.into_response();
    if is_browser(headers) {
        response.extensions_mut().remove::<Box<Problem>>();
        response.headers_mut().insert(header::CONTENT_TYPE, HTML);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, REFUSAL_POLICY);
        let faults =
            problem.errors.iter().map(|error| format!("{} {}", error.field, error.message));
        let detail = faults.reduce(|all, fault| format!("{all}; {fault}"));
        let again = "<p><a href=\"/auth/login\">Sign in</a></p>";
        let text = escape(detail.as_deref().unwrap_or(&problem.detail));
        *response.body_mut() = document(problem.title, &format!("<p>{text}.</p>{again}"), "");
    }
    response
}

/// The end of a sign-in in a window of its own.
pub(super) fn popup() -> Response {
    let headers = [(header::CONTENT_TYPE, HTML)];
    let text = "<p>You are signed in. You can close this window.</p>";
    let script = "<script src=\"/auth/popup.js\" defer></script>";
    (headers, document("Signed in", text, script)).into_response()
}

pub(crate) async fn popup_script() -> Response {
    ([(header::CONTENT_TYPE, JAVASCRIPT)], POPUP_SCRIPT).into_response()
}

fn document(title: &str, text: &str, head: &str) -> Body {
    let title = escape(title);
    Body::from(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title} - PromptDB</title>{head}</head>\
         <body><main><h1>{title}</h1>{text}</main></body></html>"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
