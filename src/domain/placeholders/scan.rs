//! The search for placeholders of other tools in the text outside the variables.

use std::ops::Range;

use memchr::memchr3_iter;

use crate::domain::characters::{is_digit, is_letter, is_mark};

/// What stands in place of variables and escapes.
pub(super) const BLANK: char = '\u{1}';

/// Maximum bytes of a placeholder. A longer text between brackets is prose.
const FOUND_MAX_BYTES: usize = 80;
/// Maximum characters of a suggested name.
const NAME_MAX_CHARS: usize = 40;

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
    /// `[TOPIC]`, `[insert topic]`.
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

/// Calls `visit` with each placeholder, in order. Takes time linear in the text.
pub(super) fn for_each(text: &str, mut visit: impl FnMut(Found)) {
    let mut start = 0;
    let mut is_fenced = false;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            is_fenced = !is_fenced;
        } else {
            scan_line(line, is_fenced, |found| {
                let range = start + found.range.start..start + found.range.end;
                visit(Found { range, ..found });
            });
        }
        start += line.len();
    }
}

fn scan_line(line: &str, is_fenced: bool, mut visit: impl FnMut(Found)) {
    let (mut end, mut counted, mut quotes) = (0, 0, 0_usize);
    // Measured once: a line may be as long as the content, and have a sign at every other byte.
    let indented = line.len() - line.trim_start().len();
    let trimmed = line.trim().len();
    for at in memchr3_iter(b'{', b'[', b'$', line.as_bytes()) {
        if at < end {
            continue;
        }
        quotes += line[counted..at].matches('`').count();
        counted = at;
        let (before, rest) = (line[..at].chars().next_back(), &line[at..]);
        let found = match rest.as_bytes()[0] {
            b'[' => find_brackets(before, rest, at <= indented),
            b'$' => find_dollar(&line[..at], rest),
            _ => {
                let braces = rest.len() - rest.trim_start_matches('{').len();
                // One run of braces is looked at once.
                end = at + braces;
                find_braces(&line[..at], rest, braces)
            }
        };
        let Some((kind, length, name)) = found else { continue };
        let range = at..at + length;
        end = range.end;
        // In code, only what is all of a line or of a span is for the reader to fill in.
        let stands_alone = if is_fenced {
            trimmed == length
        } else {
            quotes.is_multiple_of(2) || before == Some('`') && line[range.end..].starts_with('`')
        };
        if stands_alone {
            visit(Found { kind, range, name });
        }
    }
}

/// The kind of a placeholder, its length in bytes, and a name for it.
type Match = Option<(Kind, usize, String)>;

/// Returns the text up to `close`, which must be near and on the same line.
fn until<'a>(text: &'a str, close: &str) -> Option<&'a str> {
    let inner = &text[..text.find(close)?];
    let is_plain = !inner.is_empty() && inner.len() <= FOUND_MAX_BYTES && !inner.contains(BLANK);
    is_plain.then_some(inner)
}

fn find_braces(before: &str, rest: &str, braces: usize) -> Match {
    let previous = before.chars().next_back();
    // `style={{..}}` of JSX, `${{ .. }}` of workflows and `\{` of regular expressions and LaTeX.
    if matches!(previous, Some('$' | '=' | '\\')) {
        return None;
    }
    match braces {
        1 => find_single_braces(before, rest),
        2 => {
            let inner = until(near(&rest[2..]), "}}")?;
            let length = inner.len() + 4;
            let inner = inner.trim().trim_start_matches(['~', '-']).trim();
            let kind = match inner.chars().next()? {
                '#' | '/' | '>' | '!' | '^' | '%' => Kind::Logic,
                c if is_letter(c) || is_digit(c) || matches!(c, '_' | '$' | '@' | '.' | '&') => {
                    Kind::Braces
                }
                c if c.is_ascii() => return None,
                _ => Kind::Braces,
            };
            // `{{color: 'red'}}` is an object of a program in doubled braces.
            let is_object = inner.contains(": ") || inner.contains(['{', '"', '\'', ';']);
            (!is_object || kind == Kind::Logic).then(|| (kind, length, suggest_name(inner)))
        }
        3 => {
            let inner = until(near(&rest[3..]), "}}}")?;
            let is_name = inner.trim().chars().all(is_name_char);
            let is_after_word = previous.is_some_and(is_name_char);
            (is_name && !is_after_word)
                .then(|| (Kind::TripleBraces, inner.len() + 6, suggest_name(inner)))
        }
        _ => None,
    }
}

