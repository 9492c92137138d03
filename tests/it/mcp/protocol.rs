//! Handshakes, revisions, headers, and bodies that are not messages.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use super::{
    HANDSHAKES, STATELESS, error_of, request, send_as, send_stateless, send_with, stateless,
};
use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

async fn send_raw(app: &TestApp, headers: &[(&str, &str)], body: impl Into<Body>) -> TestResponse {
    let mut request = Request::builder().method("POST").uri("/mcp");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(body.into()).unwrap()).await
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

#[tokio::test]
async fn every_revision_with_a_handshake_is_served() {
    let app = TestApp::new();
    let listed = send_stateless(&app, "tools/list", json!({})).await.json();
    let tools = listed["result"]["tools"].as_array().unwrap().len();
    assert!(tools > 0);
    for revision in HANDSHAKES {
        let params = json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "some-client", "version": "1" },
        });
        let answer = app.post("/mcp", request("initialize", params)).await;
        let result = &answer.json()["result"];
        assert_eq!(result["protocolVersion"], revision);
        assert_eq!(result["serverInfo"]["name"], "promptdb");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        for capability in ["tools", "prompts", "resources", "completions"] {
            assert!(result["capabilities"][capability].is_object(), "{result}");
        }
        let sentences = result["instructions"].as_str().unwrap().matches(". ").count() + 1;
        assert_eq!(sentences, 2);
        assert!(answer.headers.get("mcp-session-id").is_none(), "there are no sessions");

        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        let answer = send_as(&app, revision, initialized).await;
        assert_eq!((answer.status.as_u16(), answer.body.len()), (202, 0));

        let answer = send_as(&app, revision, request("ping", json!({}))).await;
        assert_eq!(answer.json(), json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
        let answer = send_as(&app, revision, request("tools/list", json!({}))).await;
        assert_eq!(answer.json()["result"]["tools"].as_array().unwrap().len(), tools);
        let params = json!({ "name": "health_check", "arguments": {} });
        let answer = send_as(&app, revision, request("tools/call", params)).await.json();
        assert_eq!(answer["result"]["structuredContent"], json!({ "status": "ok" }));
        assert!(answer["result"].get("_meta").is_none(), "{answer}");
    }
}

#[tokio::test]
async fn a_handshake_for_another_revision_negotiates_one_with_a_handshake() {
    let app = TestApp::new();
    for revision in [STATELESS, "2023-01-01", "2099-01-01", "", "x"] {
        let params = json!({
            "protocolVersion": revision,
            "capabilities": {},
            "clientInfo": { "name": "some-client", "version": "1" },
        });
        let answer = app.post("/mcp", request("initialize", params)).await.json();
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{revision}");
    }
}

#[tokio::test]
async fn the_stateless_revision_is_served_without_a_handshake() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "A {{thing}}" })).await;
    let discovered = send_stateless(&app, "server/discover", json!({})).await.json();
    let versions = discovered["result"]["supportedVersions"].as_array().unwrap().clone();
    assert!(versions.contains(&json!(STATELESS)), "{discovered}");

    let get = json!({ "name": "get_prompt", "arguments": { "name": "poem" } });
    let render = json!({ "name": "poem", "arguments": { "thing": "x" } });
    let complete = json!({
        "ref": { "type": "ref/resource", "uri": "promptdb://prompts/{name}" },
        "argument": { "name": "name", "value": "po" },
    });
    for (method, params, cache_scope) in [
        ("tools/list", json!({}), Some("public")),
        ("tools/call", get, None),
        ("prompts/list", json!({}), Some("private")),
        ("prompts/get", render, None),
        ("resources/list", json!({}), Some("private")),
        ("resources/templates/list", json!({}), Some("public")),
        ("resources/read", json!({ "uri": "promptdb://prompts/poem" }), Some("private")),
        ("completion/complete", complete, None),
    ] {
        let answer = send_stateless(&app, method, params).await;
        let json = answer.json();
        assert_eq!(answer.status.as_u16(), 200, "{method}: {json}");
        let result = &json["result"];
        let server = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
        assert_eq!(server["name"], "promptdb", "{method}: {json}");
        assert_eq!(result["cacheScope"].as_str(), cache_scope, "{method}: {json}");
        assert_eq!(result["resultType"], "complete", "{method}: {json}");
    }
}

