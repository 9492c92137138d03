//! A server for one person: the access token in programs, and the sign-in with it in a browser.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use promptdb::config::{AccessToken, Limits, Secret};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::auth::browser::Browser;
use crate::stores::{FailingStore, Failure};
use crate::support::{TestApp, TestAppBuilder, TestResponse};

const TOKEN: &str = "5f0cbd3a9f9d4ce9b6f1a7f8d3f3c1e2";
const OTHER: &str = "5f0cbd3a9f9d4ce9b6f1a7f8d3f3c1e3";
const URL: &str = "https://nas.example";
const COOKIE: &str = "__Host-promptdb";
const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

fn settings(token: &str) -> AccessToken {
    AccessToken {
        token: Secret::from(token.to_owned()),
        cookie_secrets: vec![Secret::from(token.to_owned())],
        allowed_origins: vec!["https://chat.example".to_owned()],
    }
}

fn builder() -> TestAppBuilder {
    TestApp::builder().access_token(URL, settings(TOKEN))
}

/// A server with an access token.
pub(crate) fn app() -> TestApp {
    builder().build()
}

fn limited(per_minute: u32) -> TestApp {
    let limit = |limits: &mut Limits| limits.rate_per_minute = NonZeroU32::new(per_minute);
    builder().limits(limit).build()
}

async fn with_token(app: &TestApp, method: Method, path: &str, token: &str) -> TestResponse {
    let authorization = format!("Bearer {token}");
    app.call(method, path, &[("authorization", &authorization)], None).await
}

/// Sends the form of the sign-in.
async fn submit(app: &TestApp, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> TestResponse {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = Request::post("/auth/login")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body)).unwrap()).await
}

async fn sign_in(app: &TestApp) -> Browser {
    let answer = submit(app, &[HTML, SAME_ORIGIN], &[("token", TOKEN)]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let cookie = answer.header("set-cookie").split_once("; ").unwrap().0;
    let (name, value) = cookie.split_once('=').unwrap();
    Browser { cookies: [(name.to_owned(), value.to_owned())].into() }
}

fn ping() -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" })
}

