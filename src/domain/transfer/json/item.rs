//! A prompt in JSON of another program: Raycast, Langfuse, Superpower, Open WebUI, AIPRM, lencx/ChatGPT,
//! AI Prompt Genius, Espanso, TextExpander, and programs that write much the same.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::content::{find_inner, find_roles, is_chat, read_content, read_content_of};
use super::{espanso, shape};
use crate::domain::Invalid;
use crate::domain::excerpt::{Excerpt, Message, cut_json_error};
use crate::domain::json_faults::JsonFaults;
use crate::domain::transfer::fields::{Meaning, Role, find_meaning};
use crate::domain::transfer::foreign::Form;
use crate::domain::transfer::record::{Record, Settled};
use crate::domain::transfer::values::{read_favorite, read_tags, read_text, read_variables};
use crate::domain::transfer::{Item, invalid_field};

/// Maximum number of objects and of values in an item, or of the signs that stand for them.
const OBJECTS_MAX: usize = 200_000;
const VALUES_MAX: usize = 1_000_000;

/// Reads a prompt. `key` is its key in a map, which names a prompt without a name of its own.
pub(super) fn read(at: Excerpt, value: Result<Value, Invalid>, key: Option<&str>) -> Item {
    let read = value.map(|value| Found::of(value, key));
    let name = read
        .as_ref()
        .ok()
        .and_then(|found| found.record.name.as_ref().or(found.record.title.as_ref()));
    let name = name.map(Excerpt::new).filter(|name| !name.is_empty());
    Item::of_settled(at, name, read.and_then(Found::settle))
}

/// Parses an item.
pub(super) fn parse(raw: &RawValue) -> Result<Value, Invalid> {
    if has_too_many_values(raw) {
        let reason =
            format!("has more than {OBJECTS_MAX} objects or {VALUES_MAX} values; divide it");
        return Err(invalid_field("item", reason));
    }
    if let Some(faults) = JsonFaults::find(raw.get().as_bytes()) {
        let whole = |path: &str| if path == "body" { "item" } else { path }.to_owned();
        return Err(faults.into_invalid(whole));
    }
    serde_json::from_str(raw.get()).map_err(|error| invalid_field("item", cut_json_error(&error)))
}

/// Parses a value to see what it is, though it may have faults. One that cannot be parsed is null.
pub(super) fn parse_leniently(raw: &RawValue) -> Value {
    if has_too_many_values(raw) {
        return Value::Null;
    }
    let mended = JsonFaults::find(raw.get().as_bytes()).map(|faults| faults.text);
    let text = mended.as_deref().unwrap_or(raw.get().as_bytes());
    serde_json::from_slice(text).unwrap_or_default()
}

/// Whether a value would take much more memory than it has bytes, as `[{},{},...]` does.
fn has_too_many_values(raw: &RawValue) -> bool {
    let has_over = |sign, max| memchr::memchr_iter(sign, raw.get().as_bytes()).nth(max).is_some();
    has_over(b'{', OBJECTS_MAX) || has_over(b',', VALUES_MAX)
}

/// What an element of a list or an entry of a map is.
pub(super) enum Entry {
    /// A prompt, or what is refused as none.
    Item,
    /// A list of prompts.
    List,
    /// An object with prompts inside, and what it is called.
    Folder(Option<String>),
}

/// Tells what an entry is, though it may have faults inside. `key` is that in a map.
pub(super) fn classify(
    parsed: &Result<Value, Invalid>,
    raw: &RawValue,
    key: Option<&str>,
) -> Entry {
    let mended = if parsed.is_err() { parse_leniently(raw) } else { Value::Null };
    let value = parsed.as_ref().unwrap_or(&mended);
    match value {
        value if shape::is_prompt(value) => Entry::Item,
        Value::Array(list) if key.is_some() && !list.is_empty() => Entry::List,
        value if shape::is_folder(value) || key.is_some() && shape::is_map_of_texts(value) => {
            Entry::Folder(shape::folder_name(value).or(key).map(str::to_owned))
        }
        _ => Entry::Item,
    }
}

/// What a value says about a prompt.
struct Found {
    record: Record,
    form: Form,
    /// Whether the value is one that a prompt can be.
    is_prompt: bool,
}

impl Found {
    fn of(value: Value, key: Option<&str>) -> Self {
        let mut found = match value {
            Value::String(text) => {
                let record = Record { content: Some(text), ..Record::default() };
                Self { record, form: Form::Plain, is_prompt: true }
            }
            Value::Object(fields) => {
                let form = recognise(&fields);
                Self { record: read_fields(fields, form), form, is_prompt: true }
            }
            chat if is_chat(&chat) => {
                let mut record = Record::default();
                record.content = read_content(&chat, &mut record.notes);
                Self { record, form: Form::Plain, is_prompt: true }
            }
            other => {
                let mut record = Record::default();
                let pair = shape::as_pair(&other);
                if let Some((title, text)) = pair {
                    (record.title, record.content) =
                        (Some(title.to_owned()), Some(text.to_owned()));
                }
                Self { record, form: Form::Plain, is_prompt: pair.is_some() }
            }
        };
        if found.record.name.is_none() && found.record.title.is_none() {
            found.record.name = key.map(str::to_owned);
        }
        found
    }

