//! The items of an export: prompts with their versions, and candidates.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::format::List;
use crate::domain::candidate::{
    Candidate, CandidateId, Findings, PROBLEMS_MAX, REDACTION_KIND_MAX_CHARS, REDACTION_KINDS_MAX,
    WHY_MAX_CHARS,
};
use crate::domain::draft::Draft;
use crate::domain::excerpt::{Excerpt, MESSAGE_MAX_CHARS, cut_json_error};
use crate::domain::identity::Client;
use crate::domain::json_faults::JsonFaults;
use crate::domain::prompt::{Name, PromptId, Version, check_chars, check_no_nul};
use crate::domain::syntax::Syntax;
use crate::domain::transfer::{
    History, Item, ItemContent, ItemKind, VariableRecord, invalid_field, variable_drafts,
};
use crate::domain::{Faults, Invalid, Timestamp};

/// Maximum value of an imported counter.
const COUNT_MAX: u64 = 1_000_000_000_000;

/// A prompt of an export. An import is a caller's input: records hold plain texts, and only a
/// [`Draft`] makes a body of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PromptRecord {
    id: String,
    name: String,
    #[serde(default)]
    favorite: bool,
    #[serde(default)]
    use_count: u64,
    last_used_at: Option<String>,
    deleted_at: Option<String>,
    versions: Vec<VersionRecord>,
    /// The first version that was not pruned; absent if that is 1.
    pruned_before: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionRecord {
    version: u32,
    title: String,
    #[serde(default)]
    description: String,
    content: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    variables: Vec<VariableRecord>,
    syntax: Option<u32>,
    source: String,
    created_at: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CandidateRecord {
    id: String,
    name: String,
    title: String,
    #[serde(default)]
    description: String,
    content: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    variables: Vec<VariableRecord>,
    syntax: Option<u32>,
    why: String,
    #[serde(default)]
    redactions: BTreeMap<String, u64>,
    #[serde(default)]
    problems: Vec<String>,
    source: String,
    created_at: String,
}

impl VersionRecord {
    fn into_version(self, name: &Name) -> Result<Version, Invalid> {
        let mut faults = Faults::default();
        let created_at = faults.check("created_at", moment(&self.created_at));
        let syntax = faults.check("syntax", read_syntax(self.syntax));
        let draft = Draft {
            name: Some(name.to_string()),
            title: Some(self.title),
            description: Some(self.description),
            content: Some(self.content),
            tags: Some(self.tags),
            variables: Some(variable_drafts(self.variables)),
        };
        let body = syntax.and_then(|syntax| {
            draft.into_new_in(syntax).map_err(|invalid| faults.extend(invalid)).ok()
        });
        let source = Client::named(&self.source).as_str().to_owned();
        let version = self.version;
        let parts = created_at.zip(body);
        faults.finish(parts.map(|(created_at, (_, body))| Version {
            version,
            body,
            source,
            created_at,
        }))
    }
}

impl PromptRecord {
    fn into_history(self) -> Result<History, Invalid> {
        let mut faults = Faults::default();
        let id = PromptId::parse(&self.id).ok_or_else(|| "is not the id of a prompt".to_owned());
        let id = faults.check("id", id);
        let name = faults.check("name", Name::parse(&self.name));
        let optional = |text: Option<String>| text.as_deref().map(moment).transpose();
        let deleted_at = faults.check("deleted_at", optional(self.deleted_at)).flatten();
        let last_used_at = faults.check("last_used_at", optional(self.last_used_at)).flatten();
        if self.use_count > COUNT_MAX {
            faults.push("use_count", format!("must be at most {COUNT_MAX}"));
        }
        if self.versions.is_empty() {
            faults.push("versions", "is empty; a prompt has at least version 1");
        }
        let mut records = self.versions;
        records.sort_by_key(|record| record.version);
        let mut versions = Vec::with_capacity(records.len());
        let any_name = name.clone().unwrap_or_else(Name::fallback);
        let first = u64::from(self.pruned_before.unwrap_or(1).max(1));
        for ((record, number), place) in records.into_iter().zip(first..).zip(1..) {
            if u64::from(record.version) != number {
                faults.push("versions", format!("lacks version {number}, or repeats another one"));
                break;
            }
            match record.into_version(&any_name) {
                // A library begins each history with version 1.
                Ok(version) => versions.push(Version { version: place, ..version }),
                Err(invalid) => {
                    faults.extend(invalid.within(&format!("versions[version {number}]")));
                }
            }
        }
        let (favorite, use_count) = (self.favorite, self.use_count);
        let parts = id.zip(name);
        faults.finish(parts.map(|(id, name)| History {
            id,
            name,
            favorite,
            deleted_at,
            use_count,
            last_used_at,
            versions,
        }))
    }
}

impl CandidateRecord {
    fn into_candidate(self) -> Result<Candidate, Invalid> {
        let mut faults = Faults::default();
        let id =
            CandidateId::parse(&self.id).ok_or_else(|| "is not the id of a candidate".to_owned());
        let id = faults.check("id", id);
        let created_at = faults.check("created_at", moment(&self.created_at));
        let why = check_chars(&self.why, WHY_MAX_CHARS).and_then(|()| check_no_nul(&self.why));
        faults.check("why", why);
        let syntax = faults.check("syntax", read_syntax(self.syntax));
        faults.check("redactions", check_redactions(&self.redactions));
        faults.check("problems", check_problems(&self.problems));
        let findings = Findings { redactions: self.redactions, problems: self.problems };
        let draft = Draft {
            name: Some(self.name),
            title: Some(self.title),
            description: Some(self.description),
            content: Some(self.content),
            tags: Some(self.tags),
            variables: Some(variable_drafts(self.variables)),
        };
        let checked = syntax.and_then(|syntax| {
            draft.into_new_in(syntax).map_err(|invalid| faults.extend(invalid)).ok()
        });
        let (why, source) = (self.why, Client::named(&self.source).as_str().to_owned());
        let parts = id.zip(created_at).zip(checked);
        faults.finish(parts.map(|((id, created_at), (name, body))| Candidate {
            id,
            name,
            body,
            why,
            findings,
            source,
            created_at,
        }))
    }
}

/// Checks replacements by kind. The kinds of a later release pass.
fn check_redactions(redactions: &BTreeMap<String, u64>) -> Result<(), String> {
    if redactions.len() > REDACTION_KINDS_MAX {
        return Err(format!("has more than {REDACTION_KINDS_MAX} kinds"));
    }
    for (kind, count) in redactions {
        let is_word = kind.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let is_kind = is_word && kind.starts_with(|first: char| first.is_ascii_lowercase());
        if !is_kind || kind.len() > REDACTION_KIND_MAX_CHARS || *count > COUNT_MAX {
            return Err(format!("counts replacements by kind, such as email, up to {COUNT_MAX}"));
        }
    }
    Ok(())
}

fn check_problems(problems: &[String]) -> Result<(), String> {
    if problems.len() > PROBLEMS_MAX {
        return Err(format!("has more than {PROBLEMS_MAX} entries"));
    }
    problems
        .iter()
        .try_for_each(|text| check_chars(text, MESSAGE_MAX_CHARS).and_then(|()| check_no_nul(text)))
}

/// Reads the syntax of a content. Exports of before there was another one than the first state none.
fn read_syntax(number: Option<u32>) -> Result<Syntax, String> {
    number.map_or(Some(Syntax::First), Syntax::from_number).ok_or_else(|| {
        let current = Syntax::CURRENT.number();
        format!("is not a syntax that this PromptDB reads; it reads those up to {current}")
    })
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "is not a time such as 2026-01-31T12:00:00Z".to_owned())
}

