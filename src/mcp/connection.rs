//! A lasting connection of one caller, as stdio has: served until it closes,
//! and told when the caller's library changes.

use std::collections::HashMap;
use std::sync::Arc;

use rmcp::model::{
    ClientNotification, GetExtensions, GetMeta, JsonRpcError, JsonRpcMessage, JsonRpcNotification,
    RequestId,
};
use rmcp::service::{
    Peer, RoleServer, RxJsonRpcMessage, ServerInitializeError, TxJsonRpcMessage,
    serve_server_with_ct,
};
use rmcp::transport::{IntoTransport, Transport};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::server::PromptServer;
use crate::domain::identity::{Principal, UserId};
use crate::telemetry::{Call, CallStatus, Exchange};

/// Serves `transport` to `caller` until the client closes it or `cancel` is cancelled.
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
    // From before the handshake on, so that no change is missed.
    let changes = server.library().changes();
    let (owner, caller) = (caller.user_id.clone(), Arc::new(caller));
    let closed = CancellationToken::new();
    let bound = server.for_caller(Arc::clone(&caller), closed.clone());
    let (transport, open) = (transport.into_transport(), HashMap::new());
    let transport = Watched { transport, caller, closed, open };
    let running = serve_server_with_ct(bound, transport, cancel).await?;
    let peer = running.peer().clone();
    tokio::select! {
        ended = running.waiting() => {
            if let Err(error) = ended {
                tracing::warn!(%error, "a connection broke down");
            }
        }
        () = report_changes(changes, &owner, &peer) => {}
    }
    Ok(())
}

/// A transport that says when the client has closed it, and keeps the record of each request that
/// comes over it. Without the first, rmcp would wait some seconds for subscriptions, which have no
/// end of their own.
struct Watched<T> {
    transport: T,
    caller: Arc<Principal>,
    closed: CancellationToken,
    /// The requests without an answer yet.
    open: HashMap<RequestId, Exchange>,
}

impl<T> Watched<T> {
    fn begin(&mut self, message: &mut RxJsonRpcMessage<RoleServer>) {
        match message {
            JsonRpcMessage::Request(message) => {
                let call = Call::of_request(&message.request);
                let exchange = Exchange::on_connection(&self.caller, call);
                let meta = message.request.get_meta();
                exchange.record().set_parent(meta.get_traceparent(), meta.get_tracestate());
                message.request.extensions_mut().insert(Arc::clone(exchange.record()));
                self.open.insert(message.id.clone(), exchange);
            }
            // What is cancelled is not answered.
            JsonRpcMessage::Notification(JsonRpcNotification {
                notification: ClientNotification::CancelledNotification(cancelled),
                ..
            }) => {
                let id = cancelled.params.request_id.as_ref();
                id.and_then(|id| self.open.remove(id));
            }
            _ => {}
        }
    }

    fn end(&mut self, message: &TxJsonRpcMessage<RoleServer>) {
        let (id, outcome) = match message {
            JsonRpcMessage::Response(answer) => (&answer.id, CallStatus::from(&answer.result)),
            JsonRpcMessage::Error(JsonRpcError { id: Some(id), .. }) => {
                (id, CallStatus::ProtocolError)
            }
            _ => return,
        };
        if let Some(exchange) = self.open.remove(id) {
            exchange.record().set_status(outcome);
        }
    }
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Watched<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), T::Error>> + Send + 'static {
        self.end(&message);
        self.transport.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let mut message = self.transport.receive().await;
        match &mut message {
            Some(message) => self.begin(message),
            None => self.closed.cancel(),
        }
        message
    }

    async fn close(&mut self) -> Result<(), T::Error> {
        self.transport.close().await
    }
}

/// Tells a client that shook hands of every change of the owner's library; since 2026-07-28, which
/// has no handshake, only subscriptions are told. Ends when the client cannot be told any more.
async fn report_changes(
    mut changes: broadcast::Receiver<UserId>,
    owner: &UserId,
    peer: &Peer<RoleServer>,
) {
    loop {
        match changes.recv().await {
            Ok(whose) if whose != *owner => {}
            Ok(_) | Err(RecvError::Lagged(_)) if peer.peer_info().is_none() => {}
            // Who lagged behind has missed changes, perhaps of this owner.
            Ok(_) | Err(RecvError::Lagged(_)) => {
                let told = peer.notify_prompt_list_changed().await.is_ok()
                    && peer.notify_resource_list_changed().await.is_ok();
                if !told {
                    return;
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}
