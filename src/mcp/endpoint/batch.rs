//! A batch of messages to `/mcp`, handled one by one and answered by an array.

use axum::body::{Bytes, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use rmcp::handler::server::ServerHandler;
use rmcp::model::{ErrorData, JsonRpcError};
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::{Instant, timeout_at};

use super::Endpoint;
use super::response::json_response;
use crate::error::ApiError;
use crate::http::extract::is_json;
use crate::library::Meter;
use crate::mcp::batch::{has_batches, refuse_batch, refuse_each, refuse_message, split};
use crate::mcp::errors::protocol_error;
use crate::mcp::outline::{Heading, Outline};
use crate::telemetry::{Call, CallStatus, Record};

/// Size in bytes of the answers to a batch after which no further message of it is handled.
const ANSWERS_MAX_BYTES: usize = 1024 * 1024;

/// Returns whether a request is of a revision with batches. Without the header, which came with
/// 2025-06-18, the server assumes 2025-03-26 (MCP 2025-11-25, basic/transports, "Protocol Version
/// Header").
fn takes_batches(headers: &HeaderMap) -> bool {
    let mut versions = headers.get_all("mcp-protocol-version").iter();
    versions.all(|version| version.to_str().is_ok_and(has_batches))
}

impl<H: ServerHandler + Clone> Endpoint<H> {
    /// Handles a batch within one deadline. Every message is charged like a request.
    pub(super) async fn handle_batch(
        &self,
        parts: Parts,
        body: Bytes,
    ) -> Result<Response, ApiError> {
        let messages =
            if takes_batches(&parts.headers) { split(&body) } else { Err(refuse_batch(&body)) };
        let messages = match messages {
            Ok(messages) => messages,
            Err(error) => {
                Record::note(|record| record.set_status(CallStatus::ProtocolError));
                return Ok(match refuse_each(&body, &error).as_slice() {
                    [JsonRpcError { id: None, .. }] => {
                        json_response(StatusCode::BAD_REQUEST, &JsonRpcError::new(None, error))
                    }
                    errors => json_response(StatusCode::BAD_REQUEST, &errors),
                });
            }
        };
        let meter = parts.extensions.get::<Meter>().cloned().unwrap_or_default();
        // The request itself has paid for the first one.
        meter.charge(u32::try_from(messages.len() - 1).unwrap_or(u32::MAX))?;
        let deadline = Instant::now() + self.request_timeout;
        let mut answers: Vec<Box<RawValue>> = Vec::new();
        let mut bytes = 0;
        for message in messages {
            let answer = if bytes > ANSWERS_MAX_BYTES {
                refuse(message, || {
                    let detail = "the responses to this batch exceed 1 MiB; send this request on \
                        its own";
                    ErrorData::internal_error(detail, None)
                })?
            } else {
                let text = body.slice_ref(message.get().as_bytes());
                self.answer_message(&parts, message, text, deadline).await?
            };
            bytes += answer.as_ref().map_or(0, |answer| answer.get().len());
            answers.extend(answer);
        }
        let status = if answers.is_empty() { CallStatus::Accepted } else { CallStatus::Ok };
        Record::note(|record| {
            record.set_call(Call::of_method("batch"));
            record.set_status(status);
        });
        if answers.is_empty() {
            // MCP 2025-03-26, basic/transports: notifications and responses alone are accepted.
            return Ok(StatusCode::ACCEPTED.into_response());
        }
        Ok(join_answers(&answers))
    }

    /// Handles a message of a batch. Returns `None` if it gets no response.
    async fn answer_message(
        &self,
        parts: &Parts,
        message: &RawValue,
        text: Bytes,
        deadline: Instant,
    ) -> Result<Option<Box<RawValue>>, ApiError> {
        if let Some(error) = refuse_message(message) {
            return to_answer(&error).map(Some);
        }
        if find_heading(message).is_response {
            // The server sends no requests, so a response belongs to nothing.
            return Ok(None);
        }
        let handling = async {
            let response = Box::pin(self.handle_message(parts.clone(), text)).await?;
            let is_stream = response.body().size_hint().exact().is_none();
            let (head, body) = response.into_parts();
            if is_stream {
                return Err(ApiError::Malformed("a stream cannot be part of a batch".to_owned()));
            }
            let body = body.collect().await;
            let body = body.map_err(|error| ApiError::Internal(error.into()))?.to_bytes();
            Ok((head, body))
        };
        let handled = timeout_at(deadline, handling).await.unwrap_or(Err(ApiError::Timeout));
        match handled {
            Ok((head, _)) if head.status == StatusCode::ACCEPTED => Ok(None),
            Ok((head, body)) if is_json(&head.headers) => serde_json::from_slice(&body)
                .map(Some)
                .map_err(|error| ApiError::Internal(error.into())),
            // rmcp refuses a few messages in plain text.
            Ok((_, body)) => refuse(message, || {
                ErrorData::invalid_request(String::from_utf8_lossy(&body).into_owned(), None)
            }),
            Err(error) => refuse(message, || protocol_error(error)),
        }
    }
}

/// Responds with the answers, each of which is JSON already, in one array.
fn join_answers(answers: &[Box<RawValue>]) -> Response {
    let texts: Vec<&str> = answers.iter().map(|answer| answer.get()).collect();
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (StatusCode::OK, json, format!("[{}]", texts.join(","))).into_response()
}

/// Answers a message with an error, unless it expects no response.
fn refuse(
    message: &RawValue,
    error: impl FnOnce() -> ErrorData,
) -> Result<Option<Box<RawValue>>, ApiError> {
    let Heading { id, is_response, .. } = find_heading(message);
    if id.is_none() || is_response {
        return Ok(None);
    }
    to_answer(&JsonRpcError::new(id, error())).map(Some)
}

fn find_heading(message: &RawValue) -> Heading {
    Outline::of(message.get().as_bytes()).headings.into_iter().next().unwrap_or_default()
}

fn to_answer(error: &JsonRpcError) -> Result<Box<RawValue>, ApiError> {
    to_raw_value(error).map_err(|error| ApiError::Internal(error.into()))
}
