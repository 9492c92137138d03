//! Entity tags of prompts, and the conditions that requests put on them (RFC 9110, sections 8.8.3
//! and 13).
//!
//! A tag is the number of the version in quotes, with an `f` behind it for a favourite: `"3"`, `"3f"`.
//! It covers the versioned fields and the favourite mark; a use or a new name does not change it.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::domain::FieldError;
use crate::domain::prompt::Prompt;
use crate::error::ApiError;
use crate::http::conditions::{VARY_BY_CODING, find_tag};

/// Formats the entity tag of a prompt.
pub(super) fn format_etag(prompt: &Prompt) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", opaque_tag(prompt)))
        .expect("digits and a letter in quotes are a header value")
}

fn opaque_tag(prompt: &Prompt) -> String {
    let mark = if prompt.favorite { "f" } else { "" };
    format!("{}{mark}", prompt.version)
}

/// The condition of a write on the current version.
#[derive(Clone, Copy)]
pub(super) enum Precondition {
    /// No condition.
    None,
    /// `If-Match: *`: the prompt must exist, at any version.
    Any,
    /// `If-Match` with a version, such as `"3"`.
    IfMatch(u32),
    /// `expected_version` in the body.
    Expected(u32),
}

impl Precondition {
    /// Parses `If-Match` (RFC 9110, section 13.1.1) and combines it with the `expected_version` of
    /// the body.
    pub(super) fn parse(headers: &HeaderMap, expected: Option<u32>) -> Result<Self, ApiError> {
        let mut values = headers.get_all(header::IF_MATCH).iter();
        let (value, another) = (values.next(), values.next());
        let Some(value) = value else {
            return Ok(expected.map_or(Self::None, Self::Expected));
        };
        let text = value.to_str().map_err(|_| malformed_if_match())?.trim();
        if another.is_some() {
            return Err(malformed_if_match());
        }
        if text == "*" {
            return Ok(expected.map_or(Self::Any, Self::Expected));
        }
        let version = parse_version(text).ok_or_else(malformed_if_match)?;
        if expected.is_some_and(|expected| expected != version) {
            let message =
                "differs from If-Match; pass only one of them, or the same version in both";
            return Err(FieldError::new("expected_version", message).into());
        }
        Ok(Self::IfMatch(version))
    }

    pub(super) fn version(self) -> Option<u32> {
        match self {
            Self::None | Self::Any => None,
            Self::IfMatch(version) | Self::Expected(version) => Some(version),
        }
    }

    /// Turns a version conflict into 412 if `If-Match` caused it (RFC 9110, section 13.1.1); any other
    /// stays 409.
    pub(super) fn convert_error(self, error: ApiError) -> ApiError {
        match (self, error) {
            (Self::IfMatch(_), ApiError::Conflict { current_version, .. }) => {
                ApiError::PreconditionFailed { current_version }
            }
            (_, error) => error,
        }
    }
}

/// Returns the version that an entity tag names, without its favourite mark; 0, which no version
/// has, for a well-formed tag of another form, and `None` for a malformed one.
///
/// A weak tag names its version, too. RFC 9110, section 13.1.1 demands a strong comparison, so that no
/// write is based on a text that only resembles the current one. Here the tags of a version are weak
/// for the compressed form of the very same text, so the number alone decides.
fn parse_version(text: &str) -> Option<u32> {
    let tag = text.strip_prefix("W/").unwrap_or(text);
    let tag = tag.strip_prefix('"')?.strip_suffix('"').filter(|tag| !tag.contains('"'))?;
    let number = tag.strip_suffix('f').unwrap_or(tag);
    // RFC 9110, section 8.8.3.2: tags are compared character by character, so `"03"` is not `"3"`.
    let version = number.parse().ok().filter(|version: &u32| version.to_string() == number);
    Some(version.unwrap_or(0))
}

fn malformed_if_match() -> ApiError {
    ApiError::Malformed("If-Match must be one ETag, such as \"3\", or *".to_owned())
}

/// Returns the 304 for a client that has the current text already, by its `If-None-Match` (RFC 9110,
/// section 13.1.2). A malformed condition is none.
pub(super) fn check_if_modified(headers: &HeaderMap, prompt: &Prompt) -> Option<Response> {
    let current = opaque_tag(prompt);
    let (tag, weak) = find_tag(headers, &current)?;
    // RFC 9110, section 15.4.5: the tag that a 200 would have. It is weak where the client got a
    // compressed answer.
    let tag = HeaderValue::try_from(format!("{weak}\"{tag}\"")).ok()?;
    let status = axum::http::StatusCode::NOT_MODIFIED;
    Some((status, [(header::ETAG, tag), (header::VARY, VARY_BY_CODING)]).into_response())
}

/// Refuses a write whose `If-None-Match` names the current version, or any (RFC 9110, section
/// 13.2.2, step 3).
pub(super) fn check_if_none_match(headers: &HeaderMap, current: &Prompt) -> Result<(), ApiError> {
    match find_tag(headers, &opaque_tag(current)) {
        Some(_) => Err(ApiError::PreconditionFailed { current_version: current.version }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_version(text: &str, expected: Option<u32>) {
        assert_eq!(parse_version(text), expected, "{text}");
    }

    #[test]
    fn the_number_of_a_tag_decides_alone() {
        for text in ["\"3\"", "\"3f\"", "W/\"3\"", "W/\"3f\""] {
            check_version(text, Some(3));
        }
        for text in ["\"03\"", "\"3ff\"", "\"f3\"", "\"f\"", "\"\"", "\"+3\"", "\"3 \"", "\"x\""] {
            check_version(text, Some(0));
        }
        for text in ["3", "3f", "w/\"3\"", "W/3", "W/ \"3\"", "\"3", "\"", "", "\"1\", \"3\""] {
            check_version(text, None);
        }
    }
}
