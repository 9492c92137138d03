//! Removing prompts and versions for good over REST, and the limit of a body.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{assert_ok, assert_problem};
use crate::support::{TestApp, on_both_stores};

async fn create_deleted(app: &TestApp, name: &str) -> String {
    app.clock.tick();
    let id = app.create(json!({ "name": name, "content": "text" })).await["id"].take();
    assert_ok(&app.delete(&format!("/api/prompts/{name}")).await);
    id.as_str().unwrap().to_owned()
}

async fn bytes(app: &TestApp) -> u64 {
    assert_ok(&app.get("/api/me").await)["use"]["bytes"].as_u64().unwrap()
}

/// A prompt with variables of about 130,000 bytes in all, and one more in the last default.
fn large(defaults: usize) -> Value {
    let names: Vec<String> = (0..33).map(|number| format!("v{number}")).collect();
    let places: Vec<String> = names.iter().map(|name| format!("{{{{{name}}}}}")).collect();
    let content = places.concat();
    let variable = |(number, name): (usize, &String)| json!({ "name": name, "default": "d".repeat(4096.min(defaults.saturating_sub(4096 * number))) });
    let variables: Vec<Value> = names.iter().enumerate().map(variable).collect();
    json!({ "name": "large", "title": "L", "content": content, "variables": variables })
}

on_both_stores! {
    async fn a_deleted_prompt_is_removed_for_good_by_name_or_id(app: &TestApp) {
        app.create(json!({ "name": "living", "content": "text" })).await;
        let before = bytes(app).await;
        let living = app.delete("/api/prompts/living?permanently=true").await;
        let problem = assert_problem(&living, 409, "not-deleted");
        assert!(problem["detail"].as_str().unwrap().contains("delete it first"), "{problem}");
        let unknown = app.delete("/api/prompts/nothing?permanently=true").await;
        assert_problem(&unknown, 404, "not-found");
        let maybe = app.delete("/api/prompts/living?permanently=maybe").await;
        assert_eq!(maybe.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", maybe.json());

        create_deleted(app, "once").await;
        let id = create_deleted(app, "by-id").await;
        assert!(bytes(app).await > before);
        let headers = [("if-match", "\"7\"")];
        let stale = app.call(axum::http::Method::DELETE, "/api/prompts/once?permanently=true", &headers, None).await;
        assert_problem(&stale, 412, "precondition-failed");
        for path in ["once", &id] {
            let path = format!("/api/prompts/{path}?permanently=true");
            assert_eq!(app.delete(&path).await.status, StatusCode::NO_CONTENT);
            assert_problem(&app.delete(&path).await, 404, "not-found");
        }
        assert_problem(&app.post(&format!("/api/prompts/{id}/restore"), json!({})).await, 404, "not-found");
        assert_eq!(bytes(app).await, before);
        let names = app.get("/api/audit").await.json()["entries"].to_string();
        assert!(!names.contains("once") && !names.contains("by-id"), "{names}");
    }

    async fn a_name_of_several_deleted_prompts_is_ambiguous(app: &TestApp) {
        let first = create_deleted(app, "twice").await;
        create_deleted(app, "twice").await;
        let problem = assert_problem(&app.delete("/api/prompts/twice?permanently=true").await, 409, "ambiguous");
        assert!(problem["detail"].as_str().unwrap().contains("pass the id"), "{problem}");
        let by_id = format!("/api/prompts/{first}?permanently=true");
        assert_eq!(app.delete(&by_id).await.status, StatusCode::NO_CONTENT);
        let by_name = app.delete("/api/prompts/twice?permanently=true").await;
        assert_eq!(by_name.status, StatusCode::NO_CONTENT, "one is left");
    }

    async fn the_trash_is_emptied(app: &TestApp) {
        for number in 0..3 {
            create_deleted(app, &format!("p{number}")).await;
        }
        app.create(json!({ "name": "living", "content": "text" })).await;
        assert_eq!(assert_ok(&app.delete("/api/trash").await), json!({ "purged": 3 }));
        let list = assert_ok(&app.get("/api/prompts?deleted=true").await);
        assert_eq!(list["prompts"], json!([]));
        assert_eq!(assert_ok(&app.delete("/api/trash").await), json!({ "purged": 0 }));
        assert_ok(&app.get("/api/prompts/living").await);
    }

    async fn old_versions_are_pruned_and_the_rest_survives_an_export(app: &TestApp) {
        app.create(json!({ "name": "p", "content": "one" })).await;
        for (version, content) in [(1, "two"), (2, "three"), (3, "four")] {
            let body = json!({ "content": content, "expected_version": version });
            assert_ok(&app.put("/api/prompts/p", body).await);
        }
        for before in ["0", "1", "5"] {
            let refused = app.delete(&format!("/api/prompts/p/versions?before={before}")).await;
            let problem = assert_problem(&refused, 422, "invalid-field");
            assert_eq!(problem["errors"][0]["field"], "before", "{problem}");
            assert!(problem["errors"][0]["message"].as_str().unwrap().contains("from 2 to 4"), "{problem}");
        }
        let missing = app.delete("/api/prompts/p/versions").await;
        assert_eq!(missing.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", missing.json());
        let pruned = app.delete("/api/prompts/p/versions?before=3").await;
        assert_eq!(assert_ok(&pruned), json!({ "purged": 2 }));
        let versions = assert_ok(&app.get("/api/prompts/p/versions").await);
        assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
        assert_problem(&app.get("/api/prompts/p?version=2").await, 404, "not-found");
        assert_ok(&app.get("/api/prompts/p?version=3").await);

        let file = app.get("/api/export?format=json").await.body;
        let other = TestApp::new();
        let request = |file: Vec<u8>| {
            let request = axum::http::Request::post("/api/import").header("content-type", "application/json");
            request.body(axum::body::Body::from(file)).unwrap()
        };
        let report = other.send(request(file.clone())).await.json();
        assert_eq!(report["items"][0]["outcome"], "created", "{report}");
        let versions = assert_ok(&other.get("/api/prompts/p/versions").await);
        let contents: Vec<&Value> = versions["versions"].as_array().unwrap().iter().map(|version| &version["content"]).collect();
        assert_eq!(contents, [&json!("four"), &json!("three")]);
        let again = app.send(request(file)).await.json();
        assert_eq!(again["items"][0]["outcome"], "unchanged", "{again}");
    }

    async fn a_body_over_128_kib_is_refused_with_its_size(app: &TestApp) {
        let answer = app.post("/api/prompts", large(32 * 4096)).await;
        let problem = assert_problem(&answer, 422, "invalid-field");
        assert_eq!(problem["errors"][0]["field"], "variables", "{problem}");
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("at most 131072 are allowed"), "{message}");
        app.create(large(32 * 4096 - 400)).await;
        let grown = json!({ "expected_version": 1, "description": "d".repeat(499) });
        let answer = app.put("/api/prompts/large", grown.clone()).await;
        assert_problem(&answer, 422, "invalid-field");
        let mut arguments = large(32 * 4096);
        arguments["name"] = json!("another");
        let refused = app.tool("save_prompt", arguments).await;
        assert!(TestApp::mistake(&refused).contains("at most 131072 are allowed"), "{refused}");
    }
}
