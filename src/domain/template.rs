//! The template syntax: `{{name}}` is a variable, `\{{` is a literal `{{`, everything else is text.
//!
//! This module owns the only parser of that syntax. Redaction, harvest and rendering all use it, so
//! that they never disagree about what a variable is. A template contains no logic, and an argument
//! is inserted as text and never expanded again.

use std::ops::Range;

use memchr::memmem;

use super::prompt::{Variable, VariableName};

/// Maximum length of a rendered text, in bytes. Without a limit, a content that repeats one
/// variable and a long argument would multiply to gigabytes.
pub const RENDERED_MAX_BYTES: usize = 1024 * 1024;

/// One piece of a content, in the order of the content.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Literal text, as it is rendered: the escape `\{{` comes as `{{`.
    Text(&'a str),
    /// The name of a variable, without its braces.
    Variable(&'a str),
}

/// The result of [`render`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The content with every variable that has a value replaced.
    pub text: String,
    /// Variables with neither argument nor default, in order of appearance; left as they stand.
    pub missing: Vec<VariableName>,
}

/// The rendered text would be longer than [`RENDERED_MAX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rendered text would be over {RENDERED_MAX_BYTES} bytes; pass shorter arguments")]
pub struct RenderedTooLong;

/// Returns the distinct variables of a content, in order of first appearance.
///
/// The result has at most `max + 1` names: the one over the limit lets a caller detect that there
/// are more.
pub fn find_variables(content: &str, max: usize) -> Vec<VariableName> {
    let mut found: Vec<VariableName> = Vec::new();
    for piece in pieces(content) {
        if let Piece::Variable(name) = piece
            && found.len() <= max
            && !found.iter().any(|known| known.as_str() == name)
            && let Ok(name) = VariableName::parse(name)
        {
            found.push(name);
        }
    }
    found
}

/// Replaces every variable by its argument, else by its default. A variable with neither stays in
/// the text and is reported as missing.
///
/// `argument` returns the caller's value of a variable, if there is one. Time and memory are linear
/// in the length of the result.
pub fn render<'a>(
    content: &'a str,
    variables: &'a [Variable],
    argument: impl Fn(&VariableName) -> Option<&'a str>,
) -> Result<Rendered, RenderedTooLong> {
    let values: Vec<(&Variable, Option<&str>)> = variables
        .iter()
        .map(|variable| (variable, argument(&variable.name).or(variable.default.as_deref())))
        .collect();
    let mut text = String::with_capacity(content.len());
    for piece in pieces(content) {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Variable(name) => match find_value(&values, name) {
                // The value goes to the output and never back to the parser, so that a `{{name}}`
                // inside an argument stays text.
                Some(value) => text.push_str(value),
                None => text.extend(["{{", name, "}}"]),
            },
        }
        // Checked after each piece, so that the excess is at most one value.
        if text.len() > RENDERED_MAX_BYTES {
            return Err(RenderedTooLong);
        }
    }
    let missing = values.into_iter().filter(|(_, value)| value.is_none());
    Ok(Rendered { text, missing: missing.map(|(variable, _)| variable.name.clone()).collect() })
}

fn find_value<'a>(values: &[(&Variable, Option<&'a str>)], name: &str) -> Option<&'a str> {
    let (_, value) = values.iter().find(|(variable, _)| variable.name.as_str() == name)?;
    *value
}

/// Cuts a content into its pieces, none of them empty.
pub(super) fn pieces(content: &str) -> impl Iterator<Item = Piece<'_>> {
    pieces_with_ranges(content).map(|(_, piece)| piece)
}

/// Returns where the variables of a content stand, braces included, in order of appearance.
pub(super) fn variable_ranges(content: &str) -> impl Iterator<Item = Range<usize>> {
    pieces_with_ranges(content)
        .filter(|(_, piece)| matches!(piece, Piece::Variable(_)))
        .map(|(range, _)| range)
}

/// The pieces with their bytes in the content, which are consecutive and cover all of it.
fn pieces_with_ranges(content: &str) -> impl Iterator<Item = (Range<usize>, Piece<'_>)> {
    let mut rest = content;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = content.len() - rest.len();
        let (piece, after) = next_piece(rest);
        rest = after;
        Some((start..content.len() - rest.len(), piece))
    })
}

