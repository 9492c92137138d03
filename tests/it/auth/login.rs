//! The web login: from `/auth/login` to the session, and its failures.

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use super::World;
use super::browser::Browser;
use super::workos::Failure;
use crate::support::{TestApp, TestResponse};

fn set_cookies(answer: &TestResponse) -> Vec<&str> {
    let cookies = answer.headers.get_all(header::SET_COOKIE).iter();
    cookies.map(|cookie| cookie.to_str().unwrap()).collect()
}

/// The attributes of a `Set-Cookie` header.
fn attributes(cookie: &str) -> &str {
    cookie.split_once("; ").unwrap().1
}

#[tokio::test]
async fn a_sign_in_ends_at_the_page_where_it_began() {
    let world = World::new().await;
    let mut browser = Browser::default();

    let login = browser.visit(&world.app, "/auth/login?return_to=/app%3Ftab=1").await;
    assert_eq!(login.status, StatusCode::SEE_OTHER);
    let cookies = set_cookies(&login);
    assert_eq!(cookies.len(), 1);
    assert!(cookies[0].starts_with("__Host-promptdb-sign-in="));
    let expected = "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600";
    assert_eq!(attributes(cookies[0]), expected);

    let (code, state) = world.workos.approve(login.header("location"), "user_ann");
    let callback = format!("/auth/callback?code={code}&state={state}");
    let answer = browser.visit(&world.app, &callback).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), "/app?tab=1");
    let cookies = set_cookies(&answer);
    assert!(cookies[0].starts_with("__Host-promptdb="));
    let expected = "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000";
    assert_eq!(attributes(cookies[0]), expected);
    assert!(cookies[1].starts_with("__Host-promptdb-sign-in=; "), "the cookie is removed");
    assert_eq!(browser.cookies.len(), 1);

    let me = browser.get(&world.app, "/api/me").await;
    assert_eq!(me.status, StatusCode::OK);
    assert_eq!(me.json()["id"], "user_ann");
    assert_eq!(me.json()["plan"], "free");
    assert_eq!(me.json()["limits"]["prompts"], 25);
    assert!(set_cookies(&me).is_empty());
}

#[tokio::test]
async fn a_browser_comes_back_to_the_page_with_its_query_or_to_the_library() {
    let world = World::new().await;
    for (query, page) in [
        ("", "/app"),
        ("?return_to=/", "/"),
        ("?return_to=/app/p/x%3Fq", "/app/p/x?q"),
        (
            "?return_to=%2Fapp%2Fp%2Fcode-review%2Fhistory%3Fa%3D1%26b%3D2",
            "/app/p/code-review/history?a=1&b=2",
        ),
        (
            "?return_to=%2Fapp%3Fq%3D%25C3%25BCber%2520alles%26tag%3Dx",
            "/app?q=%C3%BCber%20alles&tag=x",
        ),
        ("?return_to=/app/account%23sessions", "/app/account#sessions"),
    ] {
        let mut browser = Browser::default();
        let login = browser.visit(&world.app, &format!("/auth/login{query}")).await;
        let (code, state) = world.workos.approve(login.header("location"), "user_ann");
        let path = format!("/auth/callback?code={code}&state={state}");
        assert_eq!(browser.visit(&world.app, &path).await.header("location"), page, "{query}");
    }
}

#[tokio::test]
async fn the_session_cookie_is_opaque_and_small() {
    let world = World::new().await;
    world.workos.set(|directory| directory.refresh_token_bytes = 1024);
    let browser = world.sign_in_browser("user_ann").await;
    let cookie = &browser.cookies["__Host-promptdb"];
    assert!(cookie.len() < 2048, "{}", cookie.len());
    for readable in ["user_ann", "refresh", "session"] {
        assert!(!cookie.contains(readable));
    }

    world.workos.set(|directory| directory.refresh_token_bytes = 4000);
    let mut other = Browser::default();
    let answer = other.sign_in(&world, "user_bob", "/").await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "no browser would keep it");
    assert!(!other.cookies.contains_key("__Host-promptdb"));
}

#[tokio::test]
async fn over_plain_http_cookies_have_plain_names() {
    let world = World::at_url("http://localhost:3000", |settings| {
        settings.redirect_uri = Some("https://prompts.example/auth/callback".to_owned());
    })
    .await;
    let browser = world.sign_in_browser("user_ann").await;
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["promptdb"]);
}

#[tokio::test]
async fn a_sign_in_never_redirects_to_another_site() {
    let world = World::new().await;
    for return_to in [
        "https://evil.example/",
        "//evil.example",
        "/%5Cevil.example",
        "%5C%5Cevil.example",
        "/%09/evil.example",
        "javascript:alert(1)",
        "app",
        "",
        "/a%00b",
        "/%0D%0ASet-Cookie:%20x=1",
    ] {
        let path = format!("/auth/login?return_to={return_to}");
        let answer = world.app.get(&path).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{return_to}");
        assert_eq!(answer.json()["errors"][0]["field"], "return_to");
        assert!(set_cookies(&answer).is_empty());
        let page = Browser::default().visit(&world.app, &path).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    }
}

