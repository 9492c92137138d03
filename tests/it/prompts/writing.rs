//! Saving, renaming, deleting and restoring: their effects and refusals.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{assert_ok, assert_problem};
use crate::support::{TestApp, TestResponse, on_both_stores};

const POEM: &str = "/api/prompts/poem";

async fn add_poem(app: &TestApp) {
    app.create(json!({ "name": "poem", "content": "one" })).await;
}

async fn save(app: &TestApp, headers: &[(&str, &str)], body: Value) -> TestResponse {
    app.clock.tick();
    app.call(Method::PUT, POEM, headers, Some(body)).await
}

/// Sends a write twice with one idempotency key, and asserts one effect and two equal responses.
async fn check_repetition(app: &TestApp, method: Method, path: &str, body: Option<Value>) {
    let key = format!("key of {method} {path} {body:?}").replace('"', "'");
    let headers = [("idempotency-key", key.as_str())];
    let send = || app.call(method.clone(), path, &headers, body.clone());
    let first = send().await;
    assert!(first.status.is_success(), "{}", first.json());
    let trail = app.get("/api/audit").await.json();
    app.clock.tick();
    let second = send().await;
    assert_eq!((first.status, first.json()), (second.status, second.json()), "{key}");
    assert_eq!(first.header("etag"), second.header("etag"));
    assert_eq!(first.header("location"), second.header("location"));
    assert_eq!(app.get("/api/audit").await.json(), trail, "{key}");
}

