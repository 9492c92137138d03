//! Extractors that reject with [`ApiError`], and what the REST resources share.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::{read_body, strip_byte_order_mark};
pub use super::body::{BODY_MAX_BYTES, SIGNED_BODY_MAX_BYTES};
use crate::domain::FieldError;
use crate::domain::excerpt::{Excerpt, cut_serde_error};
use crate::domain::identity::Principal;
use crate::domain::prompt::PromptRef;
use crate::domain::json_faults::{JsonFaults, has_repeated_key};
use crate::error::ApiError;
use crate::library::Meter;

/// The detail of 415 where only JSON is accepted.
pub(crate) const JSON_ONLY: &str = "the body must be JSON; send content-type: application/json";

/// A JSON body of a request or a response.
pub struct Json<T>(pub T);

/// A JSON body of a request that may have none: then the value is the default.
pub struct OptionalJson<T>(pub T);

/// The query string.
pub struct Query<T>(pub T);

/// The prompt in the variable segment of the path, by id or name.
pub struct PromptPath(pub PromptRef);

/// The caller, which the edge put into the extensions of the request.
pub struct Caller(pub Principal);

/// The meter of the caller, for work that costs more than the request.
pub struct Metered(pub Meter);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let body = read_json_body(request).await?;
        parse_json(&body).map(Self)
    }
}

impl<T: DeserializeOwned + Default, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let is_json = is_json(request.headers());
        // Whether a body without a declared length is empty is known at its end. Its media type
        // counts only if it is not.
        let body = read_body(request).await?;
        match (body.is_empty(), is_json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => parse_json(strip_byte_order_mark(&body).unwrap_or(&body)).map(Self),
            (false, false) => Err(ApiError::UnsupportedMediaType(JSON_ONLY)),
        }
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
        let deserializer = serde_html_form::Deserializer::new(pairs);
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

/// Returns the only variable segment of the path, percent-decoded. Of a path that a route spells out,
/// such as `/api/prompts/bulk`, it is the last segment: there the route has no variable.
#[expect(clippy::disallowed_types, reason = "this is the one home of axum's own extractor")]
pub(crate) async fn path_segment<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<String, ApiError> {
    let route = parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str);
    if let Some((_, last)) =
        route.filter(|route| !route.contains('{')).and_then(|route| route.rsplit_once('/'))
    {
        return Ok(last.to_owned());
    }
    let segment = axum::extract::Path::<String>::from_request_parts(parts, state).await;
    segment.map(|path| path.0).map_err(|error| ApiError::Malformed(error.body_text()))
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let principal =
            parts.extensions.get::<Arc<Principal>>().map(|principal| Principal::clone(principal));
        principal.map(Self).ok_or_else(|| {
            ApiError::Internal("a route whose rule needs no caller takes one".into())
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Metered {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        // Without a rate limit there is no meter, and nothing is charged.
        Ok(Self(parts.extensions.get::<Meter>().cloned().unwrap_or_default()))
    }
}

/// The handler of paths without a route.
pub async fn no_route() -> ApiError {
    ApiError::NoRoute
}

/// The handler of methods that a path does not have. axum adds the `Allow` header (RFC 9110, section
/// 15.5.6).
pub async fn method_not_allowed() -> ApiError {
    ApiError::MethodNotAllowed
}

/// Whether `Content-Type` is JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).eq_ignore_ascii_case("application/json")
}

/// The media type of `Content-Type` without parameters; empty if it is missing.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// Reads a body that must be JSON, without a byte order mark before it.
pub(crate) async fn read_json_body(request: Request) -> Result<Bytes, ApiError> {
    if !is_json(request.headers()) {
        return Err(ApiError::UnsupportedMediaType(JSON_ONLY));
    }
    let body = read_body(request).await?;
    Ok(body.slice_ref(strip_byte_order_mark(&body).unwrap_or(&body)))
}

/// Deserialises a JSON body.
///
/// # Errors
/// [`ApiError::Malformed`] for invalid JSON, [`ApiError::Invalid`] with the path of the field for
/// JSON of another shape, and for lone surrogates and repeated keys. An array is another shape: serde
/// would read a struct from it.
pub(crate) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    match parse_json_text(body) {
        Err(error @ ApiError::Malformed(_)) => Err(find_json_faults(body).unwrap_or(error)),
        // A parser would take one of the values, or find the other faults alone.
        parsed if has_repeated_key(body) => find_json_faults(body).map_or(parsed, Err),
        parsed => parsed,
    }
}

/// The error of a body that is invalid for its lone surrogates or repeated keys alone, which names
/// their fields.
fn find_json_faults(body: &[u8]) -> Option<ApiError> {
    let faults = JsonFaults::find(body)?;
    serde_json::from_slice::<serde::de::IgnoredAny>(&faults.text).ok()?;
    Some(faults.into_invalid(str::to_owned).into())
}

