//! HTTP+SSE, the transport of revision 2024-11-05: a stream of answers at `/sse`, messages to
//! `/messages`. Each message is answered as one to `/mcp` would be, without a service of its own, so
//! an idle stream costs little more than its connection. It takes no revision after 2025-11-25,
//! which have no such transport.
//!
//! A stream lives on one machine. Behind the proxy of Fly.io the name of a stream says on which, and a
//! message that comes to another one is sent on by the proxy.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http_body_util::BodyExt;
use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
use serde::Deserialize;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::server::PromptServer;
use super::{Endpoint, refuse};
use crate::config::MachineId;
use crate::domain::identity::{Client, LibraryId, Principal, UserId};
use crate::error::ApiError;
use crate::http::body::read_body_within;
use crate::http::extract::{Caller, JSON_ONLY, Query, is_json};
use crate::library::Library;
use crate::state::AppState;

/// Most streams that are open at a time, and of those of one user.
const STREAMS_MAX: usize = 4096;
const STREAMS_OF_USER_MAX: usize = 1024;
/// After how long without a message a stream is closed; clients open a new one when they need it.
const IDLE: Duration = Duration::from_mins(30);
/// How often a comment keeps proxies from closing the stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many answers wait to be read, and how many bytes they have; a longer one waits alone.
const QUEUE: usize = 16;
const QUEUE_MAX_BYTES: u32 = 1024 * 1024;

/// The proxy of Fly.io sends a request on to where the answer says, and says to there from where it
/// comes (fly.io/docs/networking/dynamic-request-routing). It can do so up to 1 MB.
const FLY_REPLAY: HeaderName = HeaderName::from_static("fly-replay");
const FLY_REPLAY_SRC: HeaderName = HeaderName::from_static("fly-replay-src");

const MCP_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const PROMPTS_CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#;
const RESOURCES_CHANGED: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}"#;

/// The streams that are open, and what answers their messages.
pub struct Streams {
    endpoint: Endpoint<PromptServer>,
    machine: Option<MachineId>,
    library: Arc<Library>,
    shutdown: CancellationToken,
    request_timeout: Duration,
    open: Mutex<HashMap<String, Arc<OpenStream>>>,
}

struct OpenStream {
    owner: UserId,
    answers: mpsc::Sender<Answer>,
    room: Arc<Semaphore>,
    session: Arc<Mutex<Session>>,
}

/// An answer, and the room that it takes until it is read.
struct Answer(
    String,
    #[expect(dead_code, reason = "it is there to be dropped")] OwnedSemaphorePermit,
);

/// What is known of the client of a stream.
struct Session {
    handshake: Option<Handshake>,
    /// When the stream closes unless a message comes.
    idle_at: Instant,
}

/// What a client and the server agreed on.
#[derive(Clone)]
struct Handshake {
    client: Client,
    version: HeaderValue,
}

impl Streams {
    /// No stream yet. Must be called inside a tokio runtime.
    pub fn new(server: &PromptServer, state: &AppState) -> Self {
        let server = server.without_inline_lifecycle();
        let request_timeout = state.request_timeout();
        Self {
            endpoint: Endpoint::new(server, request_timeout),
            machine: state.limits().fly_machine.clone(),
            library: Arc::clone(state.library()),
            shutdown: state.shutdown().clone(),
            request_timeout,
            open: Mutex::default(),
        }
    }

    /// A name for a stream, which nobody can guess.
    fn name(&self) -> String {
        let name = uuid::Uuid::new_v4().simple().to_string();
        match &self.machine {
            Some(machine) => format!("{}-{name}", machine.as_str()),
            None => name,
        }
    }

