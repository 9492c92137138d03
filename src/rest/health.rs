//! Whether the process is alive, and whether every layer is.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::extract::Json;
use crate::state::AppState;

#[derive(Serialize, ToSchema)]
pub(crate) struct HealthResponse {
    /// Always `ok`: a process that is not alive does not answer.
    status: &'static str,
    /// The version of the server.
    version: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ReadinessResponse {
    /// `ready` when every layer is, `draining` when the server is about to end, else `unready`.
    status: &'static str,
    /// One entry a layer.
    layers: Vec<LayerHealth>,
}

#[derive(Serialize, ToSchema)]
struct LayerHealth {
    /// Which layer: `store`, and `keys` of the token issuers where people sign in.
    name: &'static str,
    /// `ok` or `failed`.
    status: &'static str,
    /// How long the layer took to answer when it was last asked, in milliseconds.
    latency_ms: f64,
}

/// The process is alive.
#[utoipa::path(get, path = "/health", responses((status = 200, description = "It is", body = HealthResponse)))]
pub(crate) async fn get_health() -> Json<HealthResponse> {
    Json(HealthResponse { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Every layer works, and the server goes on. The layers are asked at most once a second.
#[utoipa::path(get, path = "/health/ready", responses(
    (status = 200, description = "Every layer works", body = ReadinessResponse),
    (status = 503, description = "At least one layer does not, or the server is about to end", body = ReadinessResponse),
))]
pub(crate) async fn get_readiness(
    State(state): State<AppState>,
) -> (StatusCode, Json<ReadinessResponse>) {
    let store = state.library().check_store().await;
    let mut layers = vec![LayerHealth::new("store", store.works, store.latency)];
    if let Some(authenticator) = state.authenticator() {
        let started = Instant::now();
        let is_ready = authenticator.is_ready().await;
        layers.push(LayerHealth::new("keys", is_ready, started.elapsed()));
    }
    let works = layers.iter().all(|layer| layer.status == "ok");
    let (code, status) = match (state.shutdown().is_cancelled(), works) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, true) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    (code, Json(ReadinessResponse { status, layers }))
}

impl LayerHealth {
    fn new(name: &'static str, is_ok: bool, latency: Duration) -> Self {
        let latency_ms = latency.as_secs_f64() * 1000.0;
        Self { name, status: if is_ok { "ok" } else { "failed" }, latency_ms }
    }
}
