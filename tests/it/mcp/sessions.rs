//! The legacy transport: the state of a client between its messages, the end of a stream, and the
//! machine that it is on.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Uri};
use http_body_util::BodyExt;
use promptdb::config::MachineId;
use promptdb::domain::identity::{Client, Principal};
use promptdb::library::{Library, SaveOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::request;
use crate::prompts::assert_problem;
use crate::support::{FixedClock, TestApp, draft, sqlite};

/// An open stream, and the path for its messages.
pub(crate) struct Session<'a> {
    app: &'a TestApp,
    events: Body,
    pub(crate) path: String,
}

impl<'a> Session<'a> {
    pub(crate) async fn open(app: &'a TestApp) -> Self {
        let request = Request::get("/sse").body(Body::empty()).unwrap();
        let mut session =
            Self { app, events: app.open(request).await.into_body(), path: String::new() };
        session.path = session.event().await.unwrap();
        session
    }

    pub(crate) fn app(&self) -> &'a TestApp {
        self.app
    }

    /// The data of the next event; `None` at the end of the stream.
    async fn event(&mut self) -> Option<String> {
        let frame = self.events.frame().await?.unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        Some(text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned())
    }

    pub(crate) async fn message(&mut self) -> Value {
        serde_json::from_str(&self.event().await.unwrap()).unwrap()
    }

    pub(crate) async fn send(&self, message: Value) {
        let answer = self.app.post(&self.path, message).await;
        assert_eq!(answer.status.as_u16(), 202, "{:?}", answer.body);
    }

    /// Initializes the session, and returns the revision that the server chose.
    pub(crate) async fn initialize(&mut self, revision: &str) -> String {
        let client = json!({ "name": "old-editor", "version": "1" });
        let params =
            json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
        self.send(request("initialize", params)).await;
        let response = self.message().await;
        self.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        response["result"]["protocolVersion"].as_str().unwrap().to_owned()
    }

    async fn save(&mut self, name: &str) {
        let arguments = json!({ "name": name, "content": "Something to keep" });
        let params = json!({ "name": "save_prompt", "arguments": arguments });
        self.send(request("tools/call", params)).await;
    }
}

#[tokio::test]
async fn the_client_of_the_handshake_is_the_source_of_what_the_stream_saves() {
    let app = TestApp::new();
    let mut session = Session::open(&app).await;
    session.initialize("2024-11-05").await;
    session.save("kept").await;
    assert_eq!(app.get("/api/prompts/kept").await.json()["source"], "old-editor");
}

#[tokio::test]
async fn a_stream_serves_every_revision_with_a_handshake_and_no_later_one() {
    let app = TestApp::new();
    for revision in super::HANDSHAKES {
        assert_eq!(Session::open(&app).await.initialize(revision).await, revision);
    }
    let mut session = Session::open(&app).await;
    assert_eq!(session.initialize(super::STATELESS).await, "2025-11-25");
    let (_, message) = super::stateless("tools/list", json!({}));
    session.send(message).await;
    let answer = session.message().await;
    assert!(answer["error"]["code"].is_i64(), "{answer}");
}

#[tokio::test]
async fn only_an_initialized_client_is_notified_of_changes_of_the_library() {
    let app = TestApp::new();
    let mut initialized = Session::open(&app).await;
    initialized.initialize("2025-11-25").await;
    let mut uninitialized = Session::open(&app).await;
    app.create(json!({ "name": "news", "content": "Something new" })).await;
    for expected in ["notifications/prompts/list_changed", "notifications/resources/list_changed"] {
        assert_eq!(initialized.message().await["method"], expected);
    }
    uninitialized.send(request("ping", json!({}))).await;
    assert_eq!(uninitialized.message().await["id"], 1);
}

