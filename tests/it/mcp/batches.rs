//! Batches, which revision 2025-03-26 obliges a server to take.

use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};

use super::sessions::Session;
use super::{HANDSHAKES, STATELESS, error_of};
use crate::limits::assert_rate_limited;
use crate::support::{TestApp, TestResponse};

fn ping(id: impl Into<Value>) -> Value {
    json!({ "jsonrpc": "2.0", "id": id.into(), "method": "ping" })
}

fn notification() -> Value {
    json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })
}

fn save(id: u32, name: &str) -> Value {
    let arguments = json!({ "name": name, "content": "Something to keep" });
    let params = json!({ "name": "save_prompt", "arguments": arguments });
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

/// A batch of every kind of message.
pub(crate) fn mixed() -> Value {
    let mut initialize = ping(4);
    initialize["method"] = json!("initialize");
    json!([
        ping(1),
        notification(),
        save(2, "from-a-batch"),
        { "jsonrpc": "2.0", "id": 3, "method": "nothing/here" },
        initialize,
        { "jsonrpc": "2.0", "id": 9, "result": {} },
        { "id": 5, "method": "ping" },
        17,
        [ping(6)],
        { "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": { "name": "get_prompt", "arguments": { "name": "nothing" } } },
    ])
}

/// Asserts the answers to [`mixed`], in any order.
#[track_caller]
pub(crate) fn assert_mixed(answers: &Value) {
    let answers = answers.as_array().unwrap_or_else(|| panic!("no array: {answers}"));
    let of = |id: u32| {
        let mut found = answers.iter().filter(|answer| answer["id"] == id);
        let answer = found.next().unwrap_or_else(|| panic!("no answer to {id}: {answers:?}"));
        assert!(found.next().is_none(), "{id} is answered twice");
        answer
    };
    assert_eq!(of(1)["result"], json!({}));
    assert_eq!(of(2)["result"]["isError"], false, "{answers:?}");
    assert_eq!(of(3)["error"]["code"], -32601, "{answers:?}");
    assert_eq!(of(4)["error"]["code"], -32600, "{answers:?}");
    assert_eq!(of(5)["error"]["code"], -32600, "{answers:?}");
    assert_eq!(of(7)["result"]["isError"], true, "{answers:?}");
    let without_id: Vec<&Value> = answers.iter().filter(|answer| answer["id"].is_null()).collect();
    assert_eq!(without_id.len(), 2, "{answers:?}");
    assert!(without_id.iter().all(|answer| answer["error"]["code"] == -32600), "{answers:?}");
    assert_eq!(answers.len(), 8, "{answers:?}");
}

async fn send(app: &TestApp, revision: Option<&str>, batch: Value) -> TestResponse {
    let header = revision.map(|revision| ("mcp-protocol-version", revision));
    let headers: Vec<_> = header.into_iter().collect();
    app.call(axum::http::Method::POST, "/mcp", &headers, Some(batch)).await
}

/// Asserts that every request of a refused batch is answered under its id.
#[track_caller]
fn assert_refused(answer: &TestResponse, ids: &[Value], message: &str) {
    assert_eq!(answer.status.as_u16(), 400);
    let error = |id: &Value| json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32600, "message": message } });
    assert_eq!(answer.json(), Value::from(ids.iter().map(error).collect::<Vec<_>>()));
}

#[tokio::test]
async fn a_batch_is_answered_by_an_array() {
    let app = TestApp::new();
    for revision in [None, Some("2025-03-26")] {
        let answer = send(&app, revision, mixed()).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_mixed(&answer.json());
        // A `Value` is read from serde_json's own form of a raw value as well, which no client knows.
        assert!(!String::from_utf8_lossy(&answer.body).contains("serde_json"));
        app.delete("/api/prompts/from-a-batch").await;
    }
    let half = json!([ping("a"), save(2, "half")]).to_string().replace("Something", "\\ud83d");
    let request = axum::http::Request::post("/mcp").header("content-type", "application/json");
    let answer = app.send(request.body(axum::body::Body::from(half)).unwrap()).await.json();
    assert_eq!((&answer[0]["id"], &answer[0]["result"]), (&json!("a"), &json!({})), "{answer}");
    let text = TestApp::mistake(&answer[1]["result"]);
    assert!(text.starts_with("content: contains half of a character"), "{text}");

    let answer = send(&app, None, json!([ping("a")])).await.json();
    assert_eq!(answer, json!([{ "jsonrpc": "2.0", "id": "a", "result": {} }]));
}

#[tokio::test]
async fn a_batch_without_requests_is_accepted() {
    let app = TestApp::new();
    let response = json!({ "jsonrpc": "2.0", "id": 9, "result": {} });
    let answer = send(&app, None, json!([notification(), response, notification()])).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (202, 0));
}

