//! The erasure of an account: by its owner in person, from a recent sign-in, with a confirmation.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use super::workos::{Failure, OAUTH_KEY, WEB_KEY, change_claims};
use super::{Browser, World};
use crate::prompts::assert_problem;
use crate::support::{FixedClock, TestApp, TestResponse, sqlite};

const ACCOUNT: &str = "/api/account";
const LOGIN: &str = "/auth/login?reauth=1&return_to=/app/account";

fn confirmed() -> Value {
    json!({ "confirm": "erase" })
}

async fn erase(world: &World, browser: &mut Browser) -> TestResponse {
    browser.write(&world.app, Method::DELETE, ACCOUNT, Some(confirmed())).await
}

async fn erase_with_token(world: &World, token: &str, body: Option<Value>) -> TestResponse {
    let authorization = format!("Bearer {token}");
    world.app.call(Method::DELETE, ACCOUNT, &[("authorization", &authorization)], body).await
}

/// The users that were deleted at WorkOS.
fn deleted(world: &World) -> Vec<String> {
    let mut deleted = Vec::new();
    world.workos.set(|directory| deleted.extend(directory.deleted.iter().cloned()));
    deleted.sort();
    deleted
}

#[track_caller]
fn assert_reauthentication_required(answer: &TestResponse) {
    let problem = assert_problem(answer, 403, "reauthentication-required");
    assert_eq!(problem["login_url"], LOGIN);
    assert!(problem["detail"].as_str().unwrap().contains(LOGIN), "{problem}");
}

#[tokio::test]
async fn a_sign_in_is_recent_for_ten_minutes_whatever_refreshes_it() {
    let world = World::new().await;
    let mut ann = world.sign_in_browser("user_ann").await;
    let mut bob = world.sign_in_browser("user_bob").await;
    for seconds in [280, 280, 39] {
        world.clock.advance_seconds(seconds);
        for browser in [&mut ann, &mut bob] {
            assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK);
        }
    }
    assert!(world.workos.refreshes() >= 4);
    assert_eq!(erase(&world, &mut ann).await.status, StatusCode::NO_CONTENT);
    world.clock.advance_seconds(1);
    assert_reauthentication_required(&erase(&world, &mut bob).await);
    assert_eq!(deleted(&world), ["user_ann"]);
    assert_eq!(bob.get(&world.app, "/api/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_in_again_makes_the_erasure_possible() {
    let world = World::new().await;
    let mut ann = world.sign_in_browser("user_ann").await;
    world.clock.advance_seconds(600);
    let refused = erase(&world, &mut ann).await;
    let login_url = refused.json()["login_url"].as_str().unwrap().to_owned();
    let login = ann.visit(&world.app, &login_url).await;
    assert_eq!(login.status, StatusCode::SEE_OTHER);
    let location = login.header("location").to_owned();
    assert!(location.contains("?max_age=0&"), "{location}");
    let (code, state) = world.workos.approve(&location, "user_ann");
    let back = ann.visit(&world.app, &format!("/auth/callback?code={code}&state={state}")).await;
    assert_eq!(back.header("location"), "/app/account");
    assert_eq!(deleted(&world), [""; 0]);
    assert_eq!(erase(&world, &mut ann).await.status, StatusCode::NO_CONTENT);
    assert_eq!(deleted(&world), ["user_ann"]);
}

#[tokio::test]
async fn an_ordinary_sign_in_may_rely_on_the_session_at_workos() {
    let world = World::new().await;
    for path in ["/auth/login", "/auth/popup"] {
        let answer = Browser::default().visit(&world.app, path).await;
        assert!(!answer.header("location").contains("max_age"), "{path}");
    }
    for value in ["", "0", "true", "2"] {
        let answer = world.app.get(&format!("/auth/login?reauth={value}")).await;
        let problem = assert_problem(&answer, 422, "invalid-field");
        assert_eq!(problem["errors"][0]["field"], "reauth", "{value}");
    }
}

#[tokio::test]
async fn coming_back_as_another_user_erases_nothing() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    // Bob's account exists, and his sign-in is recent by the word of WorkOS.
    world.sign_in_browser("user_bob").await;
    world.clock.advance_seconds(600);
    assert_reauthentication_required(&erase(&world, &mut browser).await);
    let now = world.workos.seconds();
    world.workos.set(|directory| directory.web_claims = json!({ "auth_time": now }));
    let location = browser.visit(&world.app, LOGIN).await.header("location").to_owned();
    let (code, state) = world.workos.approve(&location, "user_bob");
    let path = format!("/auth/callback?code={code}&state={state}");
    assert_eq!(browser.visit(&world.app, &path).await.status, StatusCode::SEE_OTHER);
    assert_eq!(browser.get(&world.app, "/api/me").await.json()["id"], "user_bob");
    assert_eq!(deleted(&world), [""; 0]);
    // A page that repeats its request would erase the account of the wrong user.
    assert_reauthentication_required(&erase(&world, &mut browser).await);
    assert_eq!(deleted(&world), [""; 0]);

    let location = browser.visit(&world.app, LOGIN).await.header("location").to_owned();
    let (code, state) = world.workos.approve(&location, "user_bob");
    let path = format!("/auth/callback?code={code}&state={state}");
    browser.visit(&world.app, &path).await;
    assert_eq!(erase(&world, &mut browser).await.status, StatusCode::NO_CONTENT);
    assert_eq!(deleted(&world), ["user_bob"]);
}

