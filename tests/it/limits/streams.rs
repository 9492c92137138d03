//! Open streams of events: how many a user may have, and how long.

use axum::body::Body;
use axum::http::{Method, Request, Response};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::auth::World;
use crate::support::TestApp;

/// Opens a stream of one of the two transports.
async fn open(app: &TestApp, path: &str, token: Option<&str>) -> Response<Body> {
    let mut request = Request::builder().uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = if path == "/mcp" {
        request = request
            .method(Method::POST)
            .header("content-type", "application/json")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "subscriptions/listen");
        let params = json!({
            "notifications": { "promptsListChanged": true },
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
            "params": params });
        Body::from(message.to_string())
    } else {
        Body::empty()
    };
    app.open(request.body(body).unwrap()).await
}

/// Opens streams of both transports in turns until one is refused.
async fn open_all(app: &TestApp, token: Option<&str>) -> (Vec<Body>, Response<Body>) {
    let mut streams = Vec::new();
    for path in ["/sse", "/mcp"].into_iter().cycle() {
        let response = open(app, path, token).await;
        if response.status() != 200 {
            return (streams, response);
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        streams.push(response.into_body());
        assert!(streams.len() <= 64, "nothing bounds the streams of a user");
    }
    unreachable!("the paths repeat without end")
}

async fn problem(response: Response<Body>) -> Value {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn a_user_has_16_streams_over_both_transports() {
    let world = World::new().await;
    let [ann, bob] = ["user_ann", "user_bob"].map(|user| world.workos.oauth_token(user));
    let (mut streams, refused) = open_all(&world.app, Some(&ann)).await;
    assert_eq!((streams.len(), refused.status().as_u16()), (16, 429));
    let problem = problem(refused).await;
    assert_eq!(problem["type"], "urn:promptdb:problem:too-many-streams");
    assert!(problem["detail"].as_str().unwrap().contains("close one"), "{problem}");
    for path in ["/sse", "/mcp"] {
        assert_eq!(open(&world.app, path, Some(&bob)).await.status(), 200, "{path}");
        streams.pop();
        assert_eq!(open(&world.app, path, Some(&ann)).await.status(), 200, "{path}");
    }
    let me = world.call_with_token(Method::GET, "/api/me", &ann).await;
    assert_eq!(me.status, 200);
}

#[tokio::test]
async fn the_local_user_has_64_streams() {
    let app = TestApp::new();
    let (streams, refused) = open_all(&app, None).await;
    assert_eq!((streams.len(), refused.status().as_u16()), (64, 429));
}

/// Reads a stream to its end. Comments keep it alive.
async fn read_to_end(stream: Response<Body>) {
    assert_eq!(stream.status(), 200);
    let mut stream = stream.into_body();
    while stream.frame().await.is_some() {}
}

#[tokio::test]
async fn a_stream_ends_when_its_token_expires() {
    let world = World::new().await;
    let token = world.workos.oauth_token_for("user_ann", 300);
    let stream = open(&world.app, "/sse", Some(&token)).await;
    // Not before, for the server fetches keys over a socket.
    tokio::time::pause();
    let began = Instant::now();
    read_to_end(stream).await;
    let lasted = began.elapsed().as_secs();
    // The clocks of issuer and server may differ by 30 s.
    assert!((329..331).contains(&lasted), "{lasted} s");
}

/// The comments of this transport follow the system's clock, so that its time cannot be paused.
#[tokio::test]
async fn a_subscription_ends_when_its_token_expires() {
    let world = World::new().await;
    // Within the leeway it is accepted for one second more.
    let token = world.workos.oauth_token_for("user_ann", -29);
    let stream = open(&world.app, "/mcp", Some(&token)).await;
    assert_eq!(stream.status(), 200);
    read_to_end(stream).await;
}
