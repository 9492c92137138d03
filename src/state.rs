//! [`AppState`]: the handles that handlers share. It knows no handler.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Uri;
use axum::http::uri::Scheme;
use tokio_util::sync::CancellationToken;

use crate::auth::{Authenticator, Gate};
use crate::billing::Billing;
use crate::config::{self, Limits};
use crate::domain::Clock;
use crate::domain::plan::{Plan, Plans};
use crate::erasure::Erasure;
use crate::library::Library;

/// The handles that handlers share. Cloning it is cheap.
#[derive(Clone)]
pub struct AppState(Arc<Shared>);

/// The settings of the server that its clients can observe.
pub struct Site {
    /// The origin that clients use, without a trailing slash.
    pub public_url: String,
    /// The token by which OpenAI verifies the domain of the server.
    pub openai_apps_challenge: Option<String>,
    /// Whether the server has the tools that OpenAI's company knowledge calls.
    pub has_openai_search: bool,
}

struct Shared {
    library: Arc<Library>,
    gate: Gate,
    billing: Option<Arc<Billing>>,
    erasure: Arc<Erasure>,
    shutdown: CancellationToken,
    public_url: String,
    public_host: String,
    is_https: bool,
    is_strict_transport: bool,
    openai_apps_challenge: Option<String>,
    has_openai_search: bool,
    limits: Limits,
    clock: Arc<dyn Clock>,
}

impl AppState {
    /// Builds the state. Without `billing` nothing is sold.
    pub fn new(
        library: Arc<Library>,
        gate: Gate,
        billing: Option<Arc<Billing>>,
        site: Site,
        limits: Limits,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let erasure =
            Erasure::new(Arc::clone(&library), gate.authenticator().cloned(), billing.clone());
        let Site { public_url, openai_apps_challenge, has_openai_search } = site;
        let uri = public_url.parse::<Uri>().unwrap_or_default();
        let public_host = uri.host().unwrap_or_default().to_owned();
        // RFC 6797, section 8.3: a browser that stores the policy for `localhost` would refuse
        // plain http on every port of it.
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let is_strict_transport = is_https && !config::is_loopback_host(&public_host);
        Self(Arc::new(Shared {
            library,
            gate,
            billing,
            erasure: Arc::new(erasure),
            shutdown: CancellationToken::new(),
            public_url,
            public_host,
            is_https,
            is_strict_transport,
            openai_apps_challenge,
            has_openai_search,
            limits,
            clock,
        }))
    }

    /// The use cases.
    pub fn library(&self) -> &Arc<Library> {
        &self.0.library
    }

    /// How the server knows its callers.
    pub fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// Signs users in with WorkOS; `None` where there is only the local user.
    pub fn authenticator(&self) -> Option<&Arc<Authenticator>> {
        self.0.gate.authenticator()
    }

    /// Sells subscriptions; `None` where nothing is sold.
    pub fn billing(&self) -> Option<&Arc<Billing>> {
        self.0.billing.as_ref()
    }

    /// Erases accounts.
    pub fn erasure(&self) -> &Arc<Erasure> {
        &self.0.erasure
    }

    /// The settings of limits and deadlines.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// The plan of the local user. Where they have an access token, the rate is that of strangers.
    pub(crate) fn local_plan(&self) -> Plan {
        match self.0.gate {
            Gate::AccessToken(_) => Plan::LOCAL,
            _ => Plan { requests_per_minute: self.0.limits.rate_per_minute, ..Plan::LOCAL },
        }
    }

    /// Every plan that a caller can have.
    pub(crate) fn plans(&self) -> Vec<Plan> {
        match self.authenticator() {
            Some(authenticator) => {
                let Plans { free, pro } = authenticator.plans();
                vec![free, pro]
            }
            None => vec![self.local_plan()],
        }
    }

    /// The deadline of a request.
    pub fn request_timeout(&self) -> Duration {
        self.0.limits.request_timeout
    }

    /// Cancelled at the start of the shutdown. Streams end then; requests in flight go on.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.0.shutdown
    }

    /// The origin that clients use, without a trailing slash.
    pub(crate) fn public_url(&self) -> &str {
        &self.0.public_url
    }

    /// The host of the origin that clients use.
    pub(crate) fn public_host(&self) -> &str {
        &self.0.public_host
    }

    /// Whether clients use https.
    pub(crate) fn is_https(&self) -> bool {
        self.0.is_https
    }

    /// Whether responses carry `Strict-Transport-Security`.
    pub(crate) fn is_strict_transport(&self) -> bool {
        self.0.is_strict_transport
    }

    /// The token by which OpenAI verifies the domain of the server.
    pub(crate) fn openai_apps_challenge(&self) -> Option<&str> {
        self.0.openai_apps_challenge.as_deref()
    }

    /// Whether the server has the tools that OpenAI's company knowledge calls.
    pub(crate) fn has_openai_search(&self) -> bool {
        self.0.has_openai_search
    }

    /// The source of the time.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }
}
