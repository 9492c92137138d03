//! `[TOPIC]`, `[insert topic]`, `[company name]`, `[城市]`.
//!
//! Brackets are a placeholder around
//! - words in upper case, of three letters at least and without numbers inside a word,
//! - a request, such as `insert` or `your`, and what is requested,
//! - up to four words that end with a noun such as `name`,
//! - up to three words of a script other than Latin.
//!
//! They are not placeholders around a label, in links, citations, options and code, where a closing tag of
//! the same name follows, and alone on a line as the heading of the next one.

use std::collections::HashSet;

use memchr::memmem;

use super::labels::is_label;
use super::line::Line;
use super::name::{is_caseless, joins_sign, suggest_name, until};
use super::{Kind, Match};
use crate::domain::characters::{is_digit, is_letter, is_mark};

/// Returns the names in closing tags, such as `[/QUOTE]`.
pub(super) fn find_closing_tags(text: &str) -> HashSet<&str> {
    let starts = memmem::find_iter(text.as_bytes(), "[/");
    starts.filter_map(|at| until(&text[at + 2..], "]")).collect()
}

pub(super) fn find(line: &Line<'_>, at: usize, closing: &HashSet<&str>) -> Option<Match> {
    let (before, rest) = (&line.text[..at], &line.text[at..]);
    // An index, a wiki link, an image, an escape.
    if before.ends_with(|c| joins_sign(c) || "[])}!\\$.".contains(c)) {
        return None;
    }
    let inner = until(&rest[1..], "]")?;
    let after = &rest[inner.len() + 2..];
    let is_first = at <= line.indented_bytes;
    // A link, a reference, a set of a regular expression, a definition or a field at the start.
    let is_other = after.starts_with(['(', '[', ']', '+', '*', '?', '{'])
        || is_first && after.starts_with(": ")
        || closing.contains(inner)
        || is_heading(line, inner.len() + 2)
        || line.is_code_at(at);
    let is_placeholder = is_upper_case_words(inner)
        || is_request(inner)
        || is_noun(inner) && !before.ends_with('/') && !after.starts_with(".[")
        || is_other_script(inner);
    let name = || suggest_name(without_request(inner));
    (is_placeholder && !is_other).then(|| Match::new(Kind::Brackets, inner.len() + 2, name()))
}

/// Whether brackets alone on a line are the heading of the next one. After a colon they are a text to
/// fill in.
fn is_heading(line: &Line<'_>, length: usize) -> bool {
    line.trimmed_bytes == length
        && !line.next.is_empty()
        && !line.next.starts_with(['[', '`', '~'])
        && !line.previous.ends_with(':')
}

fn is_upper_case_words(inner: &str) -> bool {
    let letters = inner.chars().filter(|c| is_letter(*c)).count();
    let is_written = |c: char| {
        is_digit(c) || is_mark(c) || is_letter(c) && c.is_uppercase() || " _-/&,'".contains(c)
    };
    // `[A-Z]` is a range of characters, `[RED, GREEN, BLUE]` a list.
    let is_range = inner.split('-').all(|part| part.chars().count() <= 1);
    let is_list = inner.matches(',').count() > 1;
    // A number in a word makes it a name of its own, such as `[RFC2119]` and `[GPT-4]`; one after a
    // word counts placeholders, as in `[TOPIC 2]`; one of four digits is a year or a standard.
    let mut words = inner.split([' ', '_']);
    let has_code = words.any(|word| {
        word.contains(is_digit) && (!word.chars().all(is_digit) || word.chars().count() > 3)
    });
    // Two letters are rather a language or a variable of mathematics.
    letters >= 3
        && inner.starts_with(is_letter)
        && inner.chars().all(is_written)
        && !(has_code || is_range || is_list || is_label(inner))
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

/// Nouns that say what is to be filled in.
const NOUNS: &[&str] = &[
    "address",
    "age",
    "audience",
    "author",
    "brand",
    "budget",
    "business",
    "city",
    "company",
    "competitor",
    "country",
    "customer",
    "date",
    "deadline",
    "genre",
    "goal",
    "hobby",
    "industry",
    "ingredients",
    "job",
    "keyword",
    "keywords",
    "language",
    "location",
    "name",
    "occupation",
    "person",
    "problem",
    "product",
    "profession",
    "recipient",
    "role",
    "service",
    "skill",
    "skills",
    "subject",
    "theme",
    "title",
    "tone",
    "topic",
    "topics",
    "website",
];

/// Maximum words before and with a noun.
const NOUN_WORDS_MAX: usize = 4;

fn is_noun(inner: &str) -> bool {
    let words: Vec<&str> = inner.split([' ', '_', '-']).take(NOUN_WORDS_MAX + 1).collect();
    let is_word = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic());
    let last = words.last().copied().unwrap_or_default();
    words.len() <= NOUN_WORDS_MAX
        && words.iter().all(is_word)
        && NOUNS.iter().any(|noun| noun.eq_ignore_ascii_case(last))
        && !is_label(inner)
}

/// Maximum words in brackets of a script other than Latin. More are an aside.
const SCRIPT_WORDS_MAX: usize = 3;

fn is_other_script(inner: &str) -> bool {
    let mut letters = inner.chars().filter(|c| is_letter(*c));
    let is_latin = letters.any(|c| c.is_ascii()) && !inner.contains(is_caseless);
    let is_written = |c: char| is_letter(c) || is_mark(c) || is_digit(c) || " _-/".contains(c);
    inner.chars().filter(|c| !c.is_ascii() && is_letter(*c)).count() >= 2
        && !is_latin
        && inner.starts_with(is_letter)
        && inner.chars().all(is_written)
        && inner.split(' ').count() <= SCRIPT_WORDS_MAX
        && !is_label(inner)
}
