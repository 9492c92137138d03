//! Export and import over REST: a round trip loses nothing, and invalid items are refused.

mod archives;
mod broken;
mod charges;
mod commands;
mod formats;
mod forms;
mod places;
mod refusals;
mod shapes;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use promptdb::domain::identity::{Client, LibraryId, Principal, UserId};
use promptdb::domain::plan::{Plan, Quota};
use promptdb::domain::transfer::{ExportFormat, ImportFormat, Source};
use promptdb::library::{Counted, ImportEnd, ImportOptions, ItemReport, Meter};
use promptdb::router::router;
use promptdb::store::Store;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::prompts::assert_problem;
use crate::support::{FixedClock, TestApp, TestResponse, sqlite};

async fn send(
    app: &TestApp,
    query: &str,
    content_type: &str,
    body: impl Into<Body>,
) -> TestResponse {
    let uri = format!("/api/import{query}");
    let request = Request::post(uri).header("content-type", content_type);
    app.send(request.body(body.into()).unwrap()).await
}

/// Imports a file and returns the report.
async fn import(app: &TestApp, content_type: &str, body: impl Into<Body>) -> Value {
    let answer = send(app, "", content_type, body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    answer.json()
}

async fn export(app: &TestApp, format: &str) -> Vec<u8> {
    let answer = app.get(&format!("/api/export?format={format}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    answer.body
}

/// The counts of a report: created, updated, unchanged, refused.
#[track_caller]
fn counts(report: &Value) -> [u64; 4] {
    let count = |outcome: &str| report["counts"][outcome].as_u64().unwrap();
    let counts = ["created", "updated", "unchanged", "refused"].map(count);
    let items = report["items"].as_array().unwrap().len();
    assert_eq!(usize::try_from(counts.iter().sum::<u64>()), Ok(items));
    counts
}

/// The reason of the only refused item.
#[track_caller]
fn reason(report: &Value) -> &str {
    let items = report["items"].as_array().unwrap();
    let mut refused = items.iter().filter(|item| item["outcome"] == "refused");
    let reason = refused.next().unwrap_or_else(|| panic!("{report}"))["reason"].as_str().unwrap();
    assert!(refused.next().is_none(), "{report}");
    reason
}

/// An export in JSON without its time, its audit trail and its clients, for comparison of libraries.
fn without_history(export: &[u8]) -> Value {
    let mut export: Value = serde_json::from_slice(export).unwrap();
    export["exported_at"].take();
    export["audit"].take();
    export["end"]["audit"].take();
    export["clients"].take();
    export["end"]["clients"].take();
    export
}

/// An app whose library uses every feature.
async fn full_library() -> TestApp {
    let app = TestApp::new();
    for number in 0..30 {
        app.clock.tick();
        app.create(json!({ "name": format!("p{number}"), "content": format!("n {number}") })).await;
    }
    app.create(json!({
        "name": "full",
        "title": "=Überschrift 標題",
        "description": "---\n\"quoted\", 'single'\r\nand more",
        "content": "---\nLine\r\n\t{{code}} in {{tone}} \\{{x}} 🎉\u{1}\u{2028}\n\n",
        "tags": ["no", "1e3"],
        "variables": [{ "name": "tone", "description": "How: it \"sounds\"", "default": "\r\n- {{code}}\u{85}" }],
        "favorite": true,
    }))
    .await;
    // More versions than an import writes in one call.
    app.create(json!({ "name": "saved-often", "content": "1" })).await;
    for version in 1..=120 {
        app.clock.tick();
        let save = json!({ "content": format!("{}", version + 1), "expected_version": version });
        assert_eq!(app.put("/api/prompts/saved-often", save).await.status, StatusCode::OK);
    }
    let deleted = app.create(json!({ "name": "gone", "content": "first of its name" })).await;
    app.clock.tick();
    app.delete(&format!("/api/prompts/{}", deleted["id"].as_str().unwrap())).await;
    app.create(json!({ "name": "gone", "content": "second of its name" })).await;
    app.clock.tick();
    let rendered = app.post("/api/prompts/p3/render", json!({})).await;
    assert_eq!(rendered.status, StatusCode::OK);
    let candidate = |title: &str| {
        json!({
            "title": title,
            "content": format!("Write {title} for users from these changes: {{{{changes}}}}"),
            "why": "Used twice.",
        })
    };
    let candidates = json!({ "candidates": [candidate("Notes"), candidate("A letter")] });
    assert_eq!(app.post("/api/candidates", candidates).await.status, StatusCode::CREATED);
    app
}

#[tokio::test]
async fn an_export_in_json_restores_the_same_library_elsewhere() {
    let (there, here) = (full_library().await, TestApp::new());
    here.clock.advance_days(2);
    let answer = there.get("/api/export").await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"promptdb-2026-01-01.json\""
    );
    let file = answer.body;
    let whole = parse_json(&file);
    assert_eq!((whole["format"].as_str(), whole["version"].as_u64()), (Some("promptdb"), Some(1)));
    assert_eq!(whole["end"], json!({ "prompts": 34, "candidates": 2, "audit": 157, "clients": 1 }));
    assert_eq!((&whole["plan"], &whole["clients"][0]["via"]), (&json!("local"), &json!("api")));
    assert!(whole["clients"][0]["first_seen_at"].as_str().unwrap().starts_with("2026-01-01"));

    let dry = send(&here, "?dry_run=true", "application/json", file.clone()).await.json();
    assert_eq!((dry["dry_run"].as_bool(), counts(&dry)), (Some(true), [36, 0, 0, 0]));
    assert_eq!(here.get("/api/audit").await.json()["entries"], json!([]));

    let report = import(&here, "application/json", file.clone()).await;
    assert_eq!(report["items"], dry["items"], "a dry run predicts the import");
    assert_eq!((report["complete"].as_bool(), report.get("broken")), (Some(true), None));
    assert_eq!(without_history(&export(&here, "json").await), without_history(&file));
    let recent = "/api/prompts?sort=recent&limit=100";
    assert_eq!(here.get(recent).await.json(), there.get(recent).await.json());
    let audit = here.get("/api/audit?limit=1").await.json();
    assert_eq!(audit["entries"][0]["action"], "imported");

    for app in [&here, &there] {
        let before = without_history(&export(app, "json").await);
        let again = import(app, "application/json", file.clone()).await;
        assert_eq!(counts(&again), [0, 0, 36, 0]);
        assert_eq!(without_history(&export(app, "json").await), before);
    }
}

fn parse_json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

#[tokio::test]
async fn an_export_of_selected_prompts_has_these_alone() {
    let (there, here) = (full_library().await, TestApp::new());
    let full = there.get("/api/prompts/full").await.json();
    let id = full["id"].as_str().unwrap();
    // A repeated prompt is exported once.
    let answer =
        there.get(&format!("/api/export?prompt={id}&prompt=saved-often&prompt=Full")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let file = parse_json(&answer.body);
    let names: Vec<&Value> =
        file["prompts"].as_array().unwrap().iter().map(|prompt| &prompt["name"]).collect();
    assert_eq!(names, ["full", "saved-often"]);
    assert_eq!(file["prompts"][1]["versions"].as_array().unwrap().len(), 121);
    assert_eq!((&file["candidates"], &file["audit"]), (&Value::Null, &Value::Null));
    assert_eq!(counts(&import(&here, "application/json", answer.body).await), [2, 0, 0, 0]);

    let table = there.get("/api/export?format=csv&prompt=full").await;
    assert_eq!(csv::Reader::from_reader(&table.body[..]).records().count(), 1);

    for (query, status, kind) in [
        ("prompt=full&prompt=unknown", 404, "not-found"),
        ("prompt=gone-for-good", 404, "not-found"),
        ("prompt=", 422, "invalid-field"),
        (&["prompt=full"; 101].join("&"), 422, "invalid-field"),
    ] {
        assert_problem(&there.get(&format!("/api/export?{query}")).await, status, kind);
    }
}

#[tokio::test]
async fn markdown_and_csv_hold_the_current_version_of_each_prompt() {
    let there = full_library().await;
    for (format, content_type) in [("markdown", "application/zip"), ("csv", "text/csv")] {
        let file = export(&there, format).await;
        let unchanged = import(&there, content_type, file.clone()).await;
        assert_eq!(counts(&unchanged), [0, 0, 33, 0], "{format}");

        let here = TestApp::new();
        assert_eq!(counts(&import(&here, content_type, file.clone()).await), [33, 0, 0, 0]);
        assert_eq!(counts(&import(&here, content_type, file).await), [0, 0, 33, 0]);
        for name in ["full", "saved-often", "gone"] {
            let path = format!("/api/prompts/{name}");
            let (mine, theirs) = (here.get(&path).await.json(), there.get(&path).await.json());
            for field in ["title", "description", "content", "tags", "variables", "favorite"] {
                assert_eq!(mine[field], theirs[field], "{format} {name}");
            }
        }
    }
}

async fn versions(app: &TestApp) -> Value {
    app.get("/api/prompts/p/versions").await.json()["versions"].take()
}

#[tokio::test]
async fn an_import_adds_what_is_missing_and_replaces_nothing() {
    let app = TestApp::new();
    app.create(json!({ "name": "p", "content": "one", "description": "kept" })).await;
    app.put("/api/prompts/p", json!({ "content": "two", "expected_version": 1 })).await;
    let backup = export(&app, "json").await;
    app.put("/api/prompts/p", json!({ "content": "three", "expected_version": 2 })).await;
    app.put("/api/prompts/p", json!({ "favorite": true, "expected_version": 3 })).await;

    let older = import(&app, "application/json", backup.clone()).await;
    assert_eq!(counts(&older), [0, 0, 1, 0], "a newer prompt stays");
    let newer = export(&app, "json").await;
    let here = TestApp::new();
    assert_eq!(counts(&import(&here, "application/json", backup.clone()).await), [1, 0, 0, 0]);
    assert_eq!(counts(&import(&here, "application/json", newer).await), [0, 1, 0, 0]);
    assert_eq!(versions(&here).await, versions(&app).await);

    // Two diverged histories: the text of the file becomes a new version.
    here.put("/api/prompts/p", json!({ "content": "other", "expected_version": 3 })).await;
    app.put("/api/prompts/p", json!({ "content": "four", "expected_version": 3 })).await;
    let parted = export(&app, "json").await;
    assert_eq!(counts(&import(&here, "application/json", parted.clone()).await), [0, 1, 0, 0]);
    assert_eq!(counts(&import(&here, "application/json", parted).await), [0, 0, 1, 0]);
    let contents: Vec<Value> = versions(&here)
        .await
        .as_array()
        .unwrap()
        .iter()
        .map(|version| version["content"].clone())
        .collect();
    assert_eq!(contents, ["four", "other", "three", "two", "one"]);

    let plain = import(&app, "text/csv", "name,content\r\np,five\r\nq,new\r\n").await;
    assert_eq!(counts(&plain), [1, 1, 0, 0]);
    let prompt = app.get("/api/prompts/p").await.json();
    assert_eq!((&prompt["content"], &prompt["description"]), (&json!("five"), &json!("kept")));
    assert_eq!((&prompt["version"], &prompt["favorite"]), (&json!(5), &json!(true)));
}

#[tokio::test]
async fn a_deleted_prompt_is_restored_from_a_backup() {
    let app = TestApp::new();
    app.create(json!({ "name": "p", "content": "one" })).await;
    let backup = export(&app, "json").await;
    app.delete("/api/prompts/p").await;
    let dry = send(&app, "?dry_run=true", "application/json", backup.clone()).await.json();
    assert_eq!(counts(&dry), [0, 1, 0, 0]);
    assert_eq!(app.get("/api/prompts/p").await.status, StatusCode::NOT_FOUND);
    assert_eq!(counts(&import(&app, "application/json", backup).await), [0, 1, 0, 0]);
    assert_eq!(app.get("/api/prompts/p").await.json()["version"], 1);

    let deleted = {
        app.delete("/api/prompts/p").await;
        export(&app, "json").await
    };
    assert_eq!(counts(&import(&app, "application/json", deleted.clone()).await), [0, 0, 1, 0]);
    app.clock.advance_days(31);
    let late = import(&TestApp::new(), "application/json", deleted.clone()).await;
    assert_eq!(counts(&late), [1, 0, 0, 0]);
    let late = import(&app, "application/json", deleted).await;
    assert_eq!(reason(&late), "was deleted more than 30 days ago and cannot be restored");
}

/// Imports a file as a caller, and returns the report.
async fn import_as(
    app: &TestApp,
    caller: &Principal,
    file: &[u8],
    dry_run: bool,
) -> (Vec<ItemReport>, Counted) {
    let (mut items, mut counted) = (Vec::new(), Counted::default());
    let input = Box::new(std::io::Cursor::new(file.to_vec()));
    let source = Source::File { format: ImportFormat::Json, input, stem: None };
    let options = ImportOptions { dry_run, meter: Meter::default(), stop: &|_| None };
    let end = app.state.library().import(caller, source, options, |report| {
        counted.count(report.outcome);
        items.push(report);
    });
    assert_eq!(end.await.unwrap(), ImportEnd::default());
    (items, counted)
}

fn bob(prompt_limit: Option<u32>) -> Principal {
    let quota = Quota { prompts: prompt_limit, bytes: None };
    let plan = Plan { quota, ..Plan::LOCAL };
    let user_id = UserId::parse("user_bob").unwrap();
    let library_id = LibraryId::of_user(&user_id);
    Principal { user_id, library_id, plan, ..Principal::local(Client::named("test")) }
}

#[tokio::test]
async fn an_import_copies_items_of_another_user_and_never_changes_them() {
    let app = full_library().await;
    let file = export(&app, "json").await;
    let bob = bob(None);
    let (_, counted) = import_as(&app, &bob, &file, false).await;
    assert_eq!((counted.created, counted.total()), (36, 36));
    assert_eq!(without_history(&export(&app, "json").await), without_history(&file));
    let (_, counted) = import_as(&app, &bob, &file, false).await;
    assert_eq!((counted.unchanged, counted.total()), (36, 36), "the copies are recognised");

    let mut theirs = app.state.library().export(&bob, ExportFormat::Json).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = theirs.next_chunk().await.unwrap() {
        bytes.extend(chunk);
    }
    let (mut theirs, mut mine) = (without_history(&bytes), without_history(&file));
    for list in ["prompts", "candidates"] {
        for (their, my) in
            theirs[list].as_array_mut().unwrap().iter_mut().zip(mine[list].as_array_mut().unwrap())
        {
            assert_ne!(their["id"].take(), my["id"].take());
        }
    }
    assert_eq!(theirs, mine);
}

#[tokio::test]
async fn the_quota_of_the_plan_holds_in_an_import_and_in_its_dry_run() {
    let app = TestApp::new();
    for number in 0..5 {
        app.create(json!({ "name": format!("p{number}"), "content": "x" })).await;
    }
    let file = export(&app, "json").await;
    let bob = bob(Some(3));
    let (dry, _) = import_as(&app, &bob, &file, true).await;
    let (items, counted) = import_as(&app, &bob, &file, false).await;
    assert_eq!(items, dry);
    assert_eq!((counted.created, counted.refused), (3, 2));
    let reason = items[3].reason.as_deref().unwrap();
    assert!(reason.starts_with("the library is full (3 prompts, "), "{reason}");
    assert!(reason.ends_with("/app/trash"), "{reason}");
    assert_eq!(app.state.library().count_library(&bob).await.unwrap().prompts, 3);
}

#[tokio::test]
async fn an_export_that_fails_does_not_look_complete() {
    let dir = TempDir::new().unwrap();
    let store: Arc<dyn Store> = Arc::new(sqlite(&dir, FixedClock::new()));
    let app = TestApp::builder().store(store).build();
    for number in 0..40 {
        let content = "x".repeat(10_000);
        app.create(json!({ "name": format!("p{number}"), "content": content })).await;
    }
    let request = Request::get("/api/export").header("host", "localhost:3000");
    let request = request.body(Body::empty()).unwrap();
    let response = router(&app.state).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().is_ok());

    let path = dir.path().join("library").join("promptdb.db");
    rusqlite::Connection::open(path).unwrap().execute_batch("DROP TABLE audit").unwrap();
    assert!(body.collect().await.is_err(), "the server closes the connection without an end mark");
    let answer = app.get("/api/export?format=csv").await;
    assert_eq!(answer.status, StatusCode::OK, "an export without the audit trail is complete");
}

#[tokio::test]
async fn a_truncated_file_is_imported_up_to_its_break_and_reported() {
    let there = TestApp::new();
    for number in 0..5 {
        there.create(json!({ "name": format!("p{number}"), "content": "x" })).await;
    }
    let file = String::from_utf8(export(&there, "json").await).unwrap();
    let here = TestApp::new();
    let half = &file[..file.find("\"name\":\"p3\"").unwrap()];
    let report = import(&here, "application/json", half.to_owned()).await;
    assert_eq!((counts(&report), report["complete"].as_bool()), ([3, 0, 0, 0], Some(false)));
    let broken = &report["broken"];
    assert!(broken["at"].as_str().unwrap().ends_with("after prompts[2]"), "{broken}");
    assert_eq!(broken["reason"], "the file is cut off here");
    assert_eq!(counts(&import(&here, "application/json", file.clone()).await), [2, 0, 3, 0]);

    // A file that is cut off anywhere is never taken for complete.
    for end in (1..file.len() - 1).step_by(7) {
        let answer = send(&here, "?dry_run=true", "application/json", file[..end].to_owned()).await;
        let report = answer.json();
        assert!(
            answer.status == StatusCode::BAD_REQUEST || report["complete"] == false,
            "{report}"
        );
    }
    let fewer = file.replacen("\"prompts\":5", "\"prompts\":6", 1);
    let report = import(&here, "application/json", fewer).await;
    assert_eq!(report["broken"]["at"], "the end");
    assert_eq!(counts(&report), [0, 0, 5, 0]);

    let csv = "name,content\r\na,one\r\nb,\"two\r\nc,three\r\n";
    let report = import(&here, "text/csv", csv).await;
    assert_eq!((counts(&report), &report["broken"]["at"]), ([1, 0, 0, 0], &json!("row 3")));
}

#[tokio::test]
async fn openapi_describes_export_and_import() {
    let app = TestApp::new();
    let document = app.get("/api/openapi.json").await.json();
    let import = &document["paths"]["/api/import"]["post"];
    let types: Vec<&String> =
        import["requestBody"]["content"].as_object().unwrap().keys().collect();
    let text = ["text/csv", "text/markdown", "text/plain"];
    let other = ["json", "octet-stream", "yaml", "zip"].map(|name| format!("application/{name}"));
    assert_eq!(types, other.iter().map(String::as_str).chain(text).collect::<Vec<_>>());
    let export = &document["paths"]["/api/export"]["get"]["responses"]["200"]["content"];
    let types: Vec<&String> = export.as_object().unwrap().keys().collect();
    assert_eq!(types, ["application/json", "application/zip", "text/csv"]);
    let bytes = json!({ "type": "string", "format": "binary" });
    assert_eq!(export["application/zip"]["schema"], bytes);
    assert_eq!(import["requestBody"]["content"]["application/octet-stream"]["schema"], bytes);
    assert!(document["components"]["schemas"]["ImportResponse"].is_object());
    assert_problem(&app.get("/api/export?format=xml").await, 422, "invalid-field");
    assert_problem(&app.get("/api/import").await, 405, "method-not-allowed");
}
