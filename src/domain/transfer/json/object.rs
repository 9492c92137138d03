//! An object of another program: one with a list of prompts, a map of prompts, or a prompt itself.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::content;
use super::document::{NO_PROMPTS, Reader};
use super::item;
use super::shape::{self, Holding};
use crate::domain::transfer::{WHOLE_FILE, invalid_field};

/// The number of fields, and of their bytes, by which it is decided whether an object is a map of prompts.
const DECIDED_MAX: usize = 64;
const DECIDED_MAX_BYTES: usize = 1024 * 1024;
/// Maximum number of fields, and of their bytes, that are held of an object that is not a map.
const HELD_MAX: usize = 10_000;
const HELD_MAX_BYTES: usize = 16 * 1024 * 1024;

/// Maximum number of objects in one another that are searched. Each is held while those in it are read.
const DEPTH_MAX: usize = 8;

/// The place of an object that is the file.
const WHOLE: &str = "";

impl Reader<'_, '_> {
    /// Reads a file that is an object, whose first field was read.
    pub(super) fn read_file<'de, A: MapAccess<'de>>(
        &mut self,
        key: String,
        first: Option<Box<RawValue>>,
        fields: A,
    ) -> Result<(), A::Error> {
        let has_list = self.read_object(WHOLE, key, first, fields)?;
        if has_list || self.has_items() {
            return Ok(());
        }
        Err(self.fail(WHOLE_FILE, NO_PROMPTS))
    }

    /// Reads an object. Returns whether it has a list of prompts, which may be empty.
    fn read_object<'de, A: MapAccess<'de>>(
        &mut self,
        at: &str,
        mut key: String,
        mut first: Option<Box<RawValue>>,
        mut fields: A,
    ) -> Result<bool, A::Error> {
        let mut held = Held::default();
        loop {
            let value = match first.take() {
                Some(value) => Some(value),
                None if Holding::of(&key) == Holding::Prompts => {
                    let at = shape::join(at, &key);
                    fields.next_value_seed(PromptList { reader: self, at: &at })?
                }
                None => Some(fields.next_value::<Box<RawValue>>()?),
            };
            match value {
                None => held.has_list = true,
                Some(value) if held.kind == Kind::Map => self.read_entry(at, &key, value)?,
                Some(value) => held.add(key, value),
            }
            if held.fields.len() > HELD_MAX || held.bytes > HELD_MAX_BYTES {
                let reason = format!(
                    "has more than {HELD_MAX} fields or {HELD_MAX_BYTES} bytes beside its prompts"
                );
                return Err(self.fail(WHOLE_FILE, reason));
            }
            if held.is_long() {
                self.decide(at, &mut held)?;
            }
            match fields.next_key()? {
                Some(next) => key = next,
                None => break,
            }
        }
        self.read_rest(at, held)
    }

    /// Decides what an object is by its first fields.
    fn decide<E: serde::de::Error>(&mut self, at: &str, held: &mut Held) -> Result<(), E> {
        let object = held.to_object();
        held.kind = match () {
            () if content::has_content(&object) => Kind::Prompt,
            () if object.iter().any(|(key, value)| shape::is_list_of_prompts(key, value)) => {
                Kind::Other
            }
            () if shape::is_container(&object) => Kind::Other,
            () if shape::is_map_of_prompts(&object, is_known(at)) => Kind::Map,
            () => Kind::Other,
        };
        if held.kind == Kind::Map {
            for (key, value) in std::mem::take(&mut held.fields) {
                self.read_entry(at, &key, value)?;
            }
        }
        Ok(())
    }

    /// Reads what is held of an object once all of it was read.
    fn read_rest<E: serde::de::Error>(&mut self, at: &str, mut held: Held) -> Result<bool, E> {
        let has_list = held.has_list;
        match held.kind {
            Kind::Undecided if !has_list => self.decide(at, &mut held)?,
            // A prompt may have other prompts below it.
            Kind::Undecided if content::has_content(&held.to_object()) => held.kind = Kind::Prompt,
            _ => {}
        }
        match held.kind {
            Kind::Map => {}
            Kind::Prompt => {
                let place = if at == WHOLE { WHOLE_FILE } else { at };
                self.hand_over_entry(place.to_owned(), None, Fields(held.fields).into_raw())?;
            }
            Kind::Undecided | Kind::Other => {
                for (key, value) in held.fields {
                    self.read_field(&shape::join(at, &key), &key, &value)?;
                }
            }
        }
        Ok(has_list)
    }

