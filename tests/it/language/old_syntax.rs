//! Texts that were saved before variables had more than lower-case names.

use axum::http::{Method, StatusCode};
use promptdb::domain::identity::{LibraryId, UserId};
use promptdb::store::NewCandidate;
use serde_json::{Value, json};

use super::{import, names_of};
use crate::store_contract::candidates::new_candidate;
use crate::store_contract::{World, by, in_first_syntax, new_prompt};
use crate::support::{TestApp, draft, on_both_stores};

/// An app on the store of a world, and the library of its only user.
fn app_of(world: &World) -> (TestApp, LibraryId) {
    let app = TestApp::builder().store(world.store.clone()).clock(world.clock.clone()).build();
    (app, LibraryId::of_user(&UserId::local()))
}

const OLD: &str = "{{a}} {{ B }} {{{a}}} {{a_2}}";
const OLD_RENDERED: &str = "1 {{ B }} {1} {{a_2}}";

/// Saves a prompt as a release before the second syntax did.
async fn save_old(world: &World, library: &LibraryId, name: &str) {
    let old = in_first_syntax(new_prompt(draft(name, OLD)));
    world.store.create_prompt(library, old, &by("old")).await.unwrap();
}

/// Asserts what a prompt of [`OLD`] renders to at a version.
async fn check_old(app: &TestApp, name: &str, version: u32) {
    let body = json!({ "arguments": { "a": "1" }, "version": version });
    let rendered = app.post(&format!("/api/prompts/{name}/render"), body).await.json();
    assert_eq!((&rendered["text"], &rendered["missing"]), (&json!(OLD_RENDERED), &json!(["a_2"])));
}

on_both_stores! {
    async fn a_version_of_before_renders_as_before_and_a_save_is_in_the_new_syntax(world: &World) {
        let (app, library) = app_of(world);
        save_old(world, &library, "p").await;
        check_old(&app, "p", 1).await;
        let old = app.get("/api/prompts/p").await.json();
        assert_eq!((names_of(&old["variables"]), old.get("syntax")), (vec!["a", "a_2"], None));

        // Neither a name nor a mark is a text.
        let marked = json!({ "favorite": true, "name": "q", "expected_version": 1 });
        assert_eq!(app.put("/api/prompts/p", marked).await.json()["version"], 1);
        check_old(&app, "q", 1).await;

        let same = json!({ "content": OLD, "expected_version": 1 });
        let saved = app.put("/api/prompts/q", same).await.json();
        assert_eq!((&saved["version"], &saved["syntax"]), (&json!(2), &json!(2)));
        assert_eq!(names_of(&saved["variables"]), ["a", "B", "a_2"]);
        let again = json!({ "content": OLD, "expected_version": 2 });
        assert_eq!(app.put("/api/prompts/q", again).await.json()["version"], 2);
        check_old(&app, "q", 1).await;
        let got = app.tool("get_prompt", json!({ "name": "q", "arguments": { "a": "1", "b": "2" } })).await;
        assert_eq!(TestApp::structured(&got)["text"], "1 2 {{{a}}} {{a_2}}");
    }

    async fn a_restored_version_of_before_is_in_the_new_syntax(world: &World) {
        let (app, library) = app_of(world);
        save_old(world, &library, "p").await;
        let restored = app.post("/api/prompts/p/restore", json!({ "version": 1 })).await.json();
        assert_eq!((&restored["version"], &restored["syntax"]), (&json!(2), &json!(2)));
        assert_eq!(names_of(&restored["variables"]), ["a", "B", "a_2"]);
        assert!(restored["notes"].to_string().contains("`{{{a}}}` is kept as plain text"), "{restored}");
        check_old(&app, "p", 1).await;
        // The tool has the same notes, also where nothing changes any more.
        let tool = app.tool("restore_prompt", json!({ "name": "p", "version": 1 })).await;
        assert_eq!(TestApp::structured(&tool)["notes"], restored["notes"]);
        let text = tool["content"][0]["text"].as_str().unwrap();
        assert!(text.ends_with(restored["notes"][0].as_str().unwrap()), "{text}");
    }

    async fn an_undeletion_leaves_the_syntax_alone(world: &World) {
        let (app, library) = app_of(world);
        save_old(world, &library, "p").await;
        app.delete("/api/prompts/p").await;
        let restored = app.post("/api/prompts/p/restore", json!({})).await.json();
        assert_eq!((&restored["version"], &restored["notes"]), (&json!(1), &json!([])));
        check_old(&app, "p", 1).await;
    }

    async fn an_accepted_candidate_of_before_is_saved_in_the_new_syntax(world: &World) {
        let (app, library) = app_of(world);
        let body = in_first_syntax(new_prompt(draft("c", OLD))).body;
        let old = NewCandidate { body, ..new_candidate("c") };
        world.store.add_candidates(&library, vec![old.clone()], &by("old")).await.unwrap();
        let saved = app.post(&format!("/api/candidates/{}/accept", old.id), json!({})).await;
        assert_eq!(saved.status, StatusCode::CREATED, "{}", saved.json());
        assert_eq!(names_of(&saved.json()["variables"]), ["a", "B", "a_2"]);
    }

    async fn an_export_keeps_the_syntax_and_one_of_before_is_read_in_its_own(world: &World) {
        let (app, library) = app_of(world);
        save_old(world, &library, "p").await;
        app.put("/api/prompts/p", json!({ "content": "{{ B }}", "expected_version": 1 })).await;
        let file = app.call(Method::GET, "/api/export?format=json", &[], None).await.body;
        let exported: Value = serde_json::from_slice(&file).unwrap();
        let versions = exported["prompts"][0]["versions"].as_array().unwrap();
        let syntaxes: Vec<_> = versions.iter().map(|version| version.get("syntax")).collect();
        assert_eq!(syntaxes, [Some(&json!(2)), None]);

        let unchanged = import(&app, "application/json", file.clone()).await;
        assert_eq!(unchanged["items"][0]["outcome"], "unchanged");
        let other = TestApp::new();
        let created = import(&other, "application/json", file).await;
        assert_eq!((&created["items"][0]["outcome"], &created["items"][0]["variables"]), (&json!("created"), &json!(["B"])));
        check_old(&other, "p", 1).await;
        let rendered = other.post("/api/prompts/p/render", json!({ "arguments": { "b": "2" } })).await.json();
        assert_eq!(rendered["text"], "2");
    }
}
