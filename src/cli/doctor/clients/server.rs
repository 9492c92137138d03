//! The check of a server that a client calls.

use std::io::ErrorKind;
use std::net::SocketAddr;

use axum::http::{HeaderValue, Uri};
use serde_json::Value;
use tokio::net::lookup_host;

use super::{Connection, has_placeholder};
use crate::cli::client_file::has_headers;
use crate::cli::doctor::report::Check;
use crate::cli::probe::{
    asks_for_token, asks_for_token_by_tls, probe, probe_by_tls, refuses, refuses_by_tls,
};
use crate::config;

/// The ports of URLs that name none.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// The paths at which the server serves MCP.
const ENDPOINTS: [&str; 3] = ["/mcp", "/mcp/", "/sse"];

/// Calls a URL of this machine. Other machines are not called.
pub(super) async fn check_url(connection: &Connection<'_>, url: &str) -> Check {
    let Connection { name, connect, entry, .. } = connection;
    let Some(origin) = Origin::read(url) else {
        let detail = "its URL cannot be read";
        return Check::failed(name, detail, format!("Connect it again: {connect}"));
    };
    let Origin { text, host, port, path, .. } = &origin;
    let has_token = has_headers(entry);
    // Without the flag, the new entry would have no token.
    let token = if has_token { " --token-stdin" } else { "" };
    let again = format!("Connect it again: {connect} --url {text}");
    let elsewhere = format!("calls {text}, at another path than /mcp");
    if !config::is_loopback_host(host) {
        // A proxy may put a prefix before the path.
        if !ENDPOINTS.iter().any(|endpoint| path.ends_with(endpoint)) {
            return Check::note(name, elsewhere, format!("{again}{token}"));
        }
        return Check::ok(name, format!("calls {text}, which is not checked from here"));
    }
    let is_endpoint = ENDPOINTS.contains(&path.as_str());
    let authorization = read_authorization(entry).filter(|_| is_endpoint);
    match find_server(&origin, authorization.as_ref()).await {
        Found::PromptDb(_) if !is_endpoint => {
            Check::failed(name, elsewhere, format!("{again}{token}"))
        }
        Found::PromptDb(Access::NeedsToken) if !has_token => {
            let detail = format!("calls {text} without the access token that it asks for");
            Check::failed(name, detail, format!("{again} --token-stdin"))
        }
        Found::PromptDb(Access::RefusesToken) => {
            let detail = format!("calls {text}, which refuses its access token");
            Check::failed(name, detail, format!("{again} --token-stdin"))
        }
        Found::PromptDb(_) => Check::ok(name, format!("calls {text}, where PromptDB runs")),
        Found::WithoutTls { asks_for_token } => {
            let detail = format!("calls {text}, where PromptDB runs without TLS");
            let token = if has_token || asks_for_token { " --token-stdin" } else { "" };
            let advice = format!("Connect it by http: {connect} --url http://{host}:{port}{token}");
            Check::failed(name, detail, advice)
        }
        Found::Nothing => {
            let detail = format!("calls {text}, where no PromptDB runs");
            let advice = format!("Start promptdb there, or connect it again: {connect}");
            Check::failed(name, detail, advice)
        }
        Found::Unknown(reason) => {
            let detail = format!("calls {text}, which could not be checked: {reason}");
            let advice = format!(
                "Open {text}/health in a browser. If the certificate is your own, let this machine and \
                 the client trust it."
            );
            Check::note(name, detail, advice)
        }
    }
}

