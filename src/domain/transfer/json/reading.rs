//! Reading JSON item by item. A fault of one item is reported for that item alone.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::format::{Counts, FORMAT, FORMAT_VERSION, List};
use crate::domain::candidate::{
    Candidate, CandidateId, Findings, PROBLEMS_MAX, REDACTION_KIND_MAX_CHARS, REDACTION_KINDS_MAX,
    WHY_MAX_CHARS,
};
use crate::domain::draft::Draft;
use crate::domain::excerpt::{Excerpt, MESSAGE_MAX_CHARS, Message, cut_serde_error};
use crate::domain::identity::Client;
use crate::domain::json_faults::JsonFaults;
use crate::domain::prompt::{Name, PromptId, Version, check_chars, check_no_nul};
use crate::domain::syntax::Syntax;
use crate::domain::transfer::{
    FoundDraft, History, Item, ItemContent, ItemKind, ReadError, Sink, VariableRecord,
    invalid_field, split_tags, use_inexact_name_as_title, variable_drafts,
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

/// A prompt of another program, with the usual aliases of its content. Unknown fields are ignored.
#[derive(Deserialize)]
struct PlainRecord {
    name: Option<String>,
    title: Option<String>,
    description: Option<String>,
    #[serde(alias = "prompt", alias = "text", alias = "body")]
    content: String,
    tags: Option<PlainTags>,
    variables: Option<Vec<VariableRecord>>,
    favorite: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PlainTags {
    List(Vec<String>),
    Text(String),
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

impl From<PlainRecord> for FoundDraft {
    fn from(record: PlainRecord) -> Self {
        let mut draft = Draft {
            name: record.name,
            title: record.title,
            description: record.description,
            content: Some(record.content),
            tags: record.tags.map(|tags| match tags {
                PlainTags::List(list) => list,
                PlainTags::Text(text) => split_tags(&text),
            }),
            variables: record.variables.map(variable_drafts),
        };
        use_inexact_name_as_title(&mut draft);
        Self { draft, favorite: record.favorite }
    }
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

/// Reads an export, or a plain array of prompts, item by item.
pub(in crate::domain::transfer) fn read(
    input: impl Read,
    sink: &mut Sink<'_>,
) -> Result<(), ReadError> {
    let mut deserializer = serde_json::Deserializer::from_reader(input);
    let mut reader = Reader { sink, last: None, stopped: false, broken: None };
    let result = deserializer.deserialize_any(&mut reader).and_then(|()| deserializer.end());
    let Reader { last, stopped, broken, .. } = reader;
    match (result, broken) {
        _ if stopped => Ok(()),
        (_, Some(broken)) => Err(broken),
        (Ok(()), None) => Ok(()),
        (Err(error), None) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            let at = last.map_or(place.clone(), |last| format!("{place}, after {last}"));
            let found = cut_serde_error(&error.to_string());
            let reason = match error.classify() {
                serde_json::error::Category::Eof => "the file is cut off here".to_owned(),
                serde_json::error::Category::Io => format!("the file cannot be read: {found}"),
                _ => format!("invalid JSON: {found}"),
            };
            Err(ReadError::new(at, reason))
        }
    }
}

/// Passes the items of a file to the sink.
struct Reader<'a, 'b> {
    sink: &'a mut Sink<'b>,
    /// The place of the last item.
    last: Option<String>,
    /// Whether the sink ended the reading.
    stopped: bool,
    /// The fault of a file that is valid JSON.
    broken: Option<ReadError>,
}

impl Reader<'_, '_> {
    /// Ends the reading with a fault that [`read`] reports instead of serde's.
    fn fail<E: serde::de::Error>(&mut self, at: &str, reason: impl Into<Message>) -> E {
        self.broken = Some(ReadError::new(at, reason));
        E::custom("broken")
    }

    fn hand_over<E: serde::de::Error>(
        &mut self,
        at: String,
        raw: Box<RawValue>,
        list: Option<List>,
    ) -> Result<(), E> {
        let item = read_item(at.clone().into(), &raw, list);
        // The sink may wait for long, and the item's own texts are enough to hold meanwhile.
        drop(raw);
        self.last = Some(at);
        if (self.sink)(item) {
            return Ok(());
        }
        self.stopped = true;
        Err(E::custom("enough"))
    }
}

impl<'de> Visitor<'de> for &mut Reader<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an export of PromptDB, or an array of prompts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(raw) = items.next_element::<Box<RawValue>>()? {
            self.hand_over(format!("[{index}]"), raw, None)?;
            index += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut is_known = false;
        let mut format = None;
        let mut counts = Counts::default();
        let mut end = None;
        while let Some(field) = fields.next_key::<String>()? {
            let list = List::of_field(&field);
            match (field.as_str(), list) {
                ("format", _) => format = Some(fields.next_value::<String>()?),
                ("version", _) => {
                    let version = fields.next_value::<u32>()?;
                    if version != FORMAT_VERSION {
                        let reason = format!(
                            "is {version}, which this PromptDB does not read; it reads {FORMAT_VERSION}"
                        );
                        return Err(self.fail("version", reason));
                    }
                    is_known = format.as_deref() == Some(FORMAT);
                }
                _ if !is_known => {
                    let reason = format!(
                        "is neither an export of PromptDB, which begins with \
                         {{\"format\":\"{FORMAT}\",\"version\":{FORMAT_VERSION}, nor an array of prompts"
                    );
                    return Err(self.fail("the file", reason));
                }
                ("exported_at" | "plan", _) => {
                    fields.next_value::<IgnoredAny>()?;
                }
                ("end", _) => end = Some(fields.next_value::<Counts>()?),
                (_, Some(list)) => {
                    *counts.of(list) = fields.next_value_seed(ListReader { reader: self, list })?;
                }
                (other, None) => {
                    return Err(self.fail(
                        "the file",
                        format!("has an unknown field \"{}\"", Excerpt::new(other)),
                    ));
                }
            }
        }
        match end {
            None if !is_known => Err(self.fail("the file", "is an empty object")),
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

/// Reads one list and counts it.
struct ListReader<'r, 'a, 'b> {
    reader: &'r mut Reader<'a, 'b>,
    list: List,
}

impl<'de> DeserializeSeed<'de> for ListReader<'_, '_, '_> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ListReader<'_, '_, '_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<u64, A::Error> {
        let mut count = 0;
        if matches!(self.list, List::Audit | List::Clients) {
            // The trail and the clients of another library are not imported: those writes and calls
            // did not happen here.
            while items.next_element::<IgnoredAny>()?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        let word = self.list.field();
        while let Some(raw) = items.next_element::<Box<RawValue>>()? {
            self.reader.hand_over(format!("{word}[{count}]"), raw, Some(self.list))?;
            count += 1;
        }
        Ok(count)
    }
}

/// Reads one item of a list, or of a plain array.
fn read_item(at: Excerpt, raw: &RawValue, list: Option<List>) -> Item {
    let name = name_of(raw).map(Excerpt::from);
    let (kind, content) = match list {
        None => return Item::draft(at, name, parse::<PlainRecord>(raw).map(FoundDraft::from)),
        Some(List::Candidates) => {
            let candidate = parse::<CandidateRecord>(raw).and_then(CandidateRecord::into_candidate);
            (ItemKind::Candidate, candidate.map(ItemContent::Candidate))
        }
        Some(List::Prompts | List::Audit | List::Clients) => {
            let history = parse::<PromptRecord>(raw).and_then(PromptRecord::into_history);
            (ItemKind::Prompt, history.map(ItemContent::History))
        }
    };
    Item { at, kind, name, content }
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
        let text = error.into_inner().to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        invalid_field(&field, cut_serde_error(text))
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
