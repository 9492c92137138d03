//! The cursors of callers: sealed for their own library, and good on every machine with the secret.

use axum::http::Method;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use promptdb::config::SignIn;
use serde_json::json;

use crate::auth::{self, World};
use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

/// Every listing that has pages, of a library with two prompts named `a` and `b`.
const LISTINGS: [&str; 10] = [
    "/api/prompts?limit=1",
    "/api/prompts?limit=1&sort=name",
    "/api/prompts?limit=1&sort=used",
    "/api/prompts?limit=1&query=word",
    "/api/prompts?limit=1&tag=t",
    "/api/prompts?limit=1&deleted=true",
    "/api/prompts/a/versions?limit=1",
    "/api/candidates?limit=1",
    "/api/audit?limit=1",
    "/api/audit?limit=3",
];

async fn call(
    app: &TestApp,
    token: &str,
    method: Method,
    path: &str,
    body: Option<serde_json::Value>,
) -> TestResponse {
    let authorization = format!("Bearer {token}");
    app.call(method, path, &[("authorization", &authorization)], body).await
}

async fn get(app: &TestApp, token: &str, path: &str) -> TestResponse {
    call(app, token, Method::GET, path, None).await
}

/// Saves two prompts of two versions each, deletes two others, and harvests two candidates.
async fn fill(app: &TestApp, token: &str) {
    for name in ["a", "b", "x", "y"] {
        let text = format!("A word of {name}");
        let body = json!({ "name": name, "content": text, "tags": ["t"] });
        let saved = call(app, token, Method::POST, "/api/prompts", Some(body)).await;
        assert_eq!(saved.status.as_u16(), 201, "{}", saved.json());
        let path = format!("/api/prompts/{name}");
        let change = json!({ "content": text + ", again", "expected_version": 1 });
        let saved = call(app, token, Method::PUT, &path, Some(change)).await;
        assert_eq!(saved.status.as_u16(), 200, "{}", saved.json());
    }
    for name in ["x", "y"] {
        call(app, token, Method::DELETE, &format!("/api/prompts/{name}"), None).await;
    }
    let candidates: Vec<_> = [
        "Summarise the report for {{reader}} in five short points.",
        "Translate the letter into {{language}} and keep its tone.",
    ]
    .into_iter()
    .enumerate()
    .map(|(number, content)| {
        json!({ "title": format!("Candidate {number}"), "content": content,
            "why": "It is of use again." })
    })
    .collect();
    let body = Some(json!({ "candidates": candidates }));
    let harvested = call(app, token, Method::POST, "/api/candidates", body).await;
    assert!(harvested.status.is_success(), "{}", harvested.json());
}

/// The cursor after the first page of a listing.
async fn first_cursor(app: &TestApp, token: &str, listing: &str) -> String {
    let page = get(app, token, listing).await;
    assert_eq!(page.status.as_u16(), 200, "{listing}: {}", page.json());
    page.json()["next_cursor"].as_str().unwrap_or_else(|| panic!("{listing} ends")).to_owned()
}

#[track_caller]
fn assert_refused(answer: &TestResponse, what: &str) {
    let problem = assert_problem(answer, 422, "invalid-field");
    assert_eq!(problem["errors"][0]["field"], "cursor", "{what}");
    let message = problem["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("start again without a cursor"), "{what}: {message}");
}

#[tokio::test]
async fn a_cursor_shows_nothing_and_opens_for_its_owner_alone() {
    let (world, other_machine) = World::two_machines().await;
    let (ann, bob) = (world.workos.oauth_token("user_ann"), world.workos.oauth_token("user_bob"));
    fill(&world.app, &ann).await;
    fill(&world.app, &bob).await;
    for listing in LISTINGS {
        let cursor = first_cursor(&world.app, &ann, listing).await;
        assert_eq!(cursor.len(), 123, "{listing}: its length shows the magnitude of a number");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&cursor).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for readable in ["recent", "audit", "name", "search", "versions", "prm_"] {
            assert!(!text.contains(readable), "{listing}: {text}");
        }
        let next = format!("{listing}&cursor={cursor}");
        assert_eq!(get(&world.app, &ann, &next).await.status.as_u16(), 200, "{listing}");
        assert_eq!(get(&other_machine, &ann, &next).await.status.as_u16(), 200, "{listing}");
        assert_refused(&get(&world.app, &bob, &next).await, listing);
    }
}

