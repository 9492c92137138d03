//! What the legacy transport knows of a client between its messages, and where its stream is.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Uri};
use http_body_util::BodyExt;
use promptdb::config::MachineId;
use serde_json::{Value, json};

use super::request;
use crate::prompts::assert_problem;
use crate::support::TestApp;

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

    /// The data of the next event; `None` at the end of the stream.
    async fn event(&mut self) -> Option<String> {
        let frame = self.events.frame().await?.unwrap().into_data().unwrap();
        let text = String::from_utf8(frame.to_vec()).unwrap();
        Some(text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned())
    }

    async fn message(&mut self) -> Value {
        serde_json::from_str(&self.event().await.unwrap()).unwrap()
    }

    async fn send(&self, message: Value) {
        let answer = self.app.post(&self.path, message).await;
        assert_eq!(answer.status.as_u16(), 202, "{:?}", answer.body);
    }

    /// Shakes hands, and returns the revision that the server chose.
    async fn greet(&mut self, revision: &str) -> String {
        let client = json!({ "name": "old-editor", "version": "1" });
        let params =
            json!({ "protocolVersion": revision, "capabilities": {}, "clientInfo": client });
        self.send(request("initialize", params)).await;
        let hello = self.message().await;
        self.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        hello["result"]["protocolVersion"].as_str().unwrap().to_owned()
    }

    async fn save(&mut self, name: &str) {
        let arguments = json!({ "name": name, "content": "Something to keep" });
        let params = json!({ "name": "save_prompt", "arguments": arguments });
        self.send(request("tools/call", params)).await;
    }
}

#[tokio::test]
async fn the_name_of_the_handshake_stands_in_every_write_of_the_stream() {
    let app = TestApp::new();
    let mut session = Session::open(&app).await;
    session.greet("2024-11-05").await;
    session.save("kept").await;
    assert_eq!(app.get("/api/prompts/kept").await.json()["source"], "old-editor");
}

#[tokio::test]
async fn a_stream_takes_every_revision_that_has_a_handshake_and_none_after() {
    let app = TestApp::new();
    for revision in super::HANDSHAKES {
        assert_eq!(Session::open(&app).await.greet(revision).await, revision);
    }
    let mut session = Session::open(&app).await;
    assert_eq!(session.greet(super::STATELESS).await, "2025-11-25");
    let (_, message) = super::stateless("tools/list", json!({}));
    session.send(message).await;
    let answer = session.message().await;
    assert!(answer["error"]["code"].is_i64(), "{answer}");
}

