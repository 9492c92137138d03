//! The segmentation of text into words, which search, ranking and similarity share.
//!
//! Both stores index these words and nothing else, so that a search returns the same prompts from
//! each. A change here needs a new index in both.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

/// Returns the normalised words of `text` in order, with repetitions.
///
/// Case, diacritics, width and punctuation are folded away: NFKD without the combining marks of
/// U+0300 to U+036F, then NFC, then lower case. Words end at the boundaries of UAX #29; in scripts
/// that are written without spaces (Han, Kana, Thai, Lao, Khmer, Burmese), each character is a word.
/// Splitting the words again, joined by spaces, changes nothing.
pub fn split_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for_each_word(text, |word| found.push(word.to_owned()));
    found
}

/// Calls `visit` with each word of `text`, as [`split_words`] returns them, without allocating them.
pub fn for_each_word(text: &str, mut visit: impl FnMut(&str)) {
    let folded = fold(text);
    if folded.is_ascii() {
        // UAX #29 has no boundary between ASCII letters and digits (WB5, WB8 to WB10), and the
        // punctuation that it keeps inside a word is removed by `for_each_segmented_word`. So the
        // words of ASCII text are its runs of letters and digits, which are much faster to find.
        let runs = folded.split(|c: char| !c.is_ascii_alphanumeric());
        runs.filter(|run| !run.is_empty()).for_each(visit);
    } else {
        for_each_segmented_word(&folded, &mut visit);
    }
}

fn for_each_segmented_word(folded: &str, visit: &mut impl FnMut(&str)) {
    for segment in folded.unicode_words() {
        // UAX #29 keeps `3.14`, `don't` and `snake_case` whole (WB6, WB12, WB13a).
        for run in segment.split(|c: char| !is_word_char(c)) {
            // A mark without a letter before it is a fragment, not a word.
            split_run(run.trim_start_matches(is_combining_mark), visit);
        }
    }
}

/// Whether `c` can be part of a word.
fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// Visits a run of word characters: whole, or character by character where its script is written
/// without spaces.
fn split_run(run: &str, visit: &mut impl FnMut(&str)) {
    if run.is_ascii() || !run.chars().any(is_unspaced) {
        if !run.is_empty() {
            visit(run);
        }
        return;
    }
    let (mut start, mut last) = (0, None);
    for (at, c) in run.char_indices() {
        // A mark belongs to the character before it, also in an unspaced script.
        let begins = !is_combining_mark(c) && (is_unspaced(c) || last.is_some_and(is_unspaced));
        if begins && start < at {
            visit(&run[start..at]);
            start = at;
        }
        last = Some(c);
    }
    visit(&run[start..]);
}

/// Folds case, diacritics and width. ASCII text in lower case is returned as it is.
fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    // NFKD separates the marks of Latin, Greek and Cyrillic, which are dropped. NFC then composes
    // the rest again, such as the syllables of Hangul.
    let unmarked = text.nfkd().filter(|c| !('\u{300}'..='\u{36f}').contains(c));
    Cow::Owned(unmarked.nfc().flat_map(char::to_lowercase).collect())
}

/// Whether `c` belongs to a script that is written without spaces between words.
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
        assert_eq!(split_words(text), expected, "{text:?}");
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
    fn each_character_of_an_unspaced_script_is_a_word() {
        check("翻译成英文", &["翻", "译", "成", "英", "文"]);
        check("GPTで要約", &["gpt", "で", "要", "約"]);
        check("สวัสดี", &["ส", "วั", "ส", "ดี"]);
    }

    /// Text of the cases that segmentation distinguishes: folding, marks, unspaced scripts, and
    /// punctuation inside words.
    fn mixed_text() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "a",
            "B",
            "7",
            "É",
            "e\u{301}",
            "ß",
            "İ",
            "ﬁ",
            "Ａ",
            "ｶﾞ",
            "翻",
            "で",
            "สวั",
            "한",
            "ᄒ",
            "नमस्ते",
            "Σ",
            "\u{301}",
            "\u{e31}",
            "\u{94d}",
            "'",
            ".",
            "_",
            "-",
            ",",
            "🎉",
            "²",
            " ",
            "\n",
        ]);
        let part = prop_oneof![8 => part.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
        prop::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn splitting_words_again_changes_nothing(text in mixed_text()) {
            let once = split_words(&text);
            prop_assert_eq!(split_words(&once.join(" ")), once);
        }

        #[test]
        fn ascii_has_the_words_of_uax_29(text in "[ -~\\n]{0,80}") {
            let mut segmented = Vec::new();
            for_each_segmented_word(&fold(&text), &mut |word: &str| segmented.push(word.to_owned()));
            prop_assert_eq!(split_words(&text), segmented);
        }

        #[test]
        fn words_contain_only_word_characters(text in mixed_text()) {
            for word in split_words(&text) {
                prop_assert!(!word.is_empty() && word.chars().all(is_word_char), "{:?}", word);
                prop_assert!(!word.starts_with(is_combining_mark), "{:?}", word);
            }
        }
    }
}
