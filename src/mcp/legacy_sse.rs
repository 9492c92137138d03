//! HTTP+SSE, the transport of revision 2024-11-05: a stream of events at `/sse`, messages to
//! `/messages`.
//!
//! Each message is handled as one to `/mcp`, without a service for each stream, so an idle stream
//! costs little more than its connection. The transport serves no revision after 2025-11-25, which
//! have no handshake to tie to a stream.
//!
//! A stream lives on one machine. Behind the proxy of Fly.io its id names the machine, and a message
//! that reaches another machine is replayed there by the proxy.

mod reader;
mod streams;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http_body_util::BodyExt;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
use serde::Deserialize;
use tokio::time::timeout;

use self::reader::Reader;
pub use self::streams::Streams;
use self::streams::{Handshake, OpenStream, stream_closed};
use super::batch::{has_batches, is_batch, refuse_batch, refuse_each, split};
use super::changes::Changes;
use super::endpoint::respond_with;
use super::message::{Refusal, read_message, skip_byte_order_marks};
use crate::config::MachineId;
use crate::domain::identity::{Client, Principal};
use crate::error::ApiError;
use crate::http::body::read_body_within;
use crate::http::extract::{Caller, JSON_ONLY, Query, is_json};
use crate::http::ticket::Ticket;

/// The time between two comments, which keep proxies from closing an idle connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The response header with which Fly.io's proxy replays a request, of up to 1 MB, on another machine
/// (fly.io/docs/networking/dynamic-request-routing).
const FLY_REPLAY: HeaderName = HeaderName::from_static("fly-replay");
/// The request header of a replayed request.
const FLY_REPLAY_SRC: HeaderName = HeaderName::from_static("fly-replay-src");

const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");

