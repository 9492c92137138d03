//! Names, and the texts near a sign.

use super::FOUND_MAX_BYTES;
use crate::domain::characters::{is_digit, is_letter, is_mark};

/// Maximum characters of a suggested name.
const NAME_MAX_CHARS: usize = 40;

pub(super) fn is_name_char(c: char) -> bool {
    matches!(c, '_' | '-') || is_letter(c) || is_digit(c) || is_mark(c)
}

/// Whether a sign after `c` belongs to the word before it, as in programs. Scripts without spaces
/// between words put a placeholder straight after a letter.
pub(super) fn joins_sign(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// Whether `c` is a letter of a script without upper and lower case.
pub(super) fn is_caseless(c: char) -> bool {
    !c.is_ascii() && is_letter(c) && !c.is_uppercase() && !c.is_lowercase()
}

/// Whether a text is one letter with two forms, as variables of mathematics and loops are.
pub(super) fn is_single_letter(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|c| !is_caseless(c)) && characters.next().is_none()
}

/// The start of a text, in which a placeholder must end.
pub(super) fn near(text: &str) -> &str {
    // Cut first: the line may be as long as the content.
    let start = &text[..text.floor_char_boundary(FOUND_MAX_BYTES + 3)];
    start.split('\n').next().unwrap_or_default()
}

/// The end of a text, for a look at the words before.
pub(super) fn near_end(text: &str) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(FOUND_MAX_BYTES))..]
}

/// Returns the text up to `close`, which must be near and on the same line.
pub(super) fn until<'a>(text: &'a str, close: &str) -> Option<&'a str> {
    let text = near(text);
    let inner = &text[..text.find(close)?];
    let is_plain =
        !inner.is_empty() && inner.len() <= FOUND_MAX_BYTES && !inner.contains(super::BLANK);
    is_plain.then_some(inner)
}

/// The name of a variable in place of a placeholder: its first words in lower case.
pub(super) fn suggest_name(inner: &str) -> String {
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
