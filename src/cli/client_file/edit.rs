//! An entry, its place in a file, and what an edit does to a text. Each syntax has a module that knows
//! how to change one; this one decides what to change, and verifies the result.

use serde_json::{Map, Value};

use super::{EditError, json, toml, yaml};

/// The byte order mark that some editors write first.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Fields by which clients reach a server. An edit removes those that the new entry lacks: an entry
/// with both a URL and a command is ambiguous.
const TRANSPORT_FIELDS: [&str; 8] =
    ["type", "url", "serverUrl", "httpUrl", "uri", "command", "cmd", "args"];
/// The fields among them that hold the URL.
const URL_FIELDS: [&str; 4] = ["url", "serverUrl", "httpUrl", "uri"];
/// Fields with which clients sign in to a URL. An edit keeps them while the URL stays.
const HEADER_FIELDS: [&str; 5] =
    ["headers", "http_headers", "env_http_headers", "bearer_token_env_var", "requestOptions"];
/// Fields that switch an entry off, each with the value that does.
const SWITCHES: [(&str, bool); 3] = [("enabled", false), ("disabled", true), ("isActive", false)];

/// The syntax of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Syntax {
    /// JSON; with `allows_comments` also comments and trailing commas.
    Json {
        allows_comments: bool,
    },
    Toml,
    Yaml,
}

/// Where a file keeps the server.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Place {
    pub(in crate::cli) syntax: Syntax,
    /// The path of the object that holds all servers; of several, the first that the file has, or else
    /// the last.
    pub(in crate::cli) sections: &'static [&'static [&'static str]],
    /// Whether the servers are a list, each with its name in the field `name`, instead of an object.
    pub(in crate::cli) is_list: bool,
    /// The server's name there.
    pub(in crate::cli) name: &'static str,
    /// What a new file begins with.
    pub(in crate::cli) preamble: &'static str,
}

/// A field of an entry.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Field {
    pub(in crate::cli) name: &'static str,
    pub(in crate::cli) value: Value,
    /// Whether a value that the file has stays.
    pub(in crate::cli) is_default: bool,
}

/// A server's entry in a client's file.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Entry {
    pub(in crate::cli) fields: Vec<Field>,
    /// Fields of the user with which the client would refuse the entry.
    pub(in crate::cli) unfit: &'static [&'static str],
}

/// What an edit does to the fields of an entry, which it creates if it is missing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) set: Vec<(&'static str, Value)>,
    pub(super) remove: Vec<&'static str>,
}

/// The text of a file after an edit.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) text: String,
    pub(super) effects: Effects,
}

/// What an edit did to the fields of the user.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Effects {
    /// The fields that it removed, without those that say how the server is reached.
    pub(in crate::cli) removed: Vec<&'static str>,
    /// Whether the entry was switched off, and no longer is.
    pub(in crate::cli) is_switched_on: bool,
}

impl Field {
    pub(in crate::cli) fn new(name: &'static str, value: impl Into<Value>) -> Self {
        Self { name, value: value.into(), is_default: false }
    }

    /// A field of a new entry, whose value the user may change.
    pub(in crate::cli) fn default(name: &'static str, value: impl Into<Value>) -> Self {
        Self { name, value: value.into(), is_default: true }
    }
}

impl Entry {
    /// The entry alone, as JSON.
    pub(in crate::cli) fn as_json(&self) -> Value {
        let fields = self.fields.iter().map(|field| (field.name.to_owned(), field.value.clone()));
        Value::Object(fields.collect())
    }

    /// Whether it holds a token.
    pub(super) fn is_secret(&self) -> bool {
        has_headers(&self.as_json())
    }

    /// Returns the changes of an existing entry, or the fields of a new one. Other fields, such as the
    /// permissions that the user granted, stay.
    fn plan(&self, old: Option<&Value>) -> Plan {
        let new = self.as_json();
        let url = |entry: &Value| URL_FIELDS.iter().find_map(|name| entry.get(name).cloned());
        let keeps_headers = old.is_some_and(|old| url(&new).is_some() && url(old) == url(&new));
        let headers: &[&str] = if keeps_headers { &[] } else { &HEADER_FIELDS };
        let has = |entry: Option<&Value>, name: &str| entry.is_some_and(|e| e.get(name).is_some());
        let mut remove = Vec::new();
        for name in TRANSPORT_FIELDS.iter().chain(headers).chain(self.unfit).copied() {
            if has(old, name) && !has(Some(&new), name) && !remove.contains(&name) {
                remove.push(name);
            }
        }
        let mut set = Vec::new();
        for field in &self.fields {
            let stays = match old.and_then(|old| old.get(field.name)) {
                Some(value) => field.is_default || *value == field.value,
                None => false,
            };
            if !stays {
                set.push((field.name, field.value.clone()));
            }
        }
        let switches = switches_off(old.unwrap_or(&Value::Null));
        let switches = switches.filter(|(name, _)| !has(Some(&new), name));
        set.extend(switches.map(|(name, off)| (name, Value::Bool(!off))));
        Plan { set, remove }
    }
}

