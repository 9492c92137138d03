//! The caller's account: identity, limits, audit trail, erasure.

use std::num::NonZeroU32;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::audit::AuditEntry;
use crate::domain::candidate::CandidateId;
use crate::domain::paging::Cursor;
use crate::domain::prompt::{Name, PromptId};
use crate::error::ApiError;
use crate::http::extract::{Caller, Json, Query};
use crate::state::AppState;

#[derive(Serialize, ToSchema)]
pub(crate) struct MeResponse {
    /// The id of the caller.
    id: String,
    /// The name of the plan.
    plan: &'static str,
    limits: LimitsResponse,
    r#use: UseResponse,
}

/// What the caller's library holds.
#[derive(Serialize, ToSchema)]
struct UseResponse {
    /// Prompts that are not deleted.
    prompts: u64,
    /// The texts of all versions, those of deleted prompts included, and of the candidates, in bytes.
    /// Absent while they are counted for the first time; until then no limit applies to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Deleted prompts that can still be restored.
    deleted: u64,
    /// Candidates that wait for review.
    candidates: u64,
}

#[derive(Serialize, ToSchema)]
struct LimitsResponse {
    /// Maximum number of prompts that are not deleted; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompts: Option<u32>,
    /// Maximum of `use.bytes`; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    /// Maximum number of requests in a minute; absent without a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_minute: Option<u32>,
    /// Maximum number of imports at a time.
    imports: usize,
    /// Maximum number of open streams of events.
    streams: usize,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Maximum number of entries, 1 to 100; 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<i64>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AuditResponse {
    /// The newest entry first.
    entries: Vec<AuditEntryResponse>,
    /// The cursor of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct AuditEntryResponse {
    /// The user who wrote.
    user_id: String,
    /// created, saved, updated, restored, deleted, undeleted, purged, pruned, harvested, rejected or
    /// imported.
    action: &'static str,
    /// The prompt that was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_id: Option<String>,
    /// The candidate that was harvested, rejected or accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate_id: Option<String>,
    /// The name of the prompt or candidate at that time; absent once its text is removed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The current version of the prompt after the write.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// The client that wrote.
    client: String,
    /// The time of the write in RFC 3339.
    at: String,
}

impl From<AuditEntry> for AuditEntryResponse {
    fn from(entry: AuditEntry) -> Self {
        Self {
            user_id: entry.library_id.to_string(),
            action: entry.action.as_str(),
            prompt_id: entry.prompt_id.as_ref().map(PromptId::to_string),
            candidate_id: entry.candidate_id.as_ref().map(CandidateId::to_string),
            name: entry.name.as_ref().map(Name::to_string),
            version: entry.version,
            client: entry.client,
            at: entry.at.to_string(),
        }
    }
}

/// The caller, the limits of their plan, and what their library holds.
#[utoipa::path(get, path = "/api/me", responses(
    (status = 200, description = "The caller", body = MeResponse),
))]
pub(crate) async fn get_me(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Result<Json<MeResponse>, ApiError> {
    let counts = state.library().count_library(&caller).await?;
    Ok(Json(MeResponse {
        id: caller.user_id.to_string(),
        plan: caller.plan.name,
        limits: LimitsResponse {
            prompts: caller.plan.quota.prompts,
            bytes: caller.plan.quota.bytes,
            requests_per_minute: state.limits().rate_per_minute.map(NonZeroU32::get),
            imports: caller.plan.imports,
            streams: caller.plan.streams,
        },
        r#use: UseResponse {
            prompts: counts.prompts,
            bytes: counts.bytes,
            deleted: counts.deleted,
            candidates: counts.candidates,
        },
    }))
}

/// The writes to the library, the newest first.
#[utoipa::path(get, path = "/api/audit", params(PageQuery), responses(
    (status = 200, description = "A page of entries", body = AuditResponse),
))]
pub(crate) async fn list_audit(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<AuditResponse>, ApiError> {
    let page = state.library().list_audit(&caller, query.limit, query.cursor).await?;
    Ok(Json(AuditResponse {
        entries: page.items.into_iter().map(AuditEntryResponse::from).collect(),
        next_cursor: page.next.map(Cursor::into_string),
    }))
}

/// Erases all data of the caller, here and at the identity provider. It cannot be undone.
#[utoipa::path(delete, path = "/api/account", responses(
    (status = 204, description = "Erased"),
))]
pub(crate) async fn erase_account(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Result<Response, ApiError> {
    let mut response = StatusCode::NO_CONTENT.into_response();
    match state.authenticator() {
        None => state.library().erase_account(&caller.user_id).await?,
        Some(authenticator) => {
            authenticator.erase_everywhere(&caller.user_id).await?;
            if let Some(removal) = authenticator.build_session_removal() {
                response.headers_mut().append(header::SET_COOKIE, removal);
            }
        }
    }
    Ok(response)
}
