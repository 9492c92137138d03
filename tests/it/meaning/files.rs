//! A damaged, foreign or older file is refused with one line that says what to do.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use promptdb::meaning::{Encoder, ModelError};
use tempfile::TempDir;

use super::{embed, model_path};

/// Size of the header, and where it lists the lengths of the sections.
const HEADER_BYTES: u64 = 56 + SECTIONS * 12;
const SECTIONS: u64 = 5;
const LENGTHS_AT: usize = 56;
const ROW_BYTES: u64 = 264;

/// A copy of the model that a test may damage.
struct Copy {
    path: PathBuf,
    _folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meaning.bin");
        fs::copy(model_path(), &path).unwrap();
        Self { path, _folder: folder }
    }

    fn file(&self) -> File {
        OpenOptions::new().read(true).write(true).open(&self.path).unwrap()
    }

    /// Flips a bit; a second call restores it.
    fn flip(&self, position: u64) {
        let (mut file, mut byte) = (self.file(), [0]);
        file.seek(SeekFrom::Start(position)).unwrap();
        file.read_exact(&mut byte).unwrap();
        file.seek(SeekFrom::Start(position)).unwrap();
        file.write_all(&[byte[0] ^ 0x10]).unwrap();
    }

    /// The first position of each section, and the end of the file.
    fn positions(&self) -> Vec<u64> {
        let mut header = [0; LENGTHS_AT + 5 * 12];
        self.file().read_exact(&mut header).unwrap();
        let mut positions = vec![HEADER_BYTES];
        for entry in header[LENGTHS_AT..].chunks_exact(12) {
            let length = u64::from_le_bytes(*entry.first_chunk().unwrap());
            positions.push(positions.last().unwrap() + length);
        }
        positions
    }
}

/// Opens a file that must be refused, and returns why.
#[track_caller]
fn refuse(path: &Path) -> ModelError {
    let error = Encoder::open(path).unwrap_err();
    let line = error.to_string();
    assert!(line.contains("`make model`") && !line.contains('\n'), "{line}");
    error
}

#[test]
fn what_is_not_a_model_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meaning.bin");
    assert!(matches!(refuse(&path), ModelError::Missing));
    assert!(matches!(refuse(folder.path()), ModelError::Foreign));
    for content in [&b""[..], b"PromptDB", b"PK\x03\x04", &[0; 4096], b"PromptDB meanings of old"] {
        fs::write(&path, content).unwrap();
        let error = refuse(&path);
        let is_start = content.starts_with(b"PromptDB meaning");
        assert_eq!(matches!(error, ModelError::Foreign), !is_start, "{content:?}: {error}");
    }
}

#[cfg(unix)]
#[test]
fn a_device_is_refused_without_a_read() {
    assert!(matches!(refuse(Path::new("/dev/zero")), ModelError::Foreign));
}

#[test]
fn a_model_of_another_format_is_refused_with_both_versions() {
    let copy = Copy::new();
    for format in [0_u32, 2, 999] {
        let mut file = copy.file();
        file.seek(SeekFrom::Start(16)).unwrap();
        file.write_all(&format.to_le_bytes()).unwrap();
        let line = refuse(&copy.path).to_string();
        assert!(line.contains(&format!("has format {format}, but")), "{line}");
        assert!(line.contains("reads format 1"), "{line}");
    }
}

#[test]
fn a_model_of_another_length_is_refused() {
    let copy = Copy::new();
    let length = fs::metadata(&copy.path).unwrap().len();
    for other in [length + 1, length - 1, length / 2, HEADER_BYTES, HEADER_BYTES - 1, 20, 16] {
        copy.file().set_len(other).unwrap();
        assert!(matches!(refuse(&copy.path), ModelError::Damaged), "{other}");
    }
}

#[test]
fn a_flipped_bit_in_what_is_held_in_memory_is_found_at_the_start() {
    let copy = Copy::new();
    let positions = copy.positions();
    assert_eq!(positions.len(), 6);
    for section in positions[..5].windows(2) {
        for position in [section[0], section[0].midpoint(section[1]), section[1] - 1] {
            copy.flip(position);
            assert!(matches!(refuse(&copy.path), ModelError::Damaged), "{position}");
            copy.flip(position);
        }
    }
    Encoder::open(&copy.path).unwrap().verify().unwrap();
}

#[test]
fn a_flipped_bit_in_a_row_is_found_when_the_row_is_read() {
    let copy = Copy::new();
    let (table, end) = (copy.positions()[4], copy.positions()[5]);
    let encoder = Encoder::open(&copy.path).unwrap();
    // The row of the start of a text, which every text needs; then the last row, which few do.
    copy.flip(table + ROW_BYTES);
    assert!(matches!(encoder.embed_query("a"), Err(ModelError::Damaged)));
    assert!(matches!(encoder.embed_prompt("a", "", "b"), Err(ModelError::Damaged)));
    copy.flip(table + ROW_BYTES);
    copy.flip(end - 1);
    embed(&encoder, "a");
    assert!(matches!(encoder.verify(), Err(ModelError::Damaged)));
}

#[test]
fn a_model_that_is_cut_after_it_was_opened_fails_and_recovers() {
    let copy = Copy::new();
    let encoder = Encoder::open(&copy.path).unwrap();
    let vector = embed(&encoder, "trip planner");
    copy.file().set_len(HEADER_BYTES).unwrap();
    assert!(matches!(encoder.embed_query("trip planner"), Err(ModelError::Damaged)));
    fs::copy(model_path(), &copy.path).unwrap();
    assert_eq!(embed(&encoder, "trip planner"), vector);
}

#[test]
fn a_model_that_is_replaced_by_a_rename_stays_readable() {
    let copy = Copy::new();
    let encoder = Encoder::open(&copy.path).unwrap();
    let vector = embed(&encoder, "trip planner");
    let other = copy.path.with_extension("new");
    fs::write(&other, "another").unwrap();
    fs::rename(&other, &copy.path).unwrap();
    assert_eq!(embed(&encoder, "trip planner"), vector);
}