/// Returns the first piece of a text that is not empty, and the text after it.
fn next_piece(text: &str) -> (Piece<'_>, &str) {
    let Some(start) = memmem::find(text.as_bytes(), b"{{") else {
        return (Piece::Text(text), "");
    };
    if text[..start].ends_with('\\') {
        // The text before the escape is a piece of its own. The backslash then leads the rest, and
        // the next call takes the branch below.
        if start > 1 {
            return (Piece::Text(&text[..start - 1]), &text[start - 1..]);
        }
        // A backslash cannot escape another one: `\\{{` is a backslash and the literal `{{`.
        return (Piece::Text("{{"), &text[start + 2..]);
    }
    if start > 0 {
        return (Piece::Text(&text[..start]), &text[start..]);
    }
    let name = VariableName::prefix_of(&text[2..]);
    if let Some(after) = text[2 + name.len()..].strip_prefix("}}")
        && !name.is_empty()
    {
        return (Piece::Variable(name), after);
    }
    // Only one brace is consumed, so that the variable in `{{{name}}}` is still found.
    (Piece::Text(&text[..1]), &text[1..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn variable(name: &str, default: Option<&str>) -> Variable {
        let name = VariableName::parse(name).unwrap();
        Variable { name, description: None, default: default.map(str::to_owned) }
    }

    /// Renders with the arguments `a` = `1` and `b` = `{{a}}`, and `d` with the default `D`.
    #[track_caller]
    fn check(content: &str, text: &str, missing: &[&str]) {
        let known: Vec<Variable> = find_variables(content, 9)
            .iter()
            .map(|name| variable(name.as_str(), (name.as_str() == "d").then_some("D")))
            .collect();
        let argument = |name: &VariableName| match name.as_str() {
            "a" => Some("1"),
            "b" => Some("{{a}}"),
            _ => None,
        };
        let rendered = render(content, &known, argument).unwrap();
        assert_eq!(rendered.text, text, "{content:?}");
        let names: Vec<&str> = rendered.missing.iter().map(VariableName::as_str).collect();
        assert_eq!(names, missing, "{content:?}");
    }

    #[test]
    fn variables_are_replaced_defaulted_or_reported() {
        check("x {{a}} y", "x 1 y", &[]);
        check("{{d}}{{a}}{{d}}", "D1D", &[]);
        check("{{c}} and {{c}} {{e}}", "{{c}} and {{c}} {{e}}", &["c", "e"]);
    }

    #[test]
    fn a_variable_inside_an_argument_is_text() {
        check("{{b}}", "{{a}}", &[]);
        check("{{{b}}}", "{{{a}}}", &[]);
    }

    #[test]
    fn an_escaped_opening_is_literal() {
        check(r"\{{a}}", "{{a}}", &[]);
        check(r"x\{{ y", "x{{ y", &[]);
        check(r"\\{{a}}", r"\{{a}}", &[]);
        check(r"\{{{{a}}", "{{1", &[]);
        check(r"\ {{a}} \", r"\ 1 \", &[]);
    }

    #[test]
    fn text_that_only_resembles_a_variable_is_unchanged() {
        for text in ["{{ a }}", "{{A}}", "{{1a}}", "{{}}", "{{a", "a}}", "{{a}", "{{é}}", "{{a-b}}"]
        {
            check(text, text, &[]);
        }
        let long = format!("{{{{{}}}}}", "a".repeat(33));
        check(&long, &long, &[]);
    }

    #[test]
    fn a_rendered_text_over_the_limit_is_an_error() {
        let content = "{{a}}".repeat(1000);
        let long = "x".repeat(RENDERED_MAX_BYTES / 1000 + 1);
        let known = [variable("a", None)];
        assert_eq!(render(&content, &known, |_| Some(long.as_str())), Err(RenderedTooLong));
    }

    #[test]
    fn ranges_cover_the_variables_and_their_braces() {
        let content = r"{{a}} \{{a}} {{{b}}} {{ c }}";
        let found: Vec<&str> = variable_ranges(content).map(|range| &content[range]).collect();
        assert_eq!(found, ["{{a}}", "{{b}}"]);
    }

    /// Texts made of the syntax: variables, escapes, stray braces and words around them.
    fn template_text() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "{{a}}", "{{b}}", "{{c}}", r"\{{", r"\", "{", "{{", "}", "}}", "a", "é", " ",
        ]);
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn rendering_never_expands_an_argument(a in template_text(), b in template_text(), tail in template_text()) {
            let content = format!("{{{{a}}}} {{{{b}}}} {tail}");
            let known: Vec<Variable> =
                find_variables(&content, 9).iter().map(|name| variable(name.as_str(), None)).collect();
            let argument = |name: &VariableName| match name.as_str() {
                "a" => Some(a.as_str()),
                "b" => Some(b.as_str()),
                _ => None,
            };
            let rendered = render(&content, &known, argument).unwrap().text;
            let tail = render(&tail, &known, argument).unwrap().text;
            prop_assert_eq!(rendered, format!("{a} {b} {tail}"));
        }

        #[test]
        fn text_without_double_braces_renders_to_itself(
            parts in prop::collection::vec(r"\\|\}\}|\{[a-z]|[^{]", 0..60),
        ) {
            let content = parts.concat();
            prop_assert_eq!(render(&content, &[], |_| None).unwrap().text, content);
        }

        #[test]
        fn pieces_lose_only_escapes(content in template_text()) {
            let length: usize = pieces(&content).map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Variable(name) => name.len() + 4,
            }).sum();
            prop_assert_eq!(length + content.matches("\\{{").count(), content.len());
        }

        #[test]
        fn ranges_are_consecutive_and_cover_the_content(content in template_text()) {
            let mut end = 0;
            for (range, piece) in pieces_with_ranges(&content) {
                prop_assert_eq!(range.start, end);
                if let Piece::Variable(name) = piece {
                    prop_assert_eq!(&content[range.clone()], format!("{{{{{name}}}}}"));
                }
                end = range.end;
            }
            prop_assert_eq!(end, content.len());
        }
    }
}
