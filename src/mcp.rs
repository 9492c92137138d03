//! The MCP front door: Streamable HTTP at `/mcp`, stateless, for every protocol revision; beside it
//! legacy HTTP+SSE, and the handler for stdio.
//!
//! A request is checked for what rmcp answers otherwise than clients expect, then takes one of two
//! ways to the same handler. A plain `tools/call`, nearly all of the traffic, goes to the handler's
//! `call_tool` directly, which spares the four tasks and three channels that rmcp's transport makes
//! for each request, about half the time of a call. Everything else, and every call that is not
//! plainly well formed, goes through rmcp's transport, so that each refusal is rmcp's own.

mod catalog;
mod connection;
pub mod legacy_sse;
mod lines;
mod plain_call;
mod server;
mod tools;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use rmcp::model::{
    ClientJsonRpcMessage, ErrorCode, ErrorData, JsonRpcError, MetaObject, RequestId,
};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

pub use self::connection::serve_connection;
pub use self::lines::Lines;
use self::plain_call::PlainCalls;
pub use self::plain_call::PlainHandler;
pub use self::server::PromptServer;
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::http::body::read_body_within;
use crate::http::extract::{JSON_ONLY, is_json};
use crate::telemetry::{Call, CallStatus, Record};

/// Room for an answer, which only few outgrow.
const ANSWER_EXPECTED_BYTES: usize = 16 * 1024;

/// The way in to a handler: the direct way, and rmcp's transport.
pub struct Endpoint<H: PlainHandler> {
    plain_calls: PlainCalls<H>,
    transport: StreamableHttpService<H, NeverSessionManager>,
    request_timeout: Duration,
}

/// The parts of a JSON-RPC message that decide its way. Absent parts are left to rmcp to judge.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    jsonrpc: Option<Cow<'a, str>>,
    id: Option<RequestId>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

/// The parts of a JSON-RPC answer that tell how it ended.
#[derive(Deserialize)]
struct Answer {
    error: Option<IgnoredAny>,
    result: Option<ToolResult>,
}

/// The part of a result that only those of tools have.
#[derive(Deserialize)]
struct ToolResult {
    #[serde(default, rename = "isError")]
    is_error: bool,
}

/// The parameters that are of interest whatever the method.
#[derive(Default, Deserialize)]
struct KnownParams<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(rename = "_meta")]
    meta: Option<MetaObject>,
}

impl Envelope<'_> {
    /// Notes what the message asks for, and the trace that it is part of.
    fn note(&self, record: &Record) {
        let params = self.params.map_or("{}", RawValue::get);
        let params = serde_json::from_str::<KnownParams<'_>>(params).unwrap_or_default();
        record.set_call(match self.method.as_deref().unwrap_or_default() {
            "tools/call" => Call::of_tool(params.name.as_deref().unwrap_or_default()),
            method => Call::new(method, None),
        });
        if let Some(meta) = params.meta {
            record.set_parent(meta.get_traceparent(), meta.get_tracestate());
        }
    }
}

/// Serves a request to `/mcp`.
pub async fn serve(
    State(endpoint): State<Arc<Endpoint<PromptServer>>>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    endpoint.serve(request).await
}

impl<H: PlainHandler> Endpoint<H> {
    /// Must be called inside a tokio runtime.
    pub fn new(handler: H, request_timeout: Duration) -> Self {
        // Host, Origin and size are checked before rmcp sees a request. The transport's own token to
        // end it stays as it is: it would cut off the answers that are under way, too.
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .with_sse_retry(None)
            .disable_allowed_hosts();
        let plain_calls = PlainCalls::new(handler.clone());
        let factory = move || Ok(handler.clone());
        let transport = StreamableHttpService::new(factory, Arc::default(), config);
        Self { plain_calls, transport, request_timeout }
    }

