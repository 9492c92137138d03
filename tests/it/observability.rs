//! The line that each request leaves in the log.

use std::cell::RefCell;
use std::io::Write;
use std::sync::{Arc, Once};

use axum::http::Method;
use futures_util::FutureExt;
use serde_json::{Value, json};
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::auth::World;
use crate::stores::{FailingStore, Failure};
use crate::support::TestApp;

thread_local! {
    /// What this thread logs, once somebody wants to know.
    static LOG: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The log of this thread, on which the whole of a test without further threads runs.
struct Log;

impl Log {
    /// Collects from now on. One subscriber serves all tests, for the library remembers across
    /// threads whether a line is of interest to anybody.
    fn collect() {
        static SUBSCRIBED: Once = Once::new();
        SUBSCRIBED.call_once(|| {
            let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
            let ours = Targets::new()
                .with_target("promptdb::telemetry", Level::INFO)
                .with_target("promptdb::auth", Level::WARN);
            let layer = layer.with_writer(|| Log).with_filter(ours);
            tracing_subscriber::registry().with(layer).init();
        });
        LOG.set(Some(Vec::new()));
    }

    /// The texts of the warnings since the last look.
    fn warnings() -> Vec<String> {
        let text = String::from_utf8(LOG.replace(Some(Vec::new())).unwrap()).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let warnings = lines.filter(|line| line["level"] == "WARN");
        warnings.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// The lines since the last look, without the times and ids in them.
    #[track_caller]
    fn lines() -> Vec<Value> {
        let text = LOG.replace(Some(Vec::new())).unwrap();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let line = |line: &[u8]| {
            let mut line: Value = serde_json::from_slice(line).unwrap();
            let fields = line.as_object_mut().unwrap();
            for field in ["timestamp", "level", "target"] {
                assert!(fields.remove(field).is_some(), "{field} is missing");
            }
            assert!(fields.remove("duration_us").unwrap().is_u64());
            assert_eq!(fields.remove("request_id").unwrap().as_str().unwrap().len(), 32);
            line
        };
        lines.map(line).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow_mut(|log| log.as_mut().map_or(Ok(bytes.len()), |log| log.write(bytes)))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The line of a message to `/mcp` by the local user.
fn mcp_line(status: u16, method: &str, tool: Option<&str>, outcome: &str) -> Value {
    let mut line = json!({ "message": "request", "method": "POST", "route": "/mcp",
        "status": status, "user": "local", "mcp_method": method, "mcp_outcome": outcome });
    if let Some(tool) = tool {
        line["mcp_tool"] = tool.into();
    }
    line
}

#[tokio::test]
async fn a_request_over_rest_is_one_line_with_its_route_and_user() {
    Log::collect();
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "x" })).await;
    app.get("/api/prompts/poem?version=9").await;
    app.get("/health").await;
    app.get("/hunter2").await;
    app.call(Method::from_bytes(b"HUNTER2").unwrap(), "/api/me", &[], None).await;
    let line = |method: &str, route: &str, status: u16, user: Option<&str>| {
        let mut line = json!({ "message": "request", "method": method, "route": route,
            "status": status });
        if let Some(user) = user {
            line["user"] = user.into();
        }
        line
    };
    let local = Some("local");
    let expected = [
        line("POST", "/api/prompts", 201, local),
        line("GET", "/api/prompts/{prompt}", 404, local),
        line("GET", "/health", 200, None),
        line("GET", "-", 404, None),
        line("other", "/api/me", 405, local),
    ];
    assert_eq!(Log::lines(), expected);
}

/// WorkOS no longer has a user who was deleted there a moment ago: that is no fault of it.
#[tokio::test]
async fn a_user_whom_workos_does_not_have_has_no_profile_and_causes_no_warning() {
    Log::collect();
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let me = browser.get(&world.app, "/api/me").await;
    assert_eq!(me.status.as_u16(), 200);
    assert_eq!((me.json().get("name"), me.json().get("email")), (None, None));
    assert_eq!(world.workos.profile_fetches(), 1);
    assert_eq!(Log::warnings(), [""; 0]);

    // An answer that cannot be read is one.
    world.workos.set(|directory| {
        directory.profiles.insert("user_bob".to_owned(), json!(["not a user"]));
    });
    let mut other = world.sign_in_browser("user_bob").await;
    assert_eq!(other.get(&world.app, "/api/me").await.status.as_u16(), 200);
    assert_eq!(Log::warnings(), ["the profile of a user cannot be fetched"]);
}

#[tokio::test]
async fn a_message_to_mcp_says_what_it_asked_for_on_either_way_and_how_it_ended() {
    Log::collect();
    let app = TestApp::new();
    let call = |name: &str, arguments: Value| json!({ "name": name, "arguments": arguments });
    for (method, params, tool, outcome) in [
        ("tools/call", call("health_check", json!({})), Some("health_check"), "ok"),
        (
            "tools/call",
            call("get_prompt", json!({ "name": "x" })),
            Some("get_prompt"),
            "tool_error",
        ),
        ("tools/call", call("hunter2", json!({})), Some("other"), "protocol_error"),
        // These are rmcp's to answer: parameters of another shape, and all other methods.
        (
            "tools/call",
            json!({ "name": "get_prompt", "arguments": 7 }),
            Some("get_prompt"),
            "protocol_error",
        ),
        ("tools/call", json!({}), Some("other"), "protocol_error"),
        ("tools/list", json!({}), None, "ok"),
        ("prompts/get", json!({ "name": "hunter2" }), None, "protocol_error"),
    ] {
        app.rpc(method, params).await;
        assert_eq!(Log::lines(), [mcp_line(200, method, tool, outcome)]);
    }
    app.rpc("hunter2", json!({})).await;
    assert_eq!(Log::lines(), [mcp_line(200, "other", None, "protocol_error")]);
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    app.post("/mcp", initialized).await;
    assert_eq!(Log::lines(), [mcp_line(202, "notifications/initialized", None, "accepted")]);
    app.post("/mcp", json!([])).await;
    let expected = json!({ "message": "request", "method": "POST", "route": "/mcp", "status": 400,
        "user": "local" });
    assert_eq!(Log::lines(), [expected], "nobody knows what it asks for");
}

#[tokio::test]
async fn every_tool_of_the_list_is_logged_by_its_name_on_both_ways() {
    Log::collect();
    let app = TestApp::new();
    let listed = app.rpc("tools/list", json!({})).await;
    Log::lines();
    for tool in listed["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        // Without arguments some calls fail; the name is logged all the same.
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": name, "arguments": {} } });
        let headers = [("mcp-protocol-version", "2025-11-25"); 2];
        // A call with a repeated header takes rmcp's way.
        for headers in [&headers[..1], &headers] {
            app.call(Method::POST, "/mcp", headers, Some(message.clone())).await;
            let lines = Log::lines();
            assert_eq!(lines.len(), 1, "{name}");
            assert_eq!(lines[0]["mcp_tool"], name);
        }
    }
}

#[tokio::test]
async fn a_call_that_rmcp_answers_with_a_result_of_a_tool_is_judged_by_it() {
    Log::collect();
    let app = TestApp::new();
    // A header that names no revision makes the call rmcp's.
    for (version, status, outcome) in
        [("2025-11-25", 200, "tool_error"), ("1999-01-01", 400, "protocol_error")]
    {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "get_prompt", "arguments": { "name": "x" } } });
        let headers = [("mcp-protocol-version", version), ("mcp-protocol-version", version)];
        let headers = &headers[usize::from(status == 400)..];
        app.call(Method::POST, "/mcp", headers, Some(message)).await;
        assert_eq!(Log::lines(), [mcp_line(status, "tools/call", Some("get_prompt"), outcome)]);
    }
}

#[tokio::test]
async fn the_user_is_the_one_who_signed_in() {
    let world = World::new().await;
    Log::collect();
    world.call_with_token(Method::GET, "/api/me", &world.workos.oauth_token("ada")).await;
    world.call_with_token(Method::GET, "/api/me", "hunter2").await;
    world.tool(&world.workos.oauth_token("bob"), "health_check", json!({})).await;
    world.app.get("/auth/login").await;
    let users: Vec<Value> = Log::lines().iter().map(|line| line["user"].clone()).collect();
    assert_eq!(users, [json!("ada"), Value::Null, json!("bob"), Value::Null]);
}

#[tokio::test]
async fn a_request_whose_client_goes_away_leaves_a_line_too() {
    Log::collect();
    let store = Arc::new(FailingStore(Failure::Hang));
    let app = TestApp::builder().store(store).build();
    let call = json!({ "name": "get_prompt", "arguments": { "name": "poem" } });
    let mut waiting = Box::pin(app.rpc("tools/call", call));
    assert!(waiting.as_mut().now_or_never().is_none());
    drop(waiting);
    assert_eq!(Log::lines(), [mcp_line(499, "tools/call", Some("get_prompt"), "abandoned")]);
}
