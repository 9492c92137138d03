//! Prompts as CSV (RFC 4180) in UTF-8: a header row, then one row for each prompt. Tables of other programs
//! are read as well, with their own columns and delimiters.
//!
//! A spreadsheet evaluates a cell that starts with `=` and some other characters as a formula ("CSV
//! injection"). Writing puts an apostrophe before such a cell, and reading removes it again, so that
//! nothing is evaluated and nothing is lost.

mod columns;
mod dialect;
mod reading;
mod rows;

use std::io;

use csv::{QuoteStyle, Terminator, WriterBuilder};

pub(super) use self::dialect::looks_like_table;
pub(super) use self::reading::read;
use super::{tag_texts, variable_records};
use crate::domain::prompt::Prompt;

const COLUMNS: [&str; 7] =
    ["name", "title", "description", "content", "tags", "variables", "favorite"];

/// Returns the header row.
pub fn write_header() -> io::Result<Vec<u8>> {
    encode_row(&COLUMNS.map(str::to_owned))
}

/// Returns the row of a prompt.
pub fn write_row(prompt: &Prompt) -> io::Result<Vec<u8>> {
    let body = &prompt.body;
    let variables = match body.variables.as_slice() {
        [] => String::new(),
        variables => serde_json::to_string(&variable_records(variables))?,
    };
    encode_row(&[
        prompt.name.to_string(),
        body.title.to_string(),
        body.description.to_string(),
        body.content.to_string(),
        tag_texts(&body.tags).join(", "),
        variables,
        prompt.favorite.to_string(),
    ])
}

fn encode_row(cells: &[String; COLUMNS.len()]) -> io::Result<Vec<u8>> {
    // Every cell is quoted (RFC 4180, section 2, rule 5), because some spreadsheets split bare cells at
    // semicolons as well. Rule 1: rows end with CRLF.
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Always)
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    let guarded = cells.iter().map(|cell| {
        let guard = if is_formula(cell) { "'" } else { "" };
        format!("{guard}{cell}")
    });
    writer.write_record(guarded)?;
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

/// Whether a cell starts, after any apostrophes, with a character that starts a formula. A guarded cell
/// counts as well, so that a guard is added to it and [`strip_guard`] has exactly one to remove.
fn is_formula(cell: &str) -> bool {
    let signs = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    cell.trim_start_matches('\'').starts_with(signs)
}

/// Returns the text of a cell without the apostrophe that [`encode_row`] added.
fn strip_guard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|_| is_formula(cell)).unwrap_or(cell)
}
