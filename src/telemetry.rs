//! What operators see: the log, the metrics, the traces, and the span of each request.
//!
//! A low module: it imports only the domain's types, the settings and the error types. Contents,
//! names of prompts, paths and queries never reach it.

mod call;
mod format;
pub(crate) mod metrics;
mod outbound;
mod record;
mod spans;
mod trace;
mod writer;

use std::io::IsTerminal;

use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use self::call::{Call, CallStatus};
use self::format::WithSpanFields;
pub use self::outbound::CallSpan;
pub use self::record::{Exchange, Record};
pub use self::spans::SpanExport;
pub use self::writer::LogGuard;
use self::writer::LogWriter;
use crate::config::{Log, LogFormat};

/// Maximum level of modules that log contents, or a line for every frame, on the levels above it.
/// rmcp's service logs an error whenever a client has gone, which is how every subscription ends.
/// `RUST_LOG` cannot raise these levels.
const QUIET: [(&str, LevelFilter); 4] = [
    ("rmcp::service", LevelFilter::OFF),
    ("rmcp", LevelFilter::ERROR),
    ("hyper", LevelFilter::WARN),
    ("h2", LevelFilter::WARN),
];

/// Starts logging to stderr, until the guard is dropped.
///
/// # Errors
/// A message for the operator, if `RUST_LOG` is invalid or the process logs already.
pub fn init(settings: &Log) -> Result<LogGuard, String> {
    let chosen = EnvFilter::try_new(&settings.filter)
        .map_err(|error| format!("RUST_LOG is not a valid filter: {error}"))?;
    // The span of a request is there whatever `RUST_LOG` leaves out: the lines that it leaves in
    // carry the id.
    let of_request = filter_fn(record::is_request_span).with_max_level_hint(LevelFilter::ERROR);
    let (writer, guard) = LogWriter::start(std::io::stderr());
    let log = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal());
    let log = match settings.format {
        LogFormat::Pretty => log.with_target(false).boxed(),
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .map_event_format(WithSpanFields)
            .boxed(),
    };
    tracing_subscriber::registry()
        .with(log.with_filter(of_request.or(chosen.and(filter_fn(is_discreet)))))
        .try_init()
        .map_err(|error| error.to_string())?;
    Ok(guard)
}

/// Returns whether [`QUIET`] lets an event or a span through.
fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let module = QUIET.iter().find(|(module, _)| {
        let rest = metadata.target().strip_prefix(module);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    });
    module.is_none_or(|(_, level)| metadata.level() <= level)
}