    /// Serves a request that passed the [layers](crate::http).
    pub async fn serve(&self, request: Request<Body>) -> Result<Response, ApiError> {
        if request.method() != Method::POST {
            // A stateless server has no stream to open and no session to end.
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
        let body = read_body_within(body, self.request_timeout).await?;
        self.answer(parts, body).await
    }

    /// Answers a message, whichever transport brought it.
    async fn answer(&self, parts: Parts, body: Bytes) -> Result<Response, ApiError> {
        // Looked at as a whole: serde passes over members that nobody asks for, whatever their bytes
        // (RFC 8259, section 8.1).
        let text = std::str::from_utf8(&body).unwrap_or_default();
        // Serde would read the struct from an array, too, and take a batch for a message.
        let is_object = text.trim_ascii_start().starts_with('{');
        let envelope = serde_json::from_str::<Envelope<'_>>(text).ok().filter(|_| is_object);
        let Some(envelope) = envelope else {
            return Ok(refuse(&body));
        };
        // Both ways are in boxes, for a future is as large as the largest of its branches.
        if let Some(call) = self.plain_calls.recognise(&parts.headers, &envelope) {
            let caller = parts.extensions.get::<Arc<Principal>>().cloned();
            // As long as they are there, hyper reads into another buffer.
            drop((parts, body));
            return Box::pin(self.plain_calls.answer(call, caller)).await;
        }
        Record::note(|record| envelope.note(record));
        if serde_json::from_slice::<ClientJsonRpcMessage>(&body).is_err() {
            return Ok(refuse(&body));
        }
        Ok(Box::pin(self.pass_on(parts, body)).await)
    }

    /// Hands a message to rmcp's transport, which insists on both media types in `Accept` although
    /// it answers with JSON.
    async fn pass_on(&self, mut parts: Parts, body: Bytes) -> Response {
        let both = HeaderValue::from_static("application/json, text/event-stream");
        parts.headers.insert(header::ACCEPT, both);
        // The transport works in tasks of its own.
        if let Some(record) = Record::current() {
            parts.extensions.insert(record);
        }
        let request = Request::from_parts(parts, Body::from(body));
        let response = self.transport.handle(request).await.map(Body::new);
        note_outcome(response).await
    }
}

/// Whether the client takes JSON; one that does not say takes anything (RFC 9110, section 12.5.1).
fn accepts_json(headers: &HeaderMap) -> bool {
    let accepts: Vec<&HeaderValue> = headers.get_all(header::ACCEPT).iter().collect();
    let is_json = |range: &str| {
        let essence = range.split(';').next().unwrap_or_default().trim();
        ["application/json", "application/*", "*/*"]
            .iter()
            .any(|accepted| essence.eq_ignore_ascii_case(accepted))
    };
    accepts.is_empty()
        || accepts
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(is_json))
}

/// Notes how rmcp's transport answered. A body that is whole already is read and put back; a stream
/// of events is what was asked for.
async fn note_outcome(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    if body.size_hint().exact().is_none() {
        Record::note(|record| record.set_status(CallStatus::Ok));
        return Response::from_parts(parts, body);
    }
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return ApiError::Internal(error.into()).into_response(),
    };
    let outcome = match serde_json::from_slice::<Answer>(&body) {
        Ok(Answer { error: Some(_), .. }) => CallStatus::ProtocolError,
        Ok(Answer { result: Some(ToolResult { is_error: true }), .. }) => CallStatus::ToolError,
        Ok(_) => CallStatus::Ok,
        Err(_) if parts.status == StatusCode::ACCEPTED => CallStatus::Accepted,
        Err(_) => CallStatus::ProtocolError,
    };
    Record::note(|record| record.set_status(outcome));
    Response::from_parts(parts, Body::from(body))
}

/// Refuses a body that is no JSON-RPC message.
fn refuse(body: &[u8]) -> Response {
    Record::note(|record| record.set_status(CallStatus::ProtocolError));
    let (id, error) = fault_of(body);
    error_response(StatusCode::BAD_REQUEST, id, error)
}

/// The JSON-RPC error for what is no JSON-RPC message (JSON-RPC 2.0, section 5.1), and the id, if it
/// has one; MCP leaves out an id that cannot be read.
fn fault_of(text: &[u8]) -> (Option<RequestId>, ErrorData) {
    match serde_json::from_slice::<serde_json::Value>(text) {
        Err(_) => (None, ErrorData::parse_error("Parse error: this is no JSON", None)),
        Ok(serde_json::Value::Array(_)) => {
            (None, ErrorData::invalid_request("Invalid Request: batches are not supported", None))
        }
        Ok(message) => {
            let id = message.get("id").cloned();
            let id = id.and_then(|id| serde_json::from_value(id).ok());
            let detail = "Invalid Request: this is no JSON-RPC 2.0 message";
            (id, ErrorData::invalid_request(detail, None))
        }
    }
}

fn error_response(status: StatusCode, id: Option<RequestId>, error: ErrorData) -> Response {
    debug_assert_ne!(error.code, ErrorCode::INTERNAL_ERROR);
    json_response(status, &JsonRpcError::new(id, error))
}

/// An answer carries a prompt's text three times; escaping it was a tenth of the time of `get_prompt`
/// with `serde_json`, which looks at each byte.
fn json_response(status: StatusCode, message: &impl serde::Serialize) -> Response {
    let mut body = Vec::with_capacity(ANSWER_EXPECTED_BYTES);
    if let Err(error) = sonic_rs::to_writer(&mut body, message) {
        return ApiError::Internal(error.into()).into_response();
    }
    body.shrink_to_fit();
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, json, body).into_response()
}
