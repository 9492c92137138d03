//! `/metrics` for Prometheus, on an address of its own: it is for operators, not for clients.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use super::server;
use crate::telemetry::metrics;

/// Time between two moves of recorded durations into their buckets, which bounds their memory when
/// nothing scrapes.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

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

    /// Serves `/metrics` until `shutdown` resolves.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) -> std::io::Result<()> {
        let exposition = Arc::new(self);
        let upkeep = async {
            loop {
                tokio::time::sleep(UPKEEP_EVERY).await;
                exposition.recorded.run_upkeep();
            }
        };
        let router = Router::new().route("/metrics", get(render));
        let router = router.with_state(Arc::clone(&exposition));
        tokio::select! {
            outcome = server::serve_uncounted(listener, router, shutdown) => outcome,
            () = upkeep => Ok(()),
        }
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
