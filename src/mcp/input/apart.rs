//! Setting apart the [faulty items](crate::domain::json_faults) of a tool's lists whose items fail
//! alone.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::decoding::looks_encoded;
use super::shape::Shape;
use crate::domain::json_faults::{encode, replace, set_apart};

/// The members of a call that decide where its lists are.
#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow)]
    params: CallParams<'a>,
}

#[derive(Deserialize)]
struct CallParams<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    arguments: &'a RawValue,
}

/// Returns a `tools/call` with its faulty items set apart, or `None` if there are none. `find_shape`
/// returns the shape of a tool's arguments.
pub(in crate::mcp) fn set_apart_in_call(
    text: &str,
    find_shape: impl Fn(&str) -> Option<&'static Shape>,
) -> Option<String> {
    let Call { params: CallParams { name, arguments } } = serde_json::from_str(text).ok()?;
    let Shape::Record(record) = find_shape(&name)? else { return None };
    let lists = record.fields.iter().filter(|field| field.shape.fails_item_by_item());
    let lists: Vec<&str> = lists.map(|field| field.name.as_str()).collect();
    if lists.is_empty() {
        return None;
    }
    let given = arguments.get();
    let by = match serde_json::from_str::<String>(given) {
        // The arguments as JSON text.
        Ok(encoded) if looks_encoded(&encoded) => encode(&set_apart(&encoded, &lists)?),
        Ok(_) => return None,
        Err(_) => set_apart(given, &lists)?,
    };
    Some(replace(text, &[(given, by)]))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use serde_json::{Value, json};

    use super::*;

    static SHAPE: LazyLock<Shape> = LazyLock::new(|| {
        Shape::from_schema(&json!({
            "type": "object",
            "properties": {
                "items": { "type": "array", "items": {}, "x-items-fail-alone": true },
                "tags": { "type": "array", "items": {} },
            },
        }))
    });

    fn apart(arguments: &str) -> Option<Value> {
        let text = format!(
            r#"{{"id": "\ud83d", "params": {{"name": "t", "arguments": {arguments}}}, "x": "é"}}"#
        );
        let apart = set_apart_in_call(&text, |name| (name == "t").then_some(&*SHAPE))?;
        assert!(apart.starts_with(r#"{"id": "\ud83d", "#) && apart.ends_with(r#", "x": "é"}"#));
        let apart = apart.replace(r"\ud83d", "");
        Some(serde_json::from_str::<Value>(&apart).unwrap()["params"]["arguments"].take())
    }

    #[test]
    fn the_items_of_arguments_and_of_their_text_are_set_apart() {
        let arguments = r#"{"items": [{"a": 1, "a": 2}], "x": 1}"#;
        let expected = json!({ "items": [r#"{"a": 1, "a": 2}"#], "x": 1 });
        assert_eq!(apart(arguments), Some(expected));
        let encoded = Value::from(r#"{"items": [{"a": 1, "a": 2}]}"#).to_string();
        let expected = r#"{"items": ["{\"a\": 1, \"a\": 2}"]}"#;
        assert_eq!(apart(&encoded), Some(Value::from(expected)));
    }

    #[test]
    fn other_arguments_stay() {
        for arguments in
            [r#"{"tags": [{"a": 1, "a": 2}]}"#, r#"{"items": []}"#, r#"["x"]"#, r#""text""#, "7"]
        {
            assert_eq!(apart(arguments), None, "{arguments}");
        }
    }
}
