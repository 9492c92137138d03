//! The parsers of the two syntaxes. Both take time linear in the content.

use std::ops::Range;

use memchr::memmem;

use crate::domain::prompt::VariableName;
use crate::domain::syntax::Syntax;

/// Maximum number of characters of a name in [`Syntax::First`].
const FIRST_NAME_MAX_CHARS: usize = 32;

/// One piece of a content, in the order of the content.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::domain) enum Piece<'a> {
    /// Literal text, as it is rendered: the escape `\{{` comes as `{{`.
    Text(&'a str),
    /// A variable.
    Variable {
        /// Its name as it is written, without braces and the white space around it.
        name: &'a str,
        /// All of it as it is written.
        source: &'a str,
    },
}

/// Cuts a content into its pieces, none of them empty.
pub(in crate::domain) fn pieces(content: &str, syntax: Syntax) -> impl Iterator<Item = Piece<'_>> {
    pieces_with_ranges(content, syntax).map(|(_, piece)| piece)
}

/// Returns where the variables of a content stand, braces included, in order of appearance.
pub(in crate::domain) fn variable_ranges(
    content: &str,
    syntax: Syntax,
) -> impl Iterator<Item = Range<usize>> {
    pieces_with_ranges(content, syntax)
        .filter(|(_, piece)| matches!(piece, Piece::Variable { .. }))
        .map(|(range, _)| range)
}

/// The pieces with their bytes in the content, which are consecutive and cover all of it.
pub(in crate::domain) fn pieces_with_ranges(
    content: &str,
    syntax: Syntax,
) -> impl Iterator<Item = (Range<usize>, Piece<'_>)> {
    let mut rest = content;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let start = content.len() - rest.len();
        let (piece, after) = next_piece(rest, syntax);
        rest = after;
        Some((start..content.len() - rest.len(), piece))
    })
}

/// Returns the first piece of a text that is not empty, and the text after it.
fn next_piece(text: &str, syntax: Syntax) -> (Piece<'_>, &str) {
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
    match syntax {
        Syntax::First => next_braces_of_first(text),
        Syntax::Second => next_braces_of_second(text),
    }
}

/// Returns the first piece of a text that begins with two braces.
fn next_braces_of_first(text: &str) -> (Piece<'_>, &str) {
    let name = first_name(&text[2..]);
    if let Some(after) = text[2 + name.len()..].strip_prefix("}}")
        && !name.is_empty()
    {
        return variable(name, text, after);
    }
    // Only one brace is consumed, so that the variable in `{{{name}}}` is still found.
    (Piece::Text(&text[..1]), &text[1..])
}

/// The longest prefix of `text` that is `[a-z][a-z0-9_]{0,31}`; empty if there is none.
fn first_name(text: &str) -> &str {
    let length = text
        .bytes()
        .take(FIRST_NAME_MAX_CHARS)
        .take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
        .count();
    let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
    if starts_well { &text[..length] } else { "" }
}

/// Returns the first piece of a text that begins with two braces.
fn next_braces_of_second(text: &str) -> (Piece<'_>, &str) {
    // The braces that open decide alone: in the JSON `{"to": {{name}}}` the third one that closes is
    // the text's own.
    let braces = text.len() - text.trim_start_matches('{').len();
    if braces == 2 {
        let inner = text[2..].trim_start_matches(is_blank);
        let name = VariableName::prefix_of(inner);
        let after = inner[name.len()..].trim_start_matches(is_blank);
        if let Some(after) = after.strip_prefix("}}")
            && VariableName::normalise(name).is_some()
        {
            return variable(name, text, after);
        }
    }
    (Piece::Text(&text[..braces]), &text[braces..])
}

/// Whether `c` may stand between braces and name: white space that breaks no line.
fn is_blank(c: char) -> bool {
    let breaks_line =
        matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
    c.is_whitespace() && !breaks_line
}

