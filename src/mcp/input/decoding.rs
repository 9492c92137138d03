//! The readings of one value as a value of another type.

use serde_json::value::RawValue;
use serde_json::{Number, Value};

use crate::domain::json_faults::{has_repeated_key, is_faulty};

/// How many times an array or an object may be encoded as JSON text: a client encodes it once, and a
/// model that was given the schema as text sometimes once more.
const LAYERS_MAX: usize = 2;

/// Integers below this are exact in a JSON number of double precision (RFC 8259, section 6).
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// Decodes JSON text of an array or an object. Every other text is `None`, at the cost of its first
/// character.
///
/// `serde_json` reads at most 128 levels, so a text of brackets alone fails early.
pub(super) fn decode_structure(text: &str) -> Option<Value> {
    let mut layer = None;
    for _ in 0..LAYERS_MAX {
        let text = layer.as_deref().unwrap_or(text);
        if !looks_encoded(text) {
            return None;
        }
        match serde_json::from_str(text).ok()? {
            Value::String(inner) => layer = Some(inner),
            value @ (Value::Array(_) | Value::Object(_)) => {
                // With a repeated key it has several readings.
                return (!has_repeated_key(text.as_bytes())).then_some(value);
            }
            _ => return None,
        }
    }
    None
}

/// Decodes JSON text of an array whose items fail alone. A faulty item stays JSON text.
pub(super) fn decode_items(text: &str) -> Option<Vec<Value>> {
    let inner = serde_json::from_str::<String>(text);
    let text = inner.as_deref().unwrap_or(text);
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    let decode = |item: &RawValue| {
        if is_faulty(item.get()) {
            Ok(Value::from(item.get()))
        } else {
            serde_json::from_str(item.get())
        }
    };
    items.into_iter().map(decode).collect::<Result<_, _>>().ok()
}

/// Returns whether a text begins as JSON text of an array, an object or a text.
pub(super) fn looks_encoded(text: &str) -> bool {
    text.trim_start().starts_with(['[', '{', '"'])
}

/// Decodes a text that is the only spelling of a number: `20`, and neither `020` nor `2e1`.
pub(super) fn decode_number(text: &str) -> Option<Number> {
    // JSON's numbers begin with these; the longest that serde_json writes has 24 characters.
    let can_be_number =
        text.len() <= 24 && text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    if !can_be_number {
        return None;
    }
    let number: Number = serde_json::from_str(text).ok()?;
    (number.to_string() == text).then_some(number)
}

/// Returns the integer that a number is, whether or not it is spelled with a fraction: 20.0 is 20.
pub(super) fn to_integer(number: &Number) -> Option<i128> {
    let integer = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    integer.or_else(|| {
        let float = number.as_f64()?;
        let is_whole = float.fract() == 0.0 && float.abs() < EXACT_INTEGERS;
        // The text of a whole number in this range has no exponent.
        if is_whole { format!("{float:.0}").parse().ok() } else { None }
    })
}

/// Returns the text of a number or a boolean: 3.0, which a client may write for 3, is `3`. A number of
/// more digits than were kept has none.
pub(super) fn to_text(value: &Value) -> Option<String> {
    match value {
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Number(number) => {
            if let Some(integer) = to_integer(number) {
                return Some(integer.to_string());
            }
            let is_exact = number.as_f64()?.abs() < EXACT_INTEGERS;
            is_exact.then(|| number.to_string())
        }
        _ => None,
    }
}

/// Splits a text at its commas. Returns `None` if nothing is between them, or if it may be separated in
/// another way as well.
pub(super) fn split_at_commas(text: &str) -> Option<Vec<Value>> {
    let is_ambiguous = text.contains([';', '|', '\n', '，', '、'])
        || text.split(',').any(|part| part.matches('#').count() > 1);
    if is_ambiguous {
        return None;
    }
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let parts: Vec<Value> = parts.map(Value::from).collect();
    (!parts.is_empty()).then_some(parts)
}
