//! Everything as JSON: what an export writes and an import turns into the same library again.
//!
//! One object: `format` and `version` first, then the lists, one item a line, and `end` with the
//! counts as the last field, so that a file that was cut off is known as such.

mod reading;

use serde::{Deserialize, Serialize};

use super::{VariableRecord, tag_texts, variable_records};
use crate::domain::Timestamp;
use crate::domain::audit::AuditEntry;
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::prompt::{Body, Prompt, PromptId, Version};

pub(super) use self::reading::read;

/// What `format` says.
const FORMAT: &str = "promptdb";
/// The version of the format that is written, and the only one that is read.
const FORMAT_VERSION: u32 = 1;

/// The lists of an export, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Living and deleted prompts, the oldest save first.
    Prompts,
    /// Candidates that wait, the oldest first.
    Candidates,
    /// The audit trail, the newest entry first.
    Audit,
}

impl List {
    const ALL: [(Self, &str); 3] =
        [(Self::Prompts, "prompts"), (Self::Candidates, "candidates"), (Self::Audit, "audit")];
}

/// Writes an export bit by bit. The parts must come in the order of the format.
#[derive(Debug, Default)]
pub struct Writer {
    counts: Counts,
    /// How many items the current list has so far.
    listed: u64,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counts {
    prompts: u64,
    candidates: u64,
    audit: u64,
}

impl Counts {
    fn of(&mut self, list: List) -> &mut u64 {
        match list {
            List::Prompts => &mut self.prompts,
            List::Candidates => &mut self.candidates,
            List::Audit => &mut self.audit,
        }
    }
}

impl Writer {
    /// The head.
    pub fn head(&self, now: Timestamp) -> String {
        format!("{{\"format\":\"{FORMAT}\",\"version\":{FORMAT_VERSION},\"exported_at\":\"{now}\"")
    }

    /// The start of a list.
    pub fn begin_list(&mut self, list: List) -> String {
        self.listed = 0;
        let word = List::ALL.iter().find(|(known, _)| *known == list).map_or("", |(_, word)| word);
        format!(",\n\"{word}\":[")
    }

    /// The end of a list.
    pub fn end_list(&mut self, list: List) -> &'static str {
        *self.counts.of(list) = self.listed;
        "\n]"
    }

    /// A prompt up to its versions, which follow from the newest to the first.
    pub fn begin_prompt(&mut self, prompt: &Prompt) -> String {
        let head = PromptHead {
            id: prompt.id.as_str(),
            name: prompt.name.as_str(),
            favorite: prompt.favorite,
            use_count: prompt.use_count,
            last_used_at: prompt.last_used_at.map(|at| at.to_string()),
            deleted_at: prompt.deleted_at.map(|at| at.to_string()),
        };
        let head = self.item(&head);
        let open = head.strip_suffix('}').unwrap_or(&head);
        format!("{open},\"versions\":[")
    }

    /// A version of the prompt.
    pub fn version(version: &Version, is_first: bool) -> String {
        let comma = if is_first { "" } else { "," };
        format!("{comma}\n{}", to_json(&VersionRecord::from(version)))
    }

    /// The end of a prompt.
    pub fn end_prompt() -> &'static str {
        "]}"
    }

    /// A candidate.
    pub fn candidate(&mut self, candidate: &Candidate) -> String {
        self.item(&CandidateRecord::from(candidate))
    }

    /// An entry of the audit trail.
    pub fn audit_entry(&mut self, entry: &AuditEntry) -> String {
        self.item(&AuditRecord {
            action: entry.action.as_str(),
            prompt_id: entry.prompt_id.as_ref().map(PromptId::as_str),
            candidate_id: entry.candidate_id.as_ref().map(CandidateId::as_str),
            name: entry.name.as_str(),
            version: entry.version,
            client: &entry.client,
            at: entry.at.to_string(),
        })
    }

    /// The end of the export.
    pub fn tail(&self) -> String {
        format!(",\n\"end\":{}}}\n", to_json(&self.counts))
    }

    fn item(&mut self, record: &impl Serialize) -> String {
        let comma = if self.listed == 0 { "" } else { "," };
        self.listed += 1;
        format!("{comma}\n{}", to_json(record))
    }
}

fn to_json(record: &impl Serialize) -> String {
    serde_json::to_string(record).expect("strings and numbers always make JSON")
}

#[derive(Serialize)]
struct PromptHead<'a> {
    id: &'a str,
    name: &'a str,
    favorite: bool,
    use_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<String>,
}

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
}

#[derive(Serialize, Deserialize)]
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
    source: String,
    created_at: String,
}

#[derive(Serialize, Deserialize)]
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
    why: String,
    source: String,
    created_at: String,
}

#[derive(Serialize)]
struct AuditRecord<'a> {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_id: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    client: &'a str,
    at: String,
}

impl From<&Version> for VersionRecord {
    fn from(version: &Version) -> Self {
        let Body { title, description, content, tags, variables } = &version.body;
        Self {
            version: version.version,
            title: title.to_string(),
            description: description.to_string(),
            content: content.to_string(),
            tags: tag_texts(tags).into_iter().map(str::to_owned).collect(),
            variables: variable_records(variables),
            source: version.source.clone(),
            created_at: version.created_at.to_string(),
        }
    }
}

impl From<&Candidate> for CandidateRecord {
    fn from(candidate: &Candidate) -> Self {
        let Body { title, description, content, tags, variables } = &candidate.body;
        Self {
            id: candidate.id.to_string(),
            name: candidate.name.to_string(),
            title: title.to_string(),
            description: description.to_string(),
            content: content.to_string(),
            tags: tag_texts(tags).into_iter().map(str::to_owned).collect(),
            variables: variable_records(variables),
            why: candidate.why.clone(),
            source: candidate.source.clone(),
            created_at: candidate.created_at.to_string(),
        }
    }
}
