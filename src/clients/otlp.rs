//! An OpenTelemetry collector over OTLP/HTTP, on the HTTP client that everything else is called with.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::Client;
use tokio::runtime::Handle;

use super::{BuildError, CallError, http_client, read_body};

/// Most bytes of an answer, which has nothing to say but how many spans were refused.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// A collector, called from threads outside of the runtime.
#[derive(Debug)]
pub(crate) struct Collector {
    http: Client,
    runtime: Handle,
}

impl Collector {
    /// Must be called inside a tokio runtime, on which the calls will run.
    pub(crate) fn new(timeout: Duration) -> Result<Self, BuildError> {
        Ok(Self { http: http_client(timeout)?, runtime: Handle::current() })
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let http = self.http.clone();
        let call = async move {
            let response = http.execute(request.try_into()?).await?;
            let mut answer = Response::builder().status(response.status());
            if let Some(headers) = answer.headers_mut() {
                headers.clone_from(response.headers());
            }
            let body = read_body(response, ANSWER_MAX_BYTES).await?;
            Ok::<_, CallError>((answer, body))
        };
        let (answer, body) = self.runtime.spawn(call).await??;
        Ok(answer.body(body.into())?)
    }
}
