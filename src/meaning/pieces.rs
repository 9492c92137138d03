//! The pieces of words that texts are split into, sorted by their bytes, and found by search.
//!
//! The section: the number of pieces, the lowest score, where each piece ends in the text (one
//! number a piece), the score of each, the pieces one after the other.

use super::ModelError;
use super::file::SectionReader;

/// Rows of the table before that of the first piece.
pub(super) const CONTROL_ROWS: u32 = 3;
/// The row of a character that is in no piece.
pub(super) const UNKNOWN_ROW: u32 = 0;
/// The row of the start of a text.
pub(super) const START_ROW: u32 = 1;
/// The row of the end of a text.
pub(super) const END_ROW: u32 = 2;

/// How much lower than any piece's an unknown character's score is, as in `SentencePiece`.
const UNKNOWN_PENALTY: f64 = 10.0;

/// The vocabulary. A piece's index is its place in the order of bytes.
#[derive(Debug)]
pub(super) struct Pieces {
    unknown_score: f64,
    ends: Box<[u8]>,
    scores: Box<[u8]>,
    text: Box<[u8]>,
}

/// A piece: its row in the table, and the logarithm of its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub(super) row: u32,
    pub(super) score: f64,
}

impl Pieces {
    /// Reads the section. `rows` is the number of rows of the table, which must fit.
    pub(super) fn read(mut section: SectionReader<'_>, rows: u64) -> Result<Self, ModelError> {
        let count = section.read_u32()?;
        if u64::from(count) + u64::from(CONTROL_ROWS) != rows {
            return Err(ModelError::Damaged);
        }
        let lowest_score = f64::from(f32::from_bits(section.read_u32()?));
        let size = usize::try_from(count).map_or(usize::MAX, |count| count.saturating_mul(4));
        let pieces = Self {
            unknown_score: lowest_score - UNKNOWN_PENALTY,
            ends: section.read_bytes(size)?,
            scores: section.read_bytes(size)?,
            text: section.read_rest()?,
        };
        section.finish()?;
        Ok(pieces)
    }

    /// Writes the section from pieces in the order of their bytes.
    pub(super) fn encode(pieces: &[(String, f32)]) -> Vec<u8> {
        let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
        let mut section = number(pieces.len()).to_vec();
        let lowest_score = pieces.iter().map(|(_, score)| *score).fold(0.0, f32::min);
        section.extend(lowest_score.to_le_bytes());
        let mut end = 0;
        for (piece, _) in pieces {
            end += piece.len();
            section.extend(number(end));
        }
        section.extend(pieces.iter().flat_map(|(_, score)| score.to_le_bytes()));
        section.extend(pieces.iter().flat_map(|(piece, _)| piece.bytes()));
        section
    }

    /// The score of a character that is in no piece.
    pub(super) fn unknown_score(&self) -> f64 {
        self.unknown_score
    }

    /// Calls `visit` with each piece that the text starts with and its length, the shortest first.
    pub(super) fn visit_prefixes(&self, text: &[u8], mut visit: impl FnMut(usize, Piece)) {
        let (mut first, mut end) = (0, self.ends.len() / 4);
        for (depth, &byte) in text.iter().enumerate() {
            // Every piece of the range starts with the first `depth` bytes, so their order is that
            // of the byte at `depth`.
            let byte_at = |index: usize| self.piece(index).get(depth).copied();
            first = partition_point(first, end, |index| byte_at(index) < Some(byte));
            end = partition_point(first, end, |index| byte_at(index) <= Some(byte));
            if first == end {
                return;
            }
            // The shortest comes first, so only that one can end here.
            if self.piece(first).len() == depth + 1 {
                let row = u32::try_from(first).unwrap_or(u32::MAX).saturating_add(CONTROL_ROWS);
                visit(depth + 1, Piece { row, score: f64::from(self.score(first)) });
            }
        }
    }

    fn piece(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.end_of(before));
        // Not empty only if the numbers are in order, as they are in a file of `convert`.
        self.text.get(start..self.end_of(index)).unwrap_or_default()
    }

    fn end_of(&self, index: usize) -> usize {
        u32::from_le_bytes(self.ends.as_chunks().0[index]) as usize
    }

    fn score(&self, index: usize) -> f32 {
        f32::from_le_bytes(self.scores.as_chunks().0[index])
    }
}

/// Returns the first index from `first` on that is not `before`, or `end`.
fn partition_point(mut first: usize, mut end: usize, before: impl Fn(usize) -> bool) -> usize {
    while first < end {
        let middle = first.midpoint(end);
        if before(middle) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::meaning::file::ModelFile;
    use crate::meaning::format::{Header, Section};

    /// Writes a vocabulary into a file and reads it again. A piece's score is minus its index.
    fn vocabulary(texts: &[String], rows: u64) -> Result<Pieces, ModelError> {
        let scored = |(index, text): (usize, &String)| {
            (text.clone(), -f32::from(u16::try_from(index).unwrap()))
        };
        let pieces: Vec<(String, f32)> = texts.iter().enumerate().map(scored).collect();
        let sections = [vec![], vec![], Pieces::encode(&pieces), vec![], vec![]];
        let file = tempfile::NamedTempFile::new().unwrap();
        let header = Header::of_sections(&sections).to_bytes();
        fs::write(file.path(), [&header[..], &sections.concat()].concat()).unwrap();
        Pieces::read(ModelFile::open(file.path())?.section(Section::Pieces)?, rows)
    }

    proptest! {
        #[test]
        fn the_pieces_at_the_start_of_a_text_are_found_the_shortest_first(
            texts in prop::collection::btree_set("[abé]{1,4}", 0..40),
            text in "[abé]{0,6}",
        ) {
            let texts: Vec<String> = texts.into_iter().collect();
            let pieces = vocabulary(&texts, texts.len() as u64 + 3).unwrap();
            let mut found = Vec::new();
            pieces.visit_prefixes(text.as_bytes(), |length, piece| found.push((length, piece)));
            let mut expected: Vec<(usize, Piece)> = (0..texts.len())
                .filter(|index| text.starts_with(&texts[*index]))
                .map(|index| {
                    let row = u32::try_from(index).unwrap();
                    (texts[index].len(), Piece { row: row + 3, score: -f64::from(row) })
                })
                .collect();
            expected.sort_by_key(|(length, _)| *length);
            prop_assert_eq!(found, expected);
            let lowest = -f64::from(u32::try_from(texts.len().saturating_sub(1)).unwrap());
            prop_assert!((pieces.unknown_score() - (lowest - 10.0)).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn a_table_of_another_number_of_rows_is_refused() {
        let texts = ["a".to_owned(), "b".to_owned()];
        assert!(vocabulary(&texts, 5).is_ok());
        assert!(matches!(vocabulary(&texts, 4), Err(ModelError::Damaged)));
        assert!(matches!(vocabulary(&texts, 6), Err(ModelError::Damaged)));
    }
}
