//! `{topic}`, `{{a.b}}`, `{{{name}}}`, `{{#if}}`.
//!
//! - Two braces are a placeholder around a path, words, or a name with a filter, and logic around a
//!   tag of Handlebars, Mustache or Jinja. An object of a program, an attribute of JSX, an expression of
//!   a workflow and a template of a wiki are not placeholders.
//! - Three braces are a placeholder around a name.
//! - One brace is a placeholder around one to five words, in prose: a name of two letters at least that is
//!   not a Roman number, and not after a sign that gives braces a meaning in programs, paths, LaTeX and
//!   regular expressions. Around it may be a tag of XML but none of HTML or JSX.

use super::line::Line;
use super::name::{
    is_name_char, is_single_letter, joins_sign, near, near_end, suggest_name, until,
};
use super::{Kind, Match};
use crate::domain::characters::{is_digit, is_letter};

/// Maximum words between single braces. More are an aside.
const WORDS_MAX: usize = 5;

/// Finds a placeholder that begins with a number of braces.
pub(super) fn find(line: &Line<'_>, at: usize, braces: usize) -> Option<Match> {
    let (before, rest) = (&line.text[..at], &line.text[at..]);
    // `style={{..}}` of JSX, `${{ .. }}` of workflows and `\{` of regular expressions and LaTeX.
    if before.ends_with(['$', '=', '\\']) {
        return None;
    }
    match braces {
        1 => find_single(line, at),
        2 => find_double(rest),
        3 => {
            let inner = until(&rest[3..], "}}}")?;
            let is_name = inner.trim().chars().all(is_name_char) && !before.ends_with(joins_sign);
            let (kind, length) = (Kind::TripleBraces, inner.len() + 6);
            is_name.then(|| Match::new(kind, length, suggest_name(inner)))
        }
        _ => None,
    }
}

fn find_double(rest: &str) -> Option<Match> {
    let inner = until(&rest[2..], "}}")?;
    let length = inner.len() + 4;
    let inner = inner.trim().trim_start_matches(['~', '-']).trim();
    // `{{#context#}}` of Dify is a name, `{{#if}}` is not.
    let is_between = inner.len() > 2 && inner.starts_with('#') && inner.ends_with('#');
    let kind = match inner.chars().next()? {
        '#' if is_between => Kind::Braces,
        '#' | '/' | '>' | '!' | '^' | '%' => Kind::Logic,
        c if is_letter(c) || is_digit(c) || matches!(c, '_' | '$' | '@' | '.' | '&') => {
            Kind::Braces
        }
        c if c.is_ascii() => return None,
        _ => Kind::Braces,
    };
    let is_placeholder = kind == Kind::Logic || !is_object(inner) && !is_of_wiki(inner);
    is_placeholder.then(|| Match::new(kind, length, suggest_name(inner)))
}

/// Whether a text in doubled braces is an object of a program, such as `color: 'red'`. The arguments
/// of a filter may hold any sign.
fn is_object(inner: &str) -> bool {
    let path = inner.split(['|', '(', '[']).next().unwrap_or_default();
    inner.contains(['{', ';'])
        || path.contains(['"', '\'', ','])
        || path.split_once(':').is_some_and(|(_, value)| value.is_empty() || value.starts_with(' '))
}

/// Whether a text in doubled braces is a template of a wiki, such as `cite web |url=x`.
fn is_of_wiki(inner: &str) -> bool {
    inner.split('|').skip(1).any(|part| {
        let name = part.split_once('=').map(|(name, _)| name.trim());
        name.is_some_and(|name| !name.is_empty() && name.chars().all(is_name_char))
    })
}

