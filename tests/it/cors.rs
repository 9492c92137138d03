//! `ALLOWED_ORIGINS`: the pages that may call `/mcp`, and nothing else.

use std::num::NonZeroU32;

use axum::http::{HeaderMap, Method, StatusCode};
use promptdb::config::{Limits, SignIn};
use serde_json::{Value, json};

use crate::auth::World;
use crate::support::TestResponse;

const PAGE: &str = "https://chat.example";
const ORIGIN: (&str, &str) = ("origin", PAGE);

fn allow(settings: &mut SignIn) {
    settings.allowed_origins = vec![PAGE.to_owned(), "https://other.example:8443".to_owned()];
}

async fn world() -> World {
    World::with_settings(allow).await
}

/// The headers of CORS in a response.
fn cors_headers(headers: &HeaderMap) -> Vec<&str> {
    let names = headers.keys().map(axum::http::HeaderName::as_str);
    names.filter(|name| name.starts_with("access-control-")).collect()
}

/// Asserts that the page may read the response, and no other.
#[track_caller]
fn assert_shared(answer: &TestResponse, status: u16) {
    assert_eq!(answer.status.as_u16(), status);
    assert_eq!(answer.header("access-control-allow-origin"), PAGE);
    assert_eq!(answer.headers.get_all("access-control-allow-origin").iter().count(), 1);
    assert!(answer.headers.get_all("vary").iter().any(|value| value == "origin"));
    let exposed = answer.header("access-control-expose-headers");
    assert!(exposed.split(", ").any(|name| name == "www-authenticate"), "{exposed}");
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
}

async fn send(
    world: &World,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> TestResponse {
    world.app.call(method, path, headers, body).await
}

fn ping() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })
}

const PREFLIGHT: [(&str, &str); 3] = [
    ORIGIN,
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization, content-type, mcp-method, mcp-name"),
];

#[tokio::test]
async fn a_preflight_of_an_allowed_page_needs_no_token() {
    let world = world().await;
    assert_shared(&send(&world, Method::OPTIONS, "/mcp/", &PREFLIGHT, None).await, 204);
    let answer = send(&world, Method::OPTIONS, "/mcp", &PREFLIGHT, None).await;
    assert_shared(&answer, 204);
    assert!(answer.body.is_empty());
    assert_eq!(answer.header("access-control-allow-methods"), "GET, POST, DELETE");
    assert_eq!(
        answer.header("access-control-allow-headers"),
        "authorization, content-type, accept, mcp-protocol-version, mcp-session-id, \
         last-event-id, mcp-method, mcp-name"
    );
    assert_eq!(answer.header("access-control-max-age"), "7200");
    assert_eq!(answer.header("x-request-id").len(), 32);

    let no_preflight = send(&world, Method::OPTIONS, "/mcp", &[ORIGIN], None).await;
    assert_shared(&no_preflight, 401);
}

#[tokio::test]
async fn an_allowed_page_calls_with_a_token_and_reads_every_answer() {
    let world = world().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let good = [ORIGIN, ("authorization", &*token), ("sec-fetch-site", "cross-site")];
    let answer = send(&world, Method::POST, "/mcp", &good, Some(ping())).await;
    assert_shared(&answer, 200);
    assert_eq!(answer.json()["result"], json!({}));
    assert_shared(&send(&world, Method::POST, "/mcp/", &good, Some(ping())).await, 200);

    let answer = send(&world, Method::POST, "/mcp", &[ORIGIN], Some(ping())).await;
    assert_shared(&answer, 401);
    assert!(answer.header("www-authenticate").starts_with("Bearer resource_metadata="));
    let bad = [ORIGIN, ("authorization", "Bearer x")];
    assert_shared(&send(&world, Method::POST, "/mcp", &bad, Some(ping())).await, 401);
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        assert_shared(&send(&world, method, "/mcp", &good, None).await, 405);
    }
    let long = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping", "x": "x".repeat(300 * 1024) });
    assert_shared(&send(&world, Method::POST, "/mcp", &good, Some(long)).await, 413);
    let in_url = "/mcp?access_token=x";
    assert_shared(&send(&world, Method::POST, in_url, &[ORIGIN], Some(ping())).await, 400);
}

