//! One action on many prompts, and the list of tags.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{assert_ok, assert_problem};
use crate::auth::World;
use crate::stores::{FailingStore, Failure};
use crate::support::{TestApp, TestResponse, on_both_stores};

const BULK: &str = "/api/prompts/bulk";

async fn send(app: &TestApp, action: &str, names: &[&str]) -> Value {
    app.clock.tick();
    let body = json!({ "action": action, "names": names });
    assert_ok(&app.post(BULK, body).await)
}

async fn send_tag(app: &TestApp, action: &str, names: &[&str], tag: &str) -> Value {
    app.clock.tick();
    let body = json!({ "action": action, "names": names, "tag": tag });
    assert_ok(&app.post(BULK, body).await)
}

/// The prompts and outcomes of an answer, each with the word of its problem.
fn outcomes(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    results
        .iter()
        .map(|result| {
            let problem = text(&result["problem"]["type"]).replace("urn:promptdb:problem:", "");
            let parts = [text(&result["prompt"]), text(&result["outcome"]), problem];
            parts.join(" ").trim_end().to_owned()
        })
        .collect()
}

async fn add(app: &TestApp, names: &[&str]) -> Vec<String> {
    let mut ids = Vec::new();
    for name in names {
        let prompt =
            app.create(json!({ "name": name, "content": format!("text of {name}") })).await;
        ids.push(prompt["id"].as_str().unwrap().to_owned());
    }
    ids
}

on_both_stores! {
    async fn many_prompts_are_deleted_restored_and_removed_for_good(app: &TestApp) {
        let ids = add(app, &["a", "b", "c"]).await;
        let by_id = ids[1].as_str();
        let deleted = send(app, "delete", &["a", by_id, "nothing", "a"]).await;
        let expected = ["a done".to_owned(), format!("{by_id} done"), "nothing refused not-found".to_owned(), "a unchanged".to_owned()];
        assert_eq!(outcomes(&deleted), expected);
        let problem = &deleted["results"][2]["problem"];
        assert_eq!((&problem["status"], problem["request_id"].as_str().map(str::len)), (&json!(404), Some(32)));
        assert_eq!(assert_ok(&app.get("/api/prompts").await)["prompts"].as_array().unwrap().len(), 1);

        let restored = send(app, "restore", &["b", "b", "c", "nothing"]).await;
        assert_eq!(outcomes(&restored), ["b done", "b unchanged", "c unchanged", "nothing refused not-found"]);
        let purged = send(app, "purge", &["a", "b", "a"]).await;
        assert_eq!(outcomes(&purged), ["a done", "b refused not-deleted", "a refused not-found"]);
        assert_eq!(assert_ok(&app.get("/api/trash").await), json!({ "prompts": [] }));
    }

    async fn a_name_of_several_deleted_prompts_is_ambiguous_in_bulk(app: &TestApp) {
        for _ in 0..2 {
            add(app, &["twin"]).await;
            send(app, "delete", &["twin"]).await;
        }
        for action in ["restore", "purge"] {
            assert_eq!(outcomes(&send(app, action, &["twin"]).await), ["twin refused ambiguous"]);
        }
    }

    async fn tags_are_added_and_removed_as_versions(app: &TestApp) {
        add(app, &["a", "b"]).await;
        let many: Vec<String> = (0..10).map(|number| format!("t{number}")).collect();
        app.create(json!({ "name": "full", "content": "x", "tags": many })).await;
        let tagged = send_tag(app, "tag", &["a", "b", "a", "full", "none"], "rust").await;
        let expected = ["a done", "b done", "a unchanged", "full refused invalid-field", "none refused not-found"];
        assert_eq!(outcomes(&tagged), expected);
        let saved = assert_ok(&app.get("/api/prompts/a").await);
        assert_eq!((&saved["tags"], &saved["version"]), (&json!(["rust"]), &json!(2)));
        let before = assert_ok(&app.get("/api/prompts/a?version=1").await);
        assert_eq!((&before["tags"], &before["content"]), (&json!([]), &saved["content"]));
        let full = tagged["results"][3]["problem"]["errors"][0]["field"].as_str();
        assert_eq!(full, Some("tags"));

        let counted = assert_ok(&app.get("/api/tags").await);
        let tags = counted["tags"].as_array().unwrap();
        assert_eq!((tags.len(), &tags[0]), (11, &json!({ "name": "rust", "count": 2 })));
        assert_eq!((tags[1]["name"].as_str(), counted.get("next_cursor")), (Some("t0"), None));
        assert_eq!(outcomes(&send_tag(app, "untag", &["a", "a"], "rust").await), ["a done", "a unchanged"]);
        assert_eq!(assert_ok(&app.get("/api/prompts/a").await)["version"], 3);
        assert_eq!(assert_ok(&app.get("/api/tags").await)["tags"][0]["count"], 1);
    }

    async fn favourites_are_marked_without_a_version(app: &TestApp) {
        add(app, &["a", "b"]).await;
        assert_eq!(outcomes(&send(app, "favorite", &["a", "a"]).await), ["a done", "a unchanged"]);
        assert_eq!(app.get("/api/prompts/a").await.header("etag"), "\"1f\"");
        assert_eq!(outcomes(&send(app, "unfavorite", &["a", "b"]).await), ["a done", "b unchanged"]);
        assert_eq!(app.get("/api/prompts/a").await.header("etag"), "\"1\"");
    }

    async fn concurrent_tags_are_all_kept(app: &TestApp) {
        add(app, &["a"]).await;
        let tags = ["x", "y", "z"].map(|tag| send_tag(app, "tag", &["a"], tag));
        for tagged in futures_util::future::join_all(tags).await {
            assert_eq!(outcomes(&tagged), ["a done"]);
        }
        let saved = assert_ok(&app.get("/api/prompts/a").await);
        assert_eq!((saved["tags"].as_array().map(Vec::len), &saved["version"]), (Some(3), &json!(4)));
    }

    async fn the_path_of_the_action_is_the_prompt_of_that_name_for_other_methods(app: &TestApp) {
        assert_problem(&app.get(BULK).await, 404, "not-found");
        add(app, &["bulk"]).await;
        assert_eq!(assert_ok(&app.get(BULK).await)["name"], "bulk");
        let saved = app.put(BULK, json!({ "expected_version": 1, "content": "two" })).await;
        assert_eq!(assert_ok(&saved)["version"], 2);
        assert_ok(&app.get("/api/prompts/bulk/versions").await);
        assert_ok(&app.post("/api/prompts/bulk/render", json!({})).await);
        assert_ok(&app.delete(BULK).await);
        assert_ok(&app.post("/api/prompts/bulk/restore", json!({})).await);
        assert_eq!(outcomes(&send(app, "delete", &["bulk"]).await), ["bulk done"]);
    }
}

