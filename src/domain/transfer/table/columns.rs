//! The columns of a table, and how a row of them is read.

use super::rows::Row;
use super::{COLUMNS, strip_guard};
use crate::domain::excerpt::{Excerpt, Message, cut_json_error};
use crate::domain::json_faults::JsonFaults;
use crate::domain::transfer::encoding::NOT_UTF8;
use crate::domain::transfer::fields::{Meaning, Role, find_meaning};
use crate::domain::transfer::foreign::Form;
use crate::domain::transfer::record::{PassedOver, Record, Settled};
use crate::domain::transfer::values::read_variables;
use crate::domain::transfer::{invalid_field, parse_favorite, split_tags};
use crate::domain::{Faults, Invalid};

/// The columns of a table.
#[derive(Debug)]
pub(super) struct Columns {
    /// The names in the order of the table.
    names: Vec<String>,
    /// Those that hold a part of a prompt, by role. Of several with one role, the first that is filled is
    /// read; the usual one is in front.
    read: Vec<(Role, usize)>,
    /// The program that wrote the table.
    form: Form,
    /// Whether the table is an export, whose cells have a guard against formulas.
    is_own: bool,
    /// What is to be said about the table.
    pub(super) notes: Vec<Message>,
}

impl Columns {
    /// The columns of a table without a header.
    pub(super) fn of_headerless(count: usize) -> Self {
        let roles = [Role::Name, Role::Content, Role::Title];
        let note = "The table has no header: its columns were read as name, content and title.";
        Self {
            names: roles.iter().take(count).map(|role| role.field().to_owned()).collect(),
            read: roles.into_iter().zip(0..count).collect(),
            form: Form::TextExpander,
            is_own: false,
            notes: vec![note.into()],
        }
    }

    /// Reads the header row. The error is the reason why it names no prompts.
    pub(super) fn read(header: &Row) -> Result<Self, String> {
        let cells = header.cells().map(|cell| str::from_utf8(cell).map(str::trim));
        let names: Vec<&str> = cells.collect::<Result<_, _>>().map_err(|_| NOT_UTF8.to_owned())?;
        let mut known = Vec::new();
        let mut passed_over = PassedOver::default();
        for (place, name) in names.iter().enumerate() {
            match find_meaning(name) {
                Meaning::Part(role, rank) => known.push((role, rank, place)),
                Meaning::Unknown if !name.is_empty() => passed_over.add(name),
                Meaning::Unknown | Meaning::Bookkeeping => {}
            }
        }
        known.sort_unstable();
        let read: Vec<_> = known.into_iter().map(|(role, _, place)| (role, place)).collect();
        if !read.iter().any(|(role, _)| *role == Role::Content) {
            return Err("the column content is missing; the first row must name it".to_owned());
        }
        let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        let form = if has("act") && has("prompt") { Form::PromptsChat } else { Form::Plain };
        Ok(Self {
            is_own: names.len() == COLUMNS.len() && COLUMNS.into_iter().all(has),
            names: names.into_iter().map(str::to_owned).collect(),
            read,
            form,
            notes: passed_over.describe("column").into_iter().collect(),
        })
    }

