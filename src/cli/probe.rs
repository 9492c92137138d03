//! A request to a server on this machine: which program answers at an address, and what it asks for.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use reqwest::Response;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::clients::{http_client, read_body};
use crate::error::chain;

/// Maximum duration of the whole exchange.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of bytes of an answer that are read: that of PromptDB has less than 2 KiB.
const ANSWER_MAX_BYTES: usize = 8 * 1024;

/// The beginning of an answer.
pub(super) struct Answer(Vec<u8>);

/// The body that PromptDB sends, and no other known server: exactly these fields.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Health {
    status: String,
    version: String,
}

impl Answer {
    /// Whether the status is 200.
    pub(super) fn is_ok(&self) -> bool {
        self.0.starts_with(b"HTTP/1.1 200")
    }

    /// Returns the version of the PromptDB that answered; `None` for another program.
    pub(super) fn promptdb_version(&self) -> Option<String> {
        let text = std::str::from_utf8(&self.0).ok()?;
        let (_, body) = text.split_once("\r\n\r\n")?;
        read_version(body.as_bytes()).filter(|_| self.is_ok())
    }

    fn is_unauthorized(&self) -> bool {
        self.0.starts_with(b"HTTP/1.1 401")
    }

    /// Whether it refuses a call without an access token. The challenge of a server with sign-in names
    /// its metadata as well (RFC 9728, section 5.1), by which a client finds the sign-in.
    fn asks_for_token(&self) -> bool {
        let text = String::from_utf8_lossy(&self.0);
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let is_challenge = |line: &str| line.eq_ignore_ascii_case("www-authenticate: bearer");
        self.is_unauthorized() && head.lines().any(is_challenge)
    }
}

/// Returns the version in a body of `/health`; `None` for that of another program.
fn read_version(body: &[u8]) -> Option<String> {
    let health: Health = serde_json::from_slice(body).ok()?;
    (health.status == "ok").then_some(health.version)
}

/// Requests `/health` at `address`.
///
/// # Errors
/// `TimedOut` after [`PROBE_TIMEOUT`]; otherwise the failure of the connection.
pub(super) async fn probe(address: SocketAddr) -> io::Result<Answer> {
    request(address, "/health", None).await
}

/// Whether the server at `address` refuses calls of MCP without an access token.
///
/// # Errors
/// As those of [`probe`].
pub(super) async fn asks_for_token(address: SocketAddr) -> io::Result<bool> {
    request(address, "/mcp", None).await.map(|answer| answer.asks_for_token())
}

/// Whether the server at `address` refuses calls of MCP with this `Authorization` header.
///
/// # Errors
/// As those of [`probe`].
pub(super) async fn refuses(address: SocketAddr, authorization: &HeaderValue) -> io::Result<bool> {
    request(address, "/mcp", Some(authorization)).await.map(|answer| answer.is_unauthorized())
}

async fn request(
    address: SocketAddr,
    path: &str,
    authorization: Option<&HeaderValue>,
) -> io::Result<Answer> {
    timeout(PROBE_TIMEOUT, exchange(address, path, authorization)).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", PROBE_TIMEOUT.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, message))
    })
}

async fn exchange(
    address: SocketAddr,
    path: &str,
    authorization: Option<&HeaderValue>,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let mut request = head.into_bytes();
    if let Some(authorization) = authorization {
        request.extend([b"Authorization: ", authorization.as_bytes(), b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    stream.write_all(&request).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX_BYTES as u64).read_to_end(&mut answer).await?;
    Ok(Answer(answer))
}

/// Requests `/health` of a server behind TLS. Returns the version of the PromptDB that answered; `None`
/// for another program.
///
/// # Errors
/// The reason why there is no answer, for example a certificate that this machine does not trust.
pub(super) async fn probe_by_tls(origin: &str) -> Result<Option<String>, String> {
    let answer = request_by_tls(origin, "/health", None).await?;
    let is_ok = answer.status() == StatusCode::OK;
    // A body over the limit is that of another program.
    let body = read_body(answer, ANSWER_MAX_BYTES).await.ok();
    Ok(body.and_then(|body| read_version(&body)).filter(|_| is_ok))
}

/// Whether the server behind TLS refuses calls of MCP without an access token.
///
/// # Errors
/// As those of [`probe_by_tls`].
pub(super) async fn asks_for_token_by_tls(origin: &str) -> Result<bool, String> {
    let answer = request_by_tls(origin, "/mcp", None).await?;
    let is_challenge = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"bearer");
    let is_asked = answer.headers().get_all(WWW_AUTHENTICATE).iter().any(is_challenge);
    Ok(answer.status() == StatusCode::UNAUTHORIZED && is_asked)
}

/// Whether the server behind TLS refuses calls of MCP with this `Authorization` header.
///
/// # Errors
/// As those of [`probe_by_tls`].
pub(super) async fn refuses_by_tls(
    origin: &str,
    authorization: &HeaderValue,
) -> Result<bool, String> {
    let answer = request_by_tls(origin, "/mcp", Some(authorization)).await?;
    Ok(answer.status() == StatusCode::UNAUTHORIZED)
}

async fn request_by_tls(
    origin: &str,
    path: &str,
    authorization: Option<&HeaderValue>,
) -> Result<Response, String> {
    let http = http_client(PROBE_TIMEOUT).map_err(|error| error.to_string())?;
    let mut request = http.get(format!("{origin}{path}"));
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    let sent = request.send().await;
    sent.map_err(|error| chain(&error.without_url()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(answer: &str, version: Option<&str>) {
        let answer = Answer(answer.as_bytes().to_vec());
        assert_eq!(answer.promptdb_version().as_deref(), version);
    }

    #[test]
    fn only_the_body_of_promptdb_is_taken_for_its_own() {
        let with = |body: &str| format!("HTTP/1.1 200 OK\r\nserver: x\r\n\r\n{body}");
        check(&with(r#"{"status":"ok","version":"1.2.3"}"#), Some("1.2.3"));
        check(&with(r#"{"status":"ok"}"#), None);
        check(&with(r#"{"status":"ok","version":"1","uptime":3}"#), None);
        check(&with(r#"{"status":"up","version":"1"}"#), None);
        check(&with("<html>"), None);
        check("HTTP/1.1 503 No\r\n\r\n{\"status\":\"ok\",\"version\":\"1\"}", None);
        check("SSH-2.0-OpenSSH\r\n", None);
        check("", None);
    }

    #[test]
    fn only_a_challenge_without_a_sign_in_asks_for_a_token() {
        let asks = |answer: &str| Answer(answer.as_bytes().to_vec()).asks_for_token();
        assert!(asks("HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer\r\nx: y\r\n\r\n{}"));
        let metadata =
            "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer resource_metadata=\"x\"";
        assert!(!asks(metadata));
        assert!(!asks("HTTP/1.1 401 Unauthorized\r\n\r\nwww-authenticate: Bearer\r\n"));
        assert!(!asks("HTTP/1.1 405 No\r\nwww-authenticate: Bearer\r\n\r\n"));
    }
}
