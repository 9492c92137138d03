//! One JSON value: an export, a list, an object with a list, a map, or one prompt.

use std::fmt;
use std::io::Read;

use serde::Deserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::bound::{Bound, Bounded};
use super::format::FORMAT;
use super::item;
use crate::domain::excerpt::{Excerpt, Message, cut_serde_error};
use crate::domain::transfer::encoding::NOT_UTF8;
use crate::domain::transfer::{Item, ReadError, Sink};

/// Reads a value item by item.
pub(super) fn read(input: impl Read, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let bound = Bound::new();
    let input = std::io::BufReader::new(Bounded { input, bound: bound.clone() });
    let mut deserializer = serde_json::Deserializer::from_reader(input);
    let mut reader = Reader { sink, bound, last: None, stopped: false, broken: None };
    let result = deserializer.deserialize_any(&mut reader).and_then(|()| deserializer.end());
    let Reader { last, stopped, broken, .. } = reader;
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
    let found = cut_serde_error(&error.to_string());
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
}

impl Reader<'_, '_> {
    /// Ends the reading with a fault that [`read`] reports instead of serde's.
    pub(super) fn fail<E: serde::de::Error>(&mut self, at: &str, reason: impl Into<Message>) -> E {
        self.broken = Some(ReadError::new(at, reason));
        E::custom("broken")
    }

    pub(super) fn hand_over<E: serde::de::Error>(
        &mut self,
        at: String,
        raw: Box<RawValue>,
        read: impl FnOnce(Excerpt, &RawValue) -> Item,
    ) -> Result<(), E> {
        let item = read(at.clone().into(), &raw);
        // The sink may wait for long, and the item's own texts are enough to hold meanwhile.
        drop(raw);
        self.last = Some(at);
        self.bound.begin_item();
        if (self.sink)(item) {
            return Ok(());
        }
        self.stopped = true;
        Err(E::custom("enough"))
    }

    /// Passes a prompt of another program on.
    pub(super) fn hand_over_prompt<E: serde::de::Error>(
        &mut self,
        at: String,
        raw: Box<RawValue>,
        key: Option<&str>,
    ) -> Result<(), E> {
        self.hand_over(at, raw, |at, raw| item::read(at, raw, key))
    }

    /// Reads the elements of a list.
    pub(super) fn read_list<'de, A: SeqAccess<'de>>(
        &mut self,
        word: &str,
        mut items: A,
    ) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(raw) = items.next_element::<Box<RawValue>>()? {
            self.hand_over_prompt(format!("{word}[{index}]"), raw, None)?;
            index += 1;
        }
        Ok(())
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

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        match fields.next_key::<String>()? {
            None => Err(self.fail("the file", "is an empty object")),
            Some(key) if key == "format" => {
                let value = fields.next_value::<Box<RawValue>>()?;
                if serde_json::from_str::<&str>(value.get()).is_ok_and(|format| format == FORMAT) {
                    return self.read_export(fields);
                }
                self.read_object(key, Some(value), fields)
            }
            Some(key) => self.read_object(key, None, fields),
        }
    }
}
