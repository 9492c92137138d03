//! Reading a table row by row.

use std::io::BufRead;

use super::columns::Columns;
use super::dialect::Dialect;
use super::rows::{Fault, Row, Rows};
use crate::domain::excerpt::Message;
use crate::domain::transfer::{Item, ReadError, Sink, WHOLE_FILE, invalid_field, unreadable_file};

/// Passes the rows of a table to `sink`.
pub(in crate::domain::transfer) fn read(
    mut input: Box<dyn BufRead>,
    sink: &mut Sink<'_>,
) -> Result<(), ReadError> {
    let start = input.fill_buf().map_err(|error| unreadable_file(&error))?;
    let dialect = Dialect::recognise(start);
    let mut rows = Rows::new(input, dialect.delimiter);
    if dialect.has_separator_line {
        rows.skip_separator_line().map_err(|error| unreadable_file(&error))?;
    }
    let mut columns: Option<Columns> = None;
    while let Some(row) = rows.next_row().map_err(|error| unreadable_file(&error))? {
        if row.is_blank() {
            continue;
        }
        let fail = |reason: String| ReadError::new(row.place(), reason);
        if let Some(fault @ Fault::Unclosed) = row.fault {
            return Err(fail(fault.describe()));
        }
        let columns = match &mut columns {
            Some(columns) => columns,
            columns if dialect.is_headerless => columns.insert(Columns::of_headerless(row.len())),
            columns => {
                if let Some(fault) = row.fault {
                    return Err(fail(fault.describe()));
                }
                *columns = Some(Columns::read(&row).map_err(fail)?);
                continue;
            }
        };
        // What is to be said about the table is said once, with its first row.
        let notes = std::mem::take(&mut columns.notes);
        if !sink(item(&row, columns, notes)) {
            return Ok(());
        }
    }
    if columns.is_none() { Err(ReadError::new(WHOLE_FILE, "is empty")) } else { Ok(()) }
}

fn item(row: &Row, columns: &Columns, notes: Vec<Message>) -> Item {
    let cells: Vec<&[u8]> = row.cells().collect();
    let read = match row.fault {
        Some(fault) => Err(invalid_field("row", fault.describe())),
        None => columns.read_row(&cells),
    };
    let mut item = Item::of_settled(row.place().into(), columns.label(&cells), read);
    item.notes.splice(0..0, notes);
    item
}
