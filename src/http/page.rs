//! HTML pages that the server itself writes: their frame, and the page of a problem.
//!
//! They have the style sheet of the static pages where it is there. `color-scheme` makes the browser's
//! own colours follow the user's choice of light or dark without one.

use axum::http::{HeaderValue, StatusCode};

use crate::error::{Problem, ProblemField};

pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// The content security policy of a problem's page, also on routes that serve data otherwise.
pub(super) const PROBLEM_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'",
);

/// The header of every page, also of the static ones.
const HEADER: &str = include_str!("../../web/pages/parts/header.html");
/// The footer of every page, also of the static ones.
const FOOTER: &str = include_str!("../../web/pages/parts/footer.html");

/// Where people see their prompts.
const LIBRARY_URL: &str = "/app";

/// Finds the path of the style sheet of pages; `None` if there is none.
pub(crate) type FindStylesheet = fn() -> Option<String>;

/// Renders a page. `body` and `head` are HTML, `title` is text.
pub(crate) fn render_page(
    title: &str,
    body: &str,
    head: &str,
    find_stylesheet: FindStylesheet,
) -> String {
    let title = escape_html(title);
    let style = find_stylesheet()
        .map(|path| format!("<link rel=\"stylesheet\" href=\"{}\">", escape_html(&path)))
        .unwrap_or_default();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title} - PromptDB</title>{style}{head}</head>\
         <body>{HEADER}<main class=\"page-main\"><h1>{title}</h1>{body}</main>{FOOTER}</body></html>"
    )
}

/// Renders a problem for a person. It says what the problem document says, and no more.
pub(super) fn render_problem(problem: &Problem, find_stylesheet: FindStylesheet) -> String {
    let item = |error: &ProblemField| {
        format!("<li>{} {}</li>", escape_html(&error.field), escape_html(&error.message))
    };
    let what = if problem.errors.is_empty() {
        format!("<p>{}.</p>", escape_html(&capitalize(&problem.detail)))
    } else {
        format!("<ul>{}</ul>", problem.errors.iter().map(item).collect::<String>())
    };
    let link = match problem.login_url {
        Some(url) => render_link(url, "Sign in"),
        None if problem.status == StatusCode::NOT_FOUND => {
            render_link(LIBRARY_URL, "Go to your library")
        }
        None => String::new(),
    };
    let (status, id) = (problem.status, escape_html(&problem.request_id));
    let which = format!("<p><small>Status {status}, request <code>{id}</code></small></p>");
    let body = format!("{what}{link}{which}");
    let head = "<meta name=\"robots\" content=\"noindex\">";
    render_page(problem.title, &body, head, find_stylesheet)
}

/// Makes the first letter of a text a capital one.
fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(characters).collect()
}

/// Renders a link as a paragraph.
fn render_link(url: &str, text: &str) -> String {
    format!("<p class=\"links\"><a href=\"{}\">{}</a></p>", escape_html(url), escape_html(text))
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
    fn a_page_has_the_style_sheet_that_is_there() {
        let problem = ApiError::NoRoute.problem();
        let styled = render_problem(&problem, || Some("/assets/page-ABCD1234.css".to_owned()));
        let link = "<link rel=\"stylesheet\" href=\"/assets/page-ABCD1234.css\">";
        assert!(styled.contains(link), "{styled}");
        assert!(styled.contains("<p>There is nothing at this path.</p>"), "{styled}");
        assert!(!render_problem(&problem, || None).contains("<link"));
    }

    #[test]
    fn no_text_of_a_problem_is_markup() {
        let hostile = "<script>alert('1')</script> & \"</p>\"";
        let invalid = ApiError::from(FieldError::new(hostile.to_owned(), hostile));
        for error in [ApiError::NotFound(hostile.to_owned()), invalid] {
            let page = render_problem(&error.problem(), || None);
            assert!(!page.contains("<script") && !page.contains("\"</p>"), "{page}");
            assert!(page.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"), "{page}");
        }
    }
}
