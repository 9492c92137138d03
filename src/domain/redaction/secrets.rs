//! The checks of secrets: whether a value is one, or only the example of one.

use std::collections::HashSet;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::rules::Span;

/// Minimum length of a key that is recognised by its name alone, in bytes.
const KEY_BYTES_MIN: usize = 16;
/// Length of the start of a value that decides whether it is a secret, in bytes. A limit, because a
/// text may consist of names whose values reach to its end.
const VALUE_CHECKED_BYTES: usize = 200;

/// Accepts the block of a private key, unless it only shows where one would be: an example has no
/// line of base64.
pub(super) fn check_key_block(text: &str, found: Range<usize>) -> Span {
    let mut lines =
        text[found.clone()].split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c));
    lines.any(|line| line.len() >= 24).then_some(found)
}

/// Accepts a key in a provider's format, unless it is an example from documentation.
pub(super) fn check_provider_key(text: &str, found: Range<usize>) -> Span {
    (!is_example_key(&text[found.clone()])).then_some(found)
}

/// Accepts the password of a URL, which follows the user and a colon (RFC 3986, section 3.2.1).
pub(super) fn check_url_password(text: &str, found: Range<usize>) -> Span {
    let password = &text[found.clone()];
    let before = text[..found.start].strip_suffix(':')?;
    // A password equal to the user, as in `postgres:postgres@`, is the default of an image.
    let is_default = before.ends_with(password);
    (password.len() >= 3 && !is_default && !is_placeholder(password)).then_some(found)
}

/// Accepts the credentials of basic authentication: the base64 of a user, a colon and a password
/// (RFC 7617, section 2).
pub(super) fn check_basic_credentials(text: &str, found: Range<usize>) -> Span {
    let decoded = String::from_utf8(STANDARD.decode(&text[found.clone()]).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    let is_text = decoded.chars().all(|c| !c.is_control());
    (is_text && !is_placeholder(password)).then_some(found)
}

/// Accepts a value that looks random, without the punctuation of the sentence after it.
pub(super) fn check_random(text: &str, found: Range<usize>) -> Span {
    let value = text[found.clone()].trim_end_matches(['.', '-']);
    let span = found.start..found.start + value.len();
    (looks_random(value) && !is_placeholder(value)).then_some(span)
}

/// Accepts the password argument of a command, unless it is a placeholder.
pub(super) fn check_command_password(text: &str, found: Range<usize>) -> Span {
    (!is_placeholder(&text[found.clone()])).then_some(found)
}

/// The value of an assignment, after its name and sign.
struct Value<'a> {
    /// Its first [`VALUE_CHECKED_BYTES`] bytes at most.
    text: &'a str,
    /// Its start in the whole text, after the quote.
    start: usize,
    /// The quote that opens it and must close it.
    quote: Option<char>,
    /// Whether `&` and `#` end it, as in the query of a URL.
    is_in_url: bool,
}

impl<'a> Value<'a> {
    /// Reads the value after the name and sign at `named`. `None` if it is empty, or if its quote
    /// does not close on the line.
    fn read(text: &'a str, named: &Range<usize>, in_url: bool) -> Option<Self> {
        let mut start = named.end;
        // In JSON inside of a string, a backslash stands before each quote.
        start += text[start..].len() - text[start..].trim_start_matches('\\').len();
        let quote = text[start..].chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
        start += usize::from(quote.is_some());
        let is_in_url = in_url || text[..named.start].ends_with(['?', '&']);
        let mut value = Self { text: &text[start..], start, quote, is_in_url };
        let limit = text.floor_char_boundary(start + VALUE_CHECKED_BYTES);
        value.text = &text[start..value.find_end(&text[..limit])];
        let after = start + value.text.len();
        // A value that reaches the limit may close after it.
        let is_closed =
            quote.is_none_or(|quote| after == limit || text[after..].starts_with(quote));
        value.text = value.text.trim_end_matches('\\');
        (is_closed && !value.text.is_empty()).then_some(value)
    }

