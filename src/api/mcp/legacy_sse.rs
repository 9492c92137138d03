//! HTTP+SSE, the transport of revision 2024-11-05: a stream of answers at `/sse`, messages to
//! `/messages`. It serves the same handler; it takes no revision after 2025-11-25, which have no
//! such transport.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, GetExtensions, JsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::SendError;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use super::connection::serve_connection;
use super::{read, refuse};
use crate::api::{Caller, JSON_ONLY, Query, is_json};
use crate::app::AppState;
use crate::domain::identity::UserId;
use crate::error::ApiError;
use crate::telemetry::{Call, Outcome, Record};

/// Most streams that are open at a time.
const STREAMS_MAX: usize = 4096;
/// After how long without a message a stream is closed; clients open a new one when they need it.
const IDLE: Duration = Duration::from_mins(30);
/// How often a comment keeps proxies from closing the stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many messages wait on either way.
const QUEUE: usize = 16;

/// The streams that are open.
#[derive(Default)]
pub struct Streams {
    open: Mutex<HashMap<String, OpenStream>>,
}

struct OpenStream {
    owner: UserId,
    messages: mpsc::Sender<Box<ClientJsonRpcMessage>>,
}

impl Streams {
    fn add(&self, id: &str, stream: OpenStream) -> Result<(), ApiError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= STREAMS_MAX {
            return Err(ApiError::Busy);
        }
        open.insert(id.to_owned(), stream);
        Ok(())
    }

    fn remove(&self, id: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// The way into a stream of this owner; a foreign one is like an unknown one.
    fn find(&self, id: &str, owner: &UserId) -> Option<mpsc::Sender<Box<ClientJsonRpcMessage>>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(id).filter(|stream| stream.owner == *owner).map(|stream| stream.messages.clone())
    }
}

/// Opens a stream: first the event `endpoint` with the path for messages, then a `message` each.
pub async fn open_stream(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Result<Response, ApiError> {
    let id = uuid::Uuid::new_v4().simple().to_string();
    let (messages, inbox) = mpsc::channel(QUEUE);
    let (outbox, answers) = mpsc::channel(QUEUE);
    let owner = caller.user_id.clone();
    state.streams().add(&id, OpenStream { owner, messages })?;

    let cancel = state.shutdown().child_token();
    let stream = AnswerStream {
        endpoint: Some(format!("/messages?sessionId={id}")),
        answers,
        _guard: cancel.clone().drop_guard(),
    };
    let server = state.mcp().handler().without_inline_lifecycle();
    tokio::spawn(async move {
        let transport = StreamTransport { inbox, outbox, idle_at: Instant::now() + IDLE };
        tokio::select! {
            // What goes wrong before the handshake is the client's business.
            _ = serve_connection(server, caller, transport, cancel.clone()) => {}
            () = cancel.cancelled() => {}
        }
        state.streams().remove(&id);
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// The server's end of a stream. Messages are boxed on their way, for a channel keeps room for 32
/// of them from the start, and a message takes hundreds of bytes.
struct StreamTransport {
    inbox: mpsc::Receiver<Box<ClientJsonRpcMessage>>,
    outbox: mpsc::Sender<Box<ServerJsonRpcMessage>>,
    idle_at: Instant,
}

impl Transport<RoleServer> for StreamTransport {
    type Error = SendError<Box<ServerJsonRpcMessage>>;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let outbox = self.outbox.clone();
        async move { outbox.send(Box::new(message)).await }
    }

    /// The next message; `None` when the client is gone, or has sent none for [`IDLE`].
    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        let message = tokio::time::timeout_at(self.idle_at, self.inbox.recv()).await.ok()??;
        self.idle_at = Instant::now() + IDLE;
        Some(*message)
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// What a client reads; dropping it ends the connection.
struct AnswerStream {
    endpoint: Option<String>,
    answers: mpsc::Receiver<Box<ServerJsonRpcMessage>>,
    _guard: DropGuard,
}

impl Stream for AnswerStream {
    type Item = Result<Event, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(path) = self.endpoint.take() {
            return Poll::Ready(Some(Ok(Event::default().event("endpoint").data(path))));
        }
        self.answers.poll_recv(cx).map(|answer| {
            let json = serde_json::to_string(&answer?).ok()?;
            Some(Ok(Event::default().event("message").data(json)))
        })
    }
}

/// Which stream a message is for.
#[derive(Deserialize)]
pub struct MessageQuery {
    #[serde(rename = "sessionId")]
    session_id: String,
}

/// Takes a message for a stream; the answer goes there.
pub async fn post_message(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<MessageQuery>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    if !is_json(request.headers()) {
        return Err(ApiError::UnsupportedMediaType(JSON_ONLY));
    }
    let stream = state.streams().find(&query.session_id, &caller.user_id);
    let stream = stream.ok_or_else(closed)?;
    let body = read(request.into_body()).await?;
    let Ok(mut message) = serde_json::from_slice::<ClientJsonRpcMessage>(&body) else {
        return Ok(refuse(&body));
    };
    note_message(&mut message);
    match stream.send(Box::new(message)).await {
        Ok(()) => Ok(StatusCode::ACCEPTED.into_response()),
        Err(_) => Err(closed()),
    }
}

/// Notes what was asked for in the record of this request, and gives it to the message on its way to
/// the stream, where it is answered.
fn note_message(message: &mut ClientJsonRpcMessage) {
    let call = match message {
        JsonRpcMessage::Request(message) => {
            if let Some(record) = Record::current() {
                message.request.extensions_mut().insert(record);
            }
            Call::of_request(&message.request)
        }
        JsonRpcMessage::Notification(message) => Call::of_notification(&message.notification),
        JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => return,
    };
    Record::note(|record| record.set_call(call));
    Record::note(|record| record.set_outcome(Outcome::Accepted));
}

fn closed() -> ApiError {
    ApiError::NotFound("the stream is closed; open a new one at /sse".to_owned())
}
