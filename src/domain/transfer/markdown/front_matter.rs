//! Front matter: YAML, or what a person takes for it.

use std::cell::LazyCell;

use serde_json::{Map, Value};

use super::lines;
use crate::domain::transfer::fields::{Meaning, find_meaning};
use crate::domain::transfer::record::Record;
use crate::domain::transfer::values::{read_favorite, read_tags, read_text, read_variables};
use crate::domain::transfer::yaml;

/// The fields that every export of PromptDB has. A program that has just these has no others.
const OWN: [&str; 5] = ["name", "title", "description", "tags", "version"];

/// The fields that people write as texts.
const TEXTS: [&str; 4] = ["name", "title", "description", "tags"];

/// Maximum number of keys that are kept, more than any file of a known program has.
const KEYS_MAX: usize = 64;

/// The fields of front matter.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    /// Those that are read: a record without a content.
    record: Record,
    /// The names of all fields.
    keys: Vec<String>,
}

impl FrontMatter {
    /// Reads the text between the fences; `None` if it is not front matter. Two lines of hyphens are
    /// also how Markdown draws rules, and the text between those belongs to the content.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::default());
        }
        let mut front = Self::default();
        match yaml::parse_front_matter(text) {
            Ok(Value::Object(fields)) if fields.keys().any(|key| lines::is_key(key)) => {
                front.add_all(fields, text);
            }
            // A heading between two rules is a comment of YAML, and a list has no fields.
            Ok(_) => return None,
            Err(_) => {
                let note = "The front matter is not valid YAML, so it was read line by line.";
                front.record.notes.push(note.into());
                lines::read(text)?.iter().for_each(|(key, value)| front.add(key, value));
            }
        }
        Some(front)
    }

    /// Whether it has a field.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known == key)
    }

    /// Whether PromptDB wrote it.
    pub(super) fn is_own(&self) -> bool {
        OWN.iter().all(|key| self.has(key))
    }

    /// Returns the fields as a record without a content.
    pub(super) fn into_record(self) -> Record {
        self.record
    }

    /// Adds the fields of a text. A person who writes `description: [Draft]` means a text and not a list, and
    /// one who writes `tags: #a` or `description: Fix #3` does not mean a comment.
    fn add_all(&mut self, fields: Map<String, Value>, text: &str) {
        let lines = LazyCell::new(|| lines::read(text).unwrap_or_default());
        for (key, value) in fields {
            let field = key.to_ascii_lowercase();
            let written = lines.iter().find(|(line, _)| TEXTS.contains(&&*field) && *line == key);
            let written = written.filter(|(_, written)| match &value {
                Value::Array(_) | Value::Object(_) => written.is_string(),
                // A name has no sign, so that one after it begins a comment.
                value => field != "name" && is_cut(value, written),
            });
            if let Some((key, value)) = written {
                let note = format!(
                    "The field `{key}` is another value in YAML, so it was taken as it is written."
                );
                self.record.notes.push(note.into());
                self.add(key, value);
            } else {
                self.add(&key, &value);
            }
        }
    }

    /// Adds a field. One without a value is absent, and one that is not read is passed over.
    fn add(&mut self, key: &str, value: &Value) {
        if self.keys.len() < KEYS_MAX {
            self.keys.push(key.to_owned());
        }
        let is_read = value.is_null() || self.read_field(key, value);
        if !is_read && find_meaning(key) != Meaning::Bookkeeping {
            self.record.passed_over.add(key);
        }
    }

    /// Reads a field. Returns whether it is one of a prompt.
    fn read_field(&mut self, key: &str, value: &Value) -> bool {
        let record = &mut self.record;
        let field = match key.to_ascii_lowercase().as_str() {
            "name" => &mut record.name,
            "title" => &mut record.title,
            "description" => &mut record.description,
            "tags" => {
                let Some(tags) = read_tags(value, &mut record.notes) else { return false };
                record.tags.get_or_insert_default().extend(tags);
                return true;
            }
            "variables" => return read_variables(value, record),
            "favorite" => return read_favorite(value, record),
            _ => return false,
        };
        let is_first = field.is_none();
        if is_first {
            *field = read_text(value);
        }
        is_first && field.is_some()
    }
}

/// Whether a value of YAML has less than what is written: a part of it is a comment or a tag of YAML.
fn is_cut(value: &Value, written: &Value) -> bool {
    let is_tag = |tag: &Value| tag.as_str().is_some_and(|tag| tag.starts_with('#'));
    match (value, written) {
        (Value::Null, Value::String(text)) => text.starts_with('#'),
        (Value::Null | Value::String(_), Value::Array(tags)) => tags.iter().any(is_tag),
        (Value::String(text), Value::String(written)) => {
            let rest = written.strip_prefix(text.as_str());
            written.starts_with('!') || rest.is_some_and(|rest| rest.trim_start().starts_with('#'))
        }
        _ => false,
    }
}
