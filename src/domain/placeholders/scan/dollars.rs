//! `$ARGUMENTS`, `$1`, `${input:x}`, `${Name:default}`.
//!
//! - `$ARGUMENTS` and `${input:..}` are placeholders everywhere.
//! - `$1` to `$9` are arguments of a command if the content has all of them from `$1` (or `$0`) up to the
//!   last one, and nothing in it says that a dollar is money: no amount such as `$100` or `$1.50`, no
//!   word such as `costs` in the line. Content with `$ARGUMENTS` or the front matter of a command is
//!   about commands, so that its words are not about money.
//! - `${name}` is a placeholder unless it is a single letter, part of code, or in upper case without a
//!   default, as the variables of a shell are.

use super::line::Line;
use super::name::{
    is_name_char, is_single_letter, joins_sign, near, near_end, suggest_name, until,
};
use super::{Found, Kind, Match};
use crate::domain::characters::is_letter;

/// Finds `$ARGUMENTS` and `${..}`.
pub(super) fn find(line: &Line<'_>, at: usize) -> Option<Match> {
    let (before, after) = (&line.text[..at], &line.text[at + 1..]);
    if before.ends_with(|c| joins_sign(c) && c != '-' || matches!(c, '$' | '\\')) {
        return None;
    }
    if let Some(next) = after.strip_prefix("ARGUMENTS") {
        let is_word = !next.starts_with(|c| joins_sign(c) && c != '-');
        let name = "arguments".to_owned();
        let found = Match { kind: Kind::Dollar, length: 10, name, is_in_code: true };
        return is_word.then_some(found);
    }
    let inner = until(after.strip_prefix('{')?, "}")?;
    let length = inner.len() + 3;
    if let Some(input) = inner.strip_prefix("input:") {
        let name = suggest_name(input.split(':').next().unwrap_or_default());
        return Some(Match { kind: Kind::DollarBraces, length, name, is_in_code: true });
    }
    let (name, default) = inner.split_once(':').unwrap_or((inner, ""));
    let name = name.trim();
    let is_name = name.starts_with(|c| c == '_' || is_letter(c))
        && name.chars().all(|c| is_name_char(c) || c == ' ')
        && !is_single_letter(name);
    // `${HOME}` and `${HOME:-default}` of a shell, `${env:HOME}` of an editor's settings.
    let is_of_shell =
        inner.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            || default.starts_with(['-', '=', '+', '?'])
            || matches!(name, "env" | "config" | "command");
    // `$${x}$` of mathematics.
    let is_math = after[length - 1..].starts_with('$');
    let is_code = is_of_shell || is_math || line.is_code_at(at);
    (is_name && !is_code).then(|| Match::new(Kind::DollarBraces, length, suggest_name(name)))
}

/// The arguments of a command. Those by number are judged together at the end of the content.
pub(super) struct Arguments {
    /// `$ARGUMENTS`.
    all: Vec<Found>,
    /// `$0` to `$9`.
    numbered: [Vec<Found>; 10],
    has_money: bool,
    is_command: bool,
}

/// What only a command of a coding assistant holds.
const COMMAND_SIGNS: &[&str] = &["$ARGUMENTS", "argument-hint:", "allowed-tools:"];

impl Arguments {
    pub(super) fn new(text: &str) -> Self {
        let is_command = COMMAND_SIGNS.iter().any(|sign| text.contains(sign));
        Self { all: Vec::new(), numbered: Default::default(), has_money: false, is_command }
    }

    /// Reads a dollar and a digit outside code.
    pub(super) fn read(&mut self, line: &Line<'_>, at: usize) {
        let (before, after) = (&line.text[..at], &line.text[at + 2..]);
        // `A$1` of a spreadsheet, `US$1`, `\$1`.
        if before.ends_with(|c| joins_sign(c) || matches!(c, '$' | '\\')) {
            return;
        }
        if is_amount(after) || !self.is_command && is_price(line, before, after) {
            self.has_money = true;
            return;
        }
        // `{print $1}` of awk, `x = $1` of SQL.
        if after.starts_with('}') || near_end(before).trim_end().ends_with('=') {
            return;
        }
        let number = line.text.as_bytes()[at + 1] - b'0';
        let start = line.start + at;
        let name = format!("argument_{number}");
        let found = Found { kind: Kind::Dollar, range: start..start + 2, name };
        self.numbered[usize::from(number)].push(found);
    }

    /// Adds a `$ARGUMENTS`.
    pub(super) fn add_all(&mut self, found: Found) {
        self.all.push(found);
    }

    /// Visits them in the order of the content.
    pub(super) fn visit(self, visit: &mut dyn FnMut(Found)) {
        let numbers = self.numbered[1..].iter().map(|found| !found.is_empty());
        // From `$1` up to the last one without a gap.
        let is_row = numbers.clone().next() == Some(true) && numbers.is_sorted_by(|a, b| a >= b);
        let are_arguments = is_row && (self.is_command || !self.has_money);
        let numbered = self.numbered.into_iter().flatten().filter(|_| are_arguments);
        let mut found: Vec<Found> = numbered.chain(self.all).collect();
        found.sort_by_key(|found| found.range.start);
        found.into_iter().for_each(visit);
    }
}

/// What an amount of money is for, after a slash.
const UNITS: &[&str] = &[
    "d", "day", "h", "hour", "hr", "item", "kg", "lb", "m", "mo", "month", "mth", "person", "seat",
    "unit", "user", "week", "wk", "year", "yr",
];

/// Whether an amount goes on after its first digit, as in `$1.50`, `$1,000`, `$3k`, `$9/month`.
fn is_amount(after: &str) -> bool {
    let mut next = after.chars();
    match (next.next(), next.next()) {
        (Some('.' | ',' | '-' | '–'), Some(c)) => c.is_ascii_digit(),
        (Some('/'), _) => {
            let unit = near(after)[1..].split(|c: char| !c.is_ascii_alphabetic()).next();
            unit.is_some_and(|unit| UNITS.contains(&unit))
        }
        (Some(c), _) => c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '%'),
        (None, _) => false,
    }
}

/// Whether the words around a dollar and a digit speak of money.
fn is_price(line: &Line<'_>, before: &str, after: &str) -> bool {
    let word = |text: &str| text.trim_matches(|c: char| !c.is_alphabetic()).to_lowercase();
    let follows = near(after).split_whitespace().next().map(word).unwrap_or_default();
    let precedes = near_end(before).split_whitespace().next_back().map(word).unwrap_or_default();
    matches!(
        &*follows,
        "per"
            | "each"
            | "a"
            | "million"
            | "billion"
            | "trillion"
            | "thousand"
            | "off"
            | "less"
            | "more"
    ) || matches!(
        &*precedes,
        "only" | "under" | "over" | "than" | "just" | "a" | "have" | "has" | "had"
    ) || line.is_about_money()
}
