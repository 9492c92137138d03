//! Requests of foreign pages and for foreign hosts, whatever they look like.

use axum::body::Body;
use axum::http::{Method, Request, Version};
use serde_json::json;

use crate::auth::World;
use crate::prompts::assert_problem;
use crate::support::TestApp;

/// The local user's routes that programs call, with a method that each takes.
const PROGRAM_ROUTES: [(Method, &str); 9] = [
    (Method::GET, "/api/me"),
    (Method::GET, "/api/export"),
    (Method::POST, "/api/prompts"),
    (Method::GET, "/api/openapi.json"),
    (Method::GET, "/api"),
    (Method::GET, "/api/nothing"),
    (Method::POST, "/mcp"),
    (Method::GET, "/sse"),
    (Method::POST, "/messages"),
];

/// The headers by which a browser describes a request of a page.
type Fetch = &'static [(&'static str, &'static str)];

const SITE: &str = "sec-fetch-site";
const MODE: &str = "sec-fetch-mode";
const DEST: &str = "sec-fetch-dest";

/// The status of a request, whose body is not read: a stream has no end.
async fn status(app: &TestApp, method: &Method, target: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method(method.clone()).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.open(request.body(Body::empty()).unwrap()).await.status().as_u16()
}

#[tokio::test]
async fn the_local_user_is_safe_from_a_page_of_another_site() {
    let app = TestApp::new();
    let foreign: [Fetch; 9] = [
        &[(SITE, "cross-site")],
        &[(SITE, "cross-site"), (MODE, "no-cors"), (DEST, "image")],
        &[(SITE, "cross-site"), (MODE, "cors"), (DEST, "empty")],
        &[(SITE, "cross-site"), (MODE, "navigate"), (DEST, "iframe")],
        &[(SITE, "cross-site"), (MODE, "no-cors"), (DEST, "document")],
        &[(SITE, "cross-site"), ("origin", "http://localhost:3000")],
        &[(SITE, "same-origin"), (SITE, "cross-site")],
        // A page on another port of this machine.
        &[(SITE, "same-site"), (MODE, "no-cors"), (DEST, "script")],
        &[(SITE, "anything")],
    ];
    for (method, path) in &PROGRAM_ROUTES {
        for headers in foreign {
            let answer = app.call(method.clone(), path, headers, None).await;
            let problem = assert_problem(&answer, 403, "forbidden");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("Sec-Fetch-Site"), "{method} {path} {headers:?}: {detail}");
        }
    }
    assert_eq!(app.get("/api/prompts").await.json()["prompts"], json!([]));
}

#[tokio::test]
async fn a_click_on_a_link_reads_nothing_and_is_let_through() {
    let app = TestApp::new();
    let click = [(SITE, "cross-site"), (MODE, "navigate"), (DEST, "document")];
    for (method, path) in &PROGRAM_ROUTES {
        let allowed = status(&app, method, path, &click).await != 403;
        assert_eq!(allowed, method.is_safe(), "{method} {path}: a form is no link");
    }
    // The user, or a page of this server.
    for own in ["none", "same-origin"] {
        for (method, path) in &PROGRAM_ROUTES {
            assert_ne!(status(&app, method, path, &[(SITE, own)]).await, 403, "{path} {own}");
        }
    }
    for path in ["/health", "/apis", "/mcpx", "/nothing"] {
        let found = status(&app, &Method::GET, path, &[(SITE, "cross-site")]).await;
        assert_ne!(found, 403, "{path} is for programs");
    }
}

#[tokio::test]
async fn with_sign_in_a_token_is_accepted_from_any_site() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let headers = [("authorization", token.as_str()), (SITE, "cross-site")];
    for path in ["/api/me", "/sse"] {
        assert_eq!(status(&world.app, &Method::GET, path, &headers).await, 200, "{path}");
    }
}

#[tokio::test]
async fn no_user_is_accepted_in_a_host_or_an_origin() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let local = TestApp::new();
    for (app, own) in [(&local, "localhost:3000"), (&world.app, "prompts.example")] {
        let scheme = if own.starts_with("localhost") { "http" } else { "https" };
        for authority in [
            format!("user@{own}"),
            format!("user:password@{own}"),
            format!("@{own}"),
            format!("{own}@evil.example"),
            format!("evil.example@{own}"),
            format!("evil.example:80@{own}"),
            format!("{own}:x"),
            format!("{own}#@evil.example"),
            format!("{own}\\@evil.example"),
        ] {
            let origin = format!("{scheme}://{authority}");
            for headers in [("host", &authority), ("origin", &origin)] {
                let headers = [("authorization", &*token), (headers.0, &**headers.1)];
                let found = status(app, &Method::POST, "/mcp", &headers).await;
                assert!(matches!(found, 400 | 403), "{headers:?}: {found}");
            }
            let found = status(app, &Method::GET, "/health", &[("host", &authority)]).await;
            assert!(matches!(found, 400 | 403), "/health {authority}: {found}");
        }
    }
}

#[tokio::test]
async fn the_target_and_the_host_header_must_both_be_ours() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let local = TestApp::new();
    for (app, own, other) in [
        (&local, "localhost:3000", "127.0.0.1:3000"),
        (&world.app, "prompts.example", "PROMPTS.example:443"),
    ] {
        for (target, host, is_ours) in [
            (own, own, true),
            (other, own, true),
            ("evil.example", own, false),
            (own, "evil.example", false),
            ("evil.example", "evil.example", false),
            ("localhost.evil.example", own, false),
            ("prompts.example.evil.example", own, false),
        ] {
            let target = format!("http://{target}/api/me");
            let headers = [("authorization", &*token), ("host", host)];
            let found = status(app, &Method::GET, &target, &headers).await;
            assert_eq!(found, if is_ours { 200 } else { 403 }, "{target} with {host}");
        }
        for target in [format!("http://user@{own}/api/me"), format!("http://{own}@evil.example/")] {
            let headers = [("authorization", &*token), ("host", own)];
            assert_eq!(status(app, &Method::GET, &target, &headers).await, 403, "{target}");
        }
        for hosts in [&[("host", "")][..], &[("host", own), ("host", own)], &[("host", "a b")]] {
            let found = status(app, &Method::GET, "/api/me", hosts).await;
            assert_eq!(found, 400, "{hosts:?}");
        }
    }
}

/// RFC 9113, section 8.3.1: `:authority` stands for `Host`, which may be there as well.
#[tokio::test]
async fn over_http_2_the_authority_is_checked_as_a_host() {
    let app = TestApp::new();
    for (authority, host, expected) in [
        ("localhost:3000", Some("localhost:3000"), 200),
        ("evil.example", Some("localhost:3000"), 403),
        ("localhost:3000", Some("evil.example"), 403),
    ] {
        let mut request = Request::get(format!("http://{authority}/api/me"));
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.version(Version::HTTP_2).body(Body::empty()).unwrap();
        assert_eq!(app.open(request).await.status().as_u16(), expected, "{authority} {host:?}");
    }
}