    fn settle(self) -> Result<Settled, Invalid> {
        if !self.is_prompt {
            return Err(invalid_field("item", "is neither an object nor a text"));
        }
        self.record.settle(self.form)
    }
}

/// Recognises the program by the keys of an object.
fn recognise(fields: &Map<String, Value>) -> Form {
    let has = |key: &str| fields.contains_key(key);
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    let is_snippet =
        has("text") && fields.keys().all(|key| ["name", "text", "keyword"].contains(&&**key));
    let is_raycast = is_snippet
        || has("creativity")
        || ["text", "prompt"].iter().any(|key| text(key).contains("{argument"));
    match () {
        () if has("PromptHint") || has("Teaser") => Form::Aiprm,
        () if has("command") && has("content") => Form::OpenWebUi,
        () if has("act") && has("prompt") => Form::PromptsChat,
        () if is_raycast => Form::Raycast,
        () if has("replace") => Form::Espanso,
        () if has("form") => Form::EspansoFields,
        () if has("abbreviation") => Form::TextExpander,
        () => Form::Plain,
    }
}

fn read_fields(mut fields: Map<String, Value>, form: Form) -> Record {
    let mut record = Record::default();
    if let Some(key) = find_inner(&fields).map(str::to_owned)
        && let Some(Value::Object(inner)) = fields.remove(&key)
    {
        let inner = read_fields(inner, form);
        record = read_fields(fields, form);
        record.fill(&key, inner);
        return record;
    }
    let mut is_read = [false; 7];
    if let Some((chat, keys)) = find_roles(&fields) {
        fields.retain(|key, _| !keys.contains(key));
        is_read[Role::Content as usize] = read_field(&mut record, Role::Content, "messages", &chat);
    }
    if matches!(form, Form::Espanso | Form::EspansoFields) {
        let mut variables = Vec::new();
        for key in espanso::FIELDS {
            if let Some(value) = fields.remove(key) {
                espanso::read_variables(key, &value, &mut variables, &mut record.passed_over);
            }
        }
        record.variables = (!variables.is_empty()).then_some(variables);
    }
    let mut known: Vec<(Role, usize, String, Value)> = Vec::new();
    for (key, value) in fields {
        let meaning = match &*key {
            // A form of Espanso is the text that it fills in.
            "form" if form == Form::EspansoFields => Meaning::Part(Role::Content, 0),
            // Open WebUI's command is what a person types to get the prompt.
            "name" if form == Form::OpenWebUi => Meaning::Part(Role::Title, 0),
            key => find_meaning(key),
        };
        match meaning {
            // A field without a value is absent.
            _ if value.is_null() => {}
            Meaning::Part(role, rank) => known.push((role, rank, key, value)),
            Meaning::Bookkeeping => {}
            Meaning::Unknown => record.passed_over.add(&key),
        }
    }
    // A text that is empty is read only where there is no other.
    known.sort_by_key(|(role, rank, _, value)| (*role, is_empty(value), *rank));
    for (role, _, key, value) in known {
        let is_taken = is_read[role as usize] && role != Role::Tags;
        if is_taken && is_empty(&value) {
            continue;
        }
        if is_taken || !read_field(&mut record, role, &key, &value) {
            record.passed_over.add(&key);
        } else {
            is_read[role as usize] = true;
        }
    }
    record
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Reads a field. Returns whether it has a value of its role.
fn read_field(record: &mut Record, role: Role, key: &str, value: &Value) -> bool {
    match role {
        Role::Name => {
            record.name = read_name(value, &mut record.notes);
            record.name.is_some()
        }
        Role::Title => {
            record.title = read_text(value);
            record.title.is_some()
        }
        Role::Description => {
            record.description = read_text(value);
            record.description.is_some()
        }
        Role::Content => {
            record.content = read_content_of(key, value, &mut record.notes);
            record.content.is_some()
        }
        Role::Tags => {
            let Some(tags) = read_tags(value, &mut record.notes) else { return false };
            record.tags.get_or_insert_default().extend(tags);
            true
        }
        Role::Variables => read_variables(value, record),
        Role::Favorite => read_favorite(value, record),
    }
}

/// Returns the name of a text, or of the first one of a list: each of Espanso's triggers brings the same
/// prompt.
fn read_name(value: &Value, notes: &mut Vec<Message>) -> Option<String> {
    if let Value::Array(names) = value {
        let (first, others) = names.split_first()?;
        let name = read_text(first)?;
        if !others.is_empty() {
            let count = names.len();
            notes.push(format!("The first of its {count} triggers became its name.").into());
        }
        return Some(name);
    }
    // Open WebUI has a slash in front of a command.
    read_text(value).map(|text| text.trim_start_matches('/').to_owned())
}
