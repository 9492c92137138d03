//! A lasting connection of one caller, as over stdio.

mod batches;
mod codec;
mod lines;

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::model::{
    ClientNotification, ClientRequest, ErrorData, GetExtensions, GetMeta, JsonRpcError,
    JsonRpcMessage, JsonRpcNotification, RequestId,
};
use rmcp::service::{
    Peer, RoleServer, RxJsonRpcMessage, ServerInitializeError, TxJsonRpcMessage,
    serve_server_with_ct,
};
use rmcp::transport::{IntoTransport, Transport};
use tokio_util::sync::CancellationToken;

pub use self::lines::Lines;
use super::changes::Changes;
use super::errors::cut_error;
use super::server::PromptServer;
use super::tools;
use crate::domain::identity::Principal;
use crate::telemetry::{Call, CallStatus, Exchange};

/// Serves `transport` to `caller` until the client closes it or `cancel` is cancelled.
///
/// # Errors
/// If the connection ends before its first valid request.
pub async fn serve_connection<T, E, A>(
    server: PromptServer,
    caller: Principal,
    transport: T,
    cancel: CancellationToken,
) -> Result<(), ServerInitializeError>
where
    T: IntoTransport<RoleServer, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    // Subscribe before the handshake, so that no change after it is lost.
    let changes = Changes::subscribe(server.library(), caller.library_id.clone());
    let caller = Arc::new(caller);
    let closed = CancellationToken::new();
    let server = server.bind_to_caller(Arc::clone(&caller), closed.clone());
    let transport = Observed {
        transport: transport.into_transport(),
        caller,
        closed,
        in_flight: HashMap::new(),
    };
    let running = serve_server_with_ct(server, transport, cancel).await?;
    let peer = running.peer().clone();
    tokio::select! {
        ended = running.waiting() => {
            if let Err(error) = ended {
                tracing::warn!(%error, "the connection failed");
            }
        }
        () = report_changes(changes, &peer) => {}
    }
    Ok(())
}

/// A transport that keeps the record of each request in flight, and cancels `closed` when the client
/// closes its end.
///
/// Subscriptions have no end of their own. Without the cancellation rmcp would wait some seconds
/// for them at the end of the connection.
struct Observed<T> {
    transport: T,
    caller: Arc<Principal>,
    closed: CancellationToken,
    /// The requests without a response, by id.
    in_flight: HashMap<RequestId, Exchange>,
}

impl<T> Observed<T> {
    /// Begins the record of a request, and ends that of a cancelled one.
    fn observe_received(&mut self, message: &mut RxJsonRpcMessage<RoleServer>) {
        match message {
            JsonRpcMessage::Request(message) => {
                let call = match &message.request {
                    ClientRequest::CallToolRequest(call) => tools::record_call(&call.params.name),
                    other => Call::of_method(other.method()),
                };
                let exchange = Exchange::on_connection(&self.caller, call);
                let meta = message.request.get_meta();
                exchange.record().set_parent(meta.get_traceparent(), meta.get_tracestate());
                message.request.extensions_mut().insert(Arc::clone(exchange.record()));
                self.in_flight.insert(message.id.clone(), exchange);
            }
            // MCP 2025-11-25, basic/utilities/cancellation: a cancelled request gets no response.
            JsonRpcMessage::Notification(JsonRpcNotification {
                notification: ClientNotification::CancelledNotification(cancelled),
                ..
            }) => {
                if let Some(id) = &cancelled.params.request_id {
                    self.in_flight.remove(id);
                }
            }
            _ => {}
        }
    }

    /// Ends the record of the request to which the message responds.
    fn observe_sent(&mut self, message: &TxJsonRpcMessage<RoleServer>) {
        let (id, status) = match message {
            JsonRpcMessage::Response(response) => {
                (&response.id, CallStatus::from(&response.result))
            }
            JsonRpcMessage::Error(JsonRpcError { id: Some(id), .. }) => {
                (id, CallStatus::ProtocolError)
            }
            _ => return,
        };
        if let Some(exchange) = self.in_flight.remove(id) {
            exchange.record().set_status(status);
        }
    }
}

impl<T: Transport<RoleServer>> Observed<T> {
    /// Refuses a request with the id of another one in flight. rmcp would answer only one of them, and
    /// the client would wait for the other.
    fn refuse_repeated_id(&mut self, id: RequestId) {
        let error = JsonRpcError::new(Some(id), repeated_id());
        // On its own, for a receive may be cancelled. It fails only once the connection is closed.
        tokio::spawn(self.transport.send(JsonRpcMessage::Error(error)));
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Observed<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        mut message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), T::Error>> + Send + 'static {
        self.observe_sent(&message);
        if let JsonRpcMessage::Error(response) = &mut message {
            // Without headers, rmcp repeats nothing of a request but in the data of an error.
            cut_error(&mut response.error, false);
        }
        self.transport.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let mut message = self.transport.receive().await;
            match &mut message {
                Some(JsonRpcMessage::Request(request))
                    if self.in_flight.contains_key(&request.id) =>
                {
                    self.refuse_repeated_id(request.id.clone());
                    continue;
                }
                Some(message) => self.observe_received(message),
                None => self.closed.cancel(),
            }
            return message;
        }
    }

    async fn close(&mut self) -> Result<(), T::Error> {
        self.transport.close().await
    }
}

/// The error of a request whose id is in use: both responses would have it.
fn repeated_id() -> ErrorData {
    ErrorData::invalid_request("Invalid Request: the id is already in use", None)
}

/// Notifies the client of every change of the library, until it cannot be notified any more.
///
/// Only a client that initialized the connection is notified: 2026-07-28 has no handshake, and
/// notifies subscriptions alone.
async fn report_changes(mut changes: Changes, peer: &Peer<RoleServer>) {
    while let Some(()) = changes.next().await {
        if peer.peer_info().is_none() {
            continue;
        }
        let is_notified = peer.notify_prompt_list_changed().await.is_ok()
            && peer.notify_resource_list_changed().await.is_ok();
        if !is_notified {
            return;
        }
    }
}
