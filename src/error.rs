//! [`ApiError`], its problem document (RFC 9457), and its two renderings: HTTP and MCP.
//!
//! An error response leaves the handler as a [`Problem`] in the response's extensions; the
//! outermost middleware adds the request id and writes the body, so that every failure, whoever
//! noticed it, has one form.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{FieldError, Invalid};

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Seconds after which a caller may try again when the server is busy.
const RETRY_AFTER_SECONDS: u32 = 1;

/// A cause, for the log alone.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Everything that can go wrong with a request. `Display` is for the caller, the source for the log.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The request cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// Fields break rules.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Nobody is signed in, or not with this credential.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The `Host` or `Origin` header names somebody else.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No such thing in the caller's library.
    #[error("{0}")]
    NotFound(String),
    /// No such path.
    #[error("there is nothing at this path")]
    NoRoute,
    /// The path has other methods.
    #[error("this path does not take that method; see the Allow header")]
    MethodNotAllowed,
    /// The client accepts nothing that the server can send.
    #[error("the answer is JSON; accept application/json")]
    NotAcceptable,
    /// Another prompt has the name.
    #[error("a prompt named {name} exists, at version {current_version}")]
    NameTaken {
        /// The name.
        name: String,
        /// The version of the prompt that has it.
        current_version: u32,
    },
    /// The prompt has moved on, or the caller did not say what it had seen.
    #[error("the prompt is at version {current_version}")]
    Conflict {
        /// Whether the caller named a version at all.
        missing: bool,
        /// The current version.
        current_version: u32,
    },
    /// `If-Match` does not hold.
    #[error("If-Match does not hold: the prompt is at version {current_version}")]
    PreconditionFailed {
        /// The current version.
        current_version: u32,
    },
    /// The body is longer than the server reads.
    #[error("the body is over {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body is of a form that the path does not take; says which it takes.
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    /// The plan holds no more prompts.
    #[error("the library holds {limit} prompts, as many as the plan allows; delete one first")]
    QuotaExceeded {
        /// The limit.
        limit: u32,
    },
    /// As many candidates wait as may.
    #[error("{limit} candidates wait for review, as many as may; accept or reject some first")]
    QueueFull {
        /// The limit.
        limit: u32,
    },
    /// An idempotency key was used for something else.
    #[error("this Idempotency-Key was used for another request; use a new one")]
    IdempotencyMismatch,
    /// The caller asked too often.
    #[error("too many requests; try again in {retry_after_seconds} s")]
    RateLimited {
        /// After how many seconds a request is let through again.
        retry_after_seconds: u32,
    },
    /// As many requests are in flight as may.
    #[error("the server has too much to do and did nothing; try again in a moment")]
    Overloaded,
    /// Worth another try.
    #[error("the library is busy; try again in a moment")]
    Busy,
    /// The store cannot work until its operator mends it.
    #[error("the library is unavailable and nothing was changed; try again later")]
    Unavailable(#[source] Cause),
    /// The identity provider does not answer.
    #[error("the sign-in service cannot be reached and nothing was changed; try again in a moment")]
    SignInUnavailable,
    /// It took too long.
    #[error("the request took too long and was given up; try again")]
    Timeout,
    /// A fault of the server.
    #[error("something went wrong on our side; the request id helps to find it")]
    Internal(#[source] Cause),
}

/// A fault of one field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemField {
    /// The path of the field: `title`, `tags[2]`, `arguments.topic`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// Stable name of the kind of problem, `urn:promptdb:problem:` and a word.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind of problem it is, in words.
    pub title: &'static str,
    /// The status code of the response.
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
    /// The same as in the header `x-request-id`.
    pub request_id: String,
    /// Which fields are at fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
    /// The current version of the prompt that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u32>,
}

