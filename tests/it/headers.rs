//! The security headers of every kind of response, and the routes that foreign origins can read.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use promptdb::config::Limits;
use serde_json::{Value, json};

use crate::auth::webhooks::deliver;
use crate::auth::{URL, World};
use crate::stores::{FailingStore, Failure};
use crate::support::TestApp;

const METADATA: [&str; 4] = [
    "/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "/.well-known/oauth-protected-resource/mcp/",
    "/.well-known/oauth-protected-resource/sse",
];

/// Asserts the security headers of a response.
#[track_caller]
fn check(what: &str, headers: &HeaderMap, strict_transport: Option<&str>) {
    let header = |name: &str| {
        let values: Vec<_> = headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect();
        assert!(values.len() < 2, "{what}: {name} occurs twice");
        values.first().copied()
    };
    let policy = header("content-security-policy").unwrap_or_else(|| panic!("{what}: no policy"));
    let mut directives = policy.split("; ");
    assert_eq!(directives.next(), Some("default-src 'none'"), "{what}");
    let is_known = |directive: &str| {
        matches!(
            directive,
            "script-src 'self'"
                | "style-src 'self'"
                | "img-src 'self' data:"
                | "connect-src 'self'"
                | "manifest-src 'self'"
                | "base-uri 'none'"
                | "form-action 'none'"
                | "form-action 'self'"
                | "frame-ancestors 'none'"
                | "require-trusted-types-for 'script'"
                | "trusted-types 'none'"
                | "upgrade-insecure-requests"
        )
    };
    assert!(directives.all(is_known), "{what}: {policy}");
    assert!(policy.contains("; frame-ancestors 'none'"), "{what}: {policy}");
    if header("content-type").is_some_and(|kind| kind.starts_with("text/html")) {
        assert!(policy.contains("; base-uri 'none'; "), "{what}: {policy}");
        assert!(policy.contains("; form-action '"), "{what}: {policy}");
    }
    for (name, expected) in [
        ("x-content-type-options", Some("nosniff")),
        ("referrer-policy", Some("no-referrer")),
        ("cross-origin-resource-policy", Some("same-origin")),
        ("strict-transport-security", strict_transport),
    ] {
        assert_eq!(header(name), expected, "{what}: {name}");
    }
    let is_stream = header("content-type") == Some("text/event-stream");
    // A page is the same for every caller.
    let is_page = header("etag").is_some() && policy.contains("script-src 'self'");
    let expected = if is_stream || is_page { "no-cache" } else { "no-store" };
    assert_eq!(header("cache-control"), Some(expected), "{what}");
    assert_eq!(header("x-request-id").map(str::len), Some(32), "{what}");
}

/// A request with its expected status, which proves that the case is of its intended kind.
struct Case {
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Value,
    status: u16,
}

fn case(method: &'static str, path: &'static str, body: Value, status: u16) -> Case {
    Case { method, path, headers: &[], body, status }
}

async fn check_all(app: &TestApp, cases: Vec<Case>, strict_transport: Option<&str>) {
    for Case { method, path, headers, body, status } in cases {
        let what = format!("{method} {path} {headers:?} {body}");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = match body {
            Value::Null => Body::empty(),
            body => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
        };
        // The body is not read: a stream has no end.
        let response = app.open(request.body(body).unwrap()).await;
        assert_eq!(response.status().as_u16(), status, "{what}");
        check(&what, response.headers(), strict_transport);
    }
}

fn call(tool: &str) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": tool, "arguments": {} } })
}

