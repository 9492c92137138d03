//! Every setting, as a flag and an environment variable, validated once. The sole reader of the
//! environment.

mod convex;
mod limits;
mod observability;
mod sign_in;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use axum::http::Uri;
use clap::{Args, ValueEnum};
use serde::Deserialize;

pub use self::convex::Convex;
pub use self::limits::{Limits, MachineId};
pub use self::observability::{Observability, TraceSampler, Traces};
pub use self::sign_in::SignIn;

/// The settings as they come from the command line and the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub struct Settings {
    /// Address to listen on; without sign-in a loopback address
    #[arg(long, env, global = true, default_value = "127.0.0.1")]
    host: String,

    /// Port to listen on; 0 takes any free one
    #[arg(long, env, global = true, default_value_t = 3000)]
    port: u16,

    /// The URL that clients use [default: http://localhost:PORT]
    #[arg(long, env, global = true, value_name = "URL")]
    public_url: Option<String>,

    /// Where the server runs
    #[arg(long, env, global = true, value_enum, default_value_t = Environment::Development)]
    app_env: Environment,

    /// The library's file [default: promptdb/promptdb.db in the user's data folder]
    #[arg(long, env, global = true, value_name = "FILE")]
    database_path: Option<PathBuf>,

    /// Form of the log on stderr
    #[arg(long, env, global = true, value_enum, default_value_t = LogFormat::Pretty)]
    log_format: LogFormat,

    /// What is logged, as `tracing` filters
    #[arg(long, env = "RUST_LOG", global = true, default_value = "info", value_name = "FILTER")]
    log: String,

    #[command(flatten)]
    limits: limits::LimitSettings,

    #[command(flatten)]
    observability: observability::ObservabilitySettings,

    #[command(flatten)]
    convex: convex::ConvexSettings,

    #[command(flatten)]
    sign_in: sign_in::SignInSettings,
}

/// Where the server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// On the machine of somebody who develops or uses it alone.
    Development,
    /// On a machine for trying out.
    Staging,
    /// For its users.
    Production,
}

impl Environment {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// The settings after validation.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; without sign-in always a loopback address.
    pub listen: SocketAddr,
    /// The origin that clients use, `None` for `http://localhost:PORT` with the port that is
    /// really taken.
    pub public_url: Option<String>,
    /// How people sign in, `None` for the one local user.
    pub sign_in: Option<SignIn>,
    /// Which Convex deployment keeps the prompts, `None` for a SQLite file.
    pub convex: Option<Convex>,
    /// Where the server runs.
    pub environment: Environment,
    /// The library's file.
    pub database_path: PathBuf,
    /// How much the server takes on.
    pub limits: Limits,
    /// What operators see, beside the log.
    pub observability: Observability,
    /// The form of the log.
    pub log_format: LogFormat,
    /// What is logged.
    pub log_filter: String,
}

/// A text that `Debug` does not show.
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

/// A setting that the server cannot start with.
#[derive(Debug, thiserror::Error)]
#[error("{setting} {fault}")]
pub struct ConfigError {
    setting: &'static str,
    fault: String,
}

fn fault(setting: &'static str, fault: impl Into<String>) -> ConfigError {
    ConfigError { setting, fault: fault.into() }
}

impl Settings {
    /// Checks every setting and their combination.
    pub fn validate(self) -> Result<Config, ConfigError> {
        let convex = self.convex.validate()?;
        let sign_in = self.sign_in.validate()?;
        let host = address(&self.host)?;
        let public_url = self.public_url.filter(|url| !url.is_empty());
        let public_url = public_url.map(|url| origin("PUBLIC_URL", &url)).transpose()?;
        match &sign_in {
            None => only_this_machine(host, public_url.as_deref())?,
            Some(_) if public_url.is_none() && self.app_env != Environment::Development => {
                let message = "is missing: outside development, sign-in needs the URL that \
                    clients use, such as https://prompts.example.com";
                return Err(fault("PUBLIC_URL", message));
            }
            Some(_) => {}
        }
        Ok(Config {
            listen: SocketAddr::new(host, self.port),
            public_url,
            limits: self.limits.resolve(sign_in.is_some()),
            sign_in,
            convex,
            environment: self.app_env,
            database_path: database_path(self.database_path)?,
            observability: self.observability.validate()?,
            log_format: self.log_format,
            log_filter: self.log,
        })
    }
}

