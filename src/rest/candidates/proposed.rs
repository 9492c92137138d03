//! An entry of a harvest, read field by field, so that all its faults are found at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::request::CandidateRequest;
use crate::domain::excerpt::Excerpt;
use crate::domain::harvest::Proposal;
use crate::domain::json_faults::JsonFaults;
use crate::domain::{Faults, Invalid};
use crate::error::ApiError;
use crate::http::extract::field_error;
use crate::library::Malformed;
use crate::rest::prompts::VariableRequest;

/// An entry of a harvest. One of another shape than a candidate is a fault of its own, and does not
/// keep the others from being read.
#[derive(Debug)]
pub(super) enum Proposed {
    WellFormed(CandidateRequest),
    Malformed {
        malformed: Malformed,
        /// The bytes of the entry as JSON.
        bytes: usize,
    },
}

impl<'de> Deserialize<'de> for Proposed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entry = Value::deserialize(deserializer)?;
        let (entry, faults) = decode_apart(entry);
        let text = |field: &str| {
            Excerpt::new(entry.get(field).and_then(Value::as_str).unwrap_or_default())
        };
        let (title, why) = (text("title"), text("why"));
        Ok(match read_candidate(&entry, faults) {
            Ok(candidate) => Self::WellFormed(candidate),
            Err(invalid) => {
                let malformed = Malformed { title, why, invalid };
                Self::Malformed { malformed, bytes: entry.to_string().len() }
            }
        })
    }
}

impl Proposed {
    /// The bytes of all its texts, in UTF-8.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::WellFormed(candidate) => candidate.bytes(),
            Self::Malformed { bytes, .. } => *bytes,
        }
    }
}

impl From<Proposed> for Result<Proposal, Malformed> {
    fn from(proposed: Proposed) -> Self {
        match proposed {
            Proposed::WellFormed(candidate) => Ok(candidate.into()),
            Proposed::Malformed { malformed, .. } => Err(malformed),
        }
    }
}

/// Decodes an entry that was [set apart](crate::domain::json_faults::set_apart) for faults of its JSON
/// text. Every other entry stays, and has no faults yet.
fn decode_apart(entry: Value) -> (Value, Faults) {
    let mut faults = Faults::default();
    let found = entry.as_str().and_then(JsonFaults::find_encoded);
    let Some((found, decoded)) = found.filter(|(_, decoded)| decoded.is_object()) else {
        return (entry, faults);
    };
    faults.extend(found.into_invalid(str::to_owned));
    (decoded, faults)
}

/// Reads a candidate, or adds its faults to those that are known.
fn read_candidate(entry: &Value, mut faults: Faults) -> Result<CandidateRequest, Invalid> {
    let Value::Object(members) = entry else {
        faults.push("", "must be an object with title, content and why");
        return faults.finish(None);
    };
    let members = members.iter().collect();
    let mut fields = Fields { members, path: String::new(), faults: &mut faults };
    let candidate = fields.read_candidate();
    fields.refuse_others("a candidate has title, content, description, variables, tags and why");
    faults.finish(candidate)
}

/// The members of an object that were not read yet.
struct Fields<'a> {
    members: BTreeMap<&'a String, &'a Value>,
    /// The path of the object; empty for the entry itself.
    path: String,
    faults: &'a mut Faults,
}

impl<'a> Fields<'a> {
    /// Returns `None` if a field is faulty, after all of them were read.
    fn read_candidate(&mut self) -> Option<CandidateRequest> {
        let title = self.read_required("title");
        let content = self.read_required("content");
        let description = self.read_optional("description");
        let variables = self.read_list("variables", |value, path, faults| match value {
            Value::Object(members) => {
                let members = members.iter().collect();
                let mut fields = Fields { members, path: path.to_owned(), faults };
                let variable = fields.read_variable();
                fields.refuse_others("a variable has name, description and default");
                variable
            }
            _ => {
                faults.push(path, "must be object");
                None
            }
        });
        let tags = self.read_list("tags", |value, path, faults| read_value(value, path, faults));
        let why = self.read_required("why");
        Some(CandidateRequest {
            title: title?,
            content: content?,
            description: description?,
            variables: variables?,
            tags: tags?,
            why: why?,
        })
    }

    fn read_variable(&mut self) -> Option<VariableRequest> {
        let name = self.read_required("name");
        let description = self.read_optional("description");
        let default = self.read_optional("default");
        Some(VariableRequest { name: name?, description: description?, default: default? })
    }