/// Reads one item of a list.
pub(super) fn read_item(at: Excerpt, raw: &RawValue, list: List) -> Item {
    let name = name_of(raw).map(Excerpt::from);
    let (kind, content) = match list {
        List::Candidates => {
            let candidate = parse::<CandidateRecord>(raw).and_then(CandidateRecord::into_candidate);
            (ItemKind::Candidate, candidate.map(ItemContent::Candidate))
        }
        List::Prompts | List::Audit | List::Clients => {
            let history = parse::<PromptRecord>(raw).and_then(PromptRecord::into_history);
            (ItemKind::Prompt, history.map(ItemContent::History))
        }
    };
    Item { at, kind, name, content, notes: Vec::new() }
}

/// Deserializes one item; a fault of its shape or of its text names the field.
fn parse<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Invalid> {
    if let Some(faults) = JsonFaults::find(raw.get().as_bytes()) {
        return Err(faults.into_invalid(str::to_owned));
    }
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "item".to_owned() } else { path };
        invalid_field(&field, cut_json_error(&error.into_inner()))
    })
}

/// The name of an item, even if the item cannot be imported.
fn name_of(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        name: Option<String>,
        title: Option<String>,
    }
    let named: Named = serde_json::from_str(raw.get()).ok()?;
    named.name.or(named.title)
}
