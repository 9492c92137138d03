//! JSON: the complete export, from which an import restores the same library, and the files of other
//! programs.
//!
//! An export is one object: `format` and `version` first, then the lists with one item a line, and `end`
//! with the counts as the last field, so that a truncated file is detected. Other programs write a list of
//! prompts, an object with such a list, a map of names to texts, one prompt, or one prompt a line.

mod bound;
mod content;
mod document;
mod export;
mod format;
mod item;
mod lines;
mod object;
mod records;
mod shape;
mod writing;

use std::io::{BufRead, Read};

pub use self::format::List;
pub use self::writing::Writer;
use super::data_export::DataExport;
use super::{ReadError, Sink, unreadable_file};
use crate::domain::excerpt::Message;

/// Reads one value of another program.
pub(super) fn read_value(
    json: &[u8],
    sink: &mut Sink<'_>,
    notes: &mut Vec<Message>,
) -> Result<(), ReadError> {
    document::read(json, false, sink, notes)
}

/// Reads a file item by item. A fault of one item is reported for that item alone. Adds what was passed over
/// beside the items to `notes`.
pub(super) fn read(
    mut input: Box<dyn BufRead>,
    sink: &mut Sink<'_>,
    notes: &mut Vec<Message>,
) -> Result<(), ReadError> {
    let start = input.fill_buf().map_err(|error| unreadable_file(&error))?;
    if start.is_empty() {
        return Err(ReadError::new("the file", "is empty"));
    }
    if let Some(export) = DataExport::recognise(start) {
        return Err(ReadError::new("the file", export.explain()));
    }
    let start = lines::recognise(&mut *input).map_err(|error| unreadable_file(&error))?;
    if start.is_lines {
        return lines::read(&start, input, sink);
    }
    document::read(start.restore().chain(input), true, sink, notes)
}
