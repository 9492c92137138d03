//! The legacy transport: a stream of answers, and messages that are sent apart from it.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use super::request;
use crate::support::TestApp;

/// An open stream, and the path for its messages.
pub(crate) struct Stream {
    events: Body,
    pub(crate) path: String,
}

impl Stream {
    pub(crate) async fn open(app: &TestApp) -> Self {
        let answer = app.open(Request::get("/sse").body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status().as_u16(), 200);
        let mut events = answer.into_body();
        let first = events.frame().await.unwrap().unwrap().into_data().unwrap();
        let first = String::from_utf8(first.to_vec()).unwrap();
        let path = first.lines().find_map(|line| line.strip_prefix("data: ")).unwrap().to_owned();
        Self { events, path }
    }

    /// Every message until the end of the stream.
    async fn rest(self) -> Vec<Value> {
        let rest = self.events.collect().await.unwrap().to_bytes();
        let rest = String::from_utf8(rest.to_vec()).unwrap();
        let data = rest.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|message| serde_json::from_str(message).unwrap()).collect()
    }
}

fn hello() -> Value {
    let params = json!({
        "protocolVersion": "2024-11-05",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    request("initialize", params)
}

#[tokio::test]
async fn what_a_stream_took_before_the_end_is_answered_and_nothing_is_taken_after() {
    let app = TestApp::new();
    let stream = Stream::open(&app).await;
    let mut call = request("tools/call", json!({ "name": "list_prompts", "arguments": {} }));
    call["id"] = json!(2);
    for message in
        [hello(), json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }), call]
    {
        assert_eq!(app.post(&stream.path, message).await.status.as_u16(), 202);
    }
    app.state.shutdown().cancel();
    let path = stream.path.clone();
    let said = stream.rest().await;
    let answered: Vec<&Value> = said.iter().map(|message| &message["id"]).collect();
    assert_eq!(answered, [&json!(1), &json!(2)], "{said:?}");
    assert_eq!(said[1]["result"]["isError"], false);
    assert_eq!(app.post(&path, hello()).await.status.as_u16(), 404);
}