/// Opens a stream. Its first event is `endpoint`, with the path of the client's messages; each
/// further one is a `message`.
pub async fn open_stream(State(streams): State<Arc<Streams>>, Caller(caller): Caller) -> Response {
    let id = streams.generate_id();
    let (open, queue) = streams.add(&id, caller.user_id.clone());
    let changes = if streams.library.can_watch_all() {
        Changes::subscribe(&streams.library, caller.library_id)
    } else {
        Changes::none()
    };
    let path = format!("/messages?sessionId={id}");
    let reader = Reader::new(path, queue, changes, Arc::clone(open.session()));
    // The reader cannot do this: it is not polled while its client does not read.
    tokio::spawn(async move {
        tokio::select! {
            () = open.wait_until_closed() => {}
            () = open.session().wait_until_idle() => {}
            () = streams.shutdown.cancelled() => {}
        }
        streams.remove(&id);
    });
    let events = stream::unfold(reader, async |mut reader| {
        let event = reader.read().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// The query of a message's path.
#[derive(Deserialize)]
pub struct MessageQuery {
    /// The id of the stream.
    #[serde(rename = "sessionId")]
    session_id: String,
}

/// Handles a message. Its JSON-RPC response goes to the stream; the HTTP response is 202.
pub async fn post_message(
    State(streams): State<Arc<Streams>>,
    Caller(caller): Caller,
    Query(query): Query<MessageQuery>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    if !is_json(request.headers()) {
        return Err(ApiError::UnsupportedMediaType(JSON_ONLY));
    }
    let (mut parts, body) = request.into_parts();
    let body = read_body_within(&parts.extensions, body, streams.request_timeout).await?;
    let body = body.slice_ref(skip_byte_order_marks(&body));
    let Some(stream) = streams.find(&query.session_id, &caller.user_id) else {
        // A replayed request is not replayed again, or two machines could send it back and forth.
        let is_replayed = parts.headers.contains_key(FLY_REPLAY_SRC);
        let machine = streams.find_other_machine(&query.session_id).filter(|_| !is_replayed);
        return Ok(
            machine.map_or_else(|| stream_closed().into_response(), |machine| replay_on(&machine))
        );
    };
    let session = stream.session();
    session.mark_active();
    let handshake = session.handshake();
    let ticket = parts.extensions.get::<Arc<Ticket>>().cloned();
    let sender = Sender { stream: &stream, ticket, timeout: streams.request_timeout };
    let initializing = match read_body(&body, handshake.as_ref()) {
        // The server sends no requests, so a response belongs to nothing and gets none.
        Read::Response => return Ok(StatusCode::ACCEPTED.into_response()),
        Read::Refused(refusals) => return sender.send_refusals(&refusals).await,
        Read::Messages { initializing } => initializing,
    };
    let handshake = handshake.filter(|_| initializing.is_none());
    apply_handshake(&mut parts, &caller, handshake);
    let response = streams.endpoint.handle_body(parts, body).await?;
    let has_message = is_json(response.headers());
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| ApiError::Internal(error.into()))?.to_bytes();
    if let (Some(client), Some(version)) = (initializing, parse_chosen_version(&body)) {
        session.set_handshake(Handshake { client, version });
    }
    if has_message {
        sender.send(body.into()).await?;
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

/// What the body of a message is.
enum Read {
    /// A message or a batch for the endpoint, with the client that `initialize` names.
    Messages {
        initializing: Option<Client>,
    },
    Response,
    Refused(Vec<Refusal>),
}

fn read_body(body: &[u8], handshake: Option<&Handshake>) -> Read {
    if is_batch(body) {
        let is_taken =
            handshake.is_none_or(|handshake| handshake.version.to_str().is_ok_and(has_batches));
        let split = if is_taken { split(body) } else { Err(refuse_batch(body)) };
        return match split {
            Ok(_) => Read::Messages { initializing: None },
            Err(error) => Read::Refused(
                refuse_each(body, &error).into_iter().map(Refusal::of_error).collect(),
            ),
        };
    }
    match read_message(body) {
        Ok(JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) => Read::Response,
        Ok(message) => Read::Messages { initializing: initializing_client(&message) },
        Err(refusal) => Read::Refused(vec![refusal]),
    }
}

/// Sends messages to a stream, within the memory for answers of the request that they answer.
struct Sender<'a> {
    stream: &'a OpenStream,
    ticket: Option<Arc<Ticket>>,
    timeout: Duration,
}

impl Sender<'_> {
    async fn send(&self, text: Vec<u8>) -> Result<(), ApiError> {
        let text = String::from_utf8(text);
        let text = text.map_err(|error| ApiError::Internal(error.into()))?;
        let charged = match &self.ticket {
            Some(ticket) => ticket.charge_message(text.len())?,
            None => None,
        };
        let sending = self.stream.send(text, charged);
        timeout(self.timeout, sending).await.map_err(|_| ApiError::Timeout)?
    }

    /// Sends those that have an id to the stream, where the client waits for them. Without any, the
    /// first is the HTTP response.
    async fn send_refusals(&self, refusals: &[Refusal]) -> Result<Response, ApiError> {
        let mut is_answered = false;
        for refusal in refusals.iter().filter(|refusal| refusal.id().is_some()) {
            let text = serde_json::to_vec(&refusal.answer);
            self.send(text.map_err(|error| ApiError::Internal(error.into()))?).await?;
            is_answered = true;
        }
        let first = refusals.first().map(respond_with);
        Ok(first.filter(|_| !is_answered).unwrap_or_else(|| StatusCode::ACCEPTED.into_response()))
    }
}

/// Returns the client that `initialize` names; `None` for any other message.
fn initializing_client(message: &ClientJsonRpcMessage) -> Option<Client> {
    let JsonRpcMessage::Request(message) = message else { return None };
    match &message.request {
        ClientRequest::InitializeRequest(initialize) => {
            Some(Client::named(&initialize.params.client_info.name))
        }
        _ => None,
    }
}

/// Adds the results of the handshake to a message: the revision as a header, as Streamable HTTP has
/// it, and the client to the principal.
fn apply_handshake(parts: &mut Parts, caller: &Principal, handshake: Option<Handshake>) {
    parts.headers.remove(MCP_PROTOCOL_VERSION);
    if let Some(Handshake { client, version }) = handshake {
        // Revisions before 2025-06-18 have no such header.
        if version.as_bytes() >= b"2025-06-18".as_slice() {
            parts.headers.insert(MCP_PROTOCOL_VERSION, version);
        }
        parts.extensions.insert(Arc::new(caller.through(client)));
    }
}

/// Parses the revision that a response to `initialize` names.
fn parse_chosen_version(response: &[u8]) -> Option<HeaderValue> {
    #[derive(Deserialize)]
    struct InitializeResponse {
        result: InitializeResult,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct InitializeResult {
        protocol_version: String,
    }
    let response: InitializeResponse = serde_json::from_slice(response).ok()?;
    HeaderValue::try_from(response.result.protocol_version).ok()
}

/// Makes the proxy replay the request on that machine. If the machine is gone, the proxy chooses
/// any other, which responds that the stream is closed.
fn replay_on(machine: &MachineId) -> Response {
    let mut response = stream_closed().into_response();
    let target = HeaderValue::try_from(format!("prefer_instance={}", machine.as_str()));
    response.headers_mut().extend(target.ok().map(|target| (FLY_REPLAY, target)));
    response
}
