//! Prompts over REST, from creation to the audit trail.

mod bulk;
mod conditions;
mod listing;
mod removal;
mod search;
mod writing;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{TestApp, TestResponse, on_both_stores};

/// Asserts the status of a problem and the word of its stable type, and returns its document.
#[track_caller]
pub(crate) fn assert_problem(answer: &TestResponse, status: u16, word: &str) -> Value {
    let problem = answer.json();
    assert_eq!(answer.status.as_u16(), status, "{problem}");
    assert_eq!(problem["type"], format!("urn:promptdb:problem:{word}"), "{problem}");
    problem
}

/// Asserts status 200 and returns the document.
#[track_caller]
fn assert_ok(answer: &TestResponse) -> Value {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    answer.json()
}

fn prompt_names(list: &Value) -> Vec<&str> {
    let prompts = list["prompts"].as_array().unwrap();
    prompts.iter().map(|prompt| prompt["name"].as_str().unwrap()).collect()
}

on_both_stores! {
    async fn creating_a_prompt_returns_its_location_its_etag_and_every_field(app: &TestApp) {
        let body = json!({
            "title": "Überprüfe Code",
            "description": "Before a merge",
            "content": "Review {{code}} in a {{tone}} tone. \\{{literal}}",
            "tags": ["review", "rust"],
            "variables": [{ "name": "tone", "description": "How it sounds", "default": "kind" }],
            "favorite": true,
        });
        let headers = [("user-agent", "some-client/1.2 (x)")];
        let answer = app.call(Method::POST, "/api/prompts", &headers, Some(body)).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        assert_eq!(answer.header("etag"), "\"1f\"");

        let created = answer.json();
        let id = created["id"].as_str().unwrap();
        assert_eq!(answer.header("location"), format!("/api/prompts/{id}"));
        let mut shown = created.clone();
        shown["id"] = json!("[id]");
        let expected = json!({
            "content": "Review {{code}} in a {{tone}} tone. \\{{literal}}",
            "created_at": "2026-01-01T00:00:00.000Z",
            "deleted_at": null,
            "description": "Before a merge",
            "favorite": true,
            "id": "[id]",
            "last_used_at": null,
            "name": "uberprufe-code",
            "similar": [],
            "source": "some-client",
            "tags": ["review", "rust"],
            "title": "Überprüfe Code",
            "updated_at": "2026-01-01T00:00:00.000Z",
            "use_count": 0,
            "variables": [
                { "name": "code" },
                { "default": "kind", "description": "How it sounds", "name": "tone" },
            ],
            "version": 1,
        });
        assert_eq!(shown, expected);

        for path in [answer.header("location"), "/api/prompts/uberprufe-code"] {
            let read = app.get(path).await;
            assert_eq!(read.header("etag"), "\"1f\"");
            let mut expected = created.clone();
            expected.as_object_mut().unwrap().remove("similar");
            assert_eq!(assert_ok(&read), expected);
        }
    }

    async fn a_name_is_made_from_the_title_and_a_title_from_the_name_or_the_content(app: &TestApp) {
        for (body, name, title) in [
            (json!({ "title": "Ärger & Œuvre", "content": "a" }), "arger-oeuvre", "Ärger & Œuvre"),
            (json!({ "name": "code-review", "content": "b" }), "code-review", "Code review"),
            (json!({ "content": "\n## First *line*\nsecond" }), "first-line", "First *line*"),
            (json!({ "title": "?!", "content": "c" }), "prompt", "?!"),
            (json!({ "title": "Harvest", "content": "d" }), "harvest-prompt", "Harvest"),
        ] {
            let created = app.create(body).await;
            assert_eq!((&created["name"], &created["title"]), (&json!(name), &json!(title)));
        }
        // A title without ASCII letters falls back to one name, which is taken by now.
        let answer = app.post("/api/prompts", json!({ "title": "...", "content": "x" })).await;
        let problem = assert_problem(&answer, 409, "name-taken");
        assert_eq!(problem["current_version"], 1);
    }

    async fn every_version_stays_readable(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "one", "tags": ["a"] })).await;
        app.clock.tick();
        let body = json!({ "expected_version": 1, "content": "two {{x}}" });
        assert_ok(&app.put("/api/prompts/poem", body).await);

        let first = app.get("/api/prompts/poem?version=1").await;
        assert_eq!(first.header("etag"), "\"1\"");
        assert_eq!(assert_ok(&first)["content"], "one");
        let second = assert_ok(&app.get("/api/prompts/poem?version=2").await);
        assert_eq!(second["content"], "two {{x}}");
        assert_eq!(second["tags"], json!(["a"]), "an absent field keeps its value");
        assert_eq!(second["variables"], json!([{ "name": "x" }]));
        for version in ["0", "3", "4294967295"] {
            let answer = app.get(&format!("/api/prompts/poem?version={version}")).await;
            let problem = assert_problem(&answer, 404, "not-found");
            let detail = format!("poem has no version {version}; the latest is 2");
            assert_eq!(problem["detail"], detail);
        }
    }

    async fn the_history_is_paged_from_the_newest_version(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "text 1" })).await;
        for version in 1..=6 {
            app.clock.tick();
            let body =
                json!({ "expected_version": version, "content": format!("text {}", version + 1) });
            assert_ok(&app.put("/api/prompts/poem", body).await);
        }
        let mut seen = Vec::new();
        let mut path = "/api/prompts/poem/versions?limit=3".to_owned();
        loop {
            let page = assert_ok(&app.get(&path).await);
            for version in page["versions"].as_array().unwrap() {
                let number = version["version"].as_u64().unwrap();
                assert_eq!(version["content"], format!("text {number}"));
                seen.push(number);
            }
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/api/prompts/poem/versions?limit=3&cursor={cursor}");
        }
        assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);

        // The history of a deleted prompt stays readable as long as it can be restored.
        assert_ok(&app.delete("/api/prompts/poem").await);
        let page = assert_ok(&app.get("/api/prompts/poem/versions").await);
        assert_eq!(page["versions"].as_array().unwrap().len(), 7);
        assert_problem(&app.get("/api/prompts/nothing/versions").await, 404, "not-found");
    }

    async fn rendering_fills_in_arguments_then_defaults_and_reports_the_rest(app: &TestApp) {
        app.create(json!({
            "name": "mail",
            "content": "Dear {{name}}, {{body}} {{body}} \\{{name}} {{sign}}",
            "variables": [{ "name": "sign", "default": "Yours {{name}}" }],
        }))
        .await;
        let render = "/api/prompts/mail/render";

        let all = json!({ "arguments": { "name": "{{body}}", "body": "\\{{name}}", "sign": "" } });
        let rendered = assert_ok(&app.post(render, all).await);
        let text = "Dear {{body}}, \\{{name}} \\{{name}} {{name}} ";
        assert_eq!(rendered, json!({ "text": text, "missing": [], "version": 1 }));

        let rendered = assert_ok(&app.post(render, json!({})).await);
        let text = "Dear {{name}}, {{body}} {{body}} {{name}} Yours {{name}}";
        assert_eq!(rendered, json!({ "text": text, "missing": ["name", "body"], "version": 1 }));

        assert_ok(&app.put("/api/prompts/mail", json!({ "expected_version": 1, "content": "Hi" })).await);
        assert_eq!(assert_ok(&app.post(render, json!({})).await)["text"], "Hi");
        let old = json!({ "version": 1, "arguments": { "name": "Ann", "body": "Hello." } });
        let text = "Dear Ann, Hello. Hello. {{name}} Yours {{name}}";
        assert_eq!(assert_ok(&app.post(render, old).await)["text"], text);

        let answer = app.post(render, json!({ "arguments": { "name": "Ann" } })).await;
        let problem = assert_problem(&answer, 422, "invalid-field");
        let message = "is not a variable of `mail`; it has none";
        assert_eq!(problem["errors"], json!([{ "field": "arguments.name", "message": message }]));
    }

    async fn a_rendering_above_the_size_limit_is_refused(app: &TestApp) {
        app.create(json!({ "name": "bomb", "content": "{{a}}".repeat(10_000) })).await;
        let arguments = json!({ "arguments": { "a": "x".repeat(1000) } });
        let answer = app.post("/api/prompts/bomb/render", arguments).await;
        let problem = assert_problem(&answer, 422, "invalid-field");
        assert_eq!(problem["errors"][0]["field"], "arguments");
    }

    async fn uses_are_counted_and_flushed_in_a_batch(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "x" })).await;
        for _ in 0..3 {
            app.clock.tick();
            assert_ok(&app.post("/api/prompts/poem/render", json!({})).await);
        }
        assert_eq!(assert_ok(&app.get("/api/prompts/poem").await)["use_count"], 0);
        app.state.library().flush_uses().await.unwrap();
        let read = assert_ok(&app.get("/api/prompts/poem").await);
        assert_eq!(read["use_count"], 3);
        assert_eq!(read["last_used_at"], "2026-01-01T00:00:00.003Z");
        assert_eq!(read["version"], 1, "a use adds no version");
    }

    async fn the_account_shows_the_caller_and_their_limits(app: &TestApp) {
        app.create(json!({ "name": "a", "content": "x" })).await;
        app.create(json!({ "name": "b", "content": "y" })).await;
        assert_ok(&app.delete("/api/prompts/b").await);
        let expected = json!({
            "id": "local",
            "sign_in": "none",
            "plan": "local",
            "limits": { "imports": 4, "streams": 64 },
            // A title and a content of one letter each.
            "use": { "prompts": 1, "deleted": 1, "candidates": 0, "bytes": 4 },
        });
        assert_eq!(assert_ok(&app.get("/api/me").await), expected);
    }

    async fn every_write_is_in_the_audit_trail_and_no_read_is(app: &TestApp) {
        let as_client = async |method, path: &str, body| {
            app.clock.tick();
            let headers = [("user-agent", "cursor/3.1")];
            let answer = app.call(method, path, &headers, body).await;
            assert!(answer.status.is_success(), "{}", answer.json());
        };
        let at = "/api/prompts/poem";
        as_client(Method::POST, "/api/prompts", Some(json!({ "name": "poem", "content": "a" }))).await;
        let change = json!({ "expected_version": 1, "content": "b" });
        as_client(Method::PUT, at, Some(change)).await;
        as_client(Method::PUT, at, Some(json!({ "expected_version": 2, "content": "b" }))).await;
        as_client(Method::PUT, at, Some(json!({ "expected_version": 2, "favorite": true }))).await;
        as_client(Method::POST, "/api/prompts/poem/restore", Some(json!({ "version": 1 }))).await;
        as_client(Method::DELETE, at, None).await;
        as_client(Method::POST, "/api/prompts/poem/restore", Some(json!({}))).await;
        as_client(Method::GET, at, None).await;
        as_client(Method::POST, "/api/prompts/poem/render", Some(json!({}))).await;

        let trail = assert_ok(&app.get("/api/audit").await);
        let lines: Vec<String> = trail["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                assert_eq!((&entry["user_id"], &entry["client"]), (&json!("local"), &json!("Cursor")));
                format!("{} {} {}", entry["action"], entry["name"], entry["version"]).replace('"', "")
            })
            .collect();
        let expected = [
            "undeleted poem 3",
            "deleted poem 3",
            "restored poem 3",
            "updated poem 2",
            "saved poem 2",
            "created poem 1",
        ];
        assert_eq!(lines, expected);

        let first = assert_ok(&app.get("/api/audit?limit=4").await);
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = assert_ok(&app.get(&format!("/api/audit?limit=4&cursor={cursor}")).await);
        assert_eq!(rest["entries"].as_array().unwrap().len(), 2);
        assert_eq!(rest["entries"][1], trail["entries"][5]);
        assert!(rest.get("next_cursor").is_none());
    }
}
