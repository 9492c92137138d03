//! [`ClientStore`]: the programs that call for a library.

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::Timestamp;
use crate::domain::identity::{Channel, Client, ConnectedClient, LibraryId};

/// Keeps the programs that call for a library. No method leaves an audit entry.
#[async_trait]
pub trait ClientStore: Send + Sync {
    /// Records calls: at most [`CLIENTS_MAX`](crate::domain::identity::CLIENTS_MAX) at a time.
    ///
    /// Laws: a client is one name over one channel. Its first time stays, and its latest never goes
    /// back. A library keeps the [`CLIENTS_MAX`](crate::domain::identity::CLIENTS_MAX) that were seen
    /// last. Nothing is recorded for an erased account. Idempotent.
    async fn record_clients(&self, library: &LibraryId, calls: &[ClientCall]) -> StoreResult<()>;

    /// The clients of a library, the one that was seen last first.
    async fn list_clients(&self, library: &LibraryId) -> StoreResult<Vec<ConnectedClient>>;
}

/// A call of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCall {
    /// The name of the program.
    pub name: Client,
    /// The door that it used.
    pub via: Channel,
    /// The time of the call.
    pub at: Timestamp,
}