fn find_single_braces(before: &str, rest: &str) -> Match {
    let inner = until(near(&rest[1..]), "}")?;
    let length = inner.len() + 2;
    if inner.starts_with('%') && inner.ends_with('%') {
        return Some((Kind::Logic, length, String::new()));
    }
    let previous = before.chars().next_back();
    let is_code = previous.is_some_and(|c| is_name_char(c) || "}])%#@/>^&.".contains(c))
        || is_binding(before, &rest[length..]);
    if is_code {
        return None;
    }
    if let Some(attributes) = inner.strip_prefix("argument ") {
        let name = attributes.split_once("name=\"").and_then(|(_, after)| after.split_once('"'));
        return name.map(|(name, _)| (Kind::SingleBraces, length, suggest_name(name)));
    }
    let mut words = inner.split(' ');
    let is_words = words.all(|word| {
        word.starts_with(|c| c == '_' || is_letter(c)) && word.chars().all(is_name_char)
    });
    (is_words && !rest[length..].starts_with('}'))
        .then(|| (Kind::SingleBraces, length, suggest_name(inner)))
}

/// Whether braces between these texts bind names of a program: `import {a} from`, `const {a} =`.
fn is_binding(before: &str, after: &str) -> bool {
    let word = near_end(before).trim_end().rsplit(' ').next().unwrap_or_default();
    let after = after.trim_start();
    matches!(word, "import" | "export" | "const" | "let" | "var" | "type" | "use")
        || after.starts_with('=')
        || after.starts_with("from ")
}

fn find_brackets(before: Option<char>, rest: &str, is_line_start: bool) -> Match {
    // An index, a wiki link, an image, an escape.
    if before.is_some_and(|c| is_name_char(c) || "[])}!\\$.".contains(c)) {
        return None;
    }
    let inner = until(near(&rest[1..]), "]")?;
    let after = &rest[inner.len() + 2..];
    // A link, a reference, its definition, a set of a regular expression.
    let is_other = after.starts_with(['(', '[', ']', '+', '*', '?', '{'])
        || is_line_start && after.starts_with(": ") && after.contains("://");
    let is_placeholder = !is_other && (is_upper_case_words(inner) || is_request(inner));
    is_placeholder.then(|| (Kind::Brackets, inner.len() + 2, suggest_name(without_request(inner))))
}

/// What upper-case words in brackets are when they are not to be filled in.
const LABELS: &[&str] = &[
    "NOTE",
    "NOTES",
    "IMPORTANT",
    "WARNING",
    "WARN",
    "CAUTION",
    "TIP",
    "HINT",
    "TODO",
    "FIXME",
    "OK",
    "YES",
    "NO",
    "ERROR",
    "INFO",
    "DEBUG",
    "TRACE",
    "FATAL",
    "INST",
    "SYS",
    "SYSTEM",
    "USER",
    "ASSISTANT",
    "START",
    "BEGIN",
    "END",
    "WIP",
    "RFC",
    "ISO",
    "IEEE",
    "CVE",
    "DONE",
    "FAIL",
    "PASS",
    "SIC",
    "NSFW",
];

fn is_upper_case_words(inner: &str) -> bool {
    let letters = inner.chars().filter(|c| is_letter(*c)).count();
    let is_written = |c: char| {
        is_digit(c) || is_mark(c) || is_letter(c) && c.is_uppercase() || " _-/&,'".contains(c)
    };
    let mut words = inner.split([' ', '_', '-', '/', ',']).filter(|word| !word.is_empty());
    let is_label = words.next().is_none_or(|first| LABELS.contains(&first));
    // `[A-Z]` is a range of characters.
    let is_range = inner.split('-').all(|part| part.chars().count() <= 1);
    // A number in a word makes it a name of its own, such as `[RFC2119]` and `[GPT-4]`; one after a
    // word counts placeholders, as in `[TOPIC 2]`.
    let has_code =
        inner.split([' ', '_']).any(|word| word.contains(is_digit) && !word.chars().all(is_digit));
    // Two letters are rather a language or a variable of mathematics.
    letters >= 3
        && inner.starts_with(is_letter)
        && inner.chars().all(is_written)
        && !has_code
        && !is_label
        && !is_range
}

/// The first words of brackets that ask for a text.
const REQUESTS: &[&str] = &[
    "insert", "your", "enter", "paste", "specify", "provide", "describe", "fill in", "add your",
    "choose", "name of", "list of",
];

fn is_request(inner: &str) -> bool {
    without_request(inner).len() < inner.len()
}

/// The text without the words that ask for it.
fn without_request(inner: &str) -> &str {
    let request = REQUESTS.iter().find(|request| {
        let is_start =
            inner.get(..request.len()).is_some_and(|start| start.eq_ignore_ascii_case(request));
        is_start && inner[request.len()..].starts_with(' ')
    });
    request.map_or(inner, |request| inner[request.len()..].trim_end_matches(" here"))
}

