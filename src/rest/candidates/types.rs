//! The wire types of the review queue, which the tools for candidates share.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::FieldError;
use crate::domain::candidate::{CANDIDATES_MAX, PROBLEMS_MAX, WHY_MAX_CHARS};
use crate::domain::excerpt::Excerpt;
use crate::domain::harvest::{Proposal, RUBRIC};
use crate::domain::prompt::{
    CONTENT_MAX_BYTES, DESCRIPTION_MAX_CHARS, TAGS_MAX, TITLE_MAX_CHARS, Tag, VARIABLES_MAX,
};
use crate::error::ApiError;
use crate::http::extract::field_error;
use crate::library::{Harvested, Malformed, Proposals, Refused, Reviewed, Suggestion};
use crate::rest::prompts::{
    BodyResponse, SimilarResponse, VariableRequest, VariableResponse, draft_variables,
};

/// The candidates that a model proposes after a session.
#[derive(Debug, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HarvestRequest {
    #[schemars(
        with = "Vec<CandidateRequest>",
        length(min = 1, max = CANDIDATES_MAX),
        // Read by the tools: a malformed candidate does not refuse the others.
        extend("x-items-fail-alone" = true),
        description = format!("The best prompts of this session, 1 to 8. {RUBRIC}")
    )]
    #[schema(value_type = Vec<CandidateRequest>)]
    pub(crate) candidates: Candidates,
    /// What the user asked to look for, if they said so; at most 500 characters.
    #[schemars(length(min = 0, max = WHY_MAX_CHARS))]
    pub(crate) focus: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CandidateRequest {
    /// A short title that says what the prompt does, at most 120 characters.
    #[schemars(length(max = TITLE_MAX_CHARS))]
    title: String,
    /// The prompt as it should be used in a fresh chat, at most 65,536 bytes: the whole
    /// instruction, with {{name}} in place of whatever changes from use to use. Never a transcript.
    #[schemars(length(max = CONTENT_MAX_BYTES))]
    content: String,
    /// What it is for and when to use it, at most 1,024 characters.
    #[schemars(length(min = 0, max = DESCRIPTION_MAX_CHARS))]
    description: Option<String>,
    /// What to pass for the variables, and their defaults.
    #[schemars(length(max = VARIABLES_MAX))]
    variables: Option<Vec<VariableRequest>>,
    /// At most 10 topics, each kept as a-z, 0-9 and -.
    #[schemars(length(max = TAGS_MAX))]
    tags: Option<Vec<String>>,
    /// In a sentence, what makes it worth keeping; at most 500 characters.
    #[schemars(length(max = WHY_MAX_CHARS))]
    why: String,
}

/// The entries of a harvest. Those that are too many are counted and not kept: a body may have more
/// than 100,000, each with an error that is many times as long.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// At most [`CANDIDATES_MAX`].
    entries: Vec<Proposed>,
    /// The number of all.
    count: usize,
}

impl<'de> Deserialize<'de> for Candidates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Candidates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Candidates, A::Error> {
                let mut entries = Vec::new();
                while entries.len() < CANDIDATES_MAX {
                    let Some(entry) = list.next_element()? else {
                        return Ok(Candidates { count: entries.len(), entries });
                    };
                    entries.push(entry);
                }
                let mut count = entries.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Candidates { entries, count })
            }
        }

        deserializer.deserialize_seq(Entries)
    }
}

impl From<Candidates> for Proposals {
    fn from(candidates: Candidates) -> Self {
        let Candidates { entries, count } = candidates;
        Self { entries: entries.into_iter().map(Proposed::into).collect(), count }
    }
}

/// An entry of a harvest. One of another shape than a candidate is a fault of its own, and does not
/// keep the others from being read.
#[derive(Debug)]
enum Proposed {
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
        // serde would read the fields of a struct from an array, in their order.
        let read = if entry.is_object() {
            serde_path_to_error::deserialize(&entry)
                .map_err(|error| field_error(&error.path().to_string(), error.inner()))
        } else {
            let message = "must be an object with title, content and why";
            Err(FieldError::new("", message).into())
        };
        let invalid = match read {
            Ok(candidate) => return Ok(Self::WellFormed(candidate)),
            Err(ApiError::Invalid(invalid)) => invalid,
            Err(other) => FieldError::new("", other.to_string()).into(),
        };
        let text = |field: &str| {
            Excerpt::new(entry.get(field).and_then(Value::as_str).unwrap_or_default())
        };
        let malformed = Malformed { title: text("title"), why: text("why"), invalid };
        Ok(Self::Malformed { malformed, bytes: entry.to_string().len() })
    }
}

