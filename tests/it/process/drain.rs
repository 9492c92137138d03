//! The drain: how a server ends while clients are connected.

use rustix::process::Signal;
use serde_json::json;

use super::{Connection, Server, library};

/// Sends a request up to the middle of its body, and waits until the handler reads the body. Returns
/// the rest of the body.
fn begin_request(server: &Server, path: &str, body: &str) -> (Connection, String) {
    let mut connection = server.connect();
    let (sent, kept) = body.split_at(body.len() / 2);
    connection.write(&format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    ));
    assert!(connection.head().unwrap().starts_with("HTTP/1.1 100"));
    connection.write(sent);
    (connection, kept.to_owned())
}

#[track_caller]
fn check_that_requests_finish(signal: Signal) {
    let (_dir, file) = library();
    let mut server = Server::start(&file, &[]);
    let prompt = json!({ "name": "in-flight", "content": "x" }).to_string();
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "list_prompts", "arguments": {} } });
    let mut idle = server.connect();
    assert_eq!(idle.send("GET", "/health", &[], None).status, 200);
    let (mut rest, rest_of_prompt) = begin_request(&server, "/api/prompts", &prompt);
    let (mut mcp, rest_of_call) = begin_request(&server, "/mcp", &call.to_string());

    server.process.signal(signal);
    // The drain has begun when idle connections are closed.
    assert_eq!(idle.rest(), "");
    assert!(std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err());
    rest.write(&rest_of_prompt);
    assert_eq!(rest.answer().unwrap().status, 201);
    mcp.write(&rest_of_call);
    let answer = mcp.answer().unwrap();
    assert_eq!(answer.body["result"]["structuredContent"]["prompts"][0]["name"], "in-flight");
    assert_eq!(server.process.end().0, Some(0));

    let again = Server::start(&file, &[]);
    assert_eq!(super::exchange(again.port, "GET", "/api/prompts/in-flight", None).0, 200);
}

#[test]
fn requests_in_flight_finish_after_sigterm() {
    check_that_requests_finish(Signal::TERM);
}

#[test]
fn requests_in_flight_finish_after_ctrl_c() {
    check_that_requests_finish(Signal::INT);
}

#[test]
fn readiness_is_draining_for_connected_clients_after_sigterm() {
    let (_dir, file) = library();
    let mut server = Server::start(&file, &[]);
    let mut connection = server.connect();
    assert_eq!(connection.send("GET", "/health/ready", &[], None).status, 200);
    server.process.signal(Signal::TERM);
    // Until the signal arrives, each request is answered as before.
    let answer = loop {
        let answer = connection.send("GET", "/health/ready", &[], None);
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!((answer.status, &answer.body["status"]), (503, &json!("draining")));
    assert_eq!(connection.rest(), "");
    assert_eq!(server.process.end().0, Some(0));
}

/// A request of revision 2026-07-28 whose answer is a stream of changes.
fn subscription() -> String {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": {
        "notifications": { "promptsListChanged": true },
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    } })
    .to_string();
    format!(
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Mcp-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn idle_connections_and_streams_do_not_delay_the_drain() {
    let (_dir, file) = library();
    let mut server = Server::start(&file, &[]);
    let mut silent = server.connect();
    let mut kept_alive = server.connect();
    assert_eq!(kept_alive.send("GET", "/health", &[], None).status, 200);
    let mut streaming = server.connect();
    streaming.write("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(streaming.head().unwrap().starts_with("HTTP/1.1 200"));

    let mut subscribed = server.connect();
    subscribed.write(&subscription());
    assert!(subscribed.head().unwrap().contains("text/event-stream"));

    server.process.signal(Signal::TERM);
    assert_eq!(server.process.end().0, Some(0));
    assert_eq!(silent.rest(), "");
    assert_eq!(kept_alive.rest(), "");
    for (mut stream, first) in [(streaming, "event: endpoint"), (subscribed, "acknowledged")] {
        let stream = stream.rest();
        assert!(stream.contains(first), "{stream}");
        // The last chunk (RFC 9112, section 7.1) shows that the stream was completed, not aborted.
        assert!(stream.ends_with("\r\n0\r\n\r\n"), "{stream:?}");
    }
}

#[test]
fn an_unfinished_head_does_not_delay_the_drain() {
    let (_dir, file) = library();
    let mut server = Server::start(&file, &[]);
    let mut half = server.connect();
    half.write("GET /health HTTP/1.1\r\nHost: loc");
    assert_eq!(super::exchange(server.port, "GET", "/health", None).0, 200);
    server.process.signal(Signal::TERM);
    assert_eq!(server.process.end().0, Some(0));
}

#[test]
fn a_stream_with_messages_ends_cleanly_too() {
    let (_dir, file) = library();
    let mut server = Server::start(&file, &[]);
    let mut stream = server.connect();
    stream.write("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.head().unwrap();
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        std::io::BufRead::read_line(&mut stream.0, &mut line).unwrap();
    }
    let path = line.trim_start_matches("data: ").trim();
    let hello = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } } });
    assert_eq!(super::exchange(server.port, "POST", path, Some(&hello)).0, 202);
    while !line.contains("\"protocolVersion\"") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut stream.0, &mut line).unwrap(), 0);
    }
    server.process.signal(Signal::TERM);
    assert!(stream.rest().ends_with("\r\n0\r\n\r\n"));
    assert_eq!(server.process.end().0, Some(0));
}