fn find_dollar(before: &str, rest: &str) -> Match {
    let previous = before.chars().next_back();
    if previous.is_some_and(|c| is_name_char(c) || matches!(c, '$' | '\\')) {
        return None;
    }
    let after = &rest[1..];
    if let Some(braced) = after.strip_prefix('{') {
        let inner = until(near(braced), "}")?;
        let (name, rest) = inner.split_once(':').unwrap_or((inner, ""));
        let is_name = name.trim().starts_with(|c| c == '_' || is_letter(c))
            && name.trim().chars().all(|c| is_name_char(c) || c == ' ')
            && !rest.starts_with(['-', '=', '+', '?']);
        let name = if name == "input" { rest.split(':').next().unwrap_or_default() } else { name };
        return is_name.then(|| (Kind::DollarBraces, inner.len() + 3, suggest_name(name)));
    }
    if let Some(next) = after.strip_prefix("ARGUMENTS") {
        let is_word = !next.starts_with(is_name_char);
        return is_word.then(|| (Kind::Dollar, "$ARGUMENTS".len(), "arguments".to_owned()));
    }
    let mut characters = after.chars();
    let digit = characters.next().filter(|c| matches!(c, '1'..='9'))?;
    (!is_price(before, characters.as_str())).then(|| (Kind::Dollar, 2, format!("argument_{digit}")))
}

/// Whether a dollar and a digit between these texts are money.
fn is_price(before: &str, after: &str) -> bool {
    let mut next = after.chars();
    let is_longer = match (next.next(), next.next()) {
        (Some('.' | ','), Some(c)) => is_digit(c),
        (Some(c), _) => is_name_char(c) || matches!(c, '/' | '–' | '+' | '%'),
        (None, _) => false,
    };
    let word = |text: &str| text.to_lowercase();
    let follows = near(after).split_whitespace().next().map(word).unwrap_or_default();
    let precedes = near_end(before).split_whitespace().next_back().map(word).unwrap_or_default();
    is_longer
        || [
            "per", "each", "a", "million", "billion", "trillion", "thousand", "off", "bill",
            "bills", "coin", "usd", "discount", "fee", "or", "to", "and", "less", "more",
            "cheaper",
        ]
        .contains(&follows.trim_end_matches(['.', ',']))
        || [
            "cost", "costs", "pay", "pays", "paid", "worth", "spend", "spent", "charge", "charges",
            "only", "under", "over", "than", "just", "price", "save", "saves", "of", "a",
            "between",
        ]
        .contains(&&*precedes)
}

/// The start of a text, in which a placeholder must end.
fn near(text: &str) -> &str {
    // Cut first: the line may be as long as the content.
    let start = &text[..text.floor_char_boundary(FOUND_MAX_BYTES + 3)];
    start.split('\n').next().unwrap_or_default()
}

/// The end of a text, for a look at the word before.
fn near_end(text: &str) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(FOUND_MAX_BYTES))..]
}

fn is_name_char(c: char) -> bool {
    matches!(c, '_' | '-') || is_letter(c) || is_digit(c) || is_mark(c)
}

/// The name of a variable in place of a placeholder: its first words in lower case.
fn suggest_name(inner: &str) -> String {
    let inner = inner.split(['|', ':', '=', '(']).next().unwrap_or_default();
    let mut name = String::new();
    for c in inner.chars() {
        if is_letter(c) || !name.is_empty() && (is_digit(c) || is_mark(c)) {
            name.extend(c.to_lowercase());
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name: String = name.chars().take(NAME_MAX_CHARS).collect();
    let name = name.trim_end_matches('_');
    if name.is_empty() { "name".to_owned() } else { name.to_owned() }
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
    fn code_links_and_prices_are_not_placeholders() {
        for text in [
            "- [x] done\n- [ ] open\n- [X] DONE",
            "[TEXT](https://acme.io) [TEXT][1] [1] [^NOTE] ![ALT](x.png)\n[DOCS]: https://acme.io",
            "a[0] data[KEY] rows[N] [A-Z]+ [ABC]+ [A-Z] x[I][J] [[PAGE]]",
            "[NOTE] [WARNING] Careful. [TODO] [INFO] started [RFC 2119] [INST] [A] [!NOTE]",
            "[RFC2119] [GPT-4] [EN] [AB] [I, J] [UTF-8]",
            "[see below] [1, 2, 3] [sic] [...] [Smith 2020] [ok]",
            "{} {a: 1} {\"a\": [1]} { a: 1 } {1} {,} {a|b} {a.b} { x }",
            r"\frac{a}{b} \textbf{word} x^{n} a_{i} \d{n} \{a\}",
            "import {foo} from 'bar'; const {x} = y; <p>{name}</p> f(x){y} GET /users/{id}",
            "$100, $1.50, $1,000, $5 off, costs $2, $3k, $4 per month, $9/mo, US$1, $$1 \\$1",
            "$HOME $0 $x $ ${} ${1} ${a.b} ${VAR:-x} $ARGUMENTSX",
            "style={{color: 'red'}} ${{ github.ref }} {{\"a\": 1}} {{\\bf x}} {{{{x.y}}}} {{}} {{ }}",
            "```sh\necho $1 ${HOME} [TOPIC] {name}\n```\nuse `echo $1` and `f({name})`",
            "{{a.b\n}} [TWO\nLINES]",
        ] {
            check(text, &[]);
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
}
