//! The text of a prompt in an object of another program: a text, a chat, the steps of a chain, or an object
//! with one of these.

use serde_json::{Map, Value, json};

use super::shape::is_sentence;
use crate::domain::excerpt::Message;
use crate::domain::transfer::fields::{Meaning, Role, find_meaning, is_content, simplify};
use crate::domain::transfer::values::read_text;

/// Whether an object has the text of a prompt.
pub(super) fn has_content(fields: &Map<String, Value>) -> bool {
    has_own_content(fields) || find_roles(fields).is_some() || find_inner(fields).is_some()
}

/// Whether a field of an object has the text of a prompt. A number alone is a setting, such as `"steps": 30`.
fn has_own_content(fields: &Map<String, Value>) -> bool {
    fields.iter().any(|(key, value)| {
        is_content(key)
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

/// The fields of an object that are the messages of a chat, by their role, in the order of a chat. The field
/// without a role has messages with their own.
const ROLES: [(&str, &[&str]); 4] = [
    ("system", &["system", "systemprompt", "systemmessage"]),
    ("", &["messages"]),
    ("user", &["user", "userprompt", "usermessage", "human", "prompt"]),
    ("assistant", &["assistant", "assistantmessage", "ai"]),
];

/// Returns the messages of a chat that has a field for what the system says and others for the rest, and the
/// names of the fields. An object with other texts is a map of texts, unless it has a name.
pub(super) fn find_roles(fields: &Map<String, Value>) -> Option<(Value, Vec<String>)> {
    let (mut messages, mut keys) = (Vec::new(), Vec::new());
    for (role, names) in ROLES {
        let mut found = fields.iter().filter(|(key, _)| names.contains(&&*simplify(key)));
        match (found.next(), found.next()) {
            (Some((key, Value::String(text))), None) if !role.is_empty() && !text.is_empty() => {
                messages.push(json!({ "role": role, "content": text }));
                keys.push(key.clone());
            }
            (Some((key, chat @ Value::Array(list))), None) if role.is_empty() && is_chat(chat) => {
                messages.extend(list.iter().cloned());
                keys.push(key.clone());
            }
            _ if messages.is_empty() => return None,
            _ => {}
        }
    }
    let mut others = fields.iter().filter(|(key, value)| !keys.contains(key) && !value.is_null());
    let is_chat = keys.len() > 1
        && !others.clone().any(|(key, _)| is_content(key))
        && (others.clone().any(|(key, value)| is_name(key, value))
            || !others
                .any(|(key, value)| find_meaning(key) == Meaning::Unknown && is_sentence(value)));
    is_chat.then_some((Value::Array(messages), keys))
}

/// Whether a field has the name of its object.
pub(super) fn is_name(key: &str, value: &Value) -> bool {
    matches!(find_meaning(key), Meaning::Part(Role::Name | Role::Title, _)) && value.is_string()
}

/// The fields in which programs put what an object has.
const WRAPPERS: [&str; 3] = ["attributes", "fields", "value"];

/// Returns the field with the prompt that an object names, as in `{"name": "x", "prompt": {"text": "..."}}`.
/// An object without a name or an id may be a map of prompts, and so may one with two prompts.
pub(super) fn find_inner(fields: &Map<String, Value>) -> Option<&str> {
    let is_prompt =
        |fields: &Map<String, Value>| has_own_content(fields) || find_roles(fields).is_some();
    let objects = fields.iter().filter_map(|(key, value)| Some((key, value.as_object()?)));
    let mut prompts = objects.filter(|(_, value)| is_prompt(value)).map(|(key, _)| key);
    let (Some(key), None) = (prompts.next(), prompts.next()) else { return None };
    let holds_prompts = is_content(key) || WRAPPERS.contains(&&*simplify(key));
    let is_id = |key: &str, value: &Value| {
        simplify(key) == "id" && (value.is_string() || value.is_number())
    };
    let is_named = fields.iter().any(|(key, value)| is_name(key, value) || is_id(key, value));
    (holds_prompts && is_named && !has_own_content(fields)).then_some(key)
}

/// Returns the text of the field `key`. A list of texts of one line each is one text, unless they are steps.
pub(super) fn read_content_of(
    key: &str,
    value: &Value,
    notes: &mut Vec<Message>,
) -> Option<String> {
    let line =
        |value: &Value| value.as_str().filter(|line| !line.contains('\n')).map(str::to_owned);
    let lines: Option<Vec<String>> = value
        .as_array()
        .filter(|_| simplify(key) != "steps")
        .and_then(|list| list.iter().map(line).collect());
    match lines {
        Some(lines) if lines.len() > 1 => {
            notes.push(format!("Its {} lines were joined.", lines.len()).into());
            Some(lines.join("\n"))
        }
        _ => read_content(value, notes),
    }
}

/// Returns the text of a content: a text, the messages of a chat, or the steps of a chain.
pub(super) fn read_content(value: &Value, notes: &mut Vec<Message>) -> Option<String> {
    let parts = match value {
        Value::Array(parts) => &parts[..],
        // An object with other parts of a prompt is one, and not the content of one.
        Value::Object(fields) if fields.keys().any(|key| is_other_part(key)) => return None,
        Value::Object(fields) => match (find_messages(fields), find_roles(fields)) {
            (Some(parts), _) => parts,
            (None, Some((chat, _))) => return read_content(&chat, notes),
            (None, None) => std::slice::from_ref(value),
        },
        other => return read_text(other),
    };
    let mut left_out = 0;
    let texts = parts.iter().filter_map(|part| Some((part, read_part(part, &mut left_out)?)));
    let mut texts: Vec<(&Value, String)> = texts.collect();
    texts.retain(|(_, text)| !text.is_empty());
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
    let keys = ["content", "text", "prompt", "template", "parts", "kwargs", "value"];
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
