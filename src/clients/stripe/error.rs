//! Failed calls of Stripe, and how they are told apart.

use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::RESPONSE_MAX_BYTES;
use crate::clients::{CallError, Failure, read_body};

/// Maximum length of an error code of Stripe in bytes.
const CODE_MAX_BYTES: usize = 64;

/// A failed call of Stripe. It names neither the key nor anything of the request.
#[derive(Debug, thiserror::Error)]
pub enum StripeError {
    /// The object does not exist, or no longer.
    #[error("Stripe has no such object")]
    NotFound,
    /// The customer that the request names does not exist, or no longer.
    #[error("Stripe has no such customer")]
    NoCustomer,
    /// The price is not of one amount for every month or every year, or not for the interval that is
    /// wanted.
    #[error("the price is not a flat one for its month or year")]
    UnsuitablePrice,
    /// What Stripe states cannot be read.
    #[error("what Stripe states cannot be read")]
    Unreadable,
    /// Stripe refused the request; holds the status and the error code.
    #[error("Stripe refused the request: {0}")]
    Refused(String),
    /// Stripe is unavailable, or its response is unusable.
    #[error("Stripe is unavailable: {0}")]
    Call(CallError),
}

// Not as the source: the text has it already.
impl From<CallError> for StripeError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<reqwest::Error> for StripeError {
    fn from(error: reqwest::Error) -> Self {
        Self::Call(error.into())
    }
}

impl Failure for StripeError {
    fn kind(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NoCustomer | Self::UnsuitablePrice | Self::Refused(_) => {
                "refused"
            }
            Self::Unreadable => "garbled",
            Self::Call(error) => error.kind(),
        }
    }
}

impl StripeError {
    /// Returns whether Stripe answered with a status from 500 on. It repeats such an answer for every
    /// later request with the same key.
    pub fn is_server_error(&self) -> bool {
        matches!(self, Self::Call(CallError::Status(status)) if status.is_server_error())
    }

    /// Returns whether a request is refused because another one works on the same object or has the
    /// same key. It had no effect, and may be repeated.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Call(CallError::Status(StatusCode::CONFLICT)))
    }

    /// Returns whether Stripe cannot be reached or is in trouble, so that the same request may succeed
    /// later.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Call(CallError::Garbled(_))
            | Self::NotFound
            | Self::NoCustomer
            | Self::UnsuitablePrice
            | Self::Unreadable
            | Self::Refused(_) => false,
            Self::Call(CallError::Timeout | CallError::Unreachable(_) | CallError::Status(_)) => {
                true
            }
        }
    }
}

/// The body of an error.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: ErrorDetail,
}

/// What is read of an error. Its message may quote the request, and is not.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetail {
    r#type: Option<String>,
    code: Option<String>,
    param: Option<String>,
}

/// Returns a successful response, and reads the error of any other.
pub(super) async fn check_status(response: Response) -> Result<Response, StripeError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    // Stripe itself is in trouble, wants fewer requests, or works on the same object: the request is
    // not at fault, and may be repeated.
    let is_passing = matches!(status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS);
    if is_passing || !status.is_client_error() {
        return Err(CallError::Status(status).into());
    }
    let body = read_body(response, RESPONSE_MAX_BYTES).await?;
    let ErrorBody { error } = serde_json::from_slice(&body).unwrap_or_default();
    let is_missing = error.code.as_deref() == Some("resource_missing");
    if is_missing && error.param.as_deref() == Some("customer") {
        return Err(StripeError::NoCustomer);
    }
    if status == StatusCode::NOT_FOUND {
        // Any other server answers 404 too, and an object must not count as gone for that.
        let is_stripe = error.r#type.as_deref() == Some("invalid_request_error");
        return Err(if is_stripe {
            StripeError::NotFound
        } else {
            CallError::Status(status).into()
        });
    }
    let code = error.code.or(error.r#type).filter(|code| is_code(code));
    Err(StripeError::Refused(match code {
        Some(code) => format!("{status}, {code}"),
        None => status.to_string(),
    }))
}

/// Returns whether a text is a word of a fixed set, and so quotes nothing.
fn is_code(text: &str) -> bool {
    text.len() <= CODE_MAX_BYTES
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