#[tokio::test]
async fn the_client_that_a_stateless_request_names_is_the_source_of_what_it_saves() {
    let app = TestApp::new();
    let save = json!({ "name": "save_prompt", "arguments": { "name": "poem", "content": "x" } });
    send_stateless(&app, "tools/call", save).await;
    assert_eq!(app.get("/api/prompts/poem").await.json()["source"], "some-chat");
}

#[tokio::test]
async fn headers_that_contradict_the_body_are_rejected() {
    let app = TestApp::new();
    let call = json!({ "name": "health_check", "arguments": {} });
    let (headers, message) = stateless("tools/call", call);
    assert_eq!(send_with(&app, &headers, message.clone()).await.status.as_u16(), 200);
    for (name, value) in [
        ("mcp-method", "tools/list"),
        ("mcp-name", "delete_prompt"),
        ("mcp-protocol-version", "2025-11-25"),
    ] {
        for replacement in [Some(value), None] {
            let mut headers = headers.clone();
            headers.retain(|(known, _)| *known != name);
            headers.extend(replacement.map(|value| (name, value.to_owned())));
            let answer = send_with(&app, &headers, message.clone()).await;
            error_of(&answer, 400, -32020);
        }
    }
    for key in ["protocolVersion", "clientCapabilities"] {
        let mut message = message.clone();
        let meta = message["params"]["_meta"].as_object_mut().unwrap();
        meta.remove(&format!("io.modelcontextprotocol/{key}"));
        error_of(&send_with(&app, &headers, message).await, 400, -32602);
    }
    let unknown = [("mcp-protocol-version", "2099-01-01"), JSON[0]];
    let answer = send_raw(&app, &unknown, request("ping", json!({})).to_string()).await;
    assert_eq!(answer.status.as_u16(), 400);
}

#[tokio::test]
async fn a_body_that_is_no_message_is_a_json_rpc_error() {
    let app = TestApp::new();
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let deep_call = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"health_check","arguments":{{"a":{deep}}}}}}}"#
    );
    for (body, id) in [
        ("", Value::Null),
        ("{", Value::Null),
        ("nope", Value::Null),
        ("{}x", Value::Null),
        ("{\"id\":1e999}", Value::Null),
        (deep.as_str(), Value::Null),
        (deep_call.as_str(), json!(1)),
    ] {
        let answer = send_raw(&app, &JSON, body.to_owned()).await;
        error_of(&answer, 400, -32700);
        assert_eq!(answer.json()["id"], id);
    }
    // The second is a call except for one byte, in a member that the server does not read.
    for bytes in [
        &b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}"[..],
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"health_check\"},\"x\":\"\xff\"}",
    ] {
        error_of(&send_raw(&app, &JSON, bytes.to_vec()).await, 400, -32700);
    }
    let ping = request("ping", json!({}));
    for body in [
        json!([]),
        json!([1, 2]),
        json!(["2.0", 1, "tools/call", { "name": "health_check" }]),
    ] {
        let headers = [JSON[0], ("mcp-protocol-version", "2025-11-25")];
        let message = error_of(&send_raw(&app, &headers, body.to_string()).await, 400, -32600);
        assert!(message.contains("batches"), "{message}");
        // The request in it is answered under its id.
        let answer = send_raw(&app, &headers, json!([ping, body]).to_string()).await;
        assert_eq!(answer.status.as_u16(), 400);
        let answers = answer.json();
        assert_eq!((&answers[0]["id"], answers.as_array().map(Vec::len)), (&json!(1), Some(1)));
        assert_eq!(answers[0]["error"]["message"], json!(message));
    }
    for body in [
        json!({}),
        json!(null),
        json!(1),
        json!("x"),
        json!({ "id": 1, "method": "ping" }),
        json!({ "jsonrpc": "1.0", "id": 1, "method": "ping" }),
        json!({ "jsonrpc": "2.0", "id": 1 }),
        json!({ "jsonrpc": "2.0", "id": 1, "method": 5 }),
        json!({ "jsonrpc": "2.0", "id": {}, "method": "ping" }),
        json!({ "jsonrpc": "2.0", "id": 1.5, "method": "ping" }),
        json!({ "id": 1, "method": "tools/call", "params": { "name": "health_check" } }),
        json!({ "jsonrpc": "1.0", "id": 1, "method": "tools/call", "params": { "name": "health_check" } }),
    ] {
        let answer = send_raw(&app, &JSON, body.to_string()).await;
        error_of(&answer, 400, -32600);
    }
}

