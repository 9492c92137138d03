//! The columns of a table, and how a row of them is read.

use super::rows::Row;
use super::{COLUMNS, strip_guard};
use crate::domain::excerpt::{Excerpt, Message, cut_serde_error};
use crate::domain::json_faults::JsonFaults;
use crate::domain::transfer::encoding::NOT_UTF8;
use crate::domain::transfer::fields::{Meaning, Role, find_meaning};
use crate::domain::transfer::foreign::Form;
use crate::domain::transfer::record::{PassedOver, Record, Settled};
use crate::domain::transfer::values::read_variables;
use crate::domain::transfer::{invalid_field, parse_favorite, split_tags};
use crate::domain::{Faults, Invalid};

/// The columns of a table, in their order.
#[derive(Debug)]
pub(super) struct Columns {
    /// The role of each column; `None` for one that is passed over.
    roles: Vec<Option<Role>>,
    /// The program that wrote the table.
    form: Form,
    /// Whether all columns are those of an export, whose cells have a guard against formulas.
    is_own: bool,
    /// What is to be said about the table.
    pub(super) notes: Vec<Message>,
}

impl Columns {
    /// The columns of a table without a header.
    pub(super) fn of_headerless(count: usize) -> Self {
        let roles = [Some(Role::Name), Some(Role::Content), Some(Role::Title)];
        let note = "The table has no header: its columns were read as name, content and title.";
        Self {
            roles: roles.into_iter().take(count).collect(),
            form: Form::TextExpander,
            is_own: false,
            notes: vec![note.into()],
        }
    }

    /// Reads the header row. The error is the reason why it names no prompts.
    pub(super) fn read(header: &Row) -> Result<Self, String> {
        let cells = header.cells().map(|cell| str::from_utf8(cell).map(str::trim));
        let names: Vec<&str> = cells.collect::<Result<_, _>>().map_err(|_| NOT_UTF8.to_owned())?;
        let mut best: [Option<(usize, usize)>; 7] = [None; 7];
        let mut roles = vec![None; names.len()];
        for (place, name) in names.iter().enumerate() {
            let Meaning::Part(role, rank) = find_meaning(name) else { continue };
            let known = &mut best[role as usize];
            match *known {
                // All tags of a row are its tags.
                _ if role == Role::Tags => {}
                Some((before, _)) if before == rank => {
                    let name = Excerpt::new(name.to_lowercase());
                    return Err(format!("the column {name} appears twice; remove one"));
                }
                Some((before, _)) if before < rank => continue,
                Some((_, other)) => roles[other] = None,
                None => {}
            }
            *known = Some((rank, place));
            roles[place] = Some(role);
        }
        if !roles.contains(&Some(Role::Content)) {
            return Err("the column content is missing; the first row must name it".to_owned());
        }
        let mut passed_over = PassedOver::default();
        for (name, role) in names.iter().zip(&roles) {
            if role.is_none() && find_meaning(name) != Meaning::Bookkeeping && !name.is_empty() {
                passed_over.add(name);
            }
        }
        let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
        let form = if has("act") && has("prompt") { Form::PromptsChat } else { Form::Plain };
        let is_column = |name: &&str| COLUMNS.iter().any(|own| own.eq_ignore_ascii_case(name));
        let is_own = names.iter().all(is_column);
        let notes = passed_over.describe("column").into_iter().collect();
        Ok(Self { roles, form, is_own, notes })
    }

    /// Returns the text of a cell as it was before it was exported.
    fn strip_guard<'a>(&self, cell: &'a str) -> &'a str {
        if self.is_own { strip_guard(cell) } else { cell }
    }

    /// Returns what a row is called, as far as it can be read.
    pub(super) fn label(&self, row: &Row) -> Option<Excerpt> {
        let mut labels = [Role::Name, Role::Title].into_iter().filter_map(|wanted| {
            let mut cells = self.roles.iter().zip(row.cells());
            let (_, cell) = cells.find(|(role, _)| **role == Some(wanted))?;
            let text = String::from_utf8_lossy(cell);
            let label = Excerpt::new(self.strip_guard(&text).trim());
            (!label.is_empty()).then_some(label)
        });
        labels.next()
    }

    /// Reads a row.
    pub(super) fn read_row(&self, row: &Row) -> Result<Settled, Invalid> {
        if let Some(fault) = row.fault {
            return Err(invalid_field("row", fault.describe()));
        }
        // Spreadsheets write empty cells behind those of the table.
        let has_more = row.cells().skip(self.roles.len()).any(|cell| !cell.is_empty());
        if has_more || row.len() < self.roles.len() {
            // RFC 4180, section 2, rule 4: each row has as many cells as the others.
            let (count, columns) = (row.len(), self.roles.len());
            let message = format!("has {count} cells; the first row has {columns}");
            return Err(invalid_field("row", message));
        }
        let mut faults = Faults::default();
        let mut record = Record::default();
        for (role, cell) in self.roles.iter().zip(row.cells()) {
            let Some(role) = *role else { continue };
            let text = str::from_utf8(cell).map_err(|_| NOT_UTF8.to_owned());
            let Some(text) = faults.check(role.field(), text) else { continue };
            self.read_cell(&mut record, role, self.strip_guard(text));
        }
        faults.finish(Some(record))?.settle(self.form)
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
        None => serde_json::from_str(text).map_err(|error| cut_serde_error(&error.to_string())),
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
