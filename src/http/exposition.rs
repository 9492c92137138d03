//! `/metrics` for Prometheus, on an address of its own: it is for operators, not for clients.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use super::server;
use crate::telemetry::metrics;

/// The metrics of this process, as Prometheus reads them.
pub struct Exposition {
    recorded: PrometheusHandle,
    process: Process,
}

impl Exposition {
    /// Starts to record, for the whole process. Must be called once, before anything is counted.
    pub fn install() -> Result<Self, String> {
        let recorded = metrics::install().map_err(|error| error.to_string())?;
        Ok(Self { recorded, process: Process::describe() })
    }

    /// Moves recorded durations into their buckets, which bounds their memory while nothing scrapes.
    pub fn run_upkeep(&self) {
        self.recorded.run_upkeep();
    }

    /// Serves `/metrics` until `shutdown` resolves.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let router = Router::new().route("/metrics", get(render)).with_state(self);
        server::serve_uncounted(listener, router, shutdown).await
    }
}

async fn render(State(exposition): State<Arc<Exposition>>) -> impl IntoResponse {
    exposition.process.collect();
    let format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (format, exposition.recorded.render())
}

/// Memory, processor time and file descriptors, under the names of Prometheus's own client
/// libraries. Collected on Linux alone.
struct Process {
    #[cfg(target_os = "linux")]
    collector: metrics_process::Collector,
}

impl Process {
    #[cfg(target_os = "linux")]
    fn describe() -> Self {
        let collector = metrics_process::Collector::default();
        collector.describe();
        Self { collector }
    }

    #[cfg(not(target_os = "linux"))]
    fn describe() -> Self {
        Self {}
    }

    fn collect(&self) {
        #[cfg(target_os = "linux")]
        self.collector.collect();
    }
}