#[tokio::test]
async fn unknown_methods_and_tools_and_invalid_parameters_have_their_codes() {
    let app = TestApp::new();
    let revision = "2025-11-25";
    let send =
        async |method: &str, params: Value| send_as(&app, revision, request(method, params)).await;
    error_of(&send("nothing/here", json!({})).await, 200, -32601);
    error_of(&send("tools/call", json!({ "name": "nothing" })).await, 200, -32602);
    for (method, params, expected) in [
        ("tools/call", json!({}), "name: is required"),
        ("tools/call", json!({ "name": [] }), "name: must be string"),
        (
            "tools/call",
            json!({ "name": "get_prompt", "arguments": [1] }),
            "arguments: must be object",
        ),
        (
            "tools/call",
            json!({ "name": "get_prompt", "arguments": "x" }),
            "arguments: must be object",
        ),
        ("prompts/get", json!({ "name": "poem", "arguments": 1 }), "arguments: must be object"),
        ("prompts/get", json!({ "arguments": {} }), "name: is required"),
        ("completion/complete", json!({}), "ref: is required; argument: is required"),
        (
            "completion/complete",
            json!({ "ref": { "type": "ref/prompt", "name": "poem" }, "argument": { "name": "a", "value": [] } }),
            "argument.value: must be string",
        ),
    ] {
        let answer = send(method, params.clone()).await;
        let message = error_of(&answer, 200, -32602);
        assert_eq!(message, format!("Invalid params: {expected}"), "{params}");
    }
    error_of(&send("tools/call", json!([])).await, 400, -32600);
    error_of(&send("tools/list", json!({ "cursor": "x" })).await, 200, -32602);
    error_of(&send("prompts/list", json!({ "cursor": "x" })).await, 200, -32602);
    error_of(&send("prompts/get", json!({ "name": "nothing" })).await, 200, -32602);
    error_of(&send("prompts/get", json!({ "name": "Not A Name" })).await, 200, -32602);
    error_of(&send("resources/list", json!({ "cursor": "x" })).await, 200, -32602);

    let answer = send_stateless(&app, "nothing/here", json!({})).await;
    error_of(&answer, 404, -32601);
    let answer = send_stateless(&app, "tools/call", json!({ "name": "nothing" })).await;
    error_of(&answer, 200, -32602);
}

#[tokio::test]
async fn requests_that_break_the_rules_of_http_get_their_status() {
    let app = TestApp::new();
    let ping = request("ping", json!({})).to_string();
    for accept in [
        "application/json, text/event-stream",
        "application/json",
        "*/*",
        "text/html, */*;q=0.1",
        "APPLICATION/JSON",
    ] {
        let answer = send_raw(&app, &[JSON[0], ("accept", accept)], ping.clone()).await;
        assert_eq!(answer.status.as_u16(), 200, "{accept}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
    assert_eq!(send_raw(&app, &JSON, ping.clone()).await.status.as_u16(), 200, "no Accept at all");
    for accept in ["text/event-stream", "text/html", "image/*", "", "application/xml"] {
        let answer = send_raw(&app, &[JSON[0], ("accept", accept)], ping.clone()).await;
        assert_problem(&answer, 406, "not-acceptable");
    }
    for kind in ["text/plain", "", "application/json-rpc"] {
        assert_problem(
            &send_raw(&app, &[("content-type", kind)], ping.clone()).await,
            415,
            "unsupported-media-type",
        );
    }
    assert_problem(&send_raw(&app, &[], ping.clone()).await, 415, "unsupported-media-type");
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let answer = app.call(method, "/mcp", &[], None).await;
        assert_problem(&answer, 405, "method-not-allowed");
        assert_eq!(answer.header("allow"), "POST");
    }
    let padded = |length: usize| ping.clone() + &" ".repeat(length - ping.len());
    let answer = send_raw(&app, &JSON, padded(256 * 1024 + 1)).await;
    assert_problem(&answer, 413, "body-too-large");
    assert_eq!(send_raw(&app, &JSON, padded(256 * 1024)).await.status.as_u16(), 200);
}
