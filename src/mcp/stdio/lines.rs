//! The transport of stdio: one message a line (MCP 2025-11-25, basic/transports, "stdio").
//!
//! A line that is not a message gets an error response. rmcp's own transport skips such a line, and
//! its sender would wait for a response for ever.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde::de::IgnoredAny;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;
use tokio_util::codec::FramedRead;

use super::batches::{Batches, Outgoing};
use super::codec::{Line, LineCodec};
use crate::mcp::batch::{BATCH_MAX, is_batch};
use crate::mcp::message::{Refusal, read_message, refuse_too_long, skip_byte_order_marks};

/// How long closing waits for a client that has stopped reading.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A client behind a reader and a writer of lines.
pub struct Lines<R, W> {
    input: FramedRead<R, LineCodec>,
    output: Arc<Mutex<W>>,
    /// The answers to the last line, until they are written. They are kept here because `receive`
    /// may be dropped at any await point and called again.
    writing: Option<Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
    /// The messages of the last line that were not received yet.
    received: VecDeque<ClientJsonRpcMessage>,
    batches: Batches,
}

impl<R: AsyncRead, W> Lines<R, W> {
    /// Reads lines of at most [`BODY_MAX_BYTES`](crate::http::extract::BODY_MAX_BYTES). Longer ones
    /// get an error response and are skipped without being buffered.
    pub fn new(input: R, output: W) -> Self {
        Self {
            input: FramedRead::new(input, LineCodec::default()),
            output: Arc::new(Mutex::new(output)),
            writing: None,
            received: VecDeque::new(),
            batches: Batches::default(),
        }
    }

    /// Reads what a line holds. Returns the answers that are due at once.
    fn read_line(&mut self, line: Line) -> Vec<Outgoing> {
        let line = match line {
            Line::Whole(line) => line,
            Line::TooLong(outline) => {
                return refuse_too_long(outline).into_iter().filter_map(answer).collect();
            }
        };
        let text = skip_byte_order_marks(line.trim_ascii());
        if text.is_empty() {
            return Vec::new();
        }
        // Serde reads a message from an array as well, and would take a batch for one.
        if is_batch(text) {
            let begun = self.batches.begin(text);
            let cancelled =
                begun.messages.iter().filter_map(|message| self.batches.cancel(message));
            let answers = begun.answers.into_iter().chain(cancelled).collect();
            self.received.extend(begun.messages);
            return answers;
        }
        match read_message(text) {
            Ok(message) => self.take(message).into_iter().collect(),
            Err(refusal) => {
                self.read_several(text).unwrap_or_else(|| answer(refusal).into_iter().collect())
            }
        }
    }

    /// Reads a line of several messages: a client that forgets a line feed waits for the response to
    /// each. Returns `None` if it is not such a line.
    fn read_several(&mut self, line: &[u8]) -> Option<Vec<Outgoing>> {
        let texts = split_objects(line)?;
        let answers = texts.into_iter().filter_map(|text| match read_message(text) {
            Ok(message) => self.take(message),
            Err(refusal) => answer(refusal),
        });
        Some(answers.collect())
    }

    /// Takes a message in. Returns the answer that is due at once.
    fn take(&mut self, message: ClientJsonRpcMessage) -> Option<Outgoing> {
        let cancelled = self.batches.cancel(&message);
        self.received.push_back(message);
        cancelled
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
        let outgoing = self.batches.collect(message);
        write_lines(Arc::clone(&self.output), outgoing.into_iter().collect())
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(writing) = &mut self.writing {
                writing.await.ok()?;
                self.writing = None;
            }
            if let Some(message) = self.received.pop_front() {
                return Some(message);
            }
            let line = match self.input.next().await? {
                Ok(line) => line,
                Err(error) => {
                    tracing::error!(%error, "cannot read from the client");
                    return None;
                }
            };
            let answers = self.read_line(line);
            if !answers.is_empty() {
                self.writing = Some(Box::pin(write_lines(Arc::clone(&self.output), answers)));
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        // It is not polled any more, and may hold the lock of the output.
        self.writing = None;
        let close = async { self.output.lock().await.shutdown().await };
        tokio::time::timeout(CLOSE_TIMEOUT, close).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the client has stopped reading"))
        })
    }
}

/// Splits a line of 2 to [`BATCH_MAX`] objects at their ends. What follows the last whole one is one
/// text. Returns `None` for every other line.
fn split_objects(line: &[u8]) -> Option<Vec<&[u8]>> {
    let mut objects = serde_json::Deserializer::from_slice(line).into_iter::<IgnoredAny>();
    let (mut texts, mut start) = (Vec::new(), 0);
    while let Some(Ok(_)) = objects.next() {
        let text = line[start..objects.byte_offset()].trim_ascii_start();
        if !text.starts_with(b"{") {
            return None;
        }
        texts.push(text);
        start = objects.byte_offset();
        if texts.len() > BATCH_MAX {
            return None;
        }
    }
    let rest = line[start..].trim_ascii_start();
    if rest.starts_with(b"{") {
        texts.push(rest);
    } else if !rest.is_empty() {
        return None;
    }
    (2..=BATCH_MAX).contains(&texts.len()).then_some(texts)
}

fn answer(refusal: Refusal) -> Option<Outgoing> {
    (!refusal.is_unwanted).then_some(Outgoing::One(refusal.answer))
}

/// Writes each on a line. The lock keeps other messages from coming between.
async fn write_lines<W: AsyncWrite + Unpin>(
    output: Arc<Mutex<W>>,
    lines: Vec<Outgoing>,
) -> io::Result<()> {
    let mut text = Vec::new();
    for line in &lines {
        match line {
            Outgoing::One(message) => serde_json::to_writer(&mut text, message)?,
            Outgoing::Batch(messages) => serde_json::to_writer(&mut text, messages)?,
        }
        text.push(b'\n');
    }
    if text.is_empty() {
        return Ok(());
    }
    let mut output = output.lock().await;
    output.write_all(&text).await?;
    output.flush().await
}
