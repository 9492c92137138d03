//! An object of another program: one with a list of prompts, a map of prompts, or a prompt itself.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::document::Reader;
use super::item;
use crate::domain::excerpt::Excerpt;
use crate::domain::transfer::fields::{Meaning, find_meaning, is_content};

/// The fields that hold a list of prompts, without signs and in lower case.
const LISTS: [&str; 15] = [
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
];
/// The number of fields, and of their bytes, by which an object that has neither a list nor a content is
/// a map of prompts. More are not held.
const HELD_MAX: usize = 64;
const HELD_MAX_BYTES: usize = 1024 * 1024;

impl Reader<'_, '_> {
    /// Reads an object of another program, whose first field was read.
    pub(super) fn read_object<'de, A: MapAccess<'de>>(
        &mut self,
        mut key: String,
        first: Option<Box<RawValue>>,
        mut fields: A,
    ) -> Result<(), A::Error> {
        let mut held = Held::default();
        let mut first = first;
        loop {
            let value = match first.take() {
                Some(value) => Some(value),
                None if is_list(&key) => {
                    fields.next_value_seed(PromptList { reader: self, word: &key })?
                }
                None => Some(fields.next_value::<Box<RawValue>>()?),
            };
            match value {
                None => held.has_list = true,
                Some(value) if held.is_map => self.read_entry(&key, value, &mut held)?,
                Some(value) => held.add(key, value),
            }
            if held.is_long() {
                self.read_held(&mut held)?;
                held.is_map = true;
            }
            match fields.next_key()? {
                Some(next) => key = next,
                None => return self.read_rest(held),
            }
        }
    }

    /// Decides what an object is once all of it is read.
    fn read_rest<E: serde::de::Error>(&mut self, mut held: Held) -> Result<(), E> {
        if held.has_list {
            return Ok(());
        }
        if held.has_content() {
            let object = held.into_object();
            return self.hand_over_prompt("the file".to_owned(), object, None);
        }
        self.read_held(&mut held)?;
        if held.found {
            return Ok(());
        }
        let reason = "holds no prompts: neither a list of them, nor a field with the text of one";
        Err(self.fail("the file", reason))
    }

    /// Reads the fields of an object that is not a prompt: lists of prompts, or else the entries of a map.
    fn read_held<E: serde::de::Error>(&mut self, held: &mut Held) -> Result<(), E> {
        let fields = std::mem::take(&mut held.fields);
        for (key, value) in &fields {
            let list = if value.get().starts_with('[') { read_prompts(value) } else { None };
            for (index, value) in list.into_iter().flatten().enumerate() {
                held.found = true;
                self.hand_over_prompt(format!("{}[{index}]", Excerpt::new(key)), value, None)?;
            }
        }
        if held.found {
            return Ok(());
        }
        held.found = fields.iter().any(|(_, value)| item::is_prompt(value));
        for (key, value) in fields {
            self.read_entry(&key, value, held)?;
        }
        Ok(())
    }

    /// Reads an entry of a map, which is a prompt under its name. Beside prompts an entry that is none is
    /// refused, unless programs keep such a field for themselves.
    fn read_entry<E: serde::de::Error>(
        &mut self,
        key: &str,
        value: Box<RawValue>,
        held: &mut Held,
    ) -> Result<(), E> {
        if item::is_prompt(&value) {
            held.found = true;
        } else if !held.found || is_aside(key, &value) {
            return Ok(());
        }
        self.hand_over_prompt(Excerpt::new(key).into_string(), value, Some(key))
    }
}

/// Whether an entry of a map says something about the file.
fn is_aside(key: &str, value: &RawValue) -> bool {
    value.get() == "null" || find_meaning(key) == Meaning::Bookkeeping
}

/// Returns the elements of a list of prompts, whatever the name of its field is.
fn read_prompts(value: &RawValue) -> Option<Vec<Box<RawValue>>> {
    let list: Vec<Box<RawValue>> = serde_json::from_str(value.get()).ok()?;
    list.first().is_some_and(|first| item::is_prompt(first)).then_some(list)
}

/// Whether a field is one that holds a list of prompts.
fn is_list(key: &str) -> bool {
    let letters = key.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters.map(|c| c.to_ascii_lowercase()).take(24).collect();
    LISTS.contains(&plain.as_str())
}

/// The fields of an object whose meaning is not known yet.
#[derive(Default)]
struct Held {
    fields: Vec<(String, Box<RawValue>)>,
    bytes: usize,
    /// Whether a field was a list of prompts, so that the others are about the file.
    has_list: bool,
    /// Whether every field is an entry.
    is_map: bool,
    /// Whether an entry was a prompt.
    found: bool,
}

impl Held {
    fn add(&mut self, key: String, value: Box<RawValue>) {
        // What is beside a list is about the file.
        if !self.has_list {
            self.bytes += key.len() + value.get().len();
            self.fields.push((key, value));
        }
    }

    fn is_long(&self) -> bool {
        (self.fields.len() > HELD_MAX || self.bytes > HELD_MAX_BYTES)
            && !self.has_list
            && !self.is_map
            && !self.has_content()
    }

    /// Whether the object itself is a prompt.
    fn has_content(&self) -> bool {
        self.fields
            .iter()
            .any(|(key, value)| is_content(key) && value.get().starts_with(['"', '[']))
    }

    /// Returns the object that the fields are.
    fn into_object(self) -> Box<RawValue> {
        let fields =
            self.fields.iter().map(|(key, value)| format!("{}:{value}", Value::from(&**key)));
        let text = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
        RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}

/// Reads the list of a field. Returns the value if it is none.
struct PromptList<'r, 'a, 'b> {
    reader: &'r mut Reader<'a, 'b>,
    word: &'r str,
}

impl<'de> DeserializeSeed<'de> for PromptList<'_, '_, '_> {
    type Value = Option<Box<RawValue>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Keeps a value that is not a list.
fn keep<E: serde::de::Error>(value: &Value) -> Result<Option<Box<RawValue>>, E> {
    to_raw_value(value).map(Some).map_err(E::custom)
}

impl<'de> Visitor<'de> for PromptList<'_, '_, '_> {
    type Value = Option<Box<RawValue>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of prompts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Self::Value, A::Error> {
        self.reader.read_list(self.word, items)?;
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        match fields.next_key::<String>()? {
            Some(key) => self.reader.read_object(key, None, fields).map(|()| None),
            None => Ok(None),
        }
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        keep(&Value::from(text))
    }

    fn visit_bool<E: serde::de::Error>(self, mark: bool) -> Result<Self::Value, E> {
        keep(&Value::from(mark))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        keep(&Value::from(number))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        keep(&Value::from(number))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Self::Value, E> {
        keep(&Value::from(number))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
        keep(&Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_a_list_is_known_in_every_spelling() {
        for key in ["prompts", "Prompts", "custom_prompts", "promptChains", "user_custom"] {
            assert!(is_list(key), "{key}");
        }
        for key in ["prompt", "", "history", &"prompts".repeat(100_000)] {
            assert!(!is_list(key), "{key:.20}");
        }
    }
}
