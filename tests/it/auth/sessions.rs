//! Web sessions: their refresh, their end, and the origin of writes with their cookie.

use std::sync::Arc;

use axum::http::{Method, StatusCode, header};
use serde_json::json;

use promptdb::config::SignIn;

use super::workos::{Failure, OAUTH_KEY, change_claims};
use super::{Browser, World, settings};
use crate::support::{TestApp, TestResponse};

const COOKIE: &str = "__Host-promptdb";

/// The session cookie that a response sets; empty if the response removes it.
fn read_session_cookie(answer: &TestResponse) -> Option<&str> {
    let cookies = answer.headers.get_all(header::SET_COOKIE).iter();
    let mut values = cookies.filter_map(|cookie| cookie.to_str().unwrap().strip_prefix(COOKIE));
    values.find_map(|rest| rest.strip_prefix('=')).map(|rest| rest.split(';').next().unwrap())
}

#[tokio::test]
async fn a_session_is_refreshed_before_its_token_expires() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    world.clock.advance_seconds(269);
    assert_eq!(read_session_cookie(&browser.get(&world.app, "/api/me").await), None);
    assert_eq!(world.workos.refreshes(), 0);
    for round in 1..=3 {
        world.clock.advance_seconds(270);
        let answer = browser.get(&world.app, "/api/me").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(read_session_cookie(&answer).is_some_and(|cookie| !cookie.is_empty()));
        assert_eq!(world.workos.refreshes(), round);
    }
    world.clock.advance_days(20);
    assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK, "long unused");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_of_one_session_refresh_it_once() {
    let world = Arc::new(World::new().await);
    let browser = world.sign_in_browser("user_ann").await;
    world.clock.advance_seconds(400);
    let requests: Vec<_> = (0..100)
        .map(|_| {
            let (world, mut browser) = (world.clone(), browser.clone());
            tokio::spawn(async move {
                let answer = browser.get(&world.app, "/api/me").await;
                assert_eq!(answer.status, StatusCode::OK);
                assert!(read_session_cookie(&answer).is_some());
                browser
            })
        })
        .collect();
    let mut later = None;
    for request in requests {
        later = Some(request.await.unwrap());
    }
    assert_eq!(world.workos.refreshes(), 1);
    // A late request with the old cookie shares the refresh.
    world.clock.advance_seconds(60);
    assert_eq!(browser.clone().get(&world.app, "/api/me").await.status, StatusCode::OK);
    assert_eq!(world.workos.refreshes(), 1);
    assert_eq!(later.unwrap().get(&world.app, "/api/me").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_outage_of_workos_ends_no_session() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    for failure in [
        Failure::Status(500),
        Failure::Status(429),
        Failure::Status(403),
        Failure::Garbage,
        Failure::Abort,
    ] {
        world.workos.set(|directory| directory.api_failure = Some(failure));
        world.clock.advance_seconds(280);
        let answer = browser.get(&world.app, "/api/me").await;
        assert_eq!(answer.status, StatusCode::OK, "{failure:?}: the token has not expired");
        assert_eq!(read_session_cookie(&answer), None);

        world.clock.advance_seconds(60);
        for _ in 0..3 {
            let answer = browser.get(&world.app, "/api/me").await;
            assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{failure:?}");
            assert_eq!(answer.json()["type"], "urn:promptdb:problem:sign-in-unavailable");
            assert!(answer.headers.contains_key("retry-after"));
            assert_eq!(read_session_cookie(&answer), None, "the cookie stays");
        }
        world.workos.set(|directory| directory.api_failure = None);
        world.clock.advance_seconds(2);
        assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK, "{failure:?}");
    }
}

#[tokio::test]
async fn a_failed_refresh_is_not_repeated_at_once() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    world.workos.set(|directory| directory.api_failure = Some(Failure::Status(500)));
    world.clock.advance_seconds(400);
    for _ in 0..10 {
        browser.get(&world.app, "/api/me").await;
    }
    assert_eq!(world.workos.refreshes(), 1);
    world.clock.advance_seconds(2);
    browser.get(&world.app, "/api/me").await;
    assert_eq!(world.workos.refreshes(), 2);
}

