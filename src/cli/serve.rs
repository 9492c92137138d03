//! The command `serve`, and the composition root: from settings to store, library, sign-in, router
//! and server. Beside `backup` and `doctor`, which read a file of SQLite, only this module names the
//! stores' implementations.

use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use super::connect::claude_code_command;
use super::model::Model;
use super::{CommandError, print};
use crate::auth::{Authenticator, Gate, TokenGate};
use crate::billing::Billing;
use crate::clients::convex::ConvexClient;
use crate::clients::http_client;
use crate::clients::otlp::Collector;
use crate::config::{Identity, LibrarySettings, Settings, Storage};
use crate::domain::plan::{Plan, Plans};
use crate::domain::{self, SystemClock};
use crate::http::exposition::Exposition;
use crate::http::server::{self, Listener};
use crate::jobs::{self, Jobs};
use crate::library::Library;
use crate::router::router;
use crate::state::{AppState, Site};
use crate::store::Store;
use crate::store::convex::ConvexStore;
use crate::store::sqlite::SqliteStore;
use crate::telemetry::SpanExport;
use crate::web::compress_assets;

/// Serves until the process is asked to end, and drains.
pub(super) async fn serve(settings: &Settings) -> Result<(), CommandError> {
    let identity = settings.identity.validate()?;
    let address = settings.server.validate(&identity)?;
    let limits = settings.limits.validate(identity.needs_credential())?;
    let billing = settings.billing.validate(identity.has_accounts())?;
    let metrics_address = settings.observability.metrics_address()?;
    let traces =
        settings.observability.traces.validate(settings.server.deployment.environment()?)?;
    let storage = settings.storage.validate()?;

    // The recorder of metrics comes first: a handle that is made without it counts nothing.
    let metrics = open_metrics(metrics_address).await?;
    let spans = SpanExport::start(traces.as_ref(), Collector::new).map_err(CommandError::failed)?;
    let store = open_store(&storage, limits.request_timeout)?;
    let listener = if address.listen.ip().is_loopback() && !identity.has_accounts() {
        Listener::bind_loopback(address.listen).await
    } else {
        Listener::bind(address.listen).await
    };
    let listener = listener.map_err(|error| cannot_listen(address.listen, &error))?;
    let listening = format!("http://{}:{}", listener.host()?, listener.local_addr()?.port());
    let url = address.public_url.unwrap_or_else(|| listening.clone());
    let clock = Arc::new(SystemClock);
    let model = Model::open(&settings.meaning)?;
    let library = Library::new(Arc::clone(&store), clock.clone())
        .with_public_url(url.clone())
        .with_encoder(model.encoder())
        .with_cursor_secrets(identity.secrets());
    let library = Arc::new(library);
    let gate = match &identity {
        Identity::Loopback => Gate::Loopback,
        Identity::AccessToken(access) => {
            Gate::AccessToken(Arc::new(TokenGate::new(access, &url, &library, clock.clone())))
        }
        Identity::WorkOs(sign_in) => {
            let free = Plan::free(sign_in.free_prompt_limit, limits.rate_per_minute);
            let (plans, offer) = match &billing {
                Some(billing) => (Plans { free, pro: billing.plan() }, Some(billing.offer())),
                None => (Plans { free, ..Plans::default() }, None),
            };
            let authenticator =
                Authenticator::new(sign_in, plans, offer, &url, &library, clock.clone());
            Gate::WorkOs(Arc::new(
                authenticator.map_err(|error| CommandError::failed(error.to_string()))?,
            ))
        }
    };
    let billing = match (billing, &gate) {
        (Some(billing), Gate::WorkOs(authenticator)) => {
            let authenticator = Arc::clone(authenticator);
            let billing = Billing::new(&billing, &url, store, authenticator, clock.clone());
            Some(Arc::new(billing.map_err(|error| CommandError::failed(error.to_string()))?))
        }
        _ => None,
    };
    let site = Site {
        public_url: url.clone(),
        openai_apps_challenge: address.openai_apps_challenge,
        has_openai_search: address.has_openai_search,
    };
    let state = AppState::new(Arc::clone(&library), gate, billing, site, limits, clock);
    // The handlers of signals precede the first line of output: its reader may end the process.
    let signal = server::shutdown_signal()?;
    announce(&listening, &url, &identity, &storage, &model)?;
    if let Some((listener, _)) = &metrics {
        print(&format!("Metrics are on http://{}/metrics\n", listener.local_addr()?))?;
    }

    let router = router(&state);
    let closing = state.shutdown().clone();
    let shutdown = async move {
        signal.await;
        closing.cancel();
    };
    let jobs = Jobs::start(
        jobs::library_jobs(&library)
            .into_iter()
            .chain(state.authenticator().into_iter().flat_map(jobs::sign_in_jobs))
            .chain(state.billing().into_iter().flat_map(jobs::billing_jobs))
            .chain(metrics.iter().map(|(_, exposition)| jobs::metrics_job(exposition))),
    );
    jobs.add_blocking(domain::compile_patterns);
    jobs.add_blocking(compress_assets);
    if let Some((listener, exposition)) = metrics {
        // Until the drain is over, for an operator watches it.
        jobs.add(|stop| async move {
            if let Err(error) = exposition.serve(listener, stop.cancelled_owned()).await {
                tracing::error!(%error, "serving the metrics failed");
            }
        });
    }
    let outcome = server::serve(listener, router, server::connections_max(), shutdown).await;
    jobs.stop().await;
    if let Some(spans) = spans {
        spans.close().await;
    }
    outcome.map_err(|error| CommandError::failed(format!("the server stopped: {error}")))
}

