//! The review queue, and the wire types that it shares with the tool `harvest_session`.

use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::PageQuery;
use super::prompts::{
    BodyResponse, SavePromptRequest, SavedPromptResponse, SimilarResponse, VariableRequest,
    draft_variables, respond_saved,
};
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::harvest::{Proposal, RUBRIC};
use crate::domain::paging::SealedCursor;
use crate::domain::similarity::Verdict;
use crate::error::{ApiError, Problem};
use crate::http::extract::{Caller, Json, Metered, Query};
use crate::library::{Harvested, SaveOptions};
use crate::state::AppState;

/// The candidates that a model proposes after a session.
#[derive(Debug, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HarvestRequest {
    #[schemars(length(min = 1, max = 8), description = format!("The best prompts of this session, 1 to 8. {RUBRIC}"))]
    pub(crate) candidates: Vec<CandidateRequest>,
    /// What the user asked to look for, if they said so; at most 500 characters.
    pub(crate) focus: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CandidateRequest {
    /// A short title that says what the prompt does, at most 120 characters.
    title: String,
    /// The prompt as it should be used in a fresh chat, at most 65,536 bytes: the whole
    /// instruction, with {{name}} in place of whatever changes from use to use. Never a transcript.
    content: String,
    /// What it is for and when to use it, at most 1,024 characters.
    description: Option<String>,
    /// What to pass for the variables, and their defaults.
    variables: Option<Vec<VariableRequest>>,
    /// At most 10 topics, each kept as a-z, 0-9 and -.
    tags: Option<Vec<String>>,
    /// In a sentence, what makes it worth keeping; at most 500 characters.
    why: String,
}

/// The bytes of text for each unit of the caller's rate limit that a harvest costs beside its request:
/// checking, redacting and comparing 16 KiB takes about as long as an ordinary request.
const BYTES_PER_UNIT: usize = 16 * 1024;

