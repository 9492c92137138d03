//! The encoder: from texts to vectors.

use std::fmt;
use std::path::Path;

use super::ModelError;
use super::file::ModelFile;
use super::format::Section;
use super::layers::{FEATURES, Layers};
use super::network::{compute, to_unit};
use super::normaliser::Normaliser;
use super::pieces::Pieces;
use super::tokenizer::{Tokens, tokenize};
use crate::domain::vector::{DIMENSIONS, ModelId, Vector};

/// How many characters of a prompt's content its vector is made of: more does not make the ranking
/// better and costs time.
const CONTENT_CHARS: usize = 400;

/// What the title alone adds to a prompt's vector, and what the whole text adds.
const TITLE_WEIGHT: f32 = 0.3;
const TEXT_WEIGHT: f32 = 0.7;

/// A word is rare if the logarithm of its probability is below minus this number.
const RARITY_THRESHOLD: f64 = 6.0;
/// Words rarer than this count as equally rare.
const IMPROBABILITY_MAX: f64 = 20.0;
/// What the most common words still weigh.
const RARITY_MIN: f64 = 0.5;

/// A model that is ready to embed texts. Threads share it and do not wait for each other.
///
/// It holds about 6 MB, and reads the embeddings of pieces from its file when a text needs them.
/// Replace the file by renaming another one, never by writing into it. A failed read is an error of
/// one call, so a caller can go on without the vector.
pub struct Encoder {
    file: ModelFile,
    model_id: ModelId,
    normaliser: Normaliser,
    pieces: Pieces,
    layers: Layers,
}

impl Encoder {
    /// Opens a model and verifies all but the table, whose rows are verified when they are read.
    /// Takes less than 10 ms if the file is in the cache of the system.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let file = ModelFile::open(path)?;
        file.section(Section::Licence)?.skip()?;
        Ok(Self {
            model_id: file.model_id(),
            normaliser: Normaliser::read(file.section(Section::Normaliser)?)?,
            pieces: Pieces::read(file.section(Section::Pieces)?, file.rows())?,
            layers: Layers::read(file.section(Section::Layers)?)?,
            file,
        })
    }

    /// Returns the id of the model, which belongs beside each stored vector.
    pub fn model_id(&self) -> &ModelId {
        &self.model_id
    }

    /// Verifies the whole file, which takes about 0.1 s.
    pub fn verify(&self) -> Result<(), ModelError> {
        self.file.verify()
    }

    /// Embeds a query. Takes 2 to 3 ms of one core for a few words, so it belongs off the async
    /// threads.
    ///
    /// Every text has a vector, the empty one too, and the same one on every machine. Only the
    /// first 2,048 characters and 512 tokens count.
    pub fn embed_query(&self, text: &str) -> Result<Vector, ModelError> {
        Ok(Vector::quantise(&self.embed(text)?))
    }

    /// Embeds a prompt: its title, and its title, description and the first 400 characters of its
    /// content together. Takes up to 30 ms of one core.
    pub fn embed_prompt(
        &self,
        title: &str,
        description: &str,
        content: &str,
    ) -> Result<Vector, ModelError> {
        let end = content.char_indices().nth(CONTENT_CHARS).map_or(content.len(), |(end, _)| end);
        let text = [title, description, &content[..end]].join("\n");
        let (title, text) = (self.embed(title)?, self.embed(&text)?);
        let sum: Vec<f32> = title
            .iter()
            .zip(text)
            .map(|(title, text)| TITLE_WEIGHT * title + TEXT_WEIGHT * text)
            .collect();
        Ok(Vector::quantise(&to_unit(&sum)))
    }

    /// Returns how rare a word is in the languages of the model, from 0.5 for the most common ones
    /// to 14. Reads nothing from the file.
    pub fn rarity(&self, word: &str) -> f64 {
        let improbability = -self.tokenize(word).score;
        (improbability.min(IMPROBABILITY_MAX) - RARITY_THRESHOLD).max(RARITY_MIN)
    }

    fn tokenize(&self, text: &str) -> Tokens {
        tokenize(&self.normaliser, &self.pieces, text)
    }

    /// Computes the unit vector of a text.
    fn embed(&self, text: &str) -> Result<[f32; DIMENSIONS], ModelError> {
        let rows = self.tokenize(text).rows;
        let mut features = vec![0.0; rows.len() * FEATURES];
        for (row, features) in rows.iter().zip(features.chunks_exact_mut(FEATURES)) {
            let embedding = features.first_chunk_mut().expect("features start with an embedding");
            self.file.read_row(*row, embedding)?;
        }
        Ok(compute(&self.layers, features))
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder").field("model_id", &self.model_id).finish_non_exhaustive()
    }
}
