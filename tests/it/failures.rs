//! A store that fails in every way: the answers over REST and MCP, which never contain the cause.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use futures_util::stream;
use promptdb::clients::convex::ConvexClient;
use promptdb::clients::http_client;
use promptdb::store::convex::ConvexStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::prompts::assert_problem;
use crate::stores::{FailingStore, Failure, SECRET};
use crate::support::{TestApp, TestResponse};

fn app(failure: Failure) -> TestApp {
    let store = Arc::new(FailingStore(failure));
    TestApp::builder().store(store).build()
}

/// A request to every endpoint that needs the store.
fn requests() -> Vec<(Method, &'static str, Option<Value>)> {
    let new = json!({ "name": "poem", "content": "x" });
    let content = "Write release notes for users from these changes: {{changes}}";
    let candidate = json!({ "title": "Notes", "content": content, "why": "Used twice." });
    let at_candidate = "/api/candidates/cnd_0123456789abcdef0123456789abcdef";
    let accept = "/api/candidates/cnd_0123456789abcdef0123456789abcdef/accept";
    vec![
        (Method::GET, "/api/me", None),
        (Method::GET, "/api/audit", None),
        (Method::GET, "/api/prompts", None),
        (Method::GET, "/api/prompts?query=x", None),
        (Method::POST, "/api/prompts", Some(new)),
        (Method::GET, "/api/prompts/poem", None),
        (Method::PUT, "/api/prompts/poem", Some(json!({ "expected_version": 1 }))),
        (Method::DELETE, "/api/prompts/poem", None),
        (Method::POST, "/api/prompts/poem/restore", Some(json!({}))),
        (Method::GET, "/api/prompts/poem/versions", None),
        (Method::POST, "/api/prompts/poem/render", Some(json!({}))),
        (Method::GET, "/api/tags", None),
        (Method::GET, "/api/clients", None),
        (Method::GET, "/api/trash", None),
        (Method::DELETE, "/api/trash", None),
        (Method::GET, "/api/export", None),
        (Method::GET, "/api/candidates", None),
        (Method::POST, "/api/candidates", Some(json!({ "candidates": [candidate] }))),
        (Method::POST, accept, Some(json!({}))),
        (Method::DELETE, at_candidate, None),
        (Method::DELETE, "/api/account", Some(json!({ "confirm": "erase" }))),
    ]
}

fn assert_hides_cause(answer: &TestResponse) {
    let body = String::from_utf8_lossy(&answer.body);
    for inside in ["hunter2", "/var/lib", "panicked", "src/"] {
        assert!(!body.contains(inside), "{body}");
    }
}

