//! One connection, from its first byte to its last.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderValue, Version, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::answer::{Answer, Progress};
use super::head::Head;
use super::stream::Connection;
use super::{HEAD_TIMEOUT, LINGER, PARTING, Protocol, Shared};
use crate::http::limits::network;
use crate::http::ticket::Ticket;

/// The state of a connection, which its requests share.
#[derive(Default)]
pub(super) struct ConnectionState {
    /// The number of requests whose answer hyper does not have in full.
    in_flight: AtomicUsize,
    /// Set with each request, cleared by the idle check.
    has_requested: AtomicBool,
    /// Set with each request, cleared when the next head begins.
    has_finished_head: AtomicBool,
    is_http2: AtomicBool,
    /// The next response is the last one.
    is_closing: AtomicBool,
    /// Whether `unwritten` holds anything, so that most flushes lock nothing.
    has_unwritten: AtomicBool,
    /// The tickets of answers that hyper has in full, but may not have written.
    unwritten: Mutex<Vec<Arc<Ticket>>>,
    /// The answers in HTTP/2 that are on their way.
    progress: Mutex<Vec<Weak<Progress>>>,
}

impl ConnectionState {
    /// Begins a request.
    fn begin(self: &Arc<Self>, version: Version) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.has_requested.store(true, Ordering::Relaxed);
        self.has_finished_head.store(true, Ordering::Relaxed);
        if version == Version::HTTP_2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
        InFlight(Arc::clone(self))
    }

    /// Adds `Connection: close` to the last response of an HTTP/1 connection (RFC 9112, section
    /// 9.6). HTTP/2 has the GOAWAY frame instead.
    fn set_connection_close(&self, headers: &mut HeaderMap) {
        if self.is_closing.load(Ordering::Relaxed) && !self.is_http2.load(Ordering::Relaxed) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > 0
    }

    /// Returns whether a head has ended since the last call.
    pub(super) fn take_finished_head(&self) -> bool {
        self.has_finished_head.swap(false, Ordering::Relaxed)
    }

    /// Drops the tickets of the answers that are written.
    pub(super) fn release_written(&self) {
        if self.has_unwritten.swap(false, Ordering::Relaxed) {
            self.unwritten().clear();
        }
    }

    fn unwritten(&self) -> MutexGuard<'_, Vec<Arc<Ticket>>> {
        self.unwritten.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the client is too slow to take an answer in HTTP/2.
    fn has_late_answer(&self) -> bool {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.retain(|one| one.strong_count() > 0);
        progress.iter().filter_map(Weak::upgrade).any(|one| one.is_late())
    }

    /// Resolves once the connection has been idle for [`HEAD_TIMEOUT`], or in HTTP/2 has not taken
    /// an answer. After the first request of an HTTP/1 connection, hyper's own header timeout and
    /// the [stream](Connection) cover that.
    async fn wait_until_idle(&self) {
        loop {
            tokio::time::sleep(HEAD_TIMEOUT).await;
            let has_requested = self.has_requested.load(Ordering::Relaxed);
            if has_requested && !self.is_http2.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            let is_idle =
                !self.has_requested.swap(false, Ordering::Relaxed) && !self.is_in_flight();
            if is_idle || self.has_late_answer() {
                return;
            }
        }
    }
}

/// A request in flight, counted until it is dropped.
pub(super) struct InFlight(Arc<ConnectionState>);

impl InFlight {
    /// Tracks how the client takes the answer, if the connection is HTTP/2.
    pub(super) fn track_progress(&self) -> Option<Arc<Progress>> {
        if !self.0.is_http2.load(Ordering::Relaxed) {
            return None;
        }
        let progress = Arc::new(Progress::default());
        let mut all = self.0.progress.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|one| one.strong_count() > 0);
        all.push(Arc::downgrade(&progress));
        Some(progress)
    }

    /// Holds a ticket until hyper's buffer is empty. In HTTP/2 hyper writes in another task, which
    /// may be done already; what it may still hold is bounded by the number of connections.
    pub(super) fn release_when_written(&self, ticket: Arc<Ticket>) {
        if !self.0.is_http2.load(Ordering::Relaxed) {
            self.0.unwritten().push(ticket);
            self.0.has_unwritten.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection to its end. `_held` is dropped with it.
pub(super) async fn serve_connection(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    closing: CancellationToken,
    _held: impl Send,
) {
    // With Nagle's algorithm a response in two writes waits for the client's delayed
    // acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "setting TCP_NODELAY failed");
    }
    let protocol = tokio::select! {
        protocol = shared.select_protocol(&stream) => protocol,
        () = tokio::time::sleep(HEAD_TIMEOUT) => {
            tracing::debug!("an idle connection was closed");
            return;
        }
        () = closing.cancelled() => Some(Protocol::Either(None)),
    };
    let (builder, head, _permit) = match protocol {
        Some(Protocol::Http1) => {
            let head = Head::new(Arc::clone(&shared.heads), network(peer.ip()));
            (&shared.http1, Some(head), None)
        }
        Some(Protocol::Either(permit)) => (&shared.either, None, permit),
        None => {
            tracing::debug!("a connection above the maximum of HTTP/2 was closed");
            return;
        }
    };

    let state = Arc::new(ConnectionState::default());
    let recorded = Arc::clone(&state);
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let in_flight = recorded.begin(request.version());
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router.clone();
        async move {
            let mut response = router.oneshot(request).await?;
            in_flight.0.set_connection_close(response.headers_mut());
            let ticket = response.extensions_mut().remove::<Arc<Ticket>>();
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, ticket, in_flight)))
        }
    });
    let stream = Connection::new(stream, Arc::clone(&state), head);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
    tokio::select! {
        outcome = &mut connection => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection failed");
            }
            return;
        }
        () = state.wait_until_idle() => tracing::debug!("an idle or slow connection was closed"),
        () = closing.cancelled() => {
            state.is_closing.store(true, Ordering::Relaxed);
            if state.is_http2.load(Ordering::Relaxed) {
                connection.as_mut().graceful_shutdown();
            }
            if tokio::time::timeout(LINGER, &mut connection).await.is_ok() {
                return;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    while tokio::time::timeout(PARTING, &mut connection).await.is_err()
        && state.is_in_flight()
        && !state.has_late_answer()
    {}
}

#[cfg(test)]
mod tests {
    use std::ops::Range;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    /// Checks after how many seconds a connection is idle; `None` for never.
    async fn check(state: &Arc<ConnectionState>, expected: Option<Range<u64>>) {
        let began = Instant::now();
        let idle = tokio::time::timeout(Duration::from_mins(5), state.wait_until_idle()).await;
        let after = idle.ok().map(|()| began.elapsed().as_secs());
        assert_eq!(after.is_some(), expected.is_some(), "{after:?}");
        assert!(after.is_none_or(|after| expected.unwrap().contains(&after)), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_requests_is_idle_unless_a_response_is_pending() {
        let state = Arc::new(ConnectionState::default());
        check(&state, Some(29..32)).await;

        let in_flight = state.begin(Version::HTTP_2);
        check(&state, None).await;
        drop(in_flight);
        check(&state, Some(29..62)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_request_over_http1_hyper_detects_idleness() {
        let state = Arc::new(ConnectionState::default());
        drop(state.begin(Version::HTTP_11));
        check(&state, None).await;
    }
}
