//! The walk over a value and its shape, which corrects the value in place.

use std::fmt;

use serde_json::{Map, Value, json};

use super::decoding::{
    decode_items, decode_number, decode_structure, looks_encoded, split_at_commas, to_integer,
    to_text,
};
use super::shape::{List, Record, Shape, Text};
use crate::domain::excerpt::{LISTED_MAX, Message, list_excerpts};
use crate::domain::json_faults::JsonFaults;
use crate::domain::{Faults, Invalid};

/// Maximum size of the sentence that names the ignored fields, in bytes of JSON: [`LISTED_MAX`] excerpts
/// of ASCII, and one of any other script. Results have room for it.
pub(in crate::mcp) const HINT_MAX_BYTES: usize = 2200;

/// What mending did to a value that is valid now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::mcp) struct Corrections {
    /// The fields that were removed because no schema has them.
    pub(in crate::mcp) ignored: Ignored,
    /// Whether the value is another than before.
    pub(in crate::mcp) is_changed: bool,
}

/// A value that stays wrong.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::mcp) struct Rejected {
    /// The members that have no reading or several, in the words of JSON Schema.
    pub(in crate::mcp) invalid: Invalid,
    /// The fields that no schema has. One of them may be the misspelt name of one that is missing.
    pub(in crate::mcp) ignored: Ignored,
}

/// The paths of unknown fields: the first ones, and the number of all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::mcp) struct Ignored {
    paths: Vec<String>,
    count: usize,
}

impl Ignored {
    fn add(&mut self, path: &Path<'_>) {
        if self.paths.len() < LISTED_MAX {
            self.paths.push(path.to_string());
        }
        self.count += 1;
    }

    /// Returns a sentence that names the fields, as many as [`HINT_MAX_BYTES`] hold, or `None` if there
    /// are none.
    pub(in crate::mcp) fn hint(&self) -> Option<String> {
        let write = |named| {
            let paths = self.paths.iter().take(named).map(String::as_str);
            format!("Ignored unknown fields: {}.", list_excerpts(paths, self.count))
        };
        let fits = |hint: &String| json!(hint).to_string().len() <= HINT_MAX_BYTES;
        (1..=self.paths.len()).rev().map(write).find(fits)
    }
}

impl Shape {
    /// Corrects the members of an object in place. Members that the schema accepts do not change.
    /// After an error their state is unspecified.
    pub(in crate::mcp) fn mend(
        &self,
        members: &mut Map<String, Value>,
    ) -> Result<Corrections, Rejected> {
        let mut mender = Mender::default();
        match self {
            Self::Record(record) => mender.mend_record(record, members, &Path::Root),
            Self::Map(shape) => mender.mend_map(shape, members, &Path::Root),
            _ => {}
        }
        let Mender { mended, faults, .. } = mender;
        match faults.finish(Some(())) {
            Ok(()) => Ok(mended),
            Err(invalid) => Err(Rejected { invalid, ignored: mended.ignored }),
        }
    }
}

/// The place of a value. Its text is built only for an error or a hint.
enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Path::Root, key) => f.write_str(key),
            Self::Key(parent, key) => write!(f, "{parent}.{key}"),
            Self::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[derive(Default)]
struct Mender {
    mended: Corrections,
    faults: Faults,
    /// Whether the faults of the current value are left to its reader.
    is_silent: bool,
}

impl Mender {
    /// Adds a fault, unless there are as many as an error holds: a list may have one in each item.
    fn refuse(&mut self, path: &Path<'_>, message: impl Into<Message>) {
        if !self.is_silent && !self.faults.is_full() {
            self.faults.push(path.to_string(), message);
        }
    }

    /// Refuses a value that is not the array or the object that is wanted. JSON text of one that has
    /// halves of characters or repeated keys is refused for the fields that have them.
    fn refuse_type(&mut self, value: &Value, path: &Path<'_>, message: &'static str) {
        if self.is_silent || self.faults.is_full() {
            return;
        }
        match value.as_str().and_then(JsonFaults::find_encoded) {
            None => self.refuse(path, message),
            Some((found, _)) => self.faults.extend(found.into_invalid(|field| {
                let dot = if field.starts_with('[') { "" } else { "." };
                format!("{path}{dot}{field}")
            })),
        }
    }

