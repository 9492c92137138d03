//! Every setting, as a flag and an environment variable, in groups. No other module reads the
//! environment.
//!
//! Clap parses all settings for each command, but a setting is checked only when a command
//! validates its group. A command gets the groups that it uses and no others (`parts.rs`), and its
//! help lists the same. An empty value counts as unset, in the environment and as a flag.

mod billing;
mod convex;
mod identity;
mod limits;
mod log;
mod meaning;
mod observability;
mod origins;
mod parts;
mod server;
mod setting;
mod sign_in;
mod storage;
mod terminal;

use std::net::IpAddr;
use std::path::PathBuf;

use axum::http::Uri;
use axum::http::uri::Authority;
use clap::Args;
use serde::Deserialize;

pub use self::billing::{Billing, BillingSettings};
pub use self::convex::{Convex, ConvexSettings};
pub use self::identity::{AccessToken, AccessTokenSettings, Identity, IdentitySettings};
pub use self::limits::{LimitSettings, Limits, MachineId, TimeoutSettings};
pub use self::log::{Log, LogFormat, LogSettings};
pub use self::meaning::{MeaningSettings, ModelPath, default_model_path};
pub use self::observability::{ObservabilitySettings, TraceSampler, TraceSettings, Traces};
pub use self::parts::{
    ConnectSettings, DoctorSettings, LibrarySettings, PromptSettings, StdioSettings,
};
pub use self::server::{
    AddressSettings, DeploymentSettings, Environment, ListenSettings, Server, ServerSettings,
    ToolSettings,
};
pub(crate) use self::setting::one_line;
pub use self::sign_in::{SignIn, SignInSettings, SignInSwitch};
pub use self::storage::{Storage, StorageSettings, default_database_path};
pub use self::terminal::{Clipboard, client_variable, editor, search_path};

/// All settings, as given on the command line and in the environment.
#[derive(Debug, Clone, Args)]
pub struct Settings {
    /// The HTTP server's address.
    #[command(flatten)]
    pub server: ServerSettings,

    /// The place that keeps the prompts.
    #[command(flatten)]
    pub storage: StorageSettings,

    /// Search by meaning.
    #[command(flatten)]
    pub meaning: MeaningSettings,

    /// The log.
    #[command(flatten)]
    pub log: LogSettings,

    /// Limits of requests.
    #[command(flatten)]
    pub limits: LimitSettings,

    /// Metrics and traces.
    #[command(flatten)]
    pub observability: ObservabilitySettings,

    /// How callers prove who they are.
    #[command(flatten)]
    pub identity: IdentitySettings,

    /// Subscriptions at Stripe.
    #[command(flatten)]
    pub billing: BillingSettings,
}

/// A text that `Debug` does not print.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// An invalid or missing setting, in one line that begins with its name.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

fn fault(setting: &'static str, fault: impl std::fmt::Display) -> ConfigError {
    ConfigError(format!("{setting} {fault}"))
}

/// Checks that a URL is an origin, and returns it in lower case and without a slash at its end.
///
/// The scheme is https; http is allowed on this machine only. `setting` is named in the error.
pub(crate) fn origin(setting: &'static str, url: &str) -> Result<String, ConfigError> {
    let form = "an address like https://prompts.example.com or http://localhost:3000";
    // A user's name and password have no place in an origin, nor in an error.
    if url.contains('@') {
        return Err(fault(setting, format!("must be {form}, without a user or a password")));
    }
    let origin = url.strip_suffix('/').unwrap_or(url);
    let uri: Uri =
        origin.parse().map_err(|_| fault(setting, format!("is {url}, which is not a URL")))?;
    let is_origin = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.path_and_query().is_none_or(|path| path == "/")
        && uri.authority().is_some_and(is_host_and_port);
    if !is_origin {
        return Err(fault(setting, format!("is {url}, but must be {form}, without a path")));
    }
    if uri.scheme_str() == Some("http") && !is_on_this_machine(&uri) {
        let message = format!("is {url}, but must begin with https:// outside this machine");
        return Err(fault(setting, message));
    }
    Ok(origin.to_ascii_lowercase())
}

/// Whether an authority has a host and, if any, a port that exists.
fn is_host_and_port(authority: &Authority) -> bool {
    let rest = authority.as_str().strip_prefix(authority.host());
    rest.is_some_and(|rest| {
        rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    })
}

fn is_on_this_machine(uri: &Uri) -> bool {
    uri.host().is_some_and(is_loopback_host)
}

/// Returns whether the host of a URL or a `Host` header, without its port, is this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The user's home folder.
pub fn home_folder() -> Option<PathBuf> {
    dirs::home_dir()
}

/// The folder of the platform for the configuration of a user's programs.
pub fn config_folder() -> Option<PathBuf> {
    dirs::config_dir()
}

/// The folder of the platform for the data of a user's programs that stays on this machine.
pub fn local_data_folder() -> Option<PathBuf> {
    dirs::data_local_dir()
}

/// The variable with the access token of a server elsewhere, for `connect`.
pub const ACCESS_TOKEN: &str = "ACCESS_TOKEN";

/// Reads [`ACCESS_TOKEN`]; `None` if it is absent, empty or not UTF-8. A command reads it only where the
/// user asks for it.
#[expect(clippy::disallowed_methods, reason = "this module is the reader of the environment")]
pub fn access_token() -> Option<Secret> {
    std::env::var(ACCESS_TOKEN).ok().filter(|token| !token.is_empty()).map(Secret::from)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        settings: Settings,
    }

    pub(super) fn parse(flags: &[&str]) -> Settings {
        let flags = ["promptdb", "--database-path", "/data/library.db"].iter().chain(flags);
        Cli::try_parse_from(flags).unwrap().settings
    }

    /// Validates every group, as `serve` does, and returns what `Debug` prints of them.
    fn validate(settings: &Settings) -> Result<String, ConfigError> {
        let identity = settings.identity.validate()?;
        let groups = (
            settings.log.validate()?,
            settings.storage.validate()?,
            settings.meaning.validate()?,
            settings.server.validate(&identity)?,
            settings.limits.validate(identity.needs_credential())?,
            settings.observability.metrics_address()?,
            settings.observability.traces.validate(settings.server.deployment.environment()?)?,
        );
        let billing = settings.billing.validate(identity.has_accounts())?;
        Ok(format!("{groups:?} {identity:?} {billing:?}"))
    }

    #[track_caller]
    pub(super) fn check(flags: &[&str], expected: Result<(), &str>) {
        match (validate(&parse(flags)), expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
            (outcome, _) => panic!("{flags:?}: {outcome:?}"),
        }
    }

    /// The long flags of all settings.
    fn flags() -> Vec<String> {
        let command = Cli::command();
        let settings = command.get_arguments().filter(|arg| arg.get_env().is_some());
        settings.map(|arg| format!("--{}", arg.get_long().unwrap())).collect()
    }

    #[test]
    fn an_empty_value_is_unset_for_every_setting() {
        let flags = flags();
        assert!(flags.len() > 25, "{flags:?}");
        let unset = validate(&Cli::parse_from(["promptdb"]).settings).unwrap();
        for flag in flags {
            let settings = Cli::try_parse_from(["promptdb", &flag, ""]).unwrap().settings;
            assert_eq!(validate(&settings).unwrap(), unset, "{flag}");
        }
    }

    #[test]
    fn parsing_refuses_no_value_of_a_setting() {
        for flag in flags() {
            assert!(Cli::try_parse_from(["promptdb", &flag, "\u{7f}?"]).is_ok(), "{flag}");
        }
    }
}
