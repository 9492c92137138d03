//! The segmentation of text into words, which search, ranking and similarity share.
//!
//! Both stores index these words and nothing else, so that a search returns the same prompts from
//! each. A change here needs a new index in both.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

use super::characters::is_ignorable;

/// Returns the normalised words of `text` in order, with repetitions.
///
/// Case, diacritics, width, vowel points and punctuation are folded away: NFKD without the characters
/// of `is_folded_away`, then NFC, then lower case. Words end at the boundaries of UAX #29; in scripts
/// that are written without spaces (Han, Kana, Thai, Lao, Khmer, Burmese), each character is a word.
/// Splitting the words again, joined by spaces, changes nothing.
pub fn split_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for_each_word(text, |word| found.push(word.to_owned()));
    found
}

/// Calls `visit` with each word of `text`, as [`split_words`] returns them, without allocating them.
pub fn for_each_word(text: &str, mut visit: impl FnMut(&str)) {
    if text.is_ascii() {
        return for_each_ascii_word(text, &mut visit);
    }
    // White space separates words in every rule of UAX #29 and of the normal forms, so the parts of a
    // text can be split by themselves. Most parts of most texts are ASCII.
    for part in text.split_ascii_whitespace() {
        if part.is_ascii() {
            for_each_ascii_word(part, &mut visit);
        } else {
            for_each_segmented_word(&fold(part), &mut visit);
        }
    }
}

/// Visits the words of ASCII text: its runs of letters and digits, in lower case.
///
/// UAX #29 has no boundary between ASCII letters and digits (WB5, WB8 to WB10), and the punctuation
/// that it keeps inside a word is removed by [`for_each_segmented_word`]. Runs are much faster to find.
fn for_each_ascii_word(text: &str, visit: &mut impl FnMut(&str)) {
    let mut lower = String::new();
    let mut rest = text;
    while let Some(start) = rest.bytes().position(|byte| byte.is_ascii_alphanumeric()) {
        let run = &rest[start..];
        let end = run.bytes().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(run.len());
        rest = &run[end..];
        let run = &run[..end];
        if run.bytes().any(|byte| byte.is_ascii_uppercase()) {
            lower.clear();
            lower.push_str(run);
            lower.make_ascii_lowercase();
            visit(&lower);
        } else {
            visit(run);
        }
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

/// Folds case, diacritics, width, vowel points and invisible characters.
fn fold(text: &str) -> String {
    // NFKD separates the marks from their letters. NFC composes those that stay again, such as the
    // syllables of Hangul.
    text.nfkd().filter(|c| !is_folded_away(*c)).nfc().flat_map(char::to_lowercase).collect()
}

/// Whether `c` decorates a word, or hides in it, without being part of how it is spelled in a query.
fn is_folded_away(c: char) -> bool {
    is_ignorable(c)
        || matches!(u32::from(c),
            0x0300..=0x036F                     // diacritics of Latin, Greek and Cyrillic
            // Hebrew points and accents
            | 0x0591..=0x05BD | 0x05BF | 0x05C1..=0x05C2 | 0x05C4..=0x05C5 | 0x05C7
            // Arabic vowel signs, Quranic marks and the stretching tatweel; hamza and madda are spelled
            | 0x0610..=0x061A | 0x0640 | 0x064B..=0x0652 | 0x0656..=0x065F | 0x0670
            | 0x06D6..=0x06DC | 0x06DF..=0x06E4 | 0x06E7..=0x06E8 | 0x06EA..=0x06ED
            | 0x08D3..=0x08E1 | 0x08E3..=0x08FF
            | 0x0711 | 0x0730..=0x074A          // Syriac points
        )
}

/// Whether `c` belongs to a script that is written without spaces between words.
pub(super) fn is_unspaced(c: char) -> bool {
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

    /// Reads the ranges of the class of characters in a line of TypeScript: `\u{ad}`,
    /// `\u{300}-\u{36f}`.
    fn read_class(line: &str) -> Vec<std::ops::RangeInclusive<u32>> {
        let class = line.trim().trim_start_matches("/[").split_once("]/").unwrap().0;
        let mut ranges: Vec<std::ops::RangeInclusive<u32>> = Vec::new();
        let mut continues = false;
        for part in class.split("\\u{").skip(1) {
            let (code, after) = part.split_once('}').unwrap();
            let code = u32::from_str_radix(code, 16).unwrap();
            if continues {
                let start = *ranges.pop().unwrap().start();
                ranges.push(start..=code);
            } else {
                ranges.push(code..=code);
            }
            assert!(matches!(after, "" | "-"), "{after}");
            continues = after == "-";
        }
        ranges
    }

    #[test]
    fn the_convex_functions_fold_the_same_characters() {
        let source = include_str!("../../convex/folding.ts");
        let mut lines = source.lines().skip_while(|line| !line.starts_with("const FOLDED ="));
        let folded = read_class(lines.nth(1).unwrap());
        for c in '\0'..=char::MAX {
            let is_folded = folded.iter().any(|range| range.contains(&u32::from(c)));
            assert_eq!(is_folded, is_folded_away(c), "{}", c.escape_unicode());
        }
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
        check("a\u{b4}b \u{3000}wide\u{a0}space\u{2028}line", &["a", "b", "wide", "space", "line"]);
    }

    #[test]
    fn what_hides_in_a_word_or_decorates_it_is_folded_away() {
        for hidden in [
            '\u{ad}',
            '\u{34f}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{202a}',
            '\u{2060}',
            '\u{2063}',
            '\u{2069}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0061}',
        ] {
            check(&format!("ku{hidden}ber{hidden}netes{hidden} now"), &["kubernetes", "now"]);
            check(&format!("{hidden}"), &[]);
        }
        check("שָׁלוֹם עוֹלָם", &["שלום", "עולם"]);
        check("מְנַהֵל", &["מנהל"]);
        check("مُحَمَّدٌ كـــتاب", &["محمد", "كتاب"]);
        check("مي\u{200c}خواهم", &["ميخواهم"]);
        check("أمن مسؤول", &["أمن", "مسؤول"]);
        check("क\u{94d}\u{200d}ष", &["क\u{94d}ष"]);
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
            "\u{ad}",
            "\u{200d}",
            "\u{a0}",
            "שָׁ",
            "مُ",
            "\u{640}",
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
        fn the_parts_between_white_space_have_the_words_of_the_whole(text in mixed_text()) {
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