impl HarvestRequest {
    /// The units that the harvest costs beside its request. They follow from its texts alone, so that
    /// REST and MCP cost the same.
    pub(crate) fn cost(&self) -> u32 {
        let focus = self.focus.as_ref().map_or(0, String::len);
        let bytes = focus + self.candidates.iter().map(CandidateRequest::bytes).sum::<usize>();
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

/// The result for each proposal.
#[derive(Debug, Serialize, JsonSchema, ToSchema)]
pub(crate) struct HarvestResponse {
    pub(crate) candidates: Vec<HarvestedResponse>,
}

#[derive(Debug, Serialize, JsonSchema, ToSchema)]
pub(crate) struct HarvestedResponse {
    /// Pass it to `save_prompt` to keep this candidate.
    pub(crate) candidate_id: String,
    pub(crate) title: String,
    /// new, variant or duplicate of something that is there already.
    pub(crate) verdict: &'static str,
    /// At most three texts that it resembles, the closest first.
    similar: Vec<SimilarResponse>,
    /// Secrets and personal data that were replaced by placeholders.
    pub(crate) redactions: Vec<RedactionResponse>,
    /// What to mend before saving.
    pub(crate) problems: Vec<String>,
    /// What will be saved, and what to do with it.
    suggested: SuggestedResponse,
}

#[derive(Debug, Serialize, JsonSchema, ToSchema)]
pub(crate) struct RedactionResponse {
    /// What it was, such as email or `api_key`.
    pub(crate) kind: &'static str,
    /// How often.
    pub(crate) count: usize,
}

#[derive(Debug, Serialize, JsonSchema, ToSchema)]
struct SuggestedResponse {
    /// save it, update the prompt that it is a variant of, or skip it.
    action: &'static str,
    /// The name that it will have.
    name: String,
    #[serde(flatten)]
    body: BodyResponse,
}

impl From<Vec<Harvested>> for HarvestResponse {
    fn from(harvested: Vec<Harvested>) -> Self {
        Self { candidates: harvested.into_iter().map(HarvestedResponse::from).collect() }
    }
}

impl From<Harvested> for HarvestedResponse {
    fn from(harvested: Harvested) -> Self {
        let Harvested { candidate, verdict, similar, redactions, problems } = harvested;
        let action = match verdict {
            Verdict::New => "save",
            Verdict::Variant => "update",
            Verdict::Duplicate => "skip",
        };
        Self {
            candidate_id: candidate.id.to_string(),
            title: candidate.body.title.to_string(),
            verdict: verdict.as_str(),
            similar: similar.into_iter().map(SimilarResponse::from).collect(),
            redactions: redactions
                .into_iter()
                .map(|(kind, count)| RedactionResponse { kind, count })
                .collect(),
            problems,
            suggested: SuggestedResponse {
                action,
                name: candidate.name.to_string(),
                body: candidate.body,
            },
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CandidateListResponse {
    /// The newest first.
    candidates: Vec<CandidateResponse>,
    /// The cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
struct CandidateResponse {
    id: String,
    /// The name of the saved prompt unless the request changes it.
    name: String,
    #[serde(flatten)]
    body: BodyResponse,
    /// Why the candidate is worth keeping, in the words of the model.
    why: String,
    /// The client that proposed it.
    source: String,
    created_at: String,
    /// When it is removed unless it is accepted or rejected.
    expires_at: String,
}

impl From<Candidate> for CandidateResponse {
    fn from(candidate: Candidate) -> Self {
        let expires_at = candidate.expires_at();
        Self {
            id: candidate.id.to_string(),
            name: candidate.name.to_string(),
            body: candidate.body,
            why: candidate.why,
            source: candidate.source,
            created_at: candidate.created_at.to_string(),
            expires_at: expires_at.to_string(),
        }
    }
}

/// The candidate that the path names by its id.
pub(crate) struct CandidatePath(CandidateId);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for CandidatePath {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        state: &S,
    ) -> Result<Self, ApiError> {
        let text = crate::http::extract::path_segment(parts, state).await?;
        CandidateId::parse(&text).map(Self).ok_or_else(|| {
            ApiError::NotFound("the path must contain the id of a candidate".to_owned())
        })
    }
}

/// The candidates in the review queue.
#[utoipa::path(get, path = "/api/candidates", params(PageQuery), responses(
    (status = 200, description = "A page of candidates", body = CandidateListResponse),
))]
pub(crate) async fn list_candidates(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<CandidateListResponse>, ApiError> {
    let page = state.library().list_candidates(&caller, query.limit, query.cursor).await?;
    Ok(Json(CandidateListResponse {
        candidates: page.items.into_iter().map(CandidateResponse::from).collect(),
        next_cursor: page.next.map(SealedCursor::into_string),
    }))
}

/// Adds candidates to the review queue.
#[utoipa::path(post, path = "/api/candidates", request_body = HarvestRequest, responses(
    (status = 201, description = "Added to the review queue", body = HarvestResponse),
))]
pub(crate) async fn harvest_session(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Metered(meter): Metered,
    Json(request): Json<HarvestRequest>,
) -> Result<(StatusCode, Json<HarvestResponse>), ApiError> {
    meter.charge(request.cost())?;
    let proposals = request.candidates.into_iter().map(Proposal::from).collect();
    let harvested = state.library().harvest(&caller, proposals, request.focus.as_deref()).await?;
    Ok((StatusCode::CREATED, Json(harvested.into())))
}

/// Saves a candidate, with the fields of the body in place of its own.
#[utoipa::path(post, path = "/api/candidates/{candidate}/accept", request_body = SavePromptRequest,
    params(("candidate" = String, Path, description = "id")),
    responses(
        (status = 201, description = "Saved as a new prompt", body = SavedPromptResponse),
        (status = 200, description = "Saved as a new version of the prompt with its name", body = SavedPromptResponse),
        (status = 409, description = "The prompt is at another version, or the name is taken", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn accept_candidate(
    State(state): State<AppState>,
    Caller(caller): Caller,
    CandidatePath(candidate): CandidatePath,
    Json(request): Json<SavePromptRequest>,
) -> Result<axum::response::Response, ApiError> {
    let expected_version = request.expected_version;
    let (changes, favorite) = request.into_draft();
    let options = SaveOptions { favorite, expected_version, idempotency: None };
    let saved = state.library().accept_candidate(&caller, &candidate, changes, options).await?;
    respond_saved(saved)
}

/// Rejects a candidate.
#[utoipa::path(delete, path = "/api/candidates/{candidate}", params(("candidate" = String, Path, description = "id")),
    responses(
        (status = 204, description = "Removed from the review queue"),
    ))]
pub(crate) async fn reject_candidate(
    State(state): State<AppState>,
    Caller(caller): Caller,
    CandidatePath(candidate): CandidatePath,
) -> Result<StatusCode, ApiError> {
    state.library().reject_candidate(&caller, &candidate).await?;
    Ok(StatusCode::NO_CONTENT)
}
