//! The lines that calls over lasting connections leave in the log.

use serde_json::{Value, json};

use super::stdio::Client;
use super::{Server, library};

/// The lines of requests and calls in a log, without the times in them.
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
    assert_eq!(ids.len(), 5, "each has an id of its own");
}

#[test]
fn a_message_to_a_stream_is_logged_with_what_it_asked_and_how_it_ended() {
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
