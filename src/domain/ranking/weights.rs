//! What the words of a query weigh, and what a row is worth by them before its text is read.

use super::stop_words::is_stop_word;
use super::{Query, RESEMBLANCE_MIN, TITLE_WEIGHT, WORDS_WEIGHT};

/// The part of its weight that a stop word keeps.
const STOP_WORD_SHARE: f64 = 0.1;

/// A title has at least as many trigrams as it shares, so a Dice coefficient of [`RESEMBLANCE_MIN`]
/// needs this part of the query's trigrams.
const SHARED_TRIGRAMS_LEAST: f64 = RESEMBLANCE_MIN / (2.0 - RESEMBLANCE_MIN);

/// In how many of the rows that a search read the words of its query occur.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frequencies {
    /// The number of rows with at least one of the words.
    pub rows: usize,
    /// The number of rows with each word, in the order of the query. A missing number counts as 0.
    pub with_word: Vec<usize>,
}

impl Frequencies {
    /// Returns the weight of each word of a query: its inverse frequency, which is near 0 for a word
    /// of nearly every row.
    #[expect(clippy::cast_precision_loss, reason = "a search reads far fewer than 2^52 rows")]
    pub fn to_weights(&self, query: &Query) -> Vec<f64> {
        let weigh_at = |(index, word): (usize, &String)| {
            let with = self.with_word.get(index).copied().unwrap_or_default();
            let without = self.rows.saturating_sub(with);
            let rarity = ((without as f64 + 0.5) / (with as f64 + 0.5)).ln_1p();
            weigh(word, rarity)
        };
        query.words.iter().enumerate().map(weigh_at).collect()
    }
}

/// Returns the weight of each word of a query by its rarity in the languages of a model, which no
/// statistics of a library are needed for.
pub fn weigh_by_rarity(query: &Query, rarity: impl Fn(&str) -> f64) -> Vec<f64> {
    query.words.iter().map(|word| weigh(word, rarity(word))).collect()
}

fn weigh(word: &str, rarity: f64) -> f64 {
    if is_stop_word(word) { STOP_WORD_SHARE * rarity } else { rarity }
}

/// Whether a title with so many of the query's trigrams can match without any of its words.
#[expect(clippy::cast_precision_loss, reason = "a query has far fewer than 2^52 trigrams")]
pub fn may_resemble(trigrams: usize, all_trigrams: usize) -> bool {
    // A single trigram resembles nothing but the shortest queries.
    trigrams as f64 >= SHARED_TRIGRAMS_LEAST * all_trigrams as f64
        && (trigrams > 1 || all_trigrams < 3)
}

/// Estimates the score of a row without its text. `shares` has the part of each word's weight that the
/// row has; `trigrams` of the query's `all_trigrams` are in its title.
#[expect(clippy::cast_precision_loss, reason = "a query has far fewer than 2^52 trigrams")]
pub fn estimate(weights: &[f64], shares: &[f64], trigrams: usize, all_trigrams: usize) -> f64 {
    let sum: f64 = weights.iter().zip(shares).map(|(weight, share)| weight * share).sum();
    let whole: f64 = weights.iter().sum();
    let words = if whole > 0.0 { sum / whole } else { 0.0 };
    WORDS_WEIGHT * words + TITLE_WEIGHT * trigrams as f64 / all_trigrams.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_of_a_word_falls_with_its_frequency() {
        let frequencies = Frequencies { rows: 100, with_word: vec![0, 1, 50, 100] };
        let weights =
            frequencies.to_weights(&Query::parse("absent rare half common later the").unwrap());
        assert!(weights[..4].is_sorted_by(|a, b| a > b), "{weights:?}");
        assert!(weights[0] > 5.0 && weights[3] < 0.01, "{weights:?}");
        assert!(weights[5] < 0.2 * weights[4], "a stop word");
        assert!((weights[4] - weights[0]).abs() < 1e-9, "a missing number counts as 0");
    }
}
