//! A lasting connection of one caller, as stdio and legacy HTTP+SSE have: served until it closes,
//! and told when the caller's library changes.

use rmcp::service::{
    Peer, RoleServer, RxJsonRpcMessage, ServerInitializeError, TxJsonRpcMessage,
    serve_server_with_ct,
};
use rmcp::transport::{IntoTransport, Transport};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_util::sync::CancellationToken;

use super::server::PromptServer;
use crate::domain::identity::{Principal, UserId};

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
    let owner = caller.user_id.clone();
    let closed = CancellationToken::new();
    let bound = server.for_caller(caller, closed.clone());
    let transport = Watched { transport: transport.into_transport(), closed };
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

/// A transport that says when the client has closed it. Without that, rmcp would wait some seconds
/// for subscriptions, which have no end of their own.
struct Watched<T> {
    transport: T,
    closed: CancellationToken,
}

impl<T: Transport<RoleServer>> Transport<RoleServer> for Watched<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        message: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), T::Error>> + Send + 'static {
        self.transport.send(message)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        let message = self.transport.receive().await;
        if message.is_none() {
            self.closed.cancel();
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
