//! The check of each client's file: whether it names PromptDB, and whether what it names works.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::http::Uri;
use clap::ValueEnum;
use serde_json::Value;
use tokio::net::lookup_host;

use super::report::Check;
use crate::cli::client_file::{EditError, Place, has_headers, read_file};
use crate::cli::connect::{ClientApp, shell_word};
use crate::cli::probe::{asks_for_token, asks_for_token_by_tls, probe, probe_by_tls};
use crate::config::{self, DoctorSettings, Storage};

/// The ports of URLs that name none.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;

/// How a client's file reaches PromptDB.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    /// It starts this program with these arguments.
    Program { path: String, arguments: Vec<String> },
    /// It calls this URL.
    Url(String),
}

/// Checks the file of every client that has one on this machine.
pub(super) async fn check_clients(settings: &DoctorSettings) -> Vec<Check> {
    let mut checks = Vec::new();
    for client in ClientApp::value_variants() {
        let Some(place) = client.place() else { continue };
        for file in client.files() {
            checks.extend(check_file(*client, &place, &file, settings).await);
        }
    }
    checks
}

/// Checks one file; `None` if there is none.
async fn check_file(
    client: ClientApp,
    place: &Place,
    file: &Path,
    settings: &DoctorSettings,
) -> Option<Check> {
    let name = client.argument();
    let connect = format!("promptdb connect {name} --write");
    let server = match read_file(file) {
        Ok(text) => place.read(&text),
        Err(EditError::Io(error)) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => Err(error),
    };
    Some(match server {
        Err(EditError::NoAccess) => {
            let detail = format!("{}: permission denied", file.display());
            Check::failed(&name, detail, "Give yourself access to the file.")
        }
        Err(error) => {
            let detail = format!("{}: {error}", file.display());
            let advice = "Repair or replace the file, which the client cannot read either. Then run \
                promptdb doctor again.";
            Check::failed(&name, detail, advice)
        }
        Ok(None) => {
            let detail = format!("not connected: {}", file.display());
            Check::note(&name, detail, format!("To connect it: {connect}"))
        }
        Ok(Some(server)) if has_headers(&server) && is_shared(file) => {
            let detail =
                format!("{} may hold a token, and other users can read it", file.display());
            let quoted = shell_word(&file.to_string_lossy());
            Check::failed(&name, detail, format!("Close it: chmod 600 {quoted}"))
        }
        Ok(Some(server)) => match Target::read(&server) {
            Some(Target::Program { path, arguments }) => {
                check_program(&name, &path, &arguments, settings, &connect)
            }
            Some(Target::Url(url)) => check_url(&name, &url, has_headers(&server), &connect).await,
            None => {
                let detail = format!("{} names neither a program nor a URL", file.display());
                Check::failed(&name, detail, format!("Connect it again: {connect}"))
            }
        },
    })
}

impl Target {
    /// Reads the entry of a server, in the form of any client.
    fn read(server: &Value) -> Option<Self> {
        let text = |field: &&str| server[*field].as_str().map(str::to_owned);
        // opencode keeps the program and its arguments in one list.
        if let Some(words) = server["command"].as_array() {
            let mut words = words.iter().filter_map(|word| word.as_str().map(str::to_owned));
            return Some(Self::Program { path: words.next()?, arguments: words.collect() });
        }
        if let Some(path) = ["command", "cmd"].iter().find_map(text) {
            let arguments = server["args"].as_array().into_iter().flatten();
            let arguments = arguments.filter_map(|one| one.as_str().map(str::to_owned)).collect();
            return Some(Self::Program { path, arguments });
        }
        ["url", "serverUrl", "httpUrl", "uri"].iter().find_map(text).map(Self::Url)
    }
}

fn check_program(
    name: &str,
    path: &str,
    arguments: &[String],
    settings: &DoctorSettings,
    connect: &str,
) -> Check {
    let again = format!("Connect it again: {connect}");
    let program = Path::new(path);
    if !program.is_absolute() {
        let detail = format!("starts {path}, which the client looks for in its own PATH");
        return Check::note(name, detail, again);
    }
    let found = match fs::canonicalize(program) {
        Ok(found) if is_executable(&found) => found,
        Ok(_) => {
            return Check::failed(name, format!("starts {path}, which is not a program"), again);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Check::failed(name, format!("starts {path}, which does not exist"), again);
        }
        Err(error) => return Check::failed(name, format!("starts {path}: {error}"), again),
    };
    let own = std::env::current_exe().and_then(fs::canonicalize);
    if own.is_ok_and(|own| own != found) {
        let detail = format!("starts another program than this one: {path}");
        return Check::note(name, detail, format!("If that is not what you want: {connect}"));
    }
    match other_library(arguments, settings) {
        Some(library) => Check::ok(name, format!("starts this program on {}", library.display())),
        None => Check::ok(name, "starts this program"),
    }
}