    fn replace(&mut self, value: &mut Value, by: Value) {
        *value = by;
        self.mended.is_changed = true;
    }

    fn mend_value(&mut self, shape: &Shape, value: &mut Value, path: &Path<'_>) {
        match shape {
            Shape::Any => {}
            Shape::Text(text) => self.mend_text(text, value, path),
            Shape::Integer { min, max } => self.mend_integer(*min..=*max, value, path),
            Shape::Number => self.mend_number(value, path),
            Shape::Boolean => self.mend_boolean(value, path),
            Shape::List(list) => self.mend_list(list, value, path),
            Shape::Record(record) => self.mend_object(record, value, path),
            Shape::Map(shape) => self.mend_named_values(shape, value, path),
        }
    }

    fn mend_text(&mut self, text: &Text, value: &mut Value, path: &Path<'_>) {
        if let Some(spelled) = to_text(value) {
            self.replace(value, Value::String(spelled));
        }
        let Value::String(found) = value else {
            return self.refuse(path, "must be string");
        };
        if !text.choices.is_empty() && !text.choices.contains(found) {
            self.refuse(path, format!("must be one of {}", text.choices.join(", ")));
        }
    }

    fn mend_integer(
        &mut self,
        range: std::ops::RangeInclusive<i128>,
        value: &mut Value,
        path: &Path<'_>,
    ) {
        let spelled = value.as_str().and_then(decode_number);
        let integer = spelled.as_ref().or(value.as_number()).and_then(to_integer);
        match integer {
            None => self.refuse(path, "must be integer"),
            Some(integer) if integer < *range.start() => {
                self.refuse(path, format!("must be >= {}", range.start()));
            }
            Some(integer) if integer > *range.end() => {
                self.refuse(path, format!("must be <= {}", range.end()));
            }
            Some(_) if value.is_i64() || value.is_u64() => {}
            Some(integer) => {
                // A number in the range of a schema is one of JSON's.
                let number = serde_json::Number::from_i128(integer);
                self.replace(value, number.map_or(Value::Null, Value::Number));
            }
        }
    }

    fn mend_number(&mut self, value: &mut Value, path: &Path<'_>) {
        match value.as_str().map(decode_number) {
            Some(Some(number)) => self.replace(value, Value::Number(number)),
            None if value.is_number() => {}
            _ => self.refuse(path, "must be number"),
        }
    }

    fn mend_boolean(&mut self, value: &mut Value, path: &Path<'_>) {
        match value.as_str() {
            Some("true") => self.replace(value, Value::Bool(true)),
            Some("false") => self.replace(value, Value::Bool(false)),
            None if value.is_boolean() => {}
            _ => self.refuse(path, "must be boolean"),
        }
    }

    fn mend_list(&mut self, list: &List, value: &mut Value, path: &Path<'_>) {
        if let Some(items) = read_list(list, value) {
            self.replace(value, Value::Array(items));
        }
        let Value::Array(items) = value else {
            return self.refuse_type(value, path, "must be array");
        };
        for (index, value) in items.iter_mut().enumerate() {
            // Inside an item that fails alone, every fault is left to its reader.
            let inner = self.is_silent || list.items_fail_alone;
            let is_silent = std::mem::replace(&mut self.is_silent, inner);
            self.mend_value(&list.item, value, &Path::Index(path, index));
            self.is_silent = is_silent;
        }
    }

    fn mend_object(&mut self, record: &Record, value: &mut Value, path: &Path<'_>) {
        if let Some(members) = read_object(record, value) {
            self.replace(value, Value::Object(members));
        }
        match value {
            Value::Object(members) => self.mend_record(record, members, path),
            _ => self.refuse_type(value, path, "must be object"),
        }
    }

    fn mend_named_values(&mut self, shape: &Shape, value: &mut Value, path: &Path<'_>) {
        if let Some(members) = read_map(value) {
            self.replace(value, Value::Object(members));
        }
        match value {
            Value::Object(members) => self.mend_map(shape, members, path),
            _ => self.refuse_type(value, path, "must be object"),
        }
    }

