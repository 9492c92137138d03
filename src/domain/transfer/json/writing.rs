//! Writing an export piece by piece, so that its size does not bound the memory.

use std::collections::BTreeMap;

use serde::Serialize;

use super::format::{Counts, FORMAT, FORMAT_VERSION, List};
use crate::domain::Timestamp;
use crate::domain::audit::AuditEntry;
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::identity::ConnectedClient;
use crate::domain::prompt::{Body, Name, Prompt, PromptId, Version};

/// Formats the pieces of an export. The caller must request them in the order of the format.
#[derive(Debug, Default)]
pub struct Writer {
    counts: Counts,
    /// The number of items of the current list so far.
    listed: u64,
}

impl Writer {
    /// The start of the file.
    pub fn head(&self, now: Timestamp) -> String {
        format!("{{\"format\":\"{FORMAT}\",\"version\":{FORMAT_VERSION},\"exported_at\":\"{now}\"")
    }

    /// The plan of the owner, which follows the head.
    pub fn plan(name: &str) -> String {
        format!(",\"plan\":{}", to_json(&name))
    }

    /// The start of a list.
    pub fn begin_list(&mut self, list: List) -> String {
        self.listed = 0;
        format!(",\n\"{}\":[", list.field())
    }

    /// The end of a list.
    pub fn end_list(&mut self, list: List) -> &'static str {
        *self.counts.of(list) = self.listed;
        "\n]"
    }

    /// A prompt up to its versions, which follow from the newest to the oldest.
    pub fn begin_prompt(&mut self, prompt: &Prompt) -> String {
        let head = self.item(&PromptHead {
            id: prompt.id.as_str(),
            name: prompt.name.as_str(),
            favorite: prompt.favorite,
            use_count: prompt.use_count,
            last_used_at: prompt.last_used_at.map(|at| at.to_string()),
            deleted_at: prompt.deleted_at.map(|at| at.to_string()),
        });
        let open = head.strip_suffix('}').unwrap_or(&head);
        format!("{open},\"versions\":[")
    }

    /// A version of the current prompt.
    pub fn version(version: &Version, is_first: bool) -> String {
        let comma = if is_first { "" } else { "," };
        let record = VersionRecord {
            version: version.version,
            body: &version.body,
            source: &version.source,
            created_at: version.created_at.to_string(),
        };
        format!("{comma}\n{}", to_json(&record))
    }

    /// The end of a prompt with all its versions.
    pub fn end_prompt() -> &'static str {
        "]}"
    }

    /// The end of a prompt whose versions before `first` were pruned.
    pub fn end_pruned_prompt(first: u32) -> String {
        format!("],\"pruned_before\":{first}}}")
    }

    /// A candidate.
    pub fn candidate(&mut self, candidate: &Candidate) -> String {
        self.item(&CandidateRecord {
            id: candidate.id.as_str(),
            name: candidate.name.as_str(),
            body: &candidate.body,
            why: &candidate.why,
            redactions: &candidate.findings.redactions,
            problems: &candidate.findings.problems,
            source: &candidate.source,
            created_at: candidate.created_at.to_string(),
        })
    }

    /// An entry of the audit trail.
    pub fn audit_entry(&mut self, entry: &AuditEntry) -> String {
        self.item(&AuditRecord {
            action: entry.action.as_str(),
            prompt_id: entry.prompt_id.as_ref().map(PromptId::as_str),
            candidate_id: entry.candidate_id.as_ref().map(CandidateId::as_str),
            name: entry.name.as_ref().map(Name::as_str),
            version: entry.version,
            client: &entry.client,
            at: entry.at.to_string(),
        })
    }

    /// A program that called.
    pub fn client(&mut self, client: &ConnectedClient) -> String {
        self.item(&ClientRecord {
            name: client.name.as_str(),
            via: client.via.as_str(),
            first_seen_at: client.first_seen_at.to_string(),
            last_seen_at: client.last_seen_at.to_string(),
        })
    }

    /// The end of the file.
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

#[derive(Serialize)]
struct VersionRecord<'a> {
    version: u32,
    #[serde(flatten)]
    body: &'a Body,
    source: &'a str,
    created_at: String,
}

#[derive(Serialize)]
struct CandidateRecord<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(flatten)]
    body: &'a Body,
    why: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    redactions: &'a BTreeMap<String, u64>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    problems: &'a [String],
    source: &'a str,
    created_at: String,
}

#[derive(Serialize)]
struct AuditRecord<'a> {
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    client: &'a str,
    at: String,
}

#[derive(Serialize)]
struct ClientRecord<'a> {
    name: &'a str,
    via: &'static str,
    first_seen_at: String,
    last_seen_at: String,
}
