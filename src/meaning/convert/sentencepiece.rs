//! Reads the vocabulary, a message of Protocol Buffers (`sentencepiece_model.proto`).

use prost::Message;

use super::ConvertError;
use crate::meaning::pieces::{CONTROL_ROWS, END_ROW, START_ROW, UNKNOWN_ROW};

/// The fields of `ModelProto` that are used.
#[derive(Message)]
struct Model {
    #[prost(message, repeated, tag = "1")]
    pieces: Vec<Piece>,
    #[prost(message, optional, tag = "3")]
    normalizer: Option<Normalizer>,
}

#[derive(Message)]
struct Piece {
    #[prost(string, optional, tag = "1")]
    text: Option<String>,
    #[prost(float, optional, tag = "2")]
    score: Option<f32>,
    /// 1 for a piece of text, and its default; the others stand for no text.
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
}

#[derive(Message)]
struct Normalizer {
    #[prost(bytes = "vec", optional, tag = "2")]
    character_map: Option<Vec<u8>>,
}

/// The vocabulary, in the order of the model's file.
pub(super) struct Vocabulary {
    /// The pieces of text with their scores, sorted by their bytes.
    pub(super) pieces: Vec<(String, f32)>,
    /// The package's row of each row of the file: the control rows, then that of each piece.
    pub(super) rows: Vec<usize>,
    pub(super) character_map: Vec<u8>,
}

impl Vocabulary {
    pub(super) fn parse(message: &[u8]) -> Result<Self, ConvertError> {
        let malformed = ConvertError::Malformed("vocabulary");
        let Ok(Model { pieces, normalizer: Some(normalizer) }) = Model::decode(message) else {
            return Err(malformed);
        };
        let row_of =
            |name: &str| pieces.iter().position(|piece| piece.text.as_deref() == Some(name));
        let mut rows = vec![0; CONTROL_ROWS as usize];
        for (row, name) in [(UNKNOWN_ROW, "<unk>"), (START_ROW, "<s>"), (END_ROW, "</s>")] {
            let Some(found) = row_of(name) else { return Err(malformed) };
            rows[row as usize] = found;
        }
        // A prompt that names a control piece is text, so those are left out.
        let mut of_text: Vec<(String, f32, usize)> = pieces
            .into_iter()
            .enumerate()
            .filter(|(_, piece)| piece.kind.is_none_or(|kind| kind == 1))
            .map(|(row, piece)| {
                (piece.text.unwrap_or_default(), piece.score.unwrap_or_default(), row)
            })
            .collect();
        of_text.sort_unstable_by(|(a, ..), (b, ..)| a.cmp(b));
        rows.extend(of_text.iter().map(|(_, _, row)| row));
        Ok(Self {
            pieces: of_text.into_iter().map(|(text, score, _)| (text, score)).collect(),
            rows,
            character_map: normalizer.character_map.unwrap_or_default(),
        })
    }
}
