//! JSON Schemas of the tools' inputs and outputs, in the form that MCP clients read best.

use std::sync::Arc;

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::mcp::input::{ITEMS_FAIL_ALONE, Shape};

/// Builds the schema of a type, in JSON Schema 2020-12: one object without `$ref`.
///
/// An optional field is one that may be absent. `null` is not among its types, for some clients
/// refuse a list of types.
pub(super) fn schema_of<T: JsonSchema>() -> Arc<JsonObject> {
    let mut schema = generate::<T>();
    remove_private_keywords(&mut schema);
    match schema {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}

/// Builds what [`Shape::mend`] reads of the schema of a tool's input.
pub(super) fn shape_of<T: JsonSchema>() -> Shape {
    Shape::from_schema(&generate::<T>())
}

/// Builds a schema with the number formats of schemars, which name the types' ranges.
fn generate<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let mut schema = schema.to_value();
    simplify(&mut schema);
    if let Value::Object(object) = &mut schema {
        // The tool has a title and a description of its own.
        object.remove("title");
        object.remove("description");
        object.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    }
    schema
}

/// Removes the keywords that JSON Schema does not define: they are for [`Shape::from_schema`].
fn remove_private_keywords(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // A property of this name has a schema; only the keyword has a text.
            if object.get("format").is_some_and(Value::is_string) {
                object.remove("format");
            }
            object.remove(ITEMS_FAIL_ALONE);
            object.values_mut().for_each(remove_private_keywords);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_private_keywords),
        _ => {}
    }
}

/// Builds the schema of a tool's output. A tool has its structure from it, and what its fields are for
/// from the descriptions of the outermost ones: each chat pays for every word of the list of tools.
///
/// Every output may have a `hint`.
pub(super) fn output_schema_of<T: JsonSchema>() -> Arc<JsonObject> {
    let mut schema = JsonObject::clone(&schema_of::<T>());
    for field in fields_of(&mut schema) {
        field.values_mut().for_each(remove_details);
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.entry("hint").or_insert_with(|| json!({ "type": "string" }));
    }
    Arc::new(schema)
}

/// Builds the schema of an output whose fields another tool has as well, with the outermost ones
/// alone.
pub(super) fn shallow_output_schema_of<T: JsonSchema>() -> Arc<JsonObject> {
    let mut schema = JsonObject::clone(&output_schema_of::<T>());
    for field in fields_of(&mut schema) {
        field.retain(|key, _| matches!(key.as_str(), "type" | "description"));
    }
    Arc::new(schema)
}

/// Returns the schemas of the outermost properties.
fn fields_of(schema: &mut JsonObject) -> impl Iterator<Item = &mut JsonObject> {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    properties.into_iter().flat_map(|fields| fields.values_mut().filter_map(Value::as_object_mut))
}

/// Removes descriptions, lists of the fields that are always there, and the bounds that every number
/// without a sign has.
fn remove_details(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // A property may have these names as well; it is an object.
            object.retain(|key, value| match key.as_str() {
                "description" => !value.is_string(),
                "required" => !value.is_array(),
                "minimum" => *value != 0,
                _ => true,
            });
            object.values_mut().for_each(remove_details);
        }
        Value::Array(values) => values.iter_mut().for_each(remove_details),
        _ => {}
    }
}

/// Removes `null` alternatives, and the line breaks of descriptions.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(alternatives)) = object.get_mut("anyOf") {
                alternatives.retain(|alternative| alternative["type"] != "null");
                if let [Value::Object(only)] = alternatives.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    object.extend(only);
                }
            }
            if let Some(Value::Array(values)) = object.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            object.retain(|key, value| key != "default" || !value.is_null());
            if let Some(Value::String(text)) = object.get_mut("description") {
                // The lines of a comment are those of the source.
                *text = text.replace('\n', " ");
            }
            object.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}
