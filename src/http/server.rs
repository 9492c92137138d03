//! Serves a router on a listener until a shutdown future resolves, then drains under a deadline.
//!
//! A client that is too slow to send the head of a request or to read a response, and one that
//! sends no request at all, loses its connection. The deadline of a body belongs to its route.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderValue, Version, header};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::telemetry::metrics::{CONNECTIONS_OPEN, Level};

/// How long requests in flight may take after the start of the shutdown.
const DRAIN: Duration = Duration::from_secs(25);
/// How long connections without a request in flight stay open after the start of the shutdown, so
/// that a request that is on its way still gets a response.
const LINGER: Duration = Duration::from_secs(1);
/// How long such a connection may stay after [`LINGER`]: enough to finish a response, or to read
/// a head.
const PARTING: Duration = Duration::from_secs(2);
/// How long the head of a request may take, and how long a connection may stay idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a write to a client may block.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// The interval of HTTP/2 pings.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Maximum size of a request head in HTTP/1. hyper may buffer twice as many bytes before it
/// compares. In HTTP/2 the maximum is hyper's default, 16 KiB.
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// Maximum number of concurrent streams of an HTTP/2 connection.
const STREAMS_MAX: u32 = 200;
/// Maximum number of connections, where the system's limit of open files allows it.
const CONNECTIONS_MAX: u64 = 16_384;
/// Maximum number of connections of an uncounted server.
const UNCOUNTED_MAX: usize = 64;
/// Number of file descriptors that are reserved for the store and for outbound calls.
const OTHER_FILES: u64 = 256;
/// Maximum number of connections that are taken out of the kernel's queue at the shutdown.
const QUEUE_MAX: usize = 1024;
/// The pause before the next accept when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Builds the tokio runtime for the number of cores.
///
/// On a single core the multi-thread scheduler starves some of many connections: of 2,000, a tenth
/// waited over five times as long as with the current-thread scheduler, at the same throughput.
pub fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = match cores {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

/// Raises the soft limit of open files as far as needed, and returns the number of connections that
/// it allows.
#[cfg(unix)]
pub fn connections_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = CONNECTIONS_MAX + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is unlimited.
    let soft = current.map_or(wanted, |files| files.min(wanted));
    let hard = maximum.map_or(wanted, |files| files.min(wanted));
    let raised = Rlimit { current: Some(hard), maximum };
    let is_raised = soft < hard && setrlimit(Resource::Nofile, raised).is_ok();
    let files = if is_raised { hard } else { soft };
    let connections = files - (files / 4).min(OTHER_FILES);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

/// Returns the maximum number of connections.
#[cfg(windows)]
pub fn connections_max() -> usize {
    usize::try_from(CONNECTIONS_MAX).unwrap_or(usize::MAX)
}

/// Serves until `shutdown` resolves, then lets requests in flight finish for at most 25 s.
///
/// At most `connections_max` connections are open at a time; further ones wait in the kernel's
/// queue. Each request carries the client's address as [`ConnectInfo`]. A connection that was open
/// or queued at the shutdown still gets a response, which announces the end of the connection.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    accept_and_drain(listener, router, connections_max, shutdown, Some(&CONNECTIONS_OPEN)).await
}

/// Serves operators beside the clients. Its connections are not in the metric of open connections.
pub(crate) async fn serve_uncounted(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    accept_and_drain(listener, router, UNCOUNTED_MAX, shutdown, None).await
}

/// The accept loop, then the drain.
async fn accept_and_drain(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    shutdown: impl Future<Output = ()>,
    open: Option<&'static Level>,
) -> std::io::Result<()> {
    let mut shutdown = pin!(shutdown);
    let slots = Arc::new(Semaphore::new(connections_max));
    let connections = TaskTracker::new();
    let closing = CancellationToken::new();
    let builders = Arc::new(Builders::new());
    let serve_one = |slot: OwnedSemaphorePermit, stream, peer| {
        let builders = Arc::clone(&builders);
        let held = (slot, open.map(Level::hold));
        connections.spawn(serve_connection(
            builders,
            stream,
            peer,
            router.clone(),
            closing.clone(),
            held,
        ));
    };
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, accept(&listener).await)
        };
        let (slot, (stream, peer)) = tokio::select! {
            (Ok(slot), accepted) = accepted => (slot, accepted),
            () = &mut shutdown => break,
        };
        serve_one(slot, stream, peer);
    }
    // The listener is closed here. The kernel has completed the handshake of the connections in its
    // queue, so these clients would lose a request that they have sent already.
    for (stream, peer) in take_queued_connections(listener)? {
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { break };
        serve_one(slot, stream, peer);
    }
    closing.cancel();
    connections.close();
    tokio::select! {
        () = connections.wait() => {}
        () = tokio::time::sleep(DRAIN) => {
            tracing::warn!("requests were cut off after {} s", DRAIN.as_secs());
        }
    }
    Ok(())
}

/// One hyper builder for each version of HTTP that a connection may begin with.
struct Builders {
    http1: Builder<TokioExecutor>,
    either: Builder<TokioExecutor>,
}

