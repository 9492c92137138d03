//! Bodies that are too long or do not come, on every route that reads one.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use futures_util::{FutureExt, StreamExt, stream};

use crate::auth::World;
use crate::failures::{FailingStore, Failure};
use crate::mcp::sessions::Session;
use crate::prompts::refused;
use crate::support::TestApp;
use promptdb::http::extract::BODY_MAX_BYTES;

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
    TestApp::builder().store(store).build()
}

/// A body that begins, and does not go on.
fn stalled() -> Body {
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
    Body::from_stream(begun.chain(stream::pending()))
}

/// Bytes of a chunk of [`endless`], and the number of chunks of a gigabyte.
const CHUNK_BYTES: usize = 1 << 16;
const CHUNKS: usize = 1 << 14;

/// A body without a length that goes on for a gigabyte; counts the chunks that are read.
fn endless(read: &Arc<AtomicUsize>) -> Body {
    let (read, chunk) = (Arc::clone(read), Bytes::from(vec![b' '; CHUNK_BYTES]));
    Body::from_stream(stream::iter((0..CHUNKS).map(move |_| {
        read.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(chunk.clone())
    })))
}

fn json(method: &Method, path: &str, body: Body) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.header("content-type", "application/json").body(body).unwrap()
}

/// Sends the body to every route that reads one.
async fn check(body: impl Fn() -> Body, status: u16, kind: &str) {
    let app = app();
    for (method, path) in ROUTES {
        refused(&app.send(json(&method, path, body())).await, status, kind);
    }
    let session = Session::open(&app).await;
    refused(&app.send(json(&Method::POST, &session.path, body())).await, status, kind);

    let world = World::limited(|_| {}).await;
    let request = json(&Method::POST, "/webhooks/workos", body());
    refused(&world.app.send(request).await, status, kind);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_times_out_on_every_route() {
    check(stalled, 504, "timeout").await;
}

#[tokio::test]
async fn reading_of_a_body_stops_at_its_limit_on_every_route() {
    let read = Arc::default();
    check(|| endless(&read), 413, "body-too-large").await;
    // One chunk beyond the limit shows that a body is too long.
    let most = (BODY_MAX_BYTES / CHUNK_BYTES + 1) * (ROUTES.len() + 2);
    assert!(read.load(Ordering::Relaxed) <= most, "{read:?} chunks");
}

#[tokio::test(start_paused = true)]
async fn a_stalled_upload_times_out_after_two_minutes() {
    let app = app();
    let mut import = app.send(json(&Method::POST, "/api/import", stalled())).boxed();
    assert!(import.as_mut().now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(119)).await;
    assert!(import.as_mut().now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(2)).await;
    refused(&import.await, 504, "timeout");
}

#[tokio::test]
async fn reading_of_an_upload_stops_at_its_limit() {
    let read = Arc::default();
    let import = json(&Method::POST, "/api/import", endless(&read));
    refused(&app().send(import).await, 413, "body-too-large");
    assert!(read.load(Ordering::Relaxed) < CHUNKS / 2, "{read:?} chunks");
}