impl ApiError {
    /// Status, stable word and title of each kind of error: the one place that says so.
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed", "Malformed request"),
            Self::Invalid(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "Invalid field")
            }
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized", "Sign-in required"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Forbidden"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "no-route", "No such path"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed")
            }
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "not-acceptable", "Not acceptable"),
            Self::NameTaken { .. } => (StatusCode::CONFLICT, "name-taken", "Name taken"),
            Self::Conflict { .. } => (StatusCode::CONFLICT, "version-conflict", "Version conflict"),
            Self::PreconditionFailed { .. } => {
                (StatusCode::PRECONDITION_FAILED, "precondition-failed", "Precondition failed")
            }
            Self::TooLarge { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large")
            }
            Self::UnsupportedMediaType(_) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::QuotaExceeded { .. } => (StatusCode::FORBIDDEN, "quota-exceeded", "Library full"),
            Self::QueueFull { .. } => (StatusCode::FORBIDDEN, "queue-full", "Review queue full"),
            Self::IdempotencyMismatch => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-mismatch", "Idempotency key reused")
            }
            Self::RateLimited { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "rate-limited", "Too many requests")
            }
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable"),
            Self::SignInUnavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "sign-in-unavailable", "Sign-in unavailable")
            }
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout", "Timeout"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }

    /// What to say to the caller; never a cause.
    fn detail(&self) -> String {
        match self {
            Self::Conflict { missing: true, current_version } => format!(
                "the prompt exists at version {current_version}; to save over it, read it and pass \
                 expected_version: {current_version}"
            ),
            Self::Conflict { missing: false, current_version } => format!(
                "the prompt is at version {current_version}, not at the version you named, and \
                 nothing was written; read it, merge, and pass expected_version: {current_version}"
            ),
            Self::NameTaken { name, current_version } => format!(
                "a prompt named {name} exists, at version {current_version}, and nothing was \
                 written; choose another name, or save a version of that prompt"
            ),
            other => other.to_string(),
        }
    }

    fn current_version(&self) -> Option<u32> {
        match self {
            Self::NameTaken { current_version, .. }
            | Self::Conflict { current_version, .. }
            | Self::PreconditionFailed { current_version } => Some(*current_version),
            _ => None,
        }
    }

    fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after_seconds } => Some(*retry_after_seconds),
            Self::Overloaded | Self::Busy | Self::Unavailable(_) | Self::SignInUnavailable => {
                Some(RETRY_AFTER_SECONDS)
            }
            _ => None,
        }
    }

    /// The problem document, still without a request id.
    pub fn problem(&self) -> Problem {
        let (status, word, title) = self.kind();
        let errors: &[FieldError] = match self {
            Self::Invalid(invalid) => invalid.errors(),
            _ => &[],
        };
        let field = |error: &FieldError| ProblemField {
            field: error.field.clone(),
            message: error.message.clone(),
        };
        Problem {
            kind: format!("urn:promptdb:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: self.detail(),
            request_id: String::new(),
            errors: errors.iter().map(field).collect(),
            current_version: self.current_version(),
        }
    }

    /// What a tool result says: the detail alone, for the model to act on.
    pub fn tool_message(&self) -> String {
        self.log();
        match self {
            Self::NameTaken { name, current_version } => format!(
                "a prompt named {name} exists and nothing was written; to save over it pass \
                 expected_version: {current_version}, else choose another name"
            ),
            other => other.detail(),
        }
    }

    /// Logs the causes that the caller must not see. Mistakes of callers are not logged.
    fn log(&self) {
        match self {
            Self::Internal(cause) => {
                tracing::error!(error = %chain(&**cause), "internal error");
            }
            Self::Unavailable(cause) => {
                tracing::error!(error = %chain(&**cause), "the store is unavailable");
            }
            _ => {}
        }
    }
}

/// An error and its sources, separated by colons.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let (status, ..) = self.kind();
        let mut response = status.into_response();
        response.extensions_mut().insert(Box::new(self.problem()));
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::Invalid(error.into())
    }
}