#[tokio::test]
async fn a_session_that_ended_at_workos_ends_here() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    world.workos.set(|directory| directory.deleted.extend(["user_ann".to_owned()]));
    world.clock.advance_seconds(400);
    let answer = browser.get(&world.app, "/api/me").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(read_session_cookie(&answer), Some(""));
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn a_cookie_without_a_valid_seal_is_ignored() {
    let world = World::new().await;
    let good = world.sign_in_browser("user_ann").await.cookies[COOKIE].clone();
    let stranger = World::with_settings(|settings| {
        settings.cookie_secrets = vec!["fedcba9876543210fedcba9876543210".to_owned().into()];
    });
    let foreign = stranger.await.sign_in_browser("user_ann").await.cookies[COOKIE].clone();
    let mut signing_in = Browser::default();
    signing_in.begin_sign_in(&world, "user_ann", "/").await;
    let mut flipped = good.clone().into_bytes();
    flipped[20] ^= 1;
    let cases = [
        ("tampered", String::from_utf8(flipped).unwrap()),
        ("cut", good[..good.len() / 2].to_owned()),
        ("empty", String::new()),
        ("foreign", foreign),
        ("of another purpose", signing_in.cookies["__Host-promptdb-sign-in"].clone()),
        ("in the clear", r#"{"u":"user_ann","s":null,"r":"x","e":99999999999999}"#.to_owned()),
        ("long", "A".repeat(8000)),
    ];
    for (what, cookie) in cases {
        let mut browser = Browser::default();
        browser.cookies.insert(COOKIE.to_owned(), cookie);
        let answer = browser.get(&world.app, "/api/me").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what}");
    }
    // A valid cookie under the name for plain http is ignored, too.
    let mut browser = Browser::default();
    browser.cookies.insert("promptdb".to_owned(), good);
    assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn cookie_secrets_rotate() {
    let (old, new) = ("old0old1old2old3old4old5old6old7", "new0new1new2new3new4new5new6new7");
    let secrets = |secrets: &[&str]| secrets.iter().map(|text| (*text).to_owned().into()).collect();
    let world = World::with_settings(|settings| settings.cookie_secrets = secrets(&[old])).await;
    let machine = |cookie_secrets| {
        let sign_in = SignIn { cookie_secrets, ..settings(&world.workos) };
        TestApp::builder().clock(world.clock.clone()).sign_in(super::URL, sign_in).build()
    };
    let (between, after) = (machine(secrets(&[new, old])), machine(secrets(&[new])));
    let mut browser = world.sign_in_browser("user_ann").await;
    assert_eq!(browser.get(&between, "/api/me").await.status, StatusCode::OK);
    assert_eq!(browser.clone().get(&after, "/api/me").await.status, StatusCode::UNAUTHORIZED);
    world.clock.advance_seconds(280);
    assert_eq!(browser.get(&between, "/api/me").await.status, StatusCode::OK);
    assert_eq!(browser.get(&after, "/api/me").await.status, StatusCode::OK, "sealed anew");
}

#[tokio::test]
async fn a_write_with_a_cookie_must_come_from_the_same_origin() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let ours: [&[(&str, &str)]; 3] = [
        &[("sec-fetch-site", "same-origin")],
        &[("origin", "https://prompts.example")],
        &[("origin", "https://prompts.example"), ("sec-fetch-site", "same-origin")],
    ];
    let foreign: [&[(&str, &str)]; 9] = [
        &[],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://prompts.example")],
        &[("origin", "https://prompts.example:8443")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
        &[("origin", "https://prompts.example"), ("sec-fetch-site", "cross-site")],
    ];
    for headers in foreign {
        for (method, path) in [
            (Method::POST, "/api/prompts"),
            (Method::DELETE, "/api/account"),
            (Method::POST, "/auth/logout"),
        ] {
            let body = Some(json!({ "content": "x" }));
            let answer = browser.send(&world.app, method, path, headers, body).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {headers:?}");
        }
        let read = browser.send(&world.app, Method::GET, "/api/me", headers, None).await;
        assert_eq!(read.status, StatusCode::OK, "a read changes nothing");
    }
    for (number, headers) in ours.into_iter().enumerate() {
        let body = Some(json!({ "content": "x", "name": format!("p{number}") }));
        let answer = browser.send(&world.app, Method::POST, "/api/prompts", headers, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{headers:?}");
    }
    // A bearer token needs no check of origin: a browser never attaches one by itself.
    let token = format!("Bearer {}", world.workos.web_token("user_ann", "session_9"));
    let headers = [("authorization", token.as_str()), ("origin", "https://evil.example")];
    let body = Some(json!({ "content": "x", "name": "bearer" }));
    let answer = browser.send(&world.app, Method::POST, "/api/prompts", &headers, body).await;
    assert_eq!(answer.status, StatusCode::CREATED);
}

#[tokio::test]
async fn mcp_accepts_no_cookie() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    for (method, path) in
        [(Method::POST, "/mcp"), (Method::GET, "/sse"), (Method::POST, "/messages?sessionId=x")]
    {
        let answer = browser.write(&world.app, method, path, Some(json!({}))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn a_logout_ends_the_session_here_at_once_and_elsewhere_within_a_minute() {
    let (world, other) = World::two_machines().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let mut thief = browser.clone();
    assert_eq!(thief.get(&world.app, "/api/me").await.status, StatusCode::OK);
    assert_eq!(thief.get(&other, "/api/me").await.status, StatusCode::OK);

    let headers = [("sec-fetch-site", "same-origin"), ("accept", "text/html")];
    let answer = browser.send(&world.app, Method::POST, "/auth/logout", &headers, None).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let expected = format!(
        "{}/user_management/sessions/logout?session_id=session_2&return_to=https%3A%2F%2Fprompts.example%2F",
        world.workos.url
    );
    assert_eq!(answer.header("location"), expected);
    assert_eq!(read_session_cookie(&answer), Some(""));

    let replay = thief.clone().get(&world.app, "/api/me").await;
    assert_eq!(replay.status, StatusCode::UNAUTHORIZED);
    let token = world.workos.web_token("user_ann", "session_2");
    assert_eq!(
        world.call_with_token(Method::GET, "/api/me", &token).await.status,
        StatusCode::UNAUTHORIZED
    );
    world.clock.advance_seconds(60);
    let replay = thief.get(&other, "/api/me").await;
    assert_eq!(replay.status, StatusCode::UNAUTHORIZED, "on another machine");
    let mut again = world.sign_in_browser("user_ann").await;
    assert_eq!(again.get(&world.app, "/api/me").await.status, StatusCode::OK, "a new session");
}

/// The content security policy of pages lets no form follow a redirect to another site.
#[tokio::test]
async fn a_logout_by_the_script_of_a_page_answers_where_to_go() {
    let world = World::new().await;
    let json = ("accept", "application/json");
    let same_origin = ("sec-fetch-site", "same-origin");
    let mut browser = world.sign_in_browser("user_ann").await;
    let replay = browser.clone();
    let path = "/auth/logout";
    let answer = browser.send(&world.app, Method::POST, path, &[json], None).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = browser.send(&world.app, Method::POST, path, &[json, same_origin], None).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::OK, ""));
    assert_eq!(answer.header("content-type"), "application/json");
    let url = format!(
        "{}/user_management/sessions/logout?session_id=session_2&return_to=https%3A%2F%2Fprompts.example%2F",
        world.workos.url
    );
    assert_eq!(answer.json(), json!({ "url": url }));
    assert!(browser.cookies.is_empty());
    assert_eq!(replay.clone().get(&world.app, "/api/me").await.status, StatusCode::UNAUTHORIZED);
    world.workos.set(|directory| assert!(directory.revoked.is_empty(), "the page goes there"));

    let without = browser.send(&world.app, Method::POST, path, &[json, same_origin], None).await;
    assert_eq!((without.status, without.json()), (StatusCode::OK, json!({ "url": "/" })));
    for (accept, status) in [
        ("application/json, text/plain, */*", 200),
        ("APPLICATION/JSON;q=0.1", 200),
        ("application/json;q=0, */*", 204),
        ("*/*", 204),
        ("application/*", 204),
        ("application/problem+json", 204),
        ("text/html,application/xhtml+xml,*/*;q=0.8", 303),
        ("text/html, application/json;q=0.9", 303),
    ] {
        let headers = [("accept", accept), same_origin];
        let answer = browser.send(&world.app, Method::POST, path, &headers, None).await;
        assert_eq!(answer.status.as_u16(), status, "{accept}");
        if status == 303 {
            assert_eq!(answer.header("location"), "/");
        }
    }
}

#[tokio::test]
async fn a_logout_without_a_browser_ends_the_session_at_workos() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    let replay = browser.clone();
    let answer = browser.write(&world.app, Method::POST, "/auth/logout", None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(browser.cookies.is_empty());
    world.workos.set(|directory| assert!(directory.revoked.contains("session_2")));
    let answer = browser.write(&world.app, Method::POST, "/auth/logout", None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "a repetition");

    let mut during_outage = world.sign_in_browser("user_ann").await;
    let replayed = during_outage.clone();
    world.workos.set(|directory| directory.api_failure = Some(Failure::Status(500)));
    let answer = during_outage.write(&world.app, Method::POST, "/auth/logout", None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    for mut replay in [replay, replayed] {
        let answer = replay.get(&world.app, "/api/me").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let page = replay.visit(&world.app, "/auth/popup").await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "a page requests to sign in");
    }
}

#[tokio::test]
async fn a_token_without_a_session_opens_none_and_locks_nobody_out() {
    let world = World::new().await;
    for missing in [json!({ "sid": null }), json!({ "sid": "" })] {
        world.workos.set(|directory| directory.web_claims = missing);
        let mut browser = Browser::default();
        let answer = browser.sign_in(&world, "user_ann", "/").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!browser.cookies.contains_key(COOKIE));
        let answer = browser.write(&world.app, Method::POST, "/auth/logout", None).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    world.workos.set(|directory| directory.web_claims = json!({}));
    let mut browser = world.sign_in_browser("user_ann").await;
    assert_eq!(browser.get(&world.app, "/api/me").await.status, StatusCode::OK);
    let token = world.workos.oauth_token("user_ann");
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_refresh_into_a_token_without_a_session_ends_no_session() {
    let world = World::new().await;
    let mut browser = world.sign_in_browser("user_ann").await;
    world.workos.set(|directory| directory.web_claims = json!({ "sid": null }));
    world.clock.advance_seconds(280);
    let answer = browser.get(&world.app, "/api/me").await;
    assert_eq!(answer.status, StatusCode::OK, "its token has not expired");
    assert!(browser.cookies.contains_key(COOKIE), "the cookie stays");
    let answer = browser.write(&world.app, Method::POST, "/auth/logout", None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    world.workos.set(|directory| directory.web_claims = json!({}));
    let mut again = world.sign_in_browser("user_ann").await;
    assert_eq!(again.get(&world.app, "/api/me").await.status, StatusCode::OK);
}

/// A session that ends takes no other credential of its user along.
#[tokio::test]
async fn a_logout_ends_its_own_session_alone() {
    let world = World::new().await;
    let mut first = world.sign_in_browser("user_ann").await;
    let mut second = world.sign_in_browser("user_ann").await;
    let sessionless = json!({ "sid": null });
    let claims = change_claims(world.workos.oauth_claims("user_ann"), &sessionless);
    let token = OAUTH_KEY.sign(&claims);
    let replay = first.clone();
    for _ in 0..2 {
        first.write(&world.app, Method::POST, "/auth/logout", None).await;
    }
    let answer = replay.clone().get(&world.app, "/api/me").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(second.get(&world.app, "/api/me").await.status, StatusCode::OK);
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &token).await.status, StatusCode::OK);
}
