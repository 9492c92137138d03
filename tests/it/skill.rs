//! The tag `skill`, which only the owner of a library adds, in person.

use axum::http::Method;
use serde_json::{Value, json};

use crate::auth::World;
use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

const NOTE: &str = "The tag skill was left out: only the owner of the library adds it, in person.";

async fn tags_of(app: &TestApp, name: &str) -> Value {
    app.get(&format!("/api/prompts/{name}")).await.json()["tags"].take()
}

#[tokio::test]
async fn a_model_cannot_add_it_and_does_not_remove_it_by_repeating_it() {
    let app = TestApp::new();
    let save = json!({ "name": "poem", "content": "one", "tags": ["a", "#Skill"] });
    let saved = app.tool("save_prompt", save).await;
    assert_eq!(TestApp::structured(&saved)["notes"], json!([NOTE]));
    assert!(saved["content"][0]["text"].as_str().unwrap().contains(NOTE), "{saved}");
    assert_eq!(tags_of(&app, "poem").await, json!(["a"]));

    let mark = json!({ "tags": ["a", "skill"], "expected_version": 1 });
    let marked = app.put("/api/prompts/poem", mark).await;
    assert_eq!(marked.json()["tags"], json!(["a", "skill"]), "its owner is in person");
    assert_eq!(marked.json()["notes"], json!([]));
    for (version, change) in [
        (2, json!({ "content": "two" })),
        (3, json!({ "content": "three", "tags": ["skill", "b"] })),
    ] {
        let mut change = change;
        change["name"] = json!("poem");
        change["expected_version"] = json!(version);
        let saved = app.tool("save_prompt", change).await;
        assert_eq!(TestApp::structured(&saved)["notes"], json!([]), "{saved}");
    }
    assert_eq!(tags_of(&app, "poem").await, json!(["skill", "b"]));
}

#[tokio::test]
async fn a_restored_version_brings_it_back_for_the_owner_alone() {
    let app = TestApp::new();
    let marked = json!({ "name": "poem", "content": "one", "tags": ["skill", "a"] });
    assert_eq!(app.post("/api/prompts", marked).await.status.as_u16(), 201);
    let unmarked = json!({ "content": "two", "tags": ["a"], "expected_version": 1 });
    assert_eq!(app.put("/api/prompts/poem", unmarked).await.status.as_u16(), 200);
    let restored = app.tool("restore_prompt", json!({ "name": "poem", "version": 1 })).await;
    assert_eq!(TestApp::structured(&restored)["notes"], json!([NOTE]), "{restored}");
    assert_eq!(tags_of(&app, "poem").await, json!(["a"]));

    let restored = app.post("/api/prompts/poem/restore", json!({ "version": 1 })).await;
    assert_eq!(restored.json()["notes"], json!([]));
    assert_eq!(tags_of(&app, "poem").await, json!(["skill", "a"]));
}

#[tokio::test]
async fn a_harvest_and_the_save_of_its_candidate_leave_it_out() {
    let app = TestApp::new();
    let candidate = json!({
        "title": "Notes", "why": "Used twice.", "tags": ["skill", "notes"],
        "content": "Write release notes in a calm voice from {{changes}}",
    });
    let harvested = app.tool("harvest_session", json!({ "candidates": [candidate] })).await;
    let entry = &TestApp::structured(&harvested)["candidates"][0];
    assert_eq!(entry["suggested"]["tags"], json!(["notes"]));
    assert_eq!(entry["problems"], json!([NOTE]));
    let save = json!({ "candidate_id": entry["candidate_id"], "tags": ["skill"] });
    let saved = app.tool("save_prompt", save).await;
    assert_eq!(TestApp::structured(&saved)["notes"], json!([NOTE]));
    assert_eq!(tags_of(&app, "notes").await, json!([]));
}

async fn import(app: &TestApp, content_type: &str, file: String) -> Value {
    let request = axum::http::Request::post("/api/import").header("content-type", content_type);
    app.send(request.body(axum::body::Body::from(file)).unwrap()).await.json()
}

#[tokio::test]
async fn an_import_leaves_it_out_of_every_version_and_repeats_as_unchanged() {
    let app = TestApp::new();
    let marked = json!({ "name": "poem", "content": "one", "tags": ["skill", "a"] });
    assert_eq!(app.post("/api/prompts", marked).await.status.as_u16(), 201);
    app.put("/api/prompts/poem", json!({ "content": "two", "expected_version": 1 })).await;
    let exported = String::from_utf8(app.get("/api/export").await.body).unwrap();
    let again = import(&app, "application/json", exported.clone()).await;
    assert_eq!(again["counts"]["unchanged"], 1, "{again}");
    assert_eq!(tags_of(&app, "poem").await, json!(["skill", "a"]), "nothing was written");

    let other = TestApp::new();
    let report = import(&other, "application/json", exported.clone()).await;
    assert_eq!(report["counts"]["created"], 1, "{report}");
    assert!(report.to_string().contains(NOTE), "{report}");
    assert_eq!(tags_of(&other, "poem").await, json!(["a"]));
    let first = other.get("/api/prompts/poem?version=1").await.json();
    assert_eq!(first["tags"], json!(["a"]));
    let again = import(&other, "application/json", exported).await;
    assert_eq!(again["counts"]["unchanged"], 1, "{again}");

    let csv = "name,content,tags\r\nother,text,\"skill, b\"\r\n".to_owned();
    let report = import(&other, "text/csv", csv).await;
    assert!(report.to_string().contains(NOTE), "{report}");
    assert_eq!(tags_of(&other, "other").await, json!(["b"]));
}

async fn call(app: &TestApp, token: &str, method: Method, path: &str, body: Value) -> TestResponse {
    let authorization = format!("Bearer {token}");
    app.call(method, path, &[("authorization", &authorization)], Some(body)).await
}

#[tokio::test]
async fn a_connected_program_cannot_add_it_over_rest() {
    let world = World::new().await;
    let (app, token) = (&world.app, world.workos.oauth_token("user_ann"));
    let body = json!({ "name": "poem", "content": "one", "tags": ["skill"] });
    let saved = call(app, &token, Method::POST, "/api/prompts", body).await.json();
    assert_eq!((&saved["tags"], &saved["notes"]), (&json!([]), &json!([NOTE])));
    let body = json!({ "tags": ["skill"], "expected_version": 1 });
    let saved = call(app, &token, Method::PUT, "/api/prompts/poem", body).await.json();
    assert_eq!((&saved["tags"], &saved["version"]), (&json!([]), &json!(1)));
    let body = json!({ "action": "tag", "tag": "Skill", "names": ["poem"] });
    let refused = call(app, &token, Method::POST, "/api/prompts/bulk", body).await;
    let problem = assert_problem(&refused, 422, "invalid-field");
    assert_eq!(problem["errors"][0]["field"], "tag");
}
