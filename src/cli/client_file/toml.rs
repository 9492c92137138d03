//! Edits of TOML that keep comments, order and the form of each table.

use serde_json::Value;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike};

use super::EditError;
use super::edit::Plan;

/// Parses a file. Errors name the position.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        // The error shows the line in several lines of its own; the last one says what is wrong.
        let line = text[..error.span().map_or(0, |span| span.start)].matches('\n').count() + 1;
        format!("line {line}: {}", error.message())
    })?;
    Ok(table_json(document.as_table()))
}

/// Writes the fields that differ, into a table that is created if it is missing.
pub(super) fn apply(
    text: &str,
    section: &[&str],
    name: &str,
    plan: &Plan,
) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Form)?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for (depth, key) in section.iter().chain([&name]).enumerate() {
        let is_inline = !table.is_empty() && table.iter().all(|(_, item)| item.is_inline_table());
        let mut new = Table::new();
        // `[mcp_servers]` alone says nothing, so only the entry's own header is written.
        new.set_implicit(depth < section.len());
        let new = if is_inline { Item::Value(InlineTable::new().into()) } else { Item::Table(new) };
        table = table.entry(key).or_insert(new).as_table_like_mut().ok_or(EditError::Form)?;
    }
    for name in &plan.remove {
        table.remove(name);
    }
    for (name, value) in &plan.set {
        let mut value = toml_value(value)?;
        if let Some(old) = table.get(name).and_then(Item::as_value) {
            // A comment at the end of the line belongs to the value.
            *value.decor_mut() = old.decor().clone();
        }
        table.insert(name, Item::Value(value));
    }
    Ok(with_line_ends_of(text, document.to_string()))
}

/// Removes a table that exists.
pub(super) fn remove(text: &str, section: &[&str], name: &str) -> Result<String, EditError> {
    let mut document: DocumentMut = text.parse().map_err(|_| EditError::Form)?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in section {
        let item = table.get_mut(key).ok_or(EditError::Form)?;
        table = item.as_table_like_mut().ok_or(EditError::Form)?;
    }
    table.remove(name);
    Ok(with_line_ends_of(text, document.to_string()))
}

/// The library ends each line with a line feed; a file of Windows keeps its own ends.
fn with_line_ends_of(before: &str, after: String) -> String {
    let is_windows = before.contains("\r\n") && !before.replace("\r\n", "").contains('\n');
    if is_windows { after.replace("\r\n", "\n").replace('\n', "\r\n") } else { after }
}

fn toml_value(value: &Value) -> Result<toml_edit::Value, EditError> {
    Ok(match value {
        Value::Bool(flag) => (*flag).into(),
        Value::Number(number) => number.as_i64().ok_or(EditError::Form)?.into(),
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => {
            let list = list.iter().map(toml_value).collect::<Result<Array, _>>()?;
            list.into()
        }
        Value::Object(fields) => {
            let mut table = InlineTable::new();
            for (name, value) in fields {
                table.insert(name, toml_value(value)?);
            }
            table.into()
        }
        Value::Null => return Err(EditError::Form),
    })
}

fn table_json(table: &dyn TableLike) -> Value {
    let fields = table.iter().map(|(name, item)| (name.to_owned(), item_json(item)));
    Value::Object(fields.collect())
}

fn item_json(item: &Item) -> Value {
    match item {
        Item::None => Value::Null,
        Item::Value(value) => value_json(value),
        Item::Table(table) => table_json(table),
        Item::ArrayOfTables(tables) => tables.iter().map(|table| table_json(table)).collect(),
    }
}

fn value_json(value: &toml_edit::Value) -> Value {
    match value {
        toml_edit::Value::String(text) => text.value().as_str().into(),
        toml_edit::Value::Integer(number) => (*number.value()).into(),
        toml_edit::Value::Float(number) => number.value().to_string().into(),
        toml_edit::Value::Boolean(flag) => (*flag.value()).into(),
        toml_edit::Value::Datetime(time) => time.value().to_string().into(),
        toml_edit::Value::Array(list) => list.iter().map(value_json).collect(),
        toml_edit::Value::InlineTable(table) => table_json(table),
    }
}