    /// Reads a field of an object that is neither a prompt nor a map of prompts: whatever its name is, it may
    /// be a list of prompts or of folders, or an object with one.
    fn read_field<E: serde::de::Error>(
        &mut self,
        at: &str,
        key: &str,
        raw: &RawValue,
    ) -> Result<(), E> {
        let value = item::parse_leniently(raw);
        let holding = Holding::of(key);
        match value {
            Value::Array(_) if shape::is_list_of_prompts(key, &value) => {
                self.read_elements(at, raw, None)
            }
            Value::Array(ref list) if !shape::is_text(&value) => {
                if list.iter().any(shape::is_text) {
                    self.passed_over.add(key);
                }
                self.read_elements(at, raw, Some(shape::is_folder))
            }
            Value::Object(_) if holding == Holding::Folders => {
                let folders: Fields = serde_json::from_str(raw.get()).unwrap_or_default();
                for (name, folder) in folders.0 {
                    let value = item::parse_leniently(&folder);
                    if shape::is_folder(&value) || shape::is_texts(&value) {
                        self.hand_over_entry(shape::join(at, &name), Some(&name), folder)?;
                    }
                }
                Ok(())
            }
            Value::Object(_) if holding == Holding::Prompts || shape::is_folder(&value) => {
                self.read_inner(at, raw)
            }
            Value::Object(_) if shape::is_map_of_objects(&value) => self.read_inner(at, raw),
            value => {
                let has_text = shape::is_text(&value) || shape::has_inner_text(&value);
                if has_text && !shape::is_aside(key, &value) {
                    self.passed_over.add(key);
                }
                Ok(())
            }
        }
    }

    /// Reads the elements of a list that is held, or those that `is_read` selects.
    pub(super) fn read_elements<E: serde::de::Error>(
        &mut self,
        at: &str,
        raw: &RawValue,
        is_read: Option<fn(&Value) -> bool>,
    ) -> Result<(), E> {
        let list: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
        for (index, raw) in list.into_iter().enumerate() {
            if is_read.is_none_or(|is_read| is_read(&item::parse_leniently(&raw))) {
                self.hand_over_entry(format!("{at}[{index}]"), None, raw)?;
            }
        }
        Ok(())
    }

    /// Reads an object inside the file as if it were one.
    pub(super) fn read_inner<E: serde::de::Error>(
        &mut self,
        at: &str,
        raw: &RawValue,
    ) -> Result<(), E> {
        if self.depth == DEPTH_MAX {
            let reason = format!("is in more than {DEPTH_MAX} folders; move it out of some");
            let item = item::read(at.to_owned().into(), Err(invalid_field("item", reason)), None);
            return self.hand_over(at.to_owned(), item);
        }
        self.depth += 1;
        let inner = Inner { reader: self, at };
        let result = serde_json::Deserializer::from_str(raw.get()).deserialize_map(inner);
        self.depth -= 1;
        result.map_err(E::custom)
    }

    /// Reads an entry of a map, which is a prompt under its name.
    fn read_entry<E: serde::de::Error>(
        &mut self,
        at: &str,
        key: &str,
        raw: Box<RawValue>,
    ) -> Result<(), E> {
        // Only a key of bookkeeping needs a look at the value, which is parsed for good below.
        let is_aside = raw.get() == "null"
            || shape::is_bookkeeping(key) && shape::is_aside(key, &item::parse_leniently(&raw));
        if is_aside {
            return Ok(());
        }
        self.hand_over_entry(shape::join(at, key), Some(key), raw)
    }
}

/// Reads an object inside the file.
struct Inner<'r, 'a, 'b> {
    reader: &'r mut Reader<'a, 'b>,
    at: &'r str,
}

/// Whether the object of a place is where nothing but prompts is expected.
fn is_known(at: &str) -> bool {
    at.rsplit('.').next().is_some_and(shape::is_known)
}

impl<'de> Visitor<'de> for Inner<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        match fields.next_key::<String>()? {
            Some(key) => self.reader.read_object(self.at, key, None, fields).map(|_| ()),
            None => Ok(()),
        }
    }
}

/// What an object is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Undecided,
    Prompt,
    Map,
    Other,
}

/// The fields of an object that are not read yet.
#[derive(Default)]
struct Held {
    fields: Vec<(String, Box<RawValue>)>,
    bytes: usize,
    /// Whether a field was a list of prompts.
    has_list: bool,
    kind: Kind,
}

impl Held {
    fn add(&mut self, key: String, value: Box<RawValue>) {
        // In an object without prompts of its own, only lists are of interest.
        let is_compound = value.get().starts_with(['[', '{']);
        if is_compound || self.kind != Kind::Other {
            self.bytes += key.len() + value.get().len();
            self.fields.push((key, value));
        }
    }

    fn is_long(&self) -> bool {
        (self.fields.len() > DECIDED_MAX || self.bytes > DECIDED_MAX_BYTES)
            && !self.has_list
            && self.kind == Kind::Undecided
    }

    /// Returns the object as far as it is held.
    fn to_object(&self) -> Map<String, Value> {
        let fields = self.fields.iter();
        fields.map(|(key, value)| (key.clone(), item::parse_leniently(value))).collect()
    }
}

/// The fields of an object as they were written. A key may be repeated.
#[derive(Default)]
struct Fields(Vec<(String, Box<RawValue>)>);

impl Fields {
    fn into_raw(self) -> Box<RawValue> {
        let fields = self.0.iter().map(|(key, value)| format!("{}:{value}", Value::from(&**key)));
        let text = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
        RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Fields, A::Error> {
                let mut object = Fields::default();
                while let Some(field) = fields.next_entry()? {
                    object.0.push(field);
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// Reads the list of a field. Returns any other value, which is read once the object is known.
struct PromptList<'r, 'a, 'b> {
    reader: &'r mut Reader<'a, 'b>,
    at: &'r str,
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
        self.reader.read_list(self.at, items)?;
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        let fields = Fields::deserialize(MapAccessDeserializer::new(fields))?;
        Ok(Some(fields.into_raw()))
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
