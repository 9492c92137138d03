//! The meaning of a text: an embedding model that runs inside the process, without a network.
//!
//! The model is the multilingual universal sentence encoder, version 3 (Yang et al., 2019,
//! arXiv:1907.04307): texts of similar meaning in any of its 16 languages get vectors of a high
//! cosine. `convert` makes the model's file from a published package. An [`Encoder`] reads the file
//! and turns texts into vectors. Nothing here depends on a prompt, a library or a store.

mod convert;
mod encoder;
mod file;
mod format;
mod kernel;
mod layers;
mod network;
mod normaliser;
mod pieces;
mod tokenizer;

pub use self::convert::{ConvertError, convert};
pub use self::encoder::Encoder;

/// The reason why a model cannot be used, in one line that follows the path of its file.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// There is no file.
    #[error("there is no such file: make the model with `make model`")]
    Missing,
    /// The file cannot be read.
    #[error("the model cannot be read: {0}")]
    Io(std::io::Error),
    /// The file, folder or device is not a model.
    #[error("this is not a model of PromptDB: make one with `make model`")]
    Foreign,
    /// The file has the format of an older or newer version of the program.
    #[error(
        "the model has format {found}, but this version reads format {expected}: \
         make it again with `make model`"
    )]
    OtherFormat {
        /// The format of the file.
        found: u32,
        /// The format that the program reads.
        expected: u32,
    },
    /// A part of the file is missing or does not match its checksum.
    #[error("the model is damaged: make it again with `make model`")]
    Damaged,
}
