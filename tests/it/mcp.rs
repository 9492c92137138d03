//! The MCP front door, message by message.

mod apps;
pub(crate) mod batches;
mod candidates;
mod history;
mod lenient;
mod openai_search;
mod protocol;
mod readings;
pub(crate) mod refusals;
mod schemas;
pub(crate) mod sessions;
mod skills;
mod tools;
mod ways;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::{TestApp, TestResponse};

/// The revisions with a handshake.
pub(crate) const HANDSHAKES: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
/// The revision without one.
pub(crate) const STATELESS: &str = "2026-07-28";

/// A JSON-RPC request.
fn request(method: &str, params: Value) -> Value {
    let mut message = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
    message["params"] = params;
    message
}

/// Sends a message as a client of `revision` does after the handshake.
async fn send_as(app: &TestApp, revision: &str, message: Value) -> TestResponse {
    let headers =
        [("accept", "application/json, text/event-stream"), ("mcp-protocol-version", revision)];
    // Revisions before 2025-06-18 have no such header.
    let headers = if revision < "2025-06-18" { &headers[..1] } else { &headers };
    app.call(Method::POST, "/mcp", headers, Some(message)).await
}

/// The headers of a request of 2026-07-28, and the request with its metadata.
fn stateless(method: &str, mut params: Value) -> (Vec<(&'static str, String)>, Value) {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": STATELESS,
        "io.modelcontextprotocol/clientInfo": { "name": "some-chat", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let mut headers = vec![
        ("accept", "application/json, text/event-stream".to_owned()),
        ("mcp-protocol-version", STATELESS.to_owned()),
        ("mcp-method", method.to_owned()),
    ];
    // The header `Mcp-Name` is the tool's or prompt's name, or the resource's URI (SEP-2243).
    if let Some(name) = params["name"].as_str().or(params["uri"].as_str()) {
        headers.push(("mcp-name", name.to_owned()));
    }
    (headers, request(method, params))
}

async fn send_stateless(app: &TestApp, method: &str, params: Value) -> TestResponse {
    let (headers, message) = stateless(method, params);
    send_with(app, &headers, message).await
}

async fn send_with(
    app: &TestApp,
    headers: &[(&'static str, String)],
    message: Value,
) -> TestResponse {
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    app.call(Method::POST, "/mcp", &headers, Some(message)).await
}

/// Asserts a JSON-RPC error, and returns its message.
#[track_caller]
fn error_of(answer: &TestResponse, status: u16, code: i64) -> String {
    let json = answer.json();
    assert_eq!(answer.status.as_u16(), status, "{json}");
    assert_eq!(json["error"]["code"], code, "{json}");
    assert_eq!(json["jsonrpc"], "2.0");
    json["error"]["message"].as_str().unwrap().to_owned()
}
