//! Serves a router on a listener until a shutdown future resolves, then drains under a deadline.
//!
//! Clients are not trusted to be quick: who takes too long to send the head of a request, or to
//! read an answer, or asks nothing, loses the connection; how long a body may take is each route's
//! own rule.

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

/// How long requests in flight may take after the shutdown began.
const DRAIN: Duration = Duration::from_secs(25);
/// How long connections without a request in flight stay open then, so that a request that is on
/// its way is still answered.
const LINGER: Duration = Duration::from_secs(1);
/// How long such a connection may stay after that: enough for the end of an answer, or of a head.
const PARTING: Duration = Duration::from_secs(2);
/// How long a client may take for the head of a request, and how long a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may refuse to read on.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often an HTTP/2 client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// From how many bytes on hyper refuses a request's head over HTTP/1, unless its end came with them:
/// it may have read twice as many. Over HTTP/2 it takes 16 KiB.
const HEAD_MAX_BYTES: usize = 64 * 1024;
/// Most requests at a time on one connection of HTTP/2.
const STREAMS_MAX: u32 = 200;
/// Most connections at a time, where the system lets the process open that many files.
const CONNECTIONS_MAX: u64 = 16_384;
/// Most connections at a time of those who are served beside the clients.
const ASIDE_MAX: usize = 64;
/// Most files that are left for the library and for calls to other services.
const OTHER_FILES: u64 = 256;
/// Most connections that are taken out of that queue when the end begins.
const QUEUE_MAX: usize = 1024;
/// How long to wait before accepting again when the machine has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The runtime that suits the machine. On a single core, tokio's scheduler for many threads lets
/// some of many connections starve: of 2,000, a tenth waited over five times as long as with the
/// scheduler for one thread, at the same throughput.
pub fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = match cores {
        1 => runtime::Builder::new_current_thread(),
        _ => runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

/// How many connections this process can bear; it asks the system for as many files as that takes.
#[cfg(unix)]
pub fn connections_max() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = CONNECTIONS_MAX + OTHER_FILES;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let files = |limit: Option<u64>| limit.map_or(wanted, |files| files.min(wanted));
    let most = files(maximum);
    let raised = Rlimit { current: Some(most), maximum };
    let is_raised = files(current) < most && setrlimit(Resource::Nofile, raised).is_ok();
    let files = if is_raised { most } else { files(current) };
    let connections = files - (files / 4).min(OTHER_FILES);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

/// How many connections this process can bear.
#[cfg(windows)]
pub fn connections_max() -> usize {
    usize::try_from(CONNECTIONS_MAX).unwrap_or(usize::MAX)
}

/// Serves until `shutdown` resolves, then lets requests in flight finish for at most 25 s.
///
/// At most `connections_max` connections are served at a time; further ones wait. Each request
/// carries the client's address as [`ConnectInfo`]. Whoever was connected when the end began is still
/// answered, and told to close the connection.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    serve_counted(listener, router, connections_max, shutdown, Some(&CONNECTIONS_OPEN)).await
}

/// The same beside what clients are served, so that their connections alone are counted.
pub(crate) async fn serve_aside(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    serve_counted(listener, router, ASIDE_MAX, shutdown, None).await
}

