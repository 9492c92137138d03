//! Front matter: YAML, or what a person takes for it.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::options;

use super::lines;
use crate::domain::draft::VariableDraft;
use crate::domain::excerpt::Message;
use crate::domain::transfer::fields::{Meaning, find_meaning};
use crate::domain::transfer::parse_favorite;
use crate::domain::transfer::record::{PassedOver, Record};
use crate::domain::transfer::yaml::Tags;

/// The fields that every export of PromptDB has. A program that has just these has no others.
const OWN: [&str; 5] = ["name", "title", "description", "tags", "version"];

/// Maximum number of keys that are kept, more than any file of a known program has.
const KEYS_MAX: usize = 64;

/// The fields of front matter that are read.
#[derive(Debug, Default)]
pub(super) struct FrontMatter {
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) favorite: Option<String>,
    variables: Option<Vec<VariableDraft>>,
    /// The names of all fields.
    keys: Vec<String>,
    passed_over: PassedOver,
    note: Option<Message>,
}

impl FrontMatter {
    /// Reads the text between the fences; `None` if it is not front matter. Two lines of hyphens are
    /// also how Markdown draws rules, and the text between those belongs to the content.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.trim().is_empty() {
            return Some(Self::default());
        }
        // Aliases could expand a page to gigabytes ("billion laughs"), so they are not followed, and
        // nesting is limited.
        let options = options! {
            with_snippet: false,
            // `y` is a name, as in YAML 1.2.
            strict_booleans: true,
            budget: serde_saphyr::budget! { max_aliases: 0, max_anchors: 0, max_depth: 16 },
        };
        if let Ok(front) = serde_saphyr::from_str_with_options::<Self>(text, options) {
            // A heading between two rules is a comment of YAML, which has no field.
            return (!front.keys.is_empty()).then_some(front);
        }
        let note = "The front matter is not valid YAML, so it was read line by line.";
        Some(Self { note: Some(note.into()), ..lines::read(text)? })
    }

    /// Whether it has a field.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known == key)
    }

    /// Whether PromptDB wrote it.
    pub(super) fn is_own(&self) -> bool {
        OWN.iter().all(|key| self.has(key))
    }

    /// Remembers the name of a field. One that is not read is passed over.
    pub(super) fn add_key(&mut self, key: &str, is_read: bool) {
        if self.keys.len() < KEYS_MAX {
            self.keys.push(key.to_owned());
        }
        if !is_read && find_meaning(key) != Meaning::Bookkeeping {
            self.passed_over.add(key);
        }
    }

    fn set_variables(&mut self, listed: Option<Vec<ListedVariable>>) {
        self.variables = listed.map(|listed| {
            let drafts = listed.into_iter().map(|ListedVariable { draft, passed_over }| {
                for key in &passed_over {
                    self.passed_over.add(&format!("variables.{key}"));
                }
                draft
            });
            drafts.collect()
        });
    }

    /// Returns the fields as a record without a content.
    pub(super) fn into_record(self) -> Record {
        let mut notes: Vec<Message> = self.note.into_iter().collect();
        let favorite = match self.favorite.as_deref().map(parse_favorite) {
            Some(Err(note)) => {
                notes.push(note);
                None
            }
            favorite => favorite.and_then(Result::ok),
        };
        Record {
            name: self.name,
            title: self.title,
            description: self.description,
            content: None,
            tags: self.tags,
            variables: self.variables,
            favorite,
            passed_over: self.passed_over,
            notes,
        }
    }
}

impl<'de> Deserialize<'de> for FrontMatter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = FrontMatter;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FrontMatter, A::Error> {
                let mut front = FrontMatter::default();
                while let Some(key) = map.next_key::<String>()? {
                    // The type `String` reads `7`, `2024` and `no` as they are written.
                    match key.to_ascii_lowercase().as_str() {
                        "name" => front.name = map.next_value()?,
                        "title" => front.title = map.next_value()?,
                        "description" => front.description = map.next_value()?,
                        "tags" => front.tags = map.next_value::<Tags>()?.0,
                        "variables" => {
                            let listed: Option<Vec<ListedVariable>> = map.next_value()?;
                            front.set_variables(listed);
                        }
                        "favorite" => front.favorite = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            front.add_key(&key, false);
                            continue;
                        }
                    }
                    front.add_key(&key, true);
                }
                Ok(front)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// A variable as a person lists it: its name alone, or with fields.
struct ListedVariable {
    draft: VariableDraft,
    /// The names of fields that no variable has.
    passed_over: Vec<String>,
}

impl<'de> Deserialize<'de> for ListedVariable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;

        impl<'de> Visitor<'de> for One {
            type Value = ListedVariable;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a variable")
            }

            fn visit_str<E>(self, name: &str) -> Result<ListedVariable, E> {
                let draft =
                    VariableDraft { name: name.to_owned(), description: None, default: None };
                Ok(ListedVariable { draft, passed_over: Vec::new() })
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ListedVariable, A::Error> {
                let (mut name, mut description, mut default) = (None, None, None);
                let mut passed_over = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "name" => name = map.next_value()?,
                        "description" => description = map.next_value()?,
                        "default" => default = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                            passed_over.push(key);
                        }
                    }
                }
                let name = name.ok_or_else(|| A::Error::missing_field("name"))?;
                let draft = VariableDraft { name, description, default };
                Ok(ListedVariable { draft, passed_over })
            }
        }

        deserializer.deserialize_any(One)
    }
}
