//! The settings of the HTTP server's address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::Uri;
use clap::builder::{BoolishValueParser, EnumValueParser};
use clap::{Args, ValueEnum, value_parser};

use super::setting::{Setting, deferred, optional, required, text};
use super::{ConfigError, Identity, fault, is_on_this_machine, origin};

/// Maximum size in bytes of the token that verifies a domain. One of 256 random bits has 43 in Base64.
const CHALLENGE_MAX_BYTES: usize = 256;

/// The settings of the socket, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ListenSettings {
    /// IP address to listen on; without sign-in or an access token, a loopback address
    #[arg(long, env, global = true, default_value = "127.0.0.1", value_parser = text())]
    host: Setting<String>,

    /// Port to listen on; 0 selects a free port
    #[arg(long, env, global = true, default_value = "3000",
          value_parser = deferred(value_parser!(u16)))]
    port: Setting<u16>,
}

/// The settings of the server's address, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct AddressSettings {
    /// The socket.
    #[command(flatten)]
    pub listen: ListenSettings,

    /// The server's URL as clients use it [default: http://localhost:PORT]
    #[arg(long, env, global = true, value_name = "URL", value_parser = text())]
    public_url: Option<Setting<String>>,
}

/// The setting of the kind of deployment, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct DeploymentSettings {
    /// The kind of deployment
    #[arg(long, env, global = true, default_value = "development",
          value_parser = deferred(EnumValueParser::<Environment>::new()))]
    app_env: Setting<Environment>,
}

/// The setting of the tools that are offered, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ToolSettings {
    /// Whether to offer the tools search and fetch, which OpenAI's company knowledge calls
    #[arg(long, env, global = true, value_name = "on|off", default_value = "off",
          num_args = 0..=1, default_missing_value = "on",
          value_parser = deferred(BoolishValueParser::new()))]
    openai_search: Setting<bool>,
}

/// The settings of the server, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerSettings {
    /// The address.
    #[command(flatten)]
    pub address: AddressSettings,

    /// The kind of deployment.
    #[command(flatten)]
    pub deployment: DeploymentSettings,

    /// The token at /.well-known/openai-apps-challenge, by which OpenAI verifies the domain of an app
    /// [default: none]
    #[arg(long, env, global = true, value_name = "TOKEN", value_parser = text())]
    openai_apps_challenge: Option<Setting<String>>,

    /// The tools that are offered.
    #[command(flatten)]
    pub tools: ToolSettings,
}

/// The kind of deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// A developer's or a single user's own machine
    Development,
    /// A deployment for trials
    Staging,
    /// A deployment for users
    Production,
}

impl Environment {
    /// The value of `APP_ENV`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// The server's address.
#[derive(Debug, Clone)]
pub struct Server {
    /// The socket to listen on; a loopback address where callers prove nothing.
    pub listen: SocketAddr,
    /// The origin that clients use; `None` for `http://localhost` with the port that the listener
    /// gets.
    pub public_url: Option<String>,
    /// The token by which OpenAI verifies the domain; `None` without an app there.
    pub openai_apps_challenge: Option<String>,
    /// Whether the tools for OpenAI's company knowledge are on.
    pub has_openai_search: bool,
}

impl ServerSettings {
    /// Checks every setting of the group, and that no other machine reaches a server whose callers
    /// prove nothing.
    pub fn validate(&self, identity: &Identity) -> Result<Server, ConfigError> {
        let listen = self.address.listen.address()?;
        let public_url = self.address.public_url()?;
        let environment = self.deployment.environment()?;
        if !identity.needs_credential() {
            check_is_local(listen.ip(), public_url.as_deref())?;
        } else if identity.has_accounts()
            && public_url.is_none()
            && environment != Environment::Development
        {
            let message = "is missing: outside development, sign-in needs the URL that clients \
                use, such as https://prompts.example.com";
            return Err(fault("PUBLIC_URL", message));
        }
        let openai_apps_challenge = self.openai_apps_challenge()?;
        let has_openai_search = self.tools.has_openai_search()?;
        Ok(Server { listen, public_url, openai_apps_challenge, has_openai_search })
    }

    fn openai_apps_challenge(&self) -> Result<Option<String>, ConfigError> {
        let token = optional(self.openai_apps_challenge.as_ref())?;
        let is_token = |token: &String| {
            token.len() <= CHALLENGE_MAX_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        match token {
            Some(token) if !is_token(&token) => {
                let message = format!(
                    "must be the token that OpenAI shows: at most {CHALLENGE_MAX_BYTES} letters, \
                     digits and signs, without a space"
                );
                Err(fault("OPENAI_APPS_CHALLENGE", message))
            }
            token => Ok(token),
        }
    }
}

impl ListenSettings {
    /// The socket to listen on.
    pub fn address(&self) -> Result<SocketAddr, ConfigError> {
        Ok(SocketAddr::new(parse_host(&required(&self.host)?)?, self.port()?))
    }

