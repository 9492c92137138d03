//! What a match of Espanso says about its variables: the fields of a form, and the variables of a replacement
//! (espanso.org/docs/matches/forms and /variables).

use serde_json::{Map, Value};

use crate::domain::draft::VariableDraft;
use crate::domain::transfer::record::PassedOver;
use crate::domain::transfer::values::read_text;

/// The fields that declare variables.
pub(super) const FIELDS: [&str; 2] = ["vars", "form_fields"];

/// Reads a field of [`FIELDS`], which is called `key`. A date, a clipboard or the output of a program is passed
/// over: the user of the prompt fills it in.
pub(super) fn read_variables(
    key: &str,
    value: &Value,
    variables: &mut Vec<VariableDraft>,
    passed_over: &mut PassedOver,
) {
    match value {
        Value::Object(fields) => {
            variables.extend(fields.iter().map(|(name, field)| read_field(name, field)));
        }
        Value::Array(vars) => {
            for var in vars {
                if !read_variable(var, variables) {
                    let name = var.get("name").and_then(Value::as_str).unwrap_or_default();
                    passed_over.add(&format!("{key}.{name}"));
                }
            }
        }
        _ => passed_over.add(key),
    }
}

/// Reads a variable of a replacement. Returns whether a prompt has a place for it.
fn read_variable(var: &Value, variables: &mut Vec<VariableDraft>) -> bool {
    let empty = Map::new();
    let params = var.get("params").and_then(Value::as_object).unwrap_or(&empty);
    let Some(name) = var.get("name").and_then(Value::as_str) else { return false };
    let (description, default) = match var.get("type").and_then(Value::as_str) {
        Some("echo") => (None, params.get("echo").and_then(read_text)),
        Some("choice") => (params.get("values").and_then(list_choices), None),
        Some("random") => (params.get("choices").and_then(list_choices), None),
        Some("form") => {
            let fields = params.get("fields").and_then(Value::as_object).unwrap_or(&empty);
            variables.extend(fields.iter().map(|(name, field)| read_field(name, field)));
            return true;
        }
        _ => return false,
    };
    variables.push(VariableDraft { name: name.to_owned(), description, default });
    true
}

fn read_field(name: &str, field: &Value) -> VariableDraft {
    VariableDraft {
        name: name.to_owned(),
        description: field.get("values").and_then(list_choices),
        default: field.get("default").and_then(read_text),
    }
}

/// Describes a list of choices, or a text with one in each line.
fn list_choices(values: &Value) -> Option<String> {
    let choices: Vec<String> = match values {
        Value::Array(list) => {
            list.iter().filter_map(|one| read_text(one.get("label").unwrap_or(one))).collect()
        }
        text => read_text(text)?.lines().map(str::to_owned).collect(),
    };
    (!choices.is_empty()).then(|| format!("One of: {}", choices.join(", ")))
}
