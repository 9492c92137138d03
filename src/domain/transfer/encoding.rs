//! The encodings of a text file: UTF-8, and UTF-16 with a byte order mark. Everything else is refused,
//! because a guess would change letters silently.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read, Seek};

use super::{Input, ReadError, WHOLE_FILE, invalid_field, unreadable_file};
use crate::domain::Invalid;

/// Number of bytes that show the encoding.
const SIGN_BYTES: usize = 4;
/// Size of the buffer in bytes, in which a reader looks ahead for what the file is.
const BUFFER_BYTES: usize = 64 * 1024;

/// What to do about a text that is not UTF-8.
pub(super) const NOT_UTF8: &str = "must be UTF-8; save the file as UTF-8";

/// What the first bytes of a text say about its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8 { mark_bytes: usize },
    Utf16 { is_big_endian: bool },
    Unreadable(&'static str),
}

impl Encoding {
    fn of(start: &[u8]) -> Self {
        match start {
            [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => {
                Self::Unreadable("is UTF-32; save it as UTF-8")
            }
            [0xFF, 0xFE, ..] => Self::Utf16 { is_big_endian: false },
            [0xFE, 0xFF, ..] => Self::Utf16 { is_big_endian: true },
            [0xEF, 0xBB, 0xBF, ..] => Self::Utf8 { mark_bytes: 3 },
            // Western text in UTF-16 has a zero in every other byte.
            [0, first, 0, second, ..] | [first, 0, second, 0, ..] if *first > 0 && *second > 0 => {
                Self::Unreadable("is UTF-16 without a byte order mark; save it as UTF-8")
            }
            _ => Self::Utf8 { mark_bytes: 0 },
        }
    }
}

/// Returns why a file with these first bytes cannot be read as text, if they show it.
pub(super) fn find_fault(start: &[u8]) -> Option<&'static str> {
    match Encoding::of(start) {
        Encoding::Unreadable(reason) => Some(reason),
        Encoding::Utf8 { .. } | Encoding::Utf16 { .. } => None,
    }
}

/// Reads a file as UTF-8 without its byte order mark. Text that claims to be UTF-8 is passed on as it is.
pub(super) fn read_text(mut input: Box<dyn Input>) -> Result<Box<dyn BufRead>, ReadError> {
    let mut start = Vec::new();
    let read = input.by_ref().take(SIGN_BYTES as u64).read_to_end(&mut start);
    read.map_err(|error| unreadable_file(&error))?;
    let skipped = match Encoding::of(&start) {
        Encoding::Unreadable(reason) => return Err(ReadError::new(WHOLE_FILE, reason)),
        Encoding::Utf16 { .. } => 2,
        Encoding::Utf8 { mark_bytes } => mark_bytes as u64,
    };
    input.seek(io::SeekFrom::Start(skipped)).map_err(|error| unreadable_file(&error))?;
    Ok(match Encoding::of(&start) {
        Encoding::Utf16 { is_big_endian } => {
            let units = Utf16::new(BufReader::new(input), is_big_endian);
            Box::new(BufReader::with_capacity(BUFFER_BYTES, units))
        }
        Encoding::Utf8 { .. } | Encoding::Unreadable(_) => {
            Box::new(BufReader::with_capacity(BUFFER_BYTES, input))
        }
    })
}

/// Reads a whole text as UTF-8 without its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Invalid> {
    let refuse = |reason: &str| invalid_field("file", reason);
    match Encoding::of(bytes) {
        Encoding::Unreadable(reason) => Err(refuse(reason)),
        Encoding::Utf8 { mark_bytes } => {
            let text = str::from_utf8(&bytes[mark_bytes..]).map_err(|_| refuse(NOT_UTF8))?;
            Ok(Cow::Borrowed(text))
        }
        Encoding::Utf16 { is_big_endian } => {
            let mut text = String::new();
            Utf16::new(&bytes[2..], is_big_endian)
                .read_to_string(&mut text)
                .map_err(|error| refuse(&error.to_string()))?;
            Ok(Cow::Owned(text))
        }
    }
}

