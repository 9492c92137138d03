//! What the values of JSON and YAML of other programs say.

use serde_json::{Map, Value};

use super::record::{PassedOver, Record};
use super::{parse_favorite, split_tags};
use crate::domain::draft::VariableDraft;
use crate::domain::excerpt::Message;

/// Returns a text, or a number or a mark as it is written.
pub(super) fn read_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(mark) => Some(mark.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the tags of a list of texts or of objects with a name, or of one of them. `None` for a value that
/// has none.
pub(super) fn read_tags(value: &Value, notes: &mut Vec<Message>) -> Option<Vec<String>> {
    let Value::Array(list) = value else {
        let name = value.get("name").and_then(read_text).map(|name| vec![name]);
        return name.or_else(|| read_text(value).map(|text| split_tags(&text)));
    };
    let mut tags = Vec::new();
    let mut is_odd = false;
    for tag in list.iter().filter(|tag| !tag.is_null()) {
        // prompts.chat has the relation around each tag.
        let tag = tag.get("tag").unwrap_or(tag);
        let named = ["name", "title", "label"].into_iter().find_map(|key| tag.get(key));
        let tag = read_text(named.unwrap_or(tag));
        is_odd |= tag.is_none();
        tags.extend(tag);
    }
    if is_odd {
        notes.push("Tags that are neither texts nor objects with a name were left out.".into());
    }
    Some(tags)
}

/// Reads the variables of a list of names or of objects with a name, or of a map from names to objects or
/// to defaults. Returns whether the value is one of these.
pub(super) fn read_variables(value: &Value, record: &mut Record) -> bool {
    let mut variables = Vec::new();
    let mut has_unnamed = false;
    match value {
        Value::Array(list) => {
            for variable in list.iter().filter(|variable| !variable.is_null()) {
                let name = variable.get("name").unwrap_or(variable);
                match read_text(name) {
                    Some(name) => {
                        variables.push(read_variable(name, variable, &mut record.passed_over));
                    }
                    None => has_unnamed = true,
                }
            }
        }
        Value::Object(map) => {
            for (name, variable) in map {
                let default = read_text(variable);
                let read = read_variable(name.clone(), variable, &mut record.passed_over);
                variables.push(VariableDraft { default: default.or(read.default), ..read });
            }
        }
        _ => return false,
    }
    if has_unnamed {
        record.notes.push("Variables without a name were left out.".into());
    }
    record.variables = Some(variables);
    true
}

/// Reads a mark. Returns whether the value is one, or a text that was meant as one.
pub(super) fn read_favorite(value: &Value, record: &mut Record) -> bool {
    match read_text(value).as_deref().map(parse_favorite) {
        Some(Ok(favorite)) => record.favorite = Some(favorite),
        Some(Err(note)) => record.notes.push(note),
        None => return false,
    }
    true
}

/// Reads what an object says about a variable. Anything else says nothing.
fn read_variable(name: String, value: &Value, passed_over: &mut PassedOver) -> VariableDraft {
    let empty = Map::new();
    let fields = value.as_object().unwrap_or(&empty);
    let mut text = |key: &str| {
        let value = fields.get(key).filter(|value| !value.is_null())?;
        let text = read_text(value);
        if text.is_none() {
            passed_over.add(&format!("variables.{key}"));
        }
        text
    };
    let (description, default) = (text("description"), text("default"));
    for key in fields.keys().filter(|key| !["name", "description", "default"].contains(&&***key)) {
        passed_over.add(&format!("variables.{key}"));
    }
    VariableDraft { name, description, default }
}