    /// The other machine that has a stream, by its name.
    fn elsewhere(&self, id: &str) -> Option<MachineId> {
        let own = self.machine.as_ref()?;
        let machine = MachineId::parse(id.split_once('-')?.0)?;
        (machine != *own).then_some(machine)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<OpenStream>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, id: &str, stream: OpenStream) -> Result<(), ApiError> {
        let mut open = self.lock();
        let of_user = open.values().filter(|other| other.owner == stream.owner).count();
        if open.len() >= STREAMS_MAX || of_user >= STREAMS_OF_USER_MAX {
            return Err(ApiError::Busy);
        }
        open.insert(id.to_owned(), Arc::new(stream));
        Ok(())
    }

    /// A stream of this owner; a foreign one is like an unknown one.
    fn find(&self, id: &str, owner: &UserId) -> Option<Arc<OpenStream>> {
        self.lock().get(id).filter(|stream| stream.owner == *owner).cloned()
    }
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenStream {
    /// Puts an answer into the stream, when there is room for it.
    async fn answer(&self, text: String) -> Result<(), ApiError> {
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX).min(QUEUE_MAX_BYTES);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        let room = room.map_err(|error| ApiError::Internal(error.into()))?;
        self.answers.send(Answer(text, room)).await.map_err(|_| closed())
    }
}

