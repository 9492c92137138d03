//! What a shape alone cannot tell: whether a value is a secret or stands where one would stand,
//! and whether a number is what it looks like.

use std::collections::HashSet;
use std::net::IpAddr;
use std::ops::{Range, RangeInclusive};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How much of the text before a finding is looked at.
const CONTEXT_BYTES: usize = 24;
/// Fewest characters of a key that only its name gives away.
const KEY_CHARS_MIN: usize = 16;

/// How much of a value decides whether it is a secret, in bytes.
const VALUE_LOOKED_AT: usize = 200;

type Span = Option<Range<usize>>;

/// A block of a private key, unless it only shows where one would be.
pub(super) fn key_block(text: &str, found: Range<usize>) -> Span {
    let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
    let mut lines = text[found.clone()].split(|c| !is_base64(c));
    lines.any(|line| line.len() >= 24).then_some(found)
}

pub(super) fn provider_key(text: &str, found: Range<usize>) -> Span {
    (!looks_made_up(&text[found.clone()])).then_some(found)
}

pub(super) fn url_password(text: &str, found: Range<usize>) -> Span {
    let password = &text[found.clone()];
    // `postgres:postgres@` and the like are what the images start with.
    let before = text[..found.start].strip_suffix(':')?;
    let is_default = before.ends_with(password);
    (password.len() >= 3 && !is_default && !is_placeholder(password)).then_some(found)
}

pub(super) fn basic_credentials(text: &str, found: Range<usize>) -> Span {
    let decoded = String::from_utf8(STANDARD.decode(&text[found.clone()]).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    let is_text = decoded.chars().all(|c| !c.is_control());
    (is_text && !is_placeholder(password)).then_some(found)
}

pub(super) fn random(text: &str, found: Range<usize>) -> Span {
    let value = text[found.clone()].trim_end_matches(['.', '-']);
    let span = found.start..found.start + value.len();
    (looks_random(value) && !is_placeholder(value)).then_some(span)
}

pub(super) fn command_password(text: &str, found: Range<usize>) -> Span {
    (!is_placeholder(&text[found.clone()])).then_some(found)
}

/// What stands behind the name and the sign of an assignment.
struct Value<'a> {
    /// At most [`VALUE_LOOKED_AT`] of it.
    text: &'a str,
    start: usize,
    quote: Option<char>,
    /// What ends it where there is no quote.
    is_in_url: bool,
}

