//! The list of a user's web sessions, and their end: one of them, or all.

use axum::http::{Method, StatusCode};
use promptdb::domain::Clock;
use serde_json::{Value, json};

use super::workos::Failure;
use super::{Browser, World};
use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

const SESSIONS: &str = "/api/sessions";

/// The ids of the listed sessions; an asterisk marks the current one.
async fn list(world: &World, browser: &mut Browser) -> Vec<String> {
    let answer = browser.get(&world.app, SESSIONS).await;
    assert_eq!(answer.status, StatusCode::OK);
    let answer = answer.json();
    let sessions = answer["sessions"].as_array().unwrap().iter();
    let shown = sessions.map(|session| {
        let mark = if session["current"] == true { "*" } else { "" };
        format!("{}{mark}", session["id"].as_str().unwrap())
    });
    shown.collect()
}

async fn end(world: &World, browser: &mut Browser, id: &str) -> TestResponse {
    browser.write(&world.app, Method::DELETE, &format!("{SESSIONS}/{id}"), None).await
}

async fn end_all(world: &World, browser: &mut Browser) -> TestResponse {
    browser.write(&world.app, Method::DELETE, SESSIONS, None).await
}

async fn get_me(app: &TestApp, browser: &Browser) -> StatusCode {
    browser.clone().get(app, "/api/me").await.status
}

/// The ids that were sent to WorkOS to be revoked, in order.
fn revoked(world: &World) -> Vec<String> {
    let mut revoked = Vec::new();
    world.workos.set(|directory| revoked.extend(directory.revoked.iter().cloned()));
    revoked.sort();
    revoked
}

/// Two browsers of Ann and one of Bob; the fake numbers codes, sessions and refresh tokens.
struct Browsers {
    world: World,
    ann: Browser,
    anns_phone: Browser,
    bob: Browser,
}

const ANN: &str = "session_2";
const ANNS_PHONE: &str = "session_5";
const BOB: &str = "session_8";

impl Browsers {
    async fn sign_in() -> Self {
        let world = World::new().await;
        let ann = world.sign_in_browser("user_ann").await;
        world.clock.advance_seconds(1);
        let anns_phone = world.sign_in_browser("user_ann").await;
        let bob = world.sign_in_browser("user_bob").await;
        Self { world, ann, anns_phone, bob }
    }
}

#[tokio::test]
async fn a_user_sees_their_own_sessions_and_which_one_is_this() {
    let Browsers { world, mut ann, mut anns_phone, mut bob } = Browsers::sign_in().await;
    let answer = ann.get(&world.app, SESSIONS).await.json();
    let first = json!({
        "id": ANN, "current": true,
        "created_at": "2026-01-01T00:00:00.000Z", "updated_at": "2026-01-01T00:00:00.000Z",
        "expires_at": "2026-01-31T00:00:00.000Z",
        "ip_address": "192.0.2.7", "user_agent": "Firefox",
    });
    assert_eq!(answer["sessions"][1], first);
    assert_eq!(list(&world, &mut ann).await, [ANNS_PHONE, "session_2*"]);
    assert_eq!(list(&world, &mut anns_phone).await, ["session_5*", ANN]);
    assert_eq!(list(&world, &mut bob).await, ["session_8*"]);
    let by_token = world.workos.web_token("user_ann", ANNS_PHONE);
    let answer = world.call_with_token(Method::GET, SESSIONS, &by_token).await.json();
    assert_eq!(answer["sessions"][0]["current"], true, "{answer}");
}