async fn check(failure: Failure, status: u16, word: &str, retry_after: &str) {
    let app = app(failure);
    for (method, path, body) in requests() {
        let answer = app.call(method.clone(), path, &[], body).await;
        let problem = assert_problem(&answer, status, word);
        assert_eq!(answer.header("retry-after"), retry_after, "{method} {path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(problem["request_id"], answer.header("x-request-id"));
        assert_hides_cause(&answer);
    }
}

/// Imports one prompt into a store that fails.
async fn import(app: &TestApp) -> TestResponse {
    let request = Request::post("/api/import").header("content-type", "text/markdown");
    app.send(request.body(Body::from("Review.")).unwrap()).await
}

#[tokio::test]
async fn an_import_is_refused_as_a_whole_if_the_store_fails_at_once() {
    let cases = [
        (Failure::Busy, 503, "busy"),
        (Failure::Unavailable, 503, "unavailable"),
        (Failure::Internal, 500, "internal"),
        (Failure::Panic, 500, "internal"),
    ];
    for (failure, status, word) in cases {
        let answer = import(&app(failure)).await;
        assert_problem(&answer, status, word);
        assert_hides_cause(&answer);
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_has_a_longer_deadline_than_other_requests() {
    let started = tokio::time::Instant::now();
    assert_problem(&import(&app(Failure::Hang)).await, 504, "timeout");
    assert!(started.elapsed() > Duration::from_mins(2));
}

#[tokio::test]
async fn a_busy_store_is_a_503_with_retry_after() {
    check(Failure::Busy, 503, "busy", "1").await;
}

#[tokio::test]
async fn an_unavailable_store_is_a_503_without_the_cause() {
    check(Failure::Unavailable, 503, "unavailable", "1").await;
}

#[tokio::test]
async fn a_fault_of_the_store_stays_inside() {
    check(Failure::Internal, 500, "internal", "").await;
}

#[tokio::test]
async fn a_panic_is_a_500_for_that_request_alone() {
    check(Failure::Panic, 500, "internal", "").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_given_up() {
    check(Failure::Hang, 504, "timeout", "").await;
}

/// Calls every tool that needs the store, and expects `message` as the result of each.
async fn check_tools(failure: Failure, message: &str) {
    let app = app(failure);
    let content = "Write release notes for users from these changes: {{changes}}";
    let candidate = json!({ "title": "Notes", "content": content, "why": "Used twice." });
    for (tool, arguments) in [
        ("get_prompt", json!({ "name": "poem" })),
        ("get_prompt", json!({ "query": "poem" })),
        ("list_prompts", json!({})),
        ("save_prompt", json!({ "name": "poem", "content": "x" })),
        ("save_prompt", json!({ "name": "poem", "content": "x", "expected_version": 1 })),
        ("harvest_session", json!({ "candidates": [candidate] })),
        ("delete_prompt", json!({ "name": "poem" })),
    ] {
        let result = app.tool(tool, arguments).await;
        assert_eq!(TestApp::mistake(&result), message, "{tool}");
    }
}

/// Calls every other MCP method that needs the store, and expects the JSON-RPC error `message` of
/// each.
async fn check_catalog(failure: Failure, message: &str) {
    let app = app(failure);
    let complete = json!({
        "ref": { "type": "ref/resource", "uri": "promptdb://prompts/{name}" },
        "argument": { "name": "name", "value": "po" },
    });
    for (method, params) in [
        ("prompts/list", json!({})),
        ("prompts/get", json!({ "name": "poem" })),
        ("resources/list", json!({})),
        ("resources/read", json!({ "uri": "promptdb://prompts/poem" })),
        ("completion/complete", complete),
    ] {
        let answer = app.rpc(method, params).await;
        assert_eq!(answer["error"]["code"], -32603, "{method}: {answer}");
        assert_eq!(answer["error"]["message"], message, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_failure_reaches_the_model_and_its_cause_does_not() {
    let internal = "something went wrong on the server; quote the request id when you report it";
    for (failure, message) in [
        (Failure::Busy, "the library is busy; try again in a moment"),
        (
            Failure::Unavailable,
            "the library is unavailable and nothing was changed; try again later",
        ),
        (Failure::Internal, internal),
        (Failure::Panic, internal),
        (Failure::Hang, "the request took too long and was cancelled; try again"),
    ] {
        check_tools(failure, message).await;
        check_catalog(failure, message).await;
    }
}

/// An app on a Convex deployment whose port refuses connections.
async fn app_without_deployment() -> TestApp {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let wait = Duration::from_secs(5);
    let client = ConvexClient::new(
        http_client(wait).unwrap(),
        &url.parse().unwrap(),
        "a key of at least thirty-two characters".to_owned().into(),
    );
    TestApp::builder().store(Arc::new(ConvexStore::new(client, 16, wait))).build()
}

#[tokio::test]
async fn no_answer_names_a_deployment_that_cannot_be_reached() {
    let app = app_without_deployment().await;
    let answer = app.get("/api/prompts").await;
    let problem = assert_problem(&answer, 503, "unavailable");
    assert_eq!(
        problem["detail"],
        "the library is unavailable and nothing was changed; try again later"
    );
    let tool = app.tool("list_prompts", json!({})).await;
    let prompts = app.rpc("prompts/list", json!({})).await;
    for text in [
        String::from_utf8_lossy(&answer.body).into_owned(),
        TestApp::mistake(&tool).to_owned(),
        prompts["error"].to_string(),
        String::from_utf8_lossy(&app.get("/health/ready").await.body).into_owned(),
    ] {
        for inside in ["refused", "os error", "tcp", "127.0.0.1", "Convex", "http"] {
            assert!(!text.contains(inside), "{inside}: {text}");
        }
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_malformed_without_the_cause() {
    let app = TestApp::new();
    for path in ["/api/prompts", "/api/import", "/mcp"] {
        let broken =
            stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other(SECRET))]);
        let request = Request::post(path).header("content-type", "application/json");
        let answer = app.send(request.body(Body::from_stream(broken)).unwrap()).await;
        assert_problem(&answer, 400, "malformed");
        assert_hides_cause(&answer);
    }
}

#[tokio::test]
async fn health_names_the_layer_that_fails_while_the_process_lives() {
    for failure in [Failure::Busy, Failure::Unavailable, Failure::Internal] {
        let app = app(failure);
        assert_eq!(app.get("/health").await.status.as_u16(), 200);
        let answer = app.get("/health/ready").await;
        assert_eq!(answer.status.as_u16(), 503);
        let layer = &answer.json()["layers"][0];
        assert_eq!((&layer["name"], &layer["status"]), (&json!("store"), &json!("failed")));
        assert_hides_cause(&answer);
        let result = app.tool("health_check", json!({})).await;
        assert_eq!(TestApp::structured(&result), &json!({ "status": "degraded" }));
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_is_alive_but_not_ready() {
    let app = TestApp::new();
    assert_eq!(app.get("/health/ready").await.json()["status"], "ready");
    app.state.shutdown().cancel();
    let answer = app.get("/health/ready").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (503, &json!("draining")));
    assert_eq!(app.get("/health").await.status.as_u16(), 200);
}
