//! The log: its subscriber and the one line a request. The only place that names log fields.

use std::io::IsTerminal;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::{Config, LogFormat};

/// Modules that log contents, or a line for every frame, below the level beside them; rmcp's
/// service calls it an error when a client has gone, as every client does that ends a
/// subscription. `RUST_LOG` cannot open them.
const QUIET: [(&str, LevelFilter); 4] = [
    ("rmcp::service", LevelFilter::OFF),
    ("rmcp", LevelFilter::ERROR),
    ("hyper", LevelFilter::WARN),
    ("h2", LevelFilter::WARN),
];

/// The methods of RFC 9110 and RFC 5789.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
    Method::PATCH,
];

/// Starts logging to stderr.
pub fn init(config: &Config) -> Result<(), String> {
    let chosen = EnvFilter::try_new(&config.log_filter)
        .map_err(|error| format!("RUST_LOG is no filter: {error}"))?;
    let discreet = filter_fn(|metadata| {
        let is_in = |module: &str| {
            let inside = metadata.target().strip_prefix(module);
            inside.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let quiet = QUIET.iter().find(|(module, _)| is_in(module));
        quiet.is_none_or(|(_, level)| metadata.level() <= level)
    });
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let log = match config.log_format {
        LogFormat::Pretty => log.with_target(false).boxed(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(log.with_filter(chosen.and(discreet)))
        .try_init()
        .map_err(|error| error.to_string())
}

/// What the log says of a finished request; never its path, its query or its body, for they hold
/// names and texts of users.
pub struct RequestLine<'a> {
    /// The id that the response carries.
    pub request_id: &'a str,
    /// The method.
    pub method: &'a Method,
    /// The template of the route, such as `/api/prompts/{prompt}`.
    pub route: &'a str,
    /// The status of the response.
    pub status: StatusCode,
    /// From the first byte of the head to the head of the response.
    pub duration: Duration,
}

impl RequestLine<'_> {
    /// Writes the line.
    pub fn log(&self) {
        let Self { request_id, method, route, status, duration } = self;
        let (status, duration_us) = (status.as_u16(), duration.as_micros());
        // A client may send any word as its method.
        let method = if METHODS.contains(method) { method.as_str() } else { "other" };
        tracing::info!(method, route, status, duration_us, request_id, "request");
    }
}
