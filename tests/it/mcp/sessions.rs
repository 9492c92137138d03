//! What the legacy transport knows of a client between its messages.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::request;
use crate::support::TestApp;

/// An open stream, and the path for its messages.
struct Session<'a> {
    app: &'a TestApp,
    events: Body,
    path: String,
}

impl<'a> Session<'a> {
    async fn open(app: &'a TestApp) -> Self {
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
