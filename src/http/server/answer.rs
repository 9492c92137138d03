//! [`Answer`]: the body of a response on its way to a client that may be slow.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

use super::connection::InFlight;
use super::pace::Pace;
use crate::http::budget::Reservation;
use crate::http::ticket::Ticket;

/// Maximum size of a part that hyper gets in HTTP/1. It buffers at most [`super::HEAD_MAX_BYTES`] and
/// one part, so that a body ends when nearly all of it is written.
const HTTP1_FRAME_BYTES: usize = 16 * 1024;
/// Maximum size of a part that hyper gets in HTTP/2, where a part may stay in the buffers of the
/// connection after the end of its body.
pub(super) const HTTP2_FRAME_BYTES: usize = 2 * 1024;

/// A response body in parts. It holds the ticket of its request until its connection has written the
/// last of them.
pub(super) struct Answer {
    body: Body,
    /// What is left of the last frame of the body.
    rest: Bytes,
    /// The memory of that frame, where the body has no size.
    charged: Option<Reservation>,
    ticket: Option<Arc<Ticket>>,
    request: InFlight,
    /// How the client takes the parts, in HTTP/2 alone: a connection of HTTP/1 has one body at a
    /// time, so that [`Connection`](super::stream::Connection) sees it.
    progress: Option<Arc<Progress>>,
}

/// How the client of an HTTP/2 stream takes a body. Its window may be closed while the connection is
/// open, so that no write ever waits.
#[derive(Default)]
pub(super) struct Progress(Mutex<(Pace, usize)>);

impl Progress {
    /// A part is on its way.
    fn give(&self, bytes: usize) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.0.wait();
        progress.1 = bytes;
    }

    /// The client has taken the last part.
    fn take(&self) {
        let mut progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = std::mem::take(&mut progress.1);
        progress.0.advance(bytes);
    }

    /// Whether the client takes too long for the last part.
    pub(super) fn is_late(&self) -> bool {
        let progress = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        progress.0.deadline().is_some_and(|deadline| deadline <= Instant::now())
    }
}

impl Answer {
    pub(super) fn new(body: Body, ticket: Option<Arc<Ticket>>, request: InFlight) -> Self {
        let progress = request.track_progress();
        Self { body, rest: Bytes::new(), charged: None, ticket, request, progress }
    }

    fn next_part(&mut self) -> Bytes {
        let most = if self.progress.is_some() { HTTP2_FRAME_BYTES } else { HTTP1_FRAME_BYTES };
        let part = self.rest.split_to(self.rest.len().min(most));
        if let Some(progress) = &self.progress {
            progress.give(part.len());
        }
        part
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let answer = &mut *self;
        if let Some(progress) = &answer.progress {
            progress.take();
        }
        if answer.rest.is_empty() {
            answer.charged = None;
            let frame = ready!(Pin::new(&mut answer.body).poll_frame(cx));
            let data = match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(data))) => data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            };
            // A body of known size is charged as a whole.
            if let Some(ticket) = &answer.ticket
                && answer.body.size_hint().exact().is_none()
            {
                let Ok(charged) = ticket.charge_chunk(data.len()) else {
                    let error = "too many answers wait for their clients";
                    return Poll::Ready(Some(Err(axum::Error::new(error))));
                };
                answer.charged = charged;
            }
            answer.rest = data;
        }
        Poll::Ready(Some(Ok(Frame::data(answer.next_part()))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        let hint = self.body.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower().saturating_add(rest));
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper.saturating_add(rest));
        }
        whole
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.request.release_when_written(ticket);
        }
    }
}
