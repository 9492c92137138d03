//! Which values of a file are prompts, and which hold others.

use serde_json::{Map, Value};

use super::content::{has_content, is_chat, is_name};
use crate::domain::excerpt::Excerpt;
use crate::domain::transfer::fields::{Meaning, Role, find_meaning, simplify};

/// The fields that hold a list or a map of prompts, as [`simplify`] writes them.
const LISTS: [&str; 16] = [
    "prompts",
    "matches",
    "snippets",
    "items",
    "data",
    "results",
    "templates",
    "commands",
    "customprompts",
    "userprompts",
    "promptchains",
    "chains",
    "promptlist",
    "entries",
    "usercustom",
    // LangChain's, of what an object was made of.
    "kwargs",
];
/// The fields that hold folders of prompts. An empty folder is passed over without a note: most programs list
/// the folders beside the prompts.
const FOLDERS: [&str; 5] = ["folders", "collections", "groups", "children", "sections"];

/// What a field holds, as its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holding {
    Prompts,
    Folders,
    Other,
}

impl Holding {
    pub(super) fn of(field: &str) -> Self {
        let plain = simplify(field);
        match () {
            () if LISTS.contains(&&*plain) => Self::Prompts,
            () if FOLDERS.contains(&&*plain) => Self::Folders,
            () => Self::Other,
        }
    }
}

/// Whether an object has its prompts in a field, so that the texts beside it are about the file.
pub(super) fn is_container(object: &Map<String, Value>) -> bool {
    object.iter().any(|(key, value)| {
        let is_filled = match value {
            Value::Array(list) => !list.is_empty(),
            Value::Object(fields) => !fields.is_empty() && !has_content(fields),
            _ => false,
        };
        Holding::of(key) == Holding::Prompts && is_known(key) && is_filled
    })
}

/// Whether a field holds nothing but prompts. Programs have items, data and the like of other things, too.
pub(super) fn is_known(field: &str) -> bool {
    let plain = simplify(field);
    plain.contains("prompt") || plain == "snippets"
}

/// Whether a value is a prompt.
pub(super) fn is_prompt(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Object(fields) => has_content(fields),
        other => is_chat(other),
    }
}

/// Returns the title and the text of a list of these two.
pub(super) fn as_pair(value: &Value) -> Option<(&str, &str)> {
    match value.as_array()?.as_slice() {
        [Value::String(title), text @ Value::String(content)] if is_sentence(text) => {
            Some((title, content))
        }
        _ => None,
    }
}

/// Whether an object holds prompts: it has a list of them, or a folder with one.
pub(super) fn is_folder(value: &Value) -> bool {
    let fields = value.as_object().into_iter().flatten();
    fields.into_iter().any(|(key, value)| match (Holding::of(key), value) {
        (Holding::Prompts, Value::Array(list)) => !list.is_empty(),
        (Holding::Prompts, Value::Object(map)) => {
            is_map(map, is_known(key), is_text) || is_folder(value)
        }
        (Holding::Folders, Value::Array(list)) => list.iter().any(is_folder),
        (Holding::Folders, Value::Object(map)) => map.values().any(is_folder),
        _ => is_list_of_prompts(key, value),
    })
}

/// Returns what a folder is called.
pub(super) fn folder_name(folder: &Value) -> Option<&str> {
    let mut fields = folder.as_object()?.iter();
    fields.find_map(|(field, value)| value.as_str().filter(|_| is_name(field, value)))
}

/// Whether a field whose name is not known holds a list of prompts: objects with a content, which are not
/// the messages of a chat.
pub(super) fn is_list_of_prompts(key: &str, value: &Value) -> bool {
    find_meaning(key) == Meaning::Unknown
        && value.get(0).is_some_and(|first| {
            first.as_object().is_some_and(has_content) || as_pair(first).is_some()
        })
        && !is_chat(value)
}

/// Whether an object is a map from names to prompts or to folders of these. `is_known` says that the object
/// is where nothing but prompts is expected.
pub(super) fn is_map_of_prompts(object: &Map<String, Value>, is_known: bool) -> bool {
    let is_entry = |value: &Value| is_text(value) || is_folder(value) || is_map_of_texts(value);
    is_map(object, is_known, is_entry)
}

