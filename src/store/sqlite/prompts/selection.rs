//! Which of the rows that the index finds are read and ranked: those with the best estimate of their
//! score. The estimate needs no text.

use std::collections::HashMap;

use crate::domain::ranking::{Frequencies, QUERY_WORDS_MAX, estimate, may_resemble};

/// Where a row has a word of the query.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    #[default]
    Nowhere,
    /// In any text as the beginning of a word.
    Beginning,
    /// In any text.
    Text,
    /// In name, title or tags.
    Heading,
}

impl Place {
    /// The part of a word's weight that a row has by it, in a text of typical length.
    fn share(self) -> f64 {
        match self {
            Self::Nowhere => 0.0,
            Self::Beginning => 0.3,
            Self::Text => 0.5,
            Self::Heading => 0.9,
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
    places: [Place; QUERY_WORDS_MAX],
    trigrams: usize,
}

impl Row {
    fn has_words(&self) -> bool {
        self.places.iter().any(|place| *place > Place::Nowhere)
    }

    fn estimate(&self, weights: &[f64], all_trigrams: usize) -> f64 {
        estimate(weights, &self.places.map(Place::share), self.trigrams, all_trigrams)
    }
}

impl Selection {
    /// Selects for a query of so many words and trigrams.
    pub(super) fn new(words: usize, trigrams: usize) -> Self {
        Self { words, trigrams, rows: HashMap::new() }
    }

    /// Adds rows that have a word of the query.
    pub(super) fn add_word(&mut self, word: usize, place: Place, rows: &[i64]) {
        for row in rows {
            let known = &mut self.rows.entry(*row).or_default().places[word];
            *known = place.max(*known);
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
            frequencies.rows += usize::from(row.has_words());
            for (count, place) in frequencies.with_word.iter_mut().zip(row.places) {
                *count += usize::from(place > Place::Nowhere);
            }
        }
        frequencies
    }

    /// The rows with the best estimates, and of equals the newest. Without a word of the query, a row
    /// needs as many of its trigrams as [`rank`](crate::domain::ranking::rank) asks of a match.
    pub(super) fn best(&self, weights: &[f64], most: usize) -> Vec<i64> {
        let mut rows: Vec<(f64, i64)> = self
            .rows
            .iter()
            .filter(|(_, row)| row.has_words() || may_resemble(row.trigrams, self.trigrams))
            .map(|(seq, row)| (row.estimate(weights, self.trigrams), *seq))
            .collect();
        rows.sort_unstable_by(|(a, a_seq), (b, b_seq)| b.total_cmp(a).then(b_seq.cmp(a_seq)));
        rows.into_iter().take(most).map(|(_, seq)| seq).collect()
    }
}
