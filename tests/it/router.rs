//! Who may call which route, and which limit counts it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::access_token;
use crate::auth::World;
use crate::billing::Shop;

/// Every route of a server with sign-in that sells subscriptions: its path, a method that it takes, and
/// its status without a credential.
pub(crate) const ROUTES: [(&str, Method, u16); 51] = [
    ("/health", Method::GET, 200),
    ("/health/ready", Method::GET, 200),
    ("/api", Method::GET, 401),
    ("/api/{*path}", Method::GET, 401),
    ("/api/me", Method::GET, 401),
    ("/api/audit", Method::GET, 401),
    ("/api/account", Method::DELETE, 401),
    ("/api/sessions", Method::GET, 401),
    ("/api/sessions/{session}", Method::DELETE, 401),
    ("/api/prompts", Method::GET, 401),
    ("/api/prompts/{prompt}", Method::GET, 401),
    ("/api/prompts/bulk", Method::POST, 401),
    ("/api/prompts/{prompt}/restore", Method::POST, 401),
    ("/api/prompts/{prompt}/versions", Method::GET, 401),
    ("/api/prompts/{prompt}/render", Method::POST, 401),
    ("/api/trash", Method::DELETE, 401),
    ("/api/tags", Method::GET, 401),
    ("/api/clients", Method::GET, 401),
    ("/api/candidates", Method::GET, 401),
    ("/api/candidates/{candidate}", Method::DELETE, 401),
    ("/api/candidates/{candidate}/accept", Method::POST, 401),
    ("/api/export", Method::GET, 401),
    ("/api/import", Method::POST, 401),
    ("/api/openapi.json", Method::GET, 200),
    ("/api/billing", Method::GET, 401),
    ("/api/billing/checkout", Method::POST, 401),
    ("/api/billing/portal", Method::POST, 401),
    ("/api/billing/sync", Method::POST, 401),
    ("/mcp", Method::POST, 401),
    ("/mcp/", Method::POST, 401),
    ("/sse", Method::GET, 401),
    ("/messages", Method::POST, 401),
    ("/", Method::GET, 200),
    ("/app", Method::GET, 200),
    ("/app/", Method::GET, 200),
    ("/app/{*path}", Method::GET, 200),
    ("/plans", Method::GET, 200),
    ("/widget", Method::GET, 200),
    ("/privacy", Method::GET, 200),
    ("/terms", Method::GET, 200),
    ("/assets/{*path}", Method::GET, 404),
    ("/favicon.ico", Method::GET, 200),
    ("/robots.txt", Method::GET, 200),
    ("/.well-known/openai-apps-challenge", Method::GET, 404),
    ("/auth/login", Method::GET, 303),
    ("/auth/callback", Method::GET, 400),
    ("/auth/logout", Method::POST, 403),
    ("/auth/popup", Method::GET, 303),
    ("/auth/popup.js", Method::GET, 200),
    ("/webhooks/workos", Method::POST, 400),
    ("/webhooks/stripe", Method::POST, 400),
];

/// The paths that `src/router.rs` spells out.
fn routed_paths() -> Vec<&'static str> {
    include_str!("../../src/router.rs")
        .split("add.route(\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect()
}

#[test]
fn every_route_is_tried_without_a_credential() {
    let mut tried: Vec<&str> = ROUTES.iter().map(|(path, ..)| *path).collect();
    let mut routed = routed_paths();
    tried.sort_unstable();
    routed.sort_unstable();
    // The two ways to sign in have paths in common.
    routed.dedup();
    assert_eq!(tried, routed);
}

#[tokio::test]
async fn without_a_credential_only_open_routes_answer() {
    let shop = Shop::open().await;
    let found: BTreeMap<&str, u16> = {
        let mut found = BTreeMap::new();
        for (path, method, _) in &ROUTES {
            let url = path.replace(['{', '}', '*'], "");
            let answer = shop.world.app.call(method.clone(), &url, &[], None).await;
            found.insert(*path, answer.status.as_u16());
        }
        found
    };
    let expected = ROUTES.iter().map(|(path, _, status)| (*path, *status)).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn with_an_access_token_only_the_sign_in_and_what_it_loads_answer() {
    let app = access_token::app();
    for (path, method, _) in ROUTES {
        let url = path.replace(['{', '}', '*'], "");
        let status = app.call(method, &url, &[], None).await.status.as_u16();
        let expected = match path {
            "/health" | "/health/ready" | "/auth/login" | "/favicon.ico" | "/robots.txt" => 200,
            "/assets/{*path}" => 404,
            _ => 401,
        };
        assert_eq!(status, expected, "{path}");
    }
}

#[tokio::test]
async fn a_path_without_a_route_is_404_whatever_the_method() {
    let world = World::new().await;
    for path in ["/mcp/x", "/auth", "/auth/nothing", "/webhooks", "/assets", "/apis"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = world.app.call(method.clone(), path, &[], None).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn the_requests_for_pages_take_nothing_from_the_api() {
    let world = World::with_limits(|limits| limits.rate_per_minute = NonZeroU32::new(20)).await;
    let mut pages = 0;
    while world.app.get("/auth/popup.js").await.status == StatusCode::OK {
        pages += 1;
        assert!(pages <= 200, "ten requests for a page or asset for each other request");
    }
    assert_eq!(pages, 200);
    assert_eq!(world.app.get("/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.app.get("/auth/login").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn data_loads_nothing() {
    let world = World::new().await;
    for data in [
        world.app.get("/health").await,
        world.app.get("/api/openapi.json").await,
        world.app.get("/nothing").await,
        world.app.post("/mcp", json!({})).await,
    ] {
        let policy = data.header("content-security-policy");
        assert_eq!(policy, "default-src 'none'; frame-ancestors 'none'");
    }
}