    /// The port to listen on, 0 for any.
    pub fn port(&self) -> Result<u16, ConfigError> {
        required(&self.port)
    }
}

impl AddressSettings {
    /// The origin that clients use, if it is set.
    pub fn public_url(&self) -> Result<Option<String>, ConfigError> {
        let url = optional(self.public_url.as_ref())?;
        url.map(|url| origin("PUBLIC_URL", &url)).transpose()
    }

    /// The origin that clients use, by these settings alone; `None` where the port is free to choose.
    pub fn origin(&self) -> Result<Option<String>, ConfigError> {
        Ok(match (self.public_url()?, self.listen.port()?) {
            (Some(url), _) => Some(url),
            (None, 0) => None,
            (None, port) => Some(format!("http://localhost:{port}")),
        })
    }
}

impl ToolSettings {
    /// Whether the tools for OpenAI's company knowledge are on.
    pub fn has_openai_search(&self) -> Result<bool, ConfigError> {
        required(&self.openai_search)
    }
}

impl DeploymentSettings {
    /// The kind of deployment.
    pub fn environment(&self) -> Result<Environment, ConfigError> {
        required(&self.app_env)
    }
}

fn parse_host(host: &str) -> Result<IpAddr, ConfigError> {
    if host == "localhost" {
        return Ok(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    host.trim_matches(['[', ']'])
        .parse()
        .map_err(|_| fault("HOST", format!("is {host}, but must be an IP address or localhost")))
}

/// Refuses addresses that other machines reach: the library is open to every request.
fn check_is_local(host: IpAddr, public_url: Option<&str>) -> Result<(), ConfigError> {
    if !host.is_loopback() {
        let message = format!(
            "is {host}, but without sign-in (WORKOS_CLIENT_ID is missing) and without ACCESS_TOKEN \
             the library would be open to every machine that reaches this address; set ACCESS_TOKEN \
             to a secret of your own, such as that of `openssl rand -hex 32`, or use 127.0.0.1, ::1 \
             or localhost"
        );
        return Err(fault("HOST", message));
    }
    let Some(url) = public_url else { return Ok(()) };
    if url.parse::<Uri>().is_ok_and(|uri| is_on_this_machine(&uri)) {
        return Ok(());
    }
    let message = format!(
        "is {url}, but without sign-in (WORKOS_CLIENT_ID is missing) and without ACCESS_TOKEN the \
         server serves this machine only; set ACCESS_TOKEN, or use http://localhost and the port"
    );
    Err(fault("PUBLIC_URL", message))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, parse};

    #[test]
    fn only_loopback_addresses_are_listened_on() {
        check(&[], Ok(()));
        check(&["--host", "::1"], Ok(()));
        check(&["--host", "localhost"], Ok(()));
        check(&["--host", ""], Ok(()));
        for host in ["0.0.0.0", "::", "192.168.1.2", "example.com", " "] {
            check(&["--host", host], Err("HOST is"));
        }
    }

    #[test]
    fn the_public_url_is_an_origin_on_this_machine() {
        check(&["--public-url", "http://localhost:8080/"], Ok(()));
        check(&["--public-url", "https://[::1]"], Ok(()));
        for url in
            ["localhost:3000", "http://localhost/x", "ftp://localhost", "http://localhost:99999"]
        {
            check(&["--public-url", url], Err("PUBLIC_URL is"));
        }
        check(&["--public-url", "https://example.com"], Err("PUBLIC_URL is https://example.com"));
        check(&["--public-url", "http://a:b@localhost"], Err("PUBLIC_URL must be an address like"));
    }

    #[test]
    fn the_tools_for_openai_are_off_unless_they_are_turned_on() {
        let is_on = |flags: &[&str]| parse(flags).server.tools.has_openai_search().unwrap();
        assert!(!is_on(&[]));
        assert!(!is_on(&["--openai-search", ""]));
        for (on, off) in [("on", "off"), ("true", "false"), ("1", "0"), ("yes", "no")] {
            assert!(is_on(&["--openai-search", on]) && !is_on(&["--openai-search", off]));
        }
        assert!(is_on(&["--openai-search"]));
        check(&["--openai-search", "maybe"], Err("OPENAI_SEARCH"));
    }

    #[test]
    fn the_challenge_of_openai_is_one_token() {
        let longest = "a".repeat(256);
        for token in ["", "Zm9v-bar_1.2~x=", longest.as_str()] {
            check(&["--openai-apps-challenge", token], Ok(()));
        }
        let longer = "a".repeat(257);
        for token in ["a b", "a\nb", "ä", longer.as_str()] {
            check(&["--openai-apps-challenge", token], Err("OPENAI_APPS_CHALLENGE must be"));
        }
    }
}