/// UTF-16 as the UTF-8 of the same text.
struct Utf16<R> {
    input: R,
    is_big_endian: bool,
    /// The UTF-8 of a character, of which `sent` bytes were passed on.
    character: [u8; 4],
    length: usize,
    sent: usize,
}

impl<R: Read> Utf16<R> {
    fn new(input: R, is_big_endian: bool) -> Self {
        Self { input, is_big_endian, character: [0; 4], length: 0, sent: 0 }
    }

    /// Returns the next code unit; `None` at the end.
    fn next_unit(&mut self) -> io::Result<Option<u16>> {
        let mut pair = [0; 2];
        let mut filled = 0;
        while filled < pair.len() {
            match self.input.read(&mut pair[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(damaged("ends in the middle of a character")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let unit =
            if self.is_big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
        Ok(Some(unit))
    }

    fn next_char(&mut self) -> io::Result<Option<char>> {
        let Some(first) = self.next_unit()? else { return Ok(None) };
        // RFC 2781, section 2.2: a unit of D800 to DBFF is the first half of a character.
        let is_half = (0xD800..0xDC00).contains(&first);
        let second = if is_half { self.next_unit()? } else { None };
        let units = [Some(first), second].into_iter().flatten();
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(Some(c)),
            Some(Err(_)) | None => Err(damaged("has half of a character (a lone surrogate)")),
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < buffer.len() {
            if self.sent == self.length {
                let Some(c) = self.next_char()? else { break };
                (self.length, self.sent) = (c.encode_utf8(&mut self.character).len(), 0);
            }
            let count = (self.length - self.sent).min(buffer.len() - written);
            buffer[written..written + count]
                .copy_from_slice(&self.character[self.sent..self.sent + count]);
            (self.sent, written) = (self.sent + count, written + count);
        }
        Ok(written)
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the UTF-16 text {what}; save it as UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str, is_big_endian: bool) -> Vec<u8> {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        units
            .flat_map(
                |unit: u16| {
                    if is_big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }
                },
            )
            .collect()
    }

    fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let input = read_text(Box::new(Cursor::new(bytes.to_vec())));
        let mut text = Vec::new();
        let read = input.map_err(|error| error.to_string())?.read_to_end(&mut text);
        read.map(|_| text).map_err(|error| error.to_string())
    }

    #[test]
    fn other_encodings_are_refused_with_what_to_do() {
        for (bytes, words) in [
            (&b"\xFF\xFE\0\0a\0\0\0"[..], "is UTF-32; save it as UTF-8"),
            (b"a\0b\0c\0", "is UTF-16 without a byte order mark; save it as UTF-8"),
            (b"\0a\0b\0c", "is UTF-16 without a byte order mark; save it as UTF-8"),
            (b"\xFF\xFEa", "ends in the middle of a character"),
            (b"\xFE\xFF\xD8\x3D\0a", "half of a character"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains(words), "{error}");
            assert!(decode(bytes).unwrap_err().to_string().contains(words));
        }
        // A mark and zeros without text are no other encoding.
        assert_eq!(read(b"").unwrap(), b"");
        assert_eq!(read(b"\xEF\xBB\xBFa").unwrap(), b"a");
        assert_eq!(decode(b"caf\xe9").unwrap_err().to_string(), format!("file: {NOT_UTF8}"));
    }

    proptest! {
        #[test]
        fn every_text_is_read_in_both_orders_of_bytes(text in "\\PC{0,20}|[\u{10000}-\u{10FFFF}a]{0,9}") {
            for bytes in [utf16(&text, true), utf16(&text, false)] {
                // A mark before a NUL is that of UTF-32.
                prop_assume!(!text.starts_with('\0'));
                prop_assert_eq!(read(&bytes).unwrap(), text.as_bytes());
                let decoded = decode(&bytes).unwrap();
                prop_assert_eq!(&*decoded, text.as_str());
            }
            let marked = format!("\u{feff}{text}");
            prop_assert_eq!(read(marked.as_bytes()).unwrap(), text.as_bytes());
        }
    }
}
