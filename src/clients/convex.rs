//! Convex's HTTP function API on the wire: one function call, and everything that can come back.
//!
//! No policy: what is repeated, and how many calls are made at once, is the store's to decide.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use reqwest::{Client, Method, Response, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Call, CallError, Failure, Upstream, place_of, read_body};
use crate::config::Secret;

/// Most bytes of an answer: a page of 100 prompts of the largest size is under 16 MiB, which is
/// also what Convex reads in one transaction.
const ANSWER_MAX_BYTES: usize = 32 * 1024 * 1024;

/// The two kinds of function that are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads; may be repeated at will.
    Query,
    /// Writes in one transaction.
    Mutation,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
        }
    }
}

/// Why a function did not return a value.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The function threw a `ConvexError`; this is its data, all that production lets through.
    #[error("the function refused")]
    Refused(Value),
    /// The function failed by itself, is not there, takes other arguments, or returns another value.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The deployment has too much to do (429, 503): nothing was committed.
    #[error("the deployment is overloaded")]
    Overloaded,
    /// There was no answer, or not one of Convex: the outcome is unknown.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Failure for FunctionError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Overloaded => "overloaded",
            Self::Call(error) => error.kind(),
        }
    }
}

/// Calls the functions of one deployment.
pub struct ConvexClient {
    upstream: Upstream,
    queries: Url,
    mutations: Url,
    api_key: Secret,
}

/// A call of a function, ready to be sent as often as it takes.
pub struct FunctionCall {
    kind: Kind,
    body: Bytes,
}

#[derive(Serialize)]
struct Request<'a, A> {
    path: &'a str,
    args: Arguments<'a, A>,
    format: &'static str,
}

/// What every function is given, beside its own arguments.
#[derive(Serialize)]
struct Arguments<'a, A> {
    #[serde(rename = "apiKey")]
    api_key: &'a str,
    #[serde(rename = "userId")]
    user_id: &'a str,
    #[serde(flatten)]
    own: A,
}

/// Both forms of an answer. What the value is to be is looked at once it is known that there is one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    status: Status,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    error_message: String,
    error_data: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Success,
    Error,
}

impl ConvexClient {
    /// A client of the deployment at `base_url`, such as `https://happy-animal-123.convex.cloud`.
    pub fn new(http: Client, base_url: &Url, api_key: Secret) -> Self {
        let upstream = Upstream::new(http, "convex");
        let endpoint = |kind: Kind| {
            let mut url = base_url.clone();
            url.set_path(&format!("/api/{}", kind.as_str()));
            url
        };
        let (queries, mutations) = (endpoint(Kind::Query), endpoint(Kind::Mutation));
        Self { upstream, queries, mutations, api_key }
    }

    /// The call of the function `path` (`module:name`) for a user, with its own arguments.
    pub fn prepare(
        &self,
        kind: Kind,
        path: &str,
        user_id: &str,
        own: impl Serialize,
    ) -> serde_json::Result<FunctionCall> {
        let args = Arguments { api_key: self.api_key.expose(), user_id, own };
        let body = serde_json::to_vec(&Request { path, args, format: "json" })?;
        Ok(FunctionCall { kind, body: body.into() })
    }

    /// Sends a call, and returns the function's value.
    pub async fn send<T: DeserializeOwned>(
        &self,
        function: &FunctionCall,
        timeout: Duration,
    ) -> Result<T, FunctionError> {
        let url = match function.kind {
            Kind::Query => &self.queries,
            Kind::Mutation => &self.mutations,
        };
        let send = async |call: Call<'_>| {
            let json = HeaderValue::from_static("application/json");
            let outcome = call.send(Method::POST, url.clone(), |request| {
                let request = request.timeout(timeout).header(header::CONTENT_TYPE, json);
                request.body(function.body.clone())
            });
            Self::answer(outcome.await).await
        };
        self.upstream.call(function.kind.as_str(), send).await
    }

    async fn answer<T: DeserializeOwned>(
        outcome: reqwest::Result<Response>,
    ) -> Result<T, FunctionError> {
        let response = outcome.map_err(CallError::from)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                return Err(FunctionError::Overloaded);
            }
            status => return Err(CallError::Status(status).into()),
        }
        if !is_json(response.headers().get(header::CONTENT_TYPE)) {
            return Err(CallError::Garbled("it is no JSON".to_owned()).into());
        }
        let body = read_body(response, ANSWER_MAX_BYTES).await?;
        // Not by sonic-rs, whose stack is as deep as what it passes over is nested.
        let answer: Answer<'_> = serde_json::from_slice(&body)
            .map_err(|_| CallError::Garbled("it is no answer of Convex".to_owned()))?;
        match (answer.status, answer.error_data) {
            (Status::Success, _) => {
                let value = answer.value.map_or("null", RawValue::get);
                // The error itself would hold a part of the text, which is the user's.
                serde_json::from_str(value).map_err(|error| {
                    FunctionError::Failed(format!("of its value, {}", place_of(&error)))
                })
            }
            (Status::Error, Some(data)) => Err(FunctionError::Refused(data)),
            (Status::Error, None) => Err(FunctionError::Failed(answer.error_message)),
        }
    }
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}
