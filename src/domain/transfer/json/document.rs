//! One JSON value: an export, a list, an object with a list, a map, or one prompt.

use std::fmt;
use std::io::Read;

use serde::Deserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::bound::{Bound, Bounded};
use super::format::FORMAT;
use super::item::{self, Entry};
use crate::domain::excerpt::{Message, cut_json_error};
use crate::domain::transfer::encoding::NOT_UTF8;
use crate::domain::transfer::record::PassedOver;
use crate::domain::transfer::{Item, ReadError, Sink, WHOLE_FILE};

/// What is said about a file that is none of the forms.
pub(super) const NO_PROMPTS: &str =
    "holds no prompts: neither a list of them, nor a field with the text of one";

/// Reads a value item by item.
pub(super) fn read(
    input: impl Read,
    may_be_export: bool,
    sink: &mut Sink<'_>,
    notes: &mut Vec<Message>,
) -> Result<(), ReadError> {
    let bound = Bound::new();
    let input = std::io::BufReader::new(Bounded { input, bound: bound.clone() });
    let mut deserializer = serde_json::Deserializer::from_reader(input);
    let mut reader = Reader {
        sink,
        bound,
        last: None,
        stopped: false,
        broken: None,
        folder: None,
        depth: 0,
        passed_over: PassedOver::default(),
        may_be_export,
    };
    let result = deserializer.deserialize_any(&mut reader).and_then(|()| deserializer.end());
    let Reader { last, stopped, broken, passed_over, .. } = reader;
    notes.extend(passed_over.describe("field"));
    match (result, broken) {
        _ if stopped => Ok(()),
        (_, Some(broken)) => Err(broken),
        (Ok(()), None) => Ok(()),
        (Err(error), None) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            let at = last.map_or(place.clone(), |last| format!("{place}, after {last}"));
            Err(ReadError::new(at, describe(&error)))
        }
    }
}

fn describe(error: &serde_json::Error) -> String {
    let found = cut_json_error(error);
    match error.classify() {
        serde_json::error::Category::Eof => "the file is cut off here".to_owned(),
        serde_json::error::Category::Io => format!("the file cannot be read: {found}"),
        _ if found.starts_with("invalid unicode code point") => NOT_UTF8.to_owned(),
        _ => format!("invalid JSON: {found}"),
    }
}

/// Passes the items of a value to the sink.
pub(super) struct Reader<'a, 'b> {
    sink: &'a mut Sink<'b>,
    pub(super) bound: Bound,
    /// The place of the last item.
    last: Option<String>,
    /// Whether the sink ended the reading.
    stopped: bool,
    /// The fault of a file that is valid JSON.
    broken: Option<ReadError>,
    /// The folder inside the file whose prompts are read.
    folder: Option<String>,
    /// The number of objects around what is read.
    pub(super) depth: usize,
    /// The fields with a text beside a list of prompts.
    pub(super) passed_over: PassedOver,
    /// Whether the file may be an export of PromptDB.
    may_be_export: bool,
}

impl Reader<'_, '_> {
    /// Ends the reading with a fault that [`read`] reports instead of serde's.
    pub(super) fn fail<E: serde::de::Error>(&mut self, at: &str, reason: impl Into<Message>) -> E {
        self.broken = Some(ReadError::new(at, reason));
        E::custom("broken")
    }

    /// Passes an item on.
    pub(super) fn hand_over<E: serde::de::Error>(
        &mut self,
        at: String,
        item: Item,
    ) -> Result<(), E> {
        self.last = Some(at);
        self.bound.begin_item();
        if (self.sink)(item) {
            return Ok(());
        }
        self.stopped = true;
        Err(E::custom("enough"))
    }

    /// Passes on an element of a list or an entry of a map: a prompt, or the prompts of a folder or a list.
    pub(super) fn hand_over_entry<E: serde::de::Error>(
        &mut self,
        at: String,
        key: Option<&str>,
        raw: Box<RawValue>,
    ) -> Result<(), E> {
        let mut parsed = item::parse(&raw);
        match item::classify(&parsed, &raw, key) {
            Entry::Item => {}
            Entry::List => {
                drop(parsed);
                return self.read_elements(&at, &raw, None);
            }
            Entry::Folder(name) => {
                drop(parsed);
                let outer = std::mem::replace(&mut self.folder, name);
                let result = self.read_inner(&at, &raw);
                self.folder = outer;
                return result;
            }
        }
        // The sink may wait for long, and the item's own texts are enough to hold meanwhile.
        drop(raw);
        if let (Ok(Value::Object(fields)), Some(name)) = (&mut parsed, &self.folder) {
            fields.entry("folder").or_insert_with(|| Value::from(&**name));
        }
        let item = item::read(at.clone().into(), parsed, key);
        self.hand_over(at, item)
    }

    /// Reads the elements of a list of prompts.
    pub(super) fn read_list<'de, A: SeqAccess<'de>>(
        &mut self,
        word: &str,
        mut items: A,
    ) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(raw) = items.next_element::<Box<RawValue>>()? {
            self.hand_over_entry(format!("{word}[{index}]"), None, raw)?;
            index += 1;
        }
        Ok(())
    }

    /// Whether an item was passed on.
    pub(super) fn has_items(&self) -> bool {
        self.last.is_some()
    }
}

impl<'de> Visitor<'de> for &mut Reader<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an export of PromptDB, or prompts as an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.read_list("", items)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        let item = item::read(WHOLE_FILE.into(), Ok(Value::from(text)), None);
        self.hand_over(WHOLE_FILE.to_owned(), item)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<(), E> {
        Err(self.fail(WHOLE_FILE, NO_PROMPTS))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<(), E> {
        Err(self.fail(WHOLE_FILE, NO_PROMPTS))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<(), E> {
        Err(self.fail(WHOLE_FILE, NO_PROMPTS))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<(), E> {
        Err(self.fail(WHOLE_FILE, NO_PROMPTS))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        Err(self.fail(WHOLE_FILE, NO_PROMPTS))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let Some(key) = fields.next_key::<String>()? else {
            return Err(self.fail(WHOLE_FILE, "is an empty object"));
        };
        if key != "format" || !self.may_be_export {
            return self.read_file(key, None, fields);
        }
        let value = fields.next_value::<Box<RawValue>>()?;
        if serde_json::from_str::<&str>(value.get()).is_ok_and(|format| format == FORMAT) {
            return self.read_export(fields);
        }
        self.read_file(key, Some(value), fields)
    }
}