/// The variable at the beginning of `text`, which `after` follows.
fn variable<'a>(name: &'a str, text: &'a str, after: &'a str) -> (Piece<'a>, &'a str) {
    (Piece::Variable { name, source: &text[..text.len() - after.len()] }, after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(content: &str, syntax: Syntax, names: &[&str]) {
        let found: Vec<&str> = pieces(content, syntax)
            .filter_map(|piece| match piece {
                Piece::Variable { name, .. } => Some(name),
                Piece::Text(_) => None,
            })
            .collect();
        assert_eq!(found, names, "{content:?}");
    }

    #[test]
    fn each_syntax_finds_its_own_variables() {
        for (content, first, second) in [
            ("{{a}} {{b_2}}", &["a", "b_2"][..], &["a", "b_2"][..]),
            ("{{ a }}{{\ta}}{{a\u{a0}\u{3000}}}", &[], &["a", "a", "a"]),
            (
                "{{A}} {{firstName}} {{first-name}} {{_x}}",
                &[],
                &["A", "firstName", "first-name", "_x"],
            ),
            ("{{é}} {{名前}} {{नाम}} {{ имя }}", &[], &["é", "名前", "नाम", "имя"]),
            ("{{{a}}} {{{{a}}}} {{{a}}", &["a", "a", "a"], &[]),
            (r#"{"to": {{a}}}, {{b}}}"#, &["a", "b"], &["a", "b"]),
            (r"\{{a}} \{{{{b}}}} \\{{c}}", &["b"], &["b"]),
            (r"\{{{a}}}", &[], &[]),
            ("{{a.b}} {{#if}} {{1a}} {{-a}} {{}} {{ }} {{a b}} {{a|b}} {{🎉}}", &[], &[]),
            ("{{\na}} {{a\r\n}} {{a\u{2028}}} {{a} } {{a", &[], &[]),
            ("{{{{a}} {{{b} {{c}}", &["a", "c"], &["c"]),
        ] {
            check(content, Syntax::First, first);
            check(content, Syntax::Second, second);
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_text() {
        let braced = |length: usize| format!("{{{{{}}}}}", "a".repeat(length));
        for (syntax, most) in [(Syntax::First, 32), (Syntax::Second, 64)] {
            check(&braced(most), syntax, &[&"a".repeat(most)]);
            check(&braced(most + 1), syntax, &[]);
        }
    }

    #[test]
    fn ranges_cover_the_variables_and_their_braces() {
        let content = r"{{a}} \{{a}} {{{b}}} {{ c }}";
        for (syntax, expected) in
            [(Syntax::First, ["{{a}}", "{{b}}"]), (Syntax::Second, ["{{a}}", "{{ c }}"])]
        {
            let ranges = variable_ranges(content, syntax);
            let found: Vec<&str> = ranges.map(|range| &content[range]).collect();
            assert_eq!(found, expected);
        }
    }

    /// Texts made of both syntaxes: variables, escapes, stray braces and words around them.
    pub(in crate::domain::template) fn template_text() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "{{a}}",
            "{{b}}",
            "{{ A }}",
            "{{é}}",
            "{{e\u{301}}}",
            "{{c-d}}",
            "{{C_D}}",
            r"\{{",
            r"\",
            "{",
            "{{",
            "{{{",
            "}",
            "}}",
            "a",
            "é",
            " ",
            "\u{301}",
            "\n",
        ]);
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn ranges_are_consecutive_and_cover_the_content(content in template_text()) {
            for syntax in [Syntax::First, Syntax::Second] {
                let mut end = 0;
                for (range, piece) in pieces_with_ranges(&content, syntax) {
                    prop_assert_eq!(range.start, end);
                    prop_assert!(range.end > end);
                    if let Piece::Variable { name, source } = piece {
                        prop_assert_eq!(&content[range.clone()], source);
                        let inner = source.strip_prefix("{{").unwrap().strip_suffix("}}").unwrap();
                        prop_assert_eq!(inner.trim(), name);
                    }
                    end = range.end;
                }
                prop_assert_eq!(end, content.len());
            }
        }

        #[test]
        fn pieces_lose_only_escapes(content in template_text()) {
            for syntax in [Syntax::First, Syntax::Second] {
                let length: usize = pieces(&content, syntax).map(|piece| match piece {
                    Piece::Text(text) => text.len(),
                    Piece::Variable { source, .. } => source.len(),
                }).sum();
                prop_assert_eq!(length + content.matches("\\{{").count(), content.len());
            }
        }

        #[test]
        fn a_variable_of_the_first_syntax_is_one_of_the_second_but_between_three_braces(
            content in template_text(),
        ) {
            let second: Vec<_> = variable_ranges(&content, Syntax::Second).collect();
            prop_assume!(!content.contains('\\'));
            for range in variable_ranges(&content, Syntax::First) {
                let has_third = content[..range.start].ends_with('{');
                prop_assert_eq!(second.contains(&range), !has_third, "{:?} of {:?}", range, content);
            }
        }
    }
}
#[cfg(test)]
pub(super) use self::tests::template_text;