#[tokio::test]
async fn a_malformed_action_changes_nothing() {
    let app = TestApp::new();
    add(&app, &["a"]).await;
    let many = vec!["a"; 101];
    for (body, field) in [
        (json!({ "action": "delete", "names": [] }), "names"),
        (json!({ "action": "delete", "names": many }), "names"),
        (json!({ "action": "delete", "names": "a" }), "names"),
        (json!({ "action": "delete", "names": [1] }), "names[0]"),
        (json!({ "action": "delete" }), "names"),
        (json!({ "names": ["a"] }), "action"),
        (json!({ "action": "drop", "names": ["a"] }), "action"),
        (json!({ "action": "tag", "names": ["a"] }), "tag"),
        (json!({ "action": "untag", "names": ["a"], "tag": "" }), "tag"),
        (json!({ "action": "delete", "names": ["a"], "tag": "x" }), "tag"),
        (json!({ "action": "delete", "names": ["a"], "more": 1 }), "more"),
    ] {
        let problem = assert_problem(&app.post(BULK, body.clone()).await, 422, "invalid-field");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    assert_eq!(outcomes(&send(&app, "delete", &["", "\u{1}"]).await).len(), 2);
    assert_ok(&app.get("/api/prompts/a").await);
    assert_eq!(app.call(Method::POST, BULK, &[], None).await.status.as_u16(), 415);
}

#[tokio::test]
async fn each_prompt_costs_a_unit_before_any_is_changed() {
    let rate = NonZeroU32::new(20);
    let app = TestApp::builder().limits(|limits| limits.rate_per_minute = rate).build();
    add(&app, &["a"]).await;
    let units_left = |answer: &TestResponse| answer.header("ratelimit-remaining").to_owned();
    assert_eq!(units_left(&app.get("/api/me").await), "18");
    send(&app, "favorite", &["a"; 10]).await;
    assert_eq!(units_left(&app.get("/api/me").await), "7");
    let body = json!({ "action": "delete", "names": vec!["a"; 10] });
    let refused = app.post(BULK, body).await;
    assert_problem(&refused, 429, "rate-limited");
    assert_ok(&app.get("/api/prompts/a").await);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_refused_and_said() {
    let store = Arc::new(FailingStore(Failure::Hang));
    let app = TestApp::builder().store(store).request_timeout(Duration::from_secs(10)).build();
    let answer = send(&app, "delete", &["a", "b"]).await;
    assert_eq!(outcomes(&answer), ["a refused timeout", "b refused timeout"]);
}

#[tokio::test]
async fn only_a_change_is_announced() {
    let app = TestApp::new();
    add(&app, &["a"]).await;
    let mut changes = app.state.library().changes();
    send(&app, "delete", &["nothing", "", "gone"]).await;
    send(&app, "unfavorite", &["a"]).await;
    assert!(changes.try_recv().is_err(), "nothing was changed");
    send(&app, "favorite", &["nothing", "a", "a"]).await;
    assert!(changes.try_recv().is_ok());
    assert!(changes.try_recv().is_err(), "a call announces its changes once");
}

#[tokio::test(start_paused = true)]
async fn a_change_whose_end_was_not_awaited_is_announced() {
    for (failure, is_announced) in [(Failure::Hang, true), (Failure::Internal, false)] {
        let store = Arc::new(FailingStore(failure));
        let app = TestApp::builder().store(store).request_timeout(Duration::from_secs(10)).build();
        let mut changes = app.state.library().changes();
        send(&app, "delete", &["a"]).await;
        assert_eq!(changes.try_recv().is_ok(), is_announced);
    }
}

#[tokio::test]
async fn a_fault_of_the_store_is_that_of_each_prompt_and_hides_its_cause() {
    let app = TestApp::builder().store(Arc::new(FailingStore(Failure::Internal))).build();
    let answer = send(&app, "delete", &["a"]).await;
    assert_eq!(outcomes(&answer), ["a refused internal"]);
    assert!(!answer.to_string().contains("hunter2"), "{answer}");
}

#[tokio::test]
async fn only_the_owner_in_person_removes_many_for_good() {
    let world = World::new().await;
    let authorization = format!("Bearer {}", world.workos.oauth_token("user_ann"));
    let body = json!({ "action": "purge", "names": ["a"] });
    let headers = [("authorization", authorization.as_str())];
    let answer = world.app.call(Method::POST, BULK, &headers, Some(body.clone())).await;
    assert_problem(&answer, 403, "forbidden");
    let mut browser = world.sign_in_browser("user_ann").await;
    let answer = browser.write(&world.app, Method::POST, BULK, Some(body)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
}

#[tokio::test]
async fn a_library_of_many_tags_is_listed_in_pages() {
    let app = TestApp::new();
    let mut prompts = Vec::new();
    for number in 0..101 {
        let tags: Vec<String> = (0..10).map(|tag| format!("t{number:03}-{tag}")).collect();
        prompts.push(json!({ "name": format!("p{number}"), "content": "x", "tags": tags }));
    }
    let import = app.post("/api/import", json!(prompts)).await;
    assert_ok(&import);
    let first = assert_ok(&app.get("/api/tags").await);
    assert_eq!(first["tags"].as_array().unwrap().len(), 1000);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = assert_ok(&app.get(&format!("/api/tags?cursor={cursor}")).await);
    let tags = second["tags"].as_array().unwrap();
    assert_eq!((tags.len(), second.get("next_cursor")), (10, None));
    assert_eq!(tags[0], json!({ "name": "t100-0", "count": 1 }));
    assert_problem(&app.get("/api/tags?cursor=x").await, 422, "invalid-field");
    assert_problem(&app.get("/api/tags?limit=1").await, 422, "invalid-field");
}