#[tokio::test]
async fn a_stream_is_notified_of_what_another_process_writes_to_the_same_file() {
    let dir = TempDir::new().unwrap();
    let app = TestApp::builder().store(Arc::new(sqlite(&dir, FixedClock::new()))).build();
    let mut session = Session::open(&app).await;
    session.initialize("2025-11-25").await;
    // The watch begins once the client reads; the look after it is the one to compare with.
    session.send(request("ping", json!({}))).await;
    session.message().await;
    app.state.library().find_other_writers().await.unwrap();

    let other = Library::new(Arc::new(sqlite(&dir, FixedClock::new())), FixedClock::new());
    let caller = Principal::local(Client::named("test"));
    let draft = draft("news", "Something new");
    other.create_prompt(&caller, draft, SaveOptions::default()).await.unwrap();
    app.state.library().find_other_writers().await.unwrap();
    for expected in ["notifications/prompts/list_changed", "notifications/resources/list_changed"] {
        assert_eq!(session.message().await["method"], expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_closes_half_an_hour_after_its_last_message() {
    let app = TestApp::new();
    let mut session = Session::open(&app).await;
    tokio::time::advance(Duration::from_mins(29)).await;
    session.send(request("ping", json!({}))).await;
    let mut last_message = tokio::time::Instant::now();
    session.message().await;
    while let Some(frame) = session.events.frame().await {
        // Comments keep proxies from closing the connection until then.
        assert_eq!(frame.unwrap().into_data().unwrap().as_ref(), b":\n\n");
        assert!(last_message.elapsed() < Duration::from_mins(31));
    }
    last_message += Duration::from_mins(30);
    assert!(tokio::time::Instant::now() >= last_message);
    let answer = app.post(&session.path, request("ping", json!({}))).await;
    assert_eq!(answer.status.as_u16(), 404);
}

#[tokio::test]
async fn at_shutdown_a_stream_ends_after_the_responses_to_the_messages_it_took() {
    let app = TestApp::new();
    let mut session = Session::open(&app).await;
    session.initialize("2025-11-25").await;
    session.save("kept").await;
    app.state.shutdown().cancel();
    let mut received = Vec::new();
    while let Some(event) = session.event().await {
        received.push(serde_json::from_str::<Value>(&event).unwrap());
    }
    let answer = received.iter().find(|message| message["id"] == 1);
    assert_eq!(answer.unwrap()["result"]["isError"], false, "{received:?}");
    let ping = app.post(&session.path, request("ping", json!({}))).await;
    assert_eq!(ping.status.as_u16(), 404);
}

/// An app on a machine of Fly.io.
fn on_machine(id: &str) -> TestApp {
    let machine = MachineId::parse(id);
    assert!(machine.is_some());
    TestApp::builder().limits(|limits| limits.fly_machine = machine).build()
}

/// Sends a message to a stream that is not open here, and returns the header for the proxy.
async fn replay_target(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> String {
    let answer = app.call(Method::POST, path, headers, Some(request("ping", json!({})))).await;
    assert_problem(&answer, 404, "not-found");
    answer.header("fly-replay").to_owned()
}

#[tokio::test]
async fn a_message_for_a_stream_of_another_machine_is_replayed_there_once() {
    let (one, other) = (on_machine("148ed599c14189"), on_machine("3d8d7949b12089"));
    let session = Session::open(&one).await;
    assert!(session.path.contains("=148ed599c14189-"), "{}", session.path);
    assert_eq!(one.post(&session.path, request("ping", json!({}))).await.status.as_u16(), 202);
    assert_eq!(replay_target(&other, &session.path, &[]).await, "prefer_instance=148ed599c14189");
    // The request is a replay already, as its header says.
    let again = [("fly-replay-src", "instance=3d8d7949b12089;region=iad;t=1")];
    assert_eq!(replay_target(&other, &session.path, &again).await, "");

    let gone = session.path.clone();
    drop(session);
    assert_eq!(replay_target(&one, &gone, &[]).await, "", "the machine of the id is this one");
}

#[tokio::test]
async fn no_stream_id_injects_anything_into_the_header_for_the_proxy() {
    let app = on_machine("3d8d7949b12089");
    let name = "0".repeat(32);
    for machine in
        ["", "A1", "a.b", "a;app=other", "a%3Bapp%3Dother", "a%0d%0ax-evil:%201", "%22", "a,b", "é"]
    {
        let path = format!("/messages?sessionId={machine}-{name}");
        let Ok(uri) = path.parse::<Uri>() else { continue };
        assert_eq!(replay_target(&app, &uri.to_string(), &[]).await, "", "{machine}");
    }
    let elsewhere = TestApp::new();
    assert!(!Session::open(&elsewhere).await.path.contains('-'));
    let path = format!("/messages?sessionId=148ed599c14189-{name}");
    assert_eq!(replay_target(&elsewhere, &path, &[]).await, "", "this app is not on Fly.io");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_read_closes_when_it_is_idle_as_well() {
    let app = TestApp::new();
    let session = Session::open(&app).await;
    tokio::time::advance(Duration::from_mins(31)).await;
    tokio::task::yield_now().await;
    let answer = app.post(&session.path, request("ping", json!({}))).await;
    assert_eq!(answer.status.as_u16(), 404);
}

#[tokio::test]
async fn the_queue_of_a_client_that_does_not_read_is_bounded() {
    let timeout = Duration::from_millis(300);
    let app = TestApp::builder().request_timeout(timeout).build();
    app.create(json!({ "name": "long", "content": "x".repeat(60_000) })).await;
    let session = Session::open(&app).await;
    let call = json!({ "name": "get_prompt", "arguments": { "name": "long" } });
    let mut queued = 0;
    while app.post(&session.path, request("tools/call", call.clone())).await.status == 202 {
        queued += 1;
        assert!(queued < 16, "each response has 180 KB");
    }
    assert!(queued > 2, "{queued}");
}

#[tokio::test]
async fn a_response_gets_no_response() {
    let app = TestApp::new();
    let mut session = Session::open(&app).await;
    session.send(json!({ "jsonrpc": "2.0", "id": 9, "result": {} })).await;
    session.send(request("ping", json!({}))).await;
    assert_eq!(session.message().await["id"], 1);
}

#[tokio::test]
async fn a_request_during_shutdown_gets_its_response() {
    let app = TestApp::new();
    app.state.shutdown().cancel();
    for method in ["prompts/list", "tools/list", "resources/list"] {
        let answer = app.rpc(method, json!({})).await;
        assert!(answer["result"].is_object(), "{method}: {answer}");
    }
}
