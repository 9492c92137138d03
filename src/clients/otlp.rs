//! A client of an OpenTelemetry collector over OTLP/HTTP, for the exporter of traces.

use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use reqwest::Client;
use tokio::runtime::Handle;

use super::{BuildError, CallError, http_client, read_body};

/// Maximum size of a response in bytes; it holds only the number of rejected spans.
const RESPONSE_MAX_BYTES: usize = 64 * 1024;

/// A client of a collector. The exporter calls it from its own thread, outside the runtime.
#[derive(Debug)]
pub(crate) struct Collector {
    http: Client,
    runtime: Handle,
}

impl Collector {
    /// Builds a client whose calls run on the current tokio runtime.
    ///
    /// # Panics
    /// Outside a tokio runtime.
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
            let mut head = Response::builder().status(response.status());
            if let Some(headers) = head.headers_mut() {
                headers.clone_from(response.headers());
            }
            let body = read_body(response, RESPONSE_MAX_BYTES).await?;
            Ok::<_, CallError>((head, body))
        };
        // The HTTP client needs the runtime's timers and sockets, which other threads lack.
        let (head, body) = self.runtime.spawn(call).await??;
        Ok(head.body(body.into())?)
    }
}
