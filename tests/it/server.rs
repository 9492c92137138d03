//! The server against clients that are slow or silent, and its shutdown.
//!
//! Time is paused: it jumps to the next deadline when no task can run, so no test waits for one.

mod heads;
mod http2;
mod slow;

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::routing::{get, post};
use promptdb::http::server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

/// A server with its own routes, and the trigger of its shutdown.
struct Running {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

async fn run(router: Router) -> Running {
    run_with(64, router).await
}

/// Runs a server with a maximum number of connections.
async fn run_with(connections_max: usize, router: Router) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel();
    let shutdown = async { ended.await.unwrap() };
    let served = tokio::spawn(server::serve(listener, router, connections_max, shutdown));
    Running { address, end, served }
}

/// A router that responds with the address of the client.
fn peer_router() -> Router {
    Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    )
}

/// Reads until the server closes the connection.
async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// Reads up to the end of a body that ends with `last`.
async fn read_response(stream: &mut TcpStream, last: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(last) {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0, "the connection was closed after {text:?}");
        text.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
    text
}

/// Waits until the server has stopped listening and has notified its connections of the shutdown.
async fn wait_for_shutdown(address: SocketAddr) {
    loop {
        // Every task runs before this one continues. The server notifies its connections in the
        // step in which it closes the listener, so that they, too, have run by then.
        tokio::task::yield_now().await;
        // Blocking: an await of a socket would let the paused time jump to the next deadline.
        if std::net::TcpStream::connect(address).is_err() {
            return;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_a_head_is_disconnected() {
    let server = run(peer_router()).await;
    for beginning in ["", "G", "PRI * HTT", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let started = Instant::now();
        let text = read_to_close(&mut stream).await;
        assert!(!text.contains("200 OK"), "{text}");
        assert!(
            started.elapsed() < Duration::from_secs(61),
            "{beginning:?}: {:?}",
            started.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_reused_and_closed_when_idle() {
    let server = run(peer_router()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(read_response(&mut stream, &own).await.starts_with("HTTP/1.1 200 OK"));
    }
    let started = Instant::now();
    assert_eq!(read_to_close(&mut stream).await, "");
    assert!(started.elapsed() < Duration::from_secs(31), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_stops_reading_is_disconnected() {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = Some(Body::from_stream(ReceiverStream::new(receiver)));
    let body = Arc::new(std::sync::Mutex::new(body));
    let endless = move || {
        let body = body.lock().unwrap().take().unwrap();
        async move { body }
    };
    let server = run(Router::new().route("/", get(endless))).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // The kernel buffers some megabytes before the server has to wait.
    let mut sent = 0;
    while sender.send(Ok(Bytes::from(vec![b'x'; 1 << 16]))).await.is_ok() {
        sent += 1;
        assert!(sent < 4096, "the server still sends to a client that does not read");
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_requests_in_flight_alone() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let handler = {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        move || async move {
            begun.notify_one();
            go_on.notified().await;
            "done"
        }
    };
    let server = run(peer_router().route("/slow", post(handler))).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let own = idle.local_addr().unwrap().to_string();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_response(&mut idle, &own).await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    begun.notified().await;

    let ending = Instant::now();
    server.end.send(()).unwrap();
    assert_eq!(read_to_close(&mut idle).await, "");
    assert!(TcpStream::connect(server.address).await.is_err(), "no new connection is accepted");
    go_on.notify_one();
    assert!(read_to_close(&mut busy).await.ends_with("done"));
    server.served.await.unwrap().unwrap();
    assert!(ending.elapsed() < Duration::from_secs(5), "{:?}", ending.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_request_on_its_way_at_shutdown_is_answered_and_closes_its_connection() {
    let server = run(peer_router()).await;
    let mut used = TcpStream::connect(server.address).await.unwrap();
    let own = used.local_addr().unwrap().to_string();
    used.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let first = read_response(&mut used, &own).await;
    assert!(!first.contains("connection: close"), "{first}");
    let mut new = TcpStream::connect(server.address).await.unwrap();

    server.end.send(()).unwrap();
    wait_for_shutdown(server.address).await;
    for stream in [&mut used, &mut new] {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let last = read_to_close(stream).await;
        assert!(last.starts_with("HTTP/1.1 200 OK"), "{last}");
        assert!(last.contains("connection: close"), "{last}");
    }
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn connections_in_the_accept_queue_at_shutdown_are_served() {
    let server = run(peer_router()).await;
    // No await until the shutdown: all connections stay in the kernel's queue until then.
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = std::net::TcpStream::connect(server.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            stream.set_nonblocking(true).unwrap();
            stream
        })
        .collect();
    server.end.send(()).unwrap();
    for stream in waiting {
        let text = read_to_close(&mut TcpStream::from_std(stream).unwrap()).await;
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text:?}");
    }
    server.served.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_above_the_maximum_waits_until_another_one_ends() {
    let server = run_with(2, peer_router()).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    for cause in ["ends", "times out"] {
        let mut waiting = TcpStream::connect(server.address).await.unwrap();
        let own = waiting.local_addr().unwrap().to_string();
        waiting.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut text = Box::pin(read_response(&mut waiting, &own));
        let early = tokio::time::timeout(Duration::from_secs(5), &mut text).await;
        assert!(early.is_err(), "served above the maximum, before another one {cause}: {early:?}");
        if cause == "ends" {
            idle.pop();
        }
        let late = tokio::time::timeout(Duration::from_mins(1), text).await;
        assert!(late.is_ok(), "not served after another one {cause}");
        idle.push(waiting);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_ends_is_cancelled_after_the_drain() {
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let handler = || async move {
        begins.notify_one();
        std::future::pending::<()>().await;
    };
    let server = run(Router::new().route("/", get(handler))).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    begun.notified().await;
    let ending = Instant::now();
    server.end.send(()).unwrap();
    server.served.await.unwrap().unwrap();
    let took = ending.elapsed();
    assert!((24..=26).contains(&took.as_secs()), "{took:?}");
}