#[tokio::test]
async fn a_cursor_opens_for_its_own_listing_alone() {
    let world = World::new().await;
    let ann = world.workos.oauth_token("user_ann");
    fill(&world.app, &ann).await;
    let cursor = first_cursor(&world.app, &ann, "/api/audit?limit=1").await;
    for listing in ["/api/prompts?limit=1", "/api/prompts/a/versions?", "/api/candidates?limit=1"] {
        assert_refused(
            &get(&world.app, &ann, &format!("{listing}&cursor={cursor}")).await,
            listing,
        );
    }
    let cursor = first_cursor(&world.app, &ann, "/api/prompts/a/versions?limit=1").await;
    let other = format!("/api/prompts/b/versions?cursor={cursor}");
    assert_refused(&get(&world.app, &ann, &other).await, "the versions of another prompt");
}

#[tokio::test]
async fn a_forged_cursor_is_refused() {
    let app = TestApp::new();
    for name in ["a", "b"] {
        app.create(json!({ "name": name, "content": "x" })).await;
    }
    let cursor = app.get("/api/prompts?limit=1").await.json()["next_cursor"].take();
    let cursor = cursor.as_str().unwrap();
    let plain = BASE64_URL_SAFE_NO_PAD.encode("recent\n9\n9");
    let tampered = format!("{}{}", if cursor.starts_with('A') { 'B' } else { 'A' }, &cursor[1..]);
    for forged in [&plain, &tampered, &cursor[1..], "", "recent", "%00", &"A".repeat(4096)] {
        let answer = app.get(&format!("/api/prompts?limit=1&cursor={forged}")).await;
        assert_refused(&answer, forged);
    }
    // Without sign-in the key ends with the process.
    let restarted = TestApp::new();
    assert_refused(&restarted.get(&format!("/api/prompts?cursor={cursor}")).await, "a restart");
    for method in ["prompts/list", "resources/list"] {
        let answer = app.rpc(method, json!({ "cursor": plain })).await;
        assert_eq!(answer["error"]["code"], -32602, "{method}: {answer}");
    }
    let result = app.tool("list_prompts", json!({ "limit": 1, "cursor": plain })).await;
    assert!(TestApp::mistake(&result).contains("start again without a cursor"), "{result}");
}

#[tokio::test]
async fn a_cursor_outlives_a_rotation_of_the_secret() {
    let (old, new) = ("old0old1old2old3old4old5old6old7", "new0new1new2new3new4new5new6new7");
    let secrets = |secrets: &[&str]| secrets.iter().map(|text| (*text).to_owned().into()).collect();
    let world = World::with_settings(|settings| settings.cookie_secrets = secrets(&[old])).await;
    let machine = |cookie_secrets| {
        let sign_in = SignIn { cookie_secrets, ..auth::settings(&world.workos) };
        TestApp::builder().clock(world.clock.clone()).sign_in(auth::URL, sign_in).build()
    };
    let (between, after) = (machine(secrets(&[new, old])), machine(secrets(&[new])));
    let ann = world.workos.oauth_token("user_ann");
    for app in [&world.app, &between, &after] {
        fill(app, &ann).await;
    }
    let cursor = first_cursor(&world.app, &ann, "/api/prompts?limit=1&sort=name").await;
    let next = format!("/api/prompts?limit=1&sort=name&cursor={cursor}");
    assert_eq!(get(&between, &ann, &next).await.status.as_u16(), 200);
    assert_refused(&get(&after, &ann, &next).await, "a secret that is gone");
}
