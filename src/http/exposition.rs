//! `/metrics` for Prometheus, on an address of its own: it is for operators, not for clients.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use super::origin::read_hosts;
use super::server;
use crate::auth::origin::plain_host;
use crate::config::is_loopback_host;
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
        let address = listener.local_addr()?.ip();
        let check = from_fn(move |request, next| check_host(address, request, next));
        let router = Router::new().route("/metrics", get(render)).layer(check).with_state(self);
        server::serve_uncounted(listener, router, shutdown).await
    }
}

/// Refuses a request under a foreign name, by which a page could rebind its own name to this address
/// and read the metrics (DNS rebinding).
async fn check_host(address: IpAddr, request: Request, next: Next) -> Response {
    let text = |status, text: &'static str| (status, text).into_response();
    let Some(hosts) = read_hosts(&request) else {
        return text(StatusCode::BAD_REQUEST, "the Host header is missing or malformed\n");
    };
    let mut hosts = hosts.iter().map(plain_host);
    if !hosts.all(|host| host.is_some_and(|host| is_own_host(address, host))) {
        return text(
            StatusCode::FORBIDDEN,
            "the Host header must name this machine by its address\n",
        );
    }
    next.run(request).await
}

/// Whether a host names a listener without the help of the public DNS.
fn is_own_host(address: IpAddr, host: &str) -> bool {
    if is_loopback_host(host) {
        return true;
    }
    // A browser outside does not reach a loopback address under another one.
    if address.is_loopback() {
        return false;
    }
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    // A single label is a name of the local network, and ICANN reserves `internal` for private use:
    // no site on the internet has such a name.
    literal.parse::<IpAddr>().is_ok() || !host.contains('.') || has_private_suffix(host)
}

fn has_private_suffix(host: &str) -> bool {
    host.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case("internal"))
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

#[cfg(test)]
mod tests {
    use super::is_own_host;

    #[track_caller]
    fn check(address: &str, host: &str, expected: bool) {
        let found = is_own_host(address.parse().unwrap(), host);
        assert_eq!(found, expected, "{host} at {address}");
    }

    #[test]
    fn the_metrics_have_no_foreign_name() {
        for address in ["127.0.0.1", "::1", "0.0.0.0", "::", "192.0.2.7"] {
            for own in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"] {
                check(address, own, true);
            }
            for foreign in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"] {
                check(address, foreign, false);
            }
        }
        for private in ["192.0.2.7", "[2001:db8::1]", "promptdb", "9.vm.promptdb.internal"] {
            check("0.0.0.0", private, true);
            check("127.0.0.1", private, false);
        }
        check("0.0.0.0", "internal.evil.example", false);
        check("0.0.0.0", "evil.example.", false);
    }
}
