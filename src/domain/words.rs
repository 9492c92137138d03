//! The one reading of text as words, which search, ranking and similarity share.
//!
//! Both stores index these words and nothing else, so they find the same prompts.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

/// The normalised words of `text` in order, with repetitions.
///
/// Case, diacritics, width and punctuation are folded away (NFKD without the combining marks of
/// U+0300 to U+036F, lower case). Words end where UAX #29 ends them; scripts that write no spaces
/// (Han, Kana, Thai, Lao, Khmer, Burmese) give one word a character.
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    each_word(text, |word| found.push(word.to_owned()));
    found
}

/// Shows `see` the words of `text`, as [`words`] gives them.
pub fn each_word(text: &str, mut see: impl FnMut(&str)) {
    let folded = fold(text);
    if folded.is_ascii() {
        // UAX #29 never ends a word between letters and digits of ASCII, and what else it leaves
        // in a word is cut out below, so the runs of letters and digits are the words.
        let runs = folded.split(|c: char| !c.is_ascii_alphanumeric());
        runs.filter(|run| !run.is_empty()).for_each(see);
    } else {
        each_segmented_word(&folded, &mut see);
    }
}

fn each_segmented_word(folded: &str, see: &mut impl FnMut(&str)) {
    for segment in folded.unicode_words() {
        for run in segment.split(|c: char| !is_word_char(c)) {
            // A mark without a letter before it is a fragment, not a word.
            see_run(run.trim_start_matches(is_combining_mark), see);
        }
    }
}

/// Whether `c` may stand inside a word.
fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

fn see_run(run: &str, see: &mut impl FnMut(&str)) {
    if run.is_ascii() || !run.chars().any(is_unspaced) {
        if !run.is_empty() {
            see(run);
        }
        return;
    }
    let (mut start, mut last) = (0, None);
    for (at, c) in run.char_indices() {
        // A mark belongs to the character before it, also in an unspaced script.
        let begins = !is_combining_mark(c) && (is_unspaced(c) || last.is_some_and(is_unspaced));
        if begins && start < at {
            see(&run[start..at]);
            start = at;
        }
        last = Some(c);
    }
    see(&run[start..]);
}

fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    let unmarked = text.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c));
    Cow::Owned(unmarked.nfc().flat_map(char::to_lowercase).collect())
}

/// Whether `c` belongs to a script that does not put spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF     // Thai, Lao
        | 0x1000..=0x109F   // Burmese
        | 0x1780..=0x17FF   // Khmer
        | 0x3040..=0x30FF   // Hiragana, Katakana
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF // Han
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(text), expected, "{text:?}");
    }

    #[test]
    fn text_becomes_folded_words() {
        check("Code-Review, please!", &["code", "review", "please"]);
        check("snake_case and 3.14", &["snake", "case", "and", "3", "14"]);
        check("Résumé NAÏVE Straße", &["resume", "naive", "straße"]);
        check("ＦＵＬＬ ｗｉｄｔｈ", &["full", "width"]);
        check("Привет, мир", &["привет", "мир"]);
        check("नमस्ते दुनिया", &["नमस्ते", "दुनिया"]);
        check("한국어 문장", &["한국어", "문장"]);
        check("\"quoted\" OR (NEAR* ^x)", &["quoted", "or", "near", "x"]);
        check("--- !!! 🎉", &[]);
    }

    #[test]
    fn scripts_without_spaces_give_a_word_a_character() {
        check("翻译成英文", &["翻", "译", "成", "英", "文"]);
        check("GPTで要約", &["gpt", "で", "要", "約"]);
        check("สวัสดี", &["ส", "วั", "ส", "ดี"]);
    }

    proptest! {
        #[test]
        fn reading_words_again_changes_nothing(text in "\\PC{0,80}") {
            let once = words(&text);
            prop_assert_eq!(words(&once.join(" ")), once);
        }

        #[test]
        fn ascii_has_the_words_of_uax_29(text in "[ -~\\n]{0,80}") {
            let mut segmented = Vec::new();
            each_segmented_word(&fold(&text), &mut |word: &str| segmented.push(word.to_owned()));
            prop_assert_eq!(words(&text), segmented);
        }

        #[test]
        fn words_hold_only_word_characters(text in any::<String>()) {
            for word in words(&text) {
                prop_assert!(!word.is_empty() && word.chars().all(is_word_char), "{:?}", word);
            }
        }
    }
}
