//! HTTP responses with JSON-RPC messages.

use axum::body::{Body, HttpBody};
use axum::http::response::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use rmcp::model::{ErrorCode, JsonRpcError, JsonRpcMessage};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::domain::excerpt::{EXCERPT_MAX_CHARS, Excerpt};
use crate::error::ApiError;
use crate::mcp::errors::cut_error;
use crate::mcp::message::{Refusal, refuse};
use crate::telemetry::{CallStatus, Record};

/// Initial capacity in bytes of a response body, which most responses fit.
const BODY_CAPACITY: usize = 16 * 1024;

/// The members of a JSON-RPC response from which its outcome follows.
#[derive(Deserialize)]
struct ResponseOutline {
    error: Option<IgnoredAny>,
    result: Option<ResultOutline>,
}

/// The member of a result that only tools set.
#[derive(Deserialize)]
struct ResultOutline {
    #[serde(default, rename = "isError")]
    is_error: bool,
}

/// Responds to a body that is not a JSON-RPC message.
pub(in crate::mcp) fn reject_invalid_message(body: &[u8]) -> Response {
    respond_with(&refuse(body))
}

/// Responds with a refusal. An invalid field is answered like any other message, and a text that is
/// not a message by a status that is an error (MCP 2025-11-25, basic/transports).
pub(in crate::mcp) fn respond_with(refusal: &Refusal) -> Response {
    let (call_status, status) = match &*refusal.answer {
        JsonRpcMessage::Response(response) => (CallStatus::from(&response.result), StatusCode::OK),
        JsonRpcMessage::Error(answer) if answer.error.code == ErrorCode::INVALID_PARAMS => {
            (CallStatus::ProtocolError, StatusCode::OK)
        }
        _ => (CallStatus::ProtocolError, StatusCode::BAD_REQUEST),
    };
    Record::note(|record| record.set_status(call_status));
    json_response(status, &*refusal.answer)
}

/// Responds with a message.
///
/// `sonic-rs` writes it, for escaping was a tenth of the time of `get_prompt` with `serde_json`: a
/// result holds the prompt's text three times. It never reads, as it recurses without a limit.
pub(in crate::mcp) fn json_response(status: StatusCode, message: &impl Serialize) -> Response {
    let mut body = Vec::with_capacity(BODY_CAPACITY);
    if let Err(error) = sonic_rs::to_writer(&mut body, message) {
        return ApiError::Internal(error.into()).into_response();
    }
    body.shrink_to_fit();
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, json, body).into_response()
}

/// Notes the outcome of a response of rmcp's transport, and returns the response.
///
/// A body of known size is complete already, so reading it waits for nothing. A stream of events is
/// only ever the response to a request that succeeded.
pub(super) async fn record_outcome(response: Response) -> Response {
    let (parts, body) = response.into_parts();
    if body.size_hint().exact().is_none() {
        Record::note(|record| record.set_status(CallStatus::Ok));
        return Response::from_parts(parts, body);
    }
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return ApiError::Internal(error.into()).into_response(),
    };
    let status = match serde_json::from_slice::<ResponseOutline>(&body) {
        Ok(ResponseOutline { error: Some(_), .. }) => CallStatus::ProtocolError,
        Ok(ResponseOutline { result: Some(ResultOutline { is_error: true }), .. }) => {
            CallStatus::ToolError
        }
        Ok(_) => CallStatus::Ok,
        // MCP 2025-11-25, basic/transports: 202 without a body to notifications and responses.
        Err(_) if parts.status == StatusCode::ACCEPTED => CallStatus::Accepted,
        Err(_) => CallStatus::ProtocolError,
    };
    Record::note(|record| record.set_status(status));
    if status == CallStatus::ProtocolError && body.len() > EXCERPT_MAX_CHARS {
        return cut_error_response(parts, &body);
    }
    Response::from_parts(parts, Body::from(body))
}

/// Cuts what a long error of rmcp's transport repeats of the request.
fn cut_error_response(mut parts: Parts, body: &[u8]) -> Response {
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = match serde_json::from_slice::<JsonRpcError>(body) {
        Ok(mut response) => {
            // The handler answers with 200; every other status is a check of the transport.
            cut_error(&mut response.error, parts.status != StatusCode::OK);
            serde_json::to_vec(&response)
        }
        Err(_) => Ok(Excerpt::new(String::from_utf8_lossy(body)).into_string().into_bytes()),
    };
    match body {
        Ok(body) => Response::from_parts(parts, Body::from(body)),
        Err(error) => ApiError::Internal(error.into()).into_response(),
    }
}
