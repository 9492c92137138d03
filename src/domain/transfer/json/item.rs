//! A prompt in JSON of another program: Raycast, Langfuse, Superpower, Open WebUI, AIPRM, lencx/ChatGPT,
//! AI Prompt Genius, Espanso, TextExpander, and programs that write much the same.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::shape;
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

/// Whether an object has the text of a prompt. A number alone is a setting, such as `"steps": 30`.
pub(super) fn has_content(fields: &Map<String, Value>) -> bool {
    fields.iter().any(|(key, value)| {
        matches!(find_meaning(key), Meaning::Part(Role::Content, _))
            && !matches!(value, Value::Number(_) | Value::Bool(_))
            && read_content(value, &mut Vec::new()).is_some()
    })
}

/// Whether a value is the messages of a chat.
pub(super) fn is_chat(value: &Value) -> bool {
    let Value::Array(messages) = value else { return false };
    messages.iter().all(|message| message.get("role").is_some_and(Value::is_string))
        && read_content(value, &mut Vec::new()).is_some()
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
        () if has("replace") => Form::Espanso,
        () if has("form") => Form::EspansoFields,
        () if has("abbreviation") => Form::TextExpander,
        () => Form::Plain,
    }
}

fn read_fields(fields: Map<String, Value>, form: Form) -> Record {
    let mut record = Record::default();
    let mut is_read = [false; 7];
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
        if is_taken || !read_field(&mut record, role, &value) {
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
fn read_field(record: &mut Record, role: Role, value: &Value) -> bool {
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
            record.content = read_content(value, &mut record.notes);
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

/// Returns the text of a content: a text, the messages of a chat, or the steps of a chain.
fn read_content(value: &Value, notes: &mut Vec<Message>) -> Option<String> {
    let parts = match value {
        Value::Array(parts) => &parts[..],
        // An object with other parts of a prompt is one, and not the content of one.
        Value::Object(fields) if fields.keys().any(|key| is_other_part(key)) => return None,
        Value::Object(fields) => match find_messages(fields) {
            Some(parts) => parts,
            None => std::slice::from_ref(value),
        },
        other => return read_text(other),
    };
    let mut left_out = 0;
    let texts = parts.iter().filter_map(|part| Some((part, read_part(part, &mut left_out)?)));
    let mut texts: Vec<(&Value, String)> = texts.collect();
    if left_out > 0 && !texts.is_empty() {
        let (s, were) = if left_out == 1 { ("", "was") } else { ("s", "were") };
        notes.push(format!("{left_out} part{s} without text {were} left out.").into());
    }
    if texts.len() < 2 {
        // One message needs no heading.
        return texts.pop().map(|(_, text)| text);
    }
    let what = if parts.iter().all(Value::is_string) { "steps" } else { "messages" };
    notes.push(format!("Its {} {what} were joined.", texts.len()).into());
    let texts = texts.into_iter().map(|(part, text)| match part.get("role") {
        Some(Value::String(role)) => format!("{}:\n{text}", capitalize(role)),
        _ => text,
    });
    Some(texts.collect::<Vec<_>>().join("\n\n"))
}

fn is_other_part(field: &str) -> bool {
    matches!(find_meaning(field), Meaning::Part(role, _) if role != Role::Content)
}

/// Returns the messages of an object that has nothing else of a prompt.
fn find_messages(fields: &Map<String, Value>) -> Option<&[Value]> {
    let inner = fields.get("kwargs").and_then(Value::as_object).unwrap_or(fields);
    inner.get("messages").and_then(Value::as_array).map(Vec::as_slice)
}

/// Returns the text of a step or of a message, which may have parts of its own. Counts those without text,
/// such as images.
fn read_part(part: &Value, left_out: &mut usize) -> Option<String> {
    let field = |key: &str| part.get(key).filter(|value| !value.is_null());
    match part {
        Value::String(text) => return Some(text.clone()),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|part| read_part(part, left_out));
            let texts: Vec<String> = texts.collect();
            return (!texts.is_empty()).then(|| texts.join("\n\n"));
        }
        _ => {}
    }
    // A chat of Langfuse has a place for messages that a program inserts.
    if let (Some("placeholder"), Some(Value::String(name))) =
        (field("type").and_then(Value::as_str), field("name"))
    {
        return Some(format!("{{{{{name}}}}}"));
    }
    // LangChain writes what an object was made of as its `kwargs`.
    let keys = ["content", "text", "prompt", "template", "parts", "kwargs"];
    let Some(content) = keys.into_iter().find_map(field) else {
        *left_out += 1;
        return None;
    };
    read_part(content, left_out)
}

fn capitalize(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.as_str().chars()).collect()
}
