//! A message that is refused is answered under the id of its request, over HTTP and over a stream.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use super::sessions::Session;
use super::{HANDSHAKES, STATELESS, send_as, stateless};
use crate::support::{TestApp, TestResponse};

/// Texts of a request with the id 7 that are not messages, each with the code of its error.
pub(crate) fn refused() -> Vec<(Vec<u8>, i64)> {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        (text(r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"#), -32700),
        (text(r#"{"jsonrpc":"2.0","id":7,"method":"ping"}}"#), -32700),
        (text(r#"{"jsonrpc":"2.0","id":7,"method":"ping"} and more"#), -32700),
        (
            text(r#"{"method":"tools/call","params":{"id":1,"limit":NaN},"jsonrpc":"2.0","id":7}"#),
            -32700,
        ),
        (text(&format!(r#"{{"method":"ping","params":{{"id":1,"a":{deep}}},"id":7}}"#)), -32700),
        (b"{\"method\":\"ping\",\"params\":{\"id\":1,\"a\":\"\xff\"},\"id\":7}".to_vec(), -32700),
        (text(r#"{"method":"ping","id":7}"#), -32600),
        (text(r#"{"jsonrpc":"2.0","method":5,"id":7}"#), -32600),
        (text(r#"{"jsonrpc":"2.0","method":"tools/call","params":[],"id":7}"#), -32600),
        (
            text(r#"{"jsonrpc":"2.0","method":"prompts/get","params":{"name":"x\ud83d"},"id":7}"#),
            -32602,
        ),
    ]
}

/// A call with half of an emoji in its text, and with the words of the answer.
pub(crate) fn half_a_character() -> (String, &'static str) {
    let call = r#"{"method":"tools/call","params":{"name":"save_prompt","arguments":{"content":"Party \ud83d","tags":["ok","\ude00"]}},"jsonrpc":"2.0","id":7}"#;
    (call.to_owned(), "content: contains half of a character")
}

async fn post(app: &TestApp, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> TestResponse {
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body)).unwrap()).await
}

fn revision_header(revision: &str) -> Vec<(&'static str, &str)> {
    // Revisions before 2025-06-18 have no such header.
    if revision < "2025-06-18" { vec![] } else { vec![("mcp-protocol-version", revision)] }
}

#[tokio::test]
async fn a_refused_request_is_answered_under_its_id_in_every_revision() {
    let app = TestApp::new();
    for revision in HANDSHAKES.iter().chain([&STATELESS]) {
        let headers = revision_header(revision);
        for (body, code) in refused() {
            let shown = String::from_utf8_lossy(&body[..body.len().min(90)]).into_owned();
            let answer = post(&app, "/mcp", &headers, body).await.json();
            assert_eq!(answer["error"]["code"], code, "{revision} {shown} {answer}");
            assert_eq!(answer["id"], 7, "{revision} {shown} {answer}");
        }
    }
}

#[tokio::test]
async fn half_a_character_in_a_call_is_a_result_that_names_each_field() {
    let app = TestApp::new();
    let (call, words) = half_a_character();
    for revision in HANDSHAKES.iter().chain([&STATELESS]) {
        let headers = revision_header(revision);
        let answer = post(&app, "/mcp", &headers, call.clone().into_bytes()).await;
        assert_eq!(answer.status.as_u16(), 200);
        let answer = answer.json();
        assert_eq!(answer["id"], 7, "{answer}");
        let text = TestApp::mistake(&answer["result"]);
        assert!(text.starts_with(words) && text.contains("; tags[1]: contains half"), "{text}");
    }
    assert_eq!(app.get("/api/prompts").await.json()["prompts"], json!([]), "nothing was saved");

    let whole =
        call.replace(r"Party \ud83d", r"Party \ud83d\ude00").replace(r#""\ude00""#, "\"x\"");
    let answer = post(&app, "/mcp", &[], whole.into_bytes()).await.json();
    assert_eq!(answer["result"]["isError"], false, "{answer}");
}

#[tokio::test]
async fn the_id_of_an_object_inside_the_message_is_never_the_requests() {
    let app = TestApp::new();
    for body in [
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"arguments":{"id":7"#,
        r#"{"params":{"id":7},"method":NaN"#,
        r#"{"params":"\"id\":7"#,
        r#"{"a":"b"c","id":7}"#,
        r#"{"id":7,"id":8"#,
        "\"id\":7",
    ] {
        let answer = post(&app, "/mcp", &[], body.as_bytes().to_vec()).await;
        assert_eq!(answer.status.as_u16(), 400);
        assert_eq!(answer.json()["id"], Value::Null, "{body}");
    }
}

#[tokio::test]
async fn a_byte_order_mark_before_a_body_is_passed_over() {
    let app = TestApp::new();
    let body = |text: String| [b"\xEF\xBB\xBF", text.as_bytes()].concat();
    let ping = super::request("ping", json!({})).to_string();
    let answer = post(&app, "/mcp", &[], body(ping)).await.json();
    assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    let prompt = json!({ "name": "poem", "content": "x" }).to_string();
    assert_eq!(post(&app, "/api/prompts", &[], body(prompt)).await.status.as_u16(), 201);
}

#[tokio::test]
async fn a_stream_answers_a_refused_request_under_its_id() {
    let app = TestApp::new();
    for revision in HANDSHAKES {
        let mut session = Session::open(&app).await;
        session.initialize(revision).await;
        for (body, code) in refused() {
            let shown = String::from_utf8_lossy(&body[..body.len().min(90)]).into_owned();
            let answer = post(&app, &session.path, &[], body).await;
            assert_eq!(answer.status.as_u16(), 202, "{shown}");
            let answer = session.message().await;
            assert_eq!(
                (&answer["error"]["code"], &answer["id"]),
                (&json!(code), &json!(7)),
                "{shown}"
            );
        }
        let (call, words) = half_a_character();
        post(&app, &session.path, &[], call.into_bytes()).await;
        let answer = session.message().await;
        assert_eq!(answer["id"], 7, "{answer}");
        assert!(TestApp::mistake(&answer["result"]).starts_with(words), "{answer}");
        // Nothing waits at the stream for the answer to a text without an id.
        let answer = post(&app, &session.path, &[], b"hello".to_vec()).await;
        assert_eq!(answer.status.as_u16(), 400);
        assert_eq!(answer.json()["error"]["code"], -32700);
    }
}

#[tokio::test]
async fn list_changed_is_declared_only_where_it_is_delivered() {
    let app = TestApp::new();
    let declared = |result: &Value| {
        ["prompts", "resources"].map(|kind| result["capabilities"][kind]["listChanged"].clone())
    };
    for revision in HANDSHAKES {
        let params = json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "some-client", "version": "1" },
        });
        let message = super::request("initialize", params);
        let answer = send_as(&app, revision, message.clone()).await.json();
        assert!(answer["result"]["capabilities"]["prompts"].is_object(), "{answer}");
        assert_eq!(declared(&answer["result"]), [Value::Null, Value::Null], "{revision}");

        let mut session = Session::open(&app).await;
        session.send(message).await;
        let answer = session.message().await;
        assert_eq!(declared(&answer["result"]), [json!(true), json!(true)], "{revision}");
    }
    let (headers, message) = stateless("server/discover", json!({}));
    let answer = super::send_with(&app, &headers, message).await.json();
    assert_eq!(declared(&answer["result"]), [json!(true), json!(true)]);
}

#[tokio::test]
async fn where_each_look_for_other_writers_is_billed_a_server_declares_no_list_changed() {
    let store = crate::convex::store_at("http://127.0.0.1:9", 16, Duration::from_secs(1));
    let app = TestApp::builder().store(Arc::new(store)).build();
    let declared = |result: &Value| {
        ["prompts", "resources"].map(|kind| result["capabilities"][kind]["listChanged"].clone())
    };
    let mut session = Session::open(&app).await;
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "some-client", "version": "1" },
    });
    session.send(super::request("initialize", params)).await;
    let answer = session.message().await;
    assert!(answer["result"]["capabilities"]["prompts"].is_object(), "{answer}");
    assert_eq!(declared(&answer["result"]), [Value::Null, Value::Null]);

    let (headers, message) = stateless("server/discover", json!({}));
    let answer = super::send_with(&app, &headers, message).await.json();
    assert!(answer["result"]["capabilities"]["prompts"].is_object(), "{answer}");
    assert_eq!(declared(&answer["result"]), [Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_slash_after_the_path_makes_no_difference() {
    let app = TestApp::new();
    let ping = super::request("ping", json!({}));
    let answer = app.post("/mcp/", ping).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.json()["result"], json!({}));
    let params = json!({ "name": "save_prompt", "arguments": { "name": "poem", "content": "x" } });
    let answer = app.post("/mcp/", super::request("tools/call", params)).await.json();
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    let answer = app.call(Method::GET, "/mcp/", &[], None).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn the_source_of_a_prompt_is_a_name_that_a_person_understands() {
    let app = TestApp::new();
    for (number, (agent, source)) in [
        ("node", "Node.js client"),
        ("claude-code/2.1 (cli)", "Claude Code"),
        ("Mozilla/5.0 (X11; Linux x86_64)", "browser"),
        ("my\u{200B}-tool/3", "my-tool"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("p{number}");
        let params =
            json!({ "name": "save_prompt", "arguments": { "name": name, "content": "x" } });
        let mut request = Request::post("/mcp").header("content-type", "application/json");
        let value = axum::http::HeaderValue::from_bytes(agent.as_bytes()).unwrap();
        request = request.header("user-agent", value);
        let message = super::request("tools/call", params).to_string();
        app.send(request.body(Body::from(message)).unwrap()).await;
        assert_eq!(app.get(&format!("/api/prompts/{name}")).await.json()["source"], source);
    }
}
