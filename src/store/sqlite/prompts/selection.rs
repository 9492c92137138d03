//! Which of the rows that the index finds are read and ranked: those with the best estimate of their
//! score. The estimate needs no text.

use std::collections::HashMap;

use crate::domain::ranking::{Frequencies, QUERY_WORDS_MAX, estimate};

/// Where a row has a word of the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Place {
    /// In name, title or tags.
    Heading,
    /// In any text.
    Text,
    /// In any text as the beginning of a word.
    Beginning,
}

impl Place {
    /// The part of a word's weight that a row has by it, in a text of typical length.
    fn share(self) -> f64 {
        match self {
            Self::Heading => 0.9,
            Self::Text => 0.5,
            Self::Beginning => 0.3,
        }
    }
}

/// The rows that a search has found in the index.
pub(super) struct Selection {
    words: usize,
    trigrams: usize,
    rows: HashMap<i64, Row>,
}

#[derive(Default)]
struct Row {
    /// By the query's word.
    shares: [f64; QUERY_WORDS_MAX],
    trigrams: usize,
}

impl Selection {
    /// Selects for a query of so many words and trigrams.
    pub(super) fn new(words: usize, trigrams: usize) -> Self {
        Self { words, trigrams, rows: HashMap::new() }
    }

    /// Adds rows that have a word of the query.
    pub(super) fn add_word(&mut self, word: usize, place: Place, rows: &[i64]) {
        for row in rows {
            let share = &mut self.rows.entry(*row).or_default().shares[word];
            *share = share.max(place.share());
        }
    }

    /// Adds rows that have a trigram of the query.
    pub(super) fn add_trigram(&mut self, rows: &[i64]) {
        for row in rows {
            self.rows.entry(*row).or_default().trigrams += 1;
        }
    }

    /// Counts the rows by the words that they have.
    pub(super) fn frequencies(&self) -> Frequencies {
        let mut frequencies = Frequencies { rows: 0, with_word: vec![0; self.words] };
        for row in self.rows.values() {
            let shares = &row.shares[..self.words];
            frequencies.rows += usize::from(shares.iter().any(|share| *share > 0.0));
            for (count, share) in frequencies.with_word.iter_mut().zip(shares) {
                *count += usize::from(*share > 0.0);
            }
        }
        frequencies
    }

    /// The rows with the best estimates, and of equals the newest.
    pub(super) fn best(&self, weights: &[f64], most: usize) -> Vec<i64> {
        let mut rows: Vec<(f64, i64)> = self
            .rows
            .iter()
            .map(|(seq, row)| (estimate(weights, &row.shares, row.trigrams, self.trigrams), *seq))
            .collect();
        rows.sort_unstable_by(|(a, a_seq), (b, b_seq)| b.total_cmp(a).then(b_seq.cmp(a_seq)));
        rows.into_iter().take(most).map(|(_, seq)| seq).collect()
    }
}