    fn read_required<T: Deserialize<'a>>(&mut self, name: &str) -> Option<T> {
        let path = self.path_of(name);
        if let Some(value) = self.members.remove(&name.to_owned()) {
            return read_value(value, &path, self.faults);
        }
        self.faults.push(path, "is required");
        None
    }

    /// Reads a field that may be missing or `null`.
    fn read_optional<T: Deserialize<'a>>(&mut self, name: &str) -> Option<Option<T>> {
        let path = self.path_of(name);
        match self.members.remove(&name.to_owned()) {
            None | Some(Value::Null) => Some(None),
            Some(value) => read_value(value, &path, self.faults).map(Some),
        }
    }

    /// Reads a list that may be missing or `null`, item by item.
    fn read_list<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&'a Value, &str, &mut Faults) -> Option<T>,
    ) -> Option<Option<Vec<T>>> {
        let path = self.path_of(name);
        let items = match self.members.remove(&name.to_owned()) {
            None | Some(Value::Null) => return Some(None),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.faults.push(path, "must be array");
                return None;
            }
        };
        let items = items.iter().enumerate();
        let read: Vec<Option<T>> =
            items.map(|(at, item)| read(item, &format!("{path}[{at}]"), self.faults)).collect();
        read.into_iter().collect::<Option<Vec<T>>>().map(Some)
    }

    /// Refuses the members that were not read.
    fn refuse_others(self, known: &str) {
        for name in self.members.keys() {
            self.faults.push(self.path_of(name), format!("is unknown; {known}"));
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

fn read_value<'a, T: Deserialize<'a>>(
    value: &'a Value,
    path: &str,
    faults: &mut Faults,
) -> Option<T> {
    match T::deserialize(value) {
        Ok(value) => Some(value),
        Err(error) => {
            match field_error(path, &error) {
                ApiError::Invalid(invalid) => faults.extend(invalid),
                other => faults.push(path, other.to_string()),
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns the paths and messages of the faults of an entry.
    fn faults_of(entry: &Value) -> Vec<String> {
        match Proposed::deserialize(entry).unwrap() {
            Proposed::WellFormed(_) => Vec::new(),
            Proposed::Malformed { malformed, .. } => {
                let errors = malformed.invalid.errors().iter();
                errors.map(|error| format!("{}: {}", error.field, error.message)).collect()
            }
        }
    }

    #[test]
    fn all_faults_of_an_entry_are_found() {
        let entry = json!({
            "title": 7, "description": [], "why": null, "color": "red",
            "tags": ["a", 1, {}],
            "variables": [{ "name": 1, "default": 2 }, 3, { "note": "x" }, { "name": "ok" }],
        });
        let expected = [
            "title: must be string",
            "content: is required",
            "description: must be string",
            "variables[0].name: must be string",
            "variables[0].default: must be string",
            "variables[1]: must be object",
            "variables[2].name: is required",
            "variables[2].note: is unknown; a variable has name, description and default",
            "tags[1]: must be string",
            "tags[2]: must be string",
            "why: must be string",
            "color: is unknown; a candidate has title, content, description, variables, tags and why",
        ];
        assert_eq!(faults_of(&entry), expected);
        let lists = json!({ "title": "t", "content": "c", "why": "w", "tags": "a", "variables": {} });
        assert_eq!(faults_of(&lists), ["variables: must be array", "tags: must be array"]);
        for entry in [json!(7), json!([]), json!("text"), json!(null)] {
            assert_eq!(faults_of(&entry), [": must be an object with title, content and why"]);
        }
    }

    #[test]
    fn optional_fields_may_be_missing_or_null() {
        let optional = json!({ "description": null, "variables": null, "tags": null });
        for mut entry in [json!({}), optional] {
            for name in ["title", "content", "why"] {
                entry[name] = json!("text");
            }
            assert_eq!(faults_of(&entry), [""; 0]);
        }
    }

    #[test]
    fn the_faults_of_an_entry_that_was_set_apart_are_found() {
        let text = r#"{"title": "x\ud83d", "title": "y", "content": 1, "why": "w"}"#;
        let faults = faults_of(&json!(text));
        let starts = ["title: contains half", "title: is given more than once", "content: must be"];
        assert_eq!(faults.len(), starts.len());
        assert!(faults.iter().zip(starts).all(|(fault, start)| fault.starts_with(start)), "{faults:?}");
        let twice = Value::from(text).to_string();
        assert_eq!(faults_of(&json!(twice)), faults);
        // JSON text of an object without such faults is not an object.
        let whole = json!({ "title": "t", "content": "c", "why": "w" }).to_string();
        assert_eq!(faults_of(&json!(whole)), [": must be an object with title, content and why"]);
    }
}