impl Plan {
    fn effects(&self, old: Option<&Value>) -> Effects {
        let removed = self.remove.iter().filter(|name| !TRANSPORT_FIELDS.contains(name));
        Effects {
            removed: removed.copied().collect(),
            is_switched_on: old.is_some_and(is_disabled),
        }
    }
}

/// The fields that switch an entry off.
fn switches_off(entry: &Value) -> impl Iterator<Item = (&'static str, bool)> {
    SWITCHES.into_iter().filter(|(name, off)| entry.get(*name) == Some(&Value::Bool(*off)))
}

/// Whether an entry is switched off, so that the client does not use it.
pub(in crate::cli) fn is_disabled(entry: &Value) -> bool {
    switches_off(entry).next().is_some()
}

/// Whether an entry holds what signs in.
pub(in crate::cli) fn has_headers(entry: &Value) -> bool {
    HEADER_FIELDS.iter().any(|name| entry.get(name).is_some())
}

impl Syntax {
    /// Its name in errors.
    fn name(self) -> &'static str {
        match self {
            Self::Json { .. } => "JSON",
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
        }
    }
}

impl Place {
    /// Returns the server's entry in a file with this text, if there is one.
    pub(in crate::cli) fn read(&self, text: &str) -> Result<Option<Value>, EditError> {
        let file = self.parse(text)?;
        Ok(self.find(&file, self.section(&file)).cloned())
    }

    /// The content of a file with this entry only.
    pub(in crate::cli) fn file_with(&self, entry: &Entry) -> String {
        let edit = self.insert("", entry).ok().flatten();
        edit.expect("an empty text neither is invalid nor has the entry").text
    }

    /// Returns `text` with this entry, or `None` if it has the entry already.
    ///
    /// All other bytes stay, with one exception: an object on one line that gets a new field is
    /// broken into lines.
    pub(super) fn insert(&self, text: &str, entry: &Entry) -> Result<Option<Edit>, EditError> {
        let (mark, text) = split_mark(text);
        let preamble = if text.trim().is_empty() { self.preamble } else { "" };
        let text = format!("{preamble}{text}");
        let before = self.parse(&text)?;
        let section = self.section(&before);
        let old = self.find(&before, section);
        if old.is_some_and(|old| !old.is_object()) {
            return Err(not_an_object(&[section, &[self.name]].concat().join(".")));
        }
        let plan = entry.plan(old);
        if old.is_some() && plan == Plan::default() {
            return Ok(None);
        }
        let effects = plan.effects(old);
        let mut expected = before.clone();
        self.apply(&mut expected, section, &plan)?;
        let after = match self.syntax {
            Syntax::Json { .. } => json::apply(&text, section, self.name, &plan)?,
            Syntax::Toml => toml::apply(&text, section, self.name, &plan)?,
            Syntax::Yaml => yaml::apply(&text, self, section, &plan).ok_or(EditError::Form)?,
        };
        self.verify(&after, &expected)?;
        Ok(Some(Edit { text: format!("{mark}{after}"), effects }))
    }

    /// Returns `text` without the entry, or `None` if it has none.
    pub(super) fn remove(&self, text: &str) -> Result<Option<Edit>, EditError> {
        let (mark, text) = split_mark(text);
        let mut expected = self.parse(text)?;
        let section = self.section(&expected);
        if self.find(&expected, section).is_none() {
            return Ok(None);
        }
        let after = match self.syntax {
            Syntax::Json { .. } => json::remove(text, section, self.name)?,
            Syntax::Toml => toml::remove(text, section, self.name)?,
            Syntax::Yaml => yaml::remove(text, self, section).ok_or(EditError::Form)?,
        };
        self.take(&mut expected, section);
        self.verify(&after, &expected)?;
        Ok(Some(Edit { text: format!("{mark}{after}"), effects: Effects::default() }))
    }

