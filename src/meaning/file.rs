//! A model's file, open for reading by position.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::ModelError;
use super::format::{Extent, HEADER_BYTES, Header, ROW_BYTES, Section, decode_row, digest, finish};
use crate::domain::vector::{DIMENSIONS, ModelId};

/// Size of the buffer that [`ModelFile::verify`] reads through, in bytes: large enough that calls
/// of the system cost nothing beside the hash.
const VERIFY_BUFFER_BYTES: usize = 128 * 1024;

/// A model whose header was verified. Reads from several threads do not wait for each other.
#[derive(Debug)]
pub(super) struct ModelFile {
    file: File,
    header: Header,
}

impl From<io::Error> for ModelError {
    /// A file that ends early is damaged: its length was right when it was opened.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::UnexpectedEof => Self::Damaged,
            ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

impl ModelFile {
    /// Opens a file and verifies its header and its length, but none of its sections.
    pub(super) fn open(path: &Path) -> Result<Self, ModelError> {
        // Opening a named pipe would wait for a writer.
        if !path.metadata()?.is_file() {
            return Err(ModelError::Foreign);
        }
        let file = File::open(path)?;
        let mut start = Vec::with_capacity(HEADER_BYTES);
        let limit = u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX);
        (&file).take(limit).read_to_end(&mut start)?;
        let header = Header::parse(&start)?;
        if header.file_length() != Some(file.metadata()?.len()) {
            return Err(ModelError::Damaged);
        }
        Ok(Self { file, header })
    }

    pub(super) fn model_id(&self) -> ModelId {
        self.header.model_id()
    }

    /// Starts to read a section from its first byte.
    pub(super) fn section(&self, section: Section) -> Result<SectionReader<'_>, ModelError> {
        let position = self.header.position(section).ok_or(ModelError::Damaged)?;
        let extent = self.header.extent(section);
        Ok(SectionReader {
            file: &self.file,
            position,
            remaining: extent.length,
            extent,
            checksum: crc32fast::Hasher::new(),
        })
    }

    /// Returns the number of rows of the table.
    pub(super) fn rows(&self) -> u64 {
        self.header.extent(Section::Table).length / ROW_BYTES as u64
    }

    /// Reads a row of the table and verifies its checksum.
    pub(super) fn read_row(
        &self,
        row: u32,
        components: &mut [f32; DIMENSIONS],
    ) -> Result<(), ModelError> {
        let table = self.header.position(Section::Table).ok_or(ModelError::Damaged)?;
        let mut bytes = [0; ROW_BYTES];
        read_at(&self.file, &mut bytes, table + u64::from(row) * ROW_BYTES as u64)?;
        decode_row(&bytes, components)
    }

    /// Verifies every byte against the hash in the header. Reads the whole file, which takes about
    /// 0.1 s.
    pub(super) fn verify(&self) -> Result<(), ModelError> {
        let end = self.header.file_length().ok_or(ModelError::Damaged)?;
        let mut position = HEADER_BYTES as u64;
        let (mut digest, mut buffer) = (digest(), vec![0; VERIFY_BUFFER_BYTES]);
        while position < end {
            let rest = usize::try_from(end - position).unwrap_or(usize::MAX);
            let part = &mut buffer[..rest.min(VERIFY_BUFFER_BYTES)];
            read_at(&self.file, part, position)?;
            digest.update(part);
            position += part.len() as u64;
        }
        let intact = finish(digest) == self.header.digest();
        if intact { Ok(()) } else { Err(ModelError::Damaged) }
    }
}

/// Reads a section from its start to its end and computes its checksum meanwhile. What was read
/// must not be used before [`Self::finish`] succeeded.
pub(super) struct SectionReader<'a> {
    file: &'a File,
    position: u64,
    remaining: u64,
    extent: Extent,
    checksum: crc32fast::Hasher,
}

impl SectionReader<'_> {
    /// Reads the next `length` bytes.
    pub(super) fn read_bytes(&mut self, length: usize) -> Result<Box<[u8]>, ModelError> {
        let length_read = u64::try_from(length).map_err(|_| ModelError::Damaged)?;
        // The rest of a section is never longer than the file, so the allocation is bounded.
        self.remaining = self.remaining.checked_sub(length_read).ok_or(ModelError::Damaged)?;
        let mut bytes = vec![0; length].into_boxed_slice();
        read_at(self.file, &mut bytes, self.position)?;
        self.position += length_read;
        self.checksum.update(&bytes);
        Ok(bytes)
    }

    /// Reads the next `count` numbers.
    pub(super) fn read_floats(&mut self, count: usize) -> Result<Box<[f32]>, ModelError> {
        let bytes = self.read_bytes(count.saturating_mul(4))?;
        Ok(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect())
    }

    /// Reads the next number.
    pub(super) fn read_u32(&mut self) -> Result<u32, ModelError> {
        let bytes = self.read_bytes(4)?;
        bytes.first_chunk().map(|number| u32::from_le_bytes(*number)).ok_or(ModelError::Damaged)
    }

    /// Reads the rest of the section.
    pub(super) fn read_rest(&mut self) -> Result<Box<[u8]>, ModelError> {
        self.read_bytes(usize::try_from(self.remaining).map_err(|_| ModelError::Damaged)?)
    }

    /// Reads the rest of the section only to verify it.
    pub(super) fn skip(mut self) -> Result<(), ModelError> {
        self.read_rest()?;
        self.finish()
    }

    /// Checks that nothing of the section is left, and its checksum.
    pub(super) fn finish(self) -> Result<(), ModelError> {
        let intact = self.remaining == 0 && self.checksum.finalize() == self.extent.checksum;
        if intact { Ok(()) } else { Err(ModelError::Damaged) }
    }
}

/// Fills the buffer with the bytes from a position on.
#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

/// Fills the buffer with the bytes from a position on.
#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, position) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                position += read as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
