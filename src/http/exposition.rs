//! `/metrics` for Prometheus, on an address of its own: what it says is for operators, not for
//! those whom the server serves.

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

/// How often what was timed is put into its buckets, so that it does not pile up while nobody asks.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// The metrics of this process, as Prometheus reads them.
pub struct Exposition {
    recorded: PrometheusHandle,
    process: Process,
}

impl Exposition {
    /// Begins to record; before, everything that is counted or timed is forgotten. To be called once
    /// in a process.
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

/// Memory, processor time and file descriptors, under the names that every Prometheus client uses;
/// known on Linux, where servers run.
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
