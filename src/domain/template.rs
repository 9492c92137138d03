//! The template syntax: `{{name}}` is a variable, `\{{` is a literal `{{`, everything else is text.
//!
//! This module owns the only parser of that syntax. Redaction, harvest and rendering all use it, so
//! that they never disagree about what a variable is. A template contains no logic, and an argument
//! is inserted as text and never expanded again.

mod arguments;
mod parser;

use std::cell::LazyCell;
use std::collections::HashSet;

pub use self::arguments::Arguments;
pub(super) use self::parser::{Piece, pieces, pieces_with_ranges, variable_ranges};
use super::prompt::{Body, FoldedName, VariableName};
use super::syntax::Syntax;

/// Maximum length of a rendered text, in bytes. Without a limit, a content that repeats one
/// variable and a long argument would multiply to gigabytes.
pub const RENDERED_MAX_BYTES: usize = 1024 * 1024;

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

/// Returns the variables of a content, in order of first appearance. Of several spellings of one
/// variable, the first is its name.
///
/// The result has at most `max + 1` names: the one over the limit lets a caller detect that there
/// are more.
pub fn find_variables(content: &str, syntax: Syntax, max: usize) -> Vec<VariableName> {
    let mut found: Vec<VariableName> = Vec::new();
    let mut spellings: HashSet<&str> = HashSet::new();
    let mut folded: HashSet<FoldedName> = HashSet::new();
    for piece in pieces(content, syntax) {
        // Only the first use of each spelling is folded: a content may use one thousands of times.
        if let Piece::Variable { name, .. } = piece
            && found.len() <= max
            && spellings.insert(name)
            && folded.insert(FoldedName::new(name))
        {
            found.extend(VariableName::normalise(name));
        }
    }
    found
}

/// Replaces every variable of a body by its argument, else by its default. A variable with neither
/// stays in the text as it is written, and is reported as missing.
///
/// Time and memory are linear in the length of the result.
pub fn render(body: &Body, arguments: &Arguments<'_>) -> Result<Rendered, RenderedTooLong> {
    let values: Vec<Value<'_, _>> = body
        .variables
        .iter()
        .map(|variable| Value {
            name: &variable.name,
            folded: LazyCell::new(|| variable.name.folded()),
            text: arguments.get(&variable.name).or(variable.default.as_deref()),
        })
        .collect();
    let content = body.content.as_str();
    let mut text = String::with_capacity(content.len());
    for piece in pieces(content, body.syntax) {
        match piece {
            Piece::Text(part) => text.push_str(part),
            // The value goes to the output and never back to the parser, so that a `{{name}}` inside
            // an argument stays text.
            Piece::Variable { name, source } => {
                text.push_str(find_value(&values, name).unwrap_or(source));
            }
        }
        // Checked after each piece, so that the excess is at most one value.
        if text.len() > RENDERED_MAX_BYTES {
            return Err(RenderedTooLong);
        }
    }
    let missing = values.iter().filter(|value| value.text.is_none());
    Ok(Rendered { text, missing: missing.map(|value| value.name.clone()).collect() })
}

/// A variable, and what is inserted for it.
struct Value<'a, F> {
    name: &'a VariableName,
    /// Folded when a spelling is not the name itself, which few contents have.
    folded: LazyCell<FoldedName, F>,
    text: Option<&'a str>,
}

