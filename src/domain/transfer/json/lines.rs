//! JSON lines: a prompt in each line, so that a broken line is refused alone.

use std::io::{self, BufRead, Read};

use serde_json::value::RawValue;

use super::item;
use crate::domain::excerpt::cut_json_error;
use crate::domain::transfer::encoding::NOT_UTF8;
use crate::domain::transfer::{Item, ReadError, Sink, invalid_field, unreadable_file};

/// Maximum size of a line in bytes, many times that of a prompt.
const LINE_MAX_BYTES: usize = 1024 * 1024;

/// Reads the first line with something in it, unless it begins a list. Returns it, and whether it is a whole
/// object that another line follows.
pub(super) fn recognise(mut input: &mut dyn BufRead) -> io::Result<(Vec<u8>, bool)> {
    let mut line = Vec::new();
    if input.fill_buf()?.trim_ascii_start().first() == Some(&b'[') {
        return Ok((line, false));
    }
    loop {
        let before = line.len();
        (&mut input).take(LINE_MAX_BYTES as u64).read_until(b'\n', &mut line)?;
        if line.len() == before || !line.trim_ascii().is_empty() {
            break;
        }
    }
    let object = line.trim_ascii();
    let is_object = object.first() == Some(&b'{')
        && object.last() == Some(&b'}')
        && serde_json::from_slice::<&RawValue>(object).is_ok();
    let is_lines =
        is_object && input.fill_buf()?.trim_ascii_start().first().is_some_and(|byte| *byte == b'{');
    Ok((line, is_lines))
}

/// Reads the lines of a file, of which the first ones were read before.
pub(super) fn read(
    first: &[u8],
    input: Box<dyn BufRead>,
    sink: &mut Sink<'_>,
) -> Result<(), ReadError> {
    let mut input = io::Cursor::new(first).chain(input);
    let mut line = Vec::new();
    for number in 1_u64.. {
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