impl Builders {
    fn new() -> Self {
        let mut either = Builder::new(TokioExecutor::new());
        either
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_MAX_BYTES);
        either
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(HEAD_TIMEOUT)
            .max_concurrent_streams(STREAMS_MAX);
        Self { http1: either.clone().http1_only(), either }
    }

    /// Waits for the first bytes of a connection and selects its builder. hyper's own detection
    /// works as well, but keeps a read buffer of twice the size for HTTP/1.
    async fn select_builder(&self, stream: &TcpStream) -> &Builder<TokioExecutor> {
        let mut start = [0; 3];
        match stream.peek(&mut start).await {
            // The HTTP/2 preface begins with `PRI`, which is no method of HTTP/1 (RFC 9113,
            // section 11.6).
            Ok(3) if start != *b"PRI" => &self.http1,
            Ok(_) | Err(_) => &self.either,
        }
    }
}

/// Accepts the next connection. An error of one connection is skipped.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_connection_error(&error) => {}
            Err(error) => {
                tracing::error!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_connection_error(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Takes the connections out of the kernel's queue and closes the listener.
fn take_queued_connections(
    listener: TcpListener,
) -> std::io::Result<impl Iterator<Item = (TcpStream, SocketAddr)>> {
    let listener = listener.into_std()?;
    let queued = std::iter::from_fn(move || {
        loop {
            match listener.accept() {
                Err(error) if is_connection_error(&error) => {}
                accepted => return accepted.ok(),
            }
        }
    });
    Ok(queued.take(QUEUE_MAX).filter_map(|(stream, peer)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    }))
}

/// The state of a connection. Each request holds a clone until hyper has its response.
#[derive(Default)]
struct ConnectionState {
    /// Set with each request, cleared by the idle check.
    has_requested: AtomicBool,
    is_http2: AtomicBool,
    /// The next response is the last one.
    is_closing: AtomicBool,
}

impl ConnectionState {
    fn record_request(&self, request: &Request<hyper::body::Incoming>) {
        self.has_requested.store(true, Ordering::Relaxed);
        if request.version() == Version::HTTP_2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
    }

    /// Adds `Connection: close` to the last response of an HTTP/1 connection (RFC 9112, section
    /// 9.6). HTTP/2 has the GOAWAY frame instead.
    fn set_connection_close(&self, headers: &mut HeaderMap) {
        if self.is_closing.load(Ordering::Relaxed) && !self.is_http2.load(Ordering::Relaxed) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }

    fn is_in_flight(self: &Arc<Self>) -> bool {
        // One clone belongs to the connection, one to its service.
        Arc::strong_count(self) > 2
    }

    /// Resolves once the connection has been idle for [`HEAD_TIMEOUT`]. After the first request of an
    /// HTTP/1 connection, hyper's own header timeout covers that.
    async fn wait_until_idle(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(HEAD_TIMEOUT).await;
            let has_requested = self.has_requested.load(Ordering::Relaxed);
            if has_requested && !self.is_http2.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if !self.has_requested.swap(false, Ordering::Relaxed) && !self.is_in_flight() {
                return;
            }
        }
    }
}

/// Serves a connection to its end. `_held` is dropped with it.
async fn serve_connection(
    builders: Arc<Builders>,
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
    let builder = tokio::select! {
        builder = builders.select_builder(&stream) => builder,
        () = tokio::time::sleep(HEAD_TIMEOUT) => {
            tracing::debug!("an idle connection was closed");
            return;
        }
        () = closing.cancelled() => &builders.either,
    };
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));

    let state = Arc::new(ConnectionState::default());
    let recorded = Arc::clone(&state);
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        recorded.record_request(&request);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (router, held) = (router.clone(), Arc::clone(&recorded));
        async move {
            let mut response = router.oneshot(request).await?;
            held.set_connection_close(response.headers_mut());
            Ok::<_, Infallible>(response.map(|body| hold(body, held)))
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
    tokio::select! {
        outcome = &mut connection => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection failed");
            }
            return;
        }
        () = state.wait_until_idle() => tracing::debug!("an idle connection was closed"),
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
    while tokio::time::timeout(PARTING, &mut connection).await.is_err() && state.is_in_flight() {}
}

/// Attaches a value to a body. It is dropped with the body, read to its end or not.
pub(crate) fn hold<T: Send + 'static>(
    body: Body,
    held: T,
) -> impl HttpBody<Data = Bytes, Error = axum::Error> {
    body.map_frame(move |frame| {
        let _ = &held;
        frame
    })
}

/// Catches SIGTERM and SIGINT from now on. The future resolves with the first of them. Must be
/// called inside a tokio runtime.
#[cfg(unix)]
pub fn shutdown_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Catches Ctrl-C from now on. The future resolves with it.
#[cfg(windows)]
pub fn shutdown_signal() -> std::io::Result<impl Future<Output = ()> + Send> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

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
        let _service = Arc::clone(&state);
        check(&state, Some(29..32)).await;

        state.is_http2.store(true, Ordering::Relaxed);
        state.has_requested.store(true, Ordering::Relaxed);
        let in_flight = Arc::clone(&state);
        check(&state, None).await;
        drop(in_flight);
        check(&state, Some(29..62)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_request_over_http1_hyper_detects_idleness() {
        let state = Arc::new(ConnectionState::default());
        let _service = Arc::clone(&state);
        state.has_requested.store(true, Ordering::Relaxed);
        check(&state, None).await;
    }
}
