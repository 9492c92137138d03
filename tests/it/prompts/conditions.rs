//! Entity tags, `If-None-Match`, requests without a body, and what a prompt resembles.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::{assert_ok, assert_problem};
use crate::support::{TestApp, TestResponse, on_both_stores};

const POEM: &str = "/api/prompts/poem";

async fn read(app: &TestApp, path: &str, condition: &str) -> TestResponse {
    app.call(Method::GET, path, &[("if-none-match", condition)], None).await
}

on_both_stores! {
    async fn a_tag_tells_a_favourite_apart_and_if_match_compares_the_number_alone(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "one" })).await;
        assert_eq!(app.get(POEM).await.header("etag"), "\"1\"");
        let marked = app.put(POEM, json!({ "favorite": true })).await;
        assert_eq!((marked.status, marked.header("etag")), (StatusCode::OK, "\"1f\""));
        assert_eq!(app.get(POEM).await.header("etag"), "\"1f\"");
        for (number, tag) in ["\"1\"", "\"2f\"", "W/\"3\"", "W/\"4f\""].into_iter().enumerate() {
            let content = json!({ "content": format!("text {number}") });
            let saved = app.call(Method::PUT, POEM, &[("if-match", tag)], Some(content)).await;
            assert_eq!(assert_ok(&saved)["version"], number + 2, "{tag}");
        }
        assert_eq!(app.get("/api/prompts/poem?version=2").await.header("etag"), "\"2f\"");
        let restored = app.post("/api/prompts/poem/restore", json!({ "version": 1 })).await;
        assert_eq!(restored.header("etag"), "\"6f\"");
    }

    async fn any_tag_of_if_match_may_be_that_of_the_current_version(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "one" })).await;
        let put = |tags: &'static str, body: Value| async move {
            app.call(Method::PUT, POEM, &[("if-match", tags)], Some(body)).await
        };
        let content = |text: &str| json!({ "content": text });
        assert_eq!(assert_ok(&put("\"7\", \"1f\"", content("two")).await)["version"], 2);
        assert_eq!(assert_ok(&put("\"x\",W/\"2\" ,", content("three")).await)["version"], 3);
        assert_problem(&put("\"1\", \"2\"", content("four")).await, 412, "precondition-failed");
        let both = json!({ "content": "four", "expected_version": 3 });
        assert_eq!(assert_ok(&put("\"2\", \"3\"", both.clone()).await)["version"], 4);
        assert_problem(&put("\"2\", \"4\"", both).await, 422, "invalid-field");
        for malformed in ["\"4\", *", "4, \"4\"", "\"4\" \"5\"", ","] {
            assert_problem(&put(malformed, content("five")).await, 400, "malformed");
        }
        let headers = [("if-match", "\"9\""), ("if-match", "\"4\"")];
        assert_ok(&app.call(Method::DELETE, POEM, &headers, None).await);
        let restore = "/api/prompts/poem/restore";
        let refused = app.call(Method::POST, restore, &[("if-match", "\"1\", \"2\"")], None).await;
        assert_problem(&refused, 412, "precondition-failed");
        let restored = app.call(Method::POST, restore, &[("if-match", "\"1\", \"4\"")], None).await;
        assert_ok(&restored);
    }

    async fn a_client_that_has_the_text_gets_304(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "one" })).await;
        for condition in ["\"1\"", "W/\"1\"", "*", "\"7\", W/\"1\"", " \"x,y\" ,\"1\""] {
            for method in [Method::GET, Method::HEAD] {
                let headers = [("if-none-match", condition)];
                let answer = app.call(method.clone(), POEM, &headers, None).await;
                assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{method} {condition}");
                assert!(answer.body.is_empty());
                assert!(answer.header("etag").ends_with("\"1\""), "{condition}");
                assert_eq!(answer.header("vary"), "accept-encoding");
                assert_eq!(answer.header("content-type"), "");
            }
        }
        assert_eq!(read(app, POEM, "W/\"1\"").await.header("etag"), "\"1\"", "that of a 200");
        let compressed = [("if-none-match", "W/\"1\""), ("accept-encoding", "gzip")];
        let answer = app.call(Method::GET, POEM, &compressed, None).await;
        assert_eq!(answer.header("etag"), "W/\"1\"", "that of a compressed 200");
        assert_eq!(read(app, POEM, "\"1\"").await.header("etag"), "\"1\"");
        for condition in ["\"1f\"", "\"2\"", "1", "\"1", ""] {
            assert_eq!(read(app, POEM, condition).await.status, StatusCode::OK, "{condition}");
        }
        assert_problem(&read(app, "/api/prompts/ode", "*").await, 404, "not-found");

        app.put(POEM, json!({ "expected_version": 1, "content": "two" })).await;
        assert_ok(&read(app, POEM, "\"1\"").await);
        let old = read(app, "/api/prompts/poem?version=1", "\"1\"").await;
        assert_eq!(old.status, StatusCode::NOT_MODIFIED);
        app.put(POEM, json!({ "expected_version": 2, "favorite": true })).await;
        assert_ok(&read(app, POEM, "\"2\"").await);
        let similar = read(app, "/api/prompts/poem?similar=true", "\"2f\"").await;
        assert_ok(&similar);
    }

    async fn a_save_that_must_not_replace_a_prompt_is_refused(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "one" })).await;
        for (condition, status) in [("*", 412), ("\"1\"", 412), ("W/\"1\"", 412), ("\"2\"", 200)] {
            let body = json!({ "expected_version": 1, "content": "two" });
            let headers = [("if-none-match", condition)];
            let answer = app.call(Method::PUT, POEM, &headers, Some(body)).await;
            assert_eq!(answer.status.as_u16(), status, "{condition}");
        }
        assert_eq!(assert_ok(&app.get(POEM).await)["version"], 2);
    }

    async fn restore_and_render_take_no_body_and_check_one(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "{{who}} x" })).await;
        let send = |action: &str, kind: Option<&str>, body: Body| {
            let mut request = Request::post(format!("{POEM}/{action}"));
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            app.send(request.body(body).unwrap())
        };
        let kinds = [None, Some("application/json"), Some("application/x-www-form-urlencoded")];
        for kind in kinds {
            // A body of unknown length that has no bytes.
            let chunks = futures_util::stream::empty::<Result<Vec<u8>, std::io::Error>>();
            for body in [Body::empty(), Body::from(""), Body::from_stream(chunks)] {
                app.delete(POEM).await;
                let restored = send("restore", kind, body).await;
                assert_eq!(assert_ok(&restored)["deleted_at"], Value::Null, "{kind:?}");
            }
            let rendered = send("render", kind, Body::empty()).await;
            assert_eq!(assert_ok(&rendered)["missing"], json!(["who"]), "{kind:?}");
        }
        for action in ["restore", "render"] {
            let text = send(action, None, Body::from("{}")).await;
            assert_problem(&text, 415, "unsupported-media-type");
            let json = Some("application/json");
            assert_problem(&send(action, json, Body::from(" ")).await, 400, "malformed");
            assert_problem(&send(action, json, Body::from("{")).await, 400, "malformed");
            for wrong in ["null", "[]", "1", "{\"versoin\":1}", "{\"version\":\"1\"}"] {
                assert_problem(&send(action, json, Body::from(wrong)).await, 422, "invalid-field");
            }
        }
    }

    async fn a_prompt_is_read_with_what_it_resembles(app: &TestApp) {
        let text = "Write release notes for users from these changes, and nothing else";
        app.create(json!({ "name": "notes", "content": text })).await;
        app.create(json!({ "name": "copy", "title": "A copy", "content": text.to_uppercase() })).await;
        app.create(json!({ "name": "other", "content": "Translate a poem" })).await;
        assert_eq!(assert_ok(&app.get("/api/prompts/notes").await).get("similar"), None);
        let notes = assert_ok(&app.get("/api/prompts/notes?similar=true").await);
        let similar = notes["similar"].as_array().unwrap();
        assert_eq!(similar.len(), 1, "{notes}");
        assert_eq!((&similar[0]["name"], &similar[0]["title"]), (&json!("copy"), &json!("A copy")));
        assert_eq!(similar[0]["verdict"], "duplicate");
        let other = assert_ok(&app.get("/api/prompts/other?similar=true").await);
        assert_eq!(other["similar"], json!([]));
        let invalid = app.get("/api/prompts/notes?similar=maybe").await;
        assert_problem(&invalid, 422, "invalid-field");
    }

    async fn the_trash_is_listed_in_pages_with_the_end_of_its_time(app: &TestApp) {
        for name in ["a", "b", "c"] {
            app.create(json!({ "name": name, "content": name })).await;
            app.clock.tick();
        }
        assert_eq!(assert_ok(&app.get("/api/trash").await), json!({ "prompts": [] }));
        for name in ["a", "c"] {
            app.delete(&format!("/api/prompts/{name}")).await;
        }
        let first = assert_ok(&app.get("/api/trash?limit=1").await);
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = assert_ok(&app.get(&format!("/api/trash?limit=1&cursor={cursor}")).await);
        let mut names = Vec::new();
        for page in [&first, &second] {
            for prompt in page["prompts"].as_array().unwrap() {
                assert!(prompt["deleted_at"].as_str().unwrap().starts_with("2026-01-01"));
                assert!(prompt["restorable_until"].as_str().unwrap().starts_with("2026-01-31"));
                names.push(prompt["name"].as_str().unwrap().to_owned());
            }
        }
        names.sort_unstable();
        assert_eq!((names, second.get("next_cursor")), (vec!["a".to_owned(), "c".to_owned()], None));
        assert_problem(&app.get("/api/trash?limit=0").await, 422, "invalid-field");
        assert_problem(&app.get("/api/trash?cursor=x").await, 422, "invalid-field");
    }
}