impl<'a> Value<'a> {
    /// The value behind a name and its sign; `in_url` if it is known to be one of a URL's.
    fn behind(text: &'a str, named: &Range<usize>, in_url: bool) -> Option<Self> {
        let mut start = named.end;
        start += text[start..].len() - text[start..].trim_start_matches('\\').len();
        let quote = text[start..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
        start += usize::from(quote.is_some());
        let is_in_url = in_url || text[..named.start].ends_with(['?', '&']);
        let mut value = Self { text: &text[start..], start, quote, is_in_url };
        let most = text.floor_char_boundary(start + VALUE_LOOKED_AT);
        value.text = &text[start..value.end(&text[..most])];
        let after = start + value.text.len();
        let is_closed = quote.is_none_or(|quote| after == most || text[after..].starts_with(quote));
        value.text = value.text.trim_end_matches('\\');
        (is_closed && !value.text.is_empty()).then_some(value)
    }

    /// Where it ends in a text, or where the text does.
    fn end(&self, text: &str) -> usize {
        let is_end = |c: char| match self.quote {
            Some(quote) => c == quote || c == '\n',
            None => {
                c.is_whitespace()
                    || "\"'`,;<>{}()[]，。；、（）「」".contains(c)
                    || self.is_in_url && matches!(c, '&' | '#')
            }
        };
        let rest = &text[self.start..];
        let rest = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        let trimmed = match self.quote {
            Some(_) => rest,
            // What belongs to the sentence around it.
            None => rest.trim_end_matches(['.', ',', ':', '?', '…', '*', '|']),
        };
        self.start + trimmed.len()
    }

    /// All of it.
    fn span(&self, text: &str) -> Range<usize> {
        if self.text.len() < VALUE_LOOKED_AT - 4 {
            self.start..self.start + self.text.len()
        } else {
            self.start..self.end(text)
        }
    }

    /// Whether it is an expression of code rather than a value.
    fn is_code(&self, text: &str) -> bool {
        let after = &text[self.start + self.text.len()..];
        let is_name = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let is_path = self.text.contains('.') && self.text.split('.').all(is_name);
        let is_pointer = self
            .text
            .strip_prefix(['*', '&'])
            .is_some_and(|to| to.starts_with('\'') || is_name(to));
        // A call, an index or type arguments, or a type before what it is set to.
        let goes_on = after.starts_with(['(', '['])
            || after.starts_with('<') && !after.starts_with("</")
            || after.starts_with(" = ");
        self.quote.is_none() && (is_path || is_pointer || self.text.contains("::") || goes_on)
    }
}

/// Whether a name is that of a setting in the environment, where every value is meant as such.
fn is_environment_name(name: &str) -> bool {
    name.contains('_') && !name.bytes().any(|byte| byte.is_ascii_lowercase())
}

pub(super) fn assigned_password(text: &str, found: Range<usize>) -> Span {
    let name = text[found.clone()].trim_end_matches(|c: char| !c.is_alphanumeric());
    let value = Value::behind(text, &found, false)?;
    let is_prose = value.text.contains(char::is_whitespace);
    let is_secret = if value.quote.is_some() {
        !is_prose && value.text.len() >= 5
    } else {
        kinds(value.text) >= 2 && !is_word(value.text) && value.text.len() >= 6
            || is_environment_name(name) && value.text.len() >= 6
            || is_passphrase(name, value.text)
    };
    (is_secret && !is_placeholder(value.text) && !value.is_code(text)).then(|| value.span(text))
}

/// Whether a value is made of letters only, as the names of code are.
fn is_word(value: &str) -> bool {
    value.chars().all(|c| c.is_alphabetic() || "_-.".contains(c))
}

fn is_passphrase(name: &str, value: &str) -> bool {
    name.to_lowercase().ends_with("passphrase") && value.matches('-').count() >= 2
}

/// What a sentence calls a password must look like one, for sentences also say what it should be.
pub(super) fn told_password(text: &str, found: Range<usize>) -> Span {
    let value = Value::behind(text, &found, false)?;
    let signs = value.text.chars().any(|c| !c.is_alphanumeric() && !"-./_'’".contains(c));
    let is_secret = class_changes(value.text) >= 3
        || signs && kinds(value.text) >= 3
        || value.quote.is_some() && kinds(value.text) >= 2 && !is_word(value.text);
    let has_form = value.text.len() >= 6 && !value.text.contains(char::is_whitespace);
    (is_secret && has_form && !is_placeholder(value.text) && !value.is_code(text))
        .then(|| value.span(text))
}

pub(super) fn assigned_key(text: &str, found: Range<usize>) -> Span {
    let name = text[found.clone()].trim_end_matches(|c: char| !c.is_alphanumeric());
    let value = Value::behind(text, &found, true)?;
    if !names_a_secret(name) || value.text.len() < 8 || value.text.contains(char::is_whitespace) {
        return None;
    }
    let is_secret = looks_random(value.text)
        || kinds(value.text) >= 2
            && (is_environment_name(name) || value.quote.is_some())
            && value.text.len() >= KEY_CHARS_MIN
            && value.text.bytes().any(|byte| byte.is_ascii_digit());
    (is_secret && !is_placeholder(value.text) && !value.is_code(text)).then(|| value.span(text))
}

/// Whether what ends in `key`, `secret` or `token` is the name of a secret one.
fn names_a_secret(name: &str) -> bool {
    let flat: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let flat = flat.to_ascii_lowercase();
    let harmless = [
        "public",
        "publishable",
        "primary",
        "foreign",
        "partition",
        "sort",
        "cache",
        "idempotency",
        "object",
        "row",
        "hot",
        "max",
        "page",
        "next",
        "nextpage",
        "continuation",
        "count",
    ];
    let Some(kind) = flat.rfind("key") else { return true };
    let before = &flat[..kind];
    if flat.contains("secret") || flat.contains("token") {
        return true;
    }
    let secret = [
        "api",
        "secret",
        "access",
        "auth",
        "encryption",
        "signing",
        "private",
        "master",
        "account",
        "admin",
        "deploy",
        "license",
        "service",
        "app",
        "application",
        "client",
        "session",
        "shared",
        "subscription",
        "role",
        "hmac",
        "crypt",
        "cookie",
        "aes",
        "write",
        "read",
        "consumer",
        "webhook",
        "user",
        "integration",
        "storage",
        "root",
        "bot",
        "jwt",
    ];
    secret.iter().any(|word| before.ends_with(word))
        || is_environment_name(name) && !harmless.iter().any(|word| before.ends_with(word))
}

/// How many of lower case, upper case, digits and signs there are.
fn kinds(value: &str) -> usize {
    let kinds: [fn(char) -> bool; 4] = [
        char::is_lowercase,
        char::is_uppercase,
        |c| c.is_ascii_digit(),
        |c| c.is_ascii_punctuation() && !"-_./".contains(c),
    ];
    kinds.iter().filter(|is_kind| value.chars().any(is_kind)).count()
}

/// How often letters, digits and signs change places, which they seldom do in names of things.
fn class_changes(value: &str) -> usize {
    let class = |c: char| match c {
        c if c.is_lowercase() => 0,
        c if c.is_uppercase() => 1,
        c if c.is_numeric() => 2,
        _ => 3,
    };
    let separates = |c: &char| "-_./".contains(*c);
    let classes: Vec<u8> = value.chars().filter(|c| !separates(c)).map(class).collect();
    // A capital at the start of a word is no surprise.
    classes.windows(2).filter(|pair| pair[0] != pair[1] && pair != &[1, 0]).count()
}

/// Whether a value is long and mixed enough to be drawn by lot.
fn looks_random(value: &str) -> bool {
    let length = value.len();
    length >= KEY_CHARS_MIN
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && class_changes(value) * 6 >= length
}

/// Keys in documentation say that they are none, or repeat themselves.
fn looks_made_up(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let body = lower.rsplit(['_', '-']).next().unwrap_or_default();
    let distinct = body.bytes().collect::<HashSet<_>>().len();
    let words = ["example", "xxxx", "your", "placeholder", "redacted", "dummy", "1234567890abcdef"];
    words.iter().any(|word| lower.contains(word))
        || body.len() >= 8 && distinct <= 2
        || key.starts_with("sk-") && !key.bytes().any(|byte| byte.is_ascii_digit())
}

/// What stands where a secret would stand in a template or in documentation.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_lowercase();
    let word = lower.trim_matches(['.', '!', '?', '_', '-']);
    let wrapped = [('<', '>'), ('[', ']'), ('{', '}'), ('%', '%'), ('*', '*'), ('#', '#')];
    wrapped.iter().any(|(open, close)| value.starts_with(*open) && value.ends_with(*close))
        || value.starts_with('$') && !value[1..].contains(|c: char| c.is_ascii_digit() || c == '$')
        || value.starts_with("${")
        || value.starts_with("$(")
        || PLACEHOLDERS.contains(&word)
        || ["your", "example", "xxx", "...", "…", "****", "••", "<", "my_", "my-", "${", "{{"]
            .iter()
            .any(|mark| lower.contains(mark))
        || looks_made_up(value)
}