/// Explains why a listener was refused. A port that is taken is often that of another PromptDB.
fn cannot_listen(address: SocketAddr, error: &io::Error) -> CommandError {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            "; PromptDB may already run there, which `promptdb doctor` checks; PORT sets another port"
        }
        ErrorKind::AddrNotAvailable => "; HOST must be an address of this machine",
        ErrorKind::PermissionDenied => "; set PORT to 1024 or more",
        _ => "",
    };
    CommandError::failed(format!("HOST and PORT: cannot listen on {address}: {error}{hint}"))
}

/// Installs the recorder of metrics and binds the listener of `/metrics`, if they are on.
async fn open_metrics(
    address: Option<SocketAddr>,
) -> Result<Option<(TcpListener, Arc<Exposition>)>, CommandError> {
    let Some(address) = address else { return Ok(None) };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        CommandError::failed(format!("METRICS_ADDR: cannot listen on {address}: {error}"))
    })?;
    let exposition = Exposition::install().map_err(CommandError::failed)?;
    Ok(Some((listener, Arc::new(exposition))))
}

/// Prints where the server listens, the library's URL in a browser, the place of the prompts, how they are
/// found, and the command that connects a client. `url` is that under which clients reach the server, for
/// example through a proxy.
fn announce(
    listening: &str,
    url: &str,
    identity: &Identity,
    storage: &Storage,
    model: &Model,
) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "PromptDB is listening on {listening}")?;
    writeln!(out, "Open {url}/app")?;
    writeln!(out, "Your prompts are in {}", storage.describe())?;
    writeln!(out, "{}", model.describe())?;
    let command = match identity {
        // It asks for the token, which belongs into no command that a shell keeps.
        Identity::AccessToken(_) => {
            format!("promptdb connect claude-code --url {url} --write --token-stdin")
        }
        _ => claude_code_command(&format!("{url}/mcp")),
    };
    writeln!(out, "Connect Claude Code: {command}")
}

/// Opens the library for a command that serves no HTTP.
pub(super) fn open_library(settings: &LibrarySettings) -> Result<Arc<Library>, CommandError> {
    Ok(Arc::new(build_library(settings)?))
}

/// Builds the library of [`open_library`], for a command that has more to set in it.
pub(super) fn build_library(settings: &LibrarySettings) -> Result<Library, CommandError> {
    let store = open_store(&settings.storage.validate()?, settings.timeout.request_timeout()?)?;
    Ok(Library::new(store, Arc::new(SystemClock)))
}

/// Opens the store. A Convex deployment is not called yet: while it is down, the server starts and
/// reports the failure under `/health/ready`.
pub(super) fn open_store(
    storage: &Storage,
    request_timeout: Duration,
) -> Result<Arc<dyn Store>, CommandError> {
    // The store times out before the request does, so that the caller gets the store's error
    // instead of a timeout without a reason.
    let wait = request_timeout.mul_f32(0.8);
    match storage {
        Storage::Convex(convex) => {
            let http = http_client(wait)
                .map_err(|error| CommandError::failed(format!("CONVEX_URL: {error}")))?;
            let client = ConvexClient::new(http, &convex.url, convex.api_key.clone());
            Ok(Arc::new(ConvexStore::new(client, convex.max_concurrency, wait)))
        }
        Storage::File(path) => match SqliteStore::open(path, wait, Arc::new(SystemClock)) {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => {
                let path = path.display();
                Err(CommandError::failed(format!("DATABASE_PATH: {path} cannot be used: {error}")))
            }
        },
    }
}
