//! A client that calls this machine by https, through a proxy with TLS.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::CertifiedKey;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;

use super::super::Server;
use super::{Home, Report};

/// A path, and the answer to it from its status on.
type Answer = (&'static str, &'static str);

/// What PromptDB answers to `/health`.
const HEALTH: Answer = ("/health", "200 OK\n\n{\"status\":\"ok\",\"version\":\"1.2.3\"}");

/// A server with TLS for `localhost`.
struct Proxy {
    folder: TempDir,
    port: u16,
    _runtime: Runtime,
}

impl Proxy {
    fn start(answers: &'static [Answer]) -> Self {
        let folder = TempDir::new().unwrap();
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(folder.path().join("cert.pem"), cert.pem()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], signing_key.into())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let runtime =
            runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(acceptor.clone(), stream, answers));
            }
        });
        Self { folder, port, _runtime: runtime }
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

/// Answers one request. A client that does not trust the certificate sends none.
async fn serve(acceptor: TlsAcceptor, stream: TcpStream, answers: &[Answer]) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let mut stream = BufReader::new(stream);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        if stream.read_line(&mut request).await.unwrap() == 0 {
            return;
        }
    }
    let path = request.split(' ').nth(1).unwrap();
    let answer = answers.iter().find(|(known, _)| *known == path);
    let answer = answer.map_or("404 Not Found\n\n", |(_, answer)| answer);
    let answer = format!("HTTP/1.1 {}", answer.replace('\n', "\r\n"));
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    // A body that is not read would reset the connection, and the answer could be lost.
    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
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
    let proxy = Proxy::start(&[HEALTH, ("/mcp", "401 Unauthorized\nwww-authenticate: Bearer\n\n")]);
    let trusted = proxy.certificate();
    let report = examine(&home, proxy.port, &[("SSL_CERT_FILE", trusted.to_str().unwrap())]);
    report.has("cursor", "failed", "without the access token");
}

// Elsewhere the trusted certificates are those of the system alone.
#[cfg(target_os = "linux")]
#[test]
fn promptdb_behind_a_proxy_with_tls_refuses_another_token() {
    let home = Home::new();
    let proxy = Proxy::start(&[HEALTH, ("/mcp", "401 Unauthorized\nwww-authenticate: Bearer\n\n")]);
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
    let proxy = Proxy::start(&[("/health", "200 OK\n\n{\"status\":\"up\"}")]);
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
