//! The embedding model: its vectors, its file, and its conversion.

mod conversion;
mod files;
mod golden;
mod texts;

use std::path::{Path, PathBuf};

use promptdb::domain::vector::Vector;
use promptdb::meaning::Encoder;

/// The model that `make model` makes.
///
/// # Panics
/// If there is none: these tests never pass without it.
pub(crate) fn model_path() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/model/meaning.bin");
    assert!(path.is_file(), "{} is missing: run `make model`", path.display());
    path
}

pub(crate) fn encoder() -> Encoder {
    Encoder::open(&model_path()).unwrap()
}

/// Embeds a text that the test needs a vector of.
fn embed(encoder: &Encoder, text: &str) -> Vector {
    encoder.embed_query(text).unwrap()
}
