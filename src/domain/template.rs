//! Templates: `{{name}}` is a variable, `\{{` is a literal `{{`, everything else is text.
//!
//! There is no logic in a template, and an argument is inserted as text, never expanded again.

use memchr::memmem;

use super::prompt::{Variable, VariableName};

/// The longest text that rendering may produce, in bytes. Without a bound, a content that repeats
/// one variable and a long argument would multiply to gigabytes.
pub const RENDERED_MAX_BYTES: usize = 1024 * 1024;

/// A content cut into the pieces that rendering walks over.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// What rendering gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The content with every known variable replaced.
    pub text: String,
    /// Variables with neither argument nor default, in order of appearance; left as they stand.
    pub missing: Vec<VariableName>,
}

/// The rendered text would be longer than [`RENDERED_MAX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the rendered text would be over {RENDERED_MAX_BYTES} bytes; pass shorter arguments")]
pub struct RenderedTooLong;

/// The distinct variables of a content, in order of first appearance; the search ends with the
/// first one over `most`.
pub fn variables(content: &str, most: usize) -> Vec<VariableName> {
    let mut found: Vec<VariableName> = Vec::new();
    for piece in pieces(content) {
        if let Piece::Variable(name) = piece
            && found.len() <= most
            && !found.iter().any(|known| known.as_str() == name)
            && let Ok(name) = VariableName::parse(name)
        {
            found.push(name);
        }
    }
    found
}

/// Replaces every variable by its argument, else its default, else leaves it and reports it.
///
/// `argument` gives the caller's value of a variable, if there is one.
pub fn render<'a>(
    content: &'a str,
    variables: &'a [Variable],
    argument: impl Fn(&VariableName) -> Option<&'a str>,
) -> Result<Rendered, RenderedTooLong> {
    let values: Vec<(&Variable, Option<&str>)> = variables
        .iter()
        .map(|variable| (variable, argument(&variable.name).or(variable.default.as_deref())))
        .collect();
    let value_of = |name: &str| {
        values.iter().find(|(variable, _)| variable.name.as_str() == name).and_then(|(_, v)| *v)
    };

    let mut text = String::with_capacity(content.len());
    for piece in pieces(content) {
        match piece {
            Piece::Text(part) => text.push_str(part),
            Piece::Variable(name) => match value_of(name) {
                Some(value) => text.push_str(value),
                None => text.extend(["{{", name, "}}"]),
            },
        }
        if text.len() > RENDERED_MAX_BYTES {
            return Err(RenderedTooLong);
        }
    }
    let missing = values.into_iter().filter(|(_, value)| value.is_none());
    Ok(Rendered { text, missing: missing.map(|(variable, _)| variable.name.clone()).collect() })
}

fn pieces(content: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = content;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, after) = next_piece(rest);
        rest = after;
        Some(piece)
    })
}

/// The first piece of a text that is not empty, and what follows it.
fn next_piece(text: &str) -> (Piece<'_>, &str) {
    let Some(start) = memmem::find(text.as_bytes(), b"{{") else {
        return (Piece::Text(text), "");
    };
    if text[..start].ends_with('\\') {
        if start > 1 {
            return (Piece::Text(&text[..start - 1]), &text[start - 1..]);
        }
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
    // Only one brace is passed over, so that the variable in `{{{name}}}` is still found.
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
        let known: Vec<Variable> = variables(content, 9)
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
    fn an_argument_is_never_expanded_again() {
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
    fn what_is_no_variable_stays_as_it_is() {
        for text in ["{{ a }}", "{{A}}", "{{1a}}", "{{}}", "{{a", "a}}", "{{a}", "{{é}}", "{{a-b}}"]
        {
            check(text, text, &[]);
        }
        let long = format!("{{{{{}}}}}", "a".repeat(33));
        check(&long, &long, &[]);
    }

    #[test]
    fn a_text_that_multiplies_is_refused() {
        let content = "{{a}}".repeat(1000);
        let long = "x".repeat(RENDERED_MAX_BYTES / 1000 + 1);
        let known = [variable("a", None)];
        assert_eq!(render(&content, &known, |_| Some(long.as_str())), Err(RenderedTooLong));
    }

    proptest! {
        #[test]
        fn rendering_never_expands_an_argument(value in "\\PC{0,30}", tail in "[a-z {}\\\\]{0,20}") {
            let content = format!("{{{{a}}}} {tail}");
            let known: Vec<Variable> = variables(&content, 9).iter().map(|n| variable(n.as_str(), None)).collect();
            let rendered = render(&content, &known, |name| (name.as_str() == "a").then_some(value.as_str())).unwrap();
            let prefix = format!("{value} ");
            prop_assert!(rendered.text.starts_with(&prefix));
        }

        #[test]
        fn text_without_braces_renders_to_itself(content in "[^{]{0,200}") {
            prop_assert_eq!(render(&content, &[], |_| None).unwrap().text, content);
        }

        #[test]
        fn pieces_lose_only_escapes(content in "[a{}\\\\]{0,40}") {
            let length: usize = pieces(&content).map(|piece| match piece {
                Piece::Text(text) => text.len(),
                Piece::Variable(name) => name.len() + 4,
            }).sum();
            prop_assert!(length <= content.len());
            prop_assert!(length + content.matches("\\{{").count() == content.len());
        }
    }
}
