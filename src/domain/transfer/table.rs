//! Prompts as CSV (RFC 4180) in UTF-8: a header row, then one row for each prompt.
//!
//! A spreadsheet evaluates a cell that starts with `=` and some other characters as a formula ("CSV
//! injection"). Writing puts an apostrophe before such a cell, and reading removes it again, so that
//! nothing is evaluated and nothing is lost.

use std::io::{self, Read};

use csv::{ByteRecord, QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};

use super::{
    FoundDraft, Item, ReadError, Sink, VariableRecord, not_utf8_message, split_tags, tag_texts,
    use_inexact_name_as_title, variable_drafts, variable_records,
};
use crate::domain::draft::Draft;
use crate::domain::excerpt::{Excerpt, cut_serde_error, list_excerpts};
use crate::domain::json_faults::JsonFaults;
use crate::domain::prompt::Prompt;
use crate::domain::{Faults, Invalid};

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

/// The columns of a table, in their order.
struct Columns(Vec<&'static str>);

impl Columns {
    /// Reads the header row. The error names the unknown columns.
    fn read(header: &ByteRecord) -> Result<Self, String> {
        let mut columns = Vec::new();
        let mut repeated = None;
        // A header may have millions of cells, so the unknown ones are counted and not kept.
        let mut unknown = 0;
        for cell in header {
            let cell = str::from_utf8(cell).map_err(|_| not_utf8_message())?;
            match find_column(cell) {
                None => unknown += 1,
                Some(known) if columns.contains(&known) => repeated = repeated.or(Some(known)),
                Some(known) => columns.push(known),
            }
        }
        if unknown > 0 {
            let cells = header.iter().filter_map(|cell| str::from_utf8(cell).ok());
            let named = list_excerpts(cells.filter(|cell| find_column(cell).is_none()), unknown);
            let (noun, them) = if unknown == 1 { ("column", "it") } else { ("columns", "them") };
            let all = COLUMNS.join(", ");
            return Err(format!(
                "unknown {noun} {named}; rename {them} to one of {all}, or remove {them}"
            ));
        }
        if let Some(repeated) = repeated {
            return Err(format!("the column {repeated} appears twice; remove one"));
        }
        if !columns.contains(&"content") {
            return Err("the column content is missing; the first row must name it".to_owned());
        }
        Ok(Self(columns))
    }
}

/// Returns the column that a cell of the header names, in any case.
fn find_column(cell: &str) -> Option<&'static str> {
    let cell = cell.trim();
    let is_named = |name: &str| cell.eq_ignore_ascii_case(name);
    let is_content = ["prompt", "text", "body"].into_iter().any(is_named);
    if is_content { Some("content") } else { COLUMNS.into_iter().find(|name| is_named(name)) }
}

/// Passes the rows of a table to `sink`.
pub(super) fn read(input: impl Read, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    // CSV has no mark of its end, and the reader accepts a quote that the end of the file leaves open.
    // So a truncated file would look like a whole one. A random row of our own after the last one
    // comes out as a row if no quote is open, and inside the open cell otherwise.
    let mark = uuid::Uuid::new_v4().simple().to_string();
    let end = format!("\n{mark}\n");
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(input.chain(io::Cursor::new(end)));
    let mut record = ByteRecord::new();
    let mut columns = None;
    // Rows are numbered as in a spreadsheet, the header included.
    for row in 1.. {
        let at = || format!("row {row}");
        let more = reader.read_byte_record(&mut record);
        if !more.map_err(|error| ReadError::new(at(), error.to_string()))? {
            return Err(ReadError::new(at(), "unexpected end of the file"));
        }
        let is_mark = |cell: &[u8]| cell.windows(mark.len()).any(|part| part == mark.as_bytes());
        if record.iter().next_back().is_some_and(is_mark) {
            return match (record.len(), &columns) {
                _ if record.len() > 1 || record[0].len() > mark.len() => {
                    // RFC 4180, section 2, rule 7: a quote inside a quoted cell is doubled.
                    let reason = "a quoted cell of this row is never closed: the file is truncated, \
                                  or a quote in a cell is not doubled";
                    Err(ReadError::new(at(), reason))
                }
                (_, None) => Err(ReadError::new("the file", "is empty")),
                _ => Ok(()),
            };
        }
        let Some(columns) = &columns else {
            let read = Columns::read(&record).map_err(|reason| ReadError::new(at(), reason))?;
            columns = Some(read);
            continue;
        };
        if !sink(item(at(), &record, columns)) {
            return Ok(());
        }
    }
    Ok(())
}

fn item(at: String, record: &ByteRecord, Columns(columns): &Columns) -> Item {
    let cells = columns.iter().copied().zip(record);
    let label = cells
        .clone()
        .find(|(column, _)| *column == "name")
        .or_else(|| cells.clone().find(|(column, _)| *column == "title"));
    let name =
        label.map(|(_, cell)| Excerpt::new(String::from_utf8_lossy(strip_guard_bytes(cell))));
    let name = name.filter(|name| !name.is_empty());
    Item::draft(at.into(), name, read_row(record, columns))
}

fn strip_guard_bytes(cell: &[u8]) -> &[u8] {
    str::from_utf8(cell).map_or(cell, |text| strip_guard(text).as_bytes())
}

fn read_row(record: &ByteRecord, columns: &[&'static str]) -> Result<FoundDraft, Invalid> {
    let mut faults = Faults::default();
    if record.len() != columns.len() {
        // Rule 4: each row has as many cells as the others.
        let message = format!("has {} cells; the first row has {}", record.len(), columns.len());
        faults.push("row", message);
        return faults.finish(None);
    }
    let mut draft = Draft::default();
    let mut favorite = None;
    for (column, cell) in columns.iter().copied().zip(record) {
        let Some(text) = faults.check(column, str::from_utf8(cell).map_err(|_| not_utf8_message()))
        else {
            continue;
        };
        let text = strip_guard(text);
        let filled = (!text.trim().is_empty()).then_some(text);
        match column {
            "name" => draft.name = filled.map(|text| text.trim().to_owned()),
            "title" => draft.title = filled.map(str::to_owned),
            "description" => draft.description = Some(text.to_owned()),
            "content" => draft.content = Some(text.to_owned()),
            "tags" => draft.tags = Some(split_tags(text)),
            "favorite" => {
                favorite = faults.check(column, filled.map(parse_favorite).transpose()).flatten();
            }
            _ => {
                let records =
                    faults.check(column, filled.map(parse_variables).transpose()).flatten();
                draft.variables = Some(variable_drafts(records.unwrap_or_default()));
            }
        }
    }
    use_inexact_name_as_title(&mut draft);
    faults.finish(Some(FoundDraft { draft, favorite }))
}

fn parse_variables(text: &str) -> Result<Vec<VariableRecord>, String> {
    if let Some(faults) = JsonFaults::find(text.as_bytes()) {
        return Err(faults.into_invalid(str::to_owned).to_string());
    }
    serde_json::from_str(text).map_err(|error| {
        let error = cut_serde_error(&error.to_string());
        format!("must be a JSON array of {{\"name\", \"description\", \"default\"}}: {error}")
    })
}

/// Parses the spellings of spreadsheets, in any case.
fn parse_favorite(text: &str) -> Result<bool, String> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("must be true or false".to_owned()),
    }
}
