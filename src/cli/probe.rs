//! A request of `/health` to a server on this machine: which program answers at an address.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::http::StatusCode;
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

/// An answer to `/health`.
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
    timeout(PROBE_TIMEOUT, request_health(address)).await.unwrap_or_else(|_| {
        let message = format!("no answer within {} s", PROBE_TIMEOUT.as_secs());
        Err(io::Error::new(io::ErrorKind::TimedOut, message))
    })
}

async fn request_health(address: SocketAddr) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX_BYTES as u64).read_to_end(&mut answer).await?;
    Ok(Answer(answer))
}

/// Requests `/health` of a server behind TLS. Returns the version of the PromptDB that answered; `None`
/// for another program.
///
/// # Errors
/// The reason why there is no answer, for example a certificate that this machine does not trust.
pub(super) async fn probe_tls(origin: &str) -> Result<Option<String>, String> {
    let http = http_client(PROBE_TIMEOUT).map_err(|error| error.to_string())?;
    let sent = http.get(format!("{origin}/health")).send().await;
    let answer = sent.map_err(|error| chain(&error.without_url()))?;
    let is_ok = answer.status() == StatusCode::OK;
    // A body over the limit is that of another program.
    let body = read_body(answer, ANSWER_MAX_BYTES).await.ok();
    Ok(body.and_then(|body| read_version(&body)).filter(|_| is_ok))
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
}