/// Words that say of a secret that it is none, or of which kind it is.
const PLACEHOLDERS: &[&str] = &[
    "bar",
    "changeme",
    "change_me",
    "change-me",
    "empty",
    "false",
    "hidden",
    "input",
    "invalid",
    "kennwort",
    "missing",
    "none",
    "null",
    "optional",
    "pass",
    "password",
    "passwd",
    "passwort",
    "placeholder",
    "redacted",
    "replace_me",
    "replaceme",
    "required",
    "secret",
    "senha",
    "string",
    "todo",
    "token",
    "true",
    "undefined",
    "unset",
    "username",
    "contraseña",
    "пароль",
];

/// Not an address that RFC 2606 sets aside, nor one that nobody reads.
pub(super) fn email(text: &str, found: Range<usize>) -> Span {
    let lower = text[found.clone()].to_lowercase();
    let (user, domain) = lower.split_once('@')?;
    let reserved = ["example.com", "example.org", "example.net"];
    let top = domain.rsplit('.').next()?;
    let is_reserved =
        reserved.iter().any(|name| domain == *name || domain.ends_with(&format!(".{name}")));
    let is_nobody = ["example", "test", "invalid", "localhost", "local"].contains(&top)
        || matches!(user, "git" | "noreply" | "no-reply");
    let is_file = ["png", "jpg", "jpeg", "svg", "gif", "webp", "avif"].contains(&top);
    // `postgres://user@host.net` names a server.
    let is_user_of_url = text[..found.start].ends_with("://");
    (!is_reserved && !is_nobody && !is_file && !is_user_of_url).then_some(found)
}

pub(super) fn iban(text: &str, found: Range<usize>) -> Span {
    text[found.clone()].parse::<iban::Iban>().is_ok().then_some(found)
}

/// A number of a known issuer, of the right length, and with the right check digit.
pub(super) fn card(text: &str, found: Range<usize>) -> Span {
    let digits: Vec<u32> = text[found.clone()].chars().filter_map(|c| c.to_digit(10)).collect();
    let has_issuer = matches!(
        (digits[0], digits[1], digits.len()),
        (3, 4 | 7, 15)
            | (3, 0 | 6 | 8 | 9, 14)
            | (3, 5, 16)
            | (4, _, 13 | 16 | 19)
            | (2, 2..=7, 16)
            | (5, _, 16)
            | (6, _, 16..=19)
    );
    let doubled = |(place, digit): (usize, &u32)| match (place % 2, digit * 2) {
        (0, _) => *digit,
        (_, twice) if twice > 9 => twice - 9,
        (_, twice) => twice,
    };
    let sum: u32 = digits.iter().rev().enumerate().map(doubled).sum();
    // The numbers that everybody tests with, such as 4242 4242 4242 4242, repeat themselves.
    let is_varied = digits.iter().collect::<HashSet<_>>().len() > 2;
    (has_issuer && sum.is_multiple_of(10) && is_varied && stands_alone(text, &found))
        .then_some(found)
}