fn find_single(line: &Line<'_>, at: usize) -> Option<Match> {
    let (before, rest) = (&line.text[..at], &line.text[at..]);
    let inner = until(&rest[1..], "}")?;
    let length = inner.len() + 2;
    if inner.starts_with('%') && inner.ends_with('%') {
        return Some(Match::new(Kind::Logic, length, String::new()));
    }
    let after = &rest[length..];
    let name = match inner.strip_prefix("argument ") {
        Some(attributes) => {
            let name = attributes.split_once("name=\"").and_then(|(_, name)| name.split_once('"'));
            name?.0
        }
        None => Some(inner.trim()).filter(|name| is_name(name))?,
    };
    let is_padded = inner.starts_with(' ');
    let is_code = is_bound(before)
        // `x => { y }` of a program. Without spaces it is an example's input and output.
        || is_padded && before.trim_end().ends_with("=>")
        || after.starts_with('}') || is_use(after) || line.is_code_at(at);
    (!is_code).then(|| Match::new(Kind::SingleBraces, length, suggest_name(name)))
}

/// Whether a text between single braces is words to fill in.
fn is_name(name: &str) -> bool {
    let is_roman = name.chars().all(|c| "IVXLCDM".contains(c));
    let is_word = |word: &str| {
        word.starts_with(|c| c == '_' || is_letter(c)) && word.chars().all(is_name_char)
    };
    let first = name.split(' ').next().unwrap_or_default();
    let is_statement = first.len() < name.len()
        && matches!(
            first,
            "return"
                | "print"
                | "if"
                | "for"
                | "while"
                | "new"
                | "await"
                | "yield"
                | "throw"
                | "let"
                | "const"
                | "var"
                | "type"
        );
    name.split(' ').count() <= WORDS_MAX
        && name.split(' ').all(is_word)
        && !is_roman
        && !is_single_letter(name)
        && !is_statement
}

/// Whether the text before a brace gives it a meaning of its own.
fn is_bound(before: &str) -> bool {
    let Some(previous) = before.chars().next_back() else { return false };
    if previous == '>' {
        return is_markup(near_end(before));
    }
    if joins_sign(previous) || "}])%#@/^&.".contains(previous) {
        return true;
    }
    let near = near_end(before);
    // `f({x})`, `https://acme.io/a?b:{c}`.
    if near.strip_suffix('(').is_some_and(|call| call.ends_with(joins_sign)) {
        return true;
    }
    let mut words = near.trim_end().rsplit(char::is_whitespace);
    let (word, earlier) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let is_url = !near.ends_with(char::is_whitespace) && word.contains("://");
    is_url
        || word.starts_with(['\\', '@'])
        || matches!(
            word,
            "import"
                | "export"
                | "const"
                | "let"
                | "var"
                | "type"
                | "use"
                | "return"
                | "else"
                | "try"
                | "finally"
                | "do"
                | "loop"
                | "unsafe"
                | "async"
                | "move"
        )
        || matches!(
            earlier,
            "struct"
                | "enum"
                | "class"
                | "interface"
                | "namespace"
                | "trait"
                | "impl"
                | "mod"
                | "match"
                | "switch"
                | "union"
                | "fn"
                | "func"
        )
}

/// Whether the text after a brace makes it a part of a program: `{a} = b`, `{a} from "b"`.
fn is_use(after: &str) -> bool {
    let after = near(after).trim_start();
    let source = after.strip_prefix("from ").map(str::trim_start);
    after.starts_with(['\\', '$'])
        || after.starts_with('=') && !after.starts_with("=>")
        || source.is_some_and(|source| source.starts_with(['"', '\'']))
}

/// The elements of HTML in which programs put values.
const ELEMENTS: &[&str] = &[
    "a", "b", "body", "button", "code", "dd", "div", "dt", "em", "footer", "form", "h1", "h2",
    "h3", "h4", "h5", "h6", "header", "html", "i", "label", "legend", "li", "main", "nav", "ol",
    "option", "p", "pre", "select", "small", "span", "strong", "table", "tbody", "td", "th",
    "thead", "tr", "ul",
];

/// Whether a text ends with a tag of HTML or JSX, an arrow, or a comparison.
fn is_markup(before: &str) -> bool {
    let Some((_, tag)) = before.rsplit_once('<') else {
        // A quotation of Markdown.
        return before.trim() != ">";
    };
    let name = tag.split(|c: char| !joins_sign(c)).next().unwrap_or_default();
    // An element of XML is a name in lower case.
    !name.starts_with(|c: char| c.is_ascii_lowercase()) || ELEMENTS.contains(&name)
}
