//! Clients of HTTP/2 that open more than they should, or nothing at all any more.

use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use h2::Reason;
use h2::client::SendRequest;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Running, hello, run};

/// A client, and the outcome of its connection.
async fn connect(
    server: &Running,
) -> (SendRequest<&'static [u8]>, JoinHandle<Result<(), h2::Error>>) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = h2::client::Builder::new().handshake(stream).await.unwrap();
    (client, tokio::spawn(connection))
}

async fn ask(
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
    let server = run(hello()).await;
    let (client, end) = connect(&server).await;
    let began = Instant::now();
    assert_eq!(ask(client.clone(), request()).await.unwrap(), 200);
    let outcome = end.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(63), "{:?}: {outcome:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_has_at_most_200_requests_at_a_time() {
    let server = run(hello()).await;
    let (client, _end) = connect(&server).await;
    assert_eq!(ask(client.clone(), request()).await.unwrap(), 200);
    assert_eq!(client.current_max_send_streams(), 200);
}

#[tokio::test]
async fn rapid_resets_of_requests_end_the_connection() {
    let server = run(hello()).await;
    let (mut client, end) = connect(&server).await;
    for _ in 0..100 {
        client = client.ready().await.unwrap();
        // Who drops an answer takes the request back.
        drop(client.send_request(request(), true).unwrap());
    }
    let error = end.await.unwrap().unwrap_err();
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM), "{error}");
    let (client, _end) = connect(&server).await;
    assert_eq!(ask(client, request()).await.unwrap(), 200);
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
    assert_eq!(ask(client.clone(), with(15 * 1024)).await.unwrap(), 200);
    assert_eq!(ask(client.clone(), with(17 * 1024)).await.unwrap(), 431);
    assert_eq!(ask(client, request()).await.unwrap(), 200);
}
