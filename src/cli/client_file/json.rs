//! Edits of JSON that keep comments, order, indentation and trailing commas.

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde::de::IgnoredAny;
use serde_json::Value;

use super::EditError;
use super::edit::Plan;

/// JSON with comments and trailing commas, and no other extension of the parser.
const DIALECT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Parses a file; an empty one is null. Errors name the position.
pub(super) fn parse(text: &str, allows_comments: bool) -> Result<Value, String> {
    if !allows_comments && !text.trim().is_empty() {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| error.to_string())?;
    }
    Ok(parse_tree(text)?.to_serde_value().unwrap_or_default())
}

fn parse_tree(text: &str) -> Result<CstRootNode, String> {
    CstRootNode::parse(text, &DIALECT).map_err(|error| error.to_string())
}

/// Writes the fields that differ, into an entry that is created if it is missing.
pub(super) fn apply(
    text: &str,
    section: &[&str],
    name: &str,
    plan: &Plan,
) -> Result<String, EditError> {
    let root = parse_tree(text).map_err(|_| EditError::Form)?;
    let mut object = root
        .object_value_or_create()
        .ok_or_else(|| EditError::Shape("its content is not an object".to_owned()))?;
    let path = [section, &[name]].concat();
    for depth in 0..path.len() {
        object = get_or_create_object(&object, path[depth], &path[..=depth].join("."))?;
    }
    for name in &plan.remove {
        if let Some(old) = object.get(name) {
            old.remove();
        }
    }
    for (name, value) in &plan.set {
        match object.get(name) {
            Some(old) => old.set_value(node(value)),
            None => {
                object.append(name, node(value));
            }
        }
    }
    Ok(root.to_string())
}

/// Removes an entry that exists.
pub(super) fn remove(text: &str, section: &[&str], name: &str) -> Result<String, EditError> {
    let root = parse_tree(text).map_err(|_| EditError::Form)?;
    let mut object = root.object_value().ok_or(EditError::Form)?;
    for name in section {
        object = object.object_value(name).ok_or(EditError::Form)?;
    }
    object.get(name).ok_or(EditError::Form)?.remove();
    Ok(root.to_string())
}

fn node(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(flag) => CstInputValue::Bool(*flag),
        Value::Number(number) => CstInputValue::Number(number.to_string()),
        Value::String(text) => text.as_str().into(),
        Value::Array(list) => CstInputValue::Array(list.iter().map(node).collect()),
        Value::Object(fields) => CstInputValue::Object(
            fields.iter().map(|(name, value)| (name.clone(), node(value))).collect(),
        ),
    }
}

/// Returns the object in the field `name`, which is created if it is missing. Errors call it
/// `path`.
fn get_or_create_object(
    object: &CstObject,
    name: &str,
    path: &str,
) -> Result<CstObject, EditError> {
    let properties = object.properties();
    // Which of several fields of one name counts is undefined (RFC 8259, section 4), so an edit of
    // one of them may have no effect. Names are compared after their escapes are decoded.
    let same = properties.iter().filter(|field| field.decoded_name().as_deref() == Some(name));
    if same.count() > 1 {
        return Err(EditError::Shape(format!("it has {path} more than once")));
    }
    object
        .object_value_or_create(name)
        .ok_or_else(|| EditError::Shape(format!("its {path} is not an object")))
}