fn address(host: &str) -> Result<IpAddr, ConfigError> {
    match host {
        "localhost" => Ok(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        other => other.trim_matches(['[', ']']).parse().map_err(|_| {
            let message = format!("is {host}, but must be an IP address or localhost");
            fault("HOST", message)
        }),
    }
}

/// Without sign-in nobody else may reach the library.
fn only_this_machine(host: IpAddr, public_url: Option<&str>) -> Result<(), ConfigError> {
    if !host.is_loopback() {
        let message = format!(
            "is {host}, but without sign-in (WORKOS_CLIENT_ID is missing) the library would be \
             open to everybody there; use 127.0.0.1, ::1 or localhost"
        );
        return Err(fault("HOST", message));
    }
    let elsewhere = |url: &&str| !url.parse::<Uri>().is_ok_and(|uri| is_on_this_machine(&uri));
    if let Some(url) = public_url.filter(elsewhere) {
        let message = format!(
            "is {url}, but without sign-in (WORKOS_CLIENT_ID is missing) only this machine is \
             served; use http://localhost and the port"
        );
        return Err(fault("PUBLIC_URL", message));
    }
    Ok(())
}

/// Checks that a URL is an origin, with https unless it is on this machine, and writes it without
/// a slash at its end.
pub(crate) fn origin(setting: &'static str, url: &str) -> Result<String, ConfigError> {
    let origin = url.strip_suffix('/').unwrap_or(url);
    let uri: Uri = origin.parse().map_err(|_| fault(setting, format!("is no URL: {url}")))?;
    let is_origin = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.path_and_query().is_none_or(|path| path == "/")
        && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    if !is_origin {
        let message = format!("is {url}, but must be like http://localhost:3000, without a path");
        return Err(fault(setting, message));
    }
    if uri.scheme_str() == Some("http") && !is_on_this_machine(&uri) {
        let message = format!("is {url}, but must begin with https:// outside this machine");
        return Err(fault(setting, message));
    }
    Ok(origin.to_ascii_lowercase())
}

fn is_on_this_machine(uri: &Uri) -> bool {
    uri.host().is_some_and(is_loopback_host)
}

/// Whether a host as it stands in a URL or a `Host` header means this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn database_path(path: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
    match path.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Ok(path),
        None => default_database_path()
            .ok_or_else(|| fault("DATABASE_PATH", "is missing, and there is no home folder")),
    }
}

/// Where the library is if nobody says otherwise.
pub fn default_database_path() -> Option<PathBuf> {
    dirs::data_dir().map(|folder| folder.join("promptdb").join("promptdb.db"))
}

/// The user's home folder.
pub fn home_folder() -> Option<PathBuf> {
    dirs::home_dir()
}

/// Where programs keep the user's settings on this platform.
pub fn config_folder() -> Option<PathBuf> {
    dirs::config_dir()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

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

    #[track_caller]
    pub(super) fn check(flags: &[&str], expected: Result<(), &str>) {
        match (parse(flags).validate(), expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(start)) => assert!(error.to_string().starts_with(start), "{error}"),
            (config, _) => panic!("{config:?}"),
        }
    }

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        check(&[], Ok(()));
        check(&["--host", "::1"], Ok(()));
        check(&["--host", "localhost"], Ok(()));
        for host in ["0.0.0.0", "::", "192.168.1.2", "example.com", ""] {
            check(&["--host", host], Err("HOST is"));
        }
    }

    #[test]
    fn the_public_url_is_an_origin_on_this_machine() {
        check(&["--public-url", "http://localhost:8080/"], Ok(()));
        check(&["--public-url", "https://[::1]"], Ok(()));
        for url in ["localhost:3000", "http://localhost/x", "ftp://localhost", "http://a@localhost"]
        {
            check(&["--public-url", url], Err("PUBLIC_URL is"));
        }
        check(&["--public-url", "https://example.com"], Err("PUBLIC_URL is https://example.com"));
    }
}