/// Reads the `Authorization` header that an entry sends; `None` if there is none, or if it has a
/// placeholder that the client replaces.
fn read_authorization(entry: &Value) -> Option<HeaderValue> {
    let fields = [&entry["headers"], &entry["http_headers"], &entry["requestOptions"]["headers"]];
    let mut headers = fields.into_iter().filter_map(Value::as_object).flatten();
    let (_, value) = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"))?;
    let value = value.as_str().filter(|value| !has_placeholder(value))?;
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What is at an origin of this machine.
enum Found {
    PromptDb(Access),
    /// PromptDB, by http where the URL says https.
    WithoutTls {
        asks_for_token: bool,
    },
    /// No program, or another one.
    Nothing,
    /// A program whose certificate is not trusted, for example.
    Unknown(String),
}

/// What a server answers to a call of MCP with the header of the entry.
enum Access {
    /// It does not refuse the call, as far as is known: a server may break off.
    Granted,
    NeedsToken,
    RefusesToken,
}

impl Access {
    fn to_call(is_refused: bool, has_header: bool) -> Self {
        match (is_refused, has_header) {
            (false, _) => Self::Granted,
            (true, false) => Self::NeedsToken,
            (true, true) => Self::RefusesToken,
        }
    }
}

/// Finds the server, and calls it with the header of the entry only if it is PromptDB.
async fn find_server(origin: &Origin, authorization: Option<&HeaderValue>) -> Found {
    let text = &origin.text;
    if !origin.is_tls {
        return match find_plain(origin).await {
            Plain::PromptDb(address) => {
                let is_refused = match authorization {
                    Some(authorization) => refuses(address, authorization).await,
                    None => asks_for_token(address).await,
                };
                let is_refused = is_refused.unwrap_or(false);
                Found::PromptDb(Access::to_call(is_refused, authorization.is_some()))
            }
            Plain::Other | Plain::Nothing => Found::Nothing,
        };
    }
    match probe_by_tls(text).await {
        Ok(Some(_)) => {
            let is_refused = match authorization {
                Some(authorization) => refuses_by_tls(text, authorization).await,
                None => asks_for_token_by_tls(text).await,
            };
            let is_refused = is_refused.unwrap_or(false);
            Found::PromptDb(Access::to_call(is_refused, authorization.is_some()))
        }
        Ok(None) => Found::Nothing,
        Err(reason) => match find_plain(origin).await {
            Plain::PromptDb(address) => {
                Found::WithoutTls { asks_for_token: asks_for_token(address).await.unwrap_or(false) }
            }
            Plain::Other => Found::Unknown(reason),
            Plain::Nothing => Found::Nothing,
        },
    }
}

/// What answers without TLS.
enum Plain {
    PromptDb(SocketAddr),
    /// Another program, or one that expects TLS.
    Other,
    Nothing,
}

async fn find_plain(origin: &Origin) -> Plain {
    let mut found = Plain::Nothing;
    for address in addresses(&origin.host, origin.port).await {
        match probe(address).await {
            Ok(answer) if answer.promptdb_version().is_some() => return Plain::PromptDb(address),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            _ => found = Plain::Other,
        }
    }
    found
}

/// The origin of a URL.
struct Origin {
    /// The origin as text.
    text: String,
    is_tls: bool,
    host: String,
    port: u16,
    /// May be secret.
    path: String,
}

impl Origin {
    /// Reads a URL. A user or query, which may be secret, is left out.
    fn read(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let (scheme, host) = (uri.scheme_str()?, uri.host()?.to_owned());
        let is_tls = scheme.eq_ignore_ascii_case("https");
        let default = if is_tls { HTTPS_PORT } else { HTTP_PORT };
        let port = uri.port_u16();
        let shown = port.map_or_else(String::new, |port| format!(":{port}"));
        let text = format!("{scheme}://{host}{shown}");
        let (port, path) = (port.unwrap_or(default), uri.path().to_owned());
        Some(Self { text, is_tls, host, port, path })
    }
}

async fn addresses(host: &str, port: u16) -> Vec<SocketAddr> {
    let host = host.trim_matches(['[', ']']);
    lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_read_without_what_may_be_secret() {
        let origin = Origin::read("https://u:p@x.example:8443/mcp?key=k").unwrap();
        assert_eq!((origin.text.as_str(), origin.port), ("https://x.example:8443", 8443));
        assert!(Origin::read("nonsense").is_none());
    }

    #[test]
    fn a_url_without_a_port_has_that_of_its_scheme() {
        for (url, expected) in [("http://[::1]/mcp", 80), ("https://localhost/mcp", 443)] {
            assert_eq!(Origin::read(url).unwrap().port, expected, "{url}");
        }
    }
}
