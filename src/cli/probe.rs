//! A request to a server on this machine: which program answers at an address, and what it asks for.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Maximum duration of the whole exchange.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of bytes of an answer that are read: that of PromptDB has less than 2 KiB.
const ANSWER_MAX_BYTES: u64 = 8 * 1024;

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
        let health: Health = serde_json::from_str(body).ok()?;
        (self.is_ok() && health.status == "ok").then_some(health.version)
    }

    /// Whether it refuses a call without an access token. The challenge of a server with sign-in names
    /// its metadata as well (RFC 9728, section 5.1), by which a client finds the sign-in.
    fn asks_for_token(&self) -> bool {
        let text = String::from_utf8_lossy(&self.0);
        let head = text.split("\r\n\r\n").next().unwrap_or_default();
        let is_challenge = |line: &str| line.eq_ignore_ascii_case("www-authenticate: bearer");
        head.starts_with("HTTP/1.1 401") && head.lines().any(is_challenge)
    }
}

/// Requests `/health` at `address`.
///
/// # Errors
/// `TimedOut` after [`PROBE_TIMEOUT`]; otherwise the failure of the connection.
pub(super) async fn probe(address: SocketAddr) -> io::Result<Answer> {
    request(address, "/health").await
}

/// Whether the server at `address` refuses calls of MCP without an access token.
///
/// # Errors
/// As those of [`probe`].
pub(super) async fn asks_for_token(address: SocketAddr) -> io::Result<bool> {
    request(address, "/mcp").await.map(|answer| answer.asks_for_token())
}

async fn request(address: SocketAddr, path: &str) -> io::Result<Answer> {
    timeout(PROBE_TIMEOUT, exchange(address, path)).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", PROBE_TIMEOUT.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, message))
    })
}

async fn exchange(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX_BYTES).read_to_end(&mut answer).await?;
    Ok(Answer(answer))
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
