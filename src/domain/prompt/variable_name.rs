//! The names of variables: their grammar, and which spellings are one variable.

use unicode_normalization::UnicodeNormalization;

use super::VariableName;
use crate::domain::characters::{is_digit, is_joiner, is_letter, is_mark, joins_letters};

/// Maximum number of characters that are read as one name before its normalisation, which can make
/// one character of several.
const READ_MAX_CHARS: usize = 4 * VariableName::MAX_CHARS;

impl VariableName {
    /// Maximum characters of a name, in NFC.
    pub const MAX_CHARS: usize = 64;

    /// Maximum bytes of a name in UTF-8.
    pub const MAX_BYTES: usize = 4 * Self::MAX_CHARS;

    /// Parses a name without its braces, brings it to NFC and trims white space.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if Self::prefix_of(text).len() == text.len()
            && let Some(name) = Self::normalise(text)
        {
            return Ok(name);
        }
        Err(format!(
            "must start with a letter or _ and contain only letters, digits, _ and -, at most {} \
             characters",
            Self::MAX_CHARS
        ))
    }

    /// Returns the longest prefix of `text` that has the form of a name but for its length; empty if
    /// there is none.
    pub(in crate::domain) fn prefix_of(text: &str) -> &str {
        let mut characters = text.char_indices().peekable();
        let mut before: Option<char> = None;
        let mut count = 0;
        while let Some((index, c)) = characters.next() {
            let continues = match before {
                None => c == '_' || is_letter(c),
                _ if is_joiner(c) => joins_letters(before, characters.peek().map(|next| next.1)),
                Some(_) => matches!(c, '_' | '-') || is_letter(c) || is_digit(c) || is_mark(c),
            };
            if !continues || count == READ_MAX_CHARS {
                return &text[..index];
            }
            before = Some(c);
            count += 1;
        }
        text
    }

    /// Brings a text of the form of a name to NFC; `None` if that is empty, too long, or has not the
    /// form any more: a joiner between two marks may come to stand after a letter.
    pub(in crate::domain) fn normalise(text: &str) -> Option<Self> {
        let name: String = text.nfc().collect();
        let is_name = (1..=Self::MAX_CHARS).contains(&name.chars().count())
            && Self::prefix_of(&name).len() == name.len();
        is_name.then_some(Self(name))
    }

    /// What this name has in common with the other spellings of its variable.
    pub fn folded(&self) -> FoldedName {
        FoldedName::new(&self.0)
    }
}

/// What all spellings of a variable have in common: they differ only in case, in `-` and `_`, and in
/// joiners, which nobody sees.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FoldedName(String);

impl FoldedName {
    /// Folds a spelling, which need not be a valid name.
    pub fn new(text: &str) -> Self {
        if text.is_ascii() {
            return Self(text.to_ascii_lowercase().replace('-', "_"));
        }
        let mut folded = String::with_capacity(text.len());
        let mut base = None;
        for c in text.nfd().filter(|c| !is_joiner(*c)).flat_map(fold_case) {
            match c {
                '-' => folded.push('_'),
                // The capital of Turkish `i` is `İ`, which is `i` with a dot above in lower case.
                '\u{307}' if base == Some('i') => {}
                c => folded.push(c),
            }
            if !is_mark(c) {
                base = Some(c);
            }
        }
        Self(folded.nfc().collect())
    }
}

/// The lower case of the upper case, which `σ` and `ς`, `ss` and `ß`, and both forms of `i` share.
fn fold_case(c: char) -> impl Iterator<Item = char> {
    c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_has_letters_of_any_script() {
        for name in [
            "a",
            "_",
            "Name",
            "firstName",
            "first-name",
            "first_name2",
            "Größe",
            "имя",
            "名前",
            "नाम",
            "ชื่อ",
            "이름",
            "שם",
            "اسم",
            "می\u{200c}خواهم",
            "tên",
            "a٣",
            "x-",
            "__",
        ] {
            assert_eq!(VariableName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(VariableName::parse(" who\t").unwrap().as_str(), "who");
    }

    #[test]
    fn a_name_begins_with_a_letter_and_has_no_other_signs() {
        for name in [
            "",
            " ",
            "1a",
            "-a",
            "٣",
            "\u{301}a",
            "a b",
            "a.b",
            "#if",
            "a\u{200d}b",
            "a\u{200b}",
            "🎉",
            "a🎉",
            "Ⓐ",
            "a²",
            "\u{3164}",
            "a\u{fe0f}",
            "a|b",
            "{a}",
            "$a",
            "a\nb",
        ] {
            assert!(VariableName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_name_has_at_most_64_characters_in_nfc() {
        let of = |part: &str, count: usize| VariableName::parse(&part.repeat(count));
        assert_eq!(of("é", 64).unwrap().as_str().len(), 128);
        assert_eq!(of("e\u{301}", 64).unwrap(), of("é", 64).unwrap());
        assert_eq!(of("\u{10400}", 64).unwrap().as_str().len(), VariableName::MAX_BYTES);
        for part in ["a", "é", "e\u{301}", "\u{1112}\u{1161}\u{11ab}"] {
            assert!(of(part, 64).is_ok() && of(part, 65).is_err(), "{part}");
        }
        assert!(of("a", 1_000_000).is_err());
    }

    #[track_caller]
    fn check_folded(spellings: &[&str]) {
        for other in &spellings[1..] {
            assert_eq!(FoldedName::new(other), FoldedName::new(spellings[0]), "{other}");
        }
    }

    #[test]
    fn spellings_of_one_variable_fold_to_the_same() {
        check_folded(&["first_name", "first-name", "First-Name", "FIRST_NAME"]);
        check_folded(&["größe", "GRÖSSE", "GRÖẞE", "gro\u{308}ße"]);
        check_folded(&["ΟΔΟΣ", "οδος", "οδοσ"]);
        check_folded(&["isim", "İSİM", "ISIM", "ısım"]);
        check_folded(&["می\u{200c}خواهم", "میخواهم"]);
        check_folded(&["имя", "ИМЯ"]);
        check_folded(&["ᾳ", "ΑΙ"]);
        assert_ne!(FoldedName::new("firstname"), FoldedName::new("first_name"));
        assert_ne!(FoldedName::new("a"), FoldedName::new("á"));
    }

    /// Spellings of names: letters with several cases and forms, marks, joiners and separators.
    fn spelling() -> impl Strategy<Value = String> {
        let part = prop::sample::select(vec![
            "a", "B", "é", "e\u{301}", "ß", "ẞ", "SS", "Σ", "ς", "İ", "ı", "I", "\u{307}", "ǆ",
            "ǅ", "ﬁ", "नि", "\u{94d}", "م", "\u{200c}", "_", "-", "7", "٣", "名",
        ]);
        prop::collection::vec(part, 1..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn folding_ignores_case_separators_and_normal_forms(name in spelling()) {
            let folded = FoldedName::new(&name);
            for other in [name.to_uppercase(), name.to_lowercase(), name.replace('-', "_"),
                name.nfd().collect(), name.nfc().collect(), folded.0.clone()]
            {
                prop_assert_eq!(FoldedName::new(&other), folded.clone(), "{} {}", name, other);
            }
        }

        #[test]
        fn a_parsed_name_is_in_nfc_and_parses_as_itself(name in spelling()) {
            if let Ok(parsed) = VariableName::parse(&name) {
                prop_assert_eq!(parsed.as_str(), name.nfc().collect::<String>());
                prop_assert_eq!(VariableName::parse(parsed.as_str()), Ok(parsed.clone()));
                prop_assert_eq!(parsed.folded(), FoldedName::new(&name));
            }
        }
    }
}