/// Asserts that a callback fails with a page that links to the sign-in and leaks nothing.
async fn assert_refused(world: &World, browser: &Browser, path: &str, status: StatusCode) {
    let page = browser.clone().visit(&world.app, path).await;
    assert_eq!(page.status, status, "{path}");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    let csp = page.header("content-security-policy");
    assert!(!csp.contains("script-src"), "{csp}");
    let text = String::from_utf8(page.body.clone()).unwrap();
    assert!(text.contains("href=\"/auth/login\">"), "{text}");
    assert!(!text.contains("code_") && !text.contains("<script"), "{text}");
    assert!(!set_cookies(&page).iter().any(|cookie| cookie.starts_with("__Host-promptdb=")));
}

#[tokio::test]
async fn a_callback_of_another_sign_in_is_refused() {
    let world = World::new().await;
    let bad = StatusCode::BAD_REQUEST;
    let mut ann = Browser::default();
    let (code, state) = ann.begin_sign_in(&world, "user_ann", "/").await;
    let mut bob = Browser::default();
    let (bobs_code, bobs_state) = bob.begin_sign_in(&world, "user_bob", "/").await;

    let callback = |code: &str, state: &str| format!("/auth/callback?code={code}&state={state}");
    let without_cookie = Browser::default();
    assert_refused(&world, &without_cookie, &callback(&code, &state), bad).await;
    assert_refused(&world, &ann, &callback(&code, "0"), bad).await;
    assert_refused(&world, &ann, &callback(&bobs_code, &bobs_state), bad).await;
    for path in [
        "/auth/callback".to_owned(),
        format!("/auth/callback?code={code}"),
        format!("/auth/callback?state={state}"),
        format!("/auth/callback?state={state}&state=x&code={code}"),
        format!("/auth/callback?error=access_denied&error_description=%3Cscript%3E&state={state}"),
    ] {
        let page = ann.clone().visit(&world.app, &path).await;
        assert!(page.status.is_client_error(), "{path}: {}", page.status);
        assert!(!String::from_utf8_lossy(&page.body).contains("<script"));
    }

    // The code of another sign-in with the right state: PKCE refuses it (RFC 7636, section 4.6).
    assert_refused(&world, &ann, &callback(&bobs_code, &state), bad).await;
    let answer = ann.clone().visit(&world.app, &callback(&code, &state)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_refused(&world, &ann, &callback(&code, &state), bad).await;
    assert_refused(&world, &bob, &callback("nonsense", &bobs_state), bad).await;
    let answer = world.app.get(&callback("x", "y")).await;
    assert_eq!(answer.json()["type"], "urn:promptdb:problem:malformed", "for programs");
}

#[tokio::test]
async fn a_sign_in_expires_after_ten_minutes() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let (code, state) = browser.begin_sign_in(&world, "user_ann", "/").await;
    world.clock.advance_seconds(600);
    let path = format!("/auth/callback?code={code}&state={state}");
    assert_refused(&world, &browser, &path, StatusCode::BAD_REQUEST).await;
    world.clock.advance_seconds(-1);
    assert_eq!(browser.visit(&world.app, &path).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_tampered_sign_in_cookie_is_refused() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let (code, state) = browser.begin_sign_in(&world, "user_ann", "/").await;
    let path = format!("/auth/callback?code={code}&state={state}");
    let sealed = browser.cookies["__Host-promptdb-sign-in"].clone();
    let session = world.sign_in_browser("user_bob").await.cookies["__Host-promptdb"].clone();
    for forged in [&sealed[1..], &sealed[..sealed.len() - 4], "", "x", &session] {
        browser.cookies.insert("__Host-promptdb-sign-in".to_owned(), forged.to_owned());
        assert_refused(&world, &browser, &path, StatusCode::BAD_REQUEST).await;
    }
}

#[tokio::test]
async fn a_sign_in_can_be_repeated_after_an_outage_of_workos() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let (code, state) = browser.begin_sign_in(&world, "user_ann", "/").await;
    let path = format!("/auth/callback?code={code}&state={state}");
    for failure in [
        Failure::Status(500),
        Failure::Status(503),
        Failure::Status(429),
        Failure::Status(302),
        Failure::Garbage,
        Failure::Abort,
    ] {
        world.workos.set(|directory| directory.api_failure = Some(failure));
        assert_refused(&world, &browser, &path, StatusCode::SERVICE_UNAVAILABLE).await;
    }
    world.workos.set(|directory| directory.api_failure = Some(Failure::Status(403)));
    assert_refused(&world, &browser, &path, StatusCode::BAD_REQUEST).await;
    world.workos.set(|directory| directory.api_failure = None);
    assert_eq!(browser.visit(&world.app, &path).await.status, StatusCode::SEE_OTHER);

    // A sign-in needs no keys: the tokens come from WorkOS over TLS.
    world.workos.set(|directory| directory.keys_failure = Some(Failure::Status(500)));
    let mut browser = world.sign_in_browser("user_ann").await;
    assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_popup_signs_in_first_and_then_notifies_its_opener() {
    let world = World::new().await;
    let mut browser = Browser::default();
    let answer = browser.visit(&world.app, "/auth/popup").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let (code, state) = world.workos.approve(answer.header("location"), "user_ann");
    let path = format!("/auth/callback?code={code}&state={state}");
    let answer = browser.visit(&world.app, &path).await;
    assert_eq!(answer.header("location"), "/auth/popup");

    let page = browser.visit(&world.app, "/auth/popup").await;
    assert_eq!(page.status, StatusCode::OK);
    let csp = page.header("content-security-policy");
    assert!(csp.starts_with("default-src 'none'; script-src 'self'; "), "{csp}");
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains("<script src=\"/auth/popup.js\" defer></script>"), "{text}");
    let script = browser.get(&world.app, "/auth/popup.js").await;
    assert_eq!(script.header("content-type"), "text/javascript; charset=utf-8");
    let script = String::from_utf8(script.body).unwrap();
    assert!(script.contains("window.opener.postMessage(message, window.location.origin)"));
}

