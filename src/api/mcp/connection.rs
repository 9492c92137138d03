//! A lasting connection of one caller, as stdio and legacy HTTP+SSE have: served until it closes,
//! and told when the caller's library changes.

use std::sync::Arc;

use rmcp::service::{Peer, RoleServer, ServerInitializeError, serve_server_with_ct};
use rmcp::transport::IntoTransport;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::server::PromptServer;
use crate::domain::identity::{Principal, UserId};
use crate::domain::library::Library;

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
    let library = Arc::clone(server.library());
    let owner = caller.user_id.clone();
    let bound = server.for_caller(caller);
    let running = serve_server_with_ct(bound, transport, cancel).await?;
    let peer = running.peer().clone();
    tokio::select! {
        ended = running.waiting() => {
            if let Err(error) = ended {
                tracing::warn!(%error, "a connection broke down");
            }
        }
        () = report_changes(&library, &owner, &peer) => {}
    }
    Ok(())
}

/// Tells the client of every change of the owner's library; ends when it cannot be told any more.
async fn report_changes(library: &Library, owner: &UserId, peer: &Peer<RoleServer>) {
    let mut changes = library.changes();
    loop {
        match changes.recv().await {
            Ok(whose) if whose != *owner => {}
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