#[tokio::test]
async fn every_kind_of_response_has_the_security_headers() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "x" })).await;
    let foreign = &[("origin", "https://evil.example")];
    let mut cases = vec![
        case("GET", "/health", Value::Null, 200),
        case("HEAD", "/health", Value::Null, 200),
        case("GET", "/health/ready", Value::Null, 200),
        case("GET", "/api/openapi.json", Value::Null, 200),
        case("GET", "/", Value::Null, 200),
        case("GET", "/app/p/nothing", Value::Null, 200),
        case("HEAD", "/privacy", Value::Null, 200),
        case("GET", "/assets/nothing", Value::Null, 404),
        case("POST", "/app", Value::Null, 405),
        case("GET", "/api/me", Value::Null, 200),
        case("POST", "/api/prompts", json!({ "name": "ode", "content": "x" }), 201),
        case("POST", "/api/prompts", json!({ "name": "ode", "content": "x" }), 409),
        case("POST", "/api/prompts", json!({ "content": "" }), 422),
        case("POST", "/api/prompts", Value::Null, 415),
        case("GET", "/api/export", Value::Null, 200),
        case("GET", "/api/export?format=markdown", Value::Null, 200),
        case("GET", "/api/export?format=csv", Value::Null, 200),
        case("GET", "/nothing", Value::Null, 404),
        case("GET", "/api/prompts/nothing", Value::Null, 404),
        case("PATCH", "/api/me", Value::Null, 405),
        case("OPTIONS", "/mcp", Value::Null, 405),
        case("POST", "/mcp", call("health_check"), 200),
        case("POST", "/mcp", call("get_prompt"), 200),
        case("POST", "/mcp", json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }), 200),
        case("POST", "/mcp", json!([]), 400),
        case("GET", "/sse", Value::Null, 200),
        case("POST", "/messages?sessionId=1", call("health_check"), 404),
    ];
    cases.push(Case { headers: foreign, ..case("GET", "/api/me", Value::Null, 403) });
    check_all(&app, cases, None).await;

    let long = "x".repeat(300 * 1024);
    let app = TestApp::new();
    check_all(&app, vec![case("POST", "/api/prompts", json!({ "content": long }), 413)], None)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_has_the_security_headers() {
    let app = TestApp::builder().store(Arc::new(FailingStore(Failure::Hang))).build();
    check_all(&app, vec![case("GET", "/api/prompts", Value::Null, 504)], None).await;
}

#[tokio::test]
async fn error_responses_of_the_server_have_the_security_headers() {
    for (failure, status) in [(Failure::Panic, 500), (Failure::Internal, 500), (Failure::Busy, 503)]
    {
        let app = TestApp::builder().store(Arc::new(FailingStore(failure))).build();
        check_all(&app, vec![case("GET", "/api/prompts", Value::Null, status)], None).await;
    }
    let full = |limits: &mut Limits| limits.concurrent_requests = 0;
    let app = TestApp::builder().limits(full).build();
    let cases =
        vec![case("GET", "/nothing", Value::Null, 503), case("POST", "/mcp", call("x"), 503)];
    check_all(&app, cases, None).await;
    let hasty = |limits: &mut Limits| limits.rate_per_minute = std::num::NonZeroU32::new(1);
    let app = TestApp::builder().limits(hasty).build();
    let cases = vec![
        case("GET", "/api/me", Value::Null, 200),
        case("GET", "/api/me", Value::Null, 429),
        case("POST", "/mcp", call("health_check"), 429),
    ];
    check_all(&app, cases, None).await;
}

#[tokio::test]
async fn under_https_every_kind_of_response_sets_a_strict_transport_policy() {
    let world = World::new().await;
    let strict = Some("max-age=63072000");
    let page = &[("accept", "text/html")];
    let cases = vec![
        case("GET", "/health", Value::Null, 200),
        case("GET", "/api/me", Value::Null, 401),
        case("POST", "/mcp", call("health_check"), 401),
        case("GET", "/sse", Value::Null, 401),
        case("GET", "/nothing", Value::Null, 404),
        case("GET", "/", Value::Null, 200),
        case("GET", "/app", Value::Null, 200),
        Case { headers: page, ..case("GET", "/assets/nothing", Value::Null, 404) },
        case("GET", METADATA[0], Value::Null, 200),
        case("OPTIONS", METADATA[1], Value::Null, 200),
        case("GET", "/auth/login", Value::Null, 303),
        case("GET", "/auth/callback", Value::Null, 400),
        Case { headers: page, ..case("GET", "/auth/callback", Value::Null, 400) },
        Case { headers: page, ..case("POST", "/auth/logout", Value::Null, 403) },
        Case { headers: page, ..case("GET", "/auth/popup", Value::Null, 303) },
        case("GET", "/auth/popup.js", Value::Null, 200),
        case("POST", "/webhooks/workos", json!({}), 400),
    ];
    check_all(&world.app, cases, strict).await;

    let mut browser = world.sign_in_browser("user_ann").await;
    let popup = browser.visit(&world.app, "/auth/popup").await;
    assert_eq!(popup.status, StatusCode::OK);
    check("the popup after a sign-in", &popup.headers, strict);
    let out = browser.write(&world.app, Method::POST, "/auth/logout", None).await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    check("a sign-out", &out.headers, strict);
    let webhook = deliver(&world, "user.created", json!({})).await;
    assert_eq!(webhook.status, StatusCode::NO_CONTENT);
    check("a webhook", &webhook.headers, strict);

    let token = world.workos.oauth_token("user_bob");
    let authorization = format!("Bearer {token}");
    let request = Request::get("/sse").header("authorization", authorization);
    let stream = world.app.open(request.body(Body::empty()).unwrap()).await;
    assert_eq!(stream.status(), StatusCode::OK);
    check("a stream", stream.headers(), strict);
}

