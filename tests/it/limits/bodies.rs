//! Bodies that are too long or stall, on every route that reads one.

use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use futures_util::{FutureExt, StreamExt, stream};

use crate::auth::World;
use crate::mcp::sessions::Session;
use crate::prompts::assert_problem;
use crate::router;
use crate::stores::{FailingStore, Failure};
use crate::support::TestApp;
use promptdb::domain::Clock;
use promptdb::http::extract::{BODY_MAX_BYTES, SIGNED_BODY_MAX_BYTES};
use promptdb::rest::transfer::IMPORT_MAX_BYTES;

/// The routes that read a body, except the import, which has its own limits, and the webhook, which
/// exists only with sign-in.
const ROUTES: [(Method, &str); 7] = [
    (Method::POST, "/api/prompts"),
    (Method::PUT, "/api/prompts/poem"),
    (Method::POST, "/api/prompts/poem/restore"),
    (Method::POST, "/api/prompts/poem/render"),
    (Method::POST, "/api/candidates"),
    (Method::POST, "/api/candidates/cnd_0123456789abcdef0123456789abcdef/accept"),
    (Method::POST, "/mcp"),
];

/// An app whose store panics: a request that reaches it gets a status that no test here expects.
fn app() -> TestApp {
    let store = Arc::new(FailingStore(Failure::Panic));
    TestApp::builder().store(store).build()
}

/// A body that stalls after its first byte.
pub(super) fn stalled() -> Body {
    let begun = stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
    Body::from_stream(begun.chain(stream::pending()))
}

/// Size of a chunk of [`endless`] in bytes, and the number of chunks of a gigabyte.
const CHUNK_BYTES: usize = 1 << 16;
const CHUNKS: usize = 1 << 14;

/// A gigabyte without a content length; counts the chunks that are read.
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

/// Sends a body to every route that reads one, and asserts the problem.
async fn check(body: impl Fn() -> Body, status: u16, kind: &str) {
    let app = app();
    for (method, path) in ROUTES {
        assert_problem(&app.send(json(&method, path, body())).await, status, kind);
    }
    let session = Session::open(&app).await;
    assert_problem(&app.send(json(&Method::POST, &session.path, body())).await, status, kind);

    let world = World::with_limits(|_| {}).await;
    assert_problem(&world.app.send(webhook(&world, body())).await, status, kind);
}

