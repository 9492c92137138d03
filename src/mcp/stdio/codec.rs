//! Splits the input into lines, and skips a line that is too long without keeping it.

use std::io;

use memchr::memchr;
use tokio_util::bytes::{Buf, BytesMut};
use tokio_util::codec::Decoder;

use crate::http::extract::BODY_MAX_BYTES;
use crate::mcp::outline::Outline;

/// A line of the input.
pub(super) enum Line {
    /// A line of at most [`BODY_MAX_BYTES`], without its line feed.
    Whole(BytesMut),
    /// The outline of a longer one.
    TooLong(Outline),
}

/// The codec of lines.
#[derive(Default)]
pub(super) struct LineCodec {
    /// The number of bytes at the start of the buffer that are known to have no line feed.
    searched: usize,
    /// The outline of a line that is being skipped.
    skipped: Option<Outline>,
}

impl LineCodec {
    /// Passes a part of a line over.
    fn skip(&mut self, part: &[u8]) {
        self.skipped.get_or_insert_with(Outline::new).push(part);
    }
}

impl Decoder for LineCodec {
    type Item = Line;
    type Error = io::Error;

    fn decode(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        let end = memchr(b'\n', &buffer[self.searched..]).map(|found| self.searched + found);
        let length = end.unwrap_or(buffer.len());
        if self.skipped.is_some() || length > BODY_MAX_BYTES {
            self.skip(&buffer[..length]);
            buffer.advance(length);
            self.searched = 0;
            if end.is_none() {
                return Ok(None);
            }
            buffer.advance(1);
            return Ok(self.skipped.take().map(Line::TooLong));
        }
        let Some(end) = end else {
            self.searched = buffer.len();
            return Ok(None);
        };
        self.searched = 0;
        let line = buffer.split_to(end);
        buffer.advance(1);
        Ok(Some(Line::Whole(line)))
    }

    fn decode_eof(&mut self, buffer: &mut BytesMut) -> io::Result<Option<Line>> {
        if let Some(line) = self.decode(buffer)? {
            return Ok(Some(line));
        }
        if let Some(outline) = self.skipped.take() {
            return Ok(Some(Line::TooLong(outline)));
        }
        self.searched = 0;
        Ok((!buffer.is_empty()).then(|| Line::Whole(buffer.split())))
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::RequestId;

    use super::*;

    /// Reads an input in parts of `size` bytes. Returns each line as text, and the id of a long one.
    fn read(input: &[u8], size: usize) -> Vec<Result<String, Option<RequestId>>> {
        let (mut codec, mut buffer, mut lines) =
            (LineCodec::default(), BytesMut::new(), Vec::new());
        let mut keep = |line| {
            lines.push(match line {
                Line::Whole(line) => Ok(String::from_utf8(line.to_vec()).unwrap()),
                Line::TooLong(outline) => {
                    Err(outline.finish().headings.into_iter().next().and_then(|found| found.id))
                }
            });
        };
        for part in input.chunks(size) {
            buffer.extend_from_slice(part);
            while let Some(line) = codec.decode(&mut buffer).unwrap() {
                keep(line);
            }
            assert!(buffer.len() <= BODY_MAX_BYTES, "a long line is not kept");
        }
        while let Some(line) = codec.decode_eof(&mut buffer).unwrap() {
            keep(line);
        }
        lines
    }

    #[test]
    fn a_long_line_leaves_its_id_and_the_lines_around_it() {
        let padding = "x".repeat(BODY_MAX_BYTES);
        let longest = "y".repeat(BODY_MAX_BYTES);
        let id = |number| Err(Some(RequestId::Number(number)));
        for last in ["", "\n"] {
            let input = format!(
                "one\n\n{{\"id\":1,\"a\":\"{padding}\"}}\r\n{longest}\n{{\"a\":\"{padding}\",\"id\":2}}\n\
                 two\r\n{{\"a\":{{\"id\":8}},\"b\":\"{padding}{padding}{padding}\",\"id\":3}}{last}"
            );
            let expected = [
                Ok("one".to_owned()),
                Ok(String::new()),
                id(1),
                Ok(longest.clone()),
                id(2),
                Ok("two\r".to_owned()),
                id(3),
            ];
            for size in [7, 8192, 1_000_003] {
                assert_eq!(read(input.as_bytes(), size), expected, "{size}");
            }
        }
    }

    #[test]
    fn the_last_line_needs_no_line_feed() {
        assert_eq!(read(b"one\ntwo", 3), [Ok("one".to_owned()), Ok("two".to_owned())]);
        assert_eq!(read(b"one\n", 3), [Ok("one".to_owned())]);
        assert_eq!(read(b"", 3), []);
    }
}
