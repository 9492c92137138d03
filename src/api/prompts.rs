//! Prompts over REST: list and search, create, read, save, delete, restore, history, render.

mod types;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::types::{
    CreatePromptRequest, ListPromptsQuery, PromptListResponse, PromptResponse, ReadPromptQuery,
    RenderRequest, RenderResponse, RestoreRequest, VersionListResponse,
};
use super::account::PageQuery;
use super::{Caller, Json, PromptPath, Query};
use crate::app::AppState;
use crate::domain::FieldError;
use crate::domain::library::{SaveOptions, SavedPrompt};
use crate::domain::prompt::{Prompt, VariableName};
use crate::error::{ApiError, Problem};
use crate::store::{IDEMPOTENCY_KEY_MAX_BYTES, Idempotency};

pub(super) use self::types::{
    BodyResponse, SavePromptRequest, SavedPromptResponse, SimilarResponse, VariableRequest,
    VariableResponse, draft_variables,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Routes under `/api/prompts`.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_prompts, create_prompt))
        .routes(routes!(get_prompt, save_prompt, delete_prompt))
        .routes(routes!(restore_prompt))
        .routes(routes!(list_versions))
        .routes(routes!(render_prompt))
}

/// Lists or searches the library.
#[utoipa::path(get, path = "", params(ListPromptsQuery), responses(
    (status = 200, description = "A page of prompts", body = PromptListResponse),
))]
async fn list_prompts(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<ListPromptsQuery>,
) -> Result<Json<PromptListResponse>, ApiError> {
    let listing = state.library().list_prompts(&caller, query.into_options()?).await?;
    Ok(Json(listing.into()))
}

/// Adds a prompt. With an `Idempotency-Key`, a repetition adds nothing.
#[utoipa::path(post, path = "", request_body = CreatePromptRequest,
    params(("idempotency-key" = Option<String>, Header, description = "1 to 255 characters, kept for a day")),
    responses(
        (status = 201, description = "Added", body = SavedPromptResponse,
            headers(("location" = String), ("etag" = String))),
        (status = 409, description = "The name is taken", body = Problem, content_type = "application/problem+json"),
    ))]
async fn create_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    Json(request): Json<CreatePromptRequest>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency(&headers, "create", &request)?;
    let (draft, favorite) = request.into_draft();
    let options = SaveOptions { favorite, expected_version: None, idempotency };
    let saved = state.library().create_prompt(&caller, draft, options).await?;
    saved_response(saved)
}

/// A prompt, as it stands or at an old version.
#[utoipa::path(get, path = "/{prompt}", params(("prompt" = String, Path, description = "id or name"), ReadPromptQuery),
    responses(
        (status = 200, description = "The prompt", body = PromptResponse, headers(("etag" = String))),
    ))]
async fn get_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    Query(query): Query<ReadPromptQuery>,
) -> Result<Response, ApiError> {
    let prompt = match query.version {
        Some(version) => state.library().get_version(&caller, &prompt, version).await?,
        None => state.library().get_prompt(&caller, &prompt).await?,
    };
    Ok(([(header::ETAG, etag(&prompt))], Json(PromptResponse::from(prompt))).into_response())
}

/// Saves a version; fields that are absent keep their value.
#[utoipa::path(put, path = "/{prompt}", request_body = SavePromptRequest,
    params(
        ("prompt" = String, Path, description = "id or name"),
        ("if-match" = Option<String>, Header, description = "The ETag that was read; or pass expected_version"),
        ("idempotency-key" = Option<String>, Header, description = "1 to 255 characters, kept for a day"),
    ),
    responses(
        (status = 200, description = "Saved", body = SavedPromptResponse, headers(("etag" = String))),
        (status = 409, description = "The prompt has moved on, or the name is taken", body = Problem, content_type = "application/problem+json"),
    ))]
