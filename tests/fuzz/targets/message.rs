//! What comes to `/mcp` is told apart as serde and rmcp would, and the direct way of a plain call
//! answers what rmcp's own transport answers.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use promptdb::mcp::Endpoint;
use promptdb::domain::identity::{Client, Principal};
use rmcp::handler::server::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientJsonRpcMessage, ContentBlock,
    ErrorData, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// Answers with what it was called with.
#[derive(Clone)]
struct Echo;

impl ServerHandler for Echo {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let schema = json!({ "type": "object" });
        let schema = schema.as_object().unwrap().clone();
        (name == "echo").then(|| Tool::new("echo", "Says it again.", Arc::new(schema)))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if request.name != "echo" {
            return Err(ErrorData::invalid_params("there is no such tool", None));
        }
        let said = serde_json::to_string(&request.arguments).unwrap();
        Ok(CallToolResult::success(vec![ContentBlock::text(said)]).into())
    }
}

fn is_json_text(body: &[u8]) -> bool {
    serde_json::from_slice::<Value>(body).is_ok()
}

struct World {
    runtime: Runtime,
    direct: Endpoint<Echo>,
    by_rmcp: Endpoint<Echo>,
    principal: Arc<Principal>,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (direct, by_rmcp) = {
        let _inside = runtime.enter();
        let timeout = Duration::from_secs(5);
        let direct = Endpoint::for_handler(Echo, timeout, |tool| tool == "echo");
        (direct, Endpoint::for_handler(Echo, timeout, |_| false))
    };
    let principal = Arc::new(Principal::local(Client::named("fuzz")));
    World { runtime, direct, by_rmcp, principal }
});

/// The values of the headers that MCP has, and the body. On a line each: the revision, the method
/// and the name; then the body. An empty line is a header that is not there.
fn parse(input: &[u8]) -> Option<([Option<HeaderValue>; 3], &[u8])> {
    let mut rest = input;
    let mut values = [const { None }; 3];
    for value in &mut values {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = &rest[..end];
        *value = if line.is_empty() { None } else { Some(HeaderValue::from_bytes(line).ok()?) };
        rest = &rest[end + 1..];
    }
    Some((values, rest))
}

/// Status, media type and body of an answer; of a stream, which may have no end, only its head.
async fn ask(
    endpoint: &Endpoint<Echo>,
    headers: &[Option<HeaderValue>; 3],
    body: &[u8],
) -> (StatusCode, String, Value) {
    let mut request = Request::post("/mcp")
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::HOST, "localhost")
        .extension(Arc::clone(&WORLD.principal));
    let names = ["mcp-protocol-version", "mcp-method", "mcp-name"];
    for (name, value) in names.iter().zip(headers) {
        if let Some(value) = value {
            request = request.header(*name, value);
        }
    }
    let request = request.body(Body::from(body.to_vec())).unwrap();
    let response = endpoint.serve(request).await.expect("the body is whole and says its type");
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    let kind = kind.map_or("", |kind| kind.to_str().unwrap()).to_owned();
    if kind.starts_with("text/event-stream") {
        return (status, kind, Value::Null);
    }
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let said = serde_json::from_slice(&body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body).into_owned()));
    (status, kind, said)
}

fuzz_target!(|input: &[u8]| {
    let Some((headers, body)) = parse(input) else { return };
    let world = &*WORLD;
    let (direct, by_rmcp) = world.runtime.block_on(async {
        (ask(&world.direct, &headers, body).await, ask(&world.by_rmcp, &headers, body).await)
    });
    // Where nobody reads it, the direct way passes over a number that no double holds, or depths
    // that rmcp does not follow: JSON all the same (RFC 8259, sections 6 and 9).
    let is_beyond_rmcp = || {
        let is_parse_error = by_rmcp.2["error"]["code"] == -32700;
        let text = std::str::from_utf8(body).unwrap_or_default();
        is_parse_error && serde_json::from_str::<IgnoredAny>(text).is_ok()
    };
    if direct != by_rmcp {
        assert!(is_beyond_rmcp(), "the two ways differ: {direct:?} {by_rmcp:?}");
        return;
    }
    let (status, kind, said) = direct;
    assert!(!status.is_server_error(), "{status} {said}");

    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let is_batch = body.trim_ascii_start().starts_with(b"[");
    if is_batch && status.is_success() || status == StatusCode::OK && !is_json_text(body) {
        // A batch, taken without an answer if it holds no request; or an answer that names a field
        // with half of a character.
        return;
    }
    let code = &said["error"]["code"];
    let is_json = is_json_text(body);
    let is_message = body.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<ClientJsonRpcMessage>(body).is_ok();
    if !is_json {
        // Half of a character is no JSON to serde, and the rest of the message is judged without it.
        let may_have_half = body.windows(2).any(|pair| pair == b"\\u") || body.contains(&0xED);
        let is_expected = code == -32700 || may_have_half && code == -32600;
        assert!(status == StatusCode::BAD_REQUEST && is_expected, "{status} {said}");
    } else if !is_message {
        assert_eq!((status.as_u16(), code), (400, &json!(-32600)), "{said}");
    } else {
        assert_ne!(code, &json!(-32700), "{said}");
    }
    if kind == "application/json" {
        assert_eq!(said["jsonrpc"], "2.0", "{status} {said}");
    } else {
        // A stream, a message that is taken, and what rmcp refuses in plain text.
        let is_known = kind == "text/event-stream" || [202, 400].contains(&status.as_u16());
        assert!(is_known, "{status} {kind} {said}");
    }
});
