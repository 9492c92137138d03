//! Which values of a file are prompts, and where others have prompts inside.

use serde_json::{Map, Value};

use super::item::{has_content, is_chat};
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
/// The fields that hold folders of prompts. A folder without one is not missed: most programs list the
/// folders beside the prompts.
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

/// A prompt inside a value.
#[derive(Debug, PartialEq)]
pub(super) struct Inner {
    pub(super) at: String,
    /// Its key in a map, which names a prompt without a name of its own.
    pub(super) key: Option<String>,
    pub(super) value: Value,
}

/// Whether a value is a prompt.
pub(super) fn is_prompt(value: &Value) -> bool {
    match value {
        Value::String(_) => true,
        Value::Object(fields) => has_content(fields),
        other => is_chat(other),
    }
}

/// Whether a field is one that programs keep for themselves.
pub(super) fn is_bookkeeping(field: &str) -> bool {
    find_meaning(field) == Meaning::Bookkeeping
}

/// Finds the prompts of a folder, and of the folders in it. What is in a list of prompts is returned even if
/// it is none, so that it is refused by its place.
fn find_in_folder(at: &str, mut folder: Value) -> Vec<Inner> {
    let mut found = Vec::new();
    let name = ["name", "title"].into_iter().find_map(|key| folder.get(key)).cloned();
    for (key, value) in folder.as_object_mut().into_iter().flatten() {
        let (at, value) = (join(at, key), value.take());
        match Holding::of(key) {
            Holding::Prompts => found.extend(find_in_list(&at, value)),
            Holding::Folders => {
                let folders = entries(&at, value);
                found
                    .extend(folders.flat_map(|Inner { at, value, .. }| find_in_folder(&at, value)));
            }
            Holding::Other => {}
        }
    }
    if let Some(Value::String(name)) = name {
        for Inner { value, .. } in &mut found {
            if let Value::Object(fields) = value {
                fields.entry("folder").or_insert_with(|| Value::from(&*name));
            }
        }
    }
    found
}

/// Finds the prompts of a list or of a map of prompts.
fn find_in_list(at: &str, list: Value) -> Vec<Inner> {
    entries(at, list).flat_map(find_in_entry).collect()
}

/// Finds the prompts of an element of a list or of an entry of a map: itself, or those of a folder or a
/// list. An entry without any is itself returned, so that it is refused by its place.
pub(super) fn find_in_entry(entry: Inner) -> Vec<Inner> {
    let is_folder = match &entry.value {
        value if is_prompt(value) => false,
        Value::Array(list) => entry.key.is_some() && !list.is_empty(),
        value => has_inner(value),
    };
    match entry.value {
        list @ Value::Array(_) if is_folder => find_in_list(&entry.at, list),
        folder if is_folder => find_in_folder(&entry.at, folder),
        value => vec![Inner { value, ..entry }],
    }
}

/// Finds the prompts of a field of an unknown name that is not a list of prompts: a folder, or a list of
/// folders.
pub(super) fn find_in_unknown(at: &str, key: &str, value: Value) -> Vec<Inner> {
    if value.is_array() || Holding::of(key) == Holding::Folders {
        return entries(at, value)
            .flat_map(|entry| find_in_folder(&entry.at, entry.value))
            .collect();
    }
    find_in_folder(at, value)
}

/// Whether an object has a list of prompts inside, or a folder with one.
fn has_inner(folder: &Value) -> bool {
    folder.as_object().into_iter().flatten().any(|(key, value)| match (Holding::of(key), value) {
        (Holding::Prompts, Value::Array(list)) => !list.is_empty(),
        (Holding::Prompts, Value::Object(map)) => {
            map.iter().any(|(key, value)| !is_aside(key, value))
        }
        (Holding::Folders, Value::Array(list)) => list.iter().any(has_inner),
        (Holding::Folders, Value::Object(map)) => map.values().any(has_inner),
        _ => false,
    })
}

