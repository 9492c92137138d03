//! The format of a model's file: a header, then five sections one after the other.
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 16 | [`MAGIC`] |
//! | 16 | 4 | [`FORMAT`] |
//! | 20 | 4 | CRC-32 of the rest of the header |
//! | 24 | 32 | SHA-256 of the format and the sections; the model's id is its start |
//! | 56 | 5 * 12 | the length of each [`Section`] and its CRC-32 |
//!
//! Numbers are little-endian, and floating-point numbers are IEEE 754 binary32. A reader verifies
//! the checksum of all that it holds, and of the table row by row, so that it opens the file
//! without reading the table.

use aws_lc_rs::digest::{Context, SHA256};

use super::ModelError;
use crate::domain::vector::{DIMENSIONS, ModelId};

/// The first bytes of every model.
pub(super) const MAGIC: [u8; 16] = *b"PromptDB meaning";

/// The version of the format. A change of a section's layout, or of the vectors that the program
/// computes from the same sections, raises it: models of two formats never share an id.
pub(super) const FORMAT: u32 = 1;

/// Size of the header in bytes.
pub(super) const HEADER_BYTES: usize = 56 + SECTIONS * EXTENT_BYTES;

/// Size of a row of the table: a scale, components of 4 bits each, and the CRC-32 of both.
pub(super) const ROW_BYTES: usize = 4 + DIMENSIONS / 2 + 4;

/// Largest magnitude of a component of 4 bits, which is stored with [`NIBBLE_ZERO`] added.
pub(super) const NIBBLE_MAX: f64 = 7.0;

/// The stored form of a component of 0.
pub(super) const NIBBLE_ZERO: u8 = 8;

const SECTIONS: usize = 5;
const EXTENT_BYTES: usize = 12;

/// The parts of the file in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// The licence of the package that the model comes from, as text.
    Licence,
    /// The map of the normaliser.
    Normaliser,
    /// The pieces of words that texts are split into, sorted, with their scores.
    Pieces,
    /// The weights of the network.
    Layers,
    /// The embedding of each piece, one row of [`ROW_BYTES`] a piece.
    Table,
}

/// The length of a section and the checksum of its bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) length: u64,
    pub(super) checksum: u32,
}

/// The start of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    digest: [u8; 32],
    extents: [Extent; SECTIONS],
}

impl Header {
    /// Creates the header of a file with these sections.
    pub(super) fn of_sections(sections: &[Vec<u8>; SECTIONS]) -> Self {
        let mut digest = digest();
        let mut extents = [Extent::default(); SECTIONS];
        for (extent, section) in extents.iter_mut().zip(sections) {
            digest.update(section);
            *extent = Extent {
                length: u64::try_from(section.len()).unwrap_or(u64::MAX),
                checksum: crc32fast::hash(section),
            };
        }
        Self { digest: finish(digest), extents }
    }

    pub(super) fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut tail = self.digest.to_vec();
        for extent in &self.extents {
            tail.extend(extent.length.to_le_bytes());
            tail.extend(extent.checksum.to_le_bytes());
        }
        let mut bytes = [0; HEADER_BYTES];
        bytes[..16].copy_from_slice(&MAGIC);
        bytes[16..20].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[20..24].copy_from_slice(&crc32fast::hash(&tail).to_le_bytes());
        bytes[24..].copy_from_slice(&tail);
        bytes
    }

    /// Reads a header from the first bytes of a file, which may be fewer than a header has.
    pub(super) fn parse(start: &[u8]) -> Result<Self, ModelError> {
        let rest = start.strip_prefix(&MAGIC).ok_or(ModelError::Foreign)?;
        let (format, rest) = rest.split_first_chunk().ok_or(ModelError::Damaged)?;
        // Before the checksum, which another format may have elsewhere.
        let found = u32::from_le_bytes(*format);
        if found != FORMAT {
            return Err(ModelError::OtherFormat { found, expected: FORMAT });
        }
        let (checksum, tail) = rest.split_first_chunk().ok_or(ModelError::Damaged)?;
        if tail.len() != HEADER_BYTES - 24 || crc32fast::hash(tail) != u32::from_le_bytes(*checksum)
        {
            return Err(ModelError::Damaged);
        }
        let (digest, extents) = tail.split_first_chunk().ok_or(ModelError::Damaged)?;
        let (entries, _) = extents.as_chunks::<EXTENT_BYTES>();
        let mut header = Self { digest: *digest, extents: [Extent::default(); SECTIONS] };
        for (extent, entry) in header.extents.iter_mut().zip(entries) {
            let [length @ .., a, b, c, d] = *entry;
            *extent = Extent {
                length: u64::from_le_bytes(length),
                checksum: u32::from_le_bytes([a, b, c, d]),
            };
        }
        Ok(header)
    }

    /// Returns the hash that a file with these sections must have.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(super) fn model_id(&self) -> ModelId {
        let digits = to_hex(&self.digest[..ModelId::DIGITS / 2]);
        ModelId::parse(&digits).expect("every byte is two lower-case digits")
    }

    pub(super) fn extent(&self, section: Section) -> Extent {
        self.extents[section as usize]
    }

    /// Returns the position of a section's first byte; `None` if it is beyond every file.
    pub(super) fn position(&self, section: Section) -> Option<u64> {
        Self::end_of(&self.extents[..section as usize])
    }

    /// Returns the length of the file; `None` if no file has it.
    pub(super) fn file_length(&self) -> Option<u64> {
        Self::end_of(&self.extents)
    }

    fn end_of(extents: &[Extent]) -> Option<u64> {
        let start = u64::try_from(HEADER_BYTES).ok()?;
        extents.iter().try_fold(start, |end, extent| end.checked_add(extent.length))
    }
}

