//! The command `serve`, and the composition root: from settings to stores, library, sign-in,
//! router and server. No other module names the stores.

use std::io::Write;
use std::sync::Arc;

use futures_util::future::OptionFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{CommandError, print};
use crate::auth::Authenticator;
use crate::clients::convex::ConvexClient;
use crate::clients::http_client;
use crate::clients::otlp::Collector;
use crate::config::Config;
use crate::domain::SystemClock;
use crate::http::exposition::Exposition;
use crate::http::server;
use crate::jobs::{self, Jobs};
use crate::library::Library;
use crate::router::router;
use crate::state::AppState;
use crate::store::Store;
use crate::store::convex::ConvexStore;
use crate::store::sqlite::SqliteStore;
use crate::telemetry::{self, SpanExport};

pub(super) async fn serve(config: &Config) -> Result<(), CommandError> {
    let _log = telemetry::init(config).map_err(CommandError)?;
    // Before anything is made that is counted.
    let metrics = open_metrics(config).await?;
    let spans = SpanExport::start(config, Collector::new).map_err(CommandError)?;
    let store = open_store(config)?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        CommandError(format!("HOST and PORT: cannot listen on {}: {error}", config.listen))
    })?;
    let address = listener.local_addr()?;
    let url = match &config.public_url {
        Some(url) => url.clone(),
        None => format!("http://localhost:{}", address.port()),
    };
    let clock = Arc::new(SystemClock);
    let library = Arc::new(Library::new(store, clock.clone()));
    let authenticator = match &config.sign_in {
        None => None,
        Some(sign_in) => Some(Arc::new(
            Authenticator::new(sign_in, &url, &library, clock.clone())
                .map_err(|error| CommandError(error.to_string()))?,
        )),
    };
    let limits = config.limits.clone();
    let state = AppState::new(Arc::clone(&library), authenticator, url.clone(), limits, clock);
    // Whoever reads that the server listens may end it.
    let signal = server::shutdown_signal()?;
    announce(&url, config)?;
    if let Some((listener, _)) = &metrics {
        print(&format!("Metrics are on http://{}/metrics\n", listener.local_addr()?))?;
    }
    let done = CancellationToken::new();
    let metrics = metrics.map(|(listener, exposition)| {
        tokio::spawn(exposition.serve(listener, done.clone().cancelled_owned()))
    });

    let router = router(&state);
    let closing = state.shutdown().clone();
    let shutdown = async move {
        signal.await;
        closing.cancel();
    };
    let jobs = Jobs::start(
        jobs::library_jobs(&library)
            .into_iter()
            .chain(state.authenticator().into_iter().flat_map(jobs::sign_in_jobs)),
    );
    let outcome = server::serve(listener, router, server::connections_max(), shutdown).await;
    jobs.stop().await;
    if let Some(spans) = spans {
        spans.close().await;
    }
    // Watched to the end of the drain, which it does not hold up.
    done.cancel();
    if let Some(Err(error)) = OptionFuture::from(metrics).await {
        tracing::error!(%error, "the metrics were not served to the end");
    }
    outcome.map_err(|error| CommandError(format!("the server stopped: {error}")))
}

/// Begins to count and listens for those who ask, where the settings say so.
async fn open_metrics(config: &Config) -> Result<Option<(TcpListener, Exposition)>, CommandError> {
    let Some(address) = config.observability.metrics_address else { return Ok(None) };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        CommandError(format!("METRICS_ADDR: cannot listen on {address}: {error}"))
    })?;
    let exposition = Exposition::install().map_err(CommandError)?;
    Ok(Some((listener, exposition)))
}

/// Says where everything is, and nothing more.
fn announce(url: &str, config: &Config) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "PromptDB is listening on {url}")?;
    match &config.convex {
        Some(convex) => writeln!(out, "Your prompts are in Convex at {}", convex.origin())?,
        None => writeln!(out, "Your prompts are in {}", config.database_path.display())?,
    }
    writeln!(out, "Connect Claude Code: claude mcp add --transport http promptdb {url}/mcp")
}

/// Opens the store that the settings name. A Convex deployment is not called yet: while it is down,
/// the server starts and reports it in its health.
pub(super) fn open_store(config: &Config) -> Result<Arc<dyn Store>, CommandError> {
    // A store gives up before the request does, so that the caller gets "busy" and no timeout.
    let wait = config.limits.request_timeout.mul_f32(0.8);
    if let Some(convex) = &config.convex {
        let http =
            http_client(wait).map_err(|error| CommandError(format!("CONVEX_URL: {error}")))?;
        let client = ConvexClient::new(http, &convex.url, convex.api_key.clone());
        return Ok(Arc::new(ConvexStore::new(client, convex.max_concurrency, wait)));
    }
    let path = &config.database_path;
    match SqliteStore::open(path, wait, Arc::new(SystemClock)) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error) => {
            Err(CommandError(format!("DATABASE_PATH: {} cannot be used: {error}", path.display())))
        }
    }
}