fn parse_json_text<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice::<serde::de::IgnoredAny>(body)
            .map_err(|error| invalid_json(&error))?;
        return Err(FieldError::new("body", "must be a JSON object, not an array").into());
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        // Text that only begins like JSON is not of another shape, but malformed.
        let malformed = serde_json::from_slice::<serde::de::IgnoredAny>(body).err();
        match malformed {
            Some(malformed) => invalid_json(&malformed),
            None if error.is_data() => field_error(&path, &error),
            None => invalid_json(&error),
        }
    })?;
    deserializer.end().map_err(|error| invalid_json(&error))?;
    Ok(value)
}

fn invalid_json(error: &serde_json::Error) -> ApiError {
    ApiError::Malformed(format!("invalid JSON: {}", cut_serde_error(&error.to_string())))
}

/// Turns the error of a deserialiser at `path` into the error of a field. The text of some errors
/// names the field itself.
pub(crate) fn field_error(path: &str, error: &impl std::fmt::Display) -> ApiError {
    let text = error.to_string();
    let names_field = ["unknown field", "missing field", "duplicate field"]
        .iter()
        .any(|start| text.starts_with(start));
    let quoted = text.split('`').nth(1).filter(|_| names_field);
    let field = match (path, quoted) {
        (".", Some(name)) => Excerpt::new(name),
        (".", None) => Excerpt::new("body"),
        (path, Some(name)) if text.starts_with("missing") => format!("{path}.{name}").into(),
        (path, _) => Excerpt::new(path),
    };
    // serde_json appends line and column, which add nothing to the path of the field.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let message = to_schema_words(text).unwrap_or_else(|| cut_serde_error(text));
    FieldError::new(field, message).into()
}

/// Words the error of a deserialiser as JSON Schema does, without the names of Rust's types. Returns
/// `None` for an error that names none.
fn to_schema_words(text: &str) -> Option<String> {
    const OUT_OF_RANGE: &str = "must be a whole number in its range";
    if text.starts_with("missing field") {
        return Some("is required".to_owned());
    }
    if text.starts_with("invalid digit") || text.starts_with("number too") {
        return Some(OUT_OF_RANGE.to_owned());
    }
    let (found, expected) = text.rsplit_once(", expected ")?;
    if found.starts_with("unknown variant") {
        let choices: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return Some(format!("must be one of {}", choices.join(", ")));
    }
    let is_value = found.starts_with("invalid value");
    let wanted = match expected {
        "a string" => "string",
        "a boolean" => "boolean",
        "u32" | "u64" | "usize" | "i64" if is_value => return Some(OUT_OF_RANGE.to_owned()),
        "u32" | "u64" | "usize" | "i64" => "integer",
        "a sequence" => "array",
        "a map" => "object",
        name if name.starts_with("struct ") => "object",
        _ => return None,
    };
    // serde reads a struct from an array as well, and counts its items.
    let is_type = ["invalid type", "invalid length"].iter().any(|start| found.starts_with(start));
    is_type.then(|| format!("must be {wanted}"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only the errors of its fields are read")]
    struct Sample {
        name: String,
        count: Option<u32>,
        is_kept: Option<bool>,
        tags: Option<Vec<String>>,
        order: Option<Order>,
        inner: Option<Box<Sample>>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Order {
        Recent,
        Used,
        Name,
    }

    #[test]
    fn an_invalid_field_is_named_in_the_words_of_json_schema() {
        for (value, expected) in [
            (json!({ "name": 7 }), "name: must be string"),
            (json!({ "name": null }), "name: must be string"),
            (json!({}), "name: is required"),
            (json!({ "name": "n", "inner": {} }), "inner.name: is required"),
            (json!({ "name": "n", "inner": "x" }), "inner: must be object"),
            (json!({ "name": "n", "inner": [] }), "inner: must be object"),
            (json!({ "name": "n", "count": "1" }), "count: must be integer"),
            (json!({ "name": "n", "count": 1.5 }), "count: must be integer"),
            (json!({ "name": "n", "count": -1 }), "count: must be a whole number in its range"),
            (json!({ "name": "n", "is_kept": "x, expected u32" }), "is_kept: must be boolean"),
            (json!({ "name": "n", "tags": {} }), "tags: must be array"),
            (json!({ "name": "n", "tags": [[]] }), "tags[0]: must be string"),
            (json!({ "name": "n", "order": "old" }), "order: must be one of recent, used, name"),
        ] {
            let error = serde_path_to_error::deserialize::<_, Sample>(Value::clone(&value));
            let error = error.unwrap_err();
            let error = field_error(&error.path().to_string(), error.inner());
            assert_eq!(error.to_string(), expected, "{value}");
        }
    }
}