/// Goes through the popup of a browser as a user, up to the page that closes itself.
async fn sign_in_by_popup(world: &World, browser: &mut Browser, user: &str) {
    let answer = browser.visit(&world.app, "/auth/popup").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let (code, state) = world.workos.approve(answer.header("location"), user);
    let path = format!("/auth/callback?code={code}&state={state}");
    let back = browser.visit(&world.app, &path).await;
    assert_eq!(back.header("location"), "/auth/popup");
    let page = browser.visit(&world.app, "/auth/popup").await;
    assert_eq!(page.status, StatusCode::OK);
}

async fn save(world: &World, browser: &mut Browser, name: &str) -> StatusCode {
    let body = Some(json!({ "content": "typed for an hour", "name": name }));
    browser.write(&world.app, Method::POST, "/api/prompts", body).await.status
}

/// A page whose session ends while its user types opens the popup, and repeats the request.
#[tokio::test]
async fn the_popup_signs_in_again_while_a_page_stays_open() {
    let world = World::new().await;
    // The session was ended elsewhere, and the cookie is removed with the 401.
    let mut browser = world.sign_in_browser("user_ann").await;
    browser.clone().write(&world.app, Method::POST, "/auth/logout", None).await;
    assert_eq!(save(&world, &mut browser, "first").await, StatusCode::UNAUTHORIZED);
    assert!(browser.cookies.is_empty());
    sign_in_by_popup(&world, &mut browser, "user_ann").await;
    assert_eq!(save(&world, &mut browser, "first").await, StatusCode::CREATED);

    // The cookie is still there, but WorkOS refreshes its session no longer.
    let mut session = String::new();
    world.workos.set(|directory| {
        session = directory.latest_session();
        directory.revoked.insert(session.clone());
    });
    world.clock.advance_seconds(301);
    sign_in_by_popup(&world, &mut browser, "user_ann").await;
    assert_eq!(save(&world, &mut browser, "second").await, StatusCode::CREATED);

    // Another user signs in there: the page finds another id.
    assert_eq!(browser.get(&world.app, "/api/me").await.json()["id"], "user_ann");
    browser.clone().write(&world.app, Method::DELETE, "/api/sessions", None).await;
    sign_in_by_popup(&world, &mut browser, "user_bob").await;
    let me = browser.get(&world.app, "/api/me").await.json();
    assert_eq!((&me["id"], &me["use"]["prompts"]), (&json!("user_bob"), &json!(0)));
    // With a valid session, the popup closes at once.
    assert_eq!(browser.visit(&world.app, "/auth/popup").await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_sign_in_its_routes_do_not_exist() {
    let app = TestApp::new();
    for path in [
        "/auth/login",
        "/auth/callback",
        "/auth/popup",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/oauth-protected-resource/sse",
    ] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(app.post("/webhooks/workos", json!({})).await.status, StatusCode::NOT_FOUND);
    let ignored = [("authorization", "Bearer garbage")];
    let answer = app.call(Method::GET, "/api/me", &ignored, None).await;
    assert_eq!(answer.json()["id"], "local");
}