/// Returns the elements of a list or the entries of a map.
fn entries(at: &str, value: Value) -> Box<dyn Iterator<Item = Inner>> {
    let at = at.to_owned();
    match value {
        Value::Array(list) => {
            Box::new(list.into_iter().enumerate().map(move |(index, value)| Inner {
                at: format!("{at}[{index}]"),
                key: None,
                value,
            }))
        }
        Value::Object(map) => Box::new(
            map.into_iter()
                .filter(|(key, value)| !is_aside(key, value))
                .map(move |(key, value)| Inner { at: join(&at, &key), key: Some(key), value }),
        ),
        _ => Box::new(std::iter::empty()),
    }
}

/// Whether an entry of a map says something about the file.
fn is_aside(key: &str, value: &Value) -> bool {
    value.is_null() || is_bookkeeping(key)
}

/// Returns the place of a field of an object, whose own place is empty for the file.
pub(super) fn join(at: &str, key: &str) -> String {
    let key = Excerpt::new(key).into_string();
    if at.is_empty() { key } else { format!("{at}.{key}") }
}

/// Whether a field whose name is not known holds a list of prompts: objects with a content, which are not
/// the messages of a chat.
pub(super) fn is_list_of_prompts(key: &str, value: &Value) -> bool {
    find_meaning(key) == Meaning::Unknown
        && value.get(0).and_then(Value::as_object).is_some_and(has_content)
        && !is_chat(value)
}

/// Whether an object is a map from names to prompts. Settings and manifests are not: these have a name or
/// a title of their own, or more words and numbers than sentences. `is_known` says that the object is where
/// prompts are expected.
pub(super) fn is_map_of_prompts(object: &Map<String, Value>, is_known: bool) -> bool {
    let is_own = |key: &str, value: &Value| {
        matches!(find_meaning(key), Meaning::Part(role, _) if role != Role::Content)
            && !value.is_object()
    };
    let mut entries = object.iter().filter(|(key, value)| !is_aside(key, value));
    if object.iter().any(|(key, value)| is_own(key, value)) {
        return false;
    }
    if is_known {
        return entries.any(|(_, value)| is_prompt(value));
    }
    let (prompts, others): (Vec<_>, Vec<_>) = entries.partition(|(_, value)| is_map_entry(value));
    prompts.len() > others.len()
}

fn is_map_entry(value: &Value) -> bool {
    match value {
        Value::String(text) => is_sentence(text),
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_string) => {
            list.iter().filter_map(Value::as_str).all(is_sentence)
        }
        other => is_prompt(other),
    }
}

/// Whether a text is more than a word, as far as words are told apart by spaces.
fn is_sentence(text: &str) -> bool {
    text.split_whitespace().nth(1).is_some() || !text.is_ascii()
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
        let read = json::read_value(value.to_string().as_bytes(), &mut sink);
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
    fn folders_hold_prompts_and_name_them() {
        let folder = json!({
            "id": 1, "name": "Work",
            "prompts": [{ "prompt": "x" }, { "prompt": "y", "folder": "Own" }, "z"],
            "children": [{ "title": "Deep", "items": { "k": { "text": "w" } } }, { "name": "Empty" }],
        });
        let found = find_in_folder("folders[0]", folder.clone());
        let found: Vec<_> = found
            .iter()
            .map(|inner| (&*inner.at, inner.value.get("folder").and_then(Value::as_str)))
            .collect();
        let expected = [
            ("folders[0].children[0].items.k", Some("Deep")),
            ("folders[0].prompts[0]", Some("Work")),
            ("folders[0].prompts[1]", Some("Own")),
            ("folders[0].prompts[2]", None),
        ];
        assert_eq!(found, expected);
        check(
            &json!({ "response": { "name": "x", "folders": [folder] } }),
            &[
                "response.folders[0].children[0].items.k",
                "response.folders[0].prompts[0]",
                "response.folders[0].prompts[1]",
                "response.folders[0].prompts[2]",
            ],
        );
    }
}
