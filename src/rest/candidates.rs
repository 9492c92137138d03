//! The review queue.

mod proposed;
mod request;
mod types;

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;

use self::request::CANDIDATES;
pub(crate) use self::request::HarvestRequest;
use self::types::{CandidateListResponse, HarvestResponse};
pub(crate) use self::types::{CandidateResponse, SuggestedResponse};
use super::account::PageQuery;
use super::prompts::{SavePromptRequest, SavedPromptResponse, respond_saved};
use crate::domain::candidate::CandidateId;
use crate::domain::json_faults::{set_apart, spell_surrogates};
use crate::domain::paging::{Limit, SealedCursor};
use crate::domain::{Faults, Invalid};
use crate::error::{ApiError, Problem};
use crate::http::extract::{Caller, Json, Metered, Query, parse_json, read_json_body};
use crate::library::{Harvested, SaveOptions};
use crate::state::AppState;

/// The number of listed candidates for each unit of the caller's rate limit that a listing costs beside
/// its request, because each is compared with the library.
const CANDIDATES_PER_UNIT: i64 = 8;

/// Returns the units that a listing of this limit costs beside its request.
pub(crate) fn listing_cost(limit: Option<i64>) -> u32 {
    let default = i64::try_from(Limit::default().get()).unwrap_or_default();
    u32::try_from(limit.unwrap_or(default) / CANDIDATES_PER_UNIT).unwrap_or_default()
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

/// The body of a harvest. Its candidates with lone surrogates or repeated keys fail alone.
pub(crate) struct HarvestBody(HarvestRequest);

impl<S: Send + Sync> FromRequest<S> for HarvestBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let body = read_json_body(request).await?;
        let spelled = spell_surrogates(&body);
        let body = spelled.as_deref().unwrap_or(&body);
        let apart = str::from_utf8(body).ok().and_then(|text| set_apart(text, &[CANDIDATES]));
        parse_json(apart.as_ref().map_or(body, String::as_bytes)).map(Self)
    }
}

/// The candidates in the review queue.
#[utoipa::path(get, path = "/api/candidates", params(PageQuery), responses(
    (status = 200, description = "A page of candidates", body = CandidateListResponse),
))]
pub(crate) async fn list_candidates(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Metered(meter): Metered,
    Query(query): Query<PageQuery>,
) -> Result<Json<CandidateListResponse>, ApiError> {
    meter.charge(listing_cost(query.limit))?;
    let page = state.library().list_candidates(&caller, query.limit, query.cursor).await?;
    Ok(Json(CandidateListResponse {
        candidates: page.items.into_iter().map(CandidateResponse::from).collect(),
        next_cursor: page.next.map(SealedCursor::into_string),
    }))
}

/// A candidate in the review queue.
#[utoipa::path(get, path = "/api/candidates/{candidate}", params(("candidate" = String, Path, description = "id")),
    responses(
        (status = 200, description = "The candidate", body = CandidateResponse),
    ))]
pub(crate) async fn get_candidate(
    State(state): State<AppState>,
    Caller(caller): Caller,
    CandidatePath(candidate): CandidatePath,
) -> Result<Json<CandidateResponse>, ApiError> {
    Ok(Json(state.library().get_candidate(&caller, &candidate).await?.into()))
}

/// Adds candidates to the review queue. Those with faults are not added, and their entries have no id.
#[utoipa::path(post, path = "/api/candidates", request_body = HarvestRequest, responses(
    (status = 201, description = "At least one was added to the review queue", body = HarvestResponse),
    (status = 422, description = "All have faults, and none was added", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn harvest_session(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Metered(meter): Metered,
    HarvestBody(request): HarvestBody,
) -> Result<(StatusCode, Json<HarvestResponse>), ApiError> {
    meter.charge(request.cost())?;
    let HarvestRequest { candidates, focus } = request;
    let library = state.library();
    let harvested = library.harvest(&caller, candidates.into(), focus.as_deref()).await?;
    check_any_added(&harvested)?;
    let candidates = harvested.into_iter().map(CandidateResponse::from).collect();
    Ok((StatusCode::CREATED, Json(HarvestResponse { candidates })))
}

/// Returns the faults of all proposals if none of them was added.
fn check_any_added(harvested: &[Harvested]) -> Result<(), Invalid> {
    let mut faults = Faults::default();
    for (index, one) in harvested.iter().enumerate() {
        match one {
            Harvested::Waiting(_) => return Ok(()),
            Harvested::Refused(refused) => {
                faults.extend(refused.invalid.clone().within(&format!("candidates[{index}]")));
            }
        }
    }
    faults.finish(Some(()))
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
    let options = SaveOptions {
        favorite,
        expected_version,
        idempotency: None,
        may_add_skill: caller.via.is_in_person(),
    };
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
