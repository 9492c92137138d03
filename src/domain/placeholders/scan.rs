//! The search for placeholders of other tools in the text outside the variables.
//!
//! Code keeps its signs. In a fenced block a placeholder must be all of a line, in a code span all of
//! the span. `$ARGUMENTS` and `${input:..}` have no other meaning and count everywhere, and `$1` also
//! counts in a span that is a command to run, as in `` !`git show $1` ``.

mod braces;
mod brackets;
mod dollars;
mod labels;
mod line;
mod name;

use std::collections::HashSet;
use std::ops::Range;

use memchr::memchr3_iter;

use self::dollars::Arguments;
use self::line::Line;

/// What stands in place of variables and escapes.
pub(super) const BLANK: char = '\u{1}';

/// Maximum bytes of a placeholder. A longer text between brackets is prose.
const FOUND_MAX_BYTES: usize = 80;

/// The forms of placeholders, in the order of their notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `{{a.b}}`, `{{first name}}`, `{{name|upper}}`.
    Braces,
    /// `{{{name}}}`.
    TripleBraces,
    /// `{{#if}}`, `{% if %}`.
    Logic,
    /// `{topic}`.
    SingleBraces,
    /// `[TOPIC]`, `[insert topic]`, `[城市]`.
    Brackets,
    /// `$ARGUMENTS`, `$1`.
    Dollar,
    /// `${input:x}`, `${Name:default}`.
    DollarBraces,
}

/// A placeholder of another tool.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) kind: Kind,
    /// Its bytes in the text.
    pub(super) range: Range<usize>,
    /// A name for a variable in its place.
    pub(super) name: String,
}

/// What a rule takes for a placeholder.
struct Match {
    kind: Kind,
    /// Length in bytes.
    length: usize,
    name: String,
    /// Whether it counts in code as well.
    is_in_code: bool,
}

impl Match {
    fn new(kind: Kind, length: usize, name: String) -> Self {
        Self { kind, length, name, is_in_code: false }
    }
}

/// Calls `visit` with each placeholder, those of a kind in order. Takes time linear in the text.
pub(super) fn for_each(text: &str, mut visit: impl FnMut(Found)) {
    let mut scan = Scan {
        closing: brackets::find_closing_tags(text),
        arguments: Arguments::new(text),
        visit: &mut visit,
    };
    let mut start = 0;
    let mut fence: Option<&str> = None;
    let mut previous = "";
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        let marker = find_fence(trimmed);
        match (fence, marker) {
            (None, Some(_)) => fence = marker,
            (Some(open), Some(marker)) if marker.starts_with(open) && marker == trimmed => {
                fence = None;
            }
            _ => {
                let next = lines.peek().map_or("", |line| line.trim());
                scan.read_line(&Line::new(line, start, previous, next), fence.is_some());
            }
        }
        start += line.len();
        previous = trimmed;
    }
    let Scan { arguments, visit, .. } = scan;
    arguments.visit(visit);
}

/// Returns the signs that open or close a fenced block, at the start of a line.
fn find_fence(trimmed: &str) -> Option<&str> {
    let sign = trimmed.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let after = trimmed.trim_start_matches(sign);
    // CommonMark 0.31.2, section 4.5: backticks after it make the line a code span.
    let is_fence = trimmed.len() - after.len() >= 3 && (sign == '~' || !after.contains('`'));
    is_fence.then(|| &trimmed[..trimmed.len() - after.len()])
}

struct Scan<'a> {
    /// Names of the closing tags in the text.
    closing: HashSet<&'a str>,
    arguments: Arguments,
    visit: &'a mut dyn FnMut(Found),
}

impl Scan<'_> {
    fn read_line(&mut self, line: &Line<'_>, is_fenced: bool) {
        let text = line.text;
        let (mut end, mut counted) = (0, 0);
        let mut span = Span::default();
        for at in memchr3_iter(b'{', b'[', b'$', text.as_bytes()) {
            if at < end {
                continue;
            }
            span.read(&text[counted..at]);
            counted = at;
            let rest = &text[at..];
            let found = match rest.as_bytes()[0] {
                b'[' => brackets::find(line, at, &self.closing),
                b'$' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                    let is_command = !is_fenced && span.is_open() && span.is_command;
                    if is_command
                        || span.is_prose(is_fenced) && !line.is_code_at(at)
                        || is_whole(line, at, 2, is_fenced)
                    {
                        self.arguments.read(line, at);
                    }
                    None
                }
                b'$' => dollars::find(line, at),
                _ => {
                    let braces = rest.len() - rest.trim_start_matches('{').len();
                    // One run of braces is looked at once.
                    end = at + braces;
                    braces::find(line, at, braces)
                }
            };
            let Some(found) = found else { continue };
            end = at + found.length;
            let is_whole = is_whole(line, at, found.length, is_fenced);
            if !(found.is_in_code || span.is_prose(is_fenced) || is_whole) {
                continue;
            }
            let range = line.start + at..line.start + end;
            let found = Found { kind: found.kind, range, name: found.name };
            match found.kind {
                Kind::Dollar => self.arguments.add_all(found),
                _ => (self.visit)(found),
            }
        }
    }
}

