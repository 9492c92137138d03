//! [`AppState`], how it is built from [`Config`], and the whole URL table.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::http::uri::Scheme;
use axum::middleware::from_fn_with_state;
use axum::routing::{any, get, post};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;

use crate::api::mcp::PromptServer;
use crate::api::mcp::legacy_sse::{self, Streams};
use crate::api::{self, BODY_MAX_BYTES, mcp};
use crate::clients::convex::ConvexClient;
use crate::clients::{BuildError, http_client};
use crate::config::{self, Config, SignIn};
use crate::domain::Clock;
use crate::domain::library::Library;
use crate::middleware::{self, Authenticator, Limits};
use crate::store::Store;
use crate::store::convex::ConvexStore;
pub use crate::store::sqlite::backup::{BackupError, BackupProgress};
use crate::store::sqlite::{OpenError, SqliteStore, backup};

/// Most imports at a time.
const IMPORTS_MAX: usize = 64;

/// What handlers share. Cloning it is cheap.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

struct Shared {
    library: Arc<Library>,
    authenticator: Option<Arc<Authenticator>>,
    mcp: mcp::Endpoint<PromptServer>,
    streams: Streams,
    imports: Semaphore,
    shutdown: CancellationToken,
    public_url: String,
    public_host: String,
    is_strict_transport: bool,
    request_timeout: Duration,
    limits: Limits,
}

impl AppState {
    /// Builds the state on a store, for the local user alone.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        public_url: String,
        limits: &config::Limits,
    ) -> Self {
        let library = Arc::new(Library::new(store, Arc::clone(&clock)));
        Self::build(library, None, public_url, limits, clock)
    }

    /// Builds the state on a store, for everybody who signs in.
    pub fn with_sign_in(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        public_url: String,
        limits: &config::Limits,
        sign_in: &SignIn,
    ) -> Result<Self, BuildError> {
        let library = Arc::new(Library::new(store, Arc::clone(&clock)));
        let authenticator = Authenticator::new(sign_in, &public_url, &library, Arc::clone(&clock))?;
        let authenticator = Some(Arc::new(authenticator));
        Ok(Self::build(library, authenticator, public_url, limits, clock))
    }

    fn build(
        library: Arc<Library>,
        authenticator: Option<Arc<Authenticator>>,
        public_url: String,
        limits: &config::Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let request_timeout = limits.request_timeout;
        let uri = public_url.parse::<Uri>().unwrap_or_default();
        let public_host = uri.host().unwrap_or_default().to_owned();
        // A browser that is told so of `localhost` would take no plain http from any port of it.
        let is_strict_transport =
            uri.scheme() == Some(&Scheme::HTTPS) && !config::is_loopback_host(&public_host);
        let shutdown = CancellationToken::new();
        let server = PromptServer::new(Arc::clone(&library), request_timeout);
        let streams = Streams::new(&server, limits);
        let mcp = mcp::Endpoint::new(server.until(&shutdown), request_timeout);
        Self(Arc::new(Shared {
            library,
            authenticator,
            mcp,
            streams,
            imports: Semaphore::new(IMPORTS_MAX),
            shutdown,
            public_url,
            public_host,
            is_strict_transport,
            request_timeout,
            limits: Limits::new(limits, clock),
        }))
    }

    /// The use cases.
    pub fn library(&self) -> &Arc<Library> {
        &self.0.library
    }

    /// How long a request may take.
    pub fn request_timeout(&self) -> Duration {
        self.0.request_timeout
    }

    /// How much is taken on.
    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Cancelled when the server is to end: whatever lasts then closes.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    pub(crate) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    /// Places for imports, each of which holds a thread and its upload.
    pub(crate) fn imports(&self) -> &Semaphore {
        &self.0.imports
    }

    pub(crate) fn mcp(&self) -> &mcp::Endpoint<PromptServer> {
        &self.0.mcp
    }

    /// Who knows who is asking; `None` where there is only the local user.
    pub fn authenticator(&self) -> Option<&Arc<Authenticator>> {
        self.0.authenticator.as_ref()
    }

    /// The origin that clients use, without a slash at its end.
    pub(crate) fn public_url(&self) -> &str {
        &self.0.public_url
    }

    /// The host of that origin.
    pub(crate) fn public_host(&self) -> &str {
        &self.0.public_host
    }

    /// Whether browsers are to ask for that host by https alone.
    pub(crate) fn is_strict_transport(&self) -> bool {
        self.0.is_strict_transport
    }
}

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenStoreError {
    /// The file cannot be used.
    #[error("DATABASE_PATH: {} cannot be used: {cause}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: OpenError,
    },
    /// Convex cannot be called.
    #[error("CONVEX_URL: {0}")]
    Convex(#[from] BuildError),
}

/// Opens the store that the settings name. A Convex deployment is not called yet: while it is down,
/// the server starts and says so in its health.
pub fn open_store(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Store>, OpenStoreError> {
    // A store gives up before the request does, so that the caller hears "busy" instead of a
    // mere timeout.
    let wait = config.limits.request_timeout.mul_f32(0.8);
    if let Some(convex) = &config.convex {
        let client = ConvexClient::new(http_client(wait)?, &convex.url, convex.api_key.clone());
        return Ok(Arc::new(ConvexStore::new(client, convex.max_concurrency, wait)));
    }
    let path = &config.database_path;
    match SqliteStore::open(path, wait, clock) {
        Ok(store) => Ok(Arc::new(store)),
        Err(cause) => Err(OpenStoreError::Sqlite { path: path.clone(), cause }),
    }
}

/// Copies the library's file to a new one at `target`, as [`backup::back_up`] says. Not for Convex.
pub fn back_up(
    config: &Config,
    target: &Path,
    progress: impl FnMut(BackupProgress),
) -> Result<u64, BackupError> {
    backup::back_up(&config.database_path, target, config.limits.request_timeout, progress)
}

/// Every URL of the server.
pub fn router(state: &AppState) -> Router {
    let (rest, document) = OpenApiRouter::with_openapi(api::openapi::document())
        .merge(api::health::router())
        .nest("/api", api::account::router())
        .nest("/api/prompts", api::prompts::router())
        .nest("/api/candidates", api::candidates::router())
        .nest("/api", api::transfer::export_router())
        .split_for_parts();
    let (import, import_document) =
        OpenApiRouter::new().nest("/api", api::transfer::import_router()).split_for_parts();
    let document = document.merge_from(import_document);
    let rest = match state.authenticator() {
        Some(authenticator) => rest.merge(api::auth::router(authenticator)),
        None => rest,
    };
    let router = rest
        .merge(api::openapi::router(document))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn_with_state(state.clone(), middleware::keep_deadline))
        // An import keeps its own deadline and tells in its report where it ended.
        .merge(import)
        .route("/mcp", any(mcp::serve))
        .route("/sse", get(legacy_sse::open_stream))
        .route("/messages", post(legacy_sse::post_message))
        .method_not_allowed_fallback(api::method_not_allowed)
        .fallback(api::no_route);
    middleware::wrap(router, state).with_state(state.clone())
}
