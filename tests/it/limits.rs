//! Limits: requests in flight, and requests per minute of users and addresses.

mod bodies;
mod held;
mod streams;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use promptdb::config::Limits;
use serde_json::{Value, json};

use crate::auth::World;
use crate::auth::webhooks::deliver;
use crate::prompts::assert_problem;
use crate::stores::{FailingStore, Failure};
use crate::support::{TestApp, TestResponse};

/// Sets the rate limit.
fn rate_per_minute(per_minute: u32) -> impl FnOnce(&mut Limits) {
    move |limits| limits.rate_per_minute = NonZeroU32::new(per_minute)
}

/// The `RateLimit-*` headers of a response: limit, remaining requests, and seconds until reset.
fn rate_limit_headers(answer: &TestResponse) -> [&str; 3] {
    ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"].map(|name| answer.header(name))
}

/// Asserts a refusal by the rate limit.
#[track_caller]
pub(crate) fn assert_rate_limited(answer: &TestResponse, retry_after: &str) {
    let problem = assert_problem(answer, 429, "rate-limited");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(problem["request_id"], answer.header("x-request-id"));
    assert!(problem["detail"].as_str().unwrap().contains(retry_after), "{problem}");
    assert_eq!(answer.header("retry-after"), retry_after);
    assert_eq!(rate_limit_headers(answer)[1..], ["0", retry_after]);
}

/// Sends a request from an address, which the server adds to the extensions.
async fn send_from(
    address: &str,
    app: &TestApp,
    path: &str,
    headers: &[(&str, &str)],
) -> TestResponse {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let peer = SocketAddr::new(address.parse().unwrap(), 50_000);
    app.send(request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_user_above_the_rate_limit_is_refused_until_retry_after() {
    let world = World::with_limits(rate_per_minute(3)).await;
    let (ada, bob) = (world.workos.oauth_token("ada"), world.workos.oauth_token("bob"));
    for (remaining, reset) in [("2", "20"), ("1", "40"), ("0", "60")] {
        let answer = world.call_with_token(Method::GET, "/api/me", &ada).await;
        assert_eq!(answer.status.as_u16(), 200);
        assert_eq!(rate_limit_headers(&answer), ["3", remaining, reset]);
        assert_eq!(answer.header("retry-after"), "");
    }
    assert_rate_limited(&world.call_with_token(Method::GET, "/api/me", &ada).await, "20");
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &bob).await.status.as_u16(), 200);

    world.clock.advance_seconds(19);
    assert_rate_limited(&world.call_with_token(Method::GET, "/api/me", &ada).await, "1");
    world.clock.advance_seconds(1);
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &ada).await.status.as_u16(), 200);
    assert_rate_limited(&world.call_with_token(Method::GET, "/api/me", &ada).await, "20");
    world.clock.advance_seconds(600);
    let answer = world.call_with_token(Method::GET, "/api/me", &ada).await;
    assert_eq!(
        rate_limit_headers(&answer),
        ["3", "2", "20"],
        "unused requests do not accumulate above the limit"
    );
}

#[tokio::test]
async fn rest_and_mcp_share_one_limit_and_one_refusal() {
    let world = World::with_limits(rate_per_minute(2)).await;
    let ada = world.workos.oauth_token("ada");
    let authorization = format!("Bearer {ada}");
    let headers = [("authorization", authorization.as_str())];
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "health_check", "arguments": {} } });
    let answer = world.app.call(Method::POST, "/mcp", &headers, Some(call.clone())).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(rate_limit_headers(&answer), ["2", "1", "30"]);
    assert_eq!(world.call_with_token(Method::GET, "/api/prompts", &ada).await.status.as_u16(), 200);
    assert_rate_limited(&world.app.call(Method::POST, "/mcp", &headers, Some(call)).await, "30");
    assert_rate_limited(&world.call_with_token(Method::GET, "/sse", &ada).await, "30");
    assert_rate_limited(&world.call_with_token(Method::GET, "/api/nothing", &ada).await, "30");
}

#[tokio::test]
async fn the_local_user_has_a_limit_only_if_it_is_set() {
    let free = TestApp::new();
    for _ in 0..200 {
        let answer = free.get("/api/me").await;
        assert_eq!((answer.status.as_u16(), rate_limit_headers(&answer)), (200, ["", "", ""]));
    }
    let app = TestApp::builder().limits(rate_per_minute(2)).build();
    assert_eq!(rate_limit_headers(&app.get("/api/me").await), ["2", "1", "30"]);
    assert_eq!(app.get("/api/openapi.json").await.status.as_u16(), 200);
    assert_rate_limited(&app.get("/api/me").await, "30");
    app.clock.advance_seconds(30);
    assert_eq!(app.get("/api/me").await.status.as_u16(), 200);
}