/// Opens a stream: first the event `endpoint` with the path for messages, then a `message` each.
pub async fn open_stream(
    State(streams): State<Arc<Streams>>,
    Caller(caller): Caller,
) -> Result<Response, ApiError> {
    let id = streams.name();
    let (answers, queue) = mpsc::channel(QUEUE);
    let session = Session { handshake: None, idle_at: Instant::now() + IDLE };
    let session = Arc::new(Mutex::new(session));
    let open = OpenStream {
        owner: caller.user_id,
        answers: answers.clone(),
        room: Arc::new(Semaphore::new(QUEUE_MAX_BYTES as usize)),
        session: Arc::clone(&session),
    };
    streams.add(&id, open)?;
    let reader = Reader {
        first: Some(format!("/messages?sessionId={id}")),
        next: None,
        queue,
        changes: streams.library.changes(),
        library: caller.library_id,
        session: Arc::clone(&session),
    };
    // Not a matter of the reader, which is not asked for events while its client takes none.
    tokio::spawn(async move {
        tokio::select! {
            () = answers.closed() => {}
            () = until_idle(&session) => {}
            () = streams.shutdown.cancelled() => {}
        }
        streams.lock().remove(&id);
    });
    let events = stream::unfold(reader, async |mut reader| {
        let event = reader.read().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Resolves when a client has sent nothing for [`IDLE`].
async fn until_idle(session: &Mutex<Session>) {
    loop {
        let idle_at = lock(session).idle_at;
        if idle_at <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(idle_at).await;
    }
}

/// What a client reads; dropping it ends the stream.
struct Reader {
    first: Option<String>,
    next: Option<&'static str>,
    queue: mpsc::Receiver<Answer>,
    changes: broadcast::Receiver<LibraryId>,
    library: LibraryId,
    session: Arc<Mutex<Session>>,
}

impl Reader {
    /// The next event; `None` once the stream takes no message any more and those that it took are
    /// answered.
    async fn read(&mut self) -> Option<Event> {
        if let Some(path) = self.first.take() {
            return Some(Event::default().event("endpoint").data(path));
        }
        if let Some(message) = self.next.take() {
            return Some(event(message));
        }
        loop {
            tokio::select! {
                biased;
                answer = self.queue.recv() => return answer.map(|Answer(text, _)| event(text)),
                change = self.changes.recv() => {
                    if self.concerns(&change) {
                        self.next = Some(RESOURCES_CHANGED);
                        return Some(event(PROMPTS_CHANGED));
                    }
                }
            }
        }
    }

    /// Whether a client that shook hands is to hear of a change. Who lagged behind has missed some,
    /// perhaps of this owner.
    fn concerns(&self, change: &Result<LibraryId, RecvError>) -> bool {
        let is_told = lock(&self.session).handshake.is_some();
        is_told
            && match change {
                Ok(changed) => *changed == self.library,
                Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => false,
            }
    }
}

fn event(message: impl AsRef<str>) -> Event {
    Event::default().event("message").data(message)
}

/// Which stream a message is for.
#[derive(Deserialize)]
pub struct MessageQuery {
    #[serde(rename = "sessionId")]
    session_id: String,
}

/// Takes a message for a stream; the answer goes there.
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
    let body = read_body_within(body, streams.request_timeout).await?;
    let Some(stream) = streams.find(&query.session_id, &caller.user_id) else {
        let is_sent_on = parts.headers.contains_key(FLY_REPLAY_SRC);
        let machine = streams.elsewhere(&query.session_id).filter(|_| !is_sent_on);
        return Ok(machine.map_or_else(|| closed().into_response(), |machine| send_on(&machine)));
    };
    let Ok(message) = serde_json::from_slice::<ClientJsonRpcMessage>(&body) else {
        return Ok(refuse(&body));
    };
    if matches!(message, JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_)) {
        // Nothing was asked, so nobody waits for an answer.
        return Ok(StatusCode::ACCEPTED.into_response());
    }
    let greeting = client_of(&message);
    let handshake = {
        let mut session = lock(&stream.session);
        session.idle_at = Instant::now() + IDLE;
        session.handshake.clone().filter(|_| greeting.is_none())
    };
    speak_for(&mut parts, &caller, handshake);
    let answer = streams.endpoint.answer(parts, body).await?;
    let is_message = is_json(answer.headers());
    let answer = answer.into_body().collect().await;
    let answer = answer.map_err(|error| ApiError::Internal(error.into()))?.to_bytes();
    if let (Some(client), Some(version)) = (greeting, agreed_version(&answer)) {
        lock(&stream.session).handshake = Some(Handshake { client, version });
    }
    if is_message {
        let text = String::from_utf8(answer.into());
        let text = text.map_err(|error| ApiError::Internal(error.into()))?;
        timeout(streams.request_timeout, stream.answer(text))
            .await
            .map_err(|_| ApiError::Timeout)??;
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

/// The name of a client that shakes hands.
fn client_of(message: &ClientJsonRpcMessage) -> Option<Client> {
    let ClientJsonRpcMessage::Request(message) = message else { return None };
    match &message.request {
        ClientRequest::InitializeRequest(hello) => {
            Some(Client::named(&hello.params.client_info.name))
        }
        _ => None,
    }
}

/// Gives a message what its client said once, in the handshake: the revision and its name.
fn speak_for(parts: &mut Parts, caller: &Principal, handshake: Option<Handshake>) {
    parts.headers.remove(MCP_PROTOCOL_VERSION);
    if let Some(Handshake { client, version }) = handshake {
        // Before 2025-06-18 there was no such header.
        if version.as_bytes() >= b"2025-06-18".as_slice() {
            parts.headers.insert(MCP_PROTOCOL_VERSION, version);
        }
        parts.extensions.insert(Arc::new(caller.through(client)));
    }
}

/// The revision that an answer to `initialize` names.
fn agreed_version(answer: &[u8]) -> Option<HeaderValue> {
    #[derive(Deserialize)]
    struct Answer {
        result: Agreement,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Agreement {
        protocol_version: String,
    }
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    HeaderValue::try_from(answer.result.protocol_version).ok()
}

/// Has the proxy ask that machine instead. If there is no such machine any more, it asks any, which
/// then says that the stream is closed.
fn send_on(machine: &MachineId) -> Response {
    let mut response = closed().into_response();
    let machine = HeaderValue::try_from(format!("prefer_instance={}", machine.as_str()));
    response.headers_mut().extend(machine.ok().map(|machine| (FLY_REPLAY, machine)));
    response
}

fn closed() -> ApiError {
    ApiError::NotFound("the stream is closed; open a new one at /sse".to_owned())
}
