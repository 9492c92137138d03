//! Serves a router on a listener until a shutdown future resolves, then drains under a deadline.
//!
//! What a client can make the server hold is bounded: connections, heads that do not end, and answers
//! that it does not read.
//!
//! A client that is too slow to send the head of a request or to read a response, and one that
//! sends no request at all, loses its connection. The deadline of a body belongs to its route.

mod answer;
mod connection;
mod head;
mod listener;
mod pace;
mod stream;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connection::serve_connection;
pub use self::listener::Listener;
use super::budget::Budget;
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
/// The interval of HTTP/2 pings.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Maximum size of a request head, which is also hyper's default in HTTP/2. In HTTP/1 hyper may
/// buffer twice as many bytes before it compares, and keeps a buffer of this size once a client has
/// sent as much at a time.
const HEAD_MAX_BYTES: usize = 16 * 1024;
/// Maximum number of concurrent streams of an HTTP/2 connection.
const STREAMS_MAX: u32 = 200;
/// Maximum number of HTTP/2 connections. A client that takes an answer by single bytes leaves up to
/// a [part](answer::HTTP2_FRAME_BYTES) of each stream in the buffers of its connection, 400 KB in
/// all, so 13 MB for this many. Only proxies speak HTTP/2 without TLS, over few connections.
const HTTP2_CONNECTIONS_MAX: usize = 32;
/// The flow-control window of an HTTP/2 stream and of a connection, for request bodies: the smallest
/// that a connection can have (RFC 9113, section 6.9.2).
const HTTP2_WINDOW_BYTES: u32 = 65_535;
/// Maximum number of bytes that hyper buffers for an HTTP/2 stream.
const HTTP2_SEND_BYTES: usize = 16 * 1024;
/// Maximum number of connections, where the system's limit of open files allows it. Each takes up to
/// 20 KB with a head that has not ended.
const CONNECTIONS_MAX: u64 = 7168;
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

/// Builds a tokio runtime without threads of its own, for a command that ends soon.
pub fn single_thread_runtime() -> std::io::Result<Runtime> {
    runtime::Builder::new_current_thread().enable_all().build()
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
/// queue. Each request carries the client's address as [`ConnectInfo`](axum::extract::ConnectInfo). A connection that was open
/// or queued at the shutdown still gets a response, which announces the end of the connection.
pub async fn serve(
    listener: impl Into<Listener>,
    router: Router,
    connections_max: usize,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let open = Some(&CONNECTIONS_OPEN);
    accept_and_drain(listener.into(), router, connections_max, shutdown, open).await
}

/// Serves operators beside the clients. Its connections are not in the metric of open connections.
pub(crate) async fn serve_uncounted(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    accept_and_drain(listener.into(), router, UNCOUNTED_MAX, shutdown, None).await
}

/// The accept loop, then the drain.
async fn accept_and_drain(
    listener: Listener,
    router: Router,
    connections_max: usize,
    shutdown: impl Future<Output = ()>,
    open: Option<&'static Level>,
) -> std::io::Result<()> {
    let mut shutdown = pin!(shutdown);
    let slots = Arc::new(Semaphore::new(connections_max));
    let connections = TaskTracker::new();
    let closing = CancellationToken::new();
    let shared = Arc::new(Shared::new());
    let serve_one = |slot: OwnedSemaphorePermit, stream, peer| {
        let shared = Arc::clone(&shared);
        let held = (slot, open.map(Level::hold));
        connections.spawn(serve_connection(
            shared,
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
    for socket in listener.into_sockets() {
        for (stream, peer) in take_queued_connections(socket)? {
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else { break };
            serve_one(slot, stream, peer);
        }
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

/// What the connections of a server share: a hyper builder for each version of HTTP that a
/// connection may begin with, and the bounds of what they hold.
struct Shared {
    http1: Builder<TokioExecutor>,
    either: Builder<TokioExecutor>,
    /// One permit for each connection that may be HTTP/2.
    http2: Arc<Semaphore>,
    heads: Arc<Budget>,
}

impl Shared {
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
            .initial_stream_window_size(HTTP2_WINDOW_BYTES)
            .initial_connection_window_size(HTTP2_WINDOW_BYTES)
            .max_send_buf_size(HTTP2_SEND_BYTES)
            .max_concurrent_streams(STREAMS_MAX);
        Self {
            http1: either.clone().http1_only(),
            either,
            http2: Arc::new(Semaphore::new(HTTP2_CONNECTIONS_MAX)),
            heads: Budget::new(head::SHARES),
        }
    }

    /// Waits for the first bytes of a connection and selects its protocol. Returns `None` for one
    /// too many of HTTP/2. hyper's own detection works as well, but keeps a read buffer of twice the
    /// size for HTTP/1.
    async fn select_protocol(&self, stream: &TcpStream) -> Option<Protocol> {
        let mut start = [0; 3];
        let read = stream.peek(&mut start).await.unwrap_or_default();
        // The HTTP/2 preface begins with `PRI`, which HTTP/1 does not use as a method (RFC 9113,
        // section 11.6).
        if !b"PRI".starts_with(&start[..read]) {
            return Some(Protocol::Http1);
        }
        let permit = Arc::clone(&self.http2).try_acquire_owned();
        permit.ok().map(|permit| Protocol::Either(Some(permit)))
    }
}

/// What a connection begins with.
enum Protocol {
    Http1,
    /// HTTP/2, or still unclear. It has a permit except at the shutdown.
    Either(Option<OwnedSemaphorePermit>),
}

/// Accepts the next connection. An error of one connection is skipped.
async fn accept(listener: &Listener) -> (TcpStream, SocketAddr) {
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

/// Takes the connections out of the kernel's queue and closes the socket.
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
