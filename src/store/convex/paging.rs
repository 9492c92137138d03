//! Cursors of the functions' listings, and pages of domain values.

use serde_json::{Map, Value};

use super::wire::Whole;
use crate::domain::paging::{Cursor, Page};
use crate::store::{StoreError, StoreResult};

/// The fields of positions that are texts; the others are whole numbers.
const TEXTS: [&str; 2] = ["name", "model"];

/// The cursors of one listing: its kind, and the fields of a function's `next` that they contain.
pub(super) struct CursorOf<'a, const N: usize> {
    pub(super) kind: &'a str,
    pub(super) fields: [&'a str; N],
}

impl<const N: usize> CursorOf<'_, N> {
    /// The `after` of a call.
    pub(super) fn open(&self, cursor: Option<&Cursor>) -> StoreResult<Option<Map<String, Value>>> {
        let Some(cursor) = cursor else { return Ok(None) };
        let parts = cursor.decode::<N>(self.kind).ok_or(StoreError::InvalidCursor)?;
        let mut after = Map::new();
        for (field, part) in self.fields.iter().zip(parts) {
            let value = if TEXTS.contains(field) {
                Value::from(part)
            } else {
                Value::from(part.parse::<i64>().map_err(|_| StoreError::InvalidCursor)?)
            };
            after.insert((*field).to_owned(), value);
        }
        Ok(Some(after))
    }

    /// The cursor for a function's `next`.
    pub(super) fn seal(&self, next: &Map<String, Value>) -> Cursor {
        let parts = self.fields.map(|field| part_of(next.get(field)));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        Cursor::encode(self.kind, &parts)
    }
}

/// The text of a field of `next`: a text or a whole number.
fn part_of(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(number) => serde_json::from_value::<Whole>(number.clone())
            .map(|number| number.number().to_string())
            .unwrap_or_default(),
        None => String::new(),
    }
}

/// A page of wire forms as a page of domain values; empty for `None`.
pub(super) fn domain_page<W: Into<T>, T>(found: Option<(Vec<W>, Option<Cursor>)>) -> Page<T> {
    let (items, next) = found.unwrap_or_default();
    Page { items: items.into_iter().map(W::into).collect(), next }
}
