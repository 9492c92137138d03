//! Accounts: isolation of users, the free plan, the audit trail, erasure.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::json;
use tempfile::TempDir;

use super::World;
use crate::prompts::assert_problem;
use crate::support::{FixedClock, TestApp, sqlite};

#[tokio::test]
async fn two_users_share_nothing() {
    let world = World::new().await;
    let ann = world.workos.oauth_token("user_ann");
    let bob = world.workos.oauth_token("user_bob");
    let saved =
        world.tool(&ann, "save_prompt", json!({ "content": "Ann's", "name": "mine" })).await;
    let id = saved["structuredContent"]["id"].as_str().unwrap().to_owned();
    let mut anns_browser = world.sign_in_browser("user_ann").await;
    let mut bobs_browser = world.sign_in_browser("user_bob").await;

    for arguments in [json!({ "name": "mine" }), json!({ "id": id })] {
        assert_eq!(world.tool(&bob, "get_prompt", arguments.clone()).await["isError"], true);
        assert_eq!(world.tool(&ann, "get_prompt", arguments).await["isError"], false);
    }
    let listed = world.tool(&bob, "list_prompts", json!({})).await;
    assert_eq!(listed["structuredContent"]["prompts"], json!([]));
    for path in ["/api/prompts/mine".to_owned(), format!("/api/prompts/{id}")] {
        assert_eq!(bobs_browser.get(&world.app, &path).await.status, StatusCode::NOT_FOUND);
        assert_eq!(anns_browser.get(&world.app, &path).await.status, StatusCode::OK);
        assert_eq!(
            world.call_with_token(Method::GET, &path, &bob).await.status,
            StatusCode::NOT_FOUND
        );
    }
    let audit = bobs_browser.get(&world.app, "/api/audit").await.json();
    assert_eq!(audit["entries"], json!([]));
}

#[tokio::test]
async fn the_owner_in_person_sees_their_name_and_a_program_does_not() {
    let world = World::new().await;
    let profile =
        json!({ "email": "ann@example.com", "first_name": "Ann", "last_name": " ", "id": "x" });
    world.workos.set(|directory| {
        directory.profiles.insert("user_ann".to_owned(), profile);
    });
    let mut browser = world.sign_in_browser("user_ann").await;
    for _ in 0..3 {
        let me = browser.get(&world.app, "/api/me").await.json();
        assert_eq!((&me["name"], &me["email"]), (&json!("Ann"), &json!("ann@example.com")), "{me}");
        assert_eq!((&me["id"], &me["sign_in"]), (&json!("user_ann"), &json!("workos")));
    }
    assert_eq!(world.workos.profile_fetches(), 1);
    let token = world.workos.oauth_token("user_ann");
    let me = world.call_with_token(Method::GET, "/api/me", &token).await.json();
    assert_eq!((me.get("name"), me.get("email")), (None, None), "{me}");

    // Another user has none, whether WorkOS does not know them or answers in another form.
    let mut bob = world.sign_in_browser("user_bob").await;
    assert_eq!(bob.get(&world.app, "/api/me").await.json().get("email"), None);
    let cyd = json!(["not a user"]);
    world.workos.set(|directory| {
        directory.profiles.insert("user_cyd".to_owned(), cyd);
    });
    let mut cyd = world.sign_in_browser("user_cyd").await;
    let me = cyd.get(&world.app, "/api/me").await;
    assert_eq!((me.status, me.json().get("email")), (StatusCode::OK, None));
    let local = TestApp::new().get("/api/me").await.json();
    assert_eq!((local.get("name"), local.get("email")), (None, None));
    let fields = ["id", "limits", "plan", "sign_in", "use"];
    assert!(local.as_object().unwrap().keys().eq(fields), "{local}");
}

#[tokio::test]
async fn the_free_plan_limits_the_number_of_prompts() {
    let world = World::with_settings(|settings| settings.free_prompt_limit = 2).await;
    let token = world.workos.oauth_token("user_ann");
    for number in 0..2 {
        let arguments = json!({ "content": "x", "name": format!("p{number}") });
        let saved = world.tool(&token, "save_prompt", arguments).await;
        assert_eq!(saved["isError"], false);
    }
    let refused = world.tool(&token, "save_prompt", json!({ "content": "x", "name": "p2" })).await;
    assert_eq!(
        TestApp::mistake(&refused),
        "the library is full (2 prompts, its limit); delete a prompt first; the trash is \
         at https://prompts.example/app/trash"
    );
    let saved = world
        .tool(&token, "save_prompt", json!({ "content": "y", "name": "p1", "expected_version": 1 }))
        .await;
    assert_eq!(saved["isError"], false, "an existing prompt can still change");
    let other = world.workos.oauth_token("user_bob");
    let saved = world.tool(&other, "save_prompt", json!({ "content": "x", "name": "p2" })).await;
    assert_eq!(saved["isError"], false, "each user has their own limit");
}

#[tokio::test]
async fn the_audit_trail_names_user_and_client() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let headers = [("authorization", token.as_str()), ("user-agent", "claude-code/2.1 (cli)")];
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "save_prompt", "arguments": { "content": "x", "name": "p" } } });
    world.app.call(Method::POST, "/mcp", &headers, Some(message)).await;
    let answer = world.app.call(Method::GET, "/api/audit", &headers, None).await;
    let entry = answer.json()["entries"][0].take();
    assert_eq!((&entry["user_id"], &entry["client"]), (&json!("user_ann"), &json!("Claude Code")));
}

