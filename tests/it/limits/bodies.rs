//! Bodies that are too long or do not come, on every route that reads one.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use futures_util::{FutureExt, StreamExt, stream};

use crate::auth::World;
use crate::failures::{FailingStore, Failure};
use crate::mcp::sessions::Session;
use crate::prompts::refused;
use crate::support::TestApp;

/// Every route that reads a body, but for the import, whose limits are its own, and the webhook,
/// which is there only where people sign in.
const ROUTES: [(Method, &str); 7] = [
    (Method::POST, "/api/prompts"),
    (Method::PUT, "/api/prompts/poem"),
    (Method::POST, "/api/prompts/poem/restore"),
    (Method::POST, "/api/prompts/poem/render"),
    (Method::POST, "/api/candidates"),
    (Method::POST, "/api/candidates/cnd_0123456789abcdef0123456789abcdef/accept"),
    (Method::POST, "/mcp"),
];

/// Whoever comes as far as the store gets an answer that no test here expects.
fn app() -> TestApp {
    let store = Arc::new(FailingStore(Failure::Panic));
    TestApp::builder().store(store).request_timeout(Duration::from_millis(20)).build()
}

/// A body that begins, and does not go on.
fn stalled() -> Body {
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
    Body::from_stream(begun.chain(stream::pending()))
}

/// A body without a length that goes on for a gigabyte.
fn endless() -> Body {
    let chunk = Bytes::from(vec![b' '; 1 << 16]);
    Body::from_stream(stream::iter((0..1 << 14).map(move |_| Ok::<_, Infallible>(chunk.clone()))))
}

fn json(method: &Method, path: &str, body: Body) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.header("content-type", "application/json").body(body).unwrap()
}

async fn check(body: fn() -> Body, status: u16, kind: &str) {
    let began = Instant::now();
    let app = app();
    for (method, path) in ROUTES {
        refused(&app.send(json(&method, path, body())).await, status, kind);
    }
    let session = Session::open(&app).await;
    refused(&app.send(json(&Method::POST, &session.path, body())).await, status, kind);

    let timeout = Duration::from_millis(20);
    let world = World::limited(|limits| limits.request_timeout = timeout).await;
    let request = json(&Method::POST, "/webhooks/workos", body());
    refused(&world.app.send(request).await, status, kind);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_on_every_route() {
    check(stalled, 504, "timeout").await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read_to_its_end_on_any_route() {
    check(endless, 413, "body-too-large").await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_does_not_come_is_given_up_after_two_minutes() {
    let app = app();
    let mut import = app.send(json(&Method::POST, "/api/import", stalled())).boxed();
    assert!(import.as_mut().now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(119)).await;
    assert!(import.as_mut().now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(2)).await;
    refused(&import.await, 504, "timeout");
}

#[tokio::test]
async fn an_upload_that_is_too_long_is_not_read_to_its_end() {
    refused(
        &app().send(json(&Method::POST, "/api/import", endless())).await,
        413,
        "body-too-large",
    );
}
