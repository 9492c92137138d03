//! The programs that call for the library.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::identity::ConnectedClient;
use crate::error::ApiError;
use crate::http::extract::{Caller, Json};
use crate::state::AppState;

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientListResponse {
    /// At most 50, the latest call first.
    clients: Vec<ClientResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ClientResponse {
    /// The name that the client gave.
    name: String,
    /// api, browser, mcp, sse or stdio.
    via: &'static str,
    /// The time of its first call in RFC 3339.
    first_seen_at: String,
    /// The time of its latest call, up to a minute late.
    last_seen_at: String,
}

impl From<ConnectedClient> for ClientResponse {
    fn from(client: ConnectedClient) -> Self {
        Self {
            name: client.name.as_str().to_owned(),
            via: client.via.as_str(),
            first_seen_at: client.first_seen_at.to_string(),
            last_seen_at: client.last_seen_at.to_string(),
        }
    }
}

/// Lists the programs that called for the library, this one included.
#[utoipa::path(get, path = "/api/clients", responses(
    (status = 200, description = "The clients", body = ClientListResponse),
))]
pub(crate) async fn list_clients(
    State(state): State<AppState>,
    Caller(caller): Caller,
) -> Result<Json<ClientListResponse>, ApiError> {
    let clients = state.library().list_clients(&caller).await?;
    Ok(Json(ClientListResponse {
        clients: clients.into_iter().map(ClientResponse::from).collect(),
    }))
}
