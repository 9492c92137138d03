//! The command `health`, for containers and supervisors.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::CommandError;
use crate::config::Settings;

/// Maximum duration of the whole check.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Requests `/health` of the server at `HOST` and `PORT`, and fails unless the answer is 200.
pub(super) async fn check_health(settings: &Settings) -> Result<(), CommandError> {
    let address = settings.server.listen()?;
    let reason = match timeout(HEALTH_TIMEOUT, request_health(address)).await {
        Ok(Ok(line)) if line.starts_with(b"HTTP/1.1 200") => return Ok(()),
        Ok(Ok(_)) => "it is not healthy".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", HEALTH_TIMEOUT.as_secs()),
    };
    Err(CommandError::failed(format!("no PromptDB answers at {address}: {reason}")))
}

/// Returns the beginning of the status line: as many bytes as `HTTP/1.1 200` has.
async fn request_health(address: SocketAddr) -> io::Result<[u8; 12]> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut status_line = [0; 12];
    stream.read_exact(&mut status_line).await?;
    Ok(status_line)
}
