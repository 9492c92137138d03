//! The open streams, and the state of each between its messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::MachineId;
use crate::domain::identity::{Client, UserId};
use crate::error::ApiError;
use crate::http::budget::Reservation;
use crate::library::Library;
use crate::mcp::endpoint::Endpoint;
use crate::mcp::server::PromptServer;
use crate::state::AppState;

/// Maximum number of messages that wait to be read by the client of one stream.
const QUEUE_MAX_MESSAGES: usize = 16;
/// Maximum number of bytes of those messages. A longer message waits alone.
const QUEUE_MAX_BYTES: u32 = 1024 * 1024;
/// How long a stream lasts after its last message. A client opens a new one when it needs it.
const IDLE_TIMEOUT: Duration = Duration::from_mins(30);

/// The open streams of this machine, by id, and the endpoint that handles their messages.
pub struct Streams {
    pub(super) endpoint: Endpoint<PromptServer>,
    pub(super) library: Arc<Library>,
    pub(super) shutdown: CancellationToken,
    pub(super) request_timeout: Duration,
    machine: Option<MachineId>,
    open: Mutex<HashMap<String, Arc<OpenStream>>>,
}

impl Streams {
    /// Must be called inside a tokio runtime.
    pub fn new(server: &PromptServer, state: &AppState) -> Self {
        let server = server.for_streams();
        let request_timeout = state.request_timeout();
        Self {
            endpoint: Endpoint::new(server, request_timeout),
            library: Arc::clone(state.library()),
            shutdown: state.shutdown().clone(),
            request_timeout,
            machine: state.limits().fly_machine.clone(),
            open: Mutex::default(),
        }
    }

    /// Generates an id: 122 random bits, behind the id of this machine where there are several.
    pub(super) fn generate_id(&self) -> String {
        let random = uuid::Uuid::new_v4().simple().to_string();
        match &self.machine {
            Some(machine) => format!("{}-{random}", machine.as_str()),
            None => random,
        }
    }

    /// Returns the machine that an id names, if it is another one.
    pub(super) fn find_other_machine(&self, id: &str) -> Option<MachineId> {
        let own = self.machine.as_ref()?;
        let machine = MachineId::parse(id.split_once('-')?.0)?;
        (machine != *own).then_some(machine)
    }

    /// Adds a stream, and returns the queue of its messages. The edge bounds the number of streams:
    /// it drops the response of one too many, and so closes its queue.
    pub(super) fn add(
        &self,
        id: &str,
        owner: UserId,
    ) -> (Arc<OpenStream>, mpsc::Receiver<QueuedMessage>) {
        let (messages, queue) = mpsc::channel(QUEUE_MAX_MESSAGES);
        let stream = Arc::new(OpenStream::new(owner, messages));
        self.lock_open().insert(id.to_owned(), Arc::clone(&stream));
        (stream, queue)
    }

    /// Returns the owner's stream of this id. Another user's is not found.
    pub(super) fn find(&self, id: &str, owner: &UserId) -> Option<Arc<OpenStream>> {
        self.lock_open().get(id).filter(|stream| stream.owner == *owner).cloned()
    }

    pub(super) fn remove(&self, id: &str) {
        self.lock_open().remove(id);
    }

    fn lock_open(&self) -> MutexGuard<'_, HashMap<String, Arc<OpenStream>>> {
        // The map is whole after a panic, too: no critical section leaves it half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sending side of one stream.
pub(super) struct OpenStream {
    owner: UserId,
    messages: mpsc::Sender<QueuedMessage>,
    /// One permit for each byte of the queue.
    room: Arc<Semaphore>,
    session: Arc<Session>,
}

/// A message in the queue, and the room that it takes until it is read: in the queue, and in the
/// memory for answers.
pub(super) struct QueuedMessage {
    pub(super) text: String,
    _room: (OwnedSemaphorePermit, Option<Reservation>),
}

impl OpenStream {
    fn new(owner: UserId, messages: mpsc::Sender<QueuedMessage>) -> Self {
        let room = Arc::new(Semaphore::new(QUEUE_MAX_BYTES as usize));
        Self { owner, messages, room, session: Arc::new(Session::new()) }
    }

    /// Puts a message into the queue. Waits until there is room for it. `charged` is its part of the
    /// memory for answers.
    pub(super) async fn send(
        &self,
        text: String,
        charged: Option<Reservation>,
    ) -> Result<(), ApiError> {
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX).min(QUEUE_MAX_BYTES);
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        let room = room.map_err(|error| ApiError::Internal(error.into()))?;
        let message = QueuedMessage { text, _room: (room, charged) };
        self.messages.send(message).await.map_err(|_| stream_closed())
    }

    /// Waits until the queue is dropped, as it is when the client closes the connection.
    pub(super) async fn wait_until_closed(&self) {
        self.messages.closed().await;
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

/// The error of a message to a stream that is not open.
pub(super) fn stream_closed() -> ApiError {
    ApiError::NotFound("the stream is closed; open a new one at /sse".to_owned())
}

/// The state of a client between its messages.
pub(super) struct Session(Mutex<SessionState>);

struct SessionState {
    handshake: Option<Handshake>,
    /// When the stream closes unless a message arrives.
    idle_at: Instant,
}

/// The result of `initialize`.
#[derive(Clone)]
pub(super) struct Handshake {
    pub(super) client: Client,
    /// The revision that the server chose.
    pub(super) version: HeaderValue,
}

impl Session {
    fn new() -> Self {
        Self(Mutex::new(SessionState { handshake: None, idle_at: Instant::now() + IDLE_TIMEOUT }))
    }

    /// Postpones the end of the stream by [`IDLE_TIMEOUT`].
    pub(super) fn mark_active(&self) {
        self.lock().idle_at = Instant::now() + IDLE_TIMEOUT;
    }

    /// Waits until no message has arrived for [`IDLE_TIMEOUT`].
    pub(super) async fn wait_until_idle(&self) {
        loop {
            let idle_at = self.lock().idle_at;
            if idle_at <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(idle_at).await;
        }
    }

    pub(super) fn handshake(&self) -> Option<Handshake> {
        self.lock().handshake.clone()
    }

    pub(super) fn set_handshake(&self, handshake: Handshake) {
        self.lock().handshake = Some(handshake);
    }

    pub(super) fn is_initialized(&self) -> bool {
        self.lock().handshake.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, SessionState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
