//! The parameters of requests, where rmcp parses them before a handler can mend its arguments.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::apart::set_apart_in_call;
use super::shape::{Field, Record, Shape, Text};
use crate::domain::json_faults::has_repeated_key;
use crate::domain::{FieldError, Invalid};

/// The methods with parameters of their own, and the shape of these.
static PARAMS: LazyLock<[(&str, Shape); 6]> = LazyLock::new(|| {
    // What the arguments hold is the business of the tool or the prompt.
    let call = || record(vec![required("name", text()), optional("arguments", map(Shape::Any))]);
    let argument = record(vec![required("name", text()), required("value", text())]);
    let context = record(vec![optional("arguments", map(text()))]);
    let kinds = ["ref/prompt", "ref/resource"].map(str::to_owned).to_vec();
    let kind = Shape::Text(Text { choices: kinds, accepts_empty: false });
    let reference = vec![required("type", kind), optional("name", text()), optional("uri", text())];
    let complete = record(vec![
        required("ref", record(reference)),
        required("argument", argument),
        optional("context", context),
    ]);
    let client = record(vec![required("name", text()), required("version", text())]);
    let initialize = record(vec![
        required("protocolVersion", text()),
        required("capabilities", record(Vec::new())),
        required("clientInfo", client),
    ]);
    [
        ("tools/call", call()),
        ("prompts/get", call()),
        ("completion/complete", complete),
        ("resources/read", record(vec![required("uri", text())])),
        ("skills/get", record(vec![required("uri", text())])),
        ("initialize", initialize),
    ]
});

/// An object with values of texts, as prompts take their arguments.
static TEXTS: LazyLock<Shape> = LazyLock::new(|| map(text()));

fn text() -> Shape {
    Shape::Text(Text { choices: Vec::new(), accepts_empty: true })
}

fn map(values: Shape) -> Shape {
    Shape::Map(Box::new(values))
}

/// The parameters of a request have further members, such as `_meta`, which are not arguments.
fn record(fields: Vec<Field>) -> Shape {
    Shape::Record(Record { fields, keeps_unknown: true })
}

fn required(name: &str, shape: Shape) -> Field {
    Field { name: name.to_owned(), is_required: true, shape }
}

fn optional(name: &str, shape: Shape) -> Field {
    Field { name: name.to_owned(), is_required: false, shape }
}

fn find_shape(method: &str) -> Option<&'static Shape> {
    PARAMS.iter().find(|(known, _)| *known == method).map(|(_, shape)| shape)
}

/// Returns a request of `method` with its parameters mended, or `None` if there is nothing to mend.
///
/// Meant for a request that is not plainly well formed: this parses it as a whole. Its id and all other
/// members stay. Faults that concern [one item of a list](super::apart) stay as that item's; a message
/// with other repeated keys is not mended. `input_of` returns the shape of a tool's arguments.
pub(in crate::mcp) fn mend_message(
    method: &str,
    body: &[u8],
    input_of: fn(&str) -> Option<&'static Shape>,
) -> Option<Vec<u8>> {
    let shape = find_shape(method)?;
    let apart = if method == "tools/call" {
        str::from_utf8(body).ok().and_then(|text| set_apart_in_call(text, input_of))
    } else {
        None
    };
    let body = apart.as_ref().map_or(body, String::as_bytes);
    if has_repeated_key(body) {
        return None;
    }
    let mut message: JsonObject = serde_json::from_slice(body).ok()?;
    let params = message.get_mut("params")?.as_object_mut()?;
    let mended = shape.mend(params).ok()?;
    if mended.is_changed {
        return serde_json::to_vec(&message).ok();
    }
    apart.map(String::into_bytes)
}

/// Returns what is wrong with the parameters of a request, or `None` if its method has no shape or
/// the parameters fit it.
pub(in crate::mcp) fn explain_invalid_params(
    method: &str,
    params: Option<Value>,
) -> Option<Invalid> {
    let shape = find_shape(method)?;
    match params {
        Some(Value::Object(mut params)) => {
            shape.mend(&mut params).err().map(|rejected| rejected.invalid)
        }
        _ => Some(FieldError::new("params", "must be object").into()),
    }
}

/// Parses the arguments of a prompt. A number or a boolean is read as its text, and `null` as absent.
///
/// # Errors
/// If an argument is an array or an object.
pub(in crate::mcp) fn parse_texts(
    mut arguments: JsonObject,
) -> Result<BTreeMap<String, String>, Invalid> {
    TEXTS.mend(&mut arguments).map_err(|rejected| rejected.invalid.within("arguments"))?;
    let texts = arguments.into_iter().filter_map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        // Mending leaves texts alone.
        _ => None,
    });
    Ok(texts.collect())
}
