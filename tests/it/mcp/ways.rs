//! The direct way of a plain `tools/call` and rmcp's transport send the same response.

use serde_json::{Value, json};

use super::{error_of, send_with, stateless};
use crate::support::{TestApp, TestResponse};

/// Calls of every tool that succeed or fail, each with at most one write. Unknown tools take rmcp's
/// way in any case.
fn sample_calls() -> Vec<(&'static str, Value)> {
    vec![
        ("health_check", json!({})),
        ("health_check", json!({ "x": 1 })),
        ("get_prompt", json!({ "name": "poem", "arguments": { "thing": "x" } })),
        ("get_prompt", json!({ "name": "poem", "version": 9 })),
        ("get_prompt", json!({ "query": "poem" })),
        ("get_prompt", json!({ "name": "nothing" })),
        ("get_prompt", json!({ "name": 5 })),
        ("get_prompt", json!({ "name": ["poem"], "x": 1 })),
        ("get_prompt", json!({ "name": "poem", "arguments": "{\"thing\": 3}", "x": 1 })),
        ("get_prompt", json!("{\"name\": \"poem\"}")),
        ("get_prompt", json!("poem")),
        ("health_check", json!(null)),
        ("health_check", json!([])),
        ("list_prompts", json!({})),
        ("list_prompts", json!({ "limit": 0 })),
        ("save_prompt", json!({ "name": "poem", "content": "x" })),
        ("save_prompt", json!({ "name": "poem", "content": "A {{thing}}", "expected_version": 1 })),
        ("save_prompt", json!({ "name": "poem", "content": "x", "expected_version": 7 })),
        ("harvest_session", json!({ "candidates": [] })),
        ("harvest_session", json!({ "candidates": [{}] })),
        ("delete_prompt", json!({ "name": "nothing" })),
        ("list_versions", json!({ "name": "poem" })),
        ("restore_prompt", json!({ "name": "poem", "version": 1 })),
        ("list_candidates", json!({})),
        ("reject_candidate", json!({ "candidate_id": "x" })),
        ("open_library", json!({ "name": "poem" })),
        ("nothing", json!({})),
        ("", json!({})),
    ]
}

fn summarize(answer: &TestResponse) -> (u16, String, Value) {
    (answer.status.as_u16(), answer.header("content-type").to_owned(), answer.json())
}

/// Asserts that a call has the same response on both ways, and returns it.
pub(super) async fn check_both_ways(app: &TestApp, name: &str, arguments: Value) -> TestResponse {
    let params = json!({ "name": name, "arguments": &arguments });
    let (headers, message) = stateless("tools/call", params);
    let direct = send_with(app, &headers, message.clone()).await;
    // The encoded form of a header's value (SEP-2243) is left to rmcp to decode.
    let encoded = {
        use base64::Engine;
        format!("=?base64?{}?=", base64::prelude::BASE64_STANDARD.encode(name))
    };
    let mut headers = headers;
    headers.retain(|(header, _)| *header != "mcp-name");
    headers.push(("mcp-name", encoded));
    let forwarded = send_with(app, &headers, message).await;
    assert_eq!(summarize(&direct), summarize(&forwarded), "{name} {arguments}");
    direct
}

#[tokio::test]
async fn a_stateless_call_has_the_same_response_on_both_ways() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "A {{thing}}" })).await;
    for (name, arguments) in sample_calls() {
        check_both_ways(&app, name, arguments).await;
    }
}

#[tokio::test]
async fn a_call_of_an_earlier_revision_has_the_same_response_on_both_ways() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "A {{thing}}" })).await;
    for revision in ["2025-06-18", "2025-11-25"] {
        for (name, arguments) in sample_calls() {
            let params = json!({ "name": name, "arguments": arguments });
            let message = super::request("tools/call", params);
            let header = ("mcp-protocol-version", revision.to_owned());
            let direct = send_with(&app, std::slice::from_ref(&header), message.clone()).await;
            // A call with a repeated header is not plain; rmcp reads the first value.
            let forwarded = send_with(&app, &[header.clone(), header], message).await;
            assert_eq!(summarize(&direct), summarize(&forwarded), "{revision} {name} {arguments}");
        }
    }
}

#[tokio::test]
async fn the_id_of_a_response_is_that_of_the_request() {
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
async fn the_error_of_an_unknown_tool_shortens_its_name() {
    let app = TestApp::new();
    let answer = app
        .post("/mcp", super::request("tools/call", json!({ "name": "n".repeat(100_000) })))
        .await;
    error_of(&answer, 200, -32602);
    assert!(answer.body.len() < 2000, "{} bytes", answer.body.len());
}
