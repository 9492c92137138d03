//! The server against clients that are slow, silent or in the way of its end.
//!
//! Time stands still and jumps to the next deadline whenever nothing else is left to do, so no
//! test waits for one.

mod http2;

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

/// A server with routes of its own, and the switch that ends it.
struct Running {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

async fn run(router: Router) -> Running {
    run_for(64, router).await
}

/// A server for so many connections at a time.
async fn run_for(connections_max: usize, router: Router) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel();
    let shutdown = async { ended.await.unwrap() };
    let served = tokio::spawn(server::serve(listener, router, connections_max, shutdown));
    Running { address, end, served }
}

fn hello() -> Router {
    Router::new().route(
        "/",
        get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() }),
    )
}

/// What the server sends until it closes the connection.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

/// What the server sends up to the end of a body that ends with `last`.
async fn answer(stream: &mut TcpStream, last: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(last) {
        let mut chunk = [0; 1024];
        let read = stream.read(&mut chunk).await.unwrap();
        assert!(read > 0, "the connection was closed after {text:?}");
        text.push_str(std::str::from_utf8(&chunk[..read]).unwrap());
    }
    text
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_finishes_a_head_is_disconnected() {
    let server = run(hello()).await;
    for beginning in ["", "G", "PRI * HTT", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let began = Instant::now();
        let said = rest(&mut stream).await;
        assert!(!said.contains("200 OK"), "{said}");
        assert!(began.elapsed() < Duration::from_secs(61), "{beginning:?}: {:?}", began.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_reused_and_closed_when_idle() {
    let server = run(hello()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream, &own).await.starts_with("HTTP/1.1 200 OK"));
    }
    let began = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(began.elapsed() < Duration::from_secs(31), "{:?}", began.elapsed());
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
    // The kernel takes some megabytes before the writer is held up.
    let mut sent = 0;
    while sender.send(Ok(Bytes::from(vec![b'x'; 1 << 16]))).await.is_ok() {
        sent += 1;
        assert!(sent < 4096, "the server goes on for a client that does not read");
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
    let server = run(hello().route("/slow", post(handler))).await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let own = idle.local_addr().unwrap().to_string();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    answer(&mut idle, &own).await;
    let mut busy = TcpStream::connect(server.address).await.unwrap();
    busy.write_all(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    begun.notified().await;

    let ending = Instant::now();
    server.end.send(()).unwrap();
    assert_eq!(rest(&mut idle).await, "");
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody is let in any more");
    go_on.notify_one();
    assert!(rest(&mut busy).await.ends_with("done"));
    server.served.await.unwrap().unwrap();
    assert!(ending.elapsed() < Duration::from_secs(5), "{:?}", ending.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_request_on_its_way_at_shutdown_is_answered_and_closes_its_connection() {
    let server = run(hello()).await;
    let mut asked = TcpStream::connect(server.address).await.unwrap();
    let own = asked.local_addr().unwrap().to_string();
    asked.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let first = answer(&mut asked, &own).await;
    assert!(!first.contains("connection: close"), "{first}");
    let mut new = TcpStream::connect(server.address).await.unwrap();

    server.end.send(()).unwrap();
    // The server has nothing to do but to wait for the two.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(TcpStream::connect(server.address).await.is_err(), "nobody is let in any more");
    for stream in [&mut asked, &mut new] {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let last = rest(stream).await;
        assert!(last.starts_with("HTTP/1.1 200 OK"), "{last}");
        assert!(last.contains("connection: close"), "{last}");
    }
    server.served.await.unwrap().unwrap();
}

#[tokio::test]
async fn connections_in_the_accept_queue_at_shutdown_are_served() {
    let server = run(hello()).await;
    // The one thread is busy here, so that the server sees none of this before it sees the end.
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
        let said = rest(&mut TcpStream::from_std(stream).unwrap()).await;
        assert!(said.starts_with("HTTP/1.1 200 OK"), "{said:?}");
    }
    server.served.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_above_the_maximum_waits_until_another_one_ends() {
    let server = run_for(2, hello()).await;
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    for way in ["ends", "is cut off"] {
        let mut waiting = TcpStream::connect(server.address).await.unwrap();
        let own = waiting.local_addr().unwrap().to_string();
        waiting.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut said = Box::pin(answer(&mut waiting, &own));
        let early = tokio::time::timeout(Duration::from_secs(5), &mut said).await;
        assert!(early.is_err(), "one too many is served until another one {way}: {early:?}");
        if way == "ends" {
            idle.pop();
        }
        let late = tokio::time::timeout(Duration::from_mins(1), said).await;
        assert!(late.is_ok(), "nobody is served when another one {way}");
        idle.push(waiting);
    }
}

#[tokio::test]
async fn a_head_of_twice_64_kib_is_refused() {
    let server = run(hello()).await;
    for (length, status) in [(60 * 1024, "200 OK"), (130 * 1024, "431 Request Header")] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let long = "x".repeat(length);
        let head =
            format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {long}\r\n\r\n");
        // The server may have answered and closed before all of it is sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut said = [0; 1024];
        let read = stream.read(&mut said).await.unwrap();
        let said = String::from_utf8_lossy(&said[..read]);
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{length}: {said}");
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