    fn parse(&self, text: &str) -> Result<Value, EditError> {
        let (_, text) = split_mark(text);
        let file = match self.syntax {
            Syntax::Json { allows_comments } => json::parse(text, allows_comments),
            Syntax::Toml => toml::parse(text),
            Syntax::Yaml => yaml::parse(text),
        };
        let syntax = self.syntax.name();
        let file = file.map_err(|reason| EditError::Syntax { syntax, reason })?;
        match file {
            Value::Null => Ok(Value::Object(Map::new())),
            Value::Object(_) => Ok(file),
            _ => Err(EditError::Shape("its content is not an object".to_owned())),
        }
    }

    /// The section that the file has, or else the last one.
    fn section(&self, file: &Value) -> &'static [&'static str] {
        let exists = |section: &&&[&str]| {
            section
                .iter()
                .try_fold(file, |value, name| value.get(name))
                .is_some_and(Value::is_object)
        };
        let found = self.sections.iter().find(exists).or(self.sections.last());
        found.copied().unwrap_or_default()
    }

    fn find<'a>(&self, file: &'a Value, section: &[&str]) -> Option<&'a Value> {
        let servers = section.iter().try_fold(file, |value, name| value.get(name))?;
        if self.is_list {
            let is_named = |server: &&Value| server.get("name").is_some_and(|n| n == self.name);
            return servers.as_array()?.iter().find(is_named);
        }
        servers.get(self.name)
    }

    /// Does in the parsed file what an edit does in the text.
    fn apply(&self, file: &mut Value, section: &[&str], plan: &Plan) -> Result<(), EditError> {
        let server = self.find_or_create(file, section)?;
        for name in &plan.remove {
            server.remove(*name);
        }
        for (name, value) in &plan.set {
            server.insert((*name).to_owned(), value.clone());
        }
        Ok(())
    }

    fn find_or_create<'a>(
        &self,
        file: &'a mut Value,
        section: &[&str],
    ) -> Result<&'a mut Map<String, Value>, EditError> {
        let mut servers = file;
        for (depth, name) in section.iter().enumerate() {
            let is_last = depth + 1 == section.len();
            let empty = || {
                if self.is_list && is_last { Value::Array(Vec::new()) } else { Map::new().into() }
            };
            let path = section[..=depth].join(".");
            let parent = servers.as_object_mut().ok_or_else(|| not_an_object(&path))?;
            servers = parent.entry(*name).or_insert_with(empty);
            // A section without content is null in YAML.
            if servers.is_null() && self.syntax == Syntax::Yaml {
                *servers = empty();
            }
            let fits =
                if self.is_list && is_last { servers.is_array() } else { servers.is_object() };
            if !fits {
                let kind = if self.is_list && is_last { "a list" } else { "an object" };
                return Err(EditError::Shape(format!("its {path} is not {kind}")));
            }
        }
        let server = match servers {
            Value::Array(list) => {
                let is_named = |one: &Value| one.get("name").is_some_and(|n| n == self.name);
                let at = list.iter().position(is_named).unwrap_or_else(|| {
                    list.push(Map::new().into());
                    list.len() - 1
                });
                &mut list[at]
            }
            servers => {
                let servers = servers.as_object_mut().ok_or(EditError::Form)?;
                servers.entry(self.name).or_insert_with(|| Map::new().into())
            }
        };
        server.as_object_mut().ok_or(EditError::Form)
    }

    /// Removes the entry from the parsed file.
    fn take(&self, file: &mut Value, section: &[&str]) {
        let servers = section.iter().try_fold(file, |value, name| value.get_mut(name));
        match servers {
            Some(Value::Array(list)) => {
                list.retain(|one| one.get("name").is_none_or(|name| name != self.name));
            }
            Some(Value::Object(servers)) => drop(servers.remove(self.name)),
            _ => {}
        }
    }

    /// Refuses a text that does not mean what the edit is to do: nothing else may change.
    fn verify(&self, after: &str, expected: &Value) -> Result<(), EditError> {
        let after = self.parse(after).map_err(|_| EditError::Form)?;
        if without_empty(after) == without_empty(expected.clone()) {
            Ok(())
        } else {
            Err(EditError::Form)
        }
    }
}

/// Leaves out objects without fields at any depth: TOML does not keep a table that has become empty.
fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, without_empty(value)));
            let is_empty = |value: &Value| value.as_object().is_some_and(Map::is_empty);
            Value::Object(fields.filter(|(_, value)| !is_empty(value)).collect())
        }
        other => other,
    }
}

fn not_an_object(path: &str) -> EditError {
    EditError::Shape(format!("its {path} is not an object"))
}

/// Splits a text after its byte order mark.
fn split_mark(text: &str) -> (&str, &str) {
    let length = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    text.split_at(length)
}