#[tokio::test]
async fn the_token_opens_rest_and_mcp_and_every_page() {
    let app = app();
    for path in ["/api/me", "/api/prompts", "/api/openapi.json", "/", "/app", "/plans", "/widget"] {
        let answer = with_token(&app, Method::GET, path, TOKEN).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", authorization.as_str())];
    for path in ["/mcp", "/mcp/"] {
        let answer = app.call(Method::POST, path, &headers, Some(ping())).await;
        assert_eq!(answer.json()["result"], json!({}), "{path}");
    }
    let stream = Request::get("/sse").header("authorization", &authorization);
    assert_eq!(app.open(stream.body(Body::empty()).unwrap()).await.status(), StatusCode::OK);

    let me = with_token(&app, Method::GET, "/api/me", TOKEN).await.json();
    assert_eq!((&me["id"], &me["sign_in"]), (&json!("local"), &json!("token")));
    assert_eq!(me["limits"].get("requests_per_minute"), None);
}

#[tokio::test]
async fn without_the_token_nothing_is_open_but_the_sign_in_and_what_it_loads() {
    let app = app();
    let stylesheet = find_stylesheet(&app).await;
    for path in
        ["/health", "/health/ready", "/auth/login", "/favicon.ico", "/robots.txt", &stylesheet]
    {
        assert_eq!(app.get(path).await.status, StatusCode::OK, "{path}");
    }
    // `router.rs` tries every route; these are the paths that have none, or one of another mode.
    for path in [
        "/api/nothing",
        "/nothing",
        "/auth/callback",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
        "/webhooks/workos",
    ] {
        let answer = app.get(path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    for path in ["/mcp", "/messages?sessionId=x", "/auth/logout", "/api/prompts", "/"] {
        let answer = app.post(path, ping()).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.header("www-authenticate"), "Bearer", "{path}");
    }
}

/// The path of the style sheet that the form of the sign-in names.
async fn find_stylesheet(app: &TestApp) -> String {
    let page = String::from_utf8(app.get("/auth/login").await.body).unwrap();
    let (_, rest) = page.split_once("<link rel=\"stylesheet\" href=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

/// What is hostile about a request, its headers, its query, and its status.
type Case<'a> = (&'a str, Vec<(&'a str, &'a str)>, &'a str, u16);

#[tokio::test]
async fn a_hostile_token_opens_nothing() {
    let app = app();
    let bearer = format!("Bearer {TOKEN}");
    let two = format!("{bearer}, {bearer}");
    let (upper, longer, prefix) = (TOKEN.to_uppercase(), format!("{TOKEN}0"), &TOKEN[..31]);
    let digest = "Digest ".to_owned() + TOKEN;
    let wrong = |token: &str| format!("Bearer {token}");
    let (upper, longer, prefix, other) =
        (wrong(&upper), wrong(&longer), wrong(prefix), wrong(OTHER));
    let unsigned = wrong("eyJhbGciOiJub25lIn0.eyJzdWIiOiJsb2NhbCJ9.");
    let huge = wrong(&"x".repeat(20_000));
    let in_url = format!("?access_token={TOKEN}");
    let cases: Vec<Case<'_>> = vec![
        ("none", vec![], "", 401),
        ("another", vec![("authorization", &other)], "", 401),
        ("in capitals", vec![("authorization", &upper)], "", 401),
        ("longer", vec![("authorization", &longer)], "", 401),
        ("shorter", vec![("authorization", &prefix)], "", 401),
        ("an unsigned JWT", vec![("authorization", &unsigned)], "", 401),
        ("huge", vec![("authorization", &huge)], "", 401),
        ("another scheme", vec![("authorization", &digest)], "", 401),
        ("no scheme", vec![("authorization", TOKEN)], "", 401),
        ("no token", vec![("authorization", "Bearer")], "", 400),
        ("two in one", vec![("authorization", &two)], "", 400),
        ("two headers", vec![("authorization", &bearer), ("authorization", &bearer)], "", 400),
        ("in the URL", vec![], &in_url, 400),
        ("in the URL, too", vec![("authorization", &bearer)], &in_url, 400),
        (
            "as the cookie",
            vec![("cookie", concat!("__Host-promptdb=", "5f0cbd3a9f9d4ce9b6f1a7f8d3f3c1e2"))],
            "",
            401,
        ),
        ("in another header", vec![("x-access-token", TOKEN)], "", 401),
    ];
    for (what, headers, query, status) in cases {
        for (method, path) in [
            (Method::GET, "/api/me"),
            (Method::POST, "/mcp"),
            (Method::GET, "/sse"),
            (Method::GET, "/app"),
        ] {
            let target = format!("{path}{query}");
            let body = (method == Method::POST).then(ping);
            let answer = app.call(method, &target, &headers, body).await;
            assert_eq!(answer.status.as_u16(), status, "{what} at {path}");
            let expected = if status == 401 { "Bearer" } else { "" };
            assert_eq!(answer.header("www-authenticate"), expected, "{what} at {path}");
            assert!(!String::from_utf8_lossy(&answer.body).contains(TOKEN), "{what} at {path}");
        }
    }
}

#[tokio::test]
async fn a_person_signs_in_with_the_token_and_comes_back_to_their_page() {
    let app = app();
    let mut browser = Browser::default();
    let away = browser.visit(&app, "/app/p/code-review?tab=history&x=ü%20").await;
    assert_eq!(away.status, StatusCode::SEE_OTHER);
    let login = away.header("location").to_owned();
    assert_eq!(
        login,
        "/auth/login?return_to=%2Fapp%2Fp%2Fcode-review%3Ftab%3Dhistory%26x%3D%C3%BC%2520"
    );

    let form = browser.visit(&app, "/auth/login?return_to=%2Fapp%3Fa%3D1%26b%3D%2522").await;
    assert_eq!(form.status, StatusCode::OK);
    assert_eq!(form.header("cache-control"), "no-store");
    assert_eq!(form.header("referrer-policy"), "same-origin");
    let page = String::from_utf8(form.body).unwrap();
    assert!(page.contains("<label for=\"token\">Access token</label>"), "{page}");
    assert!(page.contains("name=\"return_to\" value=\"/app?a=1&amp;b=%22\""), "{page}");
    assert!(page.contains(">Sign in</button>"), "{page}");

    let pasted = format!(" {TOKEN}\r\n");
    let fields = [("return_to", "/app?a=1"), ("username", "promptdb"), ("token", &*pasted)];
    let answer = submit(&app, &[HTML, ("origin", URL), SAME_ORIGIN], &fields).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/app?a=1"));
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-promptdb="), "{cookie}");
    let expected = "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000";
    assert_eq!(cookie.split_once("; ").unwrap().1, expected);
    assert!(!cookie.contains(TOKEN));

    let mut browser = sign_in(&app).await;
    assert_eq!(browser.visit(&app, "/app").await.status, StatusCode::OK);
    assert_eq!(browser.get(&app, "/api/me").await.json()["sign_in"], "token");
    let again = browser.visit(&app, "/auth/login?return_to=/plans").await;
    assert_eq!((again.status, again.header("location")), (StatusCode::SEE_OTHER, "/plans"));
    let once_more = browser.visit(&app, "/auth/login?reauth=1&return_to=/plans").await;
    assert_eq!(once_more.status, StatusCode::OK);
    let popup = browser.visit(&app, "/auth/popup").await;
    assert!(String::from_utf8(popup.body).unwrap().contains("/auth/popup.js"));
}

#[tokio::test]
async fn a_wrong_token_in_the_form_is_said_and_not_repeated() {
    let app = app();
    for token in [OTHER, "", " ", "<script>alert(1)</script>", &"x".repeat(4000)] {
        let fields = [("token", token), ("return_to", "/app")];
        let answer = submit(&app, &[HTML, SAME_ORIGIN], &fields).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(!answer.headers.contains_key("set-cookie"));
        let page = String::from_utf8(answer.body).unwrap();
        assert!(page.contains("That is not the access token of this server."), "{page}");
        assert!(page.contains("aria-describedby=\"error\""), "{page}");
        assert!(token.trim().is_empty() || !page.contains(token), "{page}");
    }
    let answer = submit(&app, &[SAME_ORIGIN], &[("token", OTHER)]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.json()["type"], "urn:promptdb:problem:unauthorized");
}

#[tokio::test]
async fn the_form_is_taken_from_a_page_of_this_server_alone() {
    let app = app();
    for headers in [
        vec![],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("origin", "null"), SAME_ORIGIN],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("origin", "http://nas.example")],
        vec![("origin", "https://chat.example"), ("sec-fetch-site", "cross-site")],
    ] {
        let answer = submit(&app, &headers, &[("token", TOKEN)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
        assert!(!answer.headers.contains_key("set-cookie"), "{headers:?}");
    }
    for target in ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"] {
        let answer = submit(&app, &[SAME_ORIGIN], &[("token", TOKEN), ("return_to", target)]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{target}");
        assert!(!answer.headers.contains_key("set-cookie"), "{target}");
        let path = format!("/auth/login?return_to={target}");
        assert_eq!(app.get(&path).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{target}");
    }
    let json =
        app.call(Method::POST, "/auth/login", &[SAME_ORIGIN], Some(json!({ "token": TOKEN })));
    assert_eq!(json.await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let long = "x".repeat(9000);
    let answer = submit(&app, &[SAME_ORIGIN], &[("token", &long)]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let host = [("host", "evil.example"), SAME_ORIGIN];
    assert_eq!(submit(&app, &host, &[("token", TOKEN)]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_cookie_writes_from_pages_of_this_server_and_opens_no_mcp() {
    let app = app();
    let mut browser = sign_in(&app).await;
    let draft = json!({ "name": "p", "content": "x" });
    let write = browser.write(&app, Method::POST, "/api/prompts", Some(draft.clone())).await;
    assert_eq!(write.status, StatusCode::CREATED);
    for headers in [vec![], vec![("sec-fetch-site", "cross-site")], vec![("origin", "null")]] {
        let write =
            browser.send(&app, Method::POST, "/api/prompts", &headers, Some(draft.clone())).await;
        assert_eq!(write.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let call = browser.write(&app, Method::POST, "/mcp", Some(ping())).await;
    assert_eq!(call.status, StatusCode::UNAUTHORIZED);
    assert_eq!(browser.get(&app, "/sse").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_session_ends_with_a_sign_out_with_its_age_and_with_the_token() {
    let app = app();
    let signed_in = sign_in(&app).await;
    let (mut browser, mut copy) = (signed_in.clone(), signed_in.clone());
    let foreign = browser.send(&app, Method::POST, "/auth/logout", &[HTML], None).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    let out = browser.send(&app, Method::POST, "/auth/logout", &[HTML, SAME_ORIGIN], None).await;
    assert_eq!((out.status, out.header("location")), (StatusCode::SEE_OTHER, "/auth/login"));
    assert!(browser.cookies.is_empty());
    // Who has copied the cookie has nothing.
    let ended = copy.get(&app, "/api/me").await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
    assert!(copy.cookies.is_empty(), "the cookie is removed");

    let mut script = sign_in(&app).await;
    let accept = [("accept", "application/json"), SAME_ORIGIN];
    let out = script.send(&app, Method::POST, "/auth/logout", &accept, None).await;
    assert_eq!(out.json(), json!({ "url": "/auth/login" }));

    let mut old = sign_in(&app).await;
    app.clock.advance_by(Duration::from_hours(30 * 24) - Duration::from_secs(1));
    assert_eq!(old.get(&app, "/api/me").await.status, StatusCode::OK);
    app.clock.advance_seconds(1);
    assert_eq!(old.get(&app, "/api/me").await.status, StatusCode::UNAUTHORIZED);

    // With a secret of its own for cookies, too, another token ends every session.
    let secret = Secret::from("fedcba9876543210fedcba9876543210".to_owned());
    let with = |token: &str| {
        let cookie_secrets = vec![secret.clone()];
        TestApp::builder()
            .access_token(URL, AccessToken { cookie_secrets, ..settings(token) })
            .build()
    };
    let mut browser = sign_in(&with(TOKEN)).await;
    assert_eq!(browser.get(&with(TOKEN), "/api/me").await.status, StatusCode::OK);
    assert_eq!(browser.get(&with(OTHER), "/api/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_cannot_be_undone_needs_a_sign_in_of_the_last_minutes() {
    let app = app();
    let erase = || Some(json!({ "confirm": "erase" }));
    let purge = || Some(json!({ "action": "purge", "names": ["p"] }));
    let requests: [(Method, &str, Option<Value>, &str); 5] = [
        (Method::POST, "/api/prompts/bulk", purge(), "/app/trash"),
        (Method::DELETE, "/api/prompts/r?permanently=true", None, "/app/trash"),
        (Method::DELETE, "/api/prompts/q/versions?before=2", None, "/app/trash"),
        (Method::DELETE, "/api/trash", None, "/app/trash"),
        (Method::DELETE, "/api/account", erase(), "/app/account"),
    ];
    let authorization = format!("Bearer {TOKEN}");
    let bearer = [("authorization", authorization.as_str())];
    for name in ["p", "q", "r"] {
        let draft = json!({ "name": name, "content": "1" });
        let created = app.call(Method::POST, "/api/prompts", &bearer, Some(draft)).await;
        assert_eq!(created.status, StatusCode::CREATED);
    }
    let current = [bearer[0], ("if-match", "*")];
    let second = Some(json!({ "content": "2" }));
    let saved = app.call(Method::PUT, "/api/prompts/q", &current, second).await;
    assert_eq!(saved.status, StatusCode::OK, "{}", saved.json());
    for path in ["/api/prompts/p", "/api/prompts/r"] {
        app.call(Method::DELETE, path, &bearer, None).await;
    }

    let mut browser = sign_in(&app).await;
    app.clock.advance_seconds(600);
    for (method, path, body, page) in &requests {
        let by_program = app.call(method.clone(), path, &bearer, body.clone()).await;
        assert_eq!(by_program.status, StatusCode::FORBIDDEN, "{path}");
        assert_ne!(by_program.json()["type"], "urn:promptdb:problem:reauthentication-required");
        let late = browser.write(&app, method.clone(), path, body.clone()).await;
        assert_eq!(late.status, StatusCode::FORBIDDEN, "{path}");
        let problem = late.json();
        assert_eq!(problem["type"], "urn:promptdb:problem:reauthentication-required", "{path}");
        assert_eq!(problem["login_url"], format!("/auth/login?reauth=1&return_to={page}"));
    }
    let mut browser = sign_in(&app).await;
    app.clock.advance_seconds(599);
    let mut out = sign_in(&app).await;
    let copied = out.clone();
    out.write(&app, Method::POST, "/auth/logout", None).await;
    out = copied;
    for (method, path, body, _) in requests {
        let answer = browser.write(&app, method, path, body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
    }
    assert_eq!(browser.get(&app, "/api/me").await.json()["use"]["prompts"], 0);
    let draft = Some(json!({ "content": "new" }));
    let saved = browser.write(&app, Method::POST, "/api/prompts", draft).await;
    assert_eq!(saved.status, StatusCode::CREATED);
    assert_eq!(out.get(&app, "/api/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn wrong_tokens_are_limited_by_address_and_the_right_one_never_is() {
    let app = limited(5);
    let statuses = async |token: &'static str, path: &'static str| {
        let mut statuses = vec![];
        for _ in 0..8 {
            statuses.push(with_token(&app, Method::GET, path, token).await.status.as_u16());
        }
        statuses
    };
    assert_eq!(statuses(OTHER, "/api/me").await, [401, 401, 401, 401, 401, 429, 429, 429]);
    let form = submit(&app, &[HTML, SAME_ORIGIN], &[("token", OTHER)]).await;
    assert_eq!(form.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(!form.header("retry-after").is_empty());

    assert_eq!(statuses(TOKEN, "/api/me").await, [200; 8]);
    assert_eq!(statuses(TOKEN, "/api/openapi.json").await, [200; 8]);
    let mut browser = sign_in(&app).await;
    for _ in 0..8 {
        assert_eq!(browser.get(&app, "/api/me").await.status, StatusCode::OK);
        assert_eq!(
            browser.write(&app, Method::POST, "/auth/login", None).await.status.as_u16() / 100,
            4
        );
    }
}

#[tokio::test]
async fn pages_are_limited_for_strangers_and_not_for_the_owner() {
    let app = limited(1);
    let mut statuses = vec![];
    for _ in 0..200 {
        statuses.push(app.get("/auth/login").await.status);
    }
    assert_eq!(statuses[0], StatusCode::OK);
    assert_eq!(statuses[199], StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.get("/robots.txt").await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(app.get("/health").await.status, StatusCode::OK);
    let mut browser = sign_in(&app).await;
    for path in ["/app", "/robots.txt", "/plans", "/auth/login"] {
        let answer = browser.visit(&app, path).await;
        assert!(!answer.status.is_client_error(), "{path}: {}", answer.status);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_with_a_credential_waits_for_no_store() {
    let app = builder().store(Arc::new(FailingStore(Failure::Hang))).build();
    let mut browser = sign_in(&app).await;
    let asked_at = Instant::now();
    let statuses = [browser.get(&app, "/health").await, browser.get(&app, "/api/me").await];
    assert_eq!(statuses.map(|answer| answer.status.as_u16()), [200, 504]);
    let waited = asked_at.elapsed();

    // The page waited once, for its session.
    assert_eq!(waited, app.state.request_timeout());
}

#[tokio::test]
async fn allowed_pages_call_mcp_with_the_token_and_find_the_host_checked() {
    let app = app();
    let preflight = [
        ("origin", "https://chat.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization, content-type"),
    ];
    let answer = app.call(Method::OPTIONS, "/mcp", &preflight, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), "https://chat.example");
    let authorization = format!("Bearer {TOKEN}");
    let headers = [("authorization", &*authorization), ("origin", "https://chat.example")];
    let call = app.call(Method::POST, "/mcp", &headers, Some(ping())).await;
    assert_eq!(call.status, StatusCode::OK);
    for foreign in [("origin", "https://evil.example"), ("host", "evil.example")] {
        let headers = [("authorization", &*authorization), foreign];
        let call = app.call(Method::POST, "/mcp", &headers, Some(ping())).await;
        assert_eq!(call.status, StatusCode::FORBIDDEN, "{foreign:?}");
    }
    // An orchestrator addresses a machine by its IP address.
    let probe = app.call(Method::GET, "/health", &[("host", "192.0.2.7:3000")], None).await;
    assert_eq!(probe.status, StatusCode::OK);
}

#[tokio::test]
async fn the_description_names_the_credentials() {
    let app = app();
    let document = with_token(&app, Method::GET, "/api/openapi.json", TOKEN).await.json();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["accessToken"]["scheme"], "bearer");
    assert_eq!(schemes["session"]["name"], COOKIE);
    let list = &document["paths"]["/api/prompts"]["get"]["security"];
    assert_eq!(*list, json!([{ "accessToken": [] }, { "session": [] }]));
    let erase = &document["paths"]["/api/account"]["delete"]["security"];
    assert_eq!(*erase, json!([{ "session": [] }]));
}