#[tokio::test]
async fn whoever_shook_hands_hears_of_each_change_of_the_library_and_nobody_else_does() {
    let app = TestApp::new();
    let mut told = Session::open(&app).await;
    told.greet("2025-11-25").await;
    let mut stranger = Session::open(&app).await;
    app.create(json!({ "name": "news", "content": "Something new" })).await;
    for expected in ["notifications/prompts/list_changed", "notifications/resources/list_changed"] {
        assert_eq!(told.message().await["method"], expected);
    }
    stranger.send(request("ping", json!({}))).await;
    assert_eq!(stranger.message().await["id"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_closes_when_half_an_hour_has_passed_since_its_last_message() {
    let app = TestApp::new();
    let mut session = Session::open(&app).await;
    tokio::time::advance(Duration::from_mins(29)).await;
    session.send(request("ping", json!({}))).await;
    let mut lasted = tokio::time::Instant::now();
    session.message().await;
    while let Some(frame) = session.events.frame().await {
        // Comments keep it open for proxies until then.
        assert_eq!(frame.unwrap().into_data().unwrap().as_ref(), b":\n\n");
        assert!(lasted.elapsed() < Duration::from_mins(31));
    }
    lasted += Duration::from_mins(30);
    assert!(tokio::time::Instant::now() >= lasted);
    let answer = app.post(&session.path, request("ping", json!({}))).await;
    assert_eq!(answer.status.as_u16(), 404);
}

#[tokio::test]
async fn what_a_stream_took_before_the_end_is_answered_and_nothing_is_taken_after() {
    let app = TestApp::new();
    let mut session = Session::open(&app).await;
    session.greet("2025-11-25").await;
    session.save("kept").await;
    app.state.shutdown().cancel();
    let mut said = Vec::new();
    while let Some(event) = session.event().await {
        said.push(serde_json::from_str::<Value>(&event).unwrap());
    }
    let answer = said.iter().find(|message| message["id"] == 1);
    assert_eq!(answer.unwrap()["result"]["isError"], false, "{said:?}");
    let ping = app.post(&session.path, request("ping", json!({}))).await;
    assert_eq!(ping.status.as_u16(), 404);
}

/// An app on a machine of Fly.io.
fn on_machine(id: &str) -> TestApp {
    let machine = MachineId::parse(id);
    assert!(machine.is_some());
    TestApp::builder().limits(|limits| limits.fly_machine = machine).build()
}

/// Where the proxy is told to send a message, by its path; every message here finds no stream.
async fn sent_on(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> String {
    let answer = app.call(Method::POST, path, headers, Some(request("ping", json!({})))).await;
    assert_problem(&answer, 404, "not-found");
    answer.header("fly-replay").to_owned()
}

#[tokio::test]
async fn a_message_for_a_stream_of_another_machine_is_sent_on_once() {
    let (one, other) = (on_machine("148ed599c14189"), on_machine("3d8d7949b12089"));
    let session = Session::open(&one).await;
    assert!(session.path.contains("=148ed599c14189-"), "{}", session.path);
    assert_eq!(one.post(&session.path, request("ping", json!({}))).await.status.as_u16(), 202);
    assert_eq!(sent_on(&other, &session.path, &[]).await, "prefer_instance=148ed599c14189");
    // The proxy tells the second machine that it was the second one.
    let again = [("fly-replay-src", "instance=3d8d7949b12089;region=iad;t=1")];
    assert_eq!(sent_on(&other, &session.path, &again).await, "");

    let gone = session.path.clone();
    drop(session);
    assert_eq!(sent_on(&one, &gone, &[]).await, "", "it would come back to where it is");
}

#[tokio::test]
async fn nobody_makes_the_proxy_do_anything_else() {
    let app = on_machine("3d8d7949b12089");
    let name = "0".repeat(32);
    for machine in
        ["", "A1", "a.b", "a;app=other", "a%3Bapp%3Dother", "a%0d%0ax-evil:%201", "%22", "a,b", "é"]
    {
        let path = format!("/messages?sessionId={machine}-{name}");
        let Ok(uri) = path.parse::<Uri>() else { continue };
        assert_eq!(sent_on(&app, &uri.to_string(), &[]).await, "", "{machine}");
    }
    let elsewhere = TestApp::new();
    assert!(!Session::open(&elsewhere).await.path.contains('-'));
    let path = format!("/messages?sessionId=148ed599c14189-{name}");
    assert_eq!(sent_on(&elsewhere, &path, &[]).await, "", "there is no such proxy");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_nobody_reads_closes_in_time_as_well() {
    let app = TestApp::new();
    let session = Session::open(&app).await;
    tokio::time::advance(Duration::from_mins(31)).await;
    tokio::task::yield_now().await;
    let answer = app.post(&session.path, request("ping", json!({}))).await;
    assert_eq!(answer.status.as_u16(), 404);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_kept_only_so_much() {
    let timeout = Duration::from_millis(300);
    let app = TestApp::builder().request_timeout(timeout).build();
    app.create(json!({ "name": "long", "content": "x".repeat(60_000) })).await;
    let session = Session::open(&app).await;
    let call = json!({ "name": "get_prompt", "arguments": { "name": "long" } });
    let mut kept = 0;
    while app.post(&session.path, request("tools/call", call.clone())).await.status == 202 {
        kept += 1;
        assert!(kept < 16, "each answer has 180 KB");
    }
    assert!(kept > 2, "{kept}");
}

#[tokio::test]
async fn one_user_leaves_streams_for_others() {
    let app = TestApp::new();
    let mut open = Vec::new();
    for _ in 0..1024 {
        open.push(Session::open(&app).await);
    }
    assert_problem(&app.get("/sse").await, 503, "busy");
}

#[tokio::test]
async fn an_answer_is_not_answered() {
    let app = TestApp::new();
    let mut session = Session::open(&app).await;
    session.send(json!({ "jsonrpc": "2.0", "id": 9, "result": {} })).await;
    session.send(request("ping", json!({}))).await;
    assert_eq!(session.message().await["id"], 1);
}

#[tokio::test]
async fn whoever_still_asks_when_the_end_has_begun_gets_an_answer() {
    let app = TestApp::new();
    app.state.shutdown().cancel();
    for method in ["prompts/list", "tools/list", "resources/list"] {
        let answer = app.rpc(method, json!({})).await;
        assert!(answer["result"].is_object(), "{method}: {answer}");
    }
}
