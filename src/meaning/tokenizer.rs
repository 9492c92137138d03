//! Splits a normalised text into the most probable pieces.
//!
//! The unigram model (Kudo, 2018, arXiv:1804.10959) takes pieces as independent, so the score of a
//! split is the sum of the scores of its pieces, and Viterbi's algorithm finds the best split from
//! left to right.

use super::normaliser::Normaliser;
use super::pieces::{END_ROW, Piece, Pieces, START_ROW, UNKNOWN_ROW};

/// Maximum characters of a text that are read. A token has about four, so these fill
/// [`TOKENS_MAX`].
pub(super) const TEXT_MAX_CHARS: usize = 4 * TOKENS_MAX;

/// Maximum tokens of a text; the others are dropped. Bounds the time of an embedding to about
/// 0.1 s and its memory to 8 MB.
pub(super) const TOKENS_MAX: usize = 512;

/// The best split of a text up to some byte.
#[derive(Clone, Copy)]
struct Split {
    score: f64,
    /// The last piece.
    row: u32,
    /// Where it starts.
    start: usize,
}

const NO_SPLIT: Split = Split { score: f64::NEG_INFINITY, row: UNKNOWN_ROW, start: 0 };

/// The split of a text.
#[derive(Debug)]
pub(super) struct Tokens {
    /// The rows of the table, with those of the text's start and end.
    pub(super) rows: Vec<u32>,
    /// The logarithm of the probability of the split, over all the text that was read; 0 for an
    /// empty one.
    pub(super) score: f64,
}

/// Splits a text. Only the first [`TEXT_MAX_CHARS`] characters count, and only the first
/// [`TOKENS_MAX`] tokens. A text without any gets that of an unknown character.
pub(super) fn tokenize(normaliser: &Normaliser, pieces: &Pieces, text: &str) -> Tokens {
    let end = text.char_indices().nth(TEXT_MAX_CHARS).map_or(text.len(), |(index, _)| index);
    let text = normaliser.normalise(&text[..end]);
    let splits = find_splits(pieces, &text);
    let mut rows = Vec::new();
    let mut position = text.len();
    while position > 0 {
        rows.push(splits[position].row);
        position = splits[position].start;
    }
    if rows.is_empty() {
        rows.push(UNKNOWN_ROW);
    }
    rows.push(START_ROW);
    rows.reverse();
    rows.truncate(TOKENS_MAX - 1);
    rows.push(END_ROW);
    Tokens { rows, score: splits[text.len()].score }
}

/// Returns the best split up to each byte. Of equal ones, the one with the longest last piece.
fn find_splits(pieces: &Pieces, text: &[u8]) -> Vec<Split> {
    let mut splits = vec![NO_SPLIT; text.len() + 1];
    splits[0].score = 0.0;
    for start in 0..text.len() {
        let before = splits[start].score;
        // Inside a character. A piece consists of whole ones.
        if before == f64::NEG_INFINITY {
            continue;
        }
        let mut keep_better = |length: usize, piece: Piece| {
            let score = before + piece.score;
            if let Some(split) = splits.get_mut(start + length)
                && score > split.score
            {
                *split = Split { score, row: piece.row, start };
            }
        };
        let character = character_length(&text[start..]);
        let mut is_known = false;
        pieces.visit_prefixes(&text[start..], |length, piece| {
            is_known |= length == character;
            keep_better(length, piece);
        });
        if !is_known {
            keep_better(character, Piece { row: UNKNOWN_ROW, score: pieces.unknown_score() });
        }
    }
    splits
}

/// Returns the length of the first character of UTF-8 text, and never more than there is.
fn character_length(text: &[u8]) -> usize {
    let length = match text.first() {
        Some(0xf0..) => 4,
        Some(0xe0..) => 3,
        Some(0xc0..) => 2,
        _ => 1,
    };
    length.min(text.len())
}
