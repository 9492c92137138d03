//! How often the words of a query occur in a prompt, and what that is worth.

use super::Query;
use crate::domain::prompt::{Prompt, Tag};
use crate::domain::words::for_each_word;

// Occurrences that one word in a field counts for. A word that the query's word merely begins counts
// half.
const TITLE_OCCURRENCES: f64 = 6.0;
const TAGS_OCCURRENCES: f64 = 3.0;
const DESCRIPTION_OCCURRENCES: f64 = 2.0;
const CONTENT_OCCURRENCES: f64 = 1.0;
const BEGUN_SHARE: f64 = 0.5;
/// Minimum length of a query's word that may begin another one, in characters, but for the last word,
/// which may be half typed.
const BEGINNING_MIN_CHARS: usize = 2;

// The saturation of occurrences: `K1`, the part of the length in it, and the length, in occurrences,
// of a typical prompt.
const K1: f64 = 1.2;
const LENGTH_SHARE: f64 = 0.4;
const TYPICAL_LENGTH: f64 = 300.0;

/// Returns the part of the weights that the words with `is_found` have, from 0 to 1.
pub(super) fn share_of(weights: &[f64], is_found: impl Fn(usize) -> bool) -> f64 {
    let found = weights.iter().enumerate().filter(|(index, _)| is_found(*index));
    let whole: f64 = weights.iter().sum();
    if whole > 0.0 { found.map(|(_, weight)| weight).sum::<f64>() / whole } else { 0.0 }
}

/// Counts the occurrences of the query's words in the texts of a prompt.
pub(super) fn count_occurrences<'q>(
    query: &'q Query,
    title_words: &[String],
    name_words: &[String],
    prompt: &Prompt,
) -> Occurrences<'q> {
    let mut occurrences = Occurrences::new(query);
    for word in title_words {
        occurrences.add(TITLE_OCCURRENCES, word);
    }
    // A name mostly repeats the title.
    for word in name_words.iter().filter(|word| !title_words.contains(word)) {
        occurrences.add(TITLE_OCCURRENCES, word);
    }
    let body = &prompt.body;
    for tag in &body.tags {
        for_each_word(Tag::as_str(tag), |word| occurrences.add(TAGS_OCCURRENCES, word));
    }
    occurrences.in_heading.clone_from(&occurrences.of_word);
    for_each_word(body.description.as_str(), |word| occurrences.add(DESCRIPTION_OCCURRENCES, word));
    for_each_word(body.content.as_str(), |word| occurrences.add(CONTENT_OCCURRENCES, word));
    occurrences
}

/// How often the words of a query occur in a prompt, weighted by field.
pub(super) struct Occurrences<'q> {
    words: &'q [String],
    /// Those of each word.
    pub(super) of_word: Vec<f64>,
    /// Those in name, title and tags.
    pub(super) in_heading: Vec<f64>,
    /// The weighted number of words in the prompt.
    length: f64,
}

impl<'q> Occurrences<'q> {
    fn new(query: &'q Query) -> Self {
        let none = vec![0.0; query.words.len()];
        Self { words: &query.words, of_word: none.clone(), in_heading: none, length: 0.0 }
    }

    /// Adds one word of the prompt.
    fn add(&mut self, occurrences: f64, word: &str) {
        self.length += occurrences;
        let last = self.words.len().saturating_sub(1);
        for (index, query_word) in self.words.iter().enumerate() {
            let Some(rest) = word.strip_prefix(query_word.as_str()) else { continue };
            if rest.is_empty() {
                self.of_word[index] += occurrences;
            } else if index == last || query_word.chars().nth(BEGINNING_MIN_CHARS - 1).is_some() {
                self.of_word[index] += BEGUN_SHARE * occurrences;
            }
        }
    }

    /// Returns the weight of what occurs, as a part of the weight of all words: 0 to 1.
    pub(super) fn weigh(&self, weights: &[f64]) -> f64 {
        let saturation = K1 * (1.0 - LENGTH_SHARE + LENGTH_SHARE * self.length / TYPICAL_LENGTH);
        let parts = self.of_word.iter().zip(weights);
        let sum: f64 = parts
            .map(|(occurrences, weight)| weight * occurrences / (occurrences + saturation))
            .sum();
        let whole: f64 = weights.iter().sum();
        if whole > 0.0 { sum / whole } else { 0.0 }
    }
}
