//! The endpoint `/mcp`: Streamable HTTP, stateless, for every revision of the protocol.
//!
//! A message takes one of two ways to the same handler. A plain `tools/call`, nearly all of the
//! traffic, goes [directly](plain_call) to the handler. Everything else, and every call that is
//! not plainly well formed, goes through rmcp's transport, so that each protocol error is rmcp's.

mod batch;
mod envelope;
mod plain_call;
mod response;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, header};
use axum::response::{IntoResponse, Response};
use rmcp::handler::server::ServerHandler;
use rmcp::model::ClientJsonRpcMessage;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use self::envelope::Envelope;
use self::plain_call::PlainCalls;
use self::response::record_outcome;
use self::response::reject_invalid_message;
pub(super) use self::response::respond_with;
use super::batch::is_batch;
use super::input::mend_message;
use super::message::skip_byte_order_marks;
use super::server::PromptServer;
use super::tools;
use crate::domain::identity::Principal;
use crate::domain::json_faults::{has_repeated_key, spell_surrogates};
use crate::error::ApiError;
use crate::http::body::read_body_within;
use crate::http::extract::{JSON_ONLY, is_json};
use crate::library::Meter;
use crate::telemetry::Record;

/// The two ways to a handler.
pub struct Endpoint<H: ServerHandler + Clone> {
    plain_calls: PlainCalls<H>,
    transport: StreamableHttpService<H, NeverSessionManager>,
    request_timeout: Duration,
}

/// Serves a request to `/mcp`.
pub async fn serve(
    State(endpoint): State<Arc<Endpoint<PromptServer>>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    endpoint.serve(request).await
}

impl Endpoint<PromptServer> {
    /// Builds the endpoint of the product. Must be called inside a tokio runtime.
    pub fn new(server: PromptServer, request_timeout: Duration) -> Self {
        let toolset = server.toolset();
        Self::for_handler(server, request_timeout, move |name| toolset.is_plain(name))
    }
}

impl<H: ServerHandler + Clone> Endpoint<H> {
    /// Builds the endpoint of another handler. Must be called inside a tokio runtime.
    ///
    /// `is_plain` decides by a tool's name whether a call may take the direct way. Such a tool sends
    /// the client no message and no request while it runs, takes no parameter from a header, and
    /// fails with no error code to which rmcp gives a status of its own.
    pub fn for_handler(
        handler: H,
        request_timeout: Duration,
        is_plain: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        // Host, Origin and size are checked before rmcp handles a request. The transport's own
        // cancellation token stays unused: it would cut off requests in flight.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_sse_retry(None)
            .disable_allowed_hosts();
        let plain_calls = PlainCalls::new(handler.clone(), is_plain);
        let factory = move || Ok(handler.clone());
        let transport = StreamableHttpService::new(factory, Arc::default(), config);
        Self { plain_calls, transport, request_timeout }
    }

    /// Serves a request that passed the [layers](crate::http).
    pub async fn serve(&self, request: Request<Body>) -> Result<Response, ApiError> {
        if request.method() != Method::POST {
            // MCP 2025-11-25, basic/transports: a server without a stream for GET and without
            // sessions for DELETE answers 405, which names the methods (RFC 9110, section 15.5.6).
            let allow = [(header::ALLOW, HeaderValue::from_static("POST"))];
            return Ok((allow, ApiError::MethodNotAllowed).into_response());
        }
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType(JSON_ONLY));
        }
        if !accepts_json(request.headers()) {
            return Err(ApiError::NotAcceptable);
        }
        let (parts, body) = request.into_parts();
        let body = read_body_within(&parts.extensions, body, self.request_timeout).await?;
        let body = body.slice_ref(skip_byte_order_marks(&body));
        self.handle_body(parts, body).await
    }

    /// Handles a message or a batch, from whichever HTTP transport.
    pub(super) async fn handle_body(
        &self,
        parts: Parts,
        body: Bytes,
    ) -> Result<Response, ApiError> {
        if is_batch(&body) {
            return Box::pin(self.handle_batch(parts, body)).await;
        }
        self.handle_message(parts, body).await
    }

    /// Handles one message. The extensions of `parts` hold the
    /// [`Principal`] and, where requests are limited, the [`Meter`].
    async fn handle_message(&self, parts: Parts, body: Bytes) -> Result<Response, ApiError> {
        let Some(envelope) = Envelope::parse(&body) else {
            return match spell_surrogates(&body) {
                Some(spelled) if Envelope::parse(&spelled).is_some() => {
                    Box::pin(self.handle_message(parts, spelled.into())).await
                }
                _ => Ok(reject_invalid_message(&body)),
            };
        };
        // Parsers drop all but one of repeated keys.
        let has_one_reading = !has_repeated_key(&body);
        // Both ways are boxed, for a future is as large as its largest branch.
        if has_one_reading && let Some(call) = self.plain_calls.recognize(&parts.headers, &envelope)
        {
            let caller = parts.extensions.get::<Arc<Principal>>().cloned();
            let meter = parts.extensions.get::<Meter>().cloned().unwrap_or_default();
            // While the body is alive, hyper has to read the next request into another buffer.
            drop((parts, body));
            return Box::pin(self.plain_calls.execute(call, caller, meter)).await;
        }
        // rmcp rejects arguments that are not an object, and lone surrogates anywhere. A mended message
        // has nothing left to mend.
        let method = envelope.method.as_deref().unwrap_or_default();
        if let Some(mended) = mend_message(method, &body, tools::find_input) {
            return Box::pin(self.handle_message(parts, mended.into())).await;
        }
        Record::note(|record| envelope.note(record));
        // rmcp answers an invalid message with 415 and plain text; clients expect a JSON-RPC error.
        if !has_one_reading || serde_json::from_slice::<ClientJsonRpcMessage>(&body).is_err() {
            return Ok(reject_invalid_message(&body));
        }
        Ok(Box::pin(self.forward_to_transport(parts, body)).await)
    }

    async fn forward_to_transport(&self, mut parts: Parts, body: Bytes) -> Response {
        // MCP 2025-11-25, basic/transports: clients must accept both media types. rmcp insists on
        // it, although it responds with JSON; clients that accept JSON alone are served as well.
        let both = HeaderValue::from_static("application/json, text/event-stream");
        parts.headers.insert(header::ACCEPT, both);
        // The transport runs the handler in a task of its own, where the task-local record is unset.
        if let Some(record) = Record::current() {
            parts.extensions.insert(record);
        }
        let request = Request::from_parts(parts, Body::from(body));
        let response = self.transport.handle(request).await.map(Body::new);
        record_outcome(response).await
    }
}

/// Returns whether the client accepts JSON. Without the header it accepts anything (RFC 9110,
/// section 12.5.1).
fn accepts_json(headers: &HeaderMap) -> bool {
    if !headers.contains_key(header::ACCEPT) {
        return true;
    }
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(includes_json)
}

/// Returns whether a media range includes `application/json`. Weights are ignored.
fn includes_json(range: &str) -> bool {
    let essence = range.split(';').next().unwrap_or_default().trim();
    ["application/json", "application/*", "*/*"]
        .iter()
        .any(|accepted| essence.eq_ignore_ascii_case(accepted))
}