#[tokio::test]
async fn only_sessions_that_have_not_ended_are_listed() {
    let Browsers { world, mut ann, .. } = Browsers::sign_in().await;
    let now = world.clock.now();
    let past = now.plus_days(-1).to_string();
    world.workos.set(|directory| {
        for (id, changes) in [
            ("status_revoked", json!({ "status": "revoked" })),
            ("status_expired", json!({ "status": "expired" })),
            ("status_unknown", json!({ "status": "superseded" })),
            ("ended", json!({ "ended_at": past })),
            ("over", json!({ "expires_at": past })),
            ("over_without_status", json!({ "expires_at": now.to_string(), "status": null })),
            ("bare", json!({ "expires_at": null, "status": null, "updated_at": null })),
        ] {
            directory.add_session("user_ann", id, now.plus_days(-2), &changes);
        }
    });
    assert_eq!(list(&world, &mut ann).await, [ANNS_PHONE, "session_2*", "bare"]);
    let answer = ann.get(&world.app, SESSIONS).await.json();
    assert_eq!(answer["sessions"][2].get("expires_at"), None);
    // One that has ended there ends here, too.
    assert_eq!(end(&world, &mut ann, "ended").await.status, StatusCode::NO_CONTENT);
    assert_eq!(revoked(&world), [""; 0]);
    let token = world.workos.web_token("user_ann", "ended");
    let answer = world.call_with_token(Method::GET, "/api/me", &token).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);

    // A user whom WorkOS no longer has is in no session.
    world.workos.set(|directory| directory.deleted.extend(["user_ann".to_owned()]));
    assert_eq!(list(&world, &mut ann).await, [""; 0]);
}

#[tokio::test]
async fn what_a_browser_sends_as_its_user_agent_is_shown_as_bounded_text() {
    let Browsers { world, mut ann, .. } = Browsers::sign_in().await;
    let now = world.clock.now();
    let hostile = [
        (json!("a\u{0}\u{1b}[31m\nb"), json!("a[31mb")),
        (json!("<script>"), json!("<script>")),
        (json!("é".repeat(20_000)), json!("é".repeat(512))),
        (json!(" \n "), Value::Null),
        (json!(null), Value::Null),
    ];
    world.workos.set(|directory| {
        for (number, (agent, _)) in hostile.iter().enumerate() {
            let address = ["2001:db8::1", "not an address", "", "192.0.2.7, 192.0.2.8", "::1"];
            let changes = json!({ "user_agent": agent, "ip_address": address[number] });
            let at = now.plus_days(-1 - i64::try_from(number).unwrap());
            directory.add_session("user_ann", &format!("s{number}"), at, &changes);
        }
    });
    let answer = ann.get(&world.app, SESSIONS).await.json();
    for (number, (_, shown)) in hostile.iter().enumerate() {
        assert_eq!(answer["sessions"][number + 2]["user_agent"], *shown);
    }
    let addresses: Vec<&Value> =
        (2..7).map(|number| &answer["sessions"][number]["ip_address"]).collect();
    assert_eq!(
        addresses,
        [&json!("2001:db8::1"), &json!(null), &json!(null), &json!(null), &json!("::1")]
    );
}

#[tokio::test]
async fn the_list_is_read_in_pages_to_a_bound() {
    let Browsers { world, mut ann, .. } = Browsers::sign_in().await;
    let now = world.clock.now();
    let add = |count: usize| {
        world.workos.set(|directory| {
            for number in 0..count {
                let (id, at) = (format!("{count}_{number}"), now.plus_days(1));
                directory.add_session("user_ann", &id, at, &json!({}));
            }
            directory.session_pages = 0;
        });
    };
    add(118);
    assert_eq!(list(&world, &mut ann).await.len(), 120);
    world.workos.set(|directory| assert_eq!(directory.session_pages, 3));
    // A session of the last page ends as well as any other.
    assert_eq!(end(&world, &mut ann, ANNS_PHONE).await.status, StatusCode::NO_CONTENT);
    assert_eq!(revoked(&world), [ANNS_PHONE]);
    add(1100);
    assert_eq!(list(&world, &mut ann).await.len(), 1000);
    world.workos.set(|directory| assert_eq!(directory.session_pages, 20));
}

