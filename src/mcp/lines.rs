//! The transport of stdio: a message a line, and an answer to every line that is none.
//!
//! rmcp's own passes over what is no JSON, so that a client which waits for an answer waits for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ErrorData, JsonRpcError, JsonRpcMessage, ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError, FramedRead};

use super::fault_of;
use crate::http::extract::BODY_MAX_BYTES;

/// How long a client that does not read on keeps the connection open at its end.
const CLOSING: Duration = Duration::from_secs(1);

/// A client that sends lines and reads lines.
pub struct Lines<R, W> {
    input: FramedRead<R, AnyDelimiterCodec>,
    output: Arc<Mutex<W>>,
    /// The answer to a line that was no message, until it is written: whoever waits for a message may
    /// stop waiting at any moment, and ask again.
    refusal: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
}

impl<R: AsyncRead, W> Lines<R, W> {
    /// Lines of at most [`BODY_MAX_BYTES`]; longer ones are refused and not kept.
    pub fn new(input: R, output: W) -> Self {
        let line_feed = || b"\n".to_vec();
        let codec =
            AnyDelimiterCodec::new_with_max_length(line_feed(), line_feed(), BODY_MAX_BYTES);
        let output = Arc::new(Mutex::new(output));
        Self { input: FramedRead::new(input, codec), output, refusal: None }
    }
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        write(Arc::clone(&self.output), message)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(refusal) = &mut self.refusal {
                refusal.await.ok()?;
                self.refusal = None;
            }
            let message = match self.input.next().await? {
                Ok(line) => read(&line),
                Err(AnyDelimiterCodecError::MaxChunkLengthExceeded) => {
                    // After a fault the stream ends once, and then goes on behind that line.
                    self.input.next().await;
                    let detail =
                        format!("Invalid Request: the line is over {BODY_MAX_BYTES} bytes");
                    Err(Some(JsonRpcError::new(None, ErrorData::invalid_request(detail, None))))
                }
                Err(AnyDelimiterCodecError::Io(error)) => {
                    tracing::error!(%error, "the client cannot be read");
                    return None;
                }
            };
            match message {
                Ok(message) => return Some(message),
                Err(Some(fault)) => {
                    let refusal = JsonRpcMessage::Error(fault);
                    self.refusal = Some(Box::pin(write(Arc::clone(&self.output), refusal)));
                }
                Err(None) => {}
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // Nobody polls it any more, and it may hold the output.
        self.refusal = None;
        let close = async { self.output.lock().await.shutdown().await };
        tokio::time::timeout(CLOSING, close).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read on"))
        })
    }
}

/// Writes a message with the end of its line, all of it before any other one.
async fn write<W: AsyncWrite + Unpin>(
    output: Arc<Mutex<W>>,
    message: ServerJsonRpcMessage,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(&message)?;
    line.push(b'\n');
    let mut output = output.lock().await;
    output.write_all(&line).await?;
    output.flush().await
}

/// The message of a line, or what to answer if it has none.
fn read(line: &[u8]) -> Result<ClientJsonRpcMessage, Option<JsonRpcError>> {
    let line = line.trim_ascii();
    // Serde would read a message from an array, too.
    let is_object = line.starts_with(b"{");
    let message = is_object.then(|| serde_json::from_slice(line).ok()).flatten();
    message.ok_or_else(|| {
        let is_answered = !line.is_empty() && !is_unanswered(line);
        is_answered.then(|| {
            let (id, error) = fault_of(line);
            JsonRpcError::new(id, error)
        })
    })
}

/// Notifications are never answered (JSON-RPC 2.0, section 4.1), and answers neither: two programs
/// that refuse each other's refusals would not find an end.
fn is_unanswered(line: &[u8]) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_slice(line) else { return false };
    let has = |name| fields.contains_key(name);
    has("result") || has("error") || has("method") && !has("id")
}
