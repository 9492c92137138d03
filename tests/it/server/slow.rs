//! Clients that read their answers slowly, or not at all.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use promptdb::router::router;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::{read_to_close, run};
use crate::support::TestApp;

/// Connects with a small receive buffer.
async fn connect(address: std::net::SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(address).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_3_kb_every_5_s_is_disconnected() {
    let (sender, receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let body = std::sync::Mutex::new(Some(Body::from_stream(ReceiverStream::new(receiver))));
    let body = std::sync::Arc::new(body);
    let endless = move || {
        let body = body.lock().unwrap().take().unwrap();
        async move { body }
    };
    let server = run(Router::new().route("/", get(endless))).await;
    let mut stream = connect(server.address).await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let reading = tokio::spawn(async move {
        let mut chunk = [0; 3 * 1024];
        while stream.read(&mut chunk).await.is_ok_and(|read| read > 0) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    let began = Instant::now();
    while sender.send(Ok(Bytes::from(vec![b'x'; 1 << 14]))).await.is_ok() {}
    // Up to 3 minutes of credit come from what the kernel has buffered.
    assert!(began.elapsed() < Duration::from_mins(5), "{:?}", began.elapsed());
    reading.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_held_until_the_answer_is_written() {
    let app = TestApp::builder().limits(|limits| limits.concurrent_requests = 1).build();
    app.create(json!({ "name": "small", "content": "x".repeat(7500) })).await;
    let server = run(router(&app.state)).await;

    // More answers than the kernel buffers, each too small for the budget of answers.
    let mut lazy = connect(server.address).await;
    let get = "GET /api/prompts/small HTTP/1.1\r\nHost: localhost:3000\r\n\r\n";
    let last = "GET /health HTTP/1.1\r\nHost: localhost:3000\r\nConnection: close\r\n\r\n";
    lazy.write_all((get.repeat(3000) + last).as_bytes()).await.unwrap();

    let status = async || {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let get = "GET /api/me HTTP/1.1\r\nHost: localhost:3000\r\nConnection: close\r\n\r\n";
        stream.write_all(get.as_bytes()).await.unwrap();
        read_to_close(&mut stream).await[9..12].to_owned()
    };
    let (mut refused, began) = (0, Instant::now());
    while refused < 100 {
        refused = if status().await == "503" { refused + 1 } else { 0 };
        let is_patient = began.elapsed() < Duration::from_mins(2);
        assert!(is_patient, "the place is free although the answer is not written");
    }
    let mut rest = Vec::new();
    lazy.read_to_end(&mut rest).await.unwrap();
    assert!(String::from_utf8_lossy(&rest).contains("connection: close"));
    // The connection is closed, so every answer on it is written.
    while status().await != "200" {}
}
