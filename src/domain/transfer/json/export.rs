//! Reading an export, whose fields have one order.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::document::Reader;
use super::format::{Counts, FORMAT, FORMAT_VERSION, List};
use super::records;
use crate::domain::excerpt::Excerpt;
use crate::domain::transfer::WHOLE_FILE;

impl Reader<'_, '_> {
    /// Reads an export after its first field.
    pub(super) fn read_export<'de, A: MapAccess<'de>>(
        &mut self,
        mut fields: A,
    ) -> Result<(), A::Error> {
        if fields.next_key::<String>()?.as_deref() != Some("version") {
            let reason = format!(
                "is not an export of PromptDB, which begins with \
                 {{\"format\":\"{FORMAT}\",\"version\":{FORMAT_VERSION}"
            );
            return Err(self.fail(WHOLE_FILE, reason));
        }
        let version = fields.next_value::<u32>()?;
        if version != FORMAT_VERSION {
            let reason = format!(
                "is {version}, which this PromptDB does not read; it reads {FORMAT_VERSION}"
            );
            return Err(self.fail("version", reason));
        }
        self.bound.lift();
        let mut counts = Counts::default();
        let mut end = None;
        while let Some(field) = fields.next_key::<String>()? {
            match (field.as_str(), List::of_field(&field)) {
                ("exported_at" | "plan", _) => {
                    fields.next_value::<IgnoredAny>()?;
                }
                ("end", _) => end = Some(fields.next_value::<Counts>()?),
                (_, Some(list)) => {
                    *counts.of(list) = fields.next_value_seed(ExportList { reader: self, list })?;
                }
                (other, None) => {
                    let reason = format!("has an unknown field \"{}\"", Excerpt::new(other));
                    return Err(self.fail(WHOLE_FILE, reason));
                }
            }
        }
        match end {
            None => {
                Err(self.fail("the end", "the last field, end, is missing: the file is cut off"))
            }
            Some(end) if end != counts => {
                let reason = format!(
                    "the file declares {} prompts and {} candidates, but has {} and {}: items were \
                     removed or added",
                    end.prompts, end.candidates, counts.prompts, counts.candidates
                );
                Err(self.fail("the end", reason))
            }
            Some(_) => Ok(()),
        }
    }
}

/// Reads one list of an export and counts it.
struct ExportList<'r, 'a, 'b> {
    reader: &'r mut Reader<'a, 'b>,
    list: List,
}

impl<'de> DeserializeSeed<'de> for ExportList<'_, '_, '_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ExportList<'_, '_, '_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
        let mut count = 0;
        let list = self.list;
        if matches!(list, List::Audit | List::Clients) {
            // The trail and the clients of another library are not imported: those writes and calls
            // did not happen here.
            while items.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        let word = list.field();
        while let Some(raw) = items.next_element::<Box<RawValue>>()? {
            let at = format!("{word}[{count}]");
            let item = records::read_item(at.clone().into(), &raw, list);
            // The sink may wait for long, and the item's own texts are enough to hold meanwhile.
            drop(raw);
            self.reader.hand_over(at, item)?;
            count += 1;
        }
        Ok(count)
    }
}