#[tokio::test]
async fn invalid_credentials_count_against_their_address_but_not_against_its_valid_users() {
    let world = World::with_limits(rate_per_minute(3)).await;
    let ada = format!("Bearer {}", world.workos.oauth_token("ada"));
    let (good, bad) = ([("authorization", ada.as_str())], [("authorization", "Bearer guess")]);
    let guess = |address: &'static str| send_from(address, &world.app, "/api/me", &bad);
    for _ in 0..3 {
        assert_problem(&guess("192.0.2.1").await, 401, "unauthorized");
    }
    assert_rate_limited(&guess("192.0.2.1").await, "20");
    assert_rate_limited(&send_from("192.0.2.1", &world.app, "/mcp", &[]).await, "20");
    assert_problem(&guess("192.0.2.2").await, 401, "unauthorized");
    let neighbour = send_from("192.0.2.1", &world.app, "/api/me", &good).await;
    assert_eq!(neighbour.status.as_u16(), 200);
    assert_eq!(
        rate_limit_headers(&neighbour),
        ["3", "2", "20"],
        "failures of the address do not count against the user"
    );
    world.clock.advance_seconds(20);
    assert_problem(&guess("192.0.2.1").await, 401, "unauthorized");
}

#[tokio::test]
async fn routes_without_a_caller_are_limited_by_address() {
    let metadata = "/.well-known/oauth-protected-resource/mcp";
    for path in [metadata, "/auth/login", "/auth/callback", "/auth/popup", "/nothing"] {
        let world = World::with_limits(rate_per_minute(2)).await;
        let send = |address: &'static str| send_from(address, &world.app, path, &[]);
        for remaining in ["1", "0"] {
            let answer = send("2001:db8::1").await;
            assert_eq!(rate_limit_headers(&answer)[1], remaining, "{path}: {}", answer.status);
        }
        assert_rate_limited(&send("2001:db8::2").await, "30");
        assert_ne!(send("2001:db8:0:1::1").await.status.as_u16(), 429, "{path}");
    }
}

#[tokio::test]
async fn webhooks_count_only_without_a_valid_signature() {
    let world = World::with_limits(rate_per_minute(2)).await;
    let valid = async || deliver(&world, "user.created", json!({})).await.status.as_u16();
    for _ in 0..5 {
        assert_eq!(valid().await, 204);
    }
    let post = || world.app.post("/webhooks/workos", json!({ "event": "user.deleted" }));
    for _ in 0..2 {
        assert_problem(&post().await, 400, "malformed");
    }
    assert_rate_limited(&post().await, "30");
    assert_eq!(valid().await, 429, "nothing of a refused address is read");
    world.clock.advance_seconds(30);
    for _ in 0..5 {
        assert_eq!(valid().await, 204);
    }
}

#[tokio::test]
async fn requests_by_cookie_have_a_limit_of_their_own() {
    let world = World::with_limits(rate_per_minute(20)).await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let token = world.workos.oauth_token("user_ann");
    let mut polls = 0;
    while browser.get(&world.app, "/api/me").await.status.as_u16() == 200 {
        polls += 1;
        assert!(polls <= 20);
    }
    assert_rate_limited(&browser.get(&world.app, "/api/me").await, "3");
    let chat = world.call_with_token(Method::GET, "/api/me", &token).await;
    assert_eq!(rate_limit_headers(&chat), ["20", "19", "3"]);
}

#[tokio::test]
async fn the_address_from_a_proxy_counts_only_behind_fly() {
    let send_with_fly_address = async |world: &World, address: &str| {
        let headers = [("fly-client-ip", address)];
        send_from("192.0.2.1", &world.app, "/auth/login", &headers).await
    };
    let world = World::with_limits(rate_per_minute(1)).await;
    assert_eq!(send_with_fly_address(&world, "198.51.100.1").await.status.as_u16(), 303);
    assert_rate_limited(&send_with_fly_address(&world, "198.51.100.2").await, "60");

    let world = World::with_limits(|limits| {
        limits.is_behind_fly = true;
        rate_per_minute(1)(limits);
    })
    .await;
    assert_eq!(send_with_fly_address(&world, "198.51.100.1").await.status.as_u16(), 303);
    assert_rate_limited(&send_with_fly_address(&world, "198.51.100.1").await, "60");
    assert_eq!(send_with_fly_address(&world, "198.51.100.2").await.status.as_u16(), 303);
    assert_eq!(
        send_with_fly_address(&world, "no address").await.status.as_u16(),
        303,
        "the address of the peer counts"
    );
    assert_rate_limited(&send_from("192.0.2.1", &world.app, "/auth/login", &[]).await, "60");
}