/// A webhook with a signature that is well formed and fresh, as anybody can write one.
pub(super) fn webhook(world: &World, body: Body) -> Request<Body> {
    let mut request = json(&Method::POST, "/webhooks/workos", body);
    let signature = format!("t={}, v1={}", world.clock.now().as_millis(), "0f".repeat(32));
    request.headers_mut().insert("workos-signature", signature.parse().unwrap());
    request
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_times_out_on_every_route() {
    check(stalled, 408, "body-timeout").await;
}

#[tokio::test]
async fn reading_of_a_body_stops_at_its_limit_on_every_route() {
    let read = Arc::default();
    check(|| endless(&read), 413, "body-too-large").await;
    // The first chunk above the limit shows that a body is too long.
    let most = (BODY_MAX_BYTES / CHUNK_BYTES + 1) * (ROUTES.len() + 2);
    assert!(read.load(Ordering::Relaxed) <= most, "{read:?} chunks");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_pauses_for_ten_seconds_times_out() {
    let app = app();
    let mut import = app.send(json(&Method::POST, "/api/import", stalled())).boxed();
    assert!(import.as_mut().now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(import.as_mut().now_or_never().is_none());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_problem(&import.await, 408, "body-timeout");
}

#[tokio::test(start_paused = true)]
async fn an_upload_without_such_a_pause_times_out_after_two_minutes() {
    let app = app();
    let chunk = || Bytes::from_static(b"{");
    let drops = stream::unfold((), move |()| async move {
        tokio::time::sleep(Duration::from_secs(8)).await;
        Some((Ok::<_, Infallible>(chunk()), ()))
    });
    let import = json(&Method::POST, "/api/import", Body::from_stream(drops));
    let mut import = app.send(import).boxed();
    for second in 0..120 {
        assert!(import.as_mut().now_or_never().is_none(), "after {second} s");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_problem(&import.await, 408, "body-timeout");
}

#[tokio::test]
async fn reading_of_an_upload_stops_at_its_limit() {
    let read = Arc::default();
    let import = json(&Method::POST, "/api/import", endless(&read));
    assert_problem(&app().send(import).await, 413, "body-too-large");
    assert!(read.load(Ordering::Relaxed) < CHUNKS / 2, "{read:?} chunks");
}

#[tokio::test]
async fn a_declared_length_over_the_limit_is_refused_at_once_on_every_route() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    // The first use of a token fetches keys.
    assert_eq!(
        world.app.call(Method::GET, "/api/me", &[("authorization", &token)], None).await.status,
        200
    );
    let elsewhere = ("/nothing", Method::PUT, 404);
    for (path, method, _) in router::ROUTES.iter().chain([&elsewhere]) {
        let limit = match *path {
            "/api/import" => IMPORT_MAX_BYTES,
            "/webhooks/workos" => SIGNED_BODY_MAX_BYTES,
            _ => BODY_MAX_BYTES,
        };
        let send = |length: usize| {
            let mut request = json(method, &path.replace(['{', '}', '*'], ""), stalled());
            request.headers_mut().insert("authorization", token.parse().unwrap());
            request.headers_mut().insert("content-length", length.into());
            world.app.send(request)
        };
        let answer = send(limit + 1).now_or_never().unwrap_or_else(|| panic!("{path} waits"));
        let problem = assert_problem(&answer, 413, "body-too-large");
        assert!(problem["detail"].as_str().unwrap().contains(&limit.to_string()), "{path}");
        if ["/api/import", "/webhooks/workos", "/api/prompts"].contains(path) {
            let within = send(limit).now_or_never();
            assert!(within.is_none_or(|answer| answer.status != 413), "{path}");
        }
    }
}

#[tokio::test]
async fn a_webhook_without_a_good_signature_header_is_refused_before_its_body() {
    let world = World::new().await;
    let now = world.clock.now().as_millis();
    let code = "0f".repeat(32);
    for signature in [
        None,
        Some(String::new()),
        Some(format!("t={now}")),
        Some(format!("t={}, v1={code}", now - 301_000)),
        Some(format!("t={now}, v1={}", &code[2..])),
    ] {
        let read = Arc::default();
        let mut request = webhook(&world, endless(&read));
        request.headers_mut().remove("workos-signature");
        if let Some(signature) = signature {
            request.headers_mut().insert("workos-signature", signature.parse().unwrap());
        }
        let answer = world.app.send(request).now_or_never().expect("an answer at once");
        assert_problem(&answer, 400, "malformed");
        assert_eq!(read.load(Ordering::Relaxed), 0);
    }
}

#[tokio::test]
async fn a_webhook_has_at_most_64_kib() {
    let world = World::new().await;
    for (length, status, kind) in
        [(64 * 1024, 400, "malformed"), (64 * 1024 + 1, 413, "body-too-large")]
    {
        let body = Body::from(vec![b' '; length]);
        assert_problem(&world.app.send(webhook(&world, body)).await, status, kind);
    }
}

#[tokio::test(start_paused = true)]
async fn stalled_webhooks_count_against_their_address_which_is_then_refused_unread() {
    let world = World::with_limits(|limits| limits.rate_per_minute = NonZeroU32::new(2)).await;
    for _ in 0..2 {
        let answer = world.app.send(webhook(&world, stalled())).await;
        assert_problem(&answer, 408, "body-timeout");
    }
    let read = Arc::default();
    let answer = world.app.send(webhook(&world, endless(&read))).now_or_never().unwrap();
    assert_problem(&answer, 429, "rate-limited");
    assert_eq!(read.load(Ordering::Relaxed), 0);
}
