//! The log of a process: one line for each request and call, whose id every related line carries.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::stdio::Client;
use super::{Server, exchange, library};

/// Settings of a store that cannot be reached: its port refuses connections.
const UNREACHABLE: [(&str, &str); 2] =
    [("CONVEX_URL", "http://127.0.0.1:9"), ("CONVEX_API_KEY", "key")];

/// The lines of requests and calls in a JSON log, without timestamp, level, target and duration.
#[track_caller]
fn lines(stderr: &str) -> Vec<Value> {
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        if line["target"] != "promptdb::telemetry::record" {
            return None;
        }
        for field in ["timestamp", "level", "target"] {
            assert!(line[field].take().is_string(), "{line}");
        }
        assert!(line["duration_us"].take().is_u64(), "{line}");
        Some(line)
    };
    stderr.lines().filter_map(line).collect()
}

fn field<'a>(lines: &'a [Value], name: &str) -> Vec<&'a str> {
    lines.iter().map(|line| line[name].as_str().unwrap_or_default()).collect()
}

#[test]
fn a_call_over_stdio_leaves_one_line() {
    let (_dir, file) = library();
    let mut client = Client::connect(&file, &[("LOG_FORMAT", "json")]);
    client.call(2, "save_prompt", &json!({ "name": "poem", "content": "x" }));
    client.call(3, "get_prompt", &json!({ "name": "nothing" }));
    client.call(4, "hunter2", &json!({}));
    client.ask(5, "prompts/list", &json!({}));
    let lines = lines(&client.close());
    assert_eq!(field(&lines, "message"), ["call"; 5]);
    assert_eq!(field(&lines, "user"), ["local"; 5]);
    let expected = ["initialize", "tools/call", "tools/call", "tools/call", "prompts/list"];
    assert_eq!(field(&lines, "mcp_method"), expected);
    let expected = ["", "save_prompt", "get_prompt", "other", ""];
    assert_eq!(field(&lines, "mcp_tool"), expected);
    let expected = ["ok", "ok", "tool_error", "protocol_error", "ok"];
    assert_eq!(field(&lines, "mcp_outcome"), expected);
    let ids: std::collections::HashSet<&str> = field(&lines, "request_id").into_iter().collect();
    assert_eq!(ids.len(), 5, "each call has a different id");
}

#[test]
fn a_file_that_a_page_loads_leaves_a_line_only_if_it_fails_or_at_the_level_debug() {
    let (_dir, file) = library();
    for (filter, expected) in [
        ("info", &["/app/{*path}", "/assets/{*path}"][..]),
        ("promptdb=debug", &["/app/{*path}", "/robots.txt", "/assets/{*path}"]),
    ] {
        let server = Server::start(&file, &[("LOG_FORMAT", "json"), ("RUST_LOG", filter)]);
        for (path, status) in [("/app/p/secret", 200), ("/robots.txt", 200), ("/assets/x", 404)] {
            assert_eq!(server.connect().send("GET", path, &[], None).status, status, "{path}");
        }
        let (_, _, stderr) = server.stop();
        assert!(!stderr.contains("secret"), "{stderr}");
        assert_eq!(field(&lines(&stderr), "route"), expected);
    }
}

#[test]
fn a_message_to_a_stream_is_logged_with_its_method_and_outcome() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[("LOG_FORMAT", "json")]);
    let mut stream = server.connect();
    stream.write("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.head().unwrap();
    let path = stream.event().unwrap();
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } } });
    let mut messages = server.connect();
    assert_eq!(messages.send("POST", &path, &[], Some(&initialize)).status, 202);
    assert!(stream.event().unwrap().contains("serverInfo"));
    drop((stream, messages));
    let (_, _, stderr) = server.stop();
    let lines = lines(&stderr);
    let post = lines.iter().find(|line| line["route"] == "/messages").unwrap();
    assert_eq!(post["status"], 202);
    assert_eq!((&post["mcp_method"], &post["mcp_outcome"]), (&json!("initialize"), &json!("ok")));
}