/// Ages of the last authentication in seconds, and whether each is recent.
const AGES: [(i64, bool); 8] = [
    (0, true),
    (599, true),
    (600, false),
    (86_400, false),
    (-30, true),
    (-31, false),
    (-86_400, false),
    (i64::MAX / 4, false),
];

#[tokio::test]
async fn the_word_of_the_issuer_outweighs_the_time_of_the_callback() {
    for (age, is_recent) in AGES {
        let world = World::new().await;
        let auth_time = world.workos.seconds() - age;
        world.workos.set(|directory| directory.web_claims = json!({ "auth_time": auth_time }));
        let mut browser = world.sign_in_browser("user_ann").await;
        let answer = erase(&world, &mut browser).await;
        if is_recent {
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{age}");
        } else {
            assert_reauthentication_required(&answer);
            assert_eq!(deleted(&world), [""; 0], "{age}");
        }
    }
}

#[tokio::test]
async fn a_refresh_neither_renews_nor_loses_the_time_of_the_sign_in() {
    let world = World::new().await;
    let auth_time = world.workos.seconds() - 300;
    world.workos.set(|directory| directory.web_claims = json!({ "auth_time": auth_time }));
    let mut stated = world.sign_in_browser("user_ann").await;
    let mut dropped = world.sign_in_browser("user_bob").await;
    world.clock.advance_seconds(280);
    assert_eq!(stated.get(&world.app, "/api/me").await.status, StatusCode::OK);
    // The issuer no longer states it.
    world.workos.set(|directory| directory.web_claims = json!({}));
    assert_eq!(dropped.get(&world.app, "/api/me").await.status, StatusCode::OK);
    assert_eq!(world.workos.refreshes(), 2);
    world.clock.advance_seconds(20);
    assert_reauthentication_required(&erase(&world, &mut stated).await);
    assert_reauthentication_required(&erase(&world, &mut dropped).await);
    world.clock.advance_seconds(-1);
    assert_eq!(erase(&world, &mut stated).await.status, StatusCode::NO_CONTENT);
    assert_eq!(erase(&world, &mut dropped).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_web_token_erases_by_the_time_that_it_states() {
    for (age, is_recent) in AGES {
        let world = World::new().await;
        let auth_time = json!({ "auth_time": world.workos.seconds() - age });
        let claims = change_claims(world.workos.web_claims("user_ann", "session_1"), &auth_time);
        let answer = erase_with_token(&world, &WEB_KEY.sign(&claims), Some(confirmed())).await;
        if is_recent {
            assert_eq!(answer.status, StatusCode::NO_CONTENT, "{age}");
        } else {
            assert_reauthentication_required(&answer);
            assert_eq!(deleted(&world), [""; 0], "{age}");
        }
    }
    let world = World::new().await;
    let token = world.workos.web_token("user_ann", "session_1");
    assert_reauthentication_required(&erase_with_token(&world, &token, Some(confirmed())).await);
    let garbled = change_claims(world.workos.web_claims("u", "s"), &json!({ "auth_time": "now" }));
    let answer = erase_with_token(&world, &WEB_KEY.sign(&garbled), Some(confirmed())).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(deleted(&world), [""; 0]);
}

#[tokio::test]
async fn the_token_of_an_mcp_client_erases_nothing() {
    let world = World::new().await;
    let now = json!({ "auth_time": world.workos.seconds() });
    let token = OAUTH_KEY.sign(&change_claims(world.workos.oauth_claims("user_ann"), &now));
    let saved = world.tool(&token, "save_prompt", json!({ "content": "x", "name": "p" })).await;
    assert_eq!(saved["isError"], false);
    // The person is checked before the confirmation.
    for body in [Some(confirmed()), None, Some(json!({ "confirm": "no" })), Some(json!([]))] {
        let answer = erase_with_token(&world, &token, body).await;
        let problem = assert_problem(&answer, 403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("sign in"), "{problem}");
    }
    assert_eq!(deleted(&world), [""; 0]);
    let found = world.tool(&token, "get_prompt", json!({ "name": "p" })).await;
    assert_eq!(found["isError"], false);
}

/// A world with Ann's browser, in whose library is a prompt.
async fn with_a_prompt() -> (World, Browser) {
    let world = World::new().await;
    let mut ann = world.sign_in_browser("user_ann").await;
    let body = json!({ "content": "x", "name": "p" });
    let created = ann.write(&world.app, Method::POST, "/api/prompts", Some(body)).await;
    assert_eq!(created.status, StatusCode::CREATED);
    (world, ann)
}

#[track_caller]
fn assert_incomplete(answer: &TestResponse) {
    let problem = assert_problem(answer, 503, "erasure-incomplete");
    assert_eq!(problem["erased"], json!(["promptdb"]));
    assert_eq!(problem["remaining"], json!(["workos"]));
    assert!(answer.headers.contains_key("retry-after"));
    assert!(!answer.headers.contains_key("set-cookie"), "the session can repeat it");
}

#[track_caller]
fn assert_erased_here(answer: &TestResponse) {
    let problem = assert_problem(answer, 401, "account-erased");
    assert_eq!(problem["login_url"], LOGIN);
    assert!(!answer.headers.contains_key("set-cookie"), "the cookie can finish the erasure");
}

#[tokio::test]
async fn an_erasure_that_workos_stops_says_what_remains_and_can_be_repeated() {
    for status in [500, 503, 429, 403, 302] {
        let (world, mut ann) = with_a_prompt().await;
        let token = world.workos.oauth_token("user_ann");
        world.workos.set(|directory| directory.api_failure = Some(Failure::Status(status)));
        for _ in 0..2 {
            assert_incomplete(&erase(&world, &mut ann).await);
            for path in ["/api/me", "/api/prompts/p", "/api/export", "/api/sessions"] {
                assert_erased_here(&ann.get(&world.app, path).await);
            }
            let answer = world.call_with_token(Method::GET, "/api/prompts", &token).await;
            let problem = assert_problem(&answer, 401, "account-erased");
            assert!(answer.header("www-authenticate").contains("invalid_token"), "{problem}");
        }
        // A token of a program does not finish it.
        assert_problem(
            &erase_with_token(&world, &token, Some(confirmed())).await,
            403,
            "forbidden",
        );
        world.workos.set(|directory| directory.api_failure = None);
        let answer = erase(&world, &mut ann).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0), "{status}");
        assert!(ann.cookies.is_empty());
        assert_eq!(deleted(&world), ["user_ann"]);
    }
}

