//! The log: its subscriber and the one line a request. The only place that names log fields.

use std::io::IsTerminal;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};

/// Crates that log contents or a line for every frame below this level.
const QUIET: &str = "rmcp=error,hyper=warn,h2=warn";

/// Starts logging to stderr.
pub fn init(config: &Config) -> Result<(), String> {
    // Of two directives for one target the later one holds.
    let filter = EnvFilter::try_new(format!("{},{QUIET}", config.log_filter))
        .map_err(|error| format!("RUST_LOG is no filter: {error}"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Pretty => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).try_init(),
    }
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
        tracing::info!(%method, route, status, duration_us, request_id, "request");
    }
}