/// Whether a value is a map from names to texts, as a folder in a map is.
pub(super) fn is_map_of_texts(value: &Value) -> bool {
    value.as_object().is_some_and(|object| is_map(object, false, is_text))
}

/// Whether a value is a map from names to prompts that are objects, as settings are not.
pub(super) fn is_map_of_objects(value: &Value) -> bool {
    let is_entry = |value: &Value| value.is_object() && (is_prompt(value) || is_folder(value));
    value.as_object().is_some_and(|object| is_map(object, false, is_entry))
}

/// Whether an object has a prompt among its fields, or in one of these.
pub(super) fn has_inner_text(value: &Value) -> bool {
    let is_object = |value: &Value| value.as_object().is_some_and(has_content);
    value.as_object().is_some_and(|object| {
        object.values().any(|value| {
            is_object(value) || value.as_object().is_some_and(|inner| inner.values().any(is_object))
        })
    })
}

/// Whether an object is a map of entries. Settings and manifests are told apart: they have a name or a title
/// of their own, or more words and numbers than sentences.
fn is_map(object: &Map<String, Value>, is_known: bool, is_entry: impl Fn(&Value) -> bool) -> bool {
    let entries = object.iter().filter(|(key, value)| !is_aside(key, value));
    let (prompts, others): (Vec<_>, Vec<_>) = entries.partition(|(_, value)| is_entry(value));
    if is_known {
        return !prompts.is_empty() || others.iter().any(|(_, value)| value.is_string());
    }
    let is_own = |key: &str, value: &Value| {
        matches!(&*simplify(key), "name" | "title") && !value.is_object()
    };
    // A description alone is that of something else.
    let is_named =
        |key: &str| !matches!(find_meaning(key), Meaning::Part(Role::Description | Role::Tags, _));
    !object.iter().any(|(key, value)| is_own(key, value))
        && prompts.iter().any(|(key, value)| is_named(key) || value.is_object())
        && prompts.len() > others.len()
}

/// Whether an entry of a map says something about the file: it has no value, or is what programs keep for
/// themselves.
pub(super) fn is_aside(key: &str, value: &Value) -> bool {
    // `$schema` and the like are about the file.
    value.is_null() || key.starts_with('$') || is_bookkeeping(key) && !is_text(value)
}

/// Whether a field is one that programs keep for themselves, unless it has a text.
pub(super) fn is_bookkeeping(field: &str) -> bool {
    find_meaning(field) == Meaning::Bookkeeping
}

/// Whether a value is the text of a prompt, a prompt, or a list of texts.
pub(super) fn is_text(value: &Value) -> bool {
    match value {
        Value::String(_) => is_sentence(value),
        value => is_texts(value) || is_prompt(value),
    }
}

/// Whether a value is a list of sentences.
pub(super) fn is_texts(value: &Value) -> bool {
    let Value::Array(list) = value else { return false };
    !list.is_empty() && list.iter().all(is_sentence)
}

/// Whether a value is a text of more than a word, as far as words are told apart by spaces.
pub(super) fn is_sentence(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.split_whitespace().nth(1).is_some() || !text.is_ascii())
}

