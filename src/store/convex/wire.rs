//! How domain values become arguments of functions, and answers become domain values.
//!
//! Convex writes every number as a float (`5.0`), so whole numbers are read through one.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize};

use crate::domain::Timestamp;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::identity::UserId;
use crate::domain::prompt::{
    Body, Content, Description, Name, Prompt, PromptId, PromptRef, Tag, Title, Variable,
    VariableName, Version,
};
use crate::domain::words::split_words;
use crate::store::{Account, Counts, Filter, Saved, Use};

/// The largest number up to which a float holds every whole number, 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A whole number that may come as a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole(i64);

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        if number.fract() != 0.0 || number.abs() > EXACT_MAX {
            return Err(serde::de::Error::custom("expected a whole number"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 2^53")]
        Ok(Self(number as i64))
    }
}

impl Whole {
    pub(super) fn number(self) -> i64 {
        self.0
    }

    fn version(self) -> u32 {
        u32::try_from(self.0).unwrap_or_default()
    }

    fn at(self) -> Timestamp {
        Timestamp::from_millis(self.0)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireVariable {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct WireBody {
    title: String,
    description: String,
    content: String,
    tags: Vec<String>,
    variables: Vec<WireVariable>,
}

impl From<&Body> for WireBody {
    fn from(body: &Body) -> Self {
        let variable = |variable: &Variable| WireVariable {
            name: variable.name.to_string(),
            description: variable.description.clone(),
            default: variable.default.clone(),
        };
        Self {
            title: body.title.to_string(),
            description: body.description.to_string(),
            content: body.content.to_string(),
            tags: body.tags.iter().map(Tag::to_string).collect(),
            variables: body.variables.iter().map(variable).collect(),
        }
    }
}

impl From<WireBody> for Body {
    fn from(body: WireBody) -> Self {
        let variable = |variable: WireVariable| Variable {
            name: VariableName::from_store(variable.name),
            description: variable.description,
            default: variable.default,
        };
        Self {
            title: Title::from_store(body.title),
            description: Description::from_store(body.description),
            content: Content::from_store(body.content),
            tags: body.tags.into_iter().map(Tag::from_store).collect(),
            variables: body.variables.into_iter().map(variable).collect(),
        }
    }
}

/// The distinct words of title, description and content, for the deployment's full-text index.
pub(super) fn index_words(body: &Body) -> String {
    let mut seen = HashSet::new();
    let mut distinct = Vec::new();
    for text in [body.title.as_str(), body.description.as_str(), body.content.as_str()] {
        for word in split_words(text) {
            if seen.insert(word.clone()) {
                distinct.push(word);
            }
        }
    }
    distinct.join(" ")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WirePrompt {
    id: String,
    name: String,
    body: WireBody,
    version: Whole,
    source: String,
    favorite: bool,
    created_at: Whole,
    updated_at: Whole,
    deleted_at: Option<Whole>,
    use_count: Whole,
    last_used_at: Option<Whole>,
}

impl From<WirePrompt> for Prompt {
    fn from(prompt: WirePrompt) -> Self {
        Self {
            id: PromptId::from_store(prompt.id),
            name: Name::from_store(prompt.name),
            body: prompt.body.into(),
            version: prompt.version.version(),
            source: prompt.source,
            favorite: prompt.favorite,
            created_at: prompt.created_at.at(),
            updated_at: prompt.updated_at.at(),
            deleted_at: prompt.deleted_at.map(Whole::at),
            use_count: prompt.use_count.number().unsigned_abs(),
            last_used_at: prompt.last_used_at.map(Whole::at),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireVersion {
    version: Whole,
    body: WireBody,
    source: String,
    created_at: Whole,
}

impl From<WireVersion> for Version {
    fn from(version: WireVersion) -> Self {
        Self {
            version: version.version.version(),
            body: version.body.into(),
            source: version.source,
            created_at: version.created_at.at(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct WireSaved {
    prompt: WirePrompt,
    changed: bool,
}

impl From<WireSaved> for Saved {
    fn from(saved: WireSaved) -> Self {
        Self { prompt: saved.prompt.into(), changed: saved.changed }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireCandidate {
    id: String,
    name: String,
    body: WireBody,
    why: String,
    source: String,
    created_at: Whole,
}

impl From<WireCandidate> for Candidate {
    fn from(candidate: WireCandidate) -> Self {
        Self {
            id: CandidateId::from_store(candidate.id),
            name: Name::from_store(candidate.name),
            body: candidate.body.into(),
            why: candidate.why,
            source: candidate.source,
            created_at: candidate.created_at.at(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAuditEntry {
    action: String,
    prompt_id: Option<String>,
    candidate_id: Option<String>,
    name: String,
    version: Option<Whole>,
    client: String,
    at: Whole,
}

impl WireAuditEntry {
    /// `None` for an action that this release does not know.
    pub(super) fn into_entry(self, owner: &UserId) -> Option<AuditEntry> {
        Some(AuditEntry {
            user_id: owner.clone(),
            action: Action::parse(&self.action)?,
            prompt_id: self.prompt_id.map(PromptId::from_store),
            candidate_id: self.candidate_id.map(CandidateId::from_store),
            name: Name::from_store(self.name),
            version: self.version.map(Whole::version),
            client: self.client,
            at: self.at.at(),
        })
    }
}

/// A version as an import brings it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireImportedVersion<'a> {
    version: u32,
    body: WireBody,
    source: &'a str,
    created_at: i64,
}

impl<'a> From<&'a Version> for WireImportedVersion<'a> {
    fn from(version: &'a Version) -> Self {
        Self {
            version: version.version,
            body: WireBody::from(&version.body),
            source: &version.source,
            created_at: version.created_at.as_millis(),
        }
    }
}

/// The versions of an import, and the words of the last one.
pub(super) fn imported_versions(versions: &[Version]) -> (Vec<WireImportedVersion<'_>>, String) {
    let words = versions.last().map(|last| index_words(&last.body)).unwrap_or_default();
    (versions.iter().map(WireImportedVersion::from).collect(), words)
}

#[derive(Deserialize)]
pub(super) struct WireCounts {
    prompts: Whole,
    deleted: Whole,
}

impl From<WireCounts> for Counts {
    fn from(counts: WireCounts) -> Self {
        Self {
            prompts: counts.prompts.number().unsigned_abs(),
            deleted: counts.deleted.number().unsigned_abs(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireAccount {
    created_at: Whole,
}

impl From<WireAccount> for Account {
    fn from(account: WireAccount) -> Self {
        Self { created_at: account.created_at.at() }
    }
}

/// What one batch of an erasure left.
#[derive(Deserialize)]
pub(super) struct WireErased {
    pub(super) more: bool,
}

/// A page as a function returns it; `next` is what its next call takes as `after`.
#[derive(Deserialize)]
pub(super) struct WirePage<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The arguments of `prompts:get`, which is called more often than all others.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireGet<'a> {
    pub(super) prompt: WireRef<'a>,
    pub(super) or_deleted: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum WireRef<'a> {
    Id(&'a str),
    Name(&'a str),
}

impl<'a> From<&'a PromptRef> for WireRef<'a> {
    fn from(prompt: &'a PromptRef) -> Self {
        match prompt {
            PromptRef::Id(id) => Self::Id(id.as_str()),
            PromptRef::Name(name) => Self::Name(name.as_str()),
        }
    }
}

/// The filter of a listing of living prompts.
#[derive(Serialize)]
pub(super) struct WireFilter<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    favorite: Option<bool>,
}

impl<'a> From<&'a Filter> for WireFilter<'a> {
    fn from(filter: &'a Filter) -> Self {
        Self { tag: filter.tag.as_ref().map(Tag::as_str), favorite: filter.favorite }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WireUse<'a> {
    id: &'a str,
    count: u64,
    last_used_at: i64,
}

impl<'a> From<&'a Use> for WireUse<'a> {
    fn from(one: &'a Use) -> Self {
        Self { id: one.id.as_str(), count: one.count, last_used_at: one.last_used_at.as_millis() }
    }
}

/// The write context of a mutation; every mutation has a key, so that it can be repeated.
#[derive(Serialize)]
pub(super) struct WireWrite<'a> {
    pub(super) client: &'a str,
    pub(super) key: &'a str,
    pub(super) fingerprint: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) accepts: Option<&'a str>,
}

/// What a `ConvexError` of ours carries.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) name: Option<String>,
    pub(super) current_version: Option<Whole>,
    pub(super) limit: Option<Whole>,
}

impl Refusal {
    pub(super) fn version(&self) -> u32 {
        self.current_version.map_or(0, Whole::version)
    }

    pub(super) fn limit(&self) -> u32 {
        self.limit.map_or(0, Whole::version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Option<i64>) {
        let read = serde_json::from_str::<Whole>(json).ok().map(Whole::number);
        assert_eq!(read, expected, "{json}");
    }

    #[test]
    fn whole_numbers_come_as_floats() {
        check("5", Some(5));
        check("5.0", Some(5));
        check("1767225600000.0", Some(1_767_225_600_000));
        check("-1.0", Some(-1));
        for json in ["5.5", "1e300", "\"5\"", "null"] {
            check(json, None);
        }
    }
}
