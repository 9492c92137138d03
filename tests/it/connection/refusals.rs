//! A line that is refused is answered under the id of its request; batches are answered by arrays.

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::Connection;
use crate::mcp::HANDSHAKES;
use crate::mcp::batches::{assert_mixed, mixed};
use crate::mcp::refusals::{half_a_character, refused};
use crate::stores::{FailingStore, Failure};
use crate::support::TestApp;

/// Maximum size of a line in bytes.
const LINE_MAX: usize = 256 * 1024;

impl Connection {
    pub(crate) async fn line(&mut self, line: impl AsRef<[u8]>) {
        let mut line = line.as_ref().to_vec();
        line.push(b'\n');
        self.input.write_all(&line).await.unwrap();
    }

    async fn initialize(&mut self, revision: &str) {
        let params = json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let message =
            json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params });
        self.send(message).await;
        let answer = self.receive().await.unwrap();
        assert_eq!(answer["result"]["protocolVersion"], revision);
        assert_eq!(answer["result"]["capabilities"]["prompts"]["listChanged"], true);
        self.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    }

    /// The next message that is not a notification.
    async fn answer(&mut self) -> Value {
        loop {
            let message = self.receive().await.unwrap();
            if message.get("method").is_none() {
                return message;
            }
        }
    }
}

#[tokio::test]
async fn a_refused_line_is_answered_under_its_id_before_and_after_the_handshake() {
    let mut connection = Connection::open();
    for is_initialized in [false, true] {
        if is_initialized {
            connection.initialize("2025-11-25").await;
        }
        for (line, code) in refused() {
            let shown = String::from_utf8_lossy(&line[..line.len().min(90)]).into_owned();
            connection.line(line).await;
            let answer = connection.answer().await;
            assert_eq!(
                (&answer["error"]["code"], &answer["id"]),
                (&json!(code), &json!(7)),
                "{shown}"
            );
        }
        let (call, words) = half_a_character();
        connection.line(call).await;
        let answer = connection.answer().await;
        assert_eq!(answer["id"], 7, "{answer}");
        assert!(TestApp::mistake(&answer["result"]).starts_with(words), "{answer}");
    }
}

#[tokio::test]
async fn a_line_over_the_limit_is_answered_under_its_id() {
    let mut connection = Connection::open();
    connection.initialize("2025-11-25").await;
    let candidate = |content: &str| json!({ "title": "t", "content": content, "why": "w" });
    let harvest = json!({ "candidates": vec![candidate(&"x".repeat(40_000)); 8], "id": 3 });
    let save = json!({ "content": "\u{1}".repeat(60_000), "name": "id" });
    let before_and_after = |name: &str, arguments: &Value| {
        let params = json!({ "name": name, "arguments": arguments, "id": 4 });
        [
            format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#),
            format!(r#"{{"method":"tools/call","params":{params},"jsonrpc":"2.0","id":7}}"#),
        ]
    };
    for line in
        [before_and_after("harvest_session", &harvest), before_and_after("save_prompt", &save)]
            .concat()
    {
        assert!(line.len() > LINE_MAX);
        connection.line(&line).await;
        let answer = connection.answer().await;
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(-32600), &json!(7)));
        let text = answer["error"]["message"].as_str().unwrap();
        assert!(text.contains("262144 bytes") && text.contains("fewer candidates"), "{text}");
    }
    let padding = "x".repeat(LINE_MAX);
    let ids = json!([{ "id": 1, "method": "a" }, { "method": "b" }, { "id": 2, "a": padding }]);
    connection.line(ids.to_string()).await;
    for id in [1, 2] {
        assert_eq!(connection.answer().await["id"], id);
    }
    for unanswered in [
        json!({ "jsonrpc": "2.0", "method": "notifications/x", "params": { "a": padding } }),
        json!({ "jsonrpc": "2.0", "id": 9, "result": padding }),
    ] {
        connection.line(unanswered.to_string()).await;
    }
    connection.line(format!(r#"{{"a":{{"id":7}},"b":"{padding}"}}"#)).await;
    assert_eq!(connection.answer().await["id"], Value::Null);
}

#[tokio::test]
async fn a_byte_order_mark_line_ends_and_empty_lines_are_passed_over() {
    let mut connection = Connection::open();
    connection.input.write_all(b"\xEF\xBB\xBF").await.unwrap();
    connection.initialize("2025-11-25").await;
    for line in ["", "\r", "  ", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\r"] {
        connection.line(line).await;
    }
    assert_eq!(connection.answer().await, json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
}

#[tokio::test]
async fn two_byte_order_marks_before_a_line_are_passed_over() {
    let mut connection = Connection::open();
    connection.input.write_all(b"\xEF\xBB\xBF\xEF\xBB\xBF").await.unwrap();
    connection.initialize("2025-11-25").await;
}

#[tokio::test]
async fn several_messages_on_a_line_are_answered_each() {
    let mut connection = Connection::open();
    connection.initialize("2025-11-25").await;
    let ping = |id: u32| json!({ "jsonrpc": "2.0", "id": id, "method": "ping" }).to_string();
    for between in ["", " ", "\t"] {
        connection.line(format!("{}{between}{}{between}{}", ping(1), ping(2), ping(3))).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let answer = connection.answer().await;
            assert_eq!(answer["result"], json!({}), "{answer}");
            ids.push(answer["id"].as_u64().unwrap());
        }
        ids.sort_unstable();
        assert_eq!(ids, [1, 2, 3]);
    }
    // What cannot be read is refused beside what can.
    connection.line(format!(r#"{}{{"id":2,"method":{}"#, ping(1), "\"pi")).await;
    let answers = [connection.answer().await, connection.answer().await];
    let of = |id: u64| answers.iter().find(|answer| answer["id"] == id).unwrap();
    assert_eq!((&of(1)["result"], &of(2)["error"]["code"]), (&json!({}), &json!(-32700)));
    connection.line(format!("{} and more", ping(7))).await;
    let answer = connection.answer().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32700)));
}

