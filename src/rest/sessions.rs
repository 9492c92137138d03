//! The caller's web sessions. There are none without accounts.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{Authenticator, WebSession};
use crate::domain::identity::Principal;
use crate::error::{ApiError, Problem};
use crate::http::extract::{Caller, Json, path_segment};
use crate::state::AppState;

#[derive(Serialize, ToSchema)]
pub(crate) struct SessionListResponse {
    /// The sessions that have not ended, the latest sign-in first.
    sessions: Vec<SessionResponse>,
}

#[derive(Serialize, ToSchema)]
struct SessionResponse {
    /// The id, for the path of `DELETE`.
    id: String,
    /// Whether it is the session of this request.
    current: bool,
    /// The time of the sign-in in RFC 3339.
    created_at: String,
    /// The time of the latest change, where WorkOS states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// When the session ends by itself, where WorkOS states it.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The IP address of the browser, where WorkOS has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    /// The user agent of the browser, where WorkOS has it: any text of at most 512 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
}

impl From<WebSession> for SessionResponse {
    fn from(session: WebSession) -> Self {
        Self {
            id: session.id,
            current: session.is_current,
            created_at: session.created_at.to_string(),
            updated_at: session.updated_at.map(|at| at.to_string()),
            expires_at: session.expires_at.map(|at| at.to_string()),
            ip_address: session.ip_address.map(|address| address.to_string()),
            user_agent: session.user_agent,
        }
    }
}

/// The id of a session in the path.
pub(crate) struct SessionPath(String);

impl<S: Send + Sync> FromRequestParts<S> for SessionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path_segment(parts, state).await.map(Self)
    }
}

/// Lists the web sessions of the caller, as WorkOS describes them.
///
/// Takes the session cookie or a web token; an MCP client's token is refused.
#[utoipa::path(get, path = "/api/sessions", responses(
    (status = 200, description = "The sessions that have not ended", body = SessionListResponse),
    (status = 404, description = "The server has no accounts, and so no list of sessions", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list_sessions(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Result<Json<SessionListResponse>, ApiError> {
    let sessions = find_authenticator(&state, &caller)?.list_sessions(&caller).await?;
    Ok(Json(SessionListResponse {
        sessions: sessions.into_iter().map(SessionResponse::from).collect(),
    }))
}

/// Ends one web session of the caller, here and at WorkOS; also that of this request.
///
/// Takes the session cookie or a web token; an MCP client's token is refused. A session that has ended
/// is 204 for as long as WorkOS lists it.
#[utoipa::path(delete, path = "/api/sessions/{session}",
    params(("session" = String, Path, description = "The id of the session")),
    responses(
        (status = 204, description = "Ended"),
        (status = 404, description = "The caller has no session with this id, or the server has no accounts", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn end_session(
    State(state): State<AppState>,
    Caller(caller): Caller,
    SessionPath(session_id): SessionPath,
) -> Result<Response, ApiError> {
    let authenticator = find_authenticator(&state, &caller)?;
    authenticator.end_own_session(&caller, &session_id).await?;
    let response = StatusCode::NO_CONTENT.into_response();
    let is_current = caller.session_id == Some(session_id);
    Ok(if is_current { remove_cookie(authenticator, response) } else { response })
}

/// Ends every web session of the caller, here and at WorkOS, that of this request included.
///
/// Takes the session cookie or a web token; an MCP client's token is refused.
#[utoipa::path(delete, path = "/api/sessions", responses(
    (status = 204, description = "All have ended"),
    (status = 404, description = "The server has no accounts, and so no list of sessions", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "WorkOS is unavailable; with the type `sign-out-incomplete`, other sessions may have ended and that of this request has not", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn end_all_sessions(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Result<Response, ApiError> {
    let authenticator = find_authenticator(&state, &caller)?;
    authenticator.end_all_sessions(&caller).await?;
    Ok(remove_cookie(authenticator, StatusCode::NO_CONTENT.into_response()))
}

/// Returns the authenticator for a caller in person. A program neither learns where its user is signed
/// in nor signs them out.
fn find_authenticator<'a>(
    state: &'a AppState,
    caller: &Principal,
) -> Result<&'a Arc<Authenticator>, ApiError> {
    let authenticator = state.authenticator().ok_or_else(|| {
        ApiError::NotFound("this server has no accounts, and so no list of sessions".to_owned())
    })?;
    if !caller.via.is_in_person() {
        let detail = "only their user lists and ends web sessions: sign in to this server in a \
            browser and do it there";
        return Err(ApiError::Forbidden(detail));
    }
    Ok(authenticator)
}

/// Makes a response remove the session cookie.
pub(super) fn remove_cookie(authenticator: &Authenticator, mut response: Response) -> Response {
    if let Some(removal) = authenticator.build_session_removal() {
        response.headers_mut().append(header::SET_COOKIE, removal);
    }
    response
}
