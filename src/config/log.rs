//! The settings of the log.

use clap::builder::EnumValueParser;
use clap::{Args, ValueEnum};

use super::ConfigError;
use super::setting::{Setting, deferred, required, text};

/// The settings of the log, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub struct LogSettings {
    /// Format of the log on standard error
    #[arg(long, env, global = true, default_value = "pretty",
          value_parser = deferred(EnumValueParser::<LogFormat>::new()))]
    log_format: Setting<LogFormat>,

    /// Which events are logged, as directives of the `tracing` library: info, or
    /// promptdb=debug,warn
    #[arg(long, env = "RUST_LOG", global = true, default_value = "info", value_name = "FILTER",
          value_parser = text())]
    log: Setting<String>,
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Text for people
    Pretty,
    /// One JSON object per line
    Json,
}

/// The log.
#[derive(Debug, Clone)]
pub struct Log {
    /// The format of a line.
    pub format: LogFormat,
    /// Directives of `tracing_subscriber::EnvFilter`, not parsed yet.
    pub filter: String,
}

impl LogSettings {
    /// Checks the format. Parsing the filter is left to the subscriber.
    pub fn validate(&self) -> Result<Log, ConfigError> {
        Ok(Log { format: required(&self.log_format)?, filter: required(&self.log)? })
    }
}