impl Proposed {
    /// The bytes of all its texts, in UTF-8.
    fn bytes(&self) -> usize {
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

/// The bytes of text for each unit of the caller's rate limit that a harvest costs beside its request:
/// checking, redacting and comparing 16 KiB takes about as long as an ordinary request.
const BYTES_PER_UNIT: usize = 16 * 1024;

impl HarvestRequest {
    /// The units that the harvest costs beside its request. They follow from its texts alone, so that
    /// REST and MCP cost the same.
    pub(crate) fn cost(&self) -> u32 {
        let focus = self.focus.as_ref().map_or(0, String::len);
        let bytes = focus + self.candidates.entries.iter().map(Proposed::bytes).sum::<usize>();
        u32::try_from(bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX)
    }
}

impl CandidateRequest {
    /// The bytes of all its texts, in UTF-8.
    fn bytes(&self) -> usize {
        let Self { title, content, description, variables, tags, why } = self;
        let variables = variables.iter().flatten().flat_map(|variable| {
            let VariableRequest { name, description, default } = variable;
            [Some(name), description.as_ref(), default.as_ref()]
        });
        let texts = [Some(title), Some(content), description.as_ref(), Some(why)];
        let texts = texts.into_iter().chain(variables).flatten().chain(tags.iter().flatten());
        texts.map(String::len).sum()
    }
}

impl From<CandidateRequest> for Proposal {
    fn from(request: CandidateRequest) -> Self {
        Self {
            title: request.title,
            content: request.content,
            description: request.description,
            variables: draft_variables(request.variables),
            tags: request.tags,
            why: request.why,
        }
    }
}

/// The result for each proposal, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HarvestResponse {
    pub(super) candidates: Vec<HarvestedResponse>,
}

#[derive(Debug, Serialize, JsonSchema, ToSchema)]
pub(crate) struct HarvestedResponse {
    /// Pass it to `save_prompt` or `reject_candidate`; absent if the candidate was not added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) candidate_id: Option<String>,
    pub(crate) title: String,
    pub(crate) why: String,
    /// new, variant or duplicate of something that is there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verdict: Option<&'static str>,
    /// At most three texts that it resembles, the closest first.
    pub(crate) similar: Vec<SimilarResponse>,
    /// Secrets and personal data that were replaced by placeholders.
    pub(crate) redactions: Vec<RedactionResponse>,
    /// What to correct before saving.
    pub(crate) problems: Vec<String>,
    /// What will be saved, and what to do with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suggested: Option<SuggestedResponse>,
    /// When it is removed unless it is saved or rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<String>,
    /// Whether texts of this entry are cut; `list_candidates` with its `candidate_id` returns all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) content_cut: Option<bool>,
}

#[derive(Debug, Serialize, JsonSchema, ToSchema)]
pub(crate) struct RedactionResponse {
    /// What it was, such as email or `api_key`.
    pub(crate) kind: String,
    /// Number of replacements.
    pub(crate) count: u64,
}

#[derive(Debug, Serialize, JsonSchema, ToSchema)]
pub(crate) struct SuggestedResponse {
    /// save it, update the prompt that it is a variant of, or skip it.
    pub(crate) action: &'static str,
    /// The name that it will have, or that of the prompt to update.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) content: String,
    pub(crate) tags: Vec<String>,
    pub(crate) variables: Vec<VariableResponse>,
    /// To update: pass it with the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expected_version: Option<u32>,
}

impl From<Harvested> for HarvestedResponse {
    fn from(harvested: Harvested) -> Self {
        match harvested {
            Harvested::Waiting(reviewed) => (*reviewed).into(),
            Harvested::Refused(refused) => refused.into(),
        }
    }
}

impl From<Refused> for HarvestedResponse {
    fn from(refused: Refused) -> Self {
        let Refused { title, why, invalid } = refused;
        let problems = invalid.errors().iter().take(PROBLEMS_MAX).map(|error| {
            if error.field.is_empty() {
                error.message.to_string()
            } else {
                format!("{}: {}", error.field, error.message)
            }
        });
        Self {
            candidate_id: None,
            title,
            why,
            verdict: None,
            similar: Vec::new(),
            redactions: Vec::new(),
            problems: problems.collect(),
            suggested: None,
            expires_at: None,
            content_cut: None,
        }
    }
}

impl From<Reviewed> for HarvestedResponse {
    fn from(reviewed: Reviewed) -> Self {
        let problems = reviewed.problems();
        let suggestion = reviewed.suggestion();
        let Reviewed { candidate, verdict, similar, .. } = reviewed;
        let (action, name, expected_version) = match suggestion {
            Suggestion::Save => ("save", candidate.name, None),
            Suggestion::Update { name, version } => ("update", name, Some(version)),
            Suggestion::Skip => ("skip", candidate.name, None),
        };
        let body = candidate.body;
        let suggested = SuggestedResponse {
            action,
            name: name.to_string(),
            title: body.title.to_string(),
            description: body.description.to_string(),
            content: body.content.to_string(),
            tags: body.tags.iter().map(Tag::to_string).collect(),
            variables: body.variables,
            expected_version,
        };
        Self {
            candidate_id: Some(candidate.id.to_string()),
            title: suggested.title.clone(),
            why: candidate.why,
            verdict: Some(verdict.as_str()),
            similar: similar.into_iter().map(SimilarResponse::from).collect(),
            redactions: list_redactions(candidate.findings.redactions),
            problems,
            suggested: Some(suggested),
            expires_at: None,
            content_cut: None,
        }
    }
}

fn list_redactions(redactions: BTreeMap<String, u64>) -> Vec<RedactionResponse> {
    redactions.into_iter().map(|(kind, count)| RedactionResponse { kind, count }).collect()
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CandidateListResponse {
    /// The newest first.
    pub(super) candidates: Vec<CandidateResponse>,
    /// The cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CandidateResponse {
    id: String,
    /// The name of the saved prompt unless the request changes it.
    name: String,
    #[serde(flatten)]
    body: BodyResponse,
    /// Why the candidate is worth keeping, in the words of the model.
    why: String,
    /// new, variant or duplicate of something that is there already.
    verdict: &'static str,
    /// At most three texts that it resembles, the closest first.
    similar: Vec<SimilarResponse>,
    /// Secrets and personal data that were replaced by placeholders.
    redactions: Vec<RedactionResponse>,
    /// What to correct before saving.
    problems: Vec<String>,
    /// save, update (the prompt that it is a variant of) or skip.
    suggested: &'static str,
    /// The client that proposed it.
    source: String,
    created_at: String,
    /// When it is removed unless it is accepted or rejected.
    expires_at: String,
}

impl From<Reviewed> for CandidateResponse {
    fn from(reviewed: Reviewed) -> Self {
        let problems = reviewed.problems();
        let suggested = match reviewed.suggestion() {
            Suggestion::Save => "save",
            Suggestion::Update { .. } => "update",
            Suggestion::Skip => "skip",
        };
        let Reviewed { candidate, verdict, similar, .. } = reviewed;
        let expires_at = candidate.expires_at();
        Self {
            id: candidate.id.to_string(),
            name: candidate.name.to_string(),
            body: candidate.body,
            why: candidate.why,
            verdict: verdict.as_str(),
            similar: similar.into_iter().map(SimilarResponse::from).collect(),
            redactions: list_redactions(candidate.findings.redactions),
            problems,
            suggested,
            source: candidate.source,
            created_at: candidate.created_at.to_string(),
            expires_at: expires_at.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn candidates_that_are_too_many_are_counted_and_not_kept() {
        for (given, kept) in [(0, 0), (7, 7), (8, 8), (9, 8), (100_000, 8)] {
            let text = json!({ "candidates": vec![0; given] }).to_string();
            let request: HarvestRequest = serde_json::from_str(&text).unwrap();
            assert_eq!(request.candidates.entries.len(), kept);
            assert_eq!(request.candidates.count, given);
            assert_eq!(request.cost(), 0);
        }
    }
}
