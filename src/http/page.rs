//! HTML pages that the server itself writes: their frame, and the page of a problem.
//!
//! They have neither script nor style of their own: `color-scheme` makes the browser's own colours
//! follow the user's choice of light or dark, which no content security policy forbids.

use axum::http::HeaderValue;

use crate::error::{Problem, ProblemField};

pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The content security policy of a problem's page, also on routes that serve data otherwise.
pub(super) const PROBLEM_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Renders a page. `body` and `head` are HTML, `title` is text.
pub(crate) fn render_page(title: &str, body: &str, head: &str) -> String {
    let title = escape_html(title);
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} - PromptDB</title>{head}</head>\
         <body><main><h1>{title}</h1>{body}</main></body></html>"
    )
}

/// Renders a problem for a person. It says what the problem document says, and no more.
pub(super) fn render_problem(problem: &Problem) -> String {
    let item = |error: &ProblemField| {
        format!("<li>{} {}</li>", escape_html(&error.field), escape_html(&error.message))
    };
    let what = if problem.errors.is_empty() {
        format!("<p>{}.</p>", escape_html(&problem.detail))
    } else {
        format!("<ul>{}</ul>", problem.errors.iter().map(item).collect::<String>())
    };
    let link = problem
        .login_url
        .map(|url| format!("<p><a href=\"{}\">Sign in</a></p>", escape_html(url)))
        .unwrap_or_default();
    let (status, id) = (problem.status, escape_html(&problem.request_id));
    let which = format!("<p><small>Status {status}, request <code>{id}</code></small></p>");
    let body = format!("{what}{link}{which}");
    render_page(problem.title, &body, "<meta name=\"robots\" content=\"noindex\">")
}

/// Escapes text for element content and quoted attributes.
pub(crate) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FieldError;
    use crate::error::ApiError;

    #[test]
    fn no_text_of_a_problem_is_markup() {
        let hostile = "<script>alert('1')</script> & \"</p>\"";
        let invalid = ApiError::from(FieldError::new(hostile.to_owned(), hostile));
        for error in [ApiError::NotFound(hostile.to_owned()), invalid] {
            let page = render_problem(&error.problem());
            assert!(!page.contains("<script") && !page.contains("\"</p>"), "{page}");
            assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"), "{page}");
        }
    }
}