    fn mend_map(&mut self, shape: &Shape, members: &mut Map<String, Value>, path: &Path<'_>) {
        let before = members.len();
        // A name without a value is the same as no name; `""` is a value here.
        members.retain(|_, value| !value.is_null() || *shape == Shape::Any);
        self.mended.is_changed |= members.len() != before;
        for (name, value) in members.iter_mut() {
            self.mend_value(shape, value, &Path::Key(path, name));
        }
    }

    fn mend_record(&mut self, record: &Record, members: &mut Map<String, Value>, path: &Path<'_>) {
        let before = members.len();
        members.retain(|name, value| self.mend_field(record, value, &Path::Key(path, name), name));
        self.mended.is_changed |= members.len() != before;
        for field in record.required().filter(|field| !members.contains_key(&field.name)) {
            self.refuse(&Path::Key(path, &field.name), "is required");
        }
    }

    /// Mends the value of a field. Returns whether the field stays.
    fn mend_field(
        &mut self,
        record: &Record,
        value: &mut Value,
        path: &Path<'_>,
        name: &str,
    ) -> bool {
        let Some(field) = record.find(name) else {
            if !record.keeps_unknown {
                self.mended.ignored.add(path);
            }
            return record.keeps_unknown;
        };
        if !field.is_required && is_absent(&field.shape, value) {
            return false;
        }
        self.mend_value(&field.shape, value, path);
        true
    }
}

/// Returns whether the value of an optional field stands for its absence.
fn is_absent(shape: &Shape, value: &Value) -> bool {
    match (shape, value) {
        (_, Value::Null) => true,
        (Shape::Any, _) => false,
        (Shape::Text(shape), Value::String(text)) => {
            text.is_empty() && !shape.accepts_empty || text == "null" && !shape.choices.is_empty()
        }
        // Where a text can be a list of texts, this one may be its only item.
        (Shape::List(list), Value::String(text)) if list.item.is_free_text() => {
            text.trim().is_empty()
        }
        (_, Value::String(text)) => text.trim().is_empty() || text == "null",
        _ => false,
    }
}

/// Returns the list that a value of another type can only mean.
fn read_list(list: &List, value: &mut Value) -> Option<Vec<Value>> {
    let item = &*list.item;
    match value {
        Value::String(text) if looks_encoded(text) => match decode_structure(text) {
            Some(Value::Array(items)) => Some(items),
            Some(mut other) => read_list(list, &mut other),
            None if list.items_fail_alone => decode_items(text),
            None => None,
        },
        // The text `null` is the absence of a list, or a list of this one word.
        Value::String(text) if item.is_free_text() && text != "null" => split_at_commas(text),
        Value::Number(_) if item.is_free_text() => Some(vec![value.take()]),
        Value::Object(members) => match item {
            // With one field that is required, the object could be a map of names as well.
            Shape::Record(record) if record.required().count() > 1 => {
                let is_item = record.required().all(|field| members.contains_key(&field.name));
                is_item.then(|| vec![value.take()])
            }
            _ => None,
        },
        _ => None,
    }
}

/// Returns the object that a value of another type can only mean.
fn read_object(record: &Record, value: &mut Value) -> Option<Map<String, Value>> {
    match value {
        Value::String(text) if looks_encoded(text) => match decode_structure(text)? {
            Value::Object(members) => Some(members),
            _ => None,
        },
        Value::String(_) => {
            let name = record.shorthand()?.name.clone();
            Some(Map::from_iter([(name, value.take())]))
        }
        _ => None,
    }
}

/// Returns the map that a value of another type can only mean.
fn read_map(value: &Value) -> Option<Map<String, Value>> {
    match value {
        Value::String(text) => match decode_structure(text)? {
            Value::Object(members) => Some(members),
            other => read_map(&other),
        },
        // Some languages have one value for the empty array and the empty object.
        Value::Array(items) if items.is_empty() => Some(Map::new()),
        _ => None,
    }
}