async fn save_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    headers: HeaderMap,
    Json(request): Json<SavePromptRequest>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency(&headers, &format!("save {}", prompt.as_str()), &request)?;
    let precondition = Precondition::read(&headers, request.expected_version)?;
    let (draft, favorite) = request.into_draft();
    let expected_version = match precondition {
        Precondition::Any => Some(state.library().get_prompt(&caller, &prompt).await?.version),
        Precondition::None => None,
        Precondition::IfMatch(version) | Precondition::Expected(version) => Some(version),
    };
    let options = SaveOptions { favorite, expected_version, idempotency };
    let saved = state.library().save_prompt(&caller, &prompt, draft, options).await;
    saved_response(saved.map_err(|error| precondition.explain(error.into()))?)
}

/// Deletes a prompt; it can be restored for 30 days.
#[utoipa::path(delete, path = "/{prompt}",
    params(
        ("prompt" = String, Path, description = "id or name"),
        ("if-match" = Option<String>, Header, description = "The ETag that was read"),
        ("idempotency-key" = Option<String>, Header, description = "1 to 255 characters, kept for a day"),
    ),
    responses(
        (status = 200, description = "Deleted", body = PromptResponse),
    ))]
async fn delete_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    headers: HeaderMap,
) -> Result<Json<PromptResponse>, ApiError> {
    let idempotency = idempotency(&headers, &format!("delete {}", prompt.as_str()), &())?;
    let precondition = Precondition::read(&headers, None)?;
    let expected = precondition.version();
    let deleted = state.library().delete_prompt(&caller, &prompt, expected, idempotency).await;
    let deleted = deleted.map_err(|error| precondition.explain(error.into()))?;
    Ok(Json(deleted.into()))
}

/// Takes a deletion back, or brings an old version back as a new one.
#[utoipa::path(post, path = "/{prompt}/restore", request_body = RestoreRequest,
    params(
        ("prompt" = String, Path, description = "id or name"),
        ("if-match" = Option<String>, Header, description = "The ETag that was read"),
        ("idempotency-key" = Option<String>, Header, description = "1 to 255 characters, kept for a day"),
    ),
    responses(
        (status = 200, description = "Restored", body = PromptResponse, headers(("etag" = String))),
        (status = 409, description = "The name is taken", body = Problem, content_type = "application/problem+json"),
    ))]
async fn restore_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    headers: HeaderMap,
    Json(request): Json<RestoreRequest>,
) -> Result<Response, ApiError> {
    let idempotency = idempotency(&headers, &format!("restore {}", prompt.as_str()), &request)?;
    let precondition = Precondition::read(&headers, None)?;
    let expected_version = precondition.version();
    let options = SaveOptions { favorite: None, expected_version, idempotency };
    let restored = state.library().restore_prompt(&caller, &prompt, request.version, options).await;
    let restored = restored.map_err(|error| precondition.explain(error.into()))?;
    Ok(([(header::ETAG, etag(&restored))], Json(PromptResponse::from(restored))).into_response())
}

/// The history of a prompt, the newest version first.
#[utoipa::path(get, path = "/{prompt}/versions",
    params(("prompt" = String, Path, description = "id or name"), PageQuery),
    responses(
        (status = 200, description = "A page of versions", body = VersionListResponse),
    ))]
async fn list_versions(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    Query(query): Query<PageQuery>,
) -> Result<Json<VersionListResponse>, ApiError> {
    let page = state.library().list_versions(&caller, &prompt, query.limit, query.cursor).await?;
    Ok(Json(page.into()))
}

/// The text of a prompt with its variables replaced.
#[utoipa::path(post, path = "/{prompt}/render", request_body = RenderRequest,
    params(("prompt" = String, Path, description = "id or name")),
    responses(
        (status = 200, description = "The text", body = RenderResponse),
    ))]
async fn render_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    Json(request): Json<RenderRequest>,
) -> Result<Json<RenderResponse>, ApiError> {
    let library = state.library();
    let prompt = match request.version {
        Some(version) => library.get_version(&caller, &prompt, version).await?,
        None => library.get_prompt(&caller, &prompt).await?,
    };
    let rendered = library.render_prompt(&caller, &prompt, &request.arguments)?;
    let missing = rendered.missing.iter().map(VariableName::to_string).collect();
    Ok(Json(RenderResponse { text: rendered.text, missing, version: prompt.version }))
}

