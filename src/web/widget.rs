//! The widget: one page with its style and its script inside, which chats show beside the results of
//! tools, and which `/widget` serves to browsers.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::assets::{self, Asset};
use crate::error::ApiError;
use crate::http::policy::PageSources;
use crate::state::AppState;

/// The file of the widget, in `public/`.
const FILE: &str = "widget.html";

/// The file of the widget.
pub(crate) struct Widget(Arc<Asset>);

impl Widget {
    /// Finds the file. A debug build reads it from the folder, where it may be missing.
    pub(crate) fn find() -> Option<Self> {
        assets::find(FILE).map(Self)
    }

    /// The SHA-256 of the file.
    pub(crate) fn hash(&self) -> &[u8; 32] {
        self.0.hash()
    }

    /// The page; `None` if the file is not UTF-8.
    pub(crate) fn html(&self) -> Option<&str> {
        self.0.text()
    }

    /// Returns what the content security policy of the page must allow.
    fn find_sources(&self) -> Result<PageSources, Fault> {
        find_sources(self.html().ok_or(Fault::Encoding)?)
    }
}

/// Serves the widget to a browser. Unlike every other page it has code in its text, so its policy
/// allows that code by its hash.
pub(crate) async fn get_widget(State(state): State<AppState>, headers: HeaderMap) -> Response {
    let Some(widget) = Widget::find() else { return ApiError::NoRoute.into_response() };
    match widget.find_sources() {
        Ok(sources) => {
            // RFC 9111, section 3.2: a 304 replaces the policy of the copy, so it has the same.
            let policy = (header::CONTENT_SECURITY_POLICY, sources.write_policy(state.is_https()));
            ([policy], widget.0.respond(&headers)).into_response()
        }
        Err(fault) => ApiError::Internal(Box::new(fault)).into_response(),
    }
}

/// Why the widget's policy cannot be written. A test finds each of them before the file is embedded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("the widget is not UTF-8")]
    Encoding,
    #[error("the widget has {found} of {tag:?}, and must have one")]
    Count { tag: &'static str, found: usize },
    #[error("the widget's {element} must begin with one of {allowed:?}")]
    Tag { element: &'static str, allowed: &'static [&'static str] },
    /// A browser replaces these characters before it computes a hash, and after the start of a comment
    /// a script may end at another place (HTML, "Preprocessing the input stream" and "Script data
    /// double escaped state").
    #[error("the widget must not contain {0:?}")]
    Forbidden(&'static str),
}

/// An element whose text a policy allows by its hash.
struct Element {
    name: &'static str,
    start: &'static str,
    end: &'static str,
    /// The tags that it may begin with. None of them loads a file.
    tags: &'static [&'static str],
}

const SCRIPT: Element = Element {
    name: "script",
    start: "<script",
    end: "</script",
    tags: &["<script>", "<script type=\"module\">", "<script type=module>"],
};
const STYLE: Element =
    Element { name: "style", start: "<style", end: "</style", tags: &["<style>"] };

/// Finds the one script and the one style of a page.
fn find_sources(html: &str) -> Result<PageSources, Fault> {
    if let Some(found) = ["\r", "\0", "<!--"].into_iter().find(|text| html.contains(text)) {
        return Err(Fault::Forbidden(found));
    }
    // The names of elements are not case-sensitive.
    let folded = html.to_ascii_lowercase();
    let script = SCRIPT.find_text(html, &folded)?;
    let style = STYLE.find_text(html, &folded)?;
    Ok(PageSources::inline(script, style))
}

impl Element {
    /// Finds the text of this element, which the page must have once. `folded` is `html` in lower
    /// case. An element inside the text of another one counts, too.
    fn find_text<'a>(&self, html: &'a str, folded: &str) -> Result<&'a str, Fault> {
        let start = find_once(folded, self.start)?;
        let end = find_once(folded, self.end)?;
        let is_beginning = |tag: &&str| html[start..].starts_with(tag);
        let tag = self.tags.iter().copied().find(is_beginning);
        tag.and_then(|tag| html.get(start + tag.len()..end))
            .ok_or(Fault::Tag { element: self.name, allowed: self.tags })
    }
}

/// Returns where `tag` is in a text that has it once.
fn find_once(text: &str, tag: &'static str) -> Result<usize, Fault> {
    let mut places = text.match_indices(tag).map(|(place, _)| place);
    match (places.next(), places.count()) {
        (Some(place), 0) => Ok(place),
        (first, others) => Err(Fault::Count { tag, found: usize::from(first.is_some()) + others }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "<!doctype html><head><style>p{}</style></head><script type=\"module\">f()</script>";

    #[track_caller]
    fn check(html: &str, expected: Result<(&str, &str), Fault>) {
        let policy = |sources: PageSources| sources.write_policy(false);
        let expected = expected.map(|(script, style)| PageSources::inline(script, style));
        assert_eq!(find_sources(html).map(policy), expected.map(policy), "{html}");
    }

    #[test]
    fn the_embedded_widget_has_one_script_and_one_style() {
        let widget = Widget::find().expect("public/ has the widget");
        if let Err(fault) = widget.find_sources() {
            panic!("{fault}");
        }
    }

    #[test]
    fn the_texts_of_the_script_and_the_style_are_allowed() {
        check(PAGE, Ok(("f()", "p{}")));
        for tag in SCRIPT.tags {
            check(&PAGE.replace("<script type=\"module\">", tag), Ok(("f()", "p{}")));
        }
        check("<script>é</script><style></style>", Ok(("é", "")));
    }

    #[test]
    fn a_page_with_more_or_less_than_one_of_each_is_refused() {
        for (extra, tag) in [
            ("<script>g()</script>", "<script"),
            ("<SCRIPT src=x>", "<script"),
            ("</Script >", "</script"),
            ("<style>", "<style"),
            ("</STYLE>", "</style"),
        ] {
            check(&format!("{PAGE}{extra}"), Err(Fault::Count { tag, found: 2 }));
            let inside = PAGE.replace("f()", &format!("f('{extra}')"));
            check(&inside, Err(Fault::Count { tag, found: 2 }));
        }
        check("<style></style>", Err(Fault::Count { tag: "<script", found: 0 }));
        check("<script></script>", Err(Fault::Count { tag: "<style", found: 0 }));
        check("<script><style></style>", Err(Fault::Count { tag: "</script", found: 0 }));
    }

    #[test]
    fn a_script_that_loads_a_file_or_hides_its_end_is_refused() {
        let tag = |element: &Element| Fault::Tag { element: element.name, allowed: element.tags };
        for other in
            ["<script src=\"a.js\">", "<script type=\"text/plain\">", "<scripts>", "<SCRIPT>"]
        {
            check(&PAGE.replace("<script type=\"module\">", other), Err(tag(&SCRIPT)));
        }
        check("</script><script><style></style>", Err(tag(&SCRIPT)));
        check(&PAGE.replace("<style>", "<style media=print>"), Err(tag(&STYLE)));
        for text in ["\r", "\0", "<!--"] {
            check(&PAGE.replace("f()", text), Err(Fault::Forbidden(text)));
        }
    }
}