/// Returns what is inserted for a spelling.
fn find_value<'a, F: FnOnce() -> FoldedName>(
    values: &[Value<'a, F>],
    spelling: &str,
) -> Option<&'a str> {
    // Most spellings are the name itself, which needs no folding.
    let exact = values.iter().find(|value| value.name.as_str() == spelling);
    let value = exact.or_else(|| {
        let folded = FoldedName::new(spelling);
        values.iter().find(|value| *value.folded == folded)
    });
    value?.text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::parser::template_text;
    use super::*;
    use crate::domain::draft::{Draft, VariableDraft};

    /// A body of a content in a syntax, with the default `D` for the variable `d`.
    fn body(content: &str, syntax: Syntax) -> Body {
        let draft = Draft { content: Some(format!("{content}.")), ..Draft::default() };
        let with_default = VariableDraft {
            name: "d".to_owned(),
            default: Some("D".to_owned()),
            ..VariableDraft::default()
        };
        let variables = Some(vec![with_default]);
        let given = Draft { variables, ..draft.clone() }.into_new_in(syntax);
        given.or_else(|_| draft.into_new_in(syntax)).unwrap().1
    }

    fn render_with(body: &Body, arguments: &[(&str, &str)]) -> Rendered {
        let given: BTreeMap<String, String> =
            arguments.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let mut rendered = render(body, &Arguments::of(&given)).unwrap();
        assert_eq!(rendered.text.pop(), Some('.'));
        rendered
    }

    /// Renders with the arguments `a` = `1` and `b` = `{{a}}`, and `d` with the default `D`.
    #[track_caller]
    fn check(content: &str, syntax: Syntax, text: &str, missing: &[&str]) {
        let rendered = render_with(&body(content, syntax), &[("a", "1"), ("b", "{{a}}")]);
        assert_eq!(rendered.text, text, "{content:?}");
        let names: Vec<&str> = rendered.missing.iter().map(VariableName::as_str).collect();
        assert_eq!(names, missing, "{content:?}");
    }

    #[track_caller]
    fn check_both(content: &str, text: &str, missing: &[&str]) {
        check(content, Syntax::First, text, missing);
        check(content, Syntax::Second, text, missing);
    }

    #[test]
    fn variables_are_replaced_defaulted_or_reported() {
        check_both("x {{a}} y", "x 1 y", &[]);
        check_both("{{d}}{{a}}{{d}}", "D1D", &[]);
        check_both("{{c}} and {{c}} {{e}}", "{{c}} and {{c}} {{e}}", &["c", "e"]);
    }

    #[test]
    fn a_variable_inside_an_argument_is_text() {
        check_both("{{b}}", "{{a}}", &[]);
        check("{{{b}}}", Syntax::First, "{{{a}}}", &[]);
    }

    #[test]
    fn an_escaped_opening_is_literal() {
        check_both(r"\{{a}}", "{{a}}", &[]);
        check_both(r"x\{{ y", "x{{ y", &[]);
        check_both(r"\\{{a}}", r"\{{a}}", &[]);
        check_both(r"\{{{{a}}", "{{1", &[]);
        check_both(r"\ {{a}} \", r"\ 1 \", &[]);
    }

    #[test]
    fn all_spellings_of_a_variable_take_its_value() {
        check("{{ A }} {{a}} {{\tA}}", Syntax::Second, "1 1 1", &[]);
        check("{{ X-Y }} {{x_y}}", Syntax::Second, "{{ X-Y }} {{x_y}}", &["X-Y"]);
        check("{{Größe}} {{GRÖSSE}}", Syntax::Second, "{{Größe}} {{GRÖSSE}}", &["Größe"]);
        check("{{D}}", Syntax::Second, "D", &[]);
        check("{{e\u{301}}} {{É}}", Syntax::Second, "{{e\u{301}}} {{É}}", &["é"]);
    }

    #[test]
    fn text_that_only_resembles_a_variable_is_unchanged() {
        for text in ["{{1a}}", "{{}}", "{{a", "a}}", "{{a}", "{{a.b}}", "{{#if}}", "{{\na}}"] {
            check_both(text, text, &[]);
        }
        for text in ["{{ a }}", "{{A}}", "{{é}}", "{{a-b}}"] {
            check(text, Syntax::First, text, &[]);
        }
        for text in ["{{{a}}}", "{{{{a}}}}", "{{a b}}", "{{🎉}}"] {
            check(text, Syntax::Second, text, &[]);
        }
    }

    #[test]
    fn a_rendered_text_over_the_limit_is_an_error() {
        let given = [("a".to_owned(), "x".repeat(RENDERED_MAX_BYTES / 1000 + 1))].into();
        let body = body(&"{{a}}".repeat(1000), Syntax::CURRENT);
        assert_eq!(render(&body, &Arguments::of(&given)), Err(RenderedTooLong));
    }

    proptest! {
        #[test]
        fn rendering_never_expands_an_argument(
            a in template_text(),
            b in template_text(),
            tail in template_text(),
            is_first in any::<bool>(),
        ) {
            let syntax = if is_first { Syntax::First } else { Syntax::Second };
            let arguments = [("a", a.as_str()), ("b", b.as_str())];
            let whole = body(&format!("{{{{a}}}} {{{{b}}}} {tail}"), syntax);
            let tail = render_with(&body(&tail, syntax), &arguments).text;
            let rendered = render_with(&whole, &arguments).text;
            prop_assert_eq!(rendered, format!("{a} {b} {tail}"));
        }

        #[test]
        fn text_without_double_braces_renders_to_itself(
            parts in prop::collection::vec(r"\\|\}\}|\{[a-z]|[^{]", 0..60),
        ) {
            let content = parts.concat();
            prop_assume!(!content.contains('\0'));
            for syntax in [Syntax::First, Syntax::Second] {
                prop_assert_eq!(render_with(&body(&content, syntax), &[]).text, content.as_str());
            }
        }

        #[test]
        fn a_rendered_text_misses_exactly_the_variables_without_a_value(content in template_text()) {
            let body = body(&content, Syntax::Second);
            let rendered = render_with(&body, &[("A", "1"), ("É", "2"), ("c_d", "3")]);
            let valued = ["a", "é", "c-d", "d"].map(FoldedName::new);
            let expected: Vec<_> = find_variables(&content, Syntax::Second, 99)
                .into_iter()
                .filter(|name| !valued.contains(&name.folded()))
                .collect();
            prop_assert_eq!(rendered.missing, expected);
        }
    }
}