    /// Returns the text of a cell as it was before it was exported.
    fn strip_guard<'a>(&self, cell: &'a str) -> &'a str {
        if self.is_own { strip_guard(cell) } else { cell }
    }

    /// Returns what a row is called, as far as it can be read.
    pub(super) fn label(&self, cells: &[&[u8]]) -> Option<Excerpt> {
        let names = self.read.iter().filter(|(role, _)| matches!(role, Role::Name | Role::Title));
        let mut labels = names.filter_map(|(_, place)| {
            let text = String::from_utf8_lossy(cells.get(*place)?);
            let label = Excerpt::new(self.strip_guard(&text).trim());
            (!label.is_empty()).then_some(label)
        });
        labels.next()
    }

    /// Reads a row.
    pub(super) fn read_row(&self, cells: &[&[u8]]) -> Result<Settled, Invalid> {
        let mut record = Record::default();
        record.notes.extend(self.check_length(cells)?);
        let mut faults = Faults::default();
        for columns in self.read.chunk_by(|(one, _), (next, _)| one == next) {
            let role = columns[0].0;
            let texts = columns.iter().filter_map(|(_, place)| {
                let cell = cells.get(*place).copied().unwrap_or_default();
                let text = str::from_utf8(cell).map_err(|_| NOT_UTF8.to_owned());
                Some((*place, self.strip_guard(faults.check(role.field(), text)?)))
            });
            let texts: Vec<(usize, &str)> = texts.collect();
            let is_filled = |(_, text): &&(usize, &str)| !text.trim().is_empty();
            let Some((first, chosen)) = texts.iter().find(is_filled).or(texts.first()) else {
                continue;
            };
            self.read_cell(&mut record, role, chosen);
            for (place, text) in texts.iter().filter(is_filled).filter(|(place, _)| place != first)
            {
                match role {
                    Role::Tags => self.read_cell(&mut record, role, text),
                    _ if text == chosen => {}
                    _ => record.passed_over.add(&self.names[*place]),
                }
            }
        }
        faults.finish(Some(record))?.settle(self.form)
    }

    /// Checks the number of cells. RFC 4180, section 2, rule 4: each row has as many as the others. Some
    /// programs leave out the empty ones at the end; the text and the name of a prompt are not among these.
    fn check_length(&self, cells: &[&[u8]]) -> Result<Option<Message>, Invalid> {
        let (count, columns) = (cells.len(), self.names.len());
        // Spreadsheets write empty cells behind those of the table.
        let has_more = cells.iter().skip(columns).any(|cell| !cell.is_empty());
        let is_cut = self.read.iter().any(|(role, place)| {
            *place >= count && matches!(role, Role::Name | Role::Title | Role::Content)
        });
        if has_more || is_cut {
            let message = format!("has {count} cells; the first row has {columns}");
            return Err(invalid_field("row", message));
        }
        let note =
            || format!("The row has {count} cells of {columns}; the others are empty.").into();
        Ok((count < columns).then(note))
    }

    fn read_cell(&self, record: &mut Record, role: Role, text: &str) {
        let filled = (!text.trim().is_empty()).then_some(text);
        match role {
            Role::Name => record.name = filled.map(|text| text.trim().to_owned()),
            Role::Title => record.title = filled.map(str::to_owned),
            Role::Description => record.description = Some(text.to_owned()),
            Role::Content => record.content = Some(text.to_owned()),
            Role::Tags => record.tags.get_or_insert_default().extend(split_tags(text)),
            Role::Favorite => match filled.map(parse_favorite) {
                Some(Err(note)) => record.notes.push(note),
                Some(Ok(favorite)) => record.favorite = Some(favorite),
                None => {}
            },
            Role::Variables => match filled {
                Some(text) => parse_variables(text, record),
                // An export has the column for all its prompts, also those without variables.
                None if self.is_own => record.variables = Some(Vec::new()),
                None => {}
            },
        }
    }
}

/// Reads a cell of variables. One that cannot be read is passed over.
fn parse_variables(text: &str, record: &mut Record) {
    let value = match JsonFaults::find(text.as_bytes()) {
        Some(faults) => Err(faults.into_invalid(str::to_owned).to_string()),
        None => serde_json::from_str(text).map_err(|error| cut_json_error(&error)),
    };
    let reason = match value {
        Ok(value) if read_variables(&value, record) => return,
        Ok(_) => "it is something else".to_owned(),
        Err(reason) => reason,
    };
    let note = format!(
        "The variables were passed over: they must be a JSON array of {{\"name\", \"description\", \
         \"default\"}}: {reason}"
    );
    record.notes.push(note.into());
}
