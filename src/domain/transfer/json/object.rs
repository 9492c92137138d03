//! An object of another program: one with a list of prompts, a map of prompts, or a prompt itself.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::document::{NO_PROMPTS, Reader};
use super::item;
use super::shape::{self, Holding};

/// The number of fields, and of their bytes, by which it is decided what an object is that has neither a
/// list nor a content. More are not held.
const HELD_MAX: usize = 64;
const HELD_MAX_BYTES: usize = 1024 * 1024;
/// Maximum number of fields that are held of an object that is not a map, more than any program writes.
const FIELDS_MAX: usize = 10_000;

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
        Err(self.fail("the file", NO_PROMPTS))
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
            () if item::has_content(&object) => Kind::Prompt,
            () if object.iter().any(|(key, value)| shape::is_list_of_prompts(key, value)) => {
                Kind::Other
            }
            () if shape::is_map_of_prompts(&object, at != WHOLE) => Kind::Map,
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
            Kind::Undecided if item::has_content(&held.to_object()) => held.kind = Kind::Prompt,
            _ => {}
        }
        match held.kind {
            Kind::Map => {}
            Kind::Prompt => {
                let place = if at == WHOLE { "the file" } else { at };
                self.hand_over_entry(place.to_owned(), None, held.into_raw())?;
            }
            Kind::Undecided | Kind::Other => {
                for (key, value) in held.fields {
                    self.read_unknown(&shape::join(at, &key), &key, &value)?;
                }
            }
        }
        Ok(has_list)
    }

    /// Reads a field of an object that is neither a prompt nor a map of prompts: it may be a list of
    /// prompts whatever its name is, or have one inside.
    fn read_unknown<E: serde::de::Error>(
        &mut self,
        at: &str,
        key: &str,
        raw: &RawValue,
    ) -> Result<(), E> {
        let Ok(value) = serde_json::from_str::<Value>(raw.get()) else { return Ok(()) };
        if !shape::is_list_of_prompts(key, &value) {
            return self.hand_over_all(shape::find_in_unknown(at, key, value));
        }
        let list: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
        for (index, raw) in list.into_iter().enumerate() {
            self.hand_over_entry(format!("{at}[{index}]"), None, raw)?;
        }
        Ok(())
    }

    /// Reads an entry of a map, which is a prompt under its name.
    fn read_entry<E: serde::de::Error>(
        &mut self,
        at: &str,
        key: &str,
        raw: Box<RawValue>,
    ) -> Result<(), E> {
        if raw.get() == "null" || shape::is_bookkeeping(key) {
            return Ok(());
        }
        self.hand_over_entry(shape::join(at, key), Some(key), raw)
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
        let is_kept = is_compound || self.kind != Kind::Other;
        if is_kept && self.fields.len() < FIELDS_MAX {
            self.bytes += key.len() + value.get().len();
            self.fields.push((key, value));
        }
    }

    fn is_long(&self) -> bool {
        (self.fields.len() > HELD_MAX || self.bytes > HELD_MAX_BYTES)
            && !self.has_list
            && self.kind == Kind::Undecided
    }

    /// Returns the object as far as it is held. A field that cannot be parsed is null.
    fn to_object(&self) -> Map<String, Value> {
        let parse = |raw: &RawValue| serde_json::from_str(raw.get()).unwrap_or_default();
        self.fields.iter().map(|(key, value)| (key.clone(), parse(value))).collect()
    }

    /// Returns the object as it was written.
    fn into_raw(self) -> Box<RawValue> {
        let fields =
            self.fields.iter().map(|(key, value)| format!("{}:{value}", Value::from(&**key)));
        let text = format!("{{{}}}", fields.collect::<Vec<_>>().join(","));
        RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}

/// Reads the list of a field. Returns the value if it is none.
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

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        match fields.next_key::<String>()? {
            Some(key) => self.reader.read_object(self.at, key, None, fields).map(|_| None),
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