#[tokio::test]
async fn a_second_handshake_keeps_the_form_of_results() {
    for requested in ["2099-01-01", "1.0", "x"] {
        let mut connection = Connection::open();
        connection.initialize("2025-11-25").await;
        let params = json!({
            "protocolVersion": requested,
            "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        let again = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
        connection.send(again).await;
        let answer = connection.answer().await;
        assert_ne!(answer["result"]["protocolVersion"], requested, "{answer}");
        for method in ["tools/list", "prompts/list"] {
            connection.send(json!({ "jsonrpc": "2.0", "id": 2, "method": method })).await;
            let answer = connection.answer().await;
            assert_eq!(answer["id"], 2);
            for member in ["resultType", "_meta"] {
                assert!(answer["result"].get(member).is_none(), "{requested} {method}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_batch_is_answered_by_an_array_where_the_revision_has_batches() {
    for revision in HANDSHAKES {
        let mut connection = Connection::open();
        connection.initialize(revision).await;
        connection.line(mixed().to_string()).await;
        if revision < "2025-06" {
            assert_mixed(&connection.answer().await);
        } else {
            for id in [1, 2, 3, 4, 5, 7] {
                let answer = connection.answer().await;
                assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(id), &json!(-32600)));
            }
        }
        connection.line(r#"[{"jsonrpc":"2.0","method":"notifications/initialized"}]"#).await;
        connection.line("[]").await;
        if revision >= "2025-06" {
            assert_eq!(connection.answer().await["error"]["code"], -32600);
        }
        assert_eq!(connection.answer().await["error"]["code"], -32600);
        connection.line(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#).await;
        assert_eq!(connection.answer().await["id"], 1);
    }
}

fn ping(id: u32) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "ping" })
}

#[tokio::test]
async fn a_batch_takes_no_id_twice() {
    let mut connection = Connection::open();
    connection.initialize("2025-03-26").await;
    connection.line(json!([ping(1), ping(1)]).to_string()).await;
    let answers = connection.answer().await;
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 2, "{answers:?}");
    assert!(answers.iter().all(|answer| answer["id"] == 1));
    assert_eq!(answers.iter().filter(|answer| answer["error"]["code"] == -32600).count(), 1);
}

#[tokio::test]
async fn a_batch_does_not_wait_for_a_cancelled_request() {
    let hanging = Arc::new(FailingStore(Failure::Hang));
    let mut connection = Connection::open_on(TempDir::new().unwrap(), hanging);
    connection.initialize("2025-03-26").await;
    let params = json!({ "name": "list_prompts", "arguments": {} });
    let call = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params });
    connection.line(json!([ping(1), call]).to_string()).await;
    // The answer to it shows that the connection goes on.
    connection.line(ping(3).to_string()).await;
    assert_eq!(connection.answer().await["id"], 3);
    let cancelled = json!({ "requestId": 2 });
    let method = "notifications/cancelled";
    connection.send(json!({ "jsonrpc": "2.0", "method": method, "params": cancelled })).await;
    let expected = json!([{ "jsonrpc": "2.0", "id": 1, "result": {} }]);
    assert_eq!(connection.answer().await, expected);
}
