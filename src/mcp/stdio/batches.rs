//! The batches of a connection: their messages are handled one by one, and the responses wait for
//! each other, since a batch is answered by one array (JSON-RPC 2.0, section 6).

use std::collections::HashSet;

use rmcp::model::{
    ClientJsonRpcMessage, ClientNotification, JsonRpcError, JsonRpcMessage, JsonRpcNotification,
    RequestId, ServerJsonRpcMessage, ServerResult,
};
use serde_json::value::RawValue;

use super::repeated_id;
use crate::mcp::batch::{has_batches, refuse_batch, refuse_each, refuse_message, split};
use crate::mcp::message::{Refusal, read_message};

/// What is written as one line.
pub(super) enum Outgoing {
    One(Box<ServerJsonRpcMessage>),
    Batch(Vec<ServerJsonRpcMessage>),
}

/// What a batch consists of.
#[derive(Default)]
pub(super) struct Begun {
    /// The messages to handle.
    pub(super) messages: Vec<ClientJsonRpcMessage>,
    /// What is answered at once.
    pub(super) answers: Vec<Outgoing>,
}

/// The batches without a response.
#[derive(Default)]
pub(super) struct Batches {
    /// Whether the negotiated revision has batches.
    are_taken: bool,
    open: Vec<OpenBatch>,
}

#[derive(Default)]
struct OpenBatch {
    /// The requests without a response.
    waiting: HashSet<RequestId>,
    responses: Vec<ServerJsonRpcMessage>,
}

impl Batches {
    /// Begins a batch.
    pub(super) fn begin(&mut self, text: &[u8]) -> Begun {
        let split = if self.are_taken { split(text) } else { Err(refuse_batch(text)) };
        let messages = match split {
            Ok(messages) => messages,
            Err(error) => {
                let errors = refuse_each(text, &error).into_iter();
                let answers = errors.map(|error| Outgoing::One(Refusal::of_error(error).answer));
                return Begun { answers: answers.collect(), ..Begun::default() };
            }
        };
        let mut begun = Begun::default();
        let mut batch = OpenBatch::default();
        for message in messages {
            match self.read_message(message, &batch) {
                Ok(message) => {
                    if let JsonRpcMessage::Request(request) = &message {
                        batch.waiting.insert(request.id.clone());
                    }
                    begun.messages.push(message);
                }
                Err(refusal) if refusal.is_unwanted => {}
                Err(refusal) => batch.responses.push(*refusal.answer),
            }
        }
        if batch.waiting.is_empty() {
            begun.answers.extend(batch.close());
        } else {
            self.open.push(batch);
        }
        begun
    }

    fn read_message(
        &self,
        message: &RawValue,
        batch: &OpenBatch,
    ) -> Result<ClientJsonRpcMessage, Refusal> {
        if let Some(error) = refuse_message(message) {
            return Err(Refusal::of_error(error));
        }
        let text = message.get().as_bytes();
        let message = read_message(text)?;
        if let JsonRpcMessage::Request(request) = &message {
            let mut batches = self.open.iter().chain([batch]);
            if batches.any(|batch| batch.waiting.contains(&request.id)) {
                let error = JsonRpcError::new(Some(request.id.clone()), repeated_id());
                return Err(Refusal::of_error(error));
            }
        }
        Ok(message)
    }

    /// Takes a message of the server. Returns it if it is part of no batch, the whole batch if it is
    /// the last response of one, and `None` otherwise.
    pub(super) fn collect(&mut self, message: ServerJsonRpcMessage) -> Option<Outgoing> {
        let id = match &message {
            JsonRpcMessage::Response(response) => {
                if let ServerResult::InitializeResult(result) = &response.result {
                    self.are_taken = has_batches(result.protocol_version.as_str());
                }
                Some(&response.id)
            }
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        let Some(found) = id.and_then(|id| self.end_waiting(id)) else {
            return Some(Outgoing::One(Box::new(message)));
        };
        self.open[found].responses.push(message);
        self.close_if_complete(found)
    }

    /// Takes a request that its client cancelled, which gets no response (MCP 2025-03-26,
    /// basic/utilities/cancellation), out of its batch. Returns the batch if it was the last.
    pub(super) fn cancel(&mut self, message: &ClientJsonRpcMessage) -> Option<Outgoing> {
        let JsonRpcMessage::Notification(JsonRpcNotification {
            notification: ClientNotification::CancelledNotification(cancelled),
            ..
        }) = message
        else {
            return None;
        };
        let found = self.end_waiting(cancelled.params.request_id.as_ref()?)?;
        self.close_if_complete(found)
    }

    /// Finds the batch that waits for a response, and removes the id from it.
    fn end_waiting(&mut self, id: &RequestId) -> Option<usize> {
        self.open.iter_mut().position(|batch| batch.waiting.remove(id))
    }

    fn close_if_complete(&mut self, index: usize) -> Option<Outgoing> {
        if !self.open[index].waiting.is_empty() {
            return None;
        }
        self.open.swap_remove(index).close()
    }
}

impl OpenBatch {
    /// The array of the responses. A batch without any is not answered.
    fn close(self) -> Option<Outgoing> {
        (!self.responses.is_empty()).then_some(Outgoing::Batch(self.responses))
    }
}
