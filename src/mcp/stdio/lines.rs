//! The transport of stdio: one message a line (MCP 2025-11-25, basic/transports, "stdio").
//!
//! A line that is not a message gets an error response. rmcp's own transport skips such a line, and
//! its sender would wait for a response for ever.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rmcp::RoleServer;
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, ErrorData, JsonRpcError, JsonRpcMessage,
    ServerJsonRpcMessage,
};
use rmcp::transport::Transport;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::codec::{AnyDelimiterCodec, AnyDelimiterCodecError, FramedRead};

use crate::http::extract::BODY_MAX_BYTES;
use crate::mcp::errors::invalid_message;
use crate::mcp::input::mend_message;

/// How long closing waits for a client that has stopped reading.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A client behind a reader and a writer of lines.
pub struct Lines<R, W> {
    input: FramedRead<R, AnyDelimiterCodec>,
    output: Arc<Mutex<W>>,
    /// The error response to the last line, until it is written. It is kept here because `receive`
    /// may be dropped at any await point and called again.
    pending_error: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
}

impl<R: AsyncRead, W> Lines<R, W> {
    /// Reads lines of at most [`BODY_MAX_BYTES`]. Longer ones get an error response and are skipped
    /// without being buffered.
    pub fn new(input: R, output: W) -> Self {
        let line_feed = || b"\n".to_vec();
        let codec =
            AnyDelimiterCodec::new_with_max_length(line_feed(), line_feed(), BODY_MAX_BYTES);
        let output = Arc::new(Mutex::new(output));
        Self { input: FramedRead::new(input, codec), output, pending_error: None }
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
        write_line(Arc::clone(&self.output), message)
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(writing) = &mut self.pending_error {
                writing.await.ok()?;
                self.pending_error = None;
            }
            let parsed = match self.input.next().await? {
                Ok(line) => parse_line(&line),
                Err(AnyDelimiterCodecError::MaxChunkLengthExceeded) => {
                    // After an error `FramedRead` returns `None` once; the codec then skips to the
                    // end of the line.
                    self.input.next().await;
                    let detail =
                        format!("Invalid Request: the line is over {BODY_MAX_BYTES} bytes");
                    let error = ErrorData::invalid_request(detail, None);
                    Parsed::Invalid(JsonRpcError::new(None, error))
                }
                Err(AnyDelimiterCodecError::Io(error)) => {
                    tracing::error!(%error, "cannot read from the client");
                    return None;
                }
            };
            match parsed {
                Parsed::Message(message) => return Some(*message),
                Parsed::Invalid(error) => {
                    let writing =
                        write_line(Arc::clone(&self.output), JsonRpcMessage::Error(error));
                    self.pending_error = Some(Box::pin(writing));
                }
                Parsed::Ignored => {}
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // It is not polled any more, and may hold the lock of the output.
        self.pending_error = None;
        let close = async { self.output.lock().await.shutdown().await };
        tokio::time::timeout(CLOSE_TIMEOUT, close).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the client has stopped reading"))
        })
    }
}

/// Writes a message and its line feed. The lock keeps other messages from coming between.
async fn write_line<W: AsyncWrite + Unpin>(
    output: Arc<Mutex<W>>,
    message: ServerJsonRpcMessage,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(&message)?;
    line.push(b'\n');
    let mut output = output.lock().await;
    output.write_all(&line).await?;
    output.flush().await
}

/// What a line holds.
enum Parsed {
    Message(Box<ClientJsonRpcMessage>),
    /// Not a message; the error is its response.
    Invalid(JsonRpcError),
    /// Not a message, and without a response.
    Ignored,
}

fn parse_line(line: &[u8]) -> Parsed {
    let line = line.trim_ascii();
    // Serde reads a message from an array as well, and would take a batch for one.
    if line.starts_with(b"{")
        && let Ok(message) = serde_json::from_slice(line)
    {
        return Parsed::Message(Box::new(mend(message, line)));
    }
    if line.is_empty() || expects_no_response(line) {
        return Parsed::Ignored;
    }
    Parsed::Invalid(invalid_message(line))
}

/// Mends the parameters of a request in which rmcp found no known one. `line` is the message.
fn mend(message: ClientJsonRpcMessage, line: &[u8]) -> ClientJsonRpcMessage {
    let JsonRpcMessage::Request(request) = &message else { return message };
    let ClientRequest::CustomRequest(request) = &request.request else { return message };
    let mended = mend_message(&request.method, line);
    mended.and_then(|line| serde_json::from_slice(&line).ok()).unwrap_or(message)
}

/// Returns whether an invalid message is a notification or a response.
///
/// JSON-RPC 2.0, section 4.1, forbids responses to notifications. A response gets none either: two
/// programs that reject each other's error responses would never stop.
fn expects_no_response(line: &[u8]) -> bool {
    let Ok(Value::Object(members)) = serde_json::from_slice(line) else { return false };
    members.contains_key("result")
        || members.contains_key("error")
        || members.contains_key("method") && !members.contains_key("id")
}
