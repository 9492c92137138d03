//! JSON lines: a prompt in each line, so that a broken line is refused alone.

use std::io::{self, BufRead, Read};

use serde_json::value::RawValue;

use super::item;
use crate::domain::excerpt::cut_json_error;
use crate::domain::transfer::encoding::NOT_UTF8;
use crate::domain::transfer::{Item, ReadError, Sink, invalid_field, unreadable_file};

/// Maximum size of a line in bytes, many times that of a prompt.
const LINE_MAX_BYTES: usize = 1024 * 1024;

/// What was read of an input to tell whether it is lines.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// The number of line feeds before the first value, and of other space after the last of these.
    line_feeds: u64,
    spaces: u64,
    /// The first line, unless it begins a list.
    line: Vec<u8>,
    /// Whether the line is a whole object that another line follows.
    pub(super) is_lines: bool,
}

impl Start {
    /// Returns what was read, as far as it matters for places in the file.
    pub(super) fn restore(&self) -> impl Read {
        let line_feeds = io::repeat(b'\n').take(self.line_feeds);
        line_feeds
            .chain(io::repeat(b' ').take(self.spaces))
            .chain(io::Cursor::new(self.line.clone()))
    }
}

/// Reads the start of an input.
pub(super) fn recognise(mut input: &mut dyn BufRead) -> io::Result<Start> {
    let mut start = Start::default();
    loop {
        let buffer = input.fill_buf()?;
        let Some(first) = buffer.first().filter(|byte| byte.is_ascii_whitespace()) else { break };
        if *first == b'\n' {
            (start.line_feeds, start.spaces) = (start.line_feeds + 1, 0);
        } else {
            start.spaces += 1;
        }
        input.consume(1);
    }
    if input.fill_buf()?.first() == Some(&b'[') {
        return Ok(start);
    }
    (&mut input).take(LINE_MAX_BYTES as u64).read_until(b'\n', &mut start.line)?;
    let object = start.line.trim_ascii();
    let is_object = object.first() == Some(&b'{')
        && object.last() == Some(&b'}')
        && serde_json::from_slice::<&RawValue>(object).is_ok();
    start.is_lines =
        is_object && input.fill_buf()?.trim_ascii_start().first().is_some_and(|byte| *byte == b'{');
    Ok(start)
}

/// Reads the lines of a file after its start.
pub(super) fn read(
    start: &Start,
    input: Box<dyn BufRead>,
    sink: &mut Sink<'_>,
) -> Result<(), ReadError> {
    let mut input = io::Cursor::new(&start.line).chain(input);
    let mut line = Vec::new();
    for number in start.line_feeds + 1.. {
        line.clear();
        (&mut input)
            .take(LINE_MAX_BYTES as u64)
            .read_until(b'\n', &mut line)
            .map_err(|error| unreadable_file(&error))?;
        if line.is_empty() {
            break;
        }
        let is_cut = line.len() == LINE_MAX_BYTES && !line.ends_with(b"\n");
        if is_cut {
            skip_line(&mut input).map_err(|error| unreadable_file(&error))?;
        }
        if !line.trim_ascii().is_empty() && !sink(read_line(number, &line, is_cut)) {
            break;
        }
    }
    Ok(())
}

fn read_line(number: u64, line: &[u8], is_cut: bool) -> Item {
    let at = format!("line {number}").into();
    let refuse = |reason: String| Err(invalid_field("item", reason));
    let text = str::from_utf8(line).map(str::trim);
    let refused = match text {
        _ if is_cut => refuse(format!("has more than {LINE_MAX_BYTES} bytes")),
        Err(_) => refuse(NOT_UTF8.to_owned()),
        Ok(text) => match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => return item::read(at, item::parse(raw), None),
            Err(error) if error.is_eof() => refuse("the line is cut off".to_owned()),
            Err(error) => refuse(format!("invalid JSON: {}", cut_json_error(&error))),
        },
    };
    Item::of_settled(at, None, refused)
}

/// Passes over the rest of a line.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (used, is_ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(end) => (end + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(used);
        if is_ended {
            return Ok(());
        }
    }
}