/// A browser would apply the policy to every port of `localhost`, and refuse plain http there.
#[tokio::test]
async fn https_on_loopback_sets_no_strict_transport_policy() {
    for url in ["http://localhost:3000", "https://localhost:3000", "https://127.0.0.1"] {
        let world = World::at_url(url, |_| {}).await;
        check_all(&world.app, vec![case("GET", "/api/me", Value::Null, 401)], None).await;
    }
}

/// The `Access-Control-*` headers of a response.
fn cors_headers(headers: &HeaderMap) -> Vec<String> {
    let found = headers.iter().filter(|(name, _)| name.as_str().starts_with("access-control-"));
    let mut found: Vec<String> =
        found.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    found.sort_unstable();
    found
}

const FOREIGN: (&str, &str) = ("origin", "https://inspector.example");

#[tokio::test]
async fn every_origin_can_read_the_metadata_for_mcp_clients() {
    let world = World::new().await;
    for path in METADATA {
        for origin in [FOREIGN, ("origin", "null"), ("origin", URL)] {
            let headers = [origin, ("mcp-protocol-version", "2026-07-28")];
            let answer = world.app.call(Method::GET, path, &headers, None).await;
            assert_eq!(answer.status, StatusCode::OK, "{path} {origin:?}");
            let resource = path.rsplit_once("resource/").map_or("mcp", |(_, resource)| resource);
            assert_eq!(answer.json()["resource"], format!("{URL}/{resource}"));
            assert_eq!(cors_headers(&answer.headers), ["access-control-allow-origin: *"]);
        }
        let preflight = [
            FOREIGN,
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "mcp-protocol-version"),
        ];
        let answer = world.app.call(Method::OPTIONS, path, &preflight, None).await;
        assert_eq!(answer.status, StatusCode::OK);
        let expected = [
            "access-control-allow-headers: mcp-protocol-version",
            "access-control-allow-methods: GET",
            "access-control-allow-origin: *",
        ];
        assert_eq!(cors_headers(&answer.headers), expected);
        let answer = world.app.call(Method::POST, path, &[FOREIGN], None).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "GET,HEAD");
    }
}

#[tokio::test]
async fn no_other_route_can_be_read_from_a_foreign_origin() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_bob"));
    let local = TestApp::new();
    let paths = [
        "/api/me",
        "/api/prompts",
        "/api/export",
        "/api/openapi.json",
        "/mcp",
        "/sse",
        "/messages",
        "/auth/login",
        "/auth/popup",
        "/auth/logout",
        "/health",
        "/nothing",
    ];
    for path in paths {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let what = format!("{method} {path}");
            let headers = [
                FOREIGN,
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization, content-type"),
            ];
            // With the cookie, which a browser would attach, with a token, and with no credential.
            let by_cookie = browser.send(&world.app, method.clone(), path, &headers, None).await;
            assert_eq!(cors_headers(&by_cookie.headers), [""; 0], "{what} by cookie");
            let mut with_token = headers.to_vec();
            with_token.push(("authorization", &token));
            for (app, headers) in [(&world.app, with_token.as_slice()), (&local, &headers)] {
                let answer = app.call(method.clone(), path, headers, None).await;
                assert_eq!(cors_headers(&answer.headers), [""; 0], "{what}");
            }
        }
    }
}
