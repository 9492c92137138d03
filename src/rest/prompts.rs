//! Prompts: list and search, create, read, save, delete, restore, history, render.

mod conditions;
mod types;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use self::conditions::{Precondition, check_if_modified, check_if_none_match, format_etag};
use self::types::{
    CreatePromptRequest, DeletePromptQuery, ListPromptsQuery, PromptListResponse, PruneQuery,
    PurgedResponse, ReadPromptQuery, RenderRequest, RestoreRequest, VersionListResponse,
};
use super::account::PageQuery;
use crate::domain::FieldError;
use crate::error::{ApiError, Problem};
use crate::http::extract::{Caller, Json, OptionalJson, PromptPath, Query};
use crate::library::{ListOptions, SaveOptions, SavedPrompt};
use crate::rest::owner::check_removal;
use crate::state::AppState;
use crate::store::{IDEMPOTENCY_KEY_MAX_BYTES, Idempotency};

pub(crate) use self::types::{
    PromptResponse, ReadPromptResponse, RenderResponse, RestoredPromptResponse, SavePromptRequest,
    SavedPromptResponse, SimilarResponse, VariableRequest, VariableResponse, VersionResponse,
    draft_variables,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Lists or searches the prompts of the library.
#[utoipa::path(get, path = "/api/prompts", params(ListPromptsQuery), responses(
    (status = 200, description = "A page of prompts", body = PromptListResponse),
))]
pub(crate) async fn list_prompts(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<ListPromptsQuery>,
) -> Result<Json<PromptListResponse>, ApiError> {
    let explains = query.explains()?;
    let listing = state.library().list_prompts(&caller, query.into_options()?).await?;
    let explained = if explains { PromptListResponse::explained } else { PromptListResponse::from };
    Ok(Json(explained(listing)))
}

/// Creates a prompt. With an `Idempotency-Key` a repetition creates nothing.
#[utoipa::path(post, path = "/api/prompts", request_body = CreatePromptRequest,
    params(("idempotency-key" = Option<String>, Header, description = "1 to 255 characters, valid for a day")),
    responses(
        (status = 201, description = "Created", body = SavedPromptResponse,
            headers(("location" = String), ("etag" = String))),
        (status = 409, description = "The name is taken", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn create_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    headers: HeaderMap,
    Json(request): Json<CreatePromptRequest>,
) -> Result<Response, ApiError> {
    let idempotency = parse_idempotency(&headers, "create", &request)?;
    let (draft, favorite) = request.into_draft();
    let options = SaveOptions {
        favorite,
        expected_version: None,
        idempotency,
        may_add_skill: caller.via.is_in_person(),
    };
    let saved = state.library().create_prompt(&caller, draft, options).await?;
    respond_saved(saved)
}

/// Reads a prompt at its current or an old version.
#[utoipa::path(get, path = "/api/prompts/{prompt}",
    params(
        ("prompt" = String, Path, description = "id or name"),
        ReadPromptQuery,
        ("if-none-match" = Option<String>, Header, description = "The ETag of the text that the client has; ignored with similar"),
    ),
    responses(
        (status = 200, description = "The prompt", body = ReadPromptResponse, headers(("etag" = String))),
        (status = 304, description = "The client has this text already", headers(("etag" = String))),
    ))]
pub(crate) async fn get_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    Query(query): Query<ReadPromptQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let library = state.library();
    let prompt = match query.version {
        Some(version) => library.get_version(&caller, &prompt, version).await?,
        None => library.get_prompt(&caller, &prompt).await?,
    };
    let similar = if query.similar.unwrap_or_default() {
        Some(library.find_similar(&caller, &prompt).await?)
    } else if let Some(unmodified) = check_if_modified(&headers, &prompt) {
        return Ok(unmodified);
    } else {
        // What is similar depends on other prompts, which the tag does not cover.
        None
    };
    let tag = [(header::ETAG, format_etag(&prompt))];
    Ok((tag, Json(ReadPromptResponse::new(prompt, similar))).into_response())
}

