//! A client that calls this machine by https, through a proxy with TLS.

use std::fs;
use std::io::BufRead;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use super::super::{Process, Server, collect};
use super::{Home, Report};

/// What PromptDB answers to `/health`.
const HEALTH: (&str, &str) = ("health", "200 OK\n\n{\"status\":\"ok\",\"version\":\"1.2.3\"}");

/// A server with TLS for `localhost`; OpenSSL stands for the proxy.
struct Proxy {
    folder: TempDir,
    port: u16,
    _process: Process,
}

impl Proxy {
    /// `answers` are those to each path, from their status on.
    fn start(answers: &[(&str, &str)]) -> Self {
        let folder = TempDir::new().unwrap();
        for (path, answer) in answers {
            let answer = format!("HTTP/1.1 {}", answer.replace('\n', "\r\n"));
            fs::write(folder.path().join(path), answer).unwrap();
        }
        let openssl = |arguments: &str| {
            let mut command = Command::new("openssl");
            command.args(arguments.split(' ')).current_dir(folder.path());
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command
        };
        let mut request = openssl(
            "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext \
             subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -keyout key.pem \
             -out cert.pem",
        );
        let made = request.output().expect("openssl is needed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let arguments = "s_server -accept 127.0.0.1:0 -key key.pem -cert cert.pem -HTTP";
        let (process, mut stdout) = Process::spawn(&mut openssl(arguments));
        let mut line = String::new();
        while !line.starts_with("ACCEPT") {
            line.clear();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "it does not listen");
        }
        // It writes about each connection.
        collect(stdout);
        let port = line.trim_end().rsplit(':').next().unwrap().parse().unwrap();
        Self { folder, port, _process: process }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

/// Examines a client that calls a port of `localhost` by https.
fn examine(home: &Home, port: u16, settings: &[(&str, &str)]) -> Report {
    home.connect_cursor(&json!({ "url": format!("https://localhost:{port}/mcp") }));
    home.examine(settings)
}

// Elsewhere the trusted certificates are those of the system alone.
#[cfg(target_os = "linux")]
#[test]
fn promptdb_behind_a_proxy_with_tls_works() {
    let home = Home::new();
    let proxy = Proxy::start(&[HEALTH]);
    let trusted = proxy.certificate();
    let report = examine(&home, proxy.port, &[("SSL_CERT_FILE", trusted.to_str().unwrap())]);
    report.has("cursor", "ok", "where PromptDB runs");
    assert_eq!(report.code, Some(0), "{}", report.json);
}

// Elsewhere the trusted certificates are those of the system alone.
#[cfg(target_os = "linux")]
#[test]
fn promptdb_behind_a_proxy_with_tls_asks_for_its_token() {
    let home = Home::new();
    let proxy = Proxy::start(&[HEALTH, ("mcp", "401 Unauthorized\nwww-authenticate: Bearer\n\n")]);
    let trusted = proxy.certificate();
    let report = examine(&home, proxy.port, &[("SSL_CERT_FILE", trusted.to_str().unwrap())]);
    report.has("cursor", "failed", "without the access token");
}

// Elsewhere the trusted certificates are those of the system alone.
#[cfg(target_os = "linux")]
#[test]
fn promptdb_behind_a_proxy_with_tls_refuses_another_token() {
    let home = Home::new();
    let proxy = Proxy::start(&[HEALTH, ("mcp", "401 Unauthorized\nwww-authenticate: Bearer\n\n")]);
    let trusted = proxy.certificate();
    let headers = json!({ "Authorization": "Bearer 0123456789abcdef0123456789abcdef" });
    let url = format!("https://localhost:{}/mcp", proxy.port);
    home.connect_cursor(&json!({ "url": url, "headers": headers }));
    let report = home.examine(&[("SSL_CERT_FILE", trusted.to_str().unwrap())]);
    report.has("cursor", "failed", "refuses its access token");
}

#[test]
fn a_certificate_that_is_not_trusted_leaves_a_client_unchecked() {
    let home = Home::new();
    let proxy = Proxy::start(&[HEALTH]);
    let report = examine(&home, proxy.port, &[]);
    report.has("cursor", "note", "could not be checked");
    report.has("cursor", "note", "certificate");
    assert_eq!(report.code, Some(0), "{}", report.json);
}

// Elsewhere the trusted certificates are those of the system alone.
#[cfg(target_os = "linux")]
#[test]
fn another_server_with_tls_is_not_taken_for_promptdb() {
    let home = Home::new();
    let proxy = Proxy::start(&[("health", "200 OK\n\n{\"status\":\"up\"}")]);
    let trusted = proxy.certificate();
    let report = examine(&home, proxy.port, &[("SSL_CERT_FILE", trusted.to_str().unwrap())]);
    report.has("cursor", "failed", "where no PromptDB runs");
}

#[test]
fn https_to_a_server_without_tls_fails_with_the_url_that_works() {
    let home = Home::new().with_library();
    let server = Server::start(&home.library(), &[("HOME", home.text())]);
    let report = examine(&home, server.port, &[]);
    report.has("cursor", "failed", "PromptDB runs without TLS");
    let command = format!("promptdb connect cursor --write --url http://localhost:{}", server.port);
    report.has("cursor", "failed", &format!("{command}\""));

    let url = format!("https://localhost:{}/mcp", server.port);
    home.connect_cursor(&json!({ "url": url, "headers": { "Authorization": "Bearer x" } }));
    home.examine(&[]).has("cursor", "failed", &format!("{command} --token-stdin\""));
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn https_to_a_port_without_a_program_fails() {
    let home = Home::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    examine(&home, free, &[]).has("cursor", "failed", "where no PromptDB runs");
}
