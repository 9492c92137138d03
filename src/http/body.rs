//! Reading of request bodies, bounded in size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{Extensions, HeaderMap, header};
use http_body_util::BodyExt;

use super::ticket::Ticket;
use crate::domain::characters::BYTE_ORDER_MARK;
use crate::error::ApiError;

/// Maximum size of a request body in bytes.
pub const BODY_MAX_BYTES: usize = 256 * 1024;
/// Maximum size in bytes of a body with a signature, as webhooks have it. Anybody can send one, and
/// events are far smaller.
pub const SIGNED_BODY_MAX_BYTES: usize = 64 * 1024;

/// Removes the byte order mark that some clients write before a text; returns `None` if there is none. A
/// parser may ignore it (RFC 8259, section 8.1).
pub(crate) fn strip_byte_order_mark(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(BYTE_ORDER_MARK)
}

/// Reads a whole body. The deadline is that of the request.
pub(crate) async fn read_body(request: Request) -> Result<Bytes, ApiError> {
    let (parts, body) = request.into_parts();
    BodyReader::new(&parts.extensions, body).read_whole().await
}

/// Reads a whole body within `timeout`, for routes that keep their own deadline. `extensions` are
/// those of the request.
pub(crate) async fn read_body_within(
    extensions: &Extensions,
    body: Body,
    timeout: Duration,
) -> Result<Bytes, ApiError> {
    let reading = BodyReader::new(extensions, body).read_whole();
    tokio::time::timeout(timeout, reading).await.map_err(|_| ApiError::BodyTimeout)?
}

/// Refuses a request whose `Content-Length` is above the limit of its route.
pub(super) fn check_declared_length(headers: &HeaderMap, limit: usize) -> Result<(), ApiError> {
    // hyper has parsed it already, and refuses anything but a number (RFC 9112, section 6.3).
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match declared.and_then(|text| text.parse::<usize>().ok()) {
        Some(length) if length > limit => Err(ApiError::TooLarge { limit }),
        _ => Ok(()),
    }
}

/// A request body that is being read.
pub(crate) struct BodyReader {
    body: Body,
    /// `None` behind no edge, as in tests of a handler alone.
    ticket: Option<Arc<Ticket>>,
    limit: usize,
    received: usize,
}

impl BodyReader {
    /// `extensions` are those of the request.
    pub(crate) fn new(extensions: &Extensions, body: Body) -> Self {
        let ticket = extensions.get::<Arc<Ticket>>().cloned();
        let limit = ticket.as_ref().map_or(BODY_MAX_BYTES, |ticket| ticket.body_max_bytes());
        if let Some(ticket) = &ticket {
            ticket.set_receiving(true);
        }
        Self { body, ticket, limit, received: 0 }
    }

    /// Waits for the next chunk, and charges the disk space of all so far. Of a longer body than
    /// `memory_max_bytes` only so many bytes are charged as memory.
    ///
    /// # Errors
    /// [`ApiError::TooLarge`] above the limit of the route, [`ApiError::Overloaded`] without memory
    /// or disk space, and [`ApiError::Malformed`] for a body that breaks off.
    pub(crate) async fn next_upload_chunk(
        &mut self,
        memory_max_bytes: usize,
    ) -> Result<Option<Bytes>, ApiError> {
        let Some(chunk) = self.next_chunk().await? else { return Ok(None) };
        if let Some(ticket) = &self.ticket {
            ticket.charge_body(self.received.min(memory_max_bytes))?;
            ticket.charge_upload(self.received)?;
        }
        Ok(Some(chunk))
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| broken_off(&error))?;
            let Ok(chunk) = frame.into_data() else { continue };
            self.received += chunk.len();
            if self.received > self.limit {
                return Err(ApiError::TooLarge { limit: self.limit });
            }
            return Ok(Some(chunk));
        }
        Ok(None)
    }

    async fn read_whole(mut self) -> Result<Bytes, ApiError> {
        let Some(first) = self.next_chunk().await? else { return Ok(Bytes::new()) };
        if self.body.is_end_stream() {
            self.charge(first.len())?;
            return Ok(first);
        }
        // Chunks are copied and not collected: hyper reads each into what is left of a buffer of at
        // least 8 KiB, so that a client who sends single bytes would make every one hold a buffer.
        let mut whole = Vec::new();
        self.append(&mut whole, &first)?;
        drop(first);
        while let Some(chunk) = self.next_chunk().await? {
            self.append(&mut whole, &chunk)?;
        }
        Ok(Bytes::from(whole))
    }

    /// Appends a chunk, and charges the capacity before it grows.
    fn append(&self, whole: &mut Vec<u8>, chunk: &[u8]) -> Result<(), ApiError> {
        let needed = whole.len() + chunk.len();
        if needed > whole.capacity() {
            let capacity = needed.next_power_of_two().min(self.limit);
            self.charge(capacity)?;
            whole.reserve_exact(capacity - whole.len());
        }
        whole.extend_from_slice(chunk);
        Ok(())
    }

    fn charge(&self, bytes: usize) -> Result<(), ApiError> {
        self.ticket.as_ref().map_or(Ok(()), |ticket| ticket.charge_body(bytes))
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        // A deadline that drops the reader has read the flag before.
        if let Some(ticket) = &self.ticket {
            ticket.set_receiving(false);
        }
    }
}

/// The error of a body that broke off.
fn broken_off(error: &axum::Error) -> ApiError {
    // The cause is the client's connection, which is not for the response.
    tracing::debug!(%error, "a request body broke off");
    ApiError::Malformed("the request body broke off before its end".to_owned())
}