/// The ids of the requests and calls in a JSON log, and the ids in its warnings and errors. Those of
/// jobs belong to no request.
#[track_caller]
fn ids(stderr: &str) -> (Vec<String>, Vec<String>) {
    let (mut requests, mut faults) = (Vec::new(), Vec::new());
    for line in stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["message"] == "request" || line["message"] == "call" {
            requests.push(line["request_id"].as_str().expect(stderr).to_owned());
        } else if line["level"] != "INFO" && line["job"].is_null() {
            faults.push(line["request_id"].as_str().expect(stderr).to_owned());
        }
    }
    (requests, faults)
}

#[test]
fn an_error_deep_in_a_store_carries_the_id_of_its_request_over_rest_and_mcp() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[&UNREACHABLE[..], &[("LOG_FORMAT", "json")]].concat());
    let message = |method: &str, params: Value| json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    // The endpoint answers `tools/call` itself, and `prompts/get` in a task of rmcp's transport.
    let call = json!({ "name": "get_prompt", "arguments": { "name": "poem" } });
    exchange(server.port, "GET", "/api/prompts/poem", None);
    exchange(server.port, "POST", "/mcp", Some(&message("tools/call", call)));
    exchange(server.port, "POST", "/mcp", Some(&message("prompts/get", json!({ "name": "poem" }))));
    let (_, _, log) = server.stop();
    let (requests, errors) = ids(&log);
    assert_eq!(requests.len(), 3, "{log}");
    assert_eq!(errors, requests, "{log}");
    assert!(!log.contains("poem"), "{log}");
}

#[test]
fn an_error_deep_in_a_store_carries_the_id_of_its_call_over_stdio() {
    let (_dir, file) = library();
    let settings = [&UNREACHABLE[..], &[("LOG_FORMAT", "json")]].concat();
    let mut client = Client::connect(&file, &settings);
    client.call(2, "get_prompt", &json!({ "name": "poem" }));
    client.ask(3, "prompts/get", &json!({ "name": "poem" }));
    let log = client.close();
    let (calls, errors) = ids(&log);
    // The first call is the handshake.
    assert_eq!(calls.len(), 3, "{log}");
    assert_eq!(errors, calls[1..], "{log}");
}

#[test]
fn a_line_of_a_task_that_a_request_spawned_carries_its_id() {
    let (_dir, file) = library();
    let issuer = "http://127.0.0.1:9";
    let settings = [
        ("LOG_FORMAT", "json"),
        ("WORKOS_CLIENT_ID", "client_test"),
        ("WORKOS_API_KEY", "sk_test_key"),
        ("WORKOS_API_URL", issuer),
        ("AUTHKIT_DOMAIN", issuer),
        ("COOKIE_SECRET", "0123456789abcdef0123456789abcdef"),
    ];
    let server = Server::start(&file, &settings);
    let part = |part: Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let (header, claims) = (json!({ "alg": "RS256", "kid": "key" }), json!({ "iss": issuer }));
    let bearer = format!("Bearer {}.{}.AAAA", part(header), part(claims));
    server.connect().send("GET", "/api/me", &[("authorization", &bearer)], None);
    let (_, _, log) = server.stop();
    let (requests, warnings) = ids(&log);
    assert_eq!(requests.len(), 1, "{log}");
    assert!(!warnings.is_empty() && warnings.iter().all(|id| *id == requests[0]), "{log}");
}

#[test]
fn a_pretty_line_carries_the_id_even_if_the_filter_drops_request_lines() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[&UNREACHABLE[..], &[("RUST_LOG", "error")]].concat());
    let answer = server.connect().send("GET", "/api/prompts/poem", &[], None);
    let (_, _, log) = server.stop();
    let id = answer.body["request_id"].as_str().unwrap();
    let errors: Vec<&str> = log.lines().collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains(&format!("request{{request_id=\"{id}\"}}")), "{log}");
}
