//! Our extractors, which reject with [`ApiError`], and what all resources share.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use super::body::BODY_MAX_BYTES;
use super::body::read_body;
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::prompt::PromptRef;
use crate::error::ApiError;

/// What a route that takes JSON says of any other body.
pub(crate) const JSON_ONLY: &str = "the body must be JSON; send content-type: application/json";

/// A JSON body, in both directions.
pub struct Json<T>(pub T);

/// The query string.
pub struct Query<T>(pub T);

/// The prompt that the path names.
pub struct PromptPath(pub PromptRef);

/// Who asks.
pub struct Caller(pub Principal);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType(JSON_ONLY));
        }
        let body = read_body(request.into_body()).await?;
        parse_json(&body).map(Self)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let deserializer = serde_urlencoded::Deserializer::new(pairs);
        let value = serde_path_to_error::deserialize(deserializer)
            .map_err(|error| field_error(&error.path().to_string(), &error.into_inner()))?;
        Ok(Self(value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PromptPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let text = path_segment(parts, state).await?;
        let prompt = PromptRef::parse(&text).map_err(|_| {
            ApiError::NotFound("the path names no prompt: it takes an id or a name".to_owned())
        })?;
        Ok(Self(prompt))
    }
}

/// The one variable segment of the path.
#[expect(clippy::disallowed_types, reason = "this is the one home of axum's own")]
pub(crate) async fn path_segment<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<String, ApiError> {
    let segment = axum::extract::Path::<String>::from_request_parts(parts, state).await;
    segment.map(|path| path.0).map_err(|error| ApiError::Malformed(error.body_text()))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let principal =
            parts.extensions.get::<Arc<Principal>>().map(|principal| Principal::clone(principal));
        principal.map(Self).ok_or_else(|| ApiError::Internal("a route without a caller".into()))
    }
}

/// Answers for paths that do not exist.
pub async fn no_route() -> ApiError {
    ApiError::NoRoute
}

/// Answers for methods that a path does not take; axum adds the `Allow` header.
pub async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

/// Whether a body is JSON by its `Content-Type`.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("application/json")
}

/// The media type of a body without its parameters; empty where there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// Reads JSON: what is no JSON is malformed, what is another shape names its field.
///
/// Serde also reads a struct from an array of its fields in order, which is no contract of ours.
fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(|error| no_json(&error))?;
        return Err(FieldError::new("body", "must be a JSON object, not an array").into());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if error.is_data() { field_error(&path, &error) } else { no_json(&error) }
    })?;
    deserializer.end().map_err(|error| no_json(&error))?;
    Ok(value)
}

fn no_json(error: &serde_json::Error) -> ApiError {
    ApiError::Malformed(format!("the body is no JSON that can be read: {error}"))
}

/// The fault of a field by the words of a deserializer, which may name the field itself.
pub(crate) fn field_error(path: &str, error: &impl std::fmt::Display) -> ApiError {
    let text = error.to_string();
    let quoted = || text.split('`').nth(1).map(str::to_owned);
    let names_field = ["unknown field", "missing field", "duplicate field"];
    let field = match (path, names_field.iter().any(|start| text.starts_with(start))) {
        (".", true) => quoted().unwrap_or_else(|| "body".to_owned()),
        (".", false) => "body".to_owned(),
        (path, true) if text.starts_with("missing") => {
            quoted().map_or_else(|| path.to_owned(), |name| format!("{path}.{name}"))
        }
        (path, _) => path.to_owned(),
    };
    let message = if text.starts_with("invalid digit") || text.starts_with("number too") {
        "must be a whole number in its range"
    } else {
        // serde_json appends where it stopped, which is of no use beside the field's path.
        text.split(" at line ").next().unwrap_or_default()
    };
    FieldError::new(field, message).into()
}
