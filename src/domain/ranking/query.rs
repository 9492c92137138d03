//! The query of a search.

use super::stop_words::is_stop_word;
use crate::domain::prompt::Name;
use crate::domain::words::split_words;

/// Maximum number of distinct words in a query; later ones are ignored. Convex's search accepts no
/// more terms than this.
pub const QUERY_WORDS_MAX: usize = 16;
/// Maximum length of a query, in characters.
const QUERY_MAX_CHARS: usize = 1000;

/// A search in the user's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The text as a slug, for exact and prefix matches of names.
    pub name: Option<Name>,
    /// The distinct words, at most [`QUERY_WORDS_MAX`]. The last one also matches as a prefix, as
    /// it may be half typed.
    pub words: Vec<String>,
}

impl Query {
    /// Parses a query, which must contain at least one letter or digit.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > QUERY_MAX_CHARS {
            return Err(format!("must have at most {QUERY_MAX_CHARS} characters"));
        }
        let query = Self { name: Name::read(text), words: keep_distinct(split_words(text)) };
        if query.words.is_empty() && query.name.is_none() {
            return Err("must contain at least one letter or digit".to_owned());
        }
        Ok(query)
    }

    /// Returns the words without stop words, or all of them if there are no others.
    pub(super) fn telling_words(&self) -> Vec<&str> {
        let words = || self.words.iter().map(String::as_str);
        let telling: Vec<&str> = words().filter(|word| !is_stop_word(word)).collect();
        if telling.is_empty() { words().collect() } else { telling }
    }
}

/// Returns the first [`QUERY_WORDS_MAX`] distinct words, in their order.
fn keep_distinct(words: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        if kept.len() < QUERY_WORDS_MAX && !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_needs_a_letter_or_digit() {
        assert!(Query::parse("\"*^ --").is_err());
        assert!(Query::parse(&"x".repeat(1001)).is_err());
        assert_eq!(Query::parse("a a A b").unwrap().words, ["a", "b"]);
    }
}
