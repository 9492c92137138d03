//! [`Excerpt`] and [`Message`]: the only texts in which a report, an error or the log repeats what
//! came from outside.
//!
//! An error that repeated a caller's words in full could be as long as a request body, and a report
//! of thousands of items many times as long. Both types cut when they are constructed, so a longer
//! one cannot exist.

use std::fmt;
use std::ops::Deref;

/// Maximum length of an [`Excerpt`], in characters: enough to recognise a name or a path.
pub const EXCERPT_MAX_CHARS: usize = 200;
/// Maximum length of a [`Message`], in characters: several sentences with an excerpt each.
pub const MESSAGE_MAX_CHARS: usize = 1000;
/// Maximum number of things from outside that one message lists.
pub(crate) const LISTED_MAX: usize = 10;

/// What replaces the middle of a text that is too long.
const ELLIPSIS: char = '…';

/// Defines a text that is cut to a number of characters and printable on one line.
macro_rules! cut_text {
    ($(#[$doc:meta])* $name:ident, $max_chars:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Cuts a text.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(cut(text.as_ref(), $max_chars))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns the text.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.0 == *other
            }
        }
    };
}

cut_text!(
    /// A text from outside, as an error or a report repeats it.
    ///
    /// It has at most [`EXCERPT_MAX_CHARS`] characters: a longer text loses its middle. The
    /// characters that a terminal obeys, and those that reorder the text around them, are left out.
    Excerpt,
    EXCERPT_MAX_CHARS
);

cut_text!(
    /// A text of this program, in which every text from outside is an [`Excerpt`].
    ///
    /// It has at most [`MESSAGE_MAX_CHARS`] characters, and no character that an excerpt cannot have.
    Message,
    MESSAGE_MAX_CHARS
);

/// Replaces the middle of a text that is longer than `max_chars` by an ellipsis. Reads no more of the
/// text than it keeps.
fn cut(text: &str, max_chars: usize) -> String {
    let Some((head, tail)) = find_ends(text, max_chars) else {
        return text.chars().filter_map(to_printable).collect();
    };
    let head = head.chars().filter_map(to_printable);
    head.chain([ELLIPSIS]).chain(tail.chars().filter_map(to_printable)).collect()
}

/// Returns the start and the end that stay of a text, or `None` if all of it does.
fn find_ends(text: &str, max_chars: usize) -> Option<(&str, &str)> {
    // A text of that many bytes has no more characters, and most texts need no further look.
    if text.len() <= max_chars || text.char_indices().nth(max_chars).is_none() {
        return None;
    }
    let kept = max_chars - 1;
    let (head_end, _) = text.char_indices().nth(kept - kept / 2)?;
    let (tail_start, _) = text.char_indices().rev().nth(kept / 2 - 1)?;
    Some((&text[..head_end], &text[tail_start..]))
}

/// Returns the character, a space for a line break, or `None` for one that must not be shown.
///
/// Control characters would also be six bytes each in JSON. The embeddings, overrides and isolates of
/// the Unicode bidirectional algorithm (UAX 9, section 2) show a text in another order than it has.
fn to_printable(c: char) -> Option<char> {
    match c {
        '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c => (!c.is_control()).then_some(c),
    }
}

/// Lists texts from outside: at most [`LISTED_MAX`] of them, each as an excerpt in quotation marks,
/// and the number of the others. `count` is the number of all.
pub(crate) fn list_excerpts<'a>(texts: impl Iterator<Item = &'a str>, count: usize) -> String {
    let listed: Vec<String> =
        texts.take(LISTED_MAX).map(|text| format!("\"{}\"", Excerpt::new(text))).collect();
    let others = count.saturating_sub(listed.len());
    let listed = listed.join(", ");
    if others == 0 { listed } else { format!("{listed} and {others} more") }
}

/// Cuts the text of a deserialiser's error. It repeats what it found, which is from outside, and
/// ends with what it expected.
pub(crate) fn cut_serde_error(text: &str) -> String {
    match text.rsplit_once(", expected ") {
        Some((found, expected)) => {
            format!("{}, expected {}", Excerpt::new(found), Excerpt::new(expected))
        }
        None => Excerpt::new(text).into_string(),
    }
}

/// As [`cut_serde_error`], without the place in the text that was parsed, which is not that in the file.
pub(crate) fn cut_json_error(error: &serde_json::Error) -> String {
    let text = error.to_string();
    cut_serde_error(text.rsplit_once(" at line ").map_or(&text, |(text, _)| text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_within_the_limit_stays_and_a_longer_one_loses_its_middle() {
        for text in ["", "a", &"é".repeat(EXCERPT_MAX_CHARS)] {
            assert_eq!(Excerpt::new(text), *text);
        }
        let long = format!("start{}end", "é".repeat(EXCERPT_MAX_CHARS));
        let cut = Excerpt::new(&long);
        assert_eq!(cut.chars().count(), EXCERPT_MAX_CHARS);
        assert!(cut.starts_with("starté") && cut.ends_with("éend") && cut.contains('…'), "{cut}");
        assert_eq!(Message::new("é".repeat(1001)).chars().count(), MESSAGE_MAX_CHARS);
    }

    #[test]
    fn what_a_terminal_obeys_and_what_reorders_text_is_left_out() {
        for (text, expected) in [
            ("a\u{1b}[2Jb", "a[2Jb"),
            ("a\r\nb\tc", "a  b c"),
            ("\u{202e}gnp.exe", "gnp.exe"),
            ("مرحبا e\u{301} 🎉", "مرحبا e\u{301} 🎉"),
        ] {
            assert_eq!(Excerpt::new(text), expected);
        }
    }

    #[test]
    fn a_list_names_ten_and_counts_the_others() {
        let texts: Vec<String> = (0..1210).map(|number| format!("c{number}")).collect();
        let list =
            |count: usize| list_excerpts(texts.iter().map(String::as_str).take(count), count);
        assert_eq!(list(2), "\"c0\", \"c1\"");
        assert!(list(10).ends_with("\"c9\""));
        assert!(list(1210).ends_with("\"c9\" and 1200 more"), "{}", list(1210));
    }

    #[test]
    fn an_error_of_serde_keeps_what_was_expected() {
        let outside = "x, expected ".repeat(100_000);
        let text = format!("unknown field `{outside}`, expected one of `a`, `b`");
        let cut = cut_serde_error(&text);
        assert!(cut.starts_with("unknown field `x") && cut.ends_with(", expected one of `a`, `b`"));
        assert!(cut.chars().count() < 2 * EXCERPT_MAX_CHARS + 20, "{cut}");
    }

    proptest! {
        #[test]
        fn no_text_is_over_the_limit_or_unprintable(
            text in "(\\PC|\\pC|[\\n\\t\u{1b}\u{202e}e\u{301}]){0,500}",
        ) {
            let cut = Excerpt::new(&text);
            prop_assert!(cut.chars().count() <= EXCERPT_MAX_CHARS);
            prop_assert!(!cut.chars().any(char::is_control));
            prop_assert_eq!(Excerpt::new(cut.as_str()), cut.clone());
        }
    }
}
