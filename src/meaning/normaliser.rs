//! Brings a text into the form that the pieces are written in: NFKC with the changes of the
//! model's own map, one `▁` for each run of spaces, and one before the first word.
//!
//! The map is `SentencePiece`'s precompiled one (Kudo and Richardson, 2018, arXiv:1808.06226): a
//! double-array trie of byte strings, then their replacements, each ended by a zero byte.

use super::ModelError;
use super::file::SectionReader;

/// Stands for a space (U+2581), so that a piece holds the start of its word.
pub(super) const SPACE: &[u8] = "▁".as_bytes();

/// The map of the normaliser.
#[derive(Debug)]
pub(super) struct Normaliser {
    units: Box<[Unit]>,
    /// Replacements, addressed by the values of the trie.
    replacements: Box<[u8]>,
}

impl Normaliser {
    /// Reads the section: the size of the trie in bytes, the trie, the replacements.
    pub(super) fn read(mut section: SectionReader<'_>) -> Result<Self, ModelError> {
        let size = usize::try_from(section.read_u32()?).map_err(|_| ModelError::Damaged)?;
        let trie = section.read_bytes(size)?;
        let units = trie.as_chunks().0.iter().map(|unit| Unit(u32::from_le_bytes(*unit)));
        let normaliser = Self { units: units.collect(), replacements: section.read_rest()? };
        section.finish()?;
        Ok(normaliser)
    }

    /// Normalises a text. The result is empty if only spaces remain.
    pub(super) fn normalise(&self, text: &str) -> Vec<u8> {
        let mut normalised = Vec::with_capacity(text.len() + text.len() / 2 + SPACE.len());
        let mut rest = text;
        let mut after_space = true;
        normalised.extend(SPACE);
        while !rest.is_empty() {
            let (replacement, length) = self.replace_start(rest);
            for &byte in replacement {
                if byte != b' ' {
                    normalised.push(byte);
                } else if !after_space {
                    normalised.extend(SPACE);
                }
                after_space = byte == b' ';
            }
            rest = &rest[length..];
        }
        while normalised.ends_with(SPACE) {
            normalised.truncate(normalised.len() - SPACE.len());
        }
        normalised
    }

    /// Returns the replacement of the longest start of the text that the map holds, and the length
    /// of that start; without one, the first character as it is. The text is not empty.
    fn replace_start<'a>(&'a self, text: &'a str) -> (&'a [u8], usize) {
        self.find_longest(text).unwrap_or_else(|| {
            let length = text.chars().next().map_or(text.len(), char::len_utf8);
            (&text.as_bytes()[..length], length)
        })
    }

    fn find_longest(&self, text: &str) -> Option<(&[u8], usize)> {
        let mut node = self.units.first()?.offset();
        let mut longest = None;
        for (index, &byte) in text.as_bytes().iter().enumerate() {
            node ^= usize::from(byte);
            let Some(unit) = self.units.get(node).filter(|unit| unit.has_label(byte)) else {
                break;
            };
            node ^= unit.offset();
            if unit.has_leaf() && text.is_char_boundary(index + 1) {
                longest = self.units.get(node).map(|leaf| (leaf.value(), index + 1)).or(longest);
            }
        }
        let (value, length) = longest?;
        let replacement = self.replacements.get(value..)?;
        let end = memchr::memchr(0, replacement)?;
        Some((&replacement[..end], length))
    }
}

/// An element of the double array. The bits are those of Yata's darts-clone.
#[derive(Debug, Clone, Copy)]
struct Unit(u32);

impl Unit {
    /// The distance to the children, to be combined with the node's own index by exclusive or.
    fn offset(self) -> usize {
        ((self.0 >> 10) << ((self.0 & 0x200) >> 6)) as usize
    }

    /// Whether the node is reached by this byte, and is not a leaf.
    fn has_label(self, byte: u8) -> bool {
        self.0 & 0x8000_00ff == u32::from(byte)
    }

    /// Whether a string of the map ends here.
    fn has_leaf(self) -> bool {
        self.0 & 0x100 != 0
    }

    /// The value of a leaf: the start of the replacement.
    fn value(self) -> usize {
        (self.0 & 0x7fff_ffff) as usize
    }
}