/// Returns the place of a field of an object, whose own place is empty for the file.
pub(super) fn join(at: &str, key: &str) -> String {
    let key = Excerpt::new(key).into_string();
    if at.is_empty() { key } else { format!("{at}.{key}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::transfer::{Item, json};

    /// Compares the places of what a file holds.
    #[track_caller]
    fn check(value: &Value, expected: &[&str]) {
        let mut places = Vec::new();
        let mut sink = |item: Item| {
            places.push(item.at.into_string());
            true
        };
        let read = json::read_value(value.to_string().as_bytes(), &mut sink, &mut Vec::new());
        assert_eq!(read.is_err(), expected.is_empty(), "{read:?}");
        assert_eq!(places, expected);
    }

    #[test]
    fn a_field_with_a_list_is_known_in_every_spelling() {
        for key in ["prompts", "Prompts", "custom_prompts", "promptChains", "user_custom"] {
            assert_eq!(Holding::of(key), Holding::Prompts, "{key}");
        }
        for key in ["prompt", "", "history", &"prompts".repeat(100_000)] {
            assert_eq!(Holding::of(key), Holding::Other, "{key:.20}");
        }
        assert_eq!(Holding::of("Folders"), Holding::Folders);
    }

    #[test]
    fn settings_and_manifests_hold_no_prompts() {
        for value in [
            json!({ "name": "app", "version": "1.0", "license": "MIT", "files": ["a b"] }),
            json!({ "title": "Draft", "description": "Not yet done", "prompt": null }),
            json!({ "theme": "dark", "size": 12, "servers": { "x": { "command": "run" } } }),
            json!({ "title": "A talk", "tags": ["fun", "sea"] }),
            json!({ "services": { "web": { "image": "x" } }, "volumes": ["a:b"] }),
        ] {
            check(&value, &[]);
        }
    }

    #[test]
    fn maps_hold_prompts_and_what_is_refused_beside_them() {
        check(
            &json!({
                "a": "Say it kindly.", "b": { "text": "x" }, "c": 7, "id": 1, "d": null,
                "e": [{ "role": "user", "content": "Hi" }],
                "f": ["Be kind, please.", "Be brief, please."],
            }),
            &["a", "b", "c", "e", "f[0]", "f[1]"],
        );
        check(
            &json!({ "My folders": [{ "name": "x", "prompts": ["Do it."] }] }),
            &["My folders[0].prompts[0]"],
        );
        check(
            &json!({ "title": "A", "prompt": "Do it.", "categories": ["x"], "children": [] }),
            &["the file"],
        );
        check(
            &json!({ "prompts": ["One."], "title": "A", "text": "Two." }),
            &["prompts[0]", "the file"],
        );
        check(&json!({ "prompt": { "title": "A", "text": "x" } }), &["prompt"]);
        check(&json!({ "翻译": "请翻译这段话" }), &["翻译"]);
    }

    #[test]
    fn the_names_of_prompts_may_be_those_of_fields_and_lists() {
        check(
            &json!({ "summary": "Sum it up.", "usage": "Explain the usage.", "help": "Help me with it." }),
            &["help", "summary", "usage"],
        );
        check(
            &json!({ "review": { "prompt": "a" }, "commands": { "prompt": "b" }, "fix": { "prompt": "c" } }),
            &["commands", "fix", "review"],
        );
        check(
            &json!({ "prompts": { "title": "Improve it.", "summary": "Short." } }),
            &["prompts.summary", "prompts.title"],
        );
        check(&json!({ "steps": 30, "model": "x" }), &[]);
        let schema = json!({ "type": "array", "description": "The list of items." });
        check(&json!({ "type": "object", "properties": { "items": schema } }), &[]);
        check(&json!({ "items": schema }), &[]);
        check(
            &json!({ "prompts": { "A": { "B": "Say it kindly.", "C": "Say it." } }, "data": { "k": "Do it." } }),
            &["data.k", "prompts.A.B", "prompts.A.C"],
        );
        check(
            &json!({ "a": { "items": ["One two."] }, "b": { "prompt": "Three." } }),
            &["a.items[0]", "b"],
        );
    }

    #[test]
    fn folders_are_searched_and_name_their_prompts() {
        let folder = json!({
            "id": 1, "name": null, "title": "Work",
            "prompts": [{ "prompt": "x" }, { "prompt": "y", "folder": "Own" }, "z"],
            "children": [{ "title": "Deep", "items": { "k": { "text": "w" } } }, { "name": "Empty" }],
        });
        let places = [
            "folders[0].prompts[0]",
            "folders[0].prompts[1]",
            "folders[0].prompts[2]",
            "folders[0].children[0].items.k",
        ];
        check(&json!({ "folders": [folder] }), &places);
        let places = places.map(|place| format!("response.{place}"));
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        check(&json!({ "response": { "name": "x", "folders": [folder] } }), &places);
        check(
            &json!({ "groups": { "Home": { "prompts": ["Do it."] } } }),
            &["groups.Home.prompts[0]"],
        );
    }
}
