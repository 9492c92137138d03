//! [`ApiError`], its problem document (RFC 9457), and its two renderings: HTTP and MCP.
//!
//! An error response leaves the handler as a [`Problem`] in the response's extensions. The
//! outermost layer adds the request id and writes the body, so that all failures, those of layers
//! included, have one form. A cause goes to the log and never into a response.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::excerpt::Message;
use crate::domain::plan::Full;
use crate::domain::{FieldError, Invalid};

/// The media type of a problem document.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// `Retry-After` in seconds while the server or one of its upstreams is busy.
const RETRY_AFTER_SECONDS: u32 = 1;

/// `Retry-After` in seconds while another import of the user runs.
const RETRY_IMPORT_AFTER_SECONDS: u32 = 5;

/// Where the owner of an account signs in again; the browser then returns to the page of the account.
pub(crate) const ACCOUNT_LOGIN_URL: &str = "/auth/login?reauth=1&return_to=/app/account";
/// Where the owner signs in again before they remove deleted prompts for good.
pub(crate) const TRASH_LOGIN_URL: &str = "/auth/login?reauth=1&return_to=/app/trash";

/// The cause of an error, for the log alone.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// The error of a request. `Display` is for the caller, the source for the log.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The request cannot be parsed.
    #[error("{0}")]
    Malformed(String),
    /// One or more fields are invalid.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The credential is missing or not valid.
    #[error("{0}")]
    Unauthorized(&'static str),
    /// The account of the caller was erased here. The credential is valid apart from that.
    #[error(
        "the account was erased here; sign up again to start anew, or, if its erasure did not finish \
         everywhere, sign in at {ACCOUNT_LOGIN_URL} and repeat it"
    )]
    AccountErased,
    /// The `Host` or the origin of the request is not allowed.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Only a caller who signed in recently may do this.
    #[error(
        "{action} needs a sign-in of the last 10 minutes, and nothing was changed; sign in again at \
         {login_url}, then repeat the request"
    )]
    ReauthenticationRequired {
        /// What needs the sign-in, as the subject of a sentence.
        action: &'static str,
        /// The path of the sign-in.
        login_url: &'static str,
    },
    /// The caller's library has no such item.
    #[error("{0}")]
    NotFound(String),
    /// No route matches the path.
    #[error("there is nothing at this path")]
    NoRoute,
    /// The route does not support the method.
    #[error("this path does not support the method; see the Allow header")]
    MethodNotAllowed,
    /// `Accept` allows no media type of the server.
    #[error("the response is JSON; accept application/json")]
    NotAcceptable,
    /// Another prompt already has the name.
    #[error("a prompt named {name} exists, at version {current_version}")]
    NameTaken {
        /// The name.
        name: String,
        /// The version of the prompt that has it.
        current_version: u32,
    },
    /// A deletion cannot be undone, because another prompt has the name now.
    #[error("another prompt is named {name}")]
    RestoredNameTaken {
        /// The name.
        name: String,
        /// The version of the prompt that has it.
        current_version: u32,
        /// The id of the deleted prompt.
        id: String,
    },
    /// The prompt is at another version than the caller expects, or the caller named none.
    #[error("the prompt is at version {current_version}")]
    Conflict {
        /// Whether the caller named no version.
        missing: bool,
        /// The current version.
        current_version: u32,
    },
    /// `If-Match` or `If-None-Match` does not hold for the current version.
    #[error(
        "the condition of the request does not hold: the prompt is at version {current_version}"
    )]
    PreconditionFailed {
        /// The current version.
        current_version: u32,
    },
    /// The body is longer than the limit.
    #[error("the body is over {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the request body did not arrive in time; send it again, without pauses")]
    BodyTimeout,
    /// The route does not support the media type of the body; the text names those it supports.
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    /// The library holds as many prompts or bytes as the plan allows.
    #[error("{}", full.explain(trash_url.as_deref()))]
    QuotaExceeded {
        /// The limit that is reached.
        full: Full,
        /// Where the owner can empty the trash, if there are pages.
        trash_url: Option<String>,
    },
    /// Several deleted prompts have the name.
    #[error("several deleted prompts are named {name}; pass the id of one of them: {ids}")]
    Ambiguous {
        /// The name.
        name: String,
        /// Their ids, separated by commas.
        ids: String,
    },
    /// Only a deleted prompt can be removed for good.
    #[error("the prompt is not deleted; delete it first")]
    NotDeleted,
    /// The review queue holds the maximum number of candidates.
    #[error("the review queue is full ({limit} candidates); accept or reject some first")]
    QueueFull {
        /// The limit.
        limit: u32,
    },
    /// The idempotency key was used for a different request.
    #[error("this Idempotency-Key was used for a different request; use a new one")]
    IdempotencyMismatch,
    /// The caller exceeded the rate limit.
    #[error("too many requests; try again in {retry_after_seconds} s")]
    RateLimited {
        /// Seconds until the next request is accepted.
        retry_after_seconds: u32,
    },
    /// The caller has as many open streams of events as the plan allows.
    #[error("{limit} streams of events are open, which is the limit; close one first")]
    TooManyStreams {
        /// The limit.
        limit: usize,
    },
    /// As many imports of the caller run, or are being received, as the plan allows.
    #[error("at most {limit} of your imports may run at a time; try again when one has ended")]
    TooManyImports {
        /// The limit.
        limit: usize,
    },
    /// The maximum number of requests is in flight, or too much memory is held for their bodies and
    /// answers.
    #[error("the server is overloaded and did not process the request; try again in a moment")]
    Overloaded,
    /// The answers that wait for their clients leave no room for this one.
    #[error(
        "too many earlier answers are still unread, so the answer to this request was dropped; read \
         them, and look whether a change was made before you send it again"
    )]
    AnswersUnread,
    /// The store is busy; another attempt may succeed.
    #[error("the library is busy; try again in a moment")]
    Busy,
    /// The store fails until its operator repairs it.
    #[error("the library is unavailable and nothing was changed; try again later")]
    Unavailable(#[source] Cause),
    /// The identity provider is unavailable.
    #[error("the sign-in service cannot be reached and nothing was changed; try again in a moment")]
    SignInUnavailable,
    /// Everything here was erased, but other services still hold something.
    #[error("{}", explain_erasure(remaining))]
    ErasureIncomplete {
        /// The places that still hold something, at least one.
        remaining: &'static [ErasedPlace],
    },
    /// This server sells nothing.
    #[error("this server sells no subscriptions; everything is free")]
    BillingOff,
    /// The payment provider is unavailable, or refused a request of ours.
    #[error("the payment service is unavailable; try again in a moment")]
    BillingUnavailable(#[source] Cause),
    /// Some sessions of the caller have ended and others have not. That of the request has not.
    #[error(
        "not every session could be ended, and this one is still signed in; repeat the request in a \
         moment"
    )]
    SignOutIncomplete,
    /// The request exceeded its deadline.
    #[error("the request took too long and was cancelled; try again")]
    Timeout,
    /// A defect of the server.
    #[error("something went wrong on the server; quote the request id when you report it")]
    Internal(#[source] Cause),
}