/// The library that the arguments name, unless it is that of the settings.
fn other_library(arguments: &[String], settings: &DoctorSettings) -> Option<PathBuf> {
    let at = arguments.iter().position(|argument| argument == "--database-path")?;
    let named = PathBuf::from(arguments.get(at + 1)?);
    let Ok(Storage::File(own)) = settings.storage.validate() else { return Some(named) };
    let is_same = std::path::absolute(own).is_ok_and(|own| own == named);
    (!is_same).then_some(named)
}

/// Calls a URL of this machine. Other machines are not called.
async fn check_url(name: &str, url: &str, has_token: bool, connect: &str) -> Check {
    let Some(origin) = Origin::read(url) else {
        let detail = "its URL cannot be read";
        return Check::failed(name, detail, format!("Connect it again: {connect}"));
    };
    let Origin { text, host, port, .. } = &origin;
    if !config::is_loopback_host(host) {
        return Check::ok(name, format!("calls {text}, which is not checked from here"));
    }
    match find_server(&origin).await {
        Found::PromptDb { asks_for_token: true } if !has_token => {
            let detail = format!("calls {text} without the access token that it asks for");
            let advice = format!("Connect it again: {connect} --url {text} --token-stdin");
            Check::failed(name, detail, advice)
        }
        Found::PromptDb { .. } => Check::ok(name, format!("calls {text}, where PromptDB runs")),
        Found::WithoutTls { asks_for_token } => {
            let detail = format!("calls {text}, where PromptDB runs without TLS");
            // Without the flag, the new entry would have no token.
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

/// What is at an origin of this machine.
enum Found {
    PromptDb {
        asks_for_token: bool,
    },
    /// PromptDB, by http where the URL says https.
    WithoutTls {
        asks_for_token: bool,
    },
    /// No program, or another one.
    Nothing,
    /// A program whose certificate is not trusted, for example.
    Unknown(String),
}

async fn find_server(origin: &Origin) -> Found {
    let text = &origin.text;
    if !origin.is_tls {
        return match find_plain(origin).await {
            Plain::PromptDb(address) => Found::PromptDb {
                // A server that breaks off is one that works without a token, as far as is known.
                asks_for_token: asks_for_token(address).await.unwrap_or(false),
            },
            Plain::Other | Plain::Nothing => Found::Nothing,
        };
    }
    match probe_by_tls(text).await {
        Ok(Some(_)) => {
            Found::PromptDb { asks_for_token: asks_for_token_by_tls(text).await.unwrap_or(false) }
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
}

impl Origin {
    /// Reads a URL. A user, path or query, which may be secret, is left out.
    fn read(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let (scheme, host) = (uri.scheme_str()?, uri.host()?.to_owned());
        let is_tls = scheme.eq_ignore_ascii_case("https");
        let default = if is_tls { HTTPS_PORT } else { HTTP_PORT };
        let port = uri.port_u16();
        let shown = port.map_or_else(String::new, |port| format!(":{port}"));
        let text = format!("{scheme}://{host}{shown}");
        Some(Self { text, is_tls, host, port: port.unwrap_or(default) })
    }
}

async fn addresses(host: &str, port: u16) -> Vec<SocketAddr> {
    let host = host.trim_matches(['[', ']']);
    lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let file = fs::metadata(path);
    file.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Whether other users of the machine can read a file.
#[cfg(unix)]
fn is_shared(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_shared(_path: &Path) -> bool {
    false
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_program_or_a_url_is_read_in_the_form_of_any_client() {
        let program = |path: &str, arguments: &[&str]| {
            let arguments = arguments.iter().map(|&one| one.to_owned()).collect();
            Some(Target::Program { path: path.to_owned(), arguments })
        };
        let url = Some(Target::Url("http://localhost:3000/mcp".to_owned()));
        for (server, expected) in [
            (json!({ "command": "/p", "args": ["stdio"] }), program("/p", &["stdio"])),
            (json!({ "cmd": "/p" }), program("/p", &[])),
            (json!({ "command": ["/p", "stdio"] }), program("/p", &["stdio"])),
            (json!({ "httpUrl": "http://localhost:3000/mcp" }), url.clone()),
            (json!({ "serverUrl": "http://localhost:3000/mcp" }), url.clone()),
            (json!({ "uri": "http://localhost:3000/mcp" }), url.clone()),
            (json!({ "url": "http://localhost:3000/mcp" }), url),
            (json!({ "args": ["stdio"] }), None),
            (json!([]), None),
        ] {
            assert_eq!(Target::read(&server), expected, "{server}");
        }
    }

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