#[tokio::test]
async fn an_allowed_page_reads_the_refusals_of_a_busy_server() {
    let busy = |limits: &mut Limits| limits.concurrent_requests = 0;
    let world = World::with_settings_and_limits(allow, busy).await;
    assert_shared(&send(&world, Method::POST, "/mcp", &[ORIGIN], Some(ping())).await, 503);
    assert_shared(&send(&world, Method::OPTIONS, "/mcp", &PREFLIGHT, None).await, 503);

    let hasty = |limits: &mut Limits| limits.rate_per_minute = NonZeroU32::new(1);
    let world = World::with_settings_and_limits(allow, hasty).await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let good = [ORIGIN, ("authorization", &*token)];
    assert_shared(&send(&world, Method::POST, "/mcp", &good, Some(ping())).await, 200);
    let answer = send(&world, Method::POST, "/mcp", &good, Some(ping())).await;
    assert_shared(&answer, 429);
    assert!(answer.header("access-control-expose-headers").contains("retry-after"));
}

#[tokio::test]
async fn preflights_are_limited_by_address() {
    let few = |limits: &mut Limits| limits.rate_per_minute = NonZeroU32::new(3);
    let world = World::with_settings_and_limits(allow, few).await;
    for _ in 0..3 {
        assert_shared(&send(&world, Method::OPTIONS, "/mcp", &PREFLIGHT, None).await, 204);
    }
    assert_shared(&send(&world, Method::OPTIONS, "/mcp", &PREFLIGHT, None).await, 429);
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let good = [ORIGIN, ("authorization", &*token)];
    assert_shared(&send(&world, Method::POST, "/mcp", &good, Some(ping())).await, 200);
}

#[tokio::test]
async fn every_other_origin_stays_refused() {
    let world = world().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    for origin in [
        "https://evil.example",
        "http://chat.example",
        "https://chat.example:8443",
        "https://chat.example.evil.example",
        "https://evil.example/https://chat.example",
        "https://sub.chat.example",
        "https://chat.example/",
        "https://user@chat.example",
        "https://chat.example@evil.example",
        "https://CHAT.example",
        "https://chat.example:443",
        "https://other.example",
        "https://chat.example https://chat.example",
        "null",
        "*",
        "",
    ] {
        let headers = [("origin", origin), ("authorization", &*token), PREFLIGHT[1]];
        for method in [Method::POST, Method::GET, Method::OPTIONS] {
            let answer = send(&world, method.clone(), "/mcp", &headers, None).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {origin}");
            assert_eq!(cors_headers(&answer.headers), [""; 0], "{method} {origin}");
        }
    }
    let two = [ORIGIN, ("origin", "https://evil.example"), ("authorization", &*token)];
    let answer = send(&world, Method::POST, "/mcp", &two, Some(ping())).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(cors_headers(&answer.headers), [""; 0]);
    let foreign_host = [ORIGIN, ("authorization", &*token), ("host", "evil.example")];
    let answer = send(&world, Method::POST, "/mcp", &foreign_host, Some(ping())).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_allowed_page_calls_no_other_route_and_sends_no_cookie() {
    let world = world().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    for path in ["/api/me", "/api/prompts", "/sse", "/messages", "/auth/login", "/health", "/x"] {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let headers = [PREFLIGHT[0], PREFLIGHT[1], ("authorization", &*token)];
            let answer = send(&world, method.clone(), path, &headers, None).await;
            assert_eq!(cors_headers(&answer.headers), [""; 0], "{method} {path}");
            let by_cookie = browser.send(&world.app, method, path, &PREFLIGHT, None).await;
            assert_eq!(cors_headers(&by_cookie.headers), [""; 0], "{path} by cookie");
        }
    }
    for path in ["/sse", "/messages"] {
        let headers = [ORIGIN, ("authorization", &*token)];
        let answer = send(&world, Method::POST, path, &headers, None).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let answer = browser.send(&world.app, Method::POST, "/mcp", &[ORIGIN], Some(ping())).await;
    assert_shared(&answer, 401);
    let write = Some(json!({ "content": "x" }));
    let answer = browser.send(&world.app, Method::POST, "/api/prompts", &[ORIGIN], write).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn by_default_no_page_is_allowed() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let headers = [PREFLIGHT[0], PREFLIGHT[1], ("authorization", &*token)];
    for method in [Method::POST, Method::OPTIONS] {
        let answer = send(&world, method, "/mcp", &headers, None).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(cors_headers(&answer.headers), [""; 0]);
    }
}
