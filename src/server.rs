//! Serves a router on a listener until a shutdown future resolves, then drains under a deadline.
//!
//! Clients are not trusted to be quick: who takes too long to send the head of a request, or to
//! read an answer, loses the connection; how long a body may take is each route's own rule.

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
use http_body_util::BodyExt;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::telemetry::metrics::{CONNECTIONS_OPEN, Level};

/// How long requests in flight may take after the shutdown began.
const DRAIN: Duration = Duration::from_secs(25);
/// How long a connection without a request in flight may stay then: enough for the end of an
/// answer, or of a head that is on its way.
const PARTING: Duration = Duration::from_secs(2);
/// How long a client may take for the head of a request, and how long a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a client may refuse to read on.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How often an HTTP/2 client is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// Most connections at a time; further ones wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 16_384;
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

/// Serves until `shutdown` resolves, then lets requests in flight finish for at most 25 s.
///
/// Each request carries the client's address as [`ConnectInfo`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    serve_counted(listener, router, shutdown, Some(&CONNECTIONS_OPEN)).await
}

/// The same beside what clients are served, so that their connections alone are counted.
pub(crate) async fn serve_aside(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    serve_counted(listener, router, shutdown, None).await
}

async fn serve_counted(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
    open: Option<&'static Level>,
) -> std::io::Result<()> {
    let mut shutdown = pin!(shutdown);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    let closing = CancellationToken::new();
    let builder = Arc::new(connection_builder());
    loop {
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, accept(&listener).await)
        };
        let (slot, (stream, peer)) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        let connection =
            serve_connection(Arc::clone(&builder), stream, peer, router.clone(), closing.clone());
        let counted = open.map(Level::hold);
        connections.spawn(async move {
            connection.await;
            drop((slot, counted));
        });
    }
    // Nobody is let in any more.
    drop(listener);
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

fn connection_builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(HEAD_TIMEOUT);
    builder
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

async fn serve_connection(
    builder: Arc<Builder<TokioExecutor>>,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    closing: CancellationToken,
) {
    // Without it, an answer in two writes waits for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));

    let has_asked = Arc::new(AtomicBool::new(false));
    // Each request holds a clone until its answer is handed to hyper.
    let in_flight = Arc::new(());
    let (asked, held) = (Arc::clone(&has_asked), Arc::clone(&in_flight));
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        asked.store(true, Ordering::Relaxed);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        let (router, held) = (router.clone(), Arc::clone(&held));
        async move { Ok::<_, Infallible>(router.oneshot(request).await?.map(|body| hold(body, held))) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
    // hyper's own timeout begins with the first bytes that tell HTTP/1 from HTTP/2.
    let silent = async {
        tokio::time::sleep(HEAD_TIMEOUT).await;
        if has_asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        outcome = &mut connection => {
            if let Err(error) = outcome {
                tracing::debug!(%error, "a connection broke");
            }
        }
        () = silent => tracing::debug!("a connection stayed silent"),
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // One clone is held here and one by the service.
            while tokio::time::timeout(PARTING, &mut connection).await.is_err()
                && Arc::strong_count(&in_flight) > 2
            {}
        }
    }
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
