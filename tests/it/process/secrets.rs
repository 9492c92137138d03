//! The content of prompts and requests never reaches the log, at any level.

use serde_json::{Value, json};

use super::client::{Connection, call_tool};
use super::stdio::Client;
use super::{Server, library};

const SECRET: &str = "hunter2secret";

fn send_secrets_everywhere(port: u16) {
    let mut rest = Connection::open(port);
    let mut send = |method: &str, path: &str, headers: &[(&str, &str)], body: Option<Value>| {
        rest.send(method, path, headers, body.as_ref()).status
    };
    let whole = json!({ "name": SECRET, "title": SECRET, "description": SECRET, "tags": [SECRET],
        "content": format!("{SECRET} {{{{{SECRET}}}}}"),
        "variables": [{ "name": SECRET, "default": SECRET, "description": SECRET }] });
    let headers = [
        ("Authorization", SECRET),
        ("Cookie", SECRET),
        ("User-Agent", SECRET),
        ("Idempotency-Key", SECRET),
        ("If-Match", SECRET),
        ("Mcp-Name", SECRET),
        ("Traceparent", SECRET),
        ("Tracestate", SECRET),
        ("X-Any", SECRET),
    ];
    let named = format!("/api/prompts/{SECRET}");
    assert_eq!(send("POST", "/api/prompts", &headers[..4], Some(whole.clone())), 201);
    assert_eq!(send("POST", "/api/prompts", &[], Some(whole.clone())), 409);
    assert_eq!(send("GET", &named, &headers, None), 200);
    assert_eq!(send("GET", &format!("/api/prompts?query={SECRET}&tag={SECRET}"), &[], None), 200);
    assert_eq!(send("GET", &format!("/api/prompts?cursor={SECRET}"), &[], None), 422);
    assert_eq!(send("GET", &format!("/api/prompts?{SECRET}={SECRET}"), &[], None), 422);
    assert_eq!(send("GET", &format!("/{SECRET}"), &[], None), 404);
    assert_eq!(send(SECRET, "/api/prompts", &[], None), 405);
    let arguments = json!({ "arguments": { SECRET: SECRET } });
    assert_eq!(send("POST", &format!("{named}/render"), &[], Some(arguments)), 200);
    assert_eq!(send("PUT", &named, &headers, Some(whole)), 400);
    assert_eq!(send("POST", "/api/prompts", &[], Some(json!({ SECRET: SECRET }))), 422);
    assert_eq!(send("POST", "/api/prompts", &[], Some(json!({ "tags": SECRET }))), 422);
    assert_eq!(send("POST", "/api/prompts", &[("Origin", SECRET)], None), 403);

    for (path, body) in [
        ("/api/prompts", format!("{{\"content\": \"{SECRET}")),
        ("/api/prompts", format!("{{\"content\": {SECRET}}}")),
        ("/mcp", format!("{{\"{SECRET}\": ")),
        ("/mcp", format!("\"{SECRET}\"")),
        ("/mcp", format!("{{\"jsonrpc\":\"2.0\",\"id\":\"{SECRET}\",\"method\":\"{SECRET}\"}}")),
        ("/messages?sessionId=hunter2secret", format!("\"{SECRET}\"")),
    ] {
        let mut connection = Connection::open(port);
        connection.write(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert!(connection.answer().unwrap().status < 500, "{path} {body}");
    }
    let mut garbage = Connection::open(port);
    garbage.write(&format!("GET / HTTP/1.1\r\n{SECRET}\r\n\r\n"));
    assert_eq!(garbage.answer().unwrap().status, 400);

    for (name, arguments) in [
        ("get_prompt", json!({ "name": SECRET, "arguments": { SECRET: SECRET } })),
        ("get_prompt", json!({ "query": SECRET })),
        ("get_prompt", json!({ SECRET: SECRET })),
        ("list_prompts", json!({ "query": SECRET, "tag": SECRET })),
        ("save_prompt", json!({ "content": SECRET, "title": SECRET, "tags": [SECRET] })),
        ("save_prompt", json!({ "content": SECRET, "expected_version": SECRET })),
        (
            "harvest_session",
            json!({ "candidates": [{ "title": SECRET, "content":
            format!("{SECRET} password={SECRET}"), "why": SECRET }], "focus": SECRET }),
        ),
        ("delete_prompt", json!({ "name": SECRET })),
        (SECRET, json!({ SECRET: SECRET })),
    ] {
        call_tool(port, name, &arguments);
    }
    for (method, params) in [
        ("prompts/get", json!({ "name": SECRET, "arguments": { SECRET: SECRET } })),
        ("prompts/list", json!({ "cursor": SECRET })),
        ("resources/read", json!({ "uri": format!("promptdb://prompts/{SECRET}") })),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": SECRET },
            "argument": { "name": SECRET, "value": SECRET } }),
        ),
        (
            "initialize",
            json!({ "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": SECRET, "version": SECRET } }),
        ),
        (SECRET, json!({ SECRET: SECRET })),
    ] {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        super::exchange(port, "POST", "/mcp", Some(&message));
    }
}

#[track_caller]
fn check(filter: &str, format: &str) {
    let (_dir, file) = library();
    let server = Server::start(&file, &[("RUST_LOG", filter), ("LOG_FORMAT", format)]);
    send_secrets_everywhere(server.port);
    let (code, stdout, stderr) = server.stop();
    assert_eq!(code, Some(0));
    assert!(stderr.lines().count() > 30, "the log has lines");
    for line in stdout.lines().chain(stderr.lines()) {
        assert!(!line.contains(SECRET), "RUST_LOG={filter}: {line}");
    }
}

#[test]
fn no_secret_reaches_the_log_at_any_level() {
    check("trace", "pretty");
    check("trace", "json");
}

#[test]
fn no_secret_reaches_the_log_over_stdio() {
    let (_dir, file) = library();
    let mut client = Client::connect(&file, &[("RUST_LOG", "trace")]);
    client.line(SECRET);
    client.line(&format!("{{\"jsonrpc\": \"2.0\", \"method\": {{\"{SECRET}\": 1}}}}"));
    let whole = json!({ "name": SECRET, "content": SECRET, "description": SECRET });
    assert_eq!(client.call(2, "save_prompt", &whole)["isError"], false);
    assert_eq!(client.call(3, "save_prompt", &whole)["isError"], true);
    client.ask(4, "prompts/get", &json!({ "name": SECRET, "arguments": { SECRET: SECRET } }));
    client.ask(5, SECRET, &json!({ SECRET: SECRET }));
    let stderr = client.close();
    assert!(!stderr.contains(SECRET), "{stderr}");
}

#[test]
fn no_filter_enables_the_lines_of_libraries_that_log_contents() {
    check(
        "trace,rmcp::service=trace,rmcp::transport=trace,hyper::proto=trace,h2::codec=trace",
        "pretty",
    );
}
