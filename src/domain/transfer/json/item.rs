//! A prompt in JSON of another program: Raycast, Langfuse, Superpower, Open WebUI, AIPRM, lencx/ChatGPT,
//! AI Prompt Genius, and programs that write much the same.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::domain::Invalid;
use crate::domain::draft::VariableDraft;
use crate::domain::excerpt::{Excerpt, Message, cut_serde_error};
use crate::domain::json_faults::JsonFaults;
use crate::domain::transfer::fields::{Meaning, Role, find_meaning};
use crate::domain::transfer::foreign::Form;
use crate::domain::transfer::record::{Record, Settled};
use crate::domain::transfer::{
    Item, VariableRecord, invalid_field, parse_favorite, split_tags, variable_drafts,
};

/// Reads a prompt. `key` is its key in a map, which names a prompt without a name of its own.
pub(super) fn read(at: Excerpt, raw: &RawValue, key: Option<&str>) -> Item {
    let read = parse(raw).map(|value| Found::of(value, key));
    let name = read
        .as_ref()
        .ok()
        .and_then(|found| found.record.name.as_ref().or(found.record.title.as_ref()));
    let name = name.map(Excerpt::new).filter(|name| !name.is_empty());
    Item::of_settled(at, name, read.and_then(Found::settle))
}

/// Whether a value is a prompt: a text, or an object with the text of one.
pub(super) fn is_prompt(raw: &RawValue) -> bool {
    match serde_json::from_str(raw.get()) {
        Ok(Value::String(_)) => true,
        Ok(Value::Object(fields)) => has_content(&fields),
        _ => false,
    }
}

/// Whether an object has the text of a prompt.
fn has_content(fields: &Map<String, Value>) -> bool {
    fields.iter().any(|(key, value)| {
        matches!(find_meaning(key), Meaning::Part(Role::Content, _))
            && read_content(value, &mut Vec::new()).is_some()
    })
}

fn parse(raw: &RawValue) -> Result<Value, Invalid> {
    if let Some(faults) = JsonFaults::find(raw.get().as_bytes()) {
        return Err(faults.into_invalid(str::to_owned));
    }
    serde_json::from_str(raw.get())
        .map_err(|error| invalid_field("item", cut_serde_error(&error.to_string())))
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
                Self { record: read_fields(fields), form, is_prompt: true }
            }
            _ => Self { record: Record::default(), form: Form::Plain, is_prompt: false },
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
        () => Form::Plain,
    }
}

fn read_fields(fields: Map<String, Value>) -> Record {
    let mut record = Record::default();
    let mut ranks: [Option<usize>; 7] = [None; 7];
    let mut known: Vec<(Role, usize, String, Value)> = Vec::new();
    for (key, value) in fields {
        match find_meaning(&key) {
            // A field without a value is absent.
            _ if value.is_null() => {}
            Meaning::Part(role, rank) => known.push((role, rank, key, value)),
            Meaning::Bookkeeping => {}
            Meaning::Unknown => record.passed_over.add(&key),
        }
    }
    known.sort_by_key(|(role, rank, ..)| (*role, *rank));
    for (role, rank, key, value) in known {
        let is_taken = ranks[role as usize].is_some() && role != Role::Tags;
        if is_taken || !read_field(&mut record, role, &value) {
            record.passed_over.add(&key);
        } else {
            ranks[role as usize] = Some(rank);
        }
    }
    record
}

/// Reads a field. Returns whether it has a value of its role.
fn read_field(record: &mut Record, role: Role, value: &Value) -> bool {
    match role {
        Role::Name => {
            // Open WebUI has a slash in front of a command.
            record.name = read_text(value).map(|text| text.trim_start_matches('/').to_owned());
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
            record.content = read_content(value, &mut record.notes);
            record.content.is_some()
        }
        Role::Tags => {
            let Some(tags) = read_tags(value) else { return false };
            let (read, odd): (Vec<_>, Vec<_>) = tags.into_iter().partition(Option::is_some);
            if !odd.is_empty() {
                let note = "Tags that are neither texts nor objects with a name were left out.";
                record.notes.push(note.into());
            }
            record.tags.get_or_insert_default().extend(read.into_iter().flatten());
            true
        }
        Role::Variables => {
            record.variables = read_variables(value);
            record.variables.is_some()
        }
        Role::Favorite => match value {
            Value::Bool(favorite) => {
                record.favorite = Some(*favorite);
                true
            }
            other => match read_text(other).as_deref().map(parse_favorite) {
                Some(Ok(favorite)) => {
                    record.favorite = Some(favorite);
                    true
                }
                Some(Err(note)) => {
                    record.notes.push(note);
                    true
                }
                None => false,
            },
        },
    }
}

/// Returns a text, or a number or a mark as it is written.
fn read_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(mark) => Some(mark.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Returns the text of a content: a text, the messages of a chat, or the steps of a chain.
fn read_content(value: &Value, notes: &mut Vec<Message>) -> Option<String> {
    let Value::Array(parts) = value else { return read_text(value) };
    let texts: Option<Vec<String>> = parts.iter().map(read_part).collect();
    let texts = texts.filter(|texts| !texts.is_empty())?;
    if let [only] = &parts[..] {
        // One message needs no heading.
        return only
            .as_str()
            .or_else(|| only.get("content")?.as_str())
            .map(str::to_owned)
            .or(texts.into_iter().next());
    }
    let what = if parts.iter().all(Value::is_string) { "steps" } else { "messages" };
    notes.push(format!("Its {} {what} were joined.", texts.len()).into());
    Some(texts.join("\n\n"))
}

/// Returns a step, or a message under its role.
fn read_part(part: &Value) -> Option<String> {
    if let Value::String(text) = part {
        return Some(text.clone());
    }
    let text = |key: &str| part.get(key).and_then(Value::as_str);
    // A chat of Langfuse has a place for messages that a program inserts.
    if text("type") == Some("placeholder") {
        return text("name").map(|name| format!("{{{{{name}}}}}"));
    }
    let content = text("content").or_else(|| text("text")).or_else(|| text("prompt"))?;
    match text("role") {
        Some(role) => {
            let mut letters = role.chars();
            let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
            Some(format!("{first}{}:\n{content}", letters.as_str()))
        }
        None => Some(content.to_owned()),
    }
}

/// Returns the tags of a list of texts or of objects with a name, or of one text; in a list `None` for
/// one that is neither.
fn read_tags(value: &Value) -> Option<Vec<Option<String>>> {
    match value {
        Value::Array(tags) => {
            let read = tags.iter().map(|tag| {
                let named = ["name", "title", "label"].into_iter().find_map(|key| tag.get(key));
                read_text(named.unwrap_or(tag))
            });
            Some(read.collect())
        }
        Value::Object(tag) => tag.get("name").and_then(read_text).map(|name| vec![Some(name)]),
        other => read_text(other).map(|text| split_tags(&text).into_iter().map(Some).collect()),
    }
}

/// Returns variables with a description or a default. A list of names says nothing that the content does
/// not.
fn read_variables(value: &Value) -> Option<Vec<VariableDraft>> {
    let Value::Array(variables) = value else { return None };
    if variables.iter().all(Value::is_string) {
        return Some(Vec::new());
    }
    let records: Option<Vec<VariableRecord>> =
        variables.iter().map(|variable| VariableRecord::deserialize(variable).ok()).collect();
    records.map(variable_drafts)
}
