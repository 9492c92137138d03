//! The caller's account: identity, limits, audit trail, erasure.

use std::num::NonZeroU32;

use axum::body::HttpBody;
use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Profile;
use crate::domain::FieldError;
use crate::domain::audit::AuditEntry;
use crate::domain::candidate::CandidateId;
use crate::domain::identity::Principal;
use crate::domain::paging::SealedCursor;
use crate::domain::prompt::{Name, PromptId};
use crate::error::{ACCOUNT_LOGIN_URL, ApiError, Problem};
use crate::http::extract::{Caller, Json, Query};
use crate::rest::owner::check_recent_sign_in;
use crate::rest::sessions::remove_cookie;
use crate::state::AppState;

/// The value of `confirm` that confirms an erasure.
const CONFIRMATION: &str = "erase";

#[derive(Serialize, ToSchema)]
pub(crate) struct MeResponse {
    /// The id of the caller.
    id: String,
    /// The caller's name, for a caller in person, where the identity provider knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The caller's e-mail address, under the same conditions.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// How users sign in: none (there is only the local user), token (the local user, with an access
    /// token) or workos.
    sign_in: &'static str,
    /// The name of the plan.
    plan: &'static str,
    /// Whether subscriptions are sold here; absent where they are not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    billing: bool,
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

/// The confirmation of an erasure.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErasureRequest {
    /// The word `erase`.
    #[schema(value_type = Confirmation)]
    confirm: Option<serde_json::Value>,
}

/// The word that confirms an erasure.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "it is the schema of a field that is compared by hand")]
enum Confirmation {
    Erase,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Maximum number of entries, 1 to 100; 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    pub(crate) limit: Option<i64>,
    /// The `next_cursor` of the previous page.
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
    let Profile { name, email } = match state.authenticator() {
        Some(authenticator) => authenticator.find_profile(&caller).await,
        None => Profile::default(),
    };
    Ok(Json(MeResponse {
        id: caller.user_id.to_string(),
        name,
        email,
        sign_in: state.gate().word(),
        plan: caller.plan.name,
        billing: state.billing().is_some(),
        limits: LimitsResponse {
            prompts: caller.plan.quota.prompts,
            bytes: caller.plan.quota.bytes,
            requests_per_minute: caller.plan.requests_per_minute.map(NonZeroU32::get),
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
        next_cursor: page.next.map(SealedCursor::into_string),
    }))
}

/// Erases all data of the caller, here, at the identity provider and at Stripe. It cannot be undone.
///
/// Takes the session cookie or a web token, from a sign-in of the last 10 minutes; an MCP client's
/// token is refused. After an erasure that did not finish, the same user can repeat the request, until
/// it is 204, although the account here is gone.
#[utoipa::path(delete, path = "/api/account", request_body = ErasureRequest, responses(
    (status = 204, description = "Erased everywhere"),
    (status = 503, description = "Not everything was erased; repeat the request. With the type `erasure-incomplete`, the fields `erased` and `remaining` name the places", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn erase_account(
    State(state): State<AppState>,
    Caller(caller): Caller,
    request: Request,
) -> Result<Response, ApiError> {
    // Before the body is read: the confirmation of a program has no effect.
    check_owner(&state, &caller)?;
    read_confirmation(request).await?;
    state.erasure().erase_everywhere(&caller.user_id).await?;
    let response = StatusCode::NO_CONTENT.into_response();
    // Without accounts, the sign-in is that to the server, which stays.
    Ok(match state.authenticator() {
        Some(authenticator) => remove_cookie(authenticator, response),
        None => response,
    })
}

/// Checks that the owner acts in person and, where there is a sign-in, has signed in recently.
///
/// Clients register themselves at the authorization server, so a token of theirs proves too little
/// for what cannot be undone.
fn check_owner(state: &AppState, caller: &Principal) -> Result<(), ApiError> {
    if !caller.via.is_in_person() {
        let detail = "only its owner erases an account: sign in to this server in a browser and \
            erase it there";
        return Err(ApiError::Forbidden(detail));
    }
    check_recent_sign_in(state, caller, "erasing an account", ACCOUNT_LOGIN_URL)
}

/// Reads the confirmation of an erasure.
async fn read_confirmation(request: Request) -> Result<(), ApiError> {
    // A request without a body gets the error of the confirmation, not that of a media type.
    if request.body().is_end_stream() {
        return Err(unconfirmed());
    }
    let Json(ErasureRequest { confirm }) = Json::from_request(request, &()).await?;
    if confirm == Some(CONFIRMATION.into()) { Ok(()) } else { Err(unconfirmed()) }
}

fn unconfirmed() -> ApiError {
    FieldError::new("confirm", "must be \"erase\"; send {\"confirm\": \"erase\"}").into()
}