#[tokio::test]
async fn erasing_an_account_removes_all_its_data() {
    let (world, other) = World::two_machines().await;
    let token = world.workos.oauth_token("user_ann");
    let mut browser = world.sign_in_browser("user_ann").await;
    let body = json!({ "content": "x", "name": "p" });
    let answer = browser.write(&world.app, Method::POST, "/api/prompts", Some(body.clone())).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    let headers = [("authorization", &*format!("Bearer {token}"))];
    assert_eq!(other.call(Method::GET, "/api/me", &headers, None).await.status, StatusCode::OK);

    let confirmed = Some(json!({ "confirm": "erase" }));
    // The session is refreshed in the same request, and ends nevertheless.
    world.clock.advance_seconds(280);
    let mut replay = browser.clone();
    let answer = browser.write(&world.app, Method::DELETE, "/api/account", confirmed).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(browser.cookies.is_empty());
    world.workos.set(|directory| assert!(directory.deleted.contains("user_ann")));
    assert_eq!(replay.get(&world.app, "/api/me").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        world.call_with_token(Method::GET, "/api/me", &token).await.status,
        StatusCode::UNAUTHORIZED
    );

    // Another machine may accept the cached token for a minute, but it writes nothing.
    let answer = other.call(Method::POST, "/api/prompts", &headers, Some(body)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.header("www-authenticate").starts_with("Bearer error=\"invalid_token\""));
    world.clock.advance_seconds(60);
    let answer = other.call(Method::GET, "/api/me", &headers, None).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_local_user_can_start_again_after_an_erasure() {
    let app = TestApp::new();
    app.create(json!({ "content": "x", "name": "p" })).await;
    let confirmed = Some(json!({ "confirm": "erase" }));
    let answer = app.call(Method::DELETE, "/api/account", &[], confirmed).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let me = app.get("/api/me").await.json();
    assert_eq!((&me["sign_in"], &me["use"]["prompts"]), (&json!("none"), &json!(0)));
    assert_eq!(app.get("/api/audit").await.json()["entries"], json!([]));
    app.create(json!({ "content": "x", "name": "p" })).await;
}

#[tokio::test]
async fn only_the_owner_in_person_removes_for_good() {
    let world = World::new().await;
    let token = world.workos.oauth_token("user_ann");
    let mut browser = world.sign_in_browser("user_ann").await;
    for name in ["p", "q"] {
        let body = json!({ "content": "x", "name": name });
        browser.write(&world.app, Method::POST, "/api/prompts", Some(body)).await;
    }
    let body = json!({ "content": "y", "expected_version": 1 });
    browser.write(&world.app, Method::PUT, "/api/prompts/q", Some(body)).await;
    browser.write(&world.app, Method::DELETE, "/api/prompts/p", None).await;
    let paths =
        ["/api/prompts/p?permanently=true", "/api/trash", "/api/prompts/q/versions?before=2"];
    for path in paths {
        let refused = world.call_with_token(Method::DELETE, path, &token).await;
        let problem = assert_problem(&refused, 403, "forbidden");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("sign in to this server in a browser"), "{detail}");
    }
    let web = world.workos.web_token("user_ann", "session_web");
    let pruned = world.call_with_token(Method::DELETE, paths[2], &web).await;
    assert_eq!(pruned.json(), json!({ "purged": 1 }));
    let emptied = browser.write(&world.app, Method::DELETE, "/api/trash", None).await;
    assert_eq!(emptied.json(), json!({ "purged": 1 }));
}

#[tokio::test]
async fn a_library_full_of_bytes_reads_and_deletes_and_says_how_to_make_room() {
    let (dir, clock) = (TempDir::new().unwrap(), FixedClock::new());
    let store = Arc::new(sqlite(&dir, clock.clone()));
    let world = World::with_store(store, clock).await;
    let token = world.workos.oauth_token("user_ann");
    let mut browser = world.sign_in_browser("user_ann").await;
    let body = json!({ "content": "x".repeat(65_000), "name": "p" });
    browser.write(&world.app, Method::POST, "/api/prompts", Some(body)).await;
    let body = json!({ "content": "short", "expected_version": 1 });
    browser.write(&world.app, Method::PUT, "/api/prompts/p", Some(body)).await;
    let limit = 20 * 1024 * 1024;
    let me = browser.get(&world.app, "/api/me").await.json();
    assert_eq!(me["limits"]["bytes"], limit);
    let file = rusqlite::Connection::open(dir.path().join("library").join("promptdb.db")).unwrap();
    file.execute("UPDATE libraries SET bytes = ?1", [limit - 10]).unwrap();
    let content = "more than ten bytes";
    let body = json!({ "content": content, "expected_version": 2 });
    let refused = browser.write(&world.app, Method::PUT, "/api/prompts/p", Some(body)).await;
    let problem = assert_problem(&refused, 403, "quota-exceeded");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("20971520 bytes"), "{detail}");
    assert!(detail.contains("https://prompts.example/app/trash"), "{detail}");
    let over = world.tool(&token, "save_prompt", json!({ "content": content })).await;
    assert_eq!(TestApp::mistake(&over), detail, "the same over MCP");
    for word in ["price", "upgrade", "$", "pro "] {
        assert!(!detail.to_lowercase().contains(word), "{detail}");
    }
    assert_eq!(browser.get(&world.app, "/api/prompts/p").await.json()["content"], "short");
    assert_eq!(browser.get(&world.app, "/api/export?format=json").await.status, StatusCode::OK);
    let path = "/api/prompts/p/versions?before=2";
    let pruned = browser.write(&world.app, Method::DELETE, path, None).await;
    assert_eq!(pruned.json(), json!({ "purged": 1 }));
    let saved = world.tool(&token, "save_prompt", json!({ "content": content })).await;
    assert_eq!(saved["isError"], false, "the room is there at once");
}
