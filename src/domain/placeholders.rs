//! Notes on what a content leaves as text although it looks like a placeholder: those of other tools,
//! and variables that are misspelt. One note a kind, in words for the author.
//!
//! A note must be right rather than complete: code, links and prices hold the same signs, so what can
//! be one of those has no note.

mod scan;
#[cfg(test)]
mod table;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use self::scan::{Found, Kind};
use super::prompt::{Body, FoldedName, VariableName};
use super::syntax::Syntax;
use super::template::{Piece, pieces_with_ranges};

/// Returns a sentence for each kind of placeholder of another tool in a content, and one for spellings
/// that are one variable: at most eight, of at most 300 characters each. None for a body of an old
/// syntax, which means something else by the same signs.
///
/// Takes time linear in the content.
pub fn find_notes(body: &Body) -> Vec<String> {
    if body.syntax == Syntax::CURRENT { find_notes_in(body.content.as_str()) } else { Vec::new() }
}

fn find_notes_in(content: &str) -> Vec<String> {
    let mut kinds: BTreeMap<Kind, Examples<'_>> = BTreeMap::new();
    let outside = blank_variables(content);
    scan::for_each(&outside, |found| {
        let Found { kind, range, name } = found;
        // The blanks are as long as the variables, so that positions hold for both.
        kinds.entry(kind).or_default().add(&content[range], name);
    });
    let notes = kinds.iter().map(|(kind, examples)| examples.describe(*kind));
    notes.chain(describe_spellings(content)).collect()
}

/// Returns where the arguments by number of a command, `$1` to `$9`, stand in a content, each with a name
/// for a variable in its place. None where a dollar is money.
pub(super) fn find_numbered_arguments(content: &str) -> Vec<(Range<usize>, String)> {
    let mut arguments = Vec::new();
    scan::for_each(&blank_variables(content), |Found { kind, range, name }| {
        if kind == Kind::Dollar && range.len() == "$1".len() {
            arguments.push((range, name));
        }
    });
    arguments
}

/// The placeholders of one kind.
#[derive(Default)]
struct Examples<'a> {
    /// The first one, and the name of a variable in its place.
    first: Option<(&'a str, String)>,
    distinct: HashSet<&'a str>,
}

impl<'a> Examples<'a> {
    fn add(&mut self, text: &'a str, name: String) {
        self.distinct.insert(text);
        self.first.get_or_insert((text, name));
    }

    fn describe(&self, kind: Kind) -> String {
        let (text, name) = self.first.as_ref().map_or(("", ""), |(text, name)| (text, name));
        let (subject, instead) = match self.distinct.len() {
            0 | 1 => (format!("`{text}` is kept as plain text"), "instead"),
            2 => {
                (format!("`{text}` and another one are kept as plain text"), "instead of the first")
            }
            count => {
                let others = count - 1;
                let subject = format!("`{text}` and {others} others are kept as plain text");
                (subject, "instead of the first")
            }
        };
        let advice = format!("write {{{{{name}}}}} {instead}");
        match kind {
            Kind::Logic => format!("{subject}, because templates have no logic."),
            Kind::Braces => format!(
                "{subject}, because a name starts with a letter or _ and has only letters, digits, \
                 _ and -; {advice}."
            ),
            Kind::TripleBraces => {
                format!("{subject}, because three braces do not start a variable; {advice}.")
            }
            Kind::SingleBraces | Kind::Brackets | Kind::Dollar | Kind::DollarBraces => {
                format!("{subject}; {advice}.")
            }
        }
    }
}

/// Replaces the variables and the escapes of a content by as many bytes of a control character.
fn blank_variables(content: &str) -> String {
    let mut outside = String::with_capacity(content.len());
    for (range, piece) in pieces_with_ranges(content, Syntax::CURRENT) {
        match piece {
            // An escape is longer than what it stands for.
            Piece::Text(text) if text.len() == range.len() => outside.push_str(text),
            Piece::Text(_) | Piece::Variable { .. } => {
                outside.extend(std::iter::repeat_n(scan::BLANK, range.len()));
            }
        }
    }
    outside
}

/// A note on the first variable that has several spellings.
fn describe_spellings(content: &str) -> Option<String> {
    let mut first: HashMap<FoldedName, VariableName> = HashMap::new();
    let mut seen: HashSet<&str> = HashSet::new();
    for (_, piece) in pieces_with_ranges(content, Syntax::CURRENT) {
        let Piece::Variable { name, .. } = piece else { continue };
        if !seen.insert(name) {
            continue;
        }
        let Some(spelling) = VariableName::normalise(name) else { continue };
        let known = first.entry(spelling.folded()).or_insert_with(|| spelling.clone());
        if *known != spelling {
            return Some(format!(
                "{{{{{known}}}}} and {{{{{spelling}}}}} are one variable, named {known}."
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(content: &str, notes: &[&str]) {
        assert_eq!(find_notes_in(content), notes, "{content:?}");
    }

    #[test]
    fn placeholders_of_other_tools_are_noted_once_a_kind() {
        check("About [TOPIC].", &["`[TOPIC]` is kept as plain text; write {{topic}} instead."]);
        check(
            "[TOPIC] for [TARGET AUDIENCE], [TOPIC]",
            &["`[TOPIC]` and another one are kept as plain text; write {{topic}} instead of \
               the first."],
        );
        check(
            "{{#if formal}}Dear{{/if}} {{user.name}}, {first name}: ${input:task} and $ARGUMENTS",
            &[
                "`{{user.name}}` is kept as plain text, because a name starts with a letter or _ and \
                 has only letters, digits, _ and -; write {{user_name}} instead.",
                "`{{#if formal}}` and another one are kept as plain text, because templates have no \
                 logic.",
                "`{first name}` is kept as plain text; write {{first_name}} instead.",
                "`$ARGUMENTS` is kept as plain text; write {{arguments}} instead.",
                "`${input:task}` is kept as plain text; write {{task}} instead.",
            ],
        );
        check(
            "{{{body}}}",
            &["`{{{body}}}` is kept as plain text, because three braces do not start a variable; \
               write {{body}} instead."],
        );
    }

    #[test]
    fn two_spellings_of_a_variable_are_noted() {
        check(
            "{{Name}} {{ name }} {{NAME}}",
            &["{{Name}} and {{name}} are one variable, named Name."],
        );
        check("{{Name}} {{ Name }} {{é}} {{e\u{301}}}", &[]);
    }

    #[test]
    fn variables_and_escapes_have_no_note() {
        for content in [
            "{{topic}} {{ Größe }} {{first-name}}",
            r"\{{a.b}} \{{#if}} \{{topic}}",
            r#"{"to": {{name}}, "a": [{{b}}]}"#,
            "[{{topic}}] ({{x}}) ${{x}}",
        ] {
            check(content, &[]);
        }
    }

    proptest! {
        #[test]
        fn notes_are_few_and_short(
            parts in prop::collection::vec(prop::sample::select(vec![
                "[TOPIC]", "[TWO WORDS]", "{topic}", "{{a.b}}", "{{#if x}}", "{{{x}}}", "$1", "$ARGUMENTS",
                "${x}", "{{A}}", "{{a}}", r"\{{", "{", "}", "[", "]", "`", "\n", "é", " ", "```\n",
                "{{", "}}", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "$",
            ]), 0..60),
        ) {
            let notes = find_notes_in(&parts.concat());
            prop_assert!(notes.len() <= 8);
            for note in notes {
                prop_assert!(note.chars().count() <= 300 && !note.contains(scan::BLANK), "{note}");
            }
        }
    }
}