/// Whether a placeholder is all of a line in a fenced block, or all of a code span.
fn is_whole(line: &Line<'_>, at: usize, length: usize, is_fenced: bool) -> bool {
    if is_fenced {
        line.trimmed_bytes == length
    } else {
        line.text[..at].ends_with('`') && line.text[at + length..].starts_with('`')
    }
}

/// The code spans of a line.
#[derive(Default)]
struct Span {
    quotes: usize,
    /// Whether the last one is a command that the tool runs.
    is_command: bool,
}

impl Span {
    /// Reads on in the line.
    fn read(&mut self, text: &str) {
        let Some(last) = text.rfind('`') else { return };
        self.quotes += text.matches('`').count();
        self.is_command = text[..last].trim_end_matches('`').ends_with('!');
    }

    fn is_open(&self) -> bool {
        !self.quotes.is_multiple_of(2)
    }

    fn is_prose(&self, is_fenced: bool) -> bool {
        !is_fenced && !self.is_open()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(Kind, &str, &str)]) {
        let mut found = Vec::new();
        for_each(text, |one| found.push((one.kind, text[one.range].to_owned(), one.name)));
        let found: Vec<_> =
            found.iter().map(|(kind, text, name)| (*kind, text.as_str(), name.as_str())).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn placeholders_are_found() {
        for (text, kind, name) in [
            ("[TOPIC]", Kind::Brackets, "topic"),
            ("[TARGET AUDIENCE/PERSONA]", Kind::Brackets, "target_audience_persona"),
            ("[ZIELGRUPPE ÜBER 30]", Kind::Brackets, "zielgruppe_über_30"),
            ("[insert topic here]", Kind::Brackets, "topic"),
            ("[Your name]", Kind::Brackets, "name"),
            ("{topic}", Kind::SingleBraces, "topic"),
            ("{ topic }", Kind::SingleBraces, "topic"),
            ("{First name}", Kind::SingleBraces, "first_name"),
            ("{тема}", Kind::SingleBraces, "тема"),
            (r#"{argument name="tone" default="kind"}"#, Kind::SingleBraces, "tone"),
            ("$ARGUMENTS", Kind::Dollar, "arguments"),
            ("$1", Kind::Dollar, "argument_1"),
            ("${input:task}", Kind::DollarBraces, "task"),
            ("${input:task:What to do?}", Kind::DollarBraces, "task"),
            ("${Name:Ada}", Kind::DollarBraces, "name"),
            ("${selection}", Kind::DollarBraces, "selection"),
            ("{{a.b}}", Kind::Braces, "a_b"),
            ("{{first name}}", Kind::Braces, "first_name"),
            ("{{ name | upper }}", Kind::Braces, "name"),
            ("{{$json.x}}", Kind::Braces, "json_x"),
            ("{{#sys.query#}}", Kind::Braces, "sys_query"),
            ("{{1}}", Kind::Braces, "name"),
            ("{{🎉}}", Kind::Braces, "name"),
            ("{{{name}}}", Kind::TripleBraces, "name"),
            ("{{#if x}}", Kind::Logic, "if_x"),
            ("{{/if}}", Kind::Logic, "if"),
            ("{{> header}}", Kind::Logic, "header"),
            ("{% if x %}", Kind::Logic, ""),
        ] {
            for around in ["", "Write about X, please: ", "(", "\"", "\n", "`"] {
                let end = if around == "`" { "`" } else { ", then go on." };
                check(&format!("{around}{text}{end}"), &[(kind, text, name)]);
            }
            check(&format!("```\n{text}\n```"), &[(kind, text, name)]);
        }
    }

    #[test]
    fn white_space_around_a_line_changes_nothing() {
        check(" \t[DOCS PAGE]: https://acme.io", &[]);
        let found = [(Kind::Brackets, "[DOCS PAGE]", "docs_page")];
        check("\u{3000} x [DOCS PAGE]: https://acme.io", &found);
        check("```\n \u{a0}[DOCS PAGE] \t\r\n```", &found);
        check("```\n  [DOCS PAGE] x \n```", &[]);
    }

    #[test]
    fn a_long_text_between_brackets_is_prose() {
        check(&format!("[{}] {{{}}}", "WORD ".repeat(20), "a".repeat(90)), &[]);
    }

    #[test]
    fn a_fence_ends_with_as_many_of_its_own_signs() {
        let found = [(Kind::SingleBraces, "{topic}", "topic")];
        check("````\n```\nx {topic}\n````\n", &[]);
        check("~~~\n```\nx {topic}\n~~~\n", &[]);
        check("```sh\nls\n```\nx {topic}", &found);
        check("```{topic}```", &found);
        check("```x``` {topic}\n", &found);
    }
}