/// An invalid field.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemField {
    /// The path of the field: `title`, `tags[2]`, `arguments.topic`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

/// A place that holds data of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErasedPlace {
    /// This server: the library, the activity and the account.
    Promptdb,
    /// The identity provider: name, e-mail address and sign-in.
    Workos,
    /// The payment provider: e-mail address, means of payment and subscriptions.
    Stripe,
}

/// The sentence for the owner of an account that is erased here, but not in every place.
fn explain_erasure(remaining: &[ErasedPlace]) -> &'static str {
    match remaining {
        [ErasedPlace::Stripe] => {
            "everything here and your sign-in at WorkOS were erased; what Stripe may still hold of you \
             is deleted later, without another request"
        }
        [ErasedPlace::Workos] => {
            "everything here was erased, but your sign-in at WorkOS could not be deleted; repeat the \
             request in a moment"
        }
        _ => {
            "everything here was erased, but your sign-in at WorkOS could not be deleted; repeat the \
             request in a moment; what Stripe may still hold of you is deleted without it"
        }
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// The stable name of the kind of problem: `urn:promptdb:problem:` and a word.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in plain words.
    pub title: &'static str,
    /// The status code of the response.
    pub status: u16,
    /// What is wrong with this request, and how to correct it.
    pub detail: String,
    /// The value of the header `x-request-id`.
    pub request_id: String,
    /// The invalid fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemField>,
    /// The current version of the conflicting prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_version: Option<u32>,
    /// Where to sign in again, relative to this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_url: Option<&'static str>,
    /// Of an erasure that did not finish: the places where everything was erased.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub erased: &'static [ErasedPlace],
    /// Of an erasure that did not finish: the places that still hold something.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub remaining: &'static [ErasedPlace],
}

