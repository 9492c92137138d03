//! What operators see: the log, and what is known of each request. The only place that names fields.

mod call;
pub(crate) mod metrics;
mod record;
mod spans;
mod trace;
mod writer;

use std::io::IsTerminal;

use tracing_subscriber::filter::{FilterExt, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

pub use self::call::{Call, Outcome};
pub use self::record::{CallSpan, Exchange, Record};
pub use self::spans::SpanExport;
pub use self::writer::LogGuard;
use self::writer::LogWriter;
use crate::config::{Log, LogFormat};

/// Modules that log contents, or a line for every frame, below the level beside them; rmcp's
/// service calls it an error when a client has gone, as every client does that ends a
/// subscription. `RUST_LOG` cannot open them.
const QUIET: [(&str, LevelFilter); 4] = [
    ("rmcp::service", LevelFilter::OFF),
    ("rmcp", LevelFilter::ERROR),
    ("hyper", LevelFilter::WARN),
    ("h2", LevelFilter::WARN),
];

/// Starts logging to stderr, until the guard is dropped.
pub fn init(settings: &Log) -> Result<LogGuard, String> {
    let chosen = EnvFilter::try_new(&settings.filter)
        .map_err(|error| format!("RUST_LOG is no filter: {error}"))?;
    let discreet = filter_fn(|metadata| {
        let is_in = |module: &str| {
            let inside = metadata.target().strip_prefix(module);
            inside.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let quiet = QUIET.iter().find(|(module, _)| is_in(module));
        quiet.is_none_or(|(_, level)| metadata.level() <= level)
    });
    let (writer, guard) = LogWriter::start(std::io::stderr());
    let log = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal());
    let log = match settings.format {
        LogFormat::Pretty => log.with_target(false).boxed(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).boxed(),
    };
    tracing_subscriber::registry()
        .with(log.with_filter(chosen.and(discreet)))
        .try_init()
        .map_err(|error| error.to_string())?;
    Ok(guard)
}
