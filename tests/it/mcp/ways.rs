//! The direct way of a plain `tools/call` and rmcp's transport answer one message alike.

use serde_json::{Value, json};

use super::{error_of, send_with, stateless};
use crate::support::{TestApp, TestResponse};

/// Every tool, with arguments that succeed and that fail; each writes at most once.
fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("health_check", json!({})),
        ("health_check", json!({ "x": 1 })),
        ("get_prompt", json!({ "name": "poem", "arguments": { "thing": "x" } })),
        ("get_prompt", json!({ "name": "poem", "version": 9 })),
        ("get_prompt", json!({ "query": "poem" })),
        ("get_prompt", json!({ "name": "nothing" })),
        ("get_prompt", json!({ "name": 5 })),
        ("list_prompts", json!({})),
        ("list_prompts", json!({ "limit": 0 })),
        ("save_prompt", json!({ "name": "poem", "content": "x" })),
        ("save_prompt", json!({ "name": "poem", "content": "A {{thing}}", "expected_version": 1 })),
        ("save_prompt", json!({ "name": "poem", "content": "x", "expected_version": 7 })),
        ("harvest_session", json!({ "candidates": [] })),
        ("delete_prompt", json!({ "name": "nothing" })),
        ("nothing", json!({})),
        ("", json!({})),
    ]
}

fn outcome(answer: &TestResponse) -> (u16, String, Value) {
    (answer.status.as_u16(), answer.header("content-type").to_owned(), answer.json())
}

#[tokio::test]
async fn a_stateless_call_is_answered_alike_on_both_ways() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "A {{thing}}" })).await;
    for (name, arguments) in calls() {
        let params = json!({ "name": name, "arguments": arguments });
        let (headers, message) = stateless("tools/call", params);
        let direct = send_with(&app, &headers, message.clone()).await;
        // The encoded form of a header's value (SEP-2243) is left to rmcp to decode.
        let encoded = {
            use base64::Engine;
            format!("=?base64?{}?=", base64::prelude::BASE64_STANDARD.encode(name))
        };
        let mut headers = headers;
        headers.retain(|(header, _)| *header != "mcp-name");
        headers.push(("mcp-name", encoded));
        let passed_on = send_with(&app, &headers, message).await;
        assert_eq!(outcome(&direct), outcome(&passed_on), "{name} {arguments}");
    }
}

#[tokio::test]
async fn an_earlier_call_is_answered_alike_on_both_ways() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "A {{thing}}" })).await;
    for revision in ["2025-06-18", "2025-11-25"] {
        for (name, arguments) in calls() {
            let params = json!({ "name": name, "arguments": arguments });
            let message = super::request("tools/call", params);
            let header = ("mcp-protocol-version", revision.to_owned());
            let direct = send_with(&app, std::slice::from_ref(&header), message.clone()).await;
            // A header that is there twice is not plain; rmcp reads the first.
            let passed_on = send_with(&app, &[header.clone(), header], message).await;
            assert_eq!(outcome(&direct), outcome(&passed_on), "{revision} {name} {arguments}");
        }
    }
}

#[tokio::test]
async fn ids_come_back_as_they_were_sent() {
    let app = TestApp::new();
    for id in
        [json!(0), json!(-7), json!(i64::MAX), json!(""), json!("東-1"), json!("a".repeat(1000))]
    {
        for params in [json!({ "name": "health_check" }), json!({ "name": "nothing" })] {
            let message =
                json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
            let answer = app.post("/mcp", message).await;
            assert_eq!(answer.json()["id"], id);
        }
    }
    let message = json!({ "jsonrpc": "2.0", "id": null, "method": "tools/call", "params": { "name": "health_check" } });
    let answer = app.post("/mcp", message).await;
    assert!(answer.status.as_u16() < 500, "{}", answer.status);
}

#[tokio::test]
async fn what_comes_back_of_an_unknown_tool_is_short() {
    let app = TestApp::new();
    let answer = app
        .post("/mcp", super::request("tools/call", json!({ "name": "n".repeat(100_000) })))
        .await;
    error_of(&answer, 200, -32602);
    assert!(answer.body.len() < 2000, "{} bytes", answer.body.len());
}
