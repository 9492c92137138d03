//! YAML of text expanders: matches of Espanso, snippets of TextExpander, and lists of prompts.
//!
//! The file is read as a whole, so its size is limited, and so are nesting and aliases: a page of aliases
//! could stand for gigabytes ("billion laughs").

use std::fmt;
use std::io::{BufRead, Read};

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, UserMessageFormatter, options};

use super::fields::{Meaning, Role, find_meaning};
use super::foreign::Form;
use super::record::Record;
use super::{
    Item, ReadError, Sink, encoding::NOT_UTF8, parse_favorite, split_tags, unreadable_file,
};
use crate::domain::excerpt::{Excerpt, cut_serde_error};

/// Maximum size of a file in bytes.
const FILE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Maximum depth of nesting, more than any of these programs has.
const DEPTH_MAX: usize = 32;
/// Maximum number of values: a prompt has a dozen.
const NODES_MAX: usize = 500_000;

/// The fields that hold a list of prompts.
const LISTS: [&str; 4] = ["matches", "snippets", "prompts", "items"];

/// Reads a file.
pub(super) fn read(input: Box<dyn BufRead>, sink: &mut Sink<'_>) -> Result<(), ReadError> {
    let mut bytes = Vec::new();
    let limit = FILE_MAX_BYTES as u64 + 1;
    input.take(limit).read_to_end(&mut bytes).map_err(|error| unreadable_file(&error))?;
    let fail = |reason: String| Err(ReadError::new("the file", reason));
    if bytes.len() > FILE_MAX_BYTES {
        return fail(format!("has more than {FILE_MAX_BYTES} bytes; divide it"));
    }
    let Ok(text) = str::from_utf8(&bytes) else { return fail(NOT_UTF8.to_owned()) };
    if text.trim().is_empty() {
        return fail("is empty".to_owned());
    }
    let options = options! {
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_aliases: 0,
            max_anchors: 0,
            max_depth: DEPTH_MAX,
            max_nodes: NODES_MAX,
        },
    };
    let document: Document = match serde_saphyr::from_str_with_options(text, options) {
        Ok(document) => document,
        Err(error) => return fail(describe(&error)),
    };
    if document.entries.is_empty() {
        return fail("holds no prompts: neither matches, snippets nor prompts".to_owned());
    }
    for (index, entry) in document.entries.into_iter().enumerate() {
        let at = match document.list {
            Some(list) => format!("{list}[{index}]"),
            None => format!("[{index}]"),
        };
        if !sink(entry.into_item(at.into())) {
            break;
        }
    }
    Ok(())
}

/// Describes why a file cannot be read, to a person who does not know the parser.
fn describe(error: &Error) -> String {
    if let Error::Budget { breach, .. } = error
        && matches!(breach, BudgetBreach::Anchors { .. } | BudgetBreach::Aliases { .. })
    {
        return "has anchors and aliases, which are not read; write the values out".to_owned();
    }
    let found = error.render_with_formatter(&UserMessageFormatter);
    format!("invalid YAML: {}", cut_serde_error(&found))
}

/// A file: a list under one of its names, a list alone, or one prompt.
#[derive(Default)]
struct Document {
    list: Option<&'static str>,
    entries: Vec<Entry>,
}

/// One prompt.
#[derive(Default)]
struct Entry {
    record: Record,
    form: Form,
    /// The rank of the field that was read for each role.
    ranks: [Option<usize>; 7],
}

impl Entry {
    fn into_item(self, at: Excerpt) -> Item {
        let Record { name, title, .. } = &self.record;
        let name = title.as_ref().or(name.as_ref()).map(Excerpt::new);
        Item::of_settled(at, name.filter(|name| !name.is_empty()), self.record.settle(self.form))
    }

    /// Reads a field.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "triggers" => {
                // All of them bring the same text.
                let triggers = map.next_value::<Option<Vec<String>>>()?.unwrap_or_default();
                self.record.name = triggers.into_iter().next();
                return Ok(());
            }
            "form" => {
                self.form = Form::Espanso;
                self.record.content = map.next_value()?;
                return Ok(());
            }
            _ => {}
        }
        let (role, rank) = match find_meaning(key) {
            Meaning::Part(role, rank) if role != Role::Variables => (role, rank),
            meaning => {
                map.next_value::<IgnoredAny>()?;
                if meaning != Meaning::Bookkeeping {
                    self.record.passed_over.add(key);
                }
                return Ok(());
            }
        };
        let known = &mut self.ranks[role as usize];
        if role != Role::Tags && known.is_some_and(|known| known < rank) {
            map.next_value::<IgnoredAny>()?;
            self.record.passed_over.add(key);
            return Ok(());
        }
        *known = Some(rank);
        if role == Role::Tags {
            let tags = map.next_value::<Tags>()?.0.unwrap_or_default();
            self.record.tags.get_or_insert_default().extend(tags);
            return Ok(());
        }
        // The type `String` reads a number or a date as it is written.
        let text = map.next_value::<Option<String>>()?;
        match (role, key) {
            (_, "replace") => self.form = Form::Espanso,
            (_, "abbreviation") => self.form = Form::TextExpander,
            _ => {}
        }
        let record = &mut self.record;
        match role {
            Role::Name => record.name = text,
            Role::Title => record.title = text,
            Role::Description => record.description = text,
            Role::Content => record.content = text,
            Role::Favorite => match text.as_deref().map(parse_favorite) {
                Some(Ok(favorite)) => record.favorite = Some(favorite),
                Some(Err(note)) => record.notes.push(note),
                None => {}
            },
            Role::Tags | Role::Variables => {}
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;

        impl<'de> Visitor<'de> for Whole {
            type Value = Document;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of prompts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Document, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = items.next_element()? {
                    entries.push(entry);
                }
                Ok(Document { list: None, entries })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document, A::Error> {
                let mut document = Document::default();
                let mut single = Entry::default();
                while let Some(key) = map.next_key::<String>()? {
                    match LISTS.into_iter().find(|list| *list == key) {
                        Some(list) => {
                            let entries = map.next_value::<Option<Vec<Entry>>>()?;
                            document.list = Some(list);
                            document.entries.extend(entries.unwrap_or_default());
                        }
                        None if key == "global_vars" => {
                            map.next_value::<IgnoredAny>()?;
                        }
                        None => single.read(&key, &mut map)?,
                    }
                }
                if document.list.is_none() && single.record.content.is_some() {
                    document.entries.push(single);
                }
                Ok(document)
            }
        }

        deserializer.deserialize_any(Whole)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Entry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the fields of a prompt")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
                let mut entry = Entry::default();
                while let Some(key) = map.next_key::<String>()? {
                    entry.read(&key, &mut map)?;
                }
                Ok(entry)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// Tags as a list or as one text; `None` for a field without a value.
pub(super) struct Tags(pub(super) Option<Vec<String>>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tags")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tags, A::Error> {
                let mut tags = Vec::new();
                // The type `String` makes `2024` and `no` texts, which YAML would read as other types.
                while let Some(tag) = items.next_element::<String>()? {
                    tags.push(tag);
                }
                Ok(Tags(Some(tags)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Tags, E> {
                Ok(Tags(Some(split_tags(text))))
            }

            fn visit_unit<E>(self) -> Result<Tags, E> {
                Ok(Tags(None))
            }
        }

        deserializer.deserialize_any(List)
    }
}