    /// Returns where it ends in `text`, at most the end of `text`.
    fn find_end(&self, text: &str) -> usize {
        let rest = &text[self.start..];
        let rest = &rest[..rest.find(|c| self.ends_before(c)).unwrap_or(rest.len())];
        let trimmed = match self.quote {
            Some(_) => rest,
            // This punctuation belongs to the sentence around the value.
            None => rest.trim_end_matches(['.', ',', ':', '?', '…', '*', '|']),
        };
        self.start + trimmed.len()
    }

    fn ends_before(&self, c: char) -> bool {
        match self.quote {
            Some(quote) => c == quote || c == '\n',
            None => {
                c.is_whitespace()
                    || "\"'`,;<>{}()[]，。；、（）「」".contains(c)
                    || self.is_in_url && matches!(c, '&' | '#')
            }
        }
    }

    /// Returns the bytes of the whole value, also of one that is longer than was checked.
    fn span(&self, text: &str) -> Range<usize> {
        // A character at the limit may have been cut off, which is up to three bytes.
        if self.text.len() < VALUE_CHECKED_BYTES - 4 {
            self.start..self.start + self.text.len()
        } else {
            self.start..self.find_end(text)
        }
    }

    /// Whether it is an expression of code rather than a value.
    fn is_code(&self, text: &str) -> bool {
        let after = &text[self.start + self.text.len()..];
        let is_path = self.text.contains('.') && self.text.split('.').all(is_identifier);
        let is_pointer = self
            .text
            .strip_prefix(['*', '&'])
            .is_some_and(|target| target.starts_with('\'') || is_identifier(target));
        // A call, an index or type arguments, or a type in front of the value.
        let continues = after.starts_with(['(', '['])
            || after.starts_with('<') && !after.starts_with("</")
            || after.starts_with(" = ");
        self.quote.is_none() && (is_path || is_pointer || self.text.contains("::") || continues)
    }
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether a name is that of an environment variable, as in `DB_PASSWORD`. Its value is a literal,
/// never an expression.
fn is_environment_name(name: &str) -> bool {
    name.contains('_') && !name.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// Accepts the value that is assigned to a name of a password.
pub(super) fn check_assigned_password(text: &str, found: Range<usize>) -> Span {
    let name = text[found.clone()].trim_end_matches(|c: char| !c.is_alphanumeric());
    let value = Value::read(text, &found, false)?;
    let is_prose = value.text.contains(char::is_whitespace);
    let is_secret = if value.quote.is_some() {
        !is_prose && value.text.len() >= 5
    } else {
        count_classes(value.text) >= 2 && !is_word(value.text) && value.text.len() >= 6
            || is_environment_name(name) && value.text.len() >= 6
            || is_passphrase(name, value.text)
    };
    (is_secret && !is_placeholder(value.text) && !value.is_code(text)).then(|| value.span(text))
}

/// Whether a value consists of letters and separators alone, as the names in code do.
fn is_word(value: &str) -> bool {
    value.chars().all(|c| c.is_alphabetic() || "_-.".contains(c))
}

/// Whether a value consists of words with hyphens and is called a passphrase.
fn is_passphrase(name: &str, value: &str) -> bool {
    name.to_lowercase().ends_with("passphrase") && value.matches('-').count() >= 2
}

/// Accepts the value that a sentence calls a password. It must look like one, because a sentence may
/// also describe a password: "the password is optional".
pub(super) fn check_password_in_prose(text: &str, found: Range<usize>) -> Span {
    let value = Value::read(text, &found, false)?;
    let signs = value.text.chars().any(|c| !c.is_alphanumeric() && !"-./_'’".contains(c));
    let is_secret = count_class_changes(value.text) >= 3
        || signs && count_classes(value.text) >= 3
        || value.quote.is_some() && count_classes(value.text) >= 2 && !is_word(value.text);
    let has_form = value.text.len() >= 6 && !value.text.contains(char::is_whitespace);
    (is_secret && has_form && !is_placeholder(value.text) && !value.is_code(text))
        .then(|| value.span(text))
}

/// Accepts the value that is assigned to a name of a key.
pub(super) fn check_assigned_key(text: &str, found: Range<usize>) -> Span {
    let name = text[found.clone()].trim_end_matches(|c: char| !c.is_alphanumeric());
    let value = Value::read(text, &found, true)?;
    if !is_secret_name(name) || value.text.len() < 8 || value.text.contains(char::is_whitespace) {
        return None;
    }
    let is_secret = looks_random(value.text)
        || count_classes(value.text) >= 2
            && (is_environment_name(name) || value.quote.is_some())
            && value.text.len() >= KEY_BYTES_MIN
            && value.text.bytes().any(|byte| byte.is_ascii_digit());
    (is_secret && !is_placeholder(value.text) && !value.is_code(text)).then(|| value.span(text))
}

/// Words before `key` in names whose value is not secret.
const PUBLIC_KEY_WORDS: &[&str] = &[
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

/// Words before `key` in names whose value is secret.
const SECRET_KEY_WORDS: &[&str] = &[
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

/// Whether a name that ends in `key`, `secret` or `token` is that of a secret one.
fn is_secret_name(name: &str) -> bool {
    let flat: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let flat = flat.to_ascii_lowercase();
    let Some(kind) = flat.rfind("key") else { return true };
    let before = &flat[..kind];
    if flat.contains("secret") || flat.contains("token") {
        return true;
    }
    SECRET_KEY_WORDS.iter().any(|word| before.ends_with(word))
        || is_environment_name(name) && !PUBLIC_KEY_WORDS.iter().any(|word| before.ends_with(word))
}

/// Returns how many of these classes occur: lower case, upper case, digits and punctuation.
fn count_classes(value: &str) -> usize {
    let classes: [fn(char) -> bool; 4] = [
        char::is_lowercase,
        char::is_uppercase,
        |c| c.is_ascii_digit(),
        |c| c.is_ascii_punctuation() && !"-_./".contains(c),
    ];
    classes.iter().filter(|is_in_class| value.chars().any(is_in_class)).count()
}

/// Returns how often the class changes between neighbours, without separators. It changes often in
/// random values and seldom in names of things.
fn count_class_changes(value: &str) -> usize {
    let classes: Vec<u8> = value.chars().filter(|c| !"-_./".contains(*c)).map(class_of).collect();
    // A capital at the start of a word, class 1 before 0, is not a sign of randomness.
    classes.windows(2).filter(|pair| pair[0] != pair[1] && pair != &[1, 0]).count()
}

fn class_of(c: char) -> u8 {
    match c {
        c if c.is_lowercase() => 0,
        c if c.is_uppercase() => 1,
        c if c.is_numeric() => 2,
        _ => 3,
    }
}

/// Whether a value is long and mixed enough to be random: on average, the class changes at least every
/// six characters.
fn looks_random(value: &str) -> bool {
    let length = value.len();
    length >= KEY_BYTES_MIN
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && count_class_changes(value) * 6 >= length
}

/// Whether a key is an example of documentation: it contains a word for that, or repeats itself.
fn is_example_key(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let body = lower.rsplit(['_', '-']).next().unwrap_or_default();
    let distinct = body.bytes().collect::<HashSet<_>>().len();
    let words = ["example", "xxxx", "your", "placeholder", "redacted", "dummy", "1234567890abcdef"];
    words.iter().any(|word| lower.contains(word))
        || body.len() >= 8 && distinct <= 2
        || key.starts_with("sk-") && !key.bytes().any(|byte| byte.is_ascii_digit())
}

/// Whether a value stands in for a secret, in the notation of any template language or of
/// documentation. The variables of our own templates are excluded before, by the template parser.
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
        || is_example_key(value)
}

/// Words in place of a secret: that there is none, or its kind.
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