impl ApiError {
    /// The status, stable word and title of each kind of error. No other place decides them.
    fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, "malformed", "Malformed request"),
            Self::Invalid(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid-field", "Invalid field")
            }
            Self::Unauthorized(_) => (StatusCode::UNAUTHORIZED, "unauthorized", "Sign-in required"),
            Self::AccountErased => (StatusCode::UNAUTHORIZED, "account-erased", "Account erased"),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Forbidden"),
            Self::ReauthenticationRequired { .. } => {
                (StatusCode::FORBIDDEN, "reauthentication-required", "Recent sign-in required")
            }
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::NoRoute => (StatusCode::NOT_FOUND, "no-route", "No such path"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed")
            }
            Self::NotAcceptable => (StatusCode::NOT_ACCEPTABLE, "not-acceptable", "Not acceptable"),
            Self::NameTaken { .. } | Self::RestoredNameTaken { .. } => {
                (StatusCode::CONFLICT, "name-taken", "Name taken")
            }
            Self::Conflict { .. } => (StatusCode::CONFLICT, "version-conflict", "Version conflict"),
            Self::PreconditionFailed { .. } => {
                (StatusCode::PRECONDITION_FAILED, "precondition-failed", "Precondition failed")
            }
            Self::TooLarge { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "body-too-large", "Body too large")
            }
            Self::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body-timeout", "Body too slow"),
            Self::UnsupportedMediaType(_) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::QuotaExceeded { .. } => (StatusCode::FORBIDDEN, "quota-exceeded", "Library full"),
            Self::Ambiguous { .. } => (StatusCode::CONFLICT, "ambiguous", "Ambiguous name"),
            Self::NotDeleted => (StatusCode::CONFLICT, "not-deleted", "Not deleted"),
            Self::QueueFull { .. } => (StatusCode::FORBIDDEN, "queue-full", "Review queue full"),
            Self::IdempotencyMismatch => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-mismatch", "Idempotency key reused")
            }
            Self::RateLimited { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "rate-limited", "Too many requests")
            }
            Self::TooManyStreams { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-streams", "Too many streams")
            }
            Self::TooManyImports { .. } => {
                (StatusCode::TOO_MANY_REQUESTS, "too-many-imports", "Import running")
            }
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Overloaded"),
            Self::AnswersUnread => {
                (StatusCode::SERVICE_UNAVAILABLE, "answers-unread", "Answers unread")
            }
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable"),
            Self::SignInUnavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "sign-in-unavailable", "Sign-in unavailable")
            }
            Self::ErasureIncomplete { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "erasure-incomplete", "Erasure incomplete")
            }
            Self::BillingOff => (StatusCode::NOT_FOUND, "billing-off", "Billing is off"),
            Self::BillingUnavailable(_) => {
                (StatusCode::SERVICE_UNAVAILABLE, "billing-unavailable", "Payments unavailable")
            }
            Self::SignOutIncomplete => {
                (StatusCode::SERVICE_UNAVAILABLE, "sign-out-incomplete", "Sign-out incomplete")
            }
            Self::Timeout => (StatusCode::GATEWAY_TIMEOUT, "timeout", "Timeout"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }

    /// The text for the caller. It never contains a cause, and is bounded.
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
            Self::RestoredNameTaken { name, id, .. } => format!(
                "another prompt is named {name} now, and nothing was restored; delete that one or give \
                 it another name, then restore this one by its id {id}"
            ),
            // It is bounded already, and a caller needs all of it.
            Self::Invalid(invalid) => invalid.to_string(),
            other => Message::new(other.to_string()).into_string(),
        }
    }

    fn current_version(&self) -> Option<u32> {
        match self {
            Self::NameTaken { current_version, .. }
            | Self::RestoredNameTaken { current_version, .. }
            | Self::Conflict { current_version, .. }
            | Self::PreconditionFailed { current_version } => Some(*current_version),
            _ => None,
        }
    }

    fn login_url(&self) -> Option<&'static str> {
        match self {
            Self::ReauthenticationRequired { login_url, .. } => Some(login_url),
            Self::AccountErased => Some(ACCOUNT_LOGIN_URL),
            _ => None,
        }
    }

    fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::RateLimited { retry_after_seconds } => Some(*retry_after_seconds),
            Self::TooManyImports { .. } => Some(RETRY_IMPORT_AFTER_SECONDS),
            Self::Overloaded
            | Self::AnswersUnread
            | Self::Busy
            | Self::Unavailable(_)
            | Self::SignInUnavailable
            | Self::ErasureIncomplete { .. }
            | Self::BillingUnavailable(_)
            | Self::SignOutIncomplete => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }

    /// Builds the problem document, with an empty request id.
    pub fn problem(&self) -> Problem {
        let (status, word, title) = self.kind();
        let errors: &[FieldError] = match self {
            Self::Invalid(invalid) => invalid.errors(),
            _ => &[],
        };
        let (erased, remaining): (&[_], &[_]) = match self {
            Self::ErasureIncomplete { remaining } => {
                let erased: &[_] = match remaining {
                    [ErasedPlace::Stripe] => &[ErasedPlace::Promptdb, ErasedPlace::Workos],
                    _ => &[ErasedPlace::Promptdb],
                };
                (erased, remaining)
            }
            _ => (&[], &[]),
        };
        Problem {
            kind: format!("urn:promptdb:problem:{word}"),
            title,
            status: status.as_u16(),
            detail: self.detail(),
            request_id: String::new(),
            errors: errors.iter().map(ProblemField::from).collect(),
            current_version: self.current_version(),
            login_url: self.login_url(),
            erased,
            remaining,
        }
    }

    /// Logs the cause, and returns the problem document of a part of a request.
    pub fn report(&self, request_id: String) -> Problem {
        self.log();
        Problem { request_id, ..self.problem() }
    }

    /// Logs the cause, and returns the text of a tool result: the detail alone, for the model to
    /// act on.
    pub fn tool_message(&self) -> String {
        self.log();
        match self {
            // The version is left out, so that no text is replaced unread.
            Self::NameTaken { name, .. } => format!(
                "a prompt named {name} exists and nothing was written; choose another name, or, to \
                 save over it, read it with get_prompt and pass its version as expected_version"
            ),
            Self::Conflict { missing: true, .. } => {
                "the prompt exists and nothing was written; to \
                 save over it, read it with get_prompt and pass its version as expected_version"
                    .to_owned()
            }
            other => other.detail(),
        }
    }

    /// Logs the cause, which the caller must not receive. Errors of callers are not logged.
    fn log(&self) {
        match self {
            Self::Internal(cause) => {
                tracing::error!(error = %chain(&**cause), "internal error");
            }
            Self::Unavailable(cause) => {
                tracing::error!(error = %chain(&**cause), "the store is unavailable");
            }
            Self::BillingUnavailable(cause) => {
                tracing::warn!(error = %chain(&**cause), "a request of Stripe failed");
            }
            _ => {}
        }
    }
}