on_both_stores! {
    async fn a_save_needs_the_version_that_was_read(app: &TestApp) {
        add_poem(app).await;
        let two = || json!({ "content": "two" });
        let with_version = |version: u32| json!({ "content": "two", "expected_version": version });

        let problem = assert_problem(&save(app, &[], two()).await, 409, "version-conflict");
        assert_eq!(problem["current_version"], 1);
        assert!(problem["detail"].as_str().unwrap().contains("expected_version: 1"), "{problem}");
        for stale in [0, 2, u32::MAX] {
            let answer = save(app, &[], with_version(stale)).await;
            let problem = assert_problem(&answer, 409, "version-conflict");
            assert_eq!(problem["current_version"], 1);
        }
        for stale in ["\"0\"", "\"2\"", "\"2f\"", "W/\"2\"", "\"other\"", "\"01\"", "\"+1\"", "\"\"", "\"2\", \"3\""] {
            let answer = save(app, &[("if-match", stale)], two()).await;
            let problem = assert_problem(&answer, 412, "precondition-failed");
            assert_eq!(problem["current_version"], 1);
        }
        for malformed in ["1", "w/\"1\"", "\"1\", 2", "\"1\" \"2\"", "\"", ""] {
            let answer = save(app, &[("if-match", malformed)], two()).await;
            assert_problem(&answer, 400, "malformed");
        }
        let answer = save(app, &[("if-match", "\"1\"")], with_version(2)).await;
        let problem = assert_problem(&answer, 422, "invalid-field");
        assert_eq!(problem["errors"][0]["field"], "expected_version");
        assert_eq!(assert_ok(&app.get(POEM).await)["content"], "one", "none of these writes had an effect");

        let answer = save(app, &[("if-match", "\"1\"")], with_version(1)).await;
        assert_eq!((answer.header("etag"), assert_ok(&answer)["version"].as_u64()), ("\"2\"", Some(2)));
        let answer = save(app, &[("if-match", "*")], json!({ "content": "three" })).await;
        assert_eq!(answer.header("etag"), "\"3\"");
        let answer = save(app, &[("if-match", "*")], json!({ "content": "x", "expected_version": 2 }));
        assert_problem(&answer.await, 409, "version-conflict");
    }

    async fn a_save_without_a_change_adds_no_version(app: &TestApp) {
        add_poem(app).await;
        let before = assert_ok(&app.get(POEM).await);
        for body in [
            json!({ "expected_version": 1 }),
            json!({ "expected_version": 1, "content": "one", "title": " Poem ", "tags": [] }),
            json!({ "expected_version": 1, "name": "poem", "favorite": false }),
        ] {
            let answer = save(app, &[], body).await;
            assert_eq!(answer.header("etag"), "\"1\"");
            assert_ok(&answer);
        }
        assert_eq!(assert_ok(&app.get(POEM).await), before);
    }

    async fn a_change_of_favourite_or_name_adds_no_version(app: &TestApp) {
        add_poem(app).await;
        let created = assert_ok(&app.get(POEM).await);
        let marked = save(app, &[], json!({ "expected_version": 1, "favorite": true })).await;
        assert_eq!((&assert_ok(&marked)["favorite"], &assert_ok(&marked)["version"]), (&json!(true), &json!(1)));

        let renamed = save(app, &[], json!({ "expected_version": 1, "name": "ode" })).await;
        let renamed = assert_ok(&renamed);
        assert_eq!((&renamed["name"], &renamed["version"]), (&json!("ode"), &json!(1)));
        assert_eq!(renamed["id"], created["id"]);
        assert_eq!(renamed["updated_at"], created["updated_at"]);
        assert_problem(&app.get(POEM).await, 404, "not-found");

        app.create(json!({ "name": "poem", "content": "another" })).await;
        let body = json!({ "expected_version": 1, "name": "poem", "content": "x" });
        let problem = assert_problem(&app.put("/api/prompts/ode", body).await, 409, "name-taken");
        assert_eq!(problem["current_version"], 1);
        assert_eq!(assert_ok(&app.get("/api/prompts/ode").await)["content"], "one");
    }

    async fn absent_fields_keep_their_value_and_empty_ones_clear_it(app: &TestApp) {
        app.create(json!({
            "name": "poem", "title": "T", "description": "D", "tags": ["a", "b"],
            "content": "{{x}} {{y}}",
            "variables": [{ "name": "x", "description": "X", "default": "1" }],
        }))
        .await;
        let saved =
            assert_ok(&save(app, &[], json!({ "expected_version": 1, "content": "{{y}} {{x}}!" })).await);
        let variables = json!([{ "name": "y" }, { "name": "x", "description": "X", "default": "1" }]);
        assert_eq!(saved["variables"], variables);
        assert_eq!((&saved["title"], &saved["description"]), (&json!("T"), &json!("D")));

        let body = json!({ "expected_version": 2, "description": "", "tags": [], "variables": [] });
        let saved = assert_ok(&save(app, &[], body).await);
        assert_eq!((&saved["description"], &saved["tags"]), (&json!(""), &json!([])));
        assert_eq!(saved["variables"], json!([{ "name": "y" }, { "name": "x" }]));

        let saved = assert_ok(&save(app, &[], json!({ "expected_version": 3, "content": "plain" })).await);
        assert_eq!(saved["variables"], json!([]));
    }

    async fn a_deleted_prompt_frees_its_name_and_can_be_restored_for_30_days(app: &TestApp) {
        add_poem(app).await;
        let id = assert_ok(&app.get(POEM).await)["id"].as_str().unwrap().to_owned();
        app.clock.tick();
        let deleted = assert_ok(&app.delete(POEM).await);
        assert_eq!(deleted["deleted_at"], "2026-01-01T00:00:00.001Z");
        assert_eq!(deleted["restorable_until"], "2026-01-31T00:00:00.001Z");
        for path in [POEM.to_owned(), format!("/api/prompts/{id}")] {
            assert_problem(&app.get(&path).await, 404, "not-found");
            assert_problem(&app.delete(&path).await, 404, "not-found");
            assert_problem(&app.put(&path, json!({ "expected_version": 1 })).await, 404, "not-found");
            assert_problem(&app.post(&format!("{path}/render"), json!({})).await, 404, "not-found");
        }
        assert_eq!(assert_ok(&app.get("/api/prompts").await)["prompts"], json!([]));
        let gone = assert_ok(&app.get("/api/prompts?deleted=true").await);
        assert_eq!(gone["prompts"][0]["id"], json!(id));

        let other = app.create(json!({ "name": "poem", "content": "other" })).await;
        let restore = format!("/api/prompts/{id}/restore");
        assert_problem(&app.post(&restore, json!({})).await, 409, "name-taken");
        let body = json!({ "expected_version": 1, "name": "ode" });
        assert_ok(&app.put(&format!("/api/prompts/{}", other["id"].as_str().unwrap()), body).await);

        app.clock.advance_days(29);
        let restored = assert_ok(&app.post(&restore, json!({})).await);
        assert_eq!((&restored["deleted_at"], &restored["version"]), (&Value::Null, &json!(1)));
        assert_eq!(assert_ok(&app.get(POEM).await)["content"], "one");

        assert_ok(&app.delete(POEM).await);
        app.clock.advance_days(31);
        assert_problem(&app.post(&restore, json!({})).await, 404, "not-found");
        assert_problem(&app.get(&format!("/api/prompts/{id}/versions")).await, 404, "not-found");
        assert_eq!(assert_ok(&app.get("/api/prompts?deleted=true").await)["prompts"], json!([]));
    }

    async fn a_deletion_can_require_the_version_that_was_read(app: &TestApp) {
        add_poem(app).await;
        assert_ok(&save(app, &[], json!({ "expected_version": 1, "content": "two" })).await);
        let answer = app.call(Method::DELETE, POEM, &[("if-match", "\"1\"")], None).await;
        let problem = assert_problem(&answer, 412, "precondition-failed");
        assert_eq!(problem["current_version"], 2);
        assert_ok(&app.call(Method::DELETE, POEM, &[("if-match", "\"2\"")], None).await);
    }

    async fn restoring_an_old_version_adds_it_as_a_new_one(app: &TestApp) {
        add_poem(app).await;
        assert_ok(&save(app, &[], json!({ "expected_version": 1, "content": "two", "title": "Two" })).await);
        let restore = "/api/prompts/poem/restore";
        let answer = app.post(restore, json!({ "version": 1 })).await;
        assert_eq!(answer.header("etag"), "\"3\"");
        let restored = assert_ok(&answer);
        assert_eq!((&restored["content"], &restored["title"]), (&json!("one"), &json!("Poem")));
        assert_eq!(assert_ok(&app.get("/api/prompts/poem?version=2").await)["content"], "two");

        let again = assert_ok(&app.post(restore, json!({ "version": 3 })).await);
        assert_eq!(again["version"], 3, "the current version already exists");
        assert_problem(&app.post(restore, json!({ "version": 9 })).await, 404, "not-found");
        let headers = [("if-match", "\"2\"")];
        let stale = app.call(Method::POST, restore, &headers, Some(json!({ "version": 2 }))).await;
        assert_problem(&stale, 412, "precondition-failed");

        assert_ok(&app.delete(POEM).await);
        let both = assert_ok(&app.post(restore, json!({ "version": 2 })).await);
        assert_eq!((&both["content"], &both["version"]), (&json!("two"), &json!(4)));
        assert_eq!(both["deleted_at"], Value::Null);
    }

    async fn a_write_repeated_with_its_idempotency_key_has_one_effect(app: &TestApp) {
        let new = json!({ "name": "poem", "content": "one" });
        check_repetition(app, Method::POST, "/api/prompts", Some(new)).await;
        let change = json!({ "content": "two", "expected_version": 1 });
        check_repetition(app, Method::PUT, POEM, Some(change)).await;
        let back = json!({ "version": 1 });
        check_repetition(app, Method::POST, "/api/prompts/poem/restore", Some(back)).await;
        check_repetition(app, Method::DELETE, POEM, None).await;
        let both = json!({ "version": 2 });
        check_repetition(app, Method::POST, "/api/prompts/poem/restore", Some(both)).await;
        assert_ok(&app.delete(POEM).await);
        check_repetition(app, Method::POST, "/api/prompts/poem/restore", Some(json!({}))).await;
        assert_eq!(assert_ok(&app.get(POEM).await)["version"], 4);
    }

    async fn a_write_with_if_match_can_be_repeated_with_its_idempotency_key(app: &TestApp) {
        add_poem(app).await;
        assert_ok(&save(app, &[], json!({ "expected_version": 1, "content": "two" })).await);
        let headers = [("if-match", "\"2\""), ("idempotency-key", "once")];
        let restore = "/api/prompts/poem/restore";
        for _ in 0..2 {
            let answer = app.call(Method::POST, restore, &headers, Some(json!({ "version": 1 }))).await;
            assert_eq!((&assert_ok(&answer)["version"], answer.header("etag")), (&json!(3), "\"3\""));
        }
    }

    async fn a_rename_can_be_repeated_with_its_idempotency_key(app: &TestApp) {
        add_poem(app).await;
        let id = assert_ok(&app.get(POEM).await)["id"].as_str().unwrap().to_owned();
        let body = json!({ "name": "ode", "expected_version": 1 });
        check_repetition(app, Method::PUT, &format!("/api/prompts/{id}"), Some(body)).await;
    }

    async fn an_idempotency_key_belongs_to_one_request(app: &TestApp) {
        add_poem(app).await;
        let headers = [("idempotency-key", "k")];
        let first = json!({ "content": "two", "expected_version": 1 });
        assert_ok(&save(app, &headers, first.clone()).await);
        let create = json!({ "name": "x", "content": "y" });
        for (method, path, body) in [
            (Method::PUT, POEM, Some(json!({ "content": "three", "expected_version": 2 }))),
            (Method::POST, "/api/prompts", Some(create)),
            (Method::DELETE, POEM, None),
            (Method::POST, "/api/prompts/poem/restore", Some(json!({ "version": 1 }))),
        ] {
            let answer = app.call(method, path, &headers, body).await;
            assert_problem(&answer, 422, "idempotency-mismatch");
        }
        assert_eq!(assert_ok(&app.get(POEM).await)["version"], 2);

        // A failure is not recorded: the same key is valid for the corrected request.
        let headers = [("idempotency-key", "later")];
        assert_problem(&save(app, &headers, first).await, 409, "version-conflict");
        let corrected = json!({ "content": "three", "expected_version": 2 });
        assert_eq!(assert_ok(&save(app, &headers, corrected).await)["version"], 3);

        let long = "k".repeat(256);
        for key in ["", long.as_str(), "\u{e9}"] {
            let answer = save(app, &[("idempotency-key", key)], json!({})).await;
            let problem = assert_problem(&answer, 422, "invalid-field");
            assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
        }
    }

    async fn a_save_lists_similar_prompts(app: &TestApp) {
        add_poem(app).await;
        let text = "Review the following code for errors, unclear names and missing tests: {{code}}";
        app.create(json!({ "name": "review", "content": text })).await;
        let copy = app.create(json!({ "name": "copy", "content": text.to_uppercase() })).await;
        assert_eq!(copy["similar"][0]["name"], "review");
        assert_eq!(copy["similar"][0]["verdict"], "duplicate");
        let longer = format!("{text} Be kind, and say what is good first.");
        let variant = app.create(json!({ "name": "longer", "content": longer })).await;
        let similar = variant["similar"].as_array().unwrap();
        assert_eq!(similar.len(), 2, "{variant}");
        assert!(similar.iter().all(|other| other["verdict"] == "variant"), "{variant}");
    }

    async fn a_candidate_is_accepted_with_changes_or_rejected(app: &TestApp) {
        let proposal = |title: &str, content: &str| json!({ "title": title, "content": content, "why": "Used twice." });
        let body = json!({ "candidates": [
            proposal("Commit message", "Write a commit message in the imperative for this diff: {{diff}}"),
            proposal("Release notes", "Write release notes for users from these changes: {{changes}}"),
            proposal("Third", "Explain {{concept}} to a beginner with one example and no jargon."),
        ] });
        let answer = app.post("/api/candidates", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
        let ids: Vec<String> = answer.json()["candidates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|candidate| candidate["candidate_id"].as_str().unwrap().to_owned())
            .collect();

        let queue = assert_ok(&app.get("/api/candidates").await);
        assert_eq!(queue["candidates"].as_array().unwrap().len(), 3);
        let me = assert_ok(&app.get("/api/me").await);
        assert_eq!(me["use"]["prompts"], 0, "a candidate counts toward no quota");

        let accept = format!("/api/candidates/{}/accept", ids[0]);
        let answer = app.post(&accept, json!({ "title": "Commit text", "tags": ["git"] })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.json());
        let saved = answer.json();
        assert_eq!((&saved["name"], &saved["tags"]), (&json!("commit-text"), &json!(["git"])));
        assert_eq!(answer.header("etag"), "\"1\"");
        assert_problem(&app.post(&accept, json!({})).await, 404, "not-found");

        let over = json!({ "name": "commit-text", "expected_version": 1 });
        let answer = app.post(&format!("/api/candidates/{}/accept", ids[1]), over).await;
        assert_eq!(assert_ok(&answer)["version"], 2);

        let reject = format!("/api/candidates/{}", ids[2]);
        let answer = app.delete(&reject).await;
        assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));
        assert_problem(&app.delete(&reject).await, 404, "not-found");
        assert_eq!(assert_ok(&app.get("/api/candidates").await)["candidates"], json!([]));
    }

    async fn a_candidate_expires_after_7_days(app: &TestApp) {
        let content = "Write release notes for users from these changes: {{changes}}";
        let candidate = json!({ "title": "Notes", "content": content, "why": "Used twice." });
        let answer = app.post("/api/candidates", json!({ "candidates": [candidate] })).await.json();
        let id = answer["candidates"][0]["candidate_id"].as_str().unwrap().to_owned();
        app.clock.advance_days(6);
        assert_eq!(assert_ok(&app.get("/api/candidates").await)["candidates"][0]["candidate_id"], json!(id));
        app.clock.advance_days(1);
        assert_eq!(assert_ok(&app.get("/api/candidates").await)["candidates"], json!([]));
        let accept = format!("/api/candidates/{id}/accept");
        assert_problem(&app.post(&accept, json!({})).await, 404, "not-found");
    }
}
