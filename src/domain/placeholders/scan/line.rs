//! A line of a content, and what it is apart from its placeholders.

use std::cell::OnceCell;

use super::name::joins_sign;

/// A line, which may be as long as the content: what takes a look at all of it is found once.
pub(super) struct Line<'a> {
    /// The line with its end.
    pub(super) text: &'a str,
    /// Position of its first byte in the content.
    pub(super) start: usize,
    /// Bytes of white space before the text.
    pub(super) indented_bytes: usize,
    /// Bytes without the white space around.
    pub(super) trimmed_bytes: usize,
    /// The line before, without the white space around.
    pub(super) previous: &'a str,
    /// The line after, without the white space around.
    pub(super) next: &'a str,
    code: OnceCell<usize>,
    is_about_money: OnceCell<bool>,
}

impl<'a> Line<'a> {
    pub(super) fn new(text: &'a str, start: usize, previous: &'a str, next: &'a str) -> Self {
        Self {
            text,
            start,
            indented_bytes: text.len() - text.trim_start().len(),
            trimmed_bytes: text.trim().len(),
            previous,
            next,
            code: OnceCell::new(),
            is_about_money: OnceCell::new(),
        }
    }

    /// Whether the line is code at a byte, although no fence and no quotes mark it: it has a sign of a
    /// program anywhere, or an f-string or a call with a string begins before.
    pub(super) fn is_code_at(&self, at: usize) -> bool {
        at >= *self.code.get_or_init(|| {
            let is_code = is_code(self.text.trim());
            if is_code { 0 } else { find_string(self.text).unwrap_or(self.text.len()) }
        })
    }

    /// Whether a word of the line is about money.
    pub(super) fn is_about_money(&self) -> bool {
        *self.is_about_money.get_or_init(|| {
            let mut words = self.text.split(|c: char| !c.is_alphabetic());
            words.any(|word| MONEY.iter().any(|money| money.eq_ignore_ascii_case(word)))
        })
    }
}

/// What only programs, commands, style sheets and SQL have in a line. A word begins where it stands.
const CODE: &[&str] = &[
    " && ",
    " == ",
    " != ",
    "===",
    "();",
    ") =>",
    "$(",
    "awk ",
    "sed -",
    "sed 's",
    "perl -",
    "xargs ",
    "'s/(",
    "if [ ",
    "[[ ",
    "INSERT INTO ",
    "DELETE FROM ",
    "WHERE ",
    "@param ",
    "@returns ",
    "@type ",
];

/// The first words of lines of code, each with a text that such a line has as well.
const CODE_STARTS: &[(&str, &str)] = &[
    ("#!", "/"),
    ("#include", ""),
    ("<?", ""),
    ("$ ", ""),
    ("const ", "="),
    ("let ", " = "),
    ("var ", "="),
    ("export ", "="),
    ("function ", "("),
    ("def ", "("),
    ("fn ", "("),
    ("func ", "("),
    ("if (", "{"),
    ("for (", "{"),
    ("while (", "{"),
    ("SELECT ", "FROM "),
    ("UPDATE ", " SET "),
    ("Usage: ", ""),
    ("usage: ", ""),
    ("echo ", ""),
    ("sudo ", ""),
    ("cd ", ""),
    ("cp ", ""),
    ("mv ", ""),
    ("rm ", ""),
    ("mkdir ", ""),
    ("curl ", ""),
    ("docker ", ""),
    ("kubectl ", ""),
];

fn is_code(line: &str) -> bool {
    CODE.iter().any(|sign| has_sign(line, sign))
        || CODE_STARTS.iter().any(|(start, sign)| line.starts_with(start) && line.contains(sign))
        || line.ends_with(';') && (line.contains(" = ") || has_call(line))
        || has_latex(line)
}

fn has_sign(line: &str, sign: &str) -> bool {
    let is_word = sign.starts_with(|c: char| c.is_ascii_alphabetic());
    line.match_indices(sign).any(|(at, _)| !is_word || !line[..at].ends_with(joins_sign))
}

/// Whether a line has a call of a function, such as `f(x)`.
fn has_call(line: &str) -> bool {
    line.match_indices('(').any(|(at, _)| line[..at].ends_with(joins_sign))
}

/// Whether a line has a command of LaTeX with an argument, such as `\frac{a}{b}`.
fn has_latex(line: &str) -> bool {
    line.split('\\').skip(1).any(|after| {
        let command =
            after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        command >= 2 && after[command..].trim_start_matches('*').starts_with(['{', '['])
    })
}

/// Returns where an f-string or a call with a string begins, as in `f"{x}"` and `print("{x}")`.
fn find_string(line: &str) -> Option<usize> {
    line.match_indices(['"', '\'']).map(|(at, _)| at).find(|at| {
        let before = &line[..*at];
        let word = |text: &str| text.ends_with(joins_sign);
        let call = before.strip_suffix('(').map(|call| call.strip_suffix('!').unwrap_or(call));
        let mut formatted = ["f", "F", "rf", "fr", "$"].iter();
        let is_formatted =
            formatted.any(|f| before.strip_suffix(f).is_some_and(|before| !word(before)));
        is_formatted || call.is_some_and(word)
    })
}

/// Words next to which a dollar is money.
const MONEY: &[&str] = &[
    "bill", "bills", "budget", "buy", "buys", "cent", "cents", "charge", "charges", "cheap",
    "cheaper", "coin", "cost", "costs", "discount", "dollar", "dollars", "donate", "earn", "earns",
    "fee", "fees", "income", "invest", "money", "paid", "pay", "pays", "price", "priced", "prices",
    "pricing", "profit", "refund", "revenue", "salary", "sale", "save", "saves", "sell", "sells",
    "sold", "spend", "spends", "spent", "tip", "usd", "wage", "wages", "worth",
];