#[tokio::test]
async fn an_erasure_is_finished_on_any_machine_and_after_a_refresh() {
    let (world, other) = World::two_machines().await;
    let mut ann = world.sign_in_browser("user_ann").await;
    world.workos.set(|directory| directory.api_failure = Some(Failure::Status(500)));
    assert_incomplete(&erase(&world, &mut ann).await);
    world.workos.set(|directory| directory.api_failure = None);
    world.clock.advance_seconds(301);
    let answer = ann.write(&other, Method::DELETE, ACCOUNT, Some(confirmed())).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!((world.workos.refreshes(), deleted(&world)), (1, vec!["user_ann".to_owned()]));
}

#[tokio::test]
async fn where_the_library_cannot_be_erased_the_user_stays_at_workos_too() {
    let (dir, clock) = (TempDir::new().unwrap(), FixedClock::new());
    let world = World::with_store(Arc::new(sqlite(&dir, clock.clone())), clock).await;
    let mut ann = world.sign_in_browser("user_ann").await;
    let file = rusqlite::Connection::open(dir.path().join("library").join("promptdb.db")).unwrap();
    let fault = "CREATE TRIGGER fault BEFORE UPDATE ON accounts \
        BEGIN SELECT RAISE(ABORT, 'a fault'); END";
    file.execute_batch(fault).unwrap();
    assert_problem(&erase(&world, &mut ann).await, 500, "internal");
    assert_eq!(deleted(&world), [""; 0]);
    assert_eq!(get_me(&world, &ann).await, StatusCode::OK);
    file.execute_batch("DROP TRIGGER fault").unwrap();
    assert_eq!(erase(&world, &mut ann).await.status, StatusCode::NO_CONTENT);
    assert_eq!(deleted(&world), ["user_ann"]);
}