/// Formats an error and its sources for the log, separated by colons. An upstream's words may be in
/// it, so it is cut.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    Message::new(text).into_string()
}

/// Describes a failed operation on a file without the path that `tempfile` adds: nobody chose it, and
/// the file is gone.
pub(crate) fn describe_io(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at path \"") {
        // Errors of the system itself name no path.
        Some((cause, _)) if error.get_ref().is_some() => cause.to_owned(),
        _ => text,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let (status, ..) = self.kind();
        let mut response = status.into_response();
        response.extensions_mut().insert(Box::new(self.problem()));
        // RFC 9110, section 10.2.3; RFC 6585, section 4 for 429.
        if let Some(seconds) = self.retry_after_seconds() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<&FieldError> for ProblemField {
    fn from(error: &FieldError) -> Self {
        Self { field: error.field.to_string(), message: error.message.to_string() }
    }
}

impl From<FieldError> for ApiError {
    fn from(error: FieldError) -> Self {
        Self::Invalid(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_and_a_line_of_the_log_bound_what_they_repeat() {
        let long = "x".repeat(50_000);
        let detail = ApiError::NotFound(long.clone()).problem().detail;
        assert_eq!(detail.chars().count(), 1000);
        let logged = chain(&std::io::Error::other(long + "\u{1b}\n"));
        assert!(logged.chars().count() <= 1000 && !logged.contains(['\u{1b}', '\n']));
    }

    #[test]
    fn a_failure_of_a_file_names_no_temporary_one() {
        let missing = std::path::Path::new("/no/such \" at path \"folder");
        let plain = std::fs::metadata(missing).unwrap_err().to_string();
        let temporary = tempfile::NamedTempFile::new_in(missing).unwrap_err();
        assert!(temporary.to_string().contains("folder"), "{temporary}");
        assert_eq!(describe_io(&temporary), plain);
        let own = std::io::Error::other("it is broken");
        assert_eq!(describe_io(&own), "it is broken");
    }
}
