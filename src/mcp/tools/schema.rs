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

/// Builds the schema of a tool's structured content, in which every tool may have a `hint`.
pub(super) fn output_schema_of<T: JsonSchema>() -> Arc<JsonObject> {
    let mut schema = schema_of::<T>();
    if let Some(Value::Object(properties)) = Arc::make_mut(&mut schema).get_mut("properties") {
        properties.entry("hint").or_insert_with(|| json!({ "type": "string" }));
    }
    schema
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

/// Removes `null` alternatives.
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
            object.values_mut().for_each(simplify);
        }
        Value::Array(values) => values.iter_mut().for_each(simplify),
        _ => {}
    }
}