/// Saves a version. Absent fields keep their value.
#[utoipa::path(put, path = "/api/prompts/{prompt}", request_body = SavePromptRequest,
    params(
        ("prompt" = String, Path, description = "id or name"),
        ("if-match" = Option<String>, Header, description = "The ETag of the version that was read; alternatively pass expected_version"),
        ("if-none-match" = Option<String>, Header, description = "The save is refused if the prompt has this ETag"),
        ("idempotency-key" = Option<String>, Header, description = "1 to 255 characters, valid for a day"),
    ),
    responses(
        (status = 200, description = "Saved", body = SavedPromptResponse, headers(("etag" = String))),
        (status = 409, description = "The prompt is at another version, or the name is taken", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn save_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    headers: HeaderMap,
    Json(request): Json<SavePromptRequest>,
) -> Result<Response, ApiError> {
    let idempotency = parse_idempotency(&headers, &format!("save {}", prompt.as_str()), &request)?;
    let target = (&**state.library(), &caller, &prompt);
    let precondition = Precondition::read(&headers, request.expected_version, target).await?;
    let (draft, favorite) = request.into_draft();
    if headers.contains_key(header::IF_NONE_MATCH) {
        check_if_none_match(&headers, &state.library().get_prompt(&caller, &prompt).await?)?;
    }
    let expected_version = match precondition {
        // The version is read and then expected, so that a write in between is a conflict.
        Precondition::Any => Some(state.library().get_prompt(&caller, &prompt).await?.version),
        _ => precondition.version(),
    };
    let options = SaveOptions {
        favorite,
        expected_version,
        idempotency,
        may_add_skill: caller.via.is_in_person(),
    };
    let saved = state.library().save_prompt(&caller, &prompt, draft, options).await;
    respond_saved(saved.map_err(|error| precondition.convert_error(error.into()))?)
}

/// Deletes a prompt. It can be restored for 30 days.
///
/// With `permanently`, removes a deleted prompt for good: by its owner in person, with the session
/// cookie or a web token.
#[utoipa::path(delete, path = "/api/prompts/{prompt}",
    params(
        ("prompt" = String, Path, description = "id or name"),
        DeletePromptQuery,
        ("if-match" = Option<String>, Header, description = "The ETag of the version that was read"),
        ("idempotency-key" = Option<String>, Header, description = "1 to 255 characters, valid for a day"),
    ),
    responses(
        (status = 200, description = "Deleted", body = PromptResponse),
        (status = 204, description = "Removed for good"),
        (status = 409, description = "The prompt is not deleted, or several deleted prompts have the name", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    Query(query): Query<DeletePromptQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let idempotency = parse_idempotency(&headers, &format!("delete {}", prompt.as_str()), &())?;
    let target = (&**state.library(), &caller, &prompt);
    let precondition = Precondition::read(&headers, None, target).await?;
    let expected_version = precondition.version();
    if query.permanently.unwrap_or_default() {
        check_removal(&state, &caller)?;
        let purged = state.library().purge_prompt(&caller, &prompt, expected_version).await;
        purged.map_err(|error| precondition.convert_error(error.into()))?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let deleted =
        state.library().delete_prompt(&caller, &prompt, expected_version, idempotency).await;
    let deleted = deleted.map_err(|error| precondition.convert_error(error.into()))?;
    Ok(Json(PromptResponse::from(deleted)).into_response())
}

/// Lists the deleted prompts, the latest save first. Each names the time until which it can be
/// restored; after it, it is removed for good.
#[utoipa::path(get, path = "/api/trash", params(PageQuery), responses(
    (status = 200, description = "A page of deleted prompts", body = PromptListResponse),
))]
pub(crate) async fn list_trash(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<PromptListResponse>, ApiError> {
    let PageQuery { limit, cursor } = query;
    let options = ListOptions { deleted: true, limit, cursor, ..ListOptions::default() };
    Ok(Json(state.library().list_prompts(&caller, options).await?.into()))
}

/// Removes all deleted prompts for good. It cannot be undone.
///
/// Takes the session cookie or a web token.
#[utoipa::path(delete, path = "/api/trash", responses(
    (status = 200, description = "Removed for good", body = PurgedResponse),
))]
pub(crate) async fn empty_trash(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Result<Json<PurgedResponse>, ApiError> {
    check_removal(&state, &caller)?;
    let purged = state.library().empty_trash(&caller).await?;
    Ok(Json(PurgedResponse { purged }))
}

/// Removes the old versions of a prompt for good. It cannot be undone; the current version stays.
///
/// Takes the session cookie or a web token.
#[utoipa::path(delete, path = "/api/prompts/{prompt}/versions",
    params(("prompt" = String, Path, description = "id or name"), PruneQuery),
    responses(
        (status = 200, description = "Removed for good", body = PurgedResponse),
    ))]
