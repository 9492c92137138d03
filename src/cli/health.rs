//! The command `health`, for containers and supervisors.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::CommandError;
use crate::config::Config;

/// How long the command waits for an answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks `/health` of the server at the configured address.
pub(super) async fn check_health(config: &Config) -> Result<(), CommandError> {
    let ask = async {
        let mut stream = TcpStream::connect(config.listen).await?;
        let host = config.listen;
        let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut status_line = [0; 12];
        stream.read_exact(&mut status_line).await?;
        Ok::<_, std::io::Error>(status_line)
    };
    let down = |why: &str| CommandError(format!("no PromptDB answers at {}: {why}", config.listen));
    match tokio::time::timeout(HEALTH_TIMEOUT, ask).await {
        Ok(Ok(line)) if line.starts_with(b"HTTP/1.1 200") => Ok(()),
        Ok(Ok(_)) => Err(down("it is not healthy")),
        Ok(Err(error)) => Err(down(&error.to_string())),
        Err(_) => Err(down("it is too slow")),
    }
}
