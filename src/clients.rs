//! Outbound HTTP: the only way to build a client, and the errors of a call.
//!
//! A client has a timeout, follows no redirect, reads no proxy from the environment, and sends its
//! name as the user agent. It has no policy: its user decides which calls are repeated.

pub mod convex;
pub(crate) mod otlp;
pub mod stripe;
pub mod workos;

use std::time::{Duration, Instant};

use reqwest::redirect::Policy;
use reqwest::{Client, IntoUrl, Method, RequestBuilder, Response, StatusCode};

use crate::error::chain;
use crate::telemetry::metrics::UPSTREAM_CALLS;
use crate::telemetry::{CallSpan, Record};

/// The timeout of establishing a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum number of bytes that are reserved on the word of a `Content-Length`.
const BODY_EXPECTED_BYTES: usize = 64 * 1024;

/// A client could not be built, for example without root certificates on the machine.
#[derive(Debug, thiserror::Error)]
#[error("building an HTTPS client failed: {}", chain(.0))]
pub struct BuildError(#[source] reqwest::Error);

/// A call without a usable response. It holds neither the URL, which may contain ids of sessions, nor
/// anything of the request.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There was no response within the timeout.
    #[error("no answer in time")]
    Timeout,
    /// The connection failed or broke off.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// The response had an unexpected status.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// The response had an unexpected format.
    #[error("its answer cannot be read: {0}")]
    Garbled(String),
}

impl From<reqwest::Error> for CallError {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_timeout() {
            Self::Timeout
        } else if error.is_decode() {
            Self::Garbled(chain(&error))
        } else {
            Self::Unreachable(chain(&error))
        }
    }
}

/// A failed call, by its kind for the metrics.
pub trait Failure {
    /// A word of a fixed set.
    fn kind(&self) -> &'static str;
}

impl Failure for CallError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Status(StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => {
                "overloaded"
            }
            Self::Status(_) | Self::Garbled(_) => "failed",
        }
    }
}

/// Another service. Every call goes through it, so that it is counted, timed and traced, except for
/// those to the collector of traces, which would trace themselves.
#[derive(Clone)]
pub struct Upstream {
    http: Client,
    service: &'static str,
}

impl Upstream {
    /// `service` is the name in the metrics.
    pub fn new(http: Client, service: &'static str) -> Self {
        Self { http, service }
    }

    /// Makes a call. `work` sends it and reads the response; `kind` is a word of a small fixed set.
    pub async fn call<T, E: Failure>(
        &self,
        kind: &'static str,
        work: impl AsyncFnOnce(Call<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut pending = PendingCall {
            labels: [self.service, kind, "abandoned"],
            started: Instant::now(),
            span: Record::begin_call(),
        };
        let outcome = work(Call { http: &self.http, span: pending.span.as_ref() }).await;
        pending.labels[2] = outcome.as_ref().map_or_else(Failure::kind, |_| "ok");
        outcome
    }
}

/// One call.
pub struct Call<'a> {
    http: &'a Client,
    span: Option<&'a CallSpan>,
}

impl Call<'_> {
    /// Sends a request with the headers of its trace; `complete` adds the rest.
    pub async fn send(
        self,
        method: Method,
        url: impl IntoUrl,
        complete: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> reqwest::Result<Response> {
        let request = self.http.request(method, url);
        let request = match self.span {
            Some(span) => request.headers(span.headers()),
            None => request,
        };
        let request = complete(request).build()?;
        if let Some(span) = self.span {
            span.note_request(request.method(), request.url());
        }
        let response = self.http.execute(request).await?;
        if let Some(span) = self.span {
            span.note_status(response.status());
        }
        Ok(response)
    }
}

/// A call in progress. Dropped without an outcome, it counts as abandoned.
struct PendingCall {
    labels: [&'static str; 3],
    started: Instant,
    span: Option<CallSpan>,
}

impl Drop for PendingCall {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        UPSTREAM_CALLS.record(self.labels, duration);
        if let Some(span) = &self.span {
            span.end(self.labels, duration);
        }
    }
}

/// A pooled client whose calls take at most `timeout` from the first byte to the last.
pub fn http_client(timeout: Duration) -> Result<Client, BuildError> {
    #[expect(clippy::disallowed_methods, reason = "this is the one home of outbound clients")]
    Client::builder()
        .user_agent(concat!("promptdb/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT.min(timeout))
        .timeout(timeout)
        .redirect(Policy::none())
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .map_err(BuildError)
}

/// Reads a body of at most `limit` bytes.
pub async fn read_body(mut response: Response, limit: usize) -> Result<Vec<u8>, CallError> {
    let length = response.content_length().and_then(|bytes| usize::try_from(bytes).ok());
    let mut body = Vec::with_capacity(length.unwrap_or_default().min(BODY_EXPECTED_BYTES));
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(CallError::Garbled(format!("it is over {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What is wrong with JSON, without any of its text.
fn place_of(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("the JSON is wrong at line {line}, column {column}")
}