pub(crate) async fn prune_versions(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    Query(query): Query<PruneQuery>,
) -> Result<Json<PurgedResponse>, ApiError> {
    check_removal(&state, &caller)?;
    let purged = state.library().prune_versions(&caller, &prompt, query.before).await?;
    Ok(Json(PurgedResponse { purged }))
}

/// Undoes a deletion, or saves an old version as a new one. The body may be absent.
#[utoipa::path(post, path = "/api/prompts/{prompt}/restore", request_body = Option<RestoreRequest>,
    params(
        ("prompt" = String, Path, description = "id or name"),
        ("if-match" = Option<String>, Header, description = "The ETag of the version that was read"),
        ("idempotency-key" = Option<String>, Header, description = "1 to 255 characters, valid for a day"),
    ),
    responses(
        (status = 200, description = "Restored", body = RestoredPromptResponse, headers(("etag" = String))),
        (status = 409, description = "The name is taken", body = Problem, content_type = "application/problem+json"),
    ))]
pub(crate) async fn restore_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    headers: HeaderMap,
    OptionalJson(request): OptionalJson<RestoreRequest>,
) -> Result<Response, ApiError> {
    let idempotency =
        parse_idempotency(&headers, &format!("restore {}", prompt.as_str()), &request)?;
    let target = (&**state.library(), &caller, &prompt);
    let precondition = Precondition::read(&headers, None, target).await?;
    let expected_version = precondition.version();
    let may_add_skill = caller.via.is_in_person();
    let options =
        SaveOptions { expected_version, idempotency, may_add_skill, ..SaveOptions::default() };
    let restored = state.library().restore_prompt(&caller, &prompt, request.version, options).await;
    let restored = restored.map_err(|error| precondition.convert_error(error.into()))?;
    let tag = [(header::ETAG, format_etag(&restored.prompt))];
    Ok((tag, Json(RestoredPromptResponse::from(restored))).into_response())
}

/// Lists the versions of a prompt, the newest first.
#[utoipa::path(get, path = "/api/prompts/{prompt}/versions",
    params(("prompt" = String, Path, description = "id or name"), PageQuery),
    responses(
        (status = 200, description = "A page of versions", body = VersionListResponse),
    ))]
pub(crate) async fn list_versions(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    Query(query): Query<PageQuery>,
) -> Result<Json<VersionListResponse>, ApiError> {
    let page = state.library().list_versions(&caller, &prompt, query.limit, query.cursor).await?;
    Ok(Json(page.into()))
}

/// Renders a prompt: replaces its variables by arguments and defaults. The body may be absent.
#[utoipa::path(post, path = "/api/prompts/{prompt}/render", request_body = Option<RenderRequest>,
    params(("prompt" = String, Path, description = "id or name")),
    responses(
        (status = 200, description = "The rendered text", body = RenderResponse),
    ))]
pub(crate) async fn render_prompt(
    State(state): State<AppState>,
    Caller(caller): Caller,
    PromptPath(prompt): PromptPath,
    OptionalJson(request): OptionalJson<RenderRequest>,
) -> Result<Json<RenderResponse>, ApiError> {
    let library = state.library();
    let prompt = match request.version {
        Some(version) => library.get_version(&caller, &prompt, version).await?,
        None => library.get_prompt(&caller, &prompt).await?,
    };
    let rendered = library.render_prompt(&caller, &prompt, &request.arguments)?;
    Ok(Json(RenderResponse::new(rendered, prompt.version)))
}

/// Responds to a save: 201 with `Location` for a new prompt (RFC 9110, section 15.3.2), 200 for a
/// new version of one.
pub(crate) fn respond_saved(saved: SavedPrompt) -> Result<Response, ApiError> {
    let created = saved.created;
    let location = HeaderValue::try_from(format!("/api/prompts/{}", saved.prompt.id))
        .map_err(|error| ApiError::Internal(error.into()))?;
    let tag = [(header::ETAG, format_etag(&saved.prompt))];
    let body = Json(SavedPromptResponse::from(saved));
    Ok(if created {
        (StatusCode::CREATED, [(header::LOCATION, location)], tag, body).into_response()
    } else {
        (tag, body).into_response()
    })
}

/// Parses the `Idempotency-Key` of a write, and binds it to the content of the request: the same key
/// with another operation, body or precondition is an error and not a repetition.
fn parse_idempotency(
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