#[tokio::test]
async fn health_is_never_refused() {
    let world = World::with_limits(|limits| {
        limits.concurrent_requests = 0;
        rate_per_minute(1)(limits);
    })
    .await;
    let local = TestApp::builder().limits(rate_per_minute(1)).build();
    for path in ["/health", "/health/ready"] {
        for _ in 0..5 {
            assert_eq!(world.app.get(path).await.status.as_u16(), 200, "{path}");
            assert_eq!(local.get(path).await.status.as_u16(), 200, "{path}");
        }
    }
    assert_problem(&world.app.get("/auth/login").await, 503, "overloaded");
}

fn at_most(in_flight: usize) -> impl FnOnce(&mut Limits) {
    move |limits| limits.concurrent_requests = in_flight
}

#[tokio::test]
async fn requests_above_the_maximum_in_flight_are_refused_at_once() {
    let store = Arc::new(FailingStore(Failure::Hang));
    let app = TestApp::builder().store(store).limits(at_most(2)).build();
    let call = json!({ "name": "get_prompt", "arguments": { "name": "poem" } });
    let mut rest = Box::pin(app.get("/api/prompts"));
    let mut mcp = Box::pin(app.rpc("tools/call", call));
    assert!(rest.as_mut().now_or_never().is_none() && mcp.as_mut().now_or_never().is_none());

    for path in ["/api/prompts", "/api/openapi.json", "/mcp", "/nothing"] {
        let answer = app.get(path).now_or_never().expect("an answer at once");
        assert_problem(&answer, 503, "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(app.get("/health").await.status.as_u16(), 200);

    // A client that disconnects frees its place.
    drop(rest);
    assert_eq!(app.get("/api/openapi.json").await.status.as_u16(), 200);
    drop(mcp);
    let (one, two) = tokio::join!(app.get("/api/openapi.json"), app.get("/api/openapi.json"));
    assert_eq!([one.status.as_u16(), two.status.as_u16()], [200, 200]);
}

#[tokio::test]
async fn a_request_that_panics_frees_its_place() {
    let store = Arc::new(FailingStore(Failure::Panic));
    let app = TestApp::builder().store(store).limits(at_most(1)).build();
    for _ in 0..3 {
        assert_problem(&app.get("/api/prompts").await, 500, "internal");
    }
}

#[tokio::test]
async fn a_streamed_body_holds_a_place_until_its_end_and_an_event_stream_holds_none() {
    let app = TestApp::builder().limits(at_most(1)).build();
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    let events = app.open(get("/sse")).await;
    assert_eq!(events.status().as_u16(), 200);
    assert_eq!(app.get("/api/prompts").await.status.as_u16(), 200);

    let export = app.open(get("/api/export")).await;
    assert_eq!(export.status().as_u16(), 200);
    assert_problem(&app.get("/api/prompts").await, 503, "overloaded");
    let whole = export.into_body().collect().await.unwrap().to_bytes();
    assert!(serde_json::from_slice::<Value>(&whole).is_ok());
    assert_eq!(app.get("/api/prompts").await.status.as_u16(), 200);
    drop(events);
}

/// Runs a request to its end, and returns the share of that time in which it kept the thread from
/// other requests.
async fn share_of_thread(
    app: &TestApp,
    request: impl Future<Output = TestResponse>,
) -> (TestResponse, f64) {
    let mut request = pin!(request);
    let (began, mut busy) = (Instant::now(), Duration::ZERO);
    loop {
        let polled = Instant::now();
        let answer = request.as_mut().now_or_never();
        busy += polled.elapsed();
        if let Some(answer) = answer {
            return (answer, busy.as_secs_f64() / began.elapsed().as_secs_f64());
        }
        assert_eq!(app.get("/health").await.status.as_u16(), 200);
    }
}

#[tokio::test]
async fn a_harvest_of_the_largest_size_leaves_the_thread_to_health_probes() {
    let app = TestApp::new();
    // Different words, so that every rule and every comparison has work.
    let candidates: Vec<Value> = (0..4)
        .map(|number| {
            let words: Vec<String> =
                (0..6000).map(|word| format!("w{}", word * 31 + number)).collect();
            let content = format!("Summarise {{{{text}}}}: {}", words.join(" "));
            json!({ "title": format!("Long {number}"), "content": content, "why": "It is long." })
        })
        .collect();
    let harvest = app.post("/api/candidates", json!({ "candidates": candidates }));
    let (answer, share) = share_of_thread(&app, harvest).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.json());
    assert!(share < 0.5, "the harvest held the thread for {share} of its time");
}