#[tokio::test]
async fn the_owner_of_an_erased_account_signs_in_again_to_finish_its_erasure_and_for_nothing_else()
{
    let (world, mut ann) = with_a_prompt().await;
    world.workos.set(|directory| directory.api_failure = Some(Failure::Status(500)));
    assert_incomplete(&erase(&world, &mut ann).await);
    world.workos.set(|directory| directory.api_failure = None);

    // An ordinary sign-in ends at a page that links to the one which finishes the erasure.
    let mut other = Browser::default();
    let page = other.sign_in(&world, "user_ann", "/app").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let text = String::from_utf8(page.body).unwrap();
    let link = format!("href=\"{}\">", LOGIN.replace('&', "&amp;"));
    assert!(text.contains(&link) && text.contains("The account was erased here"), "{text}");
    assert!(!other.cookies.contains_key("__Host-promptdb"));
    let popup = ann.visit(&world.app, "/auth/popup").await;
    assert_eq!(popup.status, StatusCode::UNAUTHORIZED, "no loop of sign-ins");

    // It takes a recent sign-in, as the first attempt did.
    world.clock.advance_seconds(600);
    assert_reauthentication_required(&erase(&world, &mut ann).await);
    for browser in [&mut other, &mut ann] {
        let location = browser.visit(&world.app, LOGIN).await.header("location").to_owned();
        let (code, state) = world.workos.approve(&location, "user_ann");
        let path = format!("/auth/callback?code={code}&state={state}");
        assert_eq!(browser.visit(&world.app, &path).await.header("location"), "/app/account");
        assert_erased_here(&browser.get(&world.app, "/api/me").await);
    }
    assert_eq!(erase(&world, &mut other).await.status, StatusCode::NO_CONTENT);
    assert_eq!(deleted(&world), ["user_ann"]);
}