async fn serve_counted(
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
    // Nobody is let in any more; whom the kernel has let in already is served.
    for (stream, peer) in last_connections(listener)? {
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

/// How connections are served, by the version of HTTP that they begin with.
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

    /// The builder that suits the first bytes of a connection, once they are there. hyper looks for
    /// itself where it is told nothing, but then holds a buffer of twice the size for HTTP/1.
    async fn suiting(&self, stream: &TcpStream) -> &Builder<TokioExecutor> {
        let mut start = [0; 3];
        match stream.peek(&mut start).await {
            // No method of HTTP/1 begins as HTTP/2 does (RFC 9113, section 11.6).
            Ok(3) if start != *b"PRI" => &self.http1,
            Ok(_) | Err(_) => &self.either,
        }
    }
}

/// The next connection. What goes wrong with one is no reason to stop taking others.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_of_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The connections that wait in the kernel's queue; it takes no more from then on.
fn last_connections(
    listener: TcpListener,
) -> std::io::Result<impl Iterator<Item = (TcpStream, SocketAddr)>> {
    let listener = listener.into_std()?;
    let accept = move || loop {
        match listener.accept() {
            Err(error) if is_of_one_connection(&error) => {}
            accepted => return accepted.ok(),
        }
    };
    let adopt = |(stream, peer): (std::net::TcpStream, SocketAddr)| {
        stream.set_nonblocking(true).ok()?;
        Some((TcpStream::from_std(stream).ok()?, peer))
    };
    Ok(std::iter::from_fn(accept).take(QUEUE_MAX).filter_map(adopt))
}

/// What is known of a connection. Each request holds a clone until its answer is handed to hyper.
#[derive(Default)]
struct Conduct {
    /// A request has come since this was last looked at.
    has_asked: AtomicBool,
    is_http2: AtomicBool,
    /// The next answer is the last one.
    is_parting: AtomicBool,
}

impl Conduct {
    fn note(&self, request: &Request<hyper::body::Incoming>) {
        self.has_asked.store(true, Ordering::Relaxed);
        if request.version() == Version::HTTP_2 {
            self.is_http2.store(true, Ordering::Relaxed);
        }
    }

    /// Tells a client of HTTP/1 that the connection ends with this answer (RFC 9112, section 9.6).
    /// HTTP/2 has a frame for that.
    fn say_farewell(&self, headers: &mut HeaderMap) {
        if self.is_parting.load(Ordering::Relaxed) && !self.is_http2.load(Ordering::Relaxed) {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }

    fn is_in_flight(self: &Arc<Self>) -> bool {
        // One clone is the connection's own, one its service's.
        Arc::strong_count(self) > 2
    }

    /// Resolves when nothing has come for a while. Over HTTP/1 that is hyper's to notice once a
    /// request has come; its timeout begins with the first bytes that tell the two apart.
    async fn until_idle(self: &Arc<Self>) {
        loop {
            tokio::time::sleep(HEAD_TIMEOUT).await;
            let has_asked = self.has_asked.load(Ordering::Relaxed);
            if has_asked && !self.is_http2.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
            if !self.has_asked.swap(false, Ordering::Relaxed) && !self.is_in_flight() {
                return;
            }
        }
    }
}

/// Serves a connection to its end, and holds something until then.
async fn serve_connection(
    builders: Arc<Builders>,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    closing: CancellationToken,
    _held: impl Send,
) {
    // Without it, an answer in two writes waits for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let builder = tokio::select! {
        builder = builders.suiting(&stream) => builder,
        () = tokio::time::sleep(HEAD_TIMEOUT) => {
            tracing::debug!("a connection asked nothing");
            return;
        }
        () = closing.cancelled() => &builders.either,
    };
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));

    let conduct = Arc::new(Conduct::default());
    let noted = Arc::clone(&conduct);
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        noted.note(&request);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (router, held) = (router.clone(), Arc::clone(&noted));
        async move {
            let mut response = router.oneshot(request).await?;
            held.say_farewell(response.headers_mut());
            Ok::<_, Infallible>(response.map(|body| hold(body, held)))
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
    tokio::select! {
        outcome = &mut connection => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection broke");
            }
            return;
        }
        () = conduct.until_idle() => tracing::debug!("a connection asked nothing"),
        () = closing.cancelled() => {
            conduct.is_parting.store(true, Ordering::Relaxed);
            if conduct.is_http2.load(Ordering::Relaxed) {
                connection.as_mut().graceful_shutdown();
            }
            if tokio::time::timeout(LINGER, &mut connection).await.is_ok() {
                return;
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    while tokio::time::timeout(PARTING, &mut connection).await.is_err() && conduct.is_in_flight() {}
}

/// The body, which holds something for as long as it is not read to its end.
pub(crate) fn hold<T: Send + 'static>(
    body: Body,
    held: T,
) -> impl HttpBody<Data = Bytes, Error = axum::Error> {
    body.map_frame(move |frame| {
        let _ = &held;
        frame
    })
}

/// Catches SIGTERM and Ctrl-C from now on; the future resolves when the first comes. Must be called
/// inside a tokio runtime.
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

/// Catches Ctrl-C; the future resolves when it comes.
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

    /// After how many seconds a connection counts as idle, `None` for never.
    async fn check(conduct: &Arc<Conduct>, expected: Option<Range<u64>>) {
        let began = Instant::now();
        let idle = tokio::time::timeout(Duration::from_mins(5), conduct.until_idle()).await;
        let after = idle.ok().map(|()| began.elapsed().as_secs());
        assert_eq!(after.is_some(), expected.is_some(), "{after:?}");
        assert!(after.is_none_or(|after| expected.unwrap().contains(&after)), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_nothing_is_idle_unless_they_wait_for_an_answer() {
        let conduct = Arc::new(Conduct::default());
        let _service = Arc::clone(&conduct);
        check(&conduct, Some(29..32)).await;

        conduct.is_http2.store(true, Ordering::Relaxed);
        conduct.has_asked.store(true, Ordering::Relaxed);
        let in_flight = Arc::clone(&conduct);
        check(&conduct, None).await;
        drop(in_flight);
        check(&conduct, Some(29..62)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn over_http1_hyper_looks_after_whoever_has_asked() {
        let conduct = Arc::new(Conduct::default());
        let _service = Arc::clone(&conduct);
        conduct.has_asked.store(true, Ordering::Relaxed);
        check(&conduct, None).await;
    }
}
