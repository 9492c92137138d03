//! Request heads that are long, or do not end.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{peer_router, read_response, run, run_with};

#[tokio::test]
async fn a_head_of_twice_16_kib_is_refused() {
    let server = run(peer_router()).await;
    for (length, status) in [(15 * 1024, "200 OK"), (34 * 1024, "431 Request Header")] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let long = "x".repeat(length);
        let head =
            format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: {long}\r\n\r\n");
        // The server may respond and close before the whole head is sent.
        let _ = stream.write_all(head.as_bytes()).await;
        let mut text = [0; 1024];
        let read = stream.read(&mut text).await.unwrap();
        let text = String::from_utf8_lossy(&text[..read]);
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{length}: {text}");
    }
}

/// Connects, and sends so many bytes of a head that does not end.
async fn begin_head(address: std::net::SocketAddr, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(bytes));
    // The server may close the connection at once.
    let _ = stream.write_all(&head.as_bytes()[..bytes]).await;
    stream
}

#[tokio::test]
async fn an_address_has_1_mib_for_unfinished_heads_over_8_kib() {
    const LONG: usize = 15 * 1024;
    const FIT: usize = (1 << 20) / LONG;
    let server = run_with(1000, peer_router()).await;
    let mut small = Vec::new();
    for _ in 0..200 {
        small.push(begin_head(server.address, 8000).await);
    }
    let mut waiting = FuturesUnordered::new();
    for _ in 0..FIT + 20 {
        let mut stream = begin_head(server.address, LONG).await;
        waiting.push(async move {
            // The end of the connection, whether it is closed or reset.
            let ended = stream.read_u8().await.is_err();
            (ended, stream)
        });
    }
    for _ in 0..20 {
        let (ended, _) = waiting.next().await.unwrap();
        assert!(ended);
    }
    // The others, and small heads, are served.
    for mut stream in small {
        let own = stream.local_addr().unwrap().to_string();
        stream.write_all(b"\r\n\r\n").await.unwrap();
        assert!(read_response(&mut stream, &own).await.starts_with("HTTP/1.1 200 OK"));
    }
    drop(waiting);
    // What they held is free again, as soon as the server has seen that they are gone.
    loop {
        let mut stream = begin_head(server.address, LONG).await;
        let own = stream.local_addr().unwrap().to_string();
        if stream.write_all(b"\r\nConnection: close\r\n\r\n").await.is_err() {
            continue;
        }
        let mut text = String::new();
        if stream.read_to_string(&mut text).await.is_ok() && text.ends_with(&own) {
            break;
        }
    }
}
