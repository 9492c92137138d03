//! The responses of the review queue, which the tools for candidates share.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::candidate::PROBLEMS_MAX;
use crate::domain::prompt::Tag;
use crate::library::{Harvested, Refused, Reviewed, Suggestion};
use crate::rest::prompts::{SimilarResponse, VariableResponse};

/// The result for each proposal, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HarvestResponse {
    pub(super) candidates: Vec<CandidateResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CandidateListResponse {
    /// The newest first.
    pub(super) candidates: Vec<CandidateResponse>,
    /// The cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A candidate of the review queue. One that was refused has no id, and only its problems are shown.
#[derive(Debug, Serialize, JsonSchema, ToSchema)]
pub(crate) struct CandidateResponse {
    /// Pass it to `save_prompt` or `reject_candidate`; absent if the candidate was not added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) candidate_id: Option<String>,
    pub(crate) title: String,
    pub(crate) why: String,
    /// new, or related to, a variant or a duplicate of something that is there already.
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
    /// The client that proposed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(crate) created_at: Option<String>,
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

impl From<Harvested> for CandidateResponse {
    fn from(harvested: Harvested) -> Self {
        match harvested {
            Harvested::Waiting(reviewed) => (*reviewed).into(),
            Harvested::Refused(refused) => refused.into(),
        }
    }
}

impl From<Refused> for CandidateResponse {
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
            source: None,
            created_at: None,
            expires_at: None,
            content_cut: None,
        }
    }
}

impl From<Reviewed> for CandidateResponse {
    fn from(reviewed: Reviewed) -> Self {
        let problems = reviewed.problems();
        let suggestion = reviewed.suggestion();
        let Reviewed { candidate, verdict, similar, .. } = reviewed;
        let expires_at = candidate.expires_at();
        let (action, name, expected_version) = match suggestion {
            Suggestion::Save { name } => ("save", name, None),
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
            source: Some(candidate.source),
            created_at: Some(candidate.created_at.to_string()),
            expires_at: Some(expires_at.to_string()),
            content_cut: None,
        }
    }
}

fn list_redactions(redactions: BTreeMap<String, u64>) -> Vec<RedactionResponse> {
    redactions.into_iter().map(|(kind, count)| RedactionResponse { kind, count }).collect()
}
