//! What requests hold: places and memory, in all, by address and by user.

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use futures_util::stream::{self, StreamExt};
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::json;

use super::bodies::webhook;
use crate::auth::World;
use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

/// A body of which so many bytes arrive, and the rest never does.
fn unfinished(bytes: usize) -> Body {
    let begun = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(vec![b'x'; bytes]))]);
    Body::from_stream(begun.chain(stream::pending()))
}

/// Sends a request as far as it goes at once. Returns the answer, or the request that waits.
fn send_now(
    app: &TestApp,
    request: Request<Body>,
) -> Result<TestResponse, BoxFuture<'_, TestResponse>> {
    let mut sending = app.send(request).boxed();
    sending.as_mut().now_or_never().ok_or(sending)
}

/// Sends requests until one is answered. Returns those that wait, and the answer.
fn send_until_answered(
    app: &TestApp,
    request: impl Fn() -> Request<Body>,
) -> (Vec<BoxFuture<'_, TestResponse>>, TestResponse) {
    let mut waiting = Vec::new();
    loop {
        match send_now(app, request()) {
            Ok(answer) => return (waiting, answer),
            Err(request) => waiting.push(request),
        }
        assert!(waiting.len() < 10_000, "nothing bounds the requests that wait");
    }
}

fn webhook_from(world: &World, network: u8, bytes: usize) -> Request<Body> {
    let mut request = webhook(world, unfinished(bytes));
    let peer = std::net::SocketAddr::from(([192, 0, network, 7], 50_000));
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

fn save(token: &str, body: Body) -> Request<Body> {
    let request = Request::post("/api/prompts").header("content-type", "application/json");
    request.header("authorization", format!("Bearer {token}")).body(body).unwrap()
}

fn prompt(name: &str, bytes: usize) -> Body {
    Body::from(json!({ "name": name, "content": "x".repeat(bytes) }).to_string())
}

/// The tokens of two users, which the server knows already.
async fn two_tokens(world: &World) -> [String; 2] {
    let tokens = ["user_ann", "user_bob"].map(|user| world.workos.oauth_token(user));
    for token in &tokens {
        assert_eq!(world.call_with_token(Method::GET, "/api/me", token).await.status, 200);
    }
    tokens
}

#[tokio::test]
async fn unfinished_webhooks_hold_1_mib_of_an_address_and_4_mib_in_all() {
    let world = World::new().await;
    let [ann, _] = two_tokens(&world).await;
    let mut held = Vec::new();
    // 1 MiB, then a quarter of what is free, so that no number of networks takes everything.
    for (network, expected) in (1..).zip([16, 12, 9, 6, 5]) {
        let send = || webhook_from(&world, network, 40 * 1024);
        let (waiting, answer) = send_until_answered(&world.app, send);
        assert_problem(&answer, 503, "overloaded");
        // Each holds a buffer of 64 KiB.
        assert_eq!(waiting.len(), expected, "network {network}");
        held.extend(waiting);
    }
    let answer = world.app.send(save(&ann, prompt("long", 60_000))).await;
    assert_eq!(answer.status, 201, "users have the rest");
    held.truncate(16);
    let again = send_now(&world.app, webhook_from(&world, 4, 40 * 1024));
    assert!(again.is_err(), "what is dropped is free again");
}

#[tokio::test]
async fn a_quarter_of_the_places_is_for_requests_without_a_user() {
    let world = World::with_limits(|limits| limits.concurrent_requests = 128).await;
    let [ann, _] = two_tokens(&world).await;
    let mut held = Vec::new();
    for network in 1..=9 {
        let send = || webhook_from(&world, network, 1);
        let (waiting, answer) = send_until_answered(&world.app, send);
        assert_problem(&answer, 503, "overloaded");
        assert_eq!(waiting.len(), if network <= 8 { 4 } else { 0 }, "network {network}");
        held.extend(waiting);
    }
    assert_problem(&world.app.get("/auth/login").await, 503, "overloaded");
    assert_problem(&world.app.get("/api/me").await, 503, "overloaded");
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &ann).await.status, 200);
    assert_eq!(world.app.get("/health").await.status, 200);
    drop(held);
    assert_eq!(world.app.get("/auth/login").await.status, 303);
}

#[tokio::test]
async fn unfinished_bodies_hold_4_mib_of_a_user() {
    let world = World::new().await;
    let [ann, bob] = two_tokens(&world).await;
    let send = || save(&ann, unfinished(200 * 1024));
    let (held, answer) = send_until_answered(&world.app, send);
    assert_problem(&answer, 503, "overloaded");
    assert_eq!(held.len(), 16, "each holds a buffer of 256 KiB");
    assert_eq!(world.app.send(save(&ann, prompt("small", 5000))).await.status, 201);
    assert_eq!(world.app.send(save(&bob, prompt("long", 60_000))).await.status, 201);
    drop(held);
    assert_eq!(world.app.send(save(&ann, prompt("long", 60_000))).await.status, 201);
}

#[tokio::test]
async fn answers_that_are_not_read_hold_4_mib_of_a_user() {
    let app = TestApp::new();
    app.create(json!({ "name": "long", "content": "x".repeat(65_000) })).await;
    app.create(json!({ "name": "small", "content": "x" })).await;
    let open = async |name: &str| {
        let request = Request::get(format!("/api/prompts/{name}")).body(Body::empty()).unwrap();
        app.open(request).await
    };
    let mut unread = Vec::new();
    let refused = loop {
        let answer = open("long").await;
        if answer.status() != 200 {
            break answer;
        }
        unread.push(answer);
        assert!(unread.len() <= 64, "nothing bounds the answers that are not read");
    };
    assert_eq!((refused.status().as_u16(), unread.len()), (503, 64));
    assert_eq!(open("small").await.status(), 200);
    unread.pop();
    assert_eq!(open("long").await.status(), 200);
}

/// A body that arrives in single bytes, each in a buffer of its own.
#[tokio::test]
async fn a_body_of_single_bytes_is_read_like_any_other() {
    let app = TestApp::new();
    let text = json!({ "name": "drops", "content": "x".repeat(20_000) }).to_string();
    let bytes = text.into_bytes().into_iter().map(|byte| {
        let mut buffer = Vec::with_capacity(8 * 1024);
        buffer.push(byte);
        Ok::<_, std::convert::Infallible>(Bytes::from(buffer))
    });
    let request = Request::post("/api/prompts").header("content-type", "application/json");
    let answer = app.send(request.body(Body::from_stream(stream::iter(bytes))).unwrap()).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn half_of_the_places_is_for_requests_whose_credential_is_not_verified() {
    let world = World::with_limits(|limits| limits.concurrent_requests = 16).await;
    let ann = world.workos.web_token("user_ann", "session_1");
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &ann).await.status, 200);
    // The keys of the other issuer are not fetched yet.
    let new = format!("Bearer {}", world.workos.oauth_token("user_cyd"));
    let send = || {
        let request = Request::get("/api/me").header("authorization", &new);
        request.body(Body::empty()).unwrap()
    };
    let (waiting, answer) = send_until_answered(&world.app, send);
    assert_problem(&answer, 503, "overloaded");
    assert_eq!(waiting.len(), 8);
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &ann).await.status, 200);
    drop(waiting);
    assert_eq!(world.app.send(send()).await.status, 200);
}