/// 201 with its place for a new prompt, 200 for a new version.
pub(super) fn saved_response(saved: SavedPrompt) -> Result<Response, ApiError> {
    let created = saved.created;
    let location = HeaderValue::try_from(format!("/api/prompts/{}", saved.prompt.id))
        .map_err(|error| ApiError::Internal(error.into()))?;
    let tag = [(header::ETAG, etag(&saved.prompt))];
    let body = Json(SavedPromptResponse::from(saved));
    Ok(if created {
        (StatusCode::CREATED, [(header::LOCATION, location)], tag, body).into_response()
    } else {
        (tag, body).into_response()
    })
}

/// The version in quotes: what `If-Match` guards is the version, nothing else of the prompt.
fn etag(prompt: &Prompt) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", prompt.version))
        .expect("digits in quotes are a header value")
}

/// What a write requires of the current version.
#[derive(Clone, Copy)]
enum Precondition {
    /// Nothing was said.
    None,
    /// `If-Match: *`: the prompt must exist.
    Any,
    /// `If-Match: "3"`.
    IfMatch(u32),
    /// `expected_version` in the body.
    Expected(u32),
}

impl Precondition {
    fn read(headers: &HeaderMap, expected: Option<u32>) -> Result<Self, ApiError> {
        let mut values = headers.get_all(header::IF_MATCH).iter();
        let (value, another) = (values.next(), values.next());
        let Some(value) = value else {
            return Ok(expected.map_or(Self::None, Self::Expected));
        };
        let malformed =
            || ApiError::Malformed("If-Match takes one ETag, such as \"3\", or *".to_owned());
        let text = value.to_str().map_err(|_| malformed())?.trim();
        if another.is_some() {
            return Err(malformed());
        }
        if text == "*" {
            return Ok(expected.map_or(Self::Any, Self::Expected));
        }
        let tag = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let tag = tag.filter(|tag| !tag.contains('"')).ok_or_else(malformed)?;
        // A well-formed tag that is none of ours matches no version; two tags are the same only
        // letter by letter (RFC 9110, section 8.8.3.2).
        let is_ours = |version: &u32| version.to_string() == tag;
        let version = tag.parse().ok().filter(is_ours).unwrap_or(0);
        if expected.is_some_and(|expected| expected != version) {
            let message = "differs from If-Match; pass one of them, or the same version twice";
            return Err(FieldError::new("expected_version", message).into());
        }
        Ok(Self::IfMatch(version))
    }

    fn version(self) -> Option<u32> {
        match self {
            Self::None | Self::Any => None,
            Self::IfMatch(version) | Self::Expected(version) => Some(version),
        }
    }

    /// A conflict with `If-Match` is 412 (RFC 9110, section 13.1.1), any other 409.
    fn explain(self, error: ApiError) -> ApiError {
        match (self, error) {
            (Self::IfMatch(_), ApiError::Conflict { current_version, .. }) => {
                ApiError::PreconditionFailed { current_version }
            }
            (_, error) => error,
        }
    }
}

/// The caller's key for a write, bound to what the write says.
fn idempotency(
    headers: &HeaderMap,
    operation: &str,
    request: &impl Serialize,
) -> Result<Option<Idempotency>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let key =
        value.to_str().ok().filter(|key| (1..=IDEMPOTENCY_KEY_MAX_BYTES).contains(&key.len()));
    let key = key.ok_or_else(|| {
        FieldError::new("Idempotency-Key", "must have 1 to 255 visible ASCII characters")
    })?;
    let mut hasher = Sha256::new();
    hasher.update(operation);
    hasher.update(serde_json::to_vec(request).map_err(|error| ApiError::Internal(error.into()))?);
    if let Some(tag) = headers.get(header::IF_MATCH) {
        hasher.update(tag.as_bytes());
    }
    let fingerprint = BASE64_URL_SAFE_NO_PAD.encode(hasher.finalize());
    Ok(Some(Idempotency { key: key.to_owned(), fingerprint }))
}
