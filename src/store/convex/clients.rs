//! The programs that call for a library, in Convex: the functions of `convex/clients.ts`.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::ConvexStore;
use super::wire::Whole;
use crate::clients::convex::Kind;
use crate::domain::identity::{Channel, Client, ConnectedClient, LibraryId};
use crate::store::{ClientCall, ClientStore, StoreResult};

#[async_trait]
impl ClientStore for ConvexStore {
    async fn record_clients(&self, library: &LibraryId, calls: &[ClientCall]) -> StoreResult<()> {
        let clients: Vec<_> = calls
            .iter()
            .map(|ClientCall { name, via, at }| {
                json!({ "name": name.as_str(), "via": via.as_str(), "at": at.as_millis() })
            })
            .collect();
        let args = json!({ "clients": clients });
        // It is idempotent, so that it needs no key.
        self.call(Kind::Mutation, library.as_str(), "clients:record", args).await
    }

    async fn list_clients(&self, library: &LibraryId) -> StoreResult<Vec<ConnectedClient>> {
        let clients: Vec<WireClient> =
            self.query(library.as_str(), "clients:list", json!({})).await?;
        // A channel of a later release is left out.
        Ok(clients.into_iter().filter_map(WireClient::into_client).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireClient {
    name: String,
    via: String,
    first_seen_at: Whole,
    last_seen_at: Whole,
}

impl WireClient {
    fn into_client(self) -> Option<ConnectedClient> {
        Some(ConnectedClient {
            name: Client::named(&self.name),
            via: Channel::parse(&self.via)?,
            first_seen_at: self.first_seen_at.at(),
            last_seen_at: self.last_seen_at.at(),
        })
    }
}
