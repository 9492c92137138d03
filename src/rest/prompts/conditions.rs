//! Entity tags of prompts, and the conditions that requests put on them (RFC 9110, sections 8.8.3
//! and 13).
//!
//! A tag is the number of the version in quotes, with an `f` behind it for a favourite: `"3"`, `"3f"`.
//! It covers the versioned fields and the favourite mark; a use or a new name does not change it.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Prompt, PromptRef};
use crate::error::ApiError;
use crate::http::conditions::{VARY_BY_CODING, find_tag, split_tag};
use crate::http::negotiation::accepts_coding;
use crate::library::Library;

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
#[derive(Debug, Clone)]
pub(super) enum Precondition {
    /// No condition.
    None,
    /// `If-Match: *`: the prompt must exist, at any version.
    Any,
    /// `If-Match` with a version, such as `"3"`.
    IfMatch(u32),
    /// `If-Match` with several versions, of which any may be the current one.
    IfMatchAny(Vec<u32>),
    /// `expected_version` in the body.
    Expected(u32),
}

impl Precondition {
    /// Reads `If-Match` (RFC 9110, section 13.1.1) and combines it with the `expected_version` of the
    /// body. `target` is the prompt that is written, for a list with several versions.
    pub(super) async fn read(
        headers: &HeaderMap,
        expected: Option<u32>,
        target: (&Library, &Principal, &PromptRef),
    ) -> Result<Self, ApiError> {
        Self::parse(headers, expected)?.choose(target).await
    }

    fn parse(headers: &HeaderMap, expected: Option<u32>) -> Result<Self, ApiError> {
        // Several fields are one list (RFC 9110, section 5.3).
        let values = headers.get_all(header::IF_MATCH).iter().map(|value| value.to_str());
        let values = values.collect::<Result<Vec<&str>, _>>().map_err(|_| malformed_if_match())?;
        if values.is_empty() {
            return Ok(expected.map_or(Self::None, Self::Expected));
        }
        let list = values.join(",");
        if list.trim() == "*" {
            return Ok(expected.map_or(Self::Any, Self::Expected));
        }
        let versions = parse_versions(&list).ok_or_else(malformed_if_match)?;
        match (versions.as_slice(), expected) {
            (versions, Some(expected)) if versions.contains(&expected) => {
                Ok(Self::IfMatch(expected))
            }
            (_, Some(_)) => {
                let message =
                    "differs from If-Match; pass only one of them, or the same version in both";
                Err(FieldError::new("expected_version", message).into())
            }
            ([version], None) => Ok(Self::IfMatch(*version)),
            _ => Ok(Self::IfMatchAny(versions)),
        }
    }

    /// Chooses among several versions the current one of the prompt, or one that it is not at. The store
    /// compares it again.
    async fn choose(
        self,
        (library, caller, prompt): (&Library, &Principal, &PromptRef),
    ) -> Result<Self, ApiError> {
        let Self::IfMatchAny(versions) = self else { return Ok(self) };
        let current = library.get_living_or_deleted(caller, prompt).await?.version;
        let other = versions.first().copied().unwrap_or_default();
        Ok(Self::IfMatch(if versions.contains(&current) { current } else { other }))
    }

    /// Returns the one version that is expected.
    pub(super) fn version(&self) -> Option<u32> {
        match self {
            Self::None | Self::Any | Self::IfMatchAny(_) => None,
            Self::IfMatch(version) | Self::Expected(version) => Some(*version),
        }
    }

    /// Turns a version conflict into 412 if `If-Match` caused it (RFC 9110, section 13.1.1); any other
    /// stays 409.
    pub(super) fn convert_error(&self, error: ApiError) -> ApiError {
        match (self, error) {
            (Self::IfMatch(_), ApiError::Conflict { current_version, .. }) => {
                ApiError::PreconditionFailed { current_version }
            }
            (_, error) => error,
        }
    }
}

/// Returns the versions that a list of entity tags names, or `None` for a malformed or an empty one.
fn parse_versions(list: &str) -> Option<Vec<u32>> {
    let (mut versions, mut rest) = (Vec::new(), list.trim());
    while !rest.is_empty() {
        let (tag, _, after) = split_tag(rest)?;
        versions.push(version_of(tag));
        rest = after.trim_matches([' ', '\t', ',']);
    }
    (!versions.is_empty()).then_some(versions)
}

/// Returns the version that the opaque part of an entity tag names, without its favourite mark; 0,
/// which no version has, for a tag of another form.
///
/// A weak tag names its version, too. RFC 9110, section 13.1.1 demands a strong comparison, so that no
/// write is based on a text that only resembles the current one. Here the tags of a version are weak
/// for the compressed form of the very same text, so the number alone decides.
fn version_of(tag: &str) -> u32 {
    let number = tag.strip_suffix('f').unwrap_or(tag);
    // RFC 9110, section 8.8.3.2: tags are compared character by character, so `"03"` is not `"3"`.
    let version = number.parse().ok().filter(|version: &u32| version.to_string() == number);
    version.unwrap_or(0)
}

fn malformed_if_match() -> ApiError {
    ApiError::Malformed(
        "If-Match must be ETags, such as \"3\", separated by commas, or *".to_owned(),
    )
}

/// Returns the 304 for a client that has the current text already, by its `If-None-Match` (RFC 9110,
/// section 13.1.2). A malformed condition is none.
pub(super) fn check_if_modified(headers: &HeaderMap, prompt: &Prompt) -> Option<Response> {
    let current = opaque_tag(prompt);
    let weak = find_tag(headers, &current)?;
    // RFC 9110, section 15.4.5: the tag that a 200 would have. It is weak where the client got a
    // compressed answer, and would get one again.
    let weak = if accepts_coding(headers) { weak } else { "" };
    let tag = HeaderValue::try_from(format!("{weak}\"{current}\"")).ok()?;
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
        assert_eq!(parse_versions(text), expected.map(|version| vec![version]), "{text}");
    }

    #[test]
    fn a_list_names_the_version_of_each_tag() {
        for (list, versions) in [
            ("\"1\", \"3f\"", &[1, 3][..]),
            ("\"1\",W/\"x\" ,, \"2\",", &[1, 0, 2]),
            (",\"4\"", &[4]),
        ] {
            assert_eq!(parse_versions(list).as_deref(), Some(versions), "{list}");
        }
        for list in ["\"1\", *", "\"1\" \"2\"", "\"1\", 2", ",", " "] {
            assert_eq!(parse_versions(list), None, "{list}");
        }
    }

    #[test]
    fn the_number_of_a_tag_decides_alone() {
        for text in ["\"3\"", "\"3f\"", "W/\"3\"", "W/\"3f\""] {
            check_version(text, Some(3));
        }
        for text in ["\"03\"", "\"3ff\"", "\"f3\"", "\"f\"", "\"\"", "\"+3\"", "\"3 \"", "\"x\""] {
            check_version(text, Some(0));
        }
        for text in ["3", "3f", "w/\"3\"", "W/3", "W/ \"3\"", "\"3", "\"", ""] {
            check_version(text, None);
        }
    }
}
