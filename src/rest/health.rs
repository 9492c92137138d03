//! Health probes: liveness of the process, readiness of every layer.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::extract::Json;
use crate::state::AppState;

#[derive(Serialize, ToSchema)]
pub(crate) struct HealthResponse {
    /// Always `ok`: a process that is not alive does not respond.
    status: &'static str,
    /// The version of the server.
    version: &'static str,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct ReadinessResponse {
    /// `ready` if every layer works, `draining` during shutdown, else `unready`.
    status: &'static str,
    /// One entry for each layer.
    layers: Vec<LayerHealth>,
    /// How searches find prompts: by `meaning` and words, or by `words` alone where there is no model.
    search: &'static str,
}

#[derive(Serialize, ToSchema)]
struct LayerHealth {
    /// `store`; with sign-in also `keys`, the keys of the token issuers; with subscriptions also
    /// `billing`, the configuration of Stripe. A Stripe that is down does not fail it.
    name: &'static str,
    /// `ok` or `failed`.
    status: &'static str,
    /// The duration of the last check in milliseconds.
    latency_ms: f64,
}

/// Liveness: the process responds.
#[utoipa::path(get, path = "/health", responses((status = 200, description = "The process is alive", body = HealthResponse)))]
pub(crate) async fn get_health() -> Json<HealthResponse> {
    Json(HealthResponse { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Readiness: every layer works and no shutdown has begun. Each layer is checked at most once a
/// second.
#[utoipa::path(get, path = "/health/ready", responses(
    (status = 200, description = "Every layer works", body = ReadinessResponse),
    (status = 503, description = "At least one layer fails, or the server is shutting down", body = ReadinessResponse),
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
    if let Some(billing) = state.billing() {
        let started = Instant::now();
        let is_configured = billing.is_configured().await;
        layers.push(LayerHealth::new("billing", is_configured, started.elapsed()));
    }
    let works = layers.iter().all(|layer| layer.status == "ok");
    // During shutdown a load balancer must send requests elsewhere, even if every layer works.
    let (code, status) = match (state.shutdown().is_cancelled(), works) {
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, true) => (StatusCode::OK, "ready"),
        (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    let search = if state.library().encoder().is_some() { "meaning" } else { "words" };
    (code, Json(ReadinessResponse { status, layers, search }))
}

impl LayerHealth {
    fn new(name: &'static str, is_ok: bool, latency: Duration) -> Self {
        let latency_ms = latency.as_secs_f64() * 1000.0;
        Self { name, status: if is_ok { "ok" } else { "failed" }, latency_ms }
    }
}
