//! JSON: the complete export, from which an import restores the same library, and the files of other
//! programs.
//!
//! An export is one object: `format` and `version` first, then the lists with one item a line, and `end`
//! with the counts as the last field, so that a truncated file is detected. Other programs write a list of
//! prompts, an object with such a list, a map of names to texts, one prompt, or one prompt a line.

mod bound;
mod content;
mod document;
mod espanso;
mod export;
mod format;
mod item;
mod lines;
mod object;
mod records;
mod shape;
mod writing;

use std::io::{BufRead, Read};

use serde_json::Value;

pub use self::format::List;
pub use self::writing::Writer;
use super::data_export::DataExport;
use super::{ReadError, Sink, WHOLE_FILE, unreadable_file};
use crate::domain::excerpt::Message;

/// Reads one value of another program.
pub(super) fn read_value(
    json: &[u8],
    sink: &mut Sink<'_>,
    notes: &mut Vec<Message>,
) -> Result<(), ReadError> {
    document::read(json, false, sink, notes)
}

/// Whether a text is JSON that holds prompts beyond doubt: a list of texts or of objects with a text, or an
/// object with one of these. A map of names to texts may be one prompt that is written so.
pub(super) fn holds_prompts(text: &[u8]) -> bool {
    let values = serde_json::Deserializer::from_slice(text).into_iter::<Value>();
    let values: Result<Vec<Value>, _> = values.collect();
    values.is_ok_and(|values| {
        values.iter().any(|value| match value {
            Value::Array(list) => list.iter().any(shape::is_prompt),
            value => !value.is_string() && (shape::is_prompt(value) || shape::is_folder(value)),
        })
    })
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
        return Err(ReadError::new(WHOLE_FILE, "is empty"));
    }
    if let Some(export) = DataExport::recognise(start) {
        return Err(ReadError::new(WHOLE_FILE, export.explain()));
    }
    let start = lines::recognise(&mut *input).map_err(|error| unreadable_file(&error))?;
    if start.is_lines {
        return lines::read(&start, input, sink);
    }
    document::read(start.restore().chain(input), true, sink, notes)
}