/// Returns the hash of the model before its first section.
pub(super) fn digest() -> Context {
    let mut digest = Context::new(&SHA256);
    digest.update(&FORMAT.to_le_bytes());
    digest
}

/// Returns the hash of all that was added.
pub(super) fn finish(digest: Context) -> [u8; 32] {
    let digest = digest.finish();
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Returns the bytes in lower-case hexadecimal digits.
pub(super) fn to_hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}

/// Writes a row of the table: components of -7 to 7, each times `scale`.
pub(super) fn encode_row(scale: f32, components: &[i8; DIMENSIONS]) -> [u8; ROW_BYTES] {
    let nibble = |component: i8| component.cast_unsigned().wrapping_add(NIBBLE_ZERO) & 0xf;
    let mut row = [0; ROW_BYTES];
    row[..4].copy_from_slice(&scale.to_le_bytes());
    for (byte, pair) in row[4..].iter_mut().zip(components.as_chunks::<2>().0) {
        *byte = nibble(pair[0]) | nibble(pair[1]) << 4;
    }
    let checksum = crc32fast::hash(&row[..ROW_BYTES - 4]);
    row[ROW_BYTES - 4..].copy_from_slice(&checksum.to_le_bytes());
    row
}

/// Reads a row of the table into `components`.
pub(super) fn decode_row(
    row: &[u8; ROW_BYTES],
    components: &mut [f32; DIMENSIONS],
) -> Result<(), ModelError> {
    let (checked, checksum) = row.split_last_chunk().ok_or(ModelError::Damaged)?;
    if crc32fast::hash(checked) != u32::from_le_bytes(*checksum) {
        return Err(ModelError::Damaged);
    }
    let (scale, packed) = checked.split_first_chunk().ok_or(ModelError::Damaged)?;
    let scale = f32::from_le_bytes(*scale);
    let component = |nibble: u8| (f32::from(nibble) - f32::from(NIBBLE_ZERO)) * scale;
    for (pair, byte) in components.as_chunks_mut::<2>().0.iter_mut().zip(packed) {
        *pair = [component(byte & 0xf), component(byte >> 4)];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections() -> [Vec<u8>; SECTIONS] {
        [vec![1], vec![], vec![2, 3], vec![4; 100], vec![5; ROW_BYTES]]
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = Header::of_sections(&sections());
        assert_eq!(Header::parse(&header.to_bytes()).unwrap(), header);
        let start = u64::try_from(HEADER_BYTES).unwrap();
        assert_eq!(header.position(Section::Licence), Some(start));
        assert_eq!(header.position(Section::Layers), Some(start + 3));
        assert_eq!(header.file_length(), Some(start + 103 + 264));
    }

    #[test]
    fn a_header_with_any_bit_flipped_is_refused() {
        let bytes = Header::of_sections(&sections()).to_bytes();
        for bit in 0..HEADER_BYTES * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = Header::parse(&flipped).unwrap_err();
            let expected = match bit / 8 {
                0..16 => matches!(error, ModelError::Foreign),
                16..20 => matches!(error, ModelError::OtherFormat { .. }),
                _ => matches!(error, ModelError::Damaged),
            };
            assert!(expected, "bit {bit}: {error}");
        }
    }

    #[test]
    fn lengths_beyond_every_file_have_no_end() {
        let mut header = Header::of_sections(&sections());
        header.extents[3].length = u64::MAX;
        assert_eq!(header.file_length(), None);
        assert_eq!(header.position(Section::Table), None);
    }

    #[test]
    fn a_change_of_any_section_changes_the_id() {
        let id = Header::of_sections(&sections()).model_id();
        for section in 0..SECTIONS {
            let mut changed = sections();
            changed[section].push(0);
            assert_ne!(Header::of_sections(&changed).model_id(), id, "section {section}");
        }
    }

    #[test]
    fn a_row_is_read_as_it_was_written_and_refused_with_any_bit_flipped() {
        let written: [i8; DIMENSIONS] =
            std::array::from_fn(|index| i8::try_from(index % 15).unwrap() - 7);
        let row = encode_row(0.5, &written);
        let mut read = [0.0; DIMENSIONS];
        decode_row(&row, &mut read).unwrap();
        for (read, written) in read.iter().zip(written) {
            assert_eq!(read.to_bits(), (f32::from(written) * 0.5).to_bits());
        }
        for bit in 0..ROW_BYTES * 8 {
            let mut flipped = row;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_row(&flipped, &mut read).is_err(), "bit {bit}");
        }
    }
}