#[tokio::test]
async fn an_ended_session_is_refused_at_once_with_every_credential() {
    let Browsers { world, mut ann, mut anns_phone, bob } = Browsers::sign_in().await;
    let token = world.workos.web_token("user_ann", ANNS_PHONE);
    assert_eq!(get_me(&world.app, &anns_phone).await, StatusCode::OK);
    assert_eq!(world.call_with_token(Method::GET, "/api/me", &token).await.status, StatusCode::OK);
    let answer = end(&world, &mut ann, ANNS_PHONE).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(!answer.headers.contains_key("set-cookie"), "this session goes on");
    assert_eq!(revoked(&world), [ANNS_PHONE]);
    assert_eq!(anns_phone.get(&world.app, "/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert!(anns_phone.cookies.is_empty());
    let replay = world.call_with_token(Method::GET, "/api/me", &token).await;
    assert_eq!(replay.status, StatusCode::UNAUTHORIZED);
    assert_eq!(get_me(&world.app, &ann).await, StatusCode::OK);
    assert_eq!(get_me(&world.app, &bob).await, StatusCode::OK);
    assert_eq!(list(&world, &mut ann).await, ["session_2*"]);
    assert_eq!(end(&world, &mut ann, ANNS_PHONE).await.status, StatusCode::NO_CONTENT, "again");
}

#[tokio::test]
async fn an_ended_session_is_refused_elsewhere_within_a_minute() {
    let (world, other) = World::two_machines().await;
    let mut ann = world.sign_in_browser("user_ann").await;
    let phone = world.sign_in_browser("user_ann").await;
    assert_eq!(get_me(&other, &phone).await, StatusCode::OK);
    assert_eq!(end(&world, &mut ann, ANNS_PHONE).await.status, StatusCode::NO_CONTENT);
    world.clock.advance_seconds(60);
    assert_eq!(get_me(&other, &phone).await, StatusCode::UNAUTHORIZED);
    assert_eq!(get_me(&other, &ann).await, StatusCode::OK);
}

#[tokio::test]
async fn the_session_of_another_user_is_not_found_and_goes_on() {
    let Browsers { world, mut ann, bob, .. } = Browsers::sign_in().await;
    for id in [
        BOB,
        "session_404",
        "user_ann",
        "session_8%20",
        "..%2F..%2Fusers%2Fuser_bob",
        "%00",
        "*",
        "SESSION_2",
    ] {
        let answer = end(&world, &mut ann, id).await;
        let problem = assert_problem(&answer, 404, "not-found");
        assert!(!problem["detail"].as_str().unwrap().contains(id), "{problem}");
    }
    assert_problem(&end(&world, &mut ann, "%FF").await, 400, "malformed");
    assert_problem(&end(&world, &mut ann, "").await, 404, "no-route");
    assert_problem(&end(&world, &mut ann, "session_2/x").await, 404, "no-route");
    assert_eq!(revoked(&world), [""; 0], "WorkOS never gets such an id");
    assert_eq!(get_me(&world.app, &bob).await, StatusCode::OK);
    assert_eq!(list(&world, &mut ann).await.len(), 2);
}

#[tokio::test]
async fn to_end_the_session_of_the_request_is_a_sign_out() {
    let Browsers { world, mut ann, anns_phone, .. } = Browsers::sign_in().await;
    let replay = ann.clone();
    assert_eq!(end(&world, &mut ann, ANN).await.status, StatusCode::NO_CONTENT);
    assert!(ann.cookies.is_empty());
    assert_eq!(get_me(&world.app, &replay).await, StatusCode::UNAUTHORIZED);
    assert_eq!(get_me(&world.app, &anns_phone).await, StatusCode::OK);
    assert_eq!(revoked(&world), [ANN]);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_of_this_user_alone() {
    let Browsers { world, mut ann, anns_phone, bob } = Browsers::sign_in().await;
    let program = world.workos.oauth_token("user_ann");
    // The session is refreshed in the same request, and ends nevertheless.
    world.clock.advance_seconds(280);
    let replay = ann.clone();
    let answer = end_all(&world, &mut ann).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(ann.cookies.is_empty());
    assert_eq!(revoked(&world), [ANN, ANNS_PHONE]);
    for browser in [replay, anns_phone] {
        assert_eq!(get_me(&world.app, &browser).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(get_me(&world.app, &bob).await, StatusCode::OK);
    let answer = world.call_with_token(Method::GET, "/api/me", &program).await;
    assert_eq!(answer.status, StatusCode::OK, "a connected program has a session of its own");
    let again = world.sign_in_browser("user_ann").await;
    assert_eq!(get_me(&world.app, &again).await, StatusCode::OK);
}

#[tokio::test]
async fn a_sign_out_everywhere_that_does_not_finish_says_so_and_can_be_repeated() {
    let Browsers { world, mut ann, anns_phone, .. } = Browsers::sign_in().await;
    let now = world.clock.now();
    world.workos.set(|directory| {
        directory.add_session("user_ann", "tablet", now, &json!({}));
        directory.lasting.extend(["tablet".to_owned()]);
    });
    let answer = end_all(&world, &mut ann).await;
    assert_problem(&answer, 503, "sign-out-incomplete");
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(get_me(&world.app, &ann).await, StatusCode::OK);
    assert_eq!(get_me(&world.app, &anns_phone).await, StatusCode::UNAUTHORIZED);
    assert_eq!(list(&world, &mut ann).await, ["tablet", "session_2*"]);
    world.workos.set(|directory| directory.lasting = [ANN.to_owned()].into());
    assert_problem(&end_all(&world, &mut ann).await, 503, "sign-out-incomplete");
    assert_eq!(list(&world, &mut ann).await, ["session_2*"]);
    world.workos.set(|directory| directory.lasting.clear());
    assert_eq!(end_all(&world, &mut ann).await.status, StatusCode::NO_CONTENT);
    assert!(ann.cookies.is_empty());
}

#[tokio::test]
async fn while_workos_fails_nothing_is_listed_or_ended() {
    let Browsers { world, mut ann, anns_phone, .. } = Browsers::sign_in().await;
    for failure in [
        Failure::Status(500),
        Failure::Status(429),
        Failure::Status(403),
        Failure::Garbage,
        Failure::Abort,
    ] {
        world.workos.set(|directory| directory.api_failure = Some(failure));
        for (method, path) in [
            (Method::GET, SESSIONS.to_owned()),
            (Method::DELETE, SESSIONS.to_owned()),
            (Method::DELETE, format!("{SESSIONS}/{ANNS_PHONE}")),
        ] {
            let answer = ann.write(&world.app, method, &path, None).await;
            assert_problem(&answer, 503, "sign-in-unavailable");
            assert!(answer.headers.contains_key("retry-after"), "{failure:?}");
        }
        world.workos.set(|directory| directory.api_failure = None);
        assert_eq!(list(&world, &mut ann).await, [ANNS_PHONE, "session_2*"]);
        assert_eq!(get_me(&world.app, &anns_phone).await, StatusCode::OK);
    }
    // The list is read, and the revocation fails.
    world.workos.set(|directory| directory.lasting.extend([ANNS_PHONE.to_owned()]));
    assert_problem(&end(&world, &mut ann, ANNS_PHONE).await, 503, "sign-in-unavailable");
    assert_eq!(get_me(&world.app, &anns_phone).await, StatusCode::OK);
}

#[tokio::test]
async fn a_program_or_a_foreign_page_neither_lists_nor_ends_sessions() {
    let Browsers { world, mut ann, anns_phone, .. } = Browsers::sign_in().await;
    let token = world.workos.oauth_token("user_ann");
    let one = format!("{SESSIONS}/{ANNS_PHONE}");
    let requests = [(Method::GET, SESSIONS), (Method::DELETE, SESSIONS), (Method::DELETE, &one)];
    for (method, path) in requests {
        let answer = world.call_with_token(method.clone(), path, &token).await;
        let problem = assert_problem(&answer, 403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("in a browser"), "{problem}");
        if method == Method::DELETE {
            for headers in
                [[("origin", "https://evil.example")], [("sec-fetch-site", "cross-site")]]
            {
                let answer = ann.send(&world.app, method.clone(), path, &headers, None).await;
                assert_problem(&answer, 403, "forbidden");
            }
            let answer = ann.send(&world.app, method.clone(), path, &[], None).await;
            assert_problem(&answer, 403, "forbidden");
        }
    }
    assert_eq!(revoked(&world), [""; 0]);
    assert_eq!(get_me(&world.app, &anns_phone).await, StatusCode::OK);
}

#[tokio::test]
async fn without_accounts_there_are_no_sessions() {
    let app = TestApp::new();
    let one = format!("{SESSIONS}/session_1");
    for (method, path) in
        [(Method::GET, SESSIONS), (Method::DELETE, SESSIONS), (Method::DELETE, &one)]
    {
        let answer = app.call(method, path, &[], None).await;
        let problem = assert_problem(&answer, 404, "not-found");
        assert!(problem["detail"].as_str().unwrap().contains("no accounts"), "{problem}");
    }
}
