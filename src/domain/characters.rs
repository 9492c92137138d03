//! Classes of Unicode characters: those of which names of variables consist, and invisible ones.

use icu_properties::props::{
    BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory,
    GeneralCategoryGroup,
};

/// The bytes of U+FEFF in UTF-8, which some programs write before a text.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Joins letters of scripts such as Persian without connecting their forms.
const NON_JOINER: char = '\u{200c}';
/// Joins letters of scripts such as Sinhala, and the parts of an emoji.
const JOINER: char = '\u{200d}';
/// A pattern of braille without dots, which looks like a space.
const BRAILLE_BLANK: char = '\u{2800}';

/// Whether `c` is a letter of any script (general category L), fillers aside.
pub(super) fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || is_visible_in(c, GeneralCategoryGroup::Letter)
}

/// Whether `c` is a decimal digit of any script (general category Nd).
pub(super) fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || is_visible_in(c, GeneralCategoryGroup::DecimalNumber)
}

/// Whether `c` is a mark, such as a vowel sign or an accent (general category M), selectors aside.
pub(super) fn is_mark(c: char) -> bool {
    is_visible_in(c, GeneralCategoryGroup::Mark)
}

/// Whether `c` joins its neighbours or keeps them apart.
pub(super) fn is_joiner(c: char) -> bool {
    matches!(c, NON_JOINER | JOINER)
}

/// Whether a joiner has an effect between two characters of a word: both belong to a script without
/// upper and lower case, as all scripts with joiners but one do.
pub(super) fn joins_letters(before: Option<char>, after: Option<char>) -> bool {
    let is_joined =
        |c: char| !c.is_ascii() && (is_letter(c) && !is_cased(c) || is_mark(c) || is_digit(c));
    before.is_some_and(is_joined) && after.is_some_and(is_joined)
}

/// Returns `text` without invisible characters, and with a space in place of each line or paragraph
/// separator (U+2028, U+2029).
///
/// Invisible are the characters that Unicode formats with and those that it ignores by default: among
/// them soft hyphens, zero-width characters, controls of direction, tags and fillers. Kept are a joiner
/// that has an effect, and one variation selector after a character that can have one. A text of
/// nothing but blanks becomes empty. Cleaning twice is cleaning once.
pub(super) fn remove_invisible(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let before = clean.chars().next_back();
        let is_kept = match c {
            '\u{2028}' | '\u{2029}' => {
                clean.push(' ');
                continue;
            }
            NON_JOINER | JOINER => {
                let after = characters.peek().copied();
                joins_letters(before, after) || c == JOINER && joins_emoji(before, after)
            }
            _ if is_selector(c) => before.is_some_and(has_variations),
            _ => !is_invisible(c),
        };
        if is_kept {
            clean.push(c);
        }
    }
    let is_blank = clean.chars().all(|c| c.is_whitespace() || c == BRAILLE_BLANK);
    if is_blank { String::new() } else { clean }
}

/// Whether `c` is a character that Unicode formats with (general category Cf) or ignores by default.
pub(super) fn is_invisible(c: char) -> bool {
    let is_format = || GeneralCategoryGroup::Format.contains(GeneralCategory::for_char(c));
    is_ignorable(c) || !c.is_ascii() && is_format()
}

/// Whether `c` is ignored by default (`Default_Ignorable_Code_Point`): soft hyphens, joiners, marks of
/// direction, variation selectors, fillers.
pub(super) fn is_ignorable(c: char) -> bool {
    !c.is_ascii() && DefaultIgnorableCodePoint::for_char(c)
}

/// Whether `c` selects another form of the character before it.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{e0100}'..='\u{e01ef}')
}

/// Whether a variation selector may follow `c`: ASCII characters have none but in keycaps.
fn has_variations(c: char) -> bool {
    let is_visible = || !is_invisible(c) && !c.is_whitespace() && c != BRAILLE_BLANK;
    matches!(c, '0'..='9' | '#' | '*') || !c.is_ascii() && is_visible()
}

/// Whether a joiner between these characters makes one emoji of two.
fn joins_emoji(before: Option<char>, after: Option<char>) -> bool {
    // Emoji are symbols, with a selector or a modifier (U+1F3FB to U+1F3FF) after them.
    let is_symbol = |c: char| is_visible_in(c, GeneralCategoryGroup::Symbol) && c != BRAILLE_BLANK;
    before.is_some_and(|c| is_symbol(c) || is_selector(c)) && after.is_some_and(is_symbol)
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}

/// Whether a character outside ASCII is of a category and not ignored by default.
fn is_visible_in(c: char, group: GeneralCategoryGroup) -> bool {
    !c.is_ascii() && group.contains(GeneralCategory::for_char(c)) && !is_ignorable(c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(remove_invisible(text), expected, "{}", text.escape_unicode());
    }

    #[test]
    fn invisible_characters_are_removed() {
        check("Re\u{ad}view", "Review");
        check("\u{feff}Code\u{200b} \u{2060}re\u{200d}view\u{200c}", "Code review");
        check("a\u{202e}b\u{2066}c\u{2069}\u{200f}", "abc");
        check("x\u{e0041}\u{e0042}\u{e007f}y", "xy");
        check("one\u{2028}two\u{2029}three", "one two three");
        check("a\u{fe0f}b\u{e0100}", "ab");
        check("\u{3164}\u{115f}\u{ffa0}\u{34f}\u{180e}\u{61c}é", "é");
        check("\u{200b}\u{2028}\u{2800} ", "");
        check("🎉\u{fe0f}\u{fe0f}\u{e0100}", "🎉\u{fe0f}");
        check("é\u{200d}é", "éé");
    }

    #[test]
    fn joiners_and_selectors_with_an_effect_are_kept() {
        for text in [
            "👩\u{200d}🔧 fix",
            "🏳\u{fe0f}\u{200d}🌈",
            "👩🏽\u{200d}⚕\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
            "می\u{200c}خواهم",
            "ක්\u{200d}ෂ",
            "葛\u{e0100}",
            "עברית ⠓⠑⠇⠇⠕⠀⠺",
        ] {
            check(text, text);
        }
    }

    fn text_with_invisible() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "a",
            "é",
            " ",
            "1",
            "🎉",
            "👩",
            "🏽",
            "م",
            "ක",
            "\u{dca}",
            "葛",
            "\u{ad}",
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{202e}",
            "\u{2028}",
            "\u{feff}",
            "\u{fe0f}",
            "\u{e0100}",
            "\u{e0041}",
            "\u{2800}",
            "\u{3164}",
        ]);
        prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(text in text_with_invisible()) {
            let clean = remove_invisible(&text);
            prop_assert_eq!(remove_invisible(&clean), clean);
        }

        #[test]
        fn each_text_is_empty_or_has_a_visible_character(text in text_with_invisible()) {
            let clean = remove_invisible(&text);
            let is_visible = |c: char| !is_invisible(c) && !c.is_whitespace() && c != BRAILLE_BLANK;
            prop_assert!(clean.trim().is_empty() || clean.chars().any(is_visible), "{clean:?}");
        }
    }
}