#[tokio::test]
async fn an_empty_batch_and_one_of_too_many_messages_are_refused() {
    let app = TestApp::new();
    error_of(&send(&app, None, json!([])).await, 400, -32600);
    let of = |count| Value::from((0..count).map(ping).collect::<Vec<_>>());
    assert_eq!(send(&app, None, of(32)).await.json().as_array().unwrap().len(), 32);
    let refused = send(&app, None, of(33)).await;
    let message = "Invalid Request: the batch has 33 messages, and at most 32 are accepted";
    assert_refused(&refused, &(0..33).map(Value::from).collect::<Vec<_>>(), message);
}

#[tokio::test]
async fn revisions_without_batches_refuse_them() {
    let app = TestApp::new();
    for revision in HANDSHAKES.iter().chain([&STATELESS]).filter(|name| **name > "2025-06") {
        let batch = json!([save(1, "poem"), notification(), ping("b")]);
        let answer = send(&app, Some(revision), batch).await;
        let message = "Invalid Request: batches are not supported since revision 2025-06-18; send \
            each message by itself";
        assert_refused(&answer, &[json!(1), json!("b")], message);
        let message =
            error_of(&send(&app, Some(revision), json!([notification()])).await, 400, -32600);
        assert!(message.contains("send each message by itself"), "{message}");
    }
    assert_eq!(app.get("/api/prompts/poem").await.status.as_u16(), 404);
}

#[tokio::test]
async fn every_message_of_a_batch_counts_against_the_rate_limit() {
    let limit = |limits: &mut promptdb::config::Limits| {
        limits.rate_per_minute = NonZeroU32::new(10);
    };
    let app = TestApp::builder().limits(limit).build();
    let answer = send(&app, None, json!([ping(1), ping(2), ping(3), ping(4)])).await;
    assert_eq!(answer.status.as_u16(), 200);
    let answer = send(&app, None, json!([ping(1), notification(), ping(3), ping(4)])).await;
    assert_eq!(answer.status.as_u16(), 200);
    // Two are left: one for the request, one for the second message of four.
    let answer = send(&app, None, json!([save(1, "poem"), ping(2), ping(3), ping(4)])).await;
    assert_eq!(answer.status.as_u16(), 429, "{:?}", answer.json());
    assert_eq!(app.get("/api/prompts/poem").await.status.as_u16(), 404, "nothing was done");
    let answer = app.get("/api/me").await;
    assert_rate_limited(&answer, "6");
}

#[tokio::test]
async fn the_deadline_is_that_of_the_whole_batch() {
    let store = crate::stores::FailingStore(crate::stores::Failure::Hang);
    let timeout = Duration::from_millis(300);
    let store = std::sync::Arc::new(store);
    let app = TestApp::builder().store(store).request_timeout(timeout).build();
    let begun = std::time::Instant::now();
    let batch: Vec<Value> = (0..20).map(|id| save(id, "poem")).collect();
    let answers = send(&app, None, Value::from(batch)).await.json();
    // One deadline each would be six seconds.
    assert!(begun.elapsed() < timeout * 10, "{:?}", begun.elapsed());
    let answers = answers.as_array().unwrap();
    let ids: Vec<u64> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..20).collect::<Vec<u64>>());
}

#[tokio::test]
async fn the_answers_to_a_batch_are_bounded() {
    let app = TestApp::new();
    app.create(json!({ "name": "long", "content": "x".repeat(65_000) })).await;
    let get = |id| {
        let params = json!({ "name": "get_prompt", "arguments": { "name": "long" } });
        json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
    };
    let batch: Vec<Value> = (0..32).map(get).collect();
    let answer = send(&app, None, Value::from(batch)).await;
    assert!(answer.body.len() < 2 * 1024 * 1024, "{} bytes", answer.body.len());
    let answers = answer.json();
    let answers = answers.as_array().unwrap();
    assert_eq!(answers.len(), 32, "every request is answered");
    assert_eq!(answers[0]["result"]["isError"], false);
    let text = answers[31]["error"]["message"].as_str().unwrap();
    assert!(text.contains("exceed 1 MiB; send this request on its own"), "{text}");
}

#[tokio::test]
async fn a_stream_takes_batches_in_the_revisions_that_have_them() {
    let app = TestApp::new();
    for revision in ["2024-11-05", "2025-03-26"] {
        let mut session = Session::open(&app).await;
        session.initialize(revision).await;
        session.send(mixed()).await;
        let mut answer = session.message().await;
        while answer.get("method").is_some() {
            answer = session.message().await;
        }
        assert_mixed(&answer);
        app.delete("/api/prompts/from-a-batch").await;
    }
    for revision in ["2025-06-18", "2025-11-25"] {
        let mut session = Session::open(&app).await;
        session.initialize(revision).await;
        session.send(json!([ping(1), notification(), ping("b")])).await;
        for id in [json!(1), json!("b")] {
            let answer = session.message().await;
            assert_eq!((&answer["id"], &answer["error"]["code"]), (&id, &json!(-32600)));
        }
    }
}