/// Whether a number is not part of something longer, such as a hash, a path or a decimal.
fn stands_alone(text: &str, span: &Range<usize>) -> bool {
    let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+');
    let mut before = text[..span.start].chars().rev();
    let starts = before.next().is_none_or(|c| !joins(c) || c == '/' && before.next() == Some('/'));
    let mut after = text[span.end..].chars();
    let ends = match after.next() {
        Some('.' | '-' | '/') => after.next().is_none_or(|c| !c.is_ascii_alphanumeric()),
        Some('=' | '_' | '@') => false,
        Some(c) => !c.is_ascii_alphanumeric(),
        None => true,
    };
    starts && ends
}

/// An address of the public internet that is nobody's example.
pub(super) fn address(text: &str, found: Range<usize>) -> Span {
    let is_public = match text[found.clone()].parse::<IpAddr>().ok()? {
        IpAddr::V4(v4) => {
            let is_local = v4.is_private() || v4.is_loopback() || v4.is_link_local();
            let [first, ..] = v4.octets();
            let is_nobodys = v4.is_documentation() || first == 0 || first >= 224;
            let is_shared =
                matches!(v4.octets(), [100, 64..=127, ..] | [198, 18 | 19, ..] | [192, 0, 0, _]);
            // The resolvers that everybody writes into examples, and what is rather a version.
            let is_everybodys = [[8, 8, 8, 8], [8, 8, 4, 4], [9, 9, 9, 9]].contains(&v4.octets());
            let is_small = v4.octets().iter().all(|octet| *octet < 32);
            !(is_local || is_shared || is_nobodys || is_everybodys || is_small)
        }
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0x0db8)
        }
    };
    // A slash behind an address opens the length of a network or a path.
    let before_slash = text[found.end..].starts_with('/').then(|| &text[..found.end]);
    let alone = stands_alone(before_slash.unwrap_or(text), &found);
    (is_public && alone && !follows_version_word(text, found.start)).then_some(found)
}

fn follows_version_word(text: &str, start: usize) -> bool {
    let mut near = start.saturating_sub(CONTEXT_BYTES);
    while !text.is_char_boundary(near) {
        near += 1;
    }
    let before = text[near..start].to_ascii_lowercase();
    let before = before.trim_end_matches([' ', 'v', ':', '=', '^', '~', '>', '"']);
    let words = [
        "version",
        "release",
        "build",
        "firmware",
        "section",
        "rev",
        "oid",
        "driver",
        "upgrade to",
    ];
    words.iter().any(|word| before.ends_with(word))
}

pub(super) fn phone(text: &str, found: Range<usize>) -> Span {
    is_number_of(8..=15, text, &found).then_some(found)
}

/// Without a country's code a number must stand for itself, not in a row of others.
pub(super) fn national_phone(text: &str, found: Range<usize>) -> Span {
    let is_digit = |c: char| c.is_ascii_digit();
    let goes_on = text[found.end..].trim_start_matches([' ', '-', ',']).starts_with(is_digit);
    (!goes_on && is_number_of(9..=12, text, &found)).then_some(found)
}

pub(super) fn called_phone(text: &str, found: Range<usize>) -> Span {
    is_number_of(7..=13, text, &found).then_some(found)
}

fn is_number_of(digits: RangeInclusive<usize>, text: &str, found: &Range<usize>) -> bool {
    let number = &text[found.clone()];
    let count = number.bytes().filter(u8::is_ascii_digit).count();
    let before = text[..found.start].trim_end_matches([' ', ',']);
    let follows_number =
        before.len() < found.start && before.ends_with(|c: char| c.is_ascii_digit());
    digits.contains(&count)
        && !(follows_number && number.starts_with('0'))
        && !has_date(number)
        && stands_alone(text, found)
}

/// Whether a year stands where a date has it.
fn has_date(number: &str) -> bool {
    let parts: Vec<&str> = number.trim_start_matches('+').split([' ', '-', '.', '/']).collect();
    parts.windows(3).any(|parts| {
        let is_year = |part: &str| {
            part.len() == 4 && (part.starts_with("19") || part.starts_with("20")) || part.len() > 4
        };
        let is_day = |part: &str| part.len() == 2 && part <= "31";
        is_year(parts[0]) && is_day(parts[1]) && is_day(parts[2])
            || is_day(parts[0]) && is_day(parts[1]) && is_year(parts[2])
    })
}