#[tokio::test]
async fn a_session_that_has_ended_finishes_no_erasure() {
    let (world, mut ann) = with_a_prompt().await;
    let mut ended = world.sign_in_browser("user_ann").await;
    ended.clone().write(&world.app, Method::POST, "/auth/logout", None).await;
    world.workos.set(|directory| directory.api_failure = Some(Failure::Status(500)));
    assert_incomplete(&erase(&world, &mut ann).await);
    assert_problem(&erase(&world, &mut ended).await, 401, "unauthorized");
    assert!(ended.cookies.is_empty());
    ann.clone().write(&world.app, Method::POST, "/auth/logout", None).await;
    assert_problem(&erase(&world, &mut ann).await, 401, "unauthorized");
    assert_eq!(deleted(&world), [""; 0]);
}

#[tokio::test]
async fn a_browser_that_closes_the_page_does_not_stop_an_erasure() {
    let (world, ann) = with_a_prompt().await;
    let (world, deletions) = (Arc::new(world), Arc::new(Semaphore::new(0)));
    world.workos.set(|directory| directory.deletions = Some(deletions.clone()));
    let request = {
        let (world, mut ann) = (world.clone(), ann.clone());
        tokio::spawn(async move { erase(&world, &mut ann).await.status })
    };
    let is_waiting = || {
        let mut waiting = 0;
        world.workos.set(|directory| waiting = directory.deletions_waiting);
        waiting > 0
    };
    while !is_waiting() {
        tokio::task::yield_now().await;
    }
    assert_eq!(get_me(&world, &ann).await, StatusCode::UNAUTHORIZED);
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    assert_eq!(deleted(&world), [""; 0]);
    deletions.add_permits(1);
    while deleted(&world).is_empty() {
        tokio::task::yield_now().await;
    }
}

async fn get_me(world: &World, browser: &Browser) -> StatusCode {
    browser.clone().get(&world.app, "/api/me").await.status
}

/// Sends a body that confirms nothing, and returns the answer.
async fn send_raw(app: &TestApp, headers: &[(&str, &str)], body: &'static str) -> TestResponse {
    let mut request = Request::delete(ACCOUNT);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    app.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn an_erasure_needs_its_confirmation() {
    let local = TestApp::new();
    local.create(json!({ "content": "x", "name": "p" })).await;
    let world = World::new().await;
    let browser = world.sign_in_browser("user_ann").await;
    let cookie = format!("__Host-promptdb={}", browser.cookies["__Host-promptdb"]);
    let json = ("content-type", "application/json");
    let by_cookie = [json, ("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    let cases: [(&TestApp, &[(&str, &str)]); 2] = [(&local, &[json]), (&world.app, &by_cookie)];
    for (app, headers) in cases {
        for body in [
            "",
            "{}",
            r#"{"confirm":null}"#,
            r#"{"confirm":""}"#,
            r#"{"confirm":"Erase"}"#,
            r#"{"confirm":"erase "}"#,
            r#"{"confirm":"yes"}"#,
            r#"{"confirm":true}"#,
            r#"{"confirm":["erase"]}"#,
        ] {
            let problem = assert_problem(&send_raw(app, headers, body).await, 422, "invalid-field");
            assert_eq!(problem["errors"][0]["field"], "confirm", "{body}");
            let message = problem["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains(r#"send {"confirm": "erase"}"#), "{message}");
        }
        for body in [r#"{"confirm":"erase","force":true}"#, r#"["erase"]"#, r#""erase""#] {
            assert_problem(&send_raw(app, headers, body).await, 422, "invalid-field");
        }
        let answer = send_raw(app, headers, r#"{"confirm":"erase""#).await;
        assert_problem(&answer, 400, "malformed");
    }
    let answer = send_raw(&local, &[], r#"{"confirm":"erase"}"#).await;
    assert_problem(&answer, 415, "unsupported-media-type");
    assert_eq!(local.get("/api/prompts/p").await.status, StatusCode::OK);
    assert_eq!(deleted(&world), [""; 0]);

    let answer = send_raw(&local, &[json], r#"{"confirm":"erase"}"#).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(local.get("/api/prompts/p").await.status, StatusCode::NOT_FOUND);
}
