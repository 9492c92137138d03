//! HTTP/2 clients that open too many streams, or none.

use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use h2::Reason;
use h2::client::SendRequest;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Running, peer_router, read_response, run, run_with};

/// Connects a client; the task returns the result of the connection.
async fn connect(
    server: &Running,
) -> (SendRequest<&'static [u8]>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::Builder::new().handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

async fn send_request(
    client: SendRequest<&'static [u8]>,
    request: Request<()>,
) -> Result<StatusCode, h2::Error> {
    let (answer, _) = client.ready().await?.send_request(request, true)?;
    Ok(answer.await?.status())
}

fn request() -> Request<()> {
    Request::get("http://localhost/").body(()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_even_if_it_answers_pings() {
    let server = run(peer_router()).await;
    let (client, end) = connect(&server).await;
    let started = Instant::now();
    assert_eq!(send_request(client.clone(), request()).await.unwrap(), 200);
    let outcome = end.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(63), "{:?}: {outcome:?}", started.elapsed());
}

#[tokio::test]
async fn a_connection_has_at_most_200_requests_at_a_time() {
    let server = run(peer_router()).await;
    let (client, _end) = connect(&server).await;
    assert_eq!(send_request(client.clone(), request()).await.unwrap(), 200);
    assert_eq!(client.current_max_send_streams(), 200);
}

#[tokio::test]
async fn rapid_resets_of_requests_end_the_connection() {
    let server = run(peer_router()).await;
    let (mut client, end) = connect(&server).await;
    for _ in 0..100 {
        client = client.ready().await.unwrap();
        // Dropping the response resets the stream.
        drop(client.send_request(request(), true).unwrap());
    }
    let error = end.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM), "{error}");
    let (client, _end) = connect(&server).await;
    assert_eq!(send_request(client, request()).await.unwrap(), 200);
}

#[tokio::test]
async fn a_head_over_16_kib_is_refused_and_the_connection_stays_open() {
    let server = run(Router::new().route("/", get(|| async {}))).await;
    let (client, _end) = connect(&server).await;
    let with = |length: usize| {
        let mut request = request();
        request.headers_mut().insert("x-long", "x".repeat(length).parse().unwrap());
        request
    };
    assert_eq!(send_request(client.clone(), with(15 * 1024)).await.unwrap(), 200);
    assert_eq!(send_request(client.clone(), with(17 * 1024)).await.unwrap(), 431);
    assert_eq!(send_request(client, request()).await.unwrap(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_window_stays_closed_is_disconnected() {
    let router = Router::new().route("/", get(|| async { "x".repeat(1 << 20) }));
    let server = run(router).await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut builder = h2::client::Builder::new();
    let handshake = builder.initial_window_size(1).handshake::<_, &'static [u8]>(stream);
    let (client, connection) = handshake.await.unwrap();
    // It answers pings all the while.
    let end = tokio::spawn(connection);
    let started = Instant::now();
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(request(), true).unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 200);
    let _ = end.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(130), "{:?}", started.elapsed());
    drop(answer);
}

#[tokio::test]
async fn at_most_32_connections_are_http2() {
    let server = run_with(100, peer_router()).await;
    let mut open = Vec::new();
    for _ in 0..32 {
        let (client, end) = connect(&server).await;
        assert_eq!(send_request(client.clone(), request()).await.unwrap(), 200);
        open.push((client, end));
    }
    let (client, end) = connect(&server).await;
    assert!(send_request(client, request()).await.is_err());
    assert!(end.await.unwrap().is_err());
    // HTTP/1 is not among them.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let own = stream.local_addr().unwrap().to_string();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(read_response(&mut stream, &own).await.starts_with("HTTP/1.1 200 OK"));
}
