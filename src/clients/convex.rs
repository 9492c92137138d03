//! A client of Convex's HTTP API for functions.
//!
//! It has no policy: the store decides about retries and concurrency.

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

/// Maximum size of a response in bytes. The largest are searches, which the functions end at 4 MiB, and
/// single bodies from before their size was limited, of up to 5.4 MiB in JSON.
const RESPONSE_MAX_BYTES: usize = 8 * 1024 * 1024;

/// The kind of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Reads; safe to repeat.
    Query,
    /// Writes in one transaction.
    Mutation,
    /// Searches vectors, and reads what it found in a query; safe to repeat.
    Action,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Action => "action",
        }
    }
}

/// A function call without a value.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    /// The function threw a `ConvexError`. This is its data: in production Convex returns nothing
    /// else of an error.
    #[error("the function threw an error")]
    Refused(Value),
    /// The function failed, does not exist, rejected its arguments, or returned an unexpected value.
    #[error("the function failed: {0}")]
    Failed(String),
    /// The deployment is overloaded (429, 503): nothing was committed.
    #[error("the deployment is overloaded")]
    Overloaded,
    /// There was no response, or not one of Convex. A mutation may be committed or not.
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

/// A client of one deployment.
pub struct ConvexClient {
    upstream: Upstream,
    queries: Url,
    mutations: Url,
    actions: Url,
    api_key: Secret,
}

/// A serialized call of a function, which can be sent more than once.
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

/// The arguments of every function, and its own beside them.
#[derive(Serialize)]
struct Arguments<'a, A> {
    #[serde(rename = "apiKey")]
    api_key: &'a str,
    #[serde(rename = "userId", skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
    #[serde(flatten)]
    own: A,
}

/// A response, of success or error. The value stays raw until the status is known.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionResponse<'a> {
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
    /// Builds a client of the deployment at `base_url`, such as `https://happy-animal-123.convex.cloud`.
    pub fn new(http: Client, base_url: &Url, api_key: Secret) -> Self {
        let upstream = Upstream::new(http, "convex");
        let queries = build_endpoint(base_url, Kind::Query);
        let mutations = build_endpoint(base_url, Kind::Mutation);
        let actions = build_endpoint(base_url, Kind::Action);
        Self { upstream, queries, mutations, actions, api_key }
    }

    /// Serializes a call of the function `path` (`module:name`) with its own arguments, for a user or,
    /// if the function serves the system alone, for none.
    pub fn prepare(
        &self,
        kind: Kind,
        path: &str,
        user_id: Option<&str>,
        own: impl Serialize,
    ) -> serde_json::Result<FunctionCall> {
        let args = Arguments { api_key: self.api_key.expose(), user_id, own };
        let body = serde_json::to_vec(&Request { path, args, format: "json" })?;
        Ok(FunctionCall { kind, body: body.into() })
    }

    /// Sends a call, and returns the value of the function.
    pub async fn send<T: DeserializeOwned>(
        &self,
        function: &FunctionCall,
        timeout: Duration,
    ) -> Result<T, FunctionError> {
        let url = match function.kind {
            Kind::Query => &self.queries,
            Kind::Mutation => &self.mutations,
            Kind::Action => &self.actions,
        };
        self.upstream
            .call(function.kind.as_str(), async |call: Call<'_>| {
                let json = HeaderValue::from_static("application/json");
                let response = call.send(Method::POST, url.clone(), |request| {
                    let request = request.timeout(timeout).header(header::CONTENT_TYPE, json);
                    request.body(function.body.clone())
                });
                read_value(response.await.map_err(CallError::from)?).await
            })
            .await
    }
}

fn build_endpoint(base_url: &Url, kind: Kind) -> Url {
    let mut url = base_url.clone();
    url.set_path(&format!("/api/{}", kind.as_str()));
    url
}

/// Reads the value of a function from a response.
async fn read_value<T: DeserializeOwned>(response: Response) -> Result<T, FunctionError> {
    match response.status() {
        StatusCode::OK => {}
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            return Err(FunctionError::Overloaded);
        }
        status => return Err(CallError::Status(status).into()),
    }
    if !is_json(response.headers().get(header::CONTENT_TYPE)) {
        return Err(CallError::Garbled("not JSON by its content type".to_owned()).into());
    }
    let body = read_body(response, RESPONSE_MAX_BYTES).await?;
    // Not with sonic-rs: it skips nested values by recursion, without a limit of depth.
    let response: FunctionResponse<'_> = serde_json::from_slice(&body)
        .map_err(|_| CallError::Garbled("not a response of Convex".to_owned()))?;
    match (response.status, response.error_data) {
        (Status::Success, _) => {
            let value = response.value.map_or("null", RawValue::get);
            // Only the place of the error: its text would quote the user's data.
            serde_json::from_str(value).map_err(|error| {
                FunctionError::Failed(format!("unexpected value: {}", place_of(&error)))
            })
        }
        (Status::Error, Some(data)) => Err(FunctionError::Refused(data)),
        (Status::Error, None) => Err(FunctionError::Failed(response.error_message)),
    }
}

fn is_json(content_type: Option<&HeaderValue>) -> bool {
    content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"))
}
