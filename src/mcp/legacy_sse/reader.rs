//! The events of one stream, in the order in which its client reads them.

use std::sync::Arc;

use axum::response::sse::Event;
use tokio::sync::mpsc;

use super::streams::{QueuedMessage, Session};
use crate::mcp::changes::Changes;

const PROMPTS_CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}"#;
const RESOURCES_CHANGED: &str =
    r#"{"jsonrpc":"2.0","method":"notifications/resources/list_changed"}"#;

/// The reading side of a stream. Dropping it closes the stream.
///
/// It must not hold an [`OpenStream`](super::streams::OpenStream): the end of the queue is that no
/// sender is left.
pub(super) struct Reader {
    /// The path of the first event, until it is read.
    endpoint: Option<String>,
    /// A message that follows the one before it.
    following: Option<&'static str>,
    queue: mpsc::Receiver<QueuedMessage>,
    changes: Changes,
    session: Arc<Session>,
}

impl Reader {
    /// `endpoint` is the path of the client's messages.
    pub(super) fn new(
        endpoint: String,
        queue: mpsc::Receiver<QueuedMessage>,
        changes: Changes,
        session: Arc<Session>,
    ) -> Self {
        Self { endpoint: Some(endpoint), following: None, queue, changes, session }
    }

    /// Waits for the next event. Returns `None` once the stream takes no further message and the
    /// responses to all that it took are read.
    pub(super) async fn read(&mut self) -> Option<Event> {
        if let Some(path) = self.endpoint.take() {
            // MCP 2024-11-05, basic/transports, "HTTP with SSE": the first event is `endpoint`, all
            // others are `message`.
            return Some(Event::default().event("endpoint").data(path));
        }
        if let Some(text) = self.following.take() {
            return Some(message_event(text));
        }
        loop {
            tokio::select! {
                biased;
                message = self.queue.recv() => return message.map(|one| message_event(&one.text)),
                Some(()) = self.changes.next() => {
                    // MCP 2024-11-05, basic/lifecycle: before the handshake a server sends no
                    // notification of this kind.
                    if self.session.is_initialized() {
                        self.following = Some(RESOURCES_CHANGED);
                        return Some(message_event(PROMPTS_CHANGED));
                    }
                }
            }
        }
    }
}

fn message_event(text: &str) -> Event {
    Event::default().event("message").data(text)
}
