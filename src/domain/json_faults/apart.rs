//! Setting apart the faulty items of a list whose items fail alone, before the text is parsed.
//!
//! Lone surrogates keep a whole text from being parsed, and a parser would drop all but one of
//! repeated keys without a word. So such an item becomes a JSON text of itself, which every parser
//! reads, and which the type of the item refuses by its own faults.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value;
use serde_json::value::RawValue;

use super::JsonFaults;

/// Sets apart the faulty items of the named lists of an object. Returns `None` if there are none.
pub(crate) fn set_apart(object: &str, lists: &[&str]) -> Option<String> {
    let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(object).ok()?;
    let mut faulty = Vec::new();
    for list in lists {
        let Some(list) = members.get(*list) else { continue };
        // What is not a list is left for its shape to refuse.
        let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(list.get()) else { continue };
        let items = items.into_iter().map(RawValue::get);
        faulty.extend(items.filter(|item| is_faulty(item)).map(|item| (item, encode(item))));
    }
    (!faulty.is_empty()).then(|| replace(object, &faulty))
}

/// Returns whether a JSON text has a fault for which it is set apart.
pub(crate) fn is_faulty(text: &str) -> bool {
    JsonFaults::find(text.as_bytes()).is_some()
}

/// Returns a text as a string of JSON.
pub(crate) fn encode(text: &str) -> String {
    Value::from(text).to_string()
}

/// Replaces parts of a text, which are slices of it that do not overlap.
pub(crate) fn replace(text: &str, parts: &[(&str, String)]) -> String {
    let (mut replaced, mut end) = (String::with_capacity(text.len()), 0);
    let start_of = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
    let mut in_order: Vec<_> = parts.iter().map(|(part, by)| (start_of(part), part, by)).collect();
    in_order.sort_unstable_by_key(|(start, ..)| *start);
    for (start, part, by) in in_order {
        replaced.push_str(&text[end..start]);
        replaced.push_str(by);
        end = start + part.len();
    }
    replaced.push_str(&text[end..]);
    replaced
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(object: &str, expected: Option<Value>) {
        let apart = set_apart(object, &["items"]);
        assert_eq!(apart.map(|text| serde_json::from_str(&text).unwrap()), expected, "{object}");
    }

    #[test]
    fn each_faulty_item_becomes_its_own_text() {
        check(
            r#"{"é": 1, "items": [{"a": 1}, {"a": 1, "a": 2}, "b", {"c":"é", "c":1} ], "z": 1}"#,
            Some(json!({
                "é": 1, "z": 1,
                "items": [{ "a": 1 }, r#"{"a": 1, "a": 2}"#, "b", r#"{"c":"é", "c":1}"#],
            })),
        );
        let half = json!({ "items": [r#""\udc00""#, 1] });
        check(r#"{"items": ["\udc00", 1]}"#, Some(half));
    }

    #[test]
    fn whatever_is_whole_or_elsewhere_stays() {
        for object in [
            r#"{"items": [{"a": 1}, {"a": 1}, "x\ud83d\ude00"]}"#,
            r#"{"tags": [{"a": 1, "a": 2}]}"#,
            r#"{"items": {"a": 1, "a": 2}}"#,
            r#"{"items": "text", "a": 1, "a": 2}"#,
            r#"["x"]"#,
            "7",
        ] {
            check(object, None);
        }
    }
}
