//! Listing, searching, filtering, sorting and paging over REST.

use serde_json::{Value, json};

use super::{assert_ok, assert_problem, prompt_names};
use crate::support::{TestApp, on_both_stores};

/// Adds five prompts, saved in this order.
async fn add_library(app: &TestApp) {
    for (name, title, tags, content) in [
        ("alpha", "Review of films", json!(["film"]), "Say what you think of {{film}}"),
        ("beta", "Other", json!(["code", "rust"]), "please review this code"),
        ("review", "Anything", json!(["code"]), "x"),
        ("review-rust", "Rust things", json!([]), "y"),
        ("gamma", "Nichts", json!([]), "Ganz anders: Größe 東京"),
    ] {
        app.clock.tick();
        app.create(json!({ "name": name, "title": title, "tags": tags, "content": content })).await;
    }
}

async fn check(app: &TestApp, query: &str, expected: &[&str]) {
    let list = assert_ok(&app.get(&format!("/api/prompts?{query}")).await);
    assert_eq!(prompt_names(&list), expected, "{query}");
}

on_both_stores! {
    async fn a_listing_is_sorted_filtered_and_searched(app: &TestApp) {
        add_library(app).await;
        check(app, "", &["gamma", "review-rust", "review", "beta", "alpha"]).await;
        check(app, "sort=name", &["alpha", "beta", "gamma", "review", "review-rust"]).await;
        check(app, "tag=code", &["review", "beta"]).await;
        check(app, "tag=none", &[]).await;
        check(app, "query=review", &["review", "review-rust", "alpha", "beta"]).await;
        check(app, "query=Review&tag=code&sort=name", &["beta", "review"]).await;
        check(app, "query=GROSSE", &[]).await;
        check(app, "query=gr%C3%B6%C3%9Fe", &["gamma"]).await;
        check(app, "query=%E4%BA%AC", &["gamma"]).await;
        check(app, "query=absent", &[]).await;

        assert_ok(&app.put("/api/prompts/beta", json!({ "expected_version": 1, "favorite": true })).await);
        check(app, "favorite=true", &["beta"]).await;
        check(app, "favorite=false&sort=name", &["alpha", "gamma", "review", "review-rust"]).await;
        assert_ok(&app.post("/api/prompts/alpha/render", json!({})).await);
        app.state.library().flush_uses().await.unwrap();
        check(app, "sort=used&limit=1", &["alpha"]).await;
    }

    async fn a_search_returns_its_total_and_pages_through_the_results(app: &TestApp) {
        add_library(app).await;
        let first = assert_ok(&app.get("/api/prompts?query=review&limit=3").await);
        assert_eq!(first["total"], 4);
        assert_eq!(prompt_names(&first), ["review", "review-rust", "alpha"]);
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = assert_ok(&app.get(&format!("/api/prompts?query=review&limit=3&cursor={cursor}")).await);
        assert_eq!(prompt_names(&rest), ["beta"]);
        assert!(rest.get("next_cursor").is_none());
    }

    async fn the_syntax_of_the_full_text_index_has_no_meaning_in_a_query(app: &TestApp) {
        add_library(app).await;
        app.create(
            json!({ "name": "odd", "content": "NEAR AND OR NOT content:x \"quoted\" c++ 100%" }),
        )
        .await;
        for (query, found) in [
            ("\"review", true),
            ("review*", true),
            ("review OR", true),
            ("NEAR(review, 2)", true),
            ("content:review", true),
            ("-review", true),
            ("^review", true),
            ("review)) --", true),
            ("{review}: title", true),
            ("'; DROP TABLE prompts; --", false),
            ("title : \"a\" AND \"b", false),
        ] {
            let encoded: String = form_urlencoded::byte_serialize(query.as_bytes()).collect();
            let answer = app.get(&format!("/api/prompts?query={encoded}")).await;
            let list = assert_ok(&answer);
            assert_eq!(prompt_names(&list).contains(&"review"), found, "{query}: {:?}", prompt_names(&list));
        }
        check(app, "query=NEAR", &["odd"]).await;
        check(app, "query=AND+NOT", &["odd"]).await;
        check(app, "query=100%25", &["odd"]).await;
        for nothing in ["", "%22", "%00", "***", "%FF", "+", "%3F%21"] {
            let answer = app.get(&format!("/api/prompts?query={nothing}")).await;
            let problem = assert_problem(&answer, 422, "invalid-field");
            assert_eq!(problem["errors"][0]["field"], "query", "{nothing}");
        }
    }

    async fn every_order_pages_through_every_prompt_once(app: &TestApp) {
        for number in 0..23 {
            app.clock.tick();
            let name = format!("p-{:02}", (number * 7) % 23);
            app.create(json!({ "name": name, "content": format!("text {number}") })).await;
        }
        for query in ["sort=recent", "sort=name", "sort=used", "favorite=false", "query=text"] {
            let mut seen = Vec::new();
            let mut path = format!("/api/prompts?{query}&limit=5");
            loop {
                let page = assert_ok(&app.get(&path).await);
                seen.extend(prompt_names(&page).into_iter().map(str::to_owned));
                let Some(cursor) = page["next_cursor"].as_str() else { break };
                path = format!("/api/prompts?{query}&limit=5&cursor={cursor}");
            }
            seen.sort();
            let all: Vec<String> = (0..23).map(|number| format!("p-{number:02}")).collect();
            assert_eq!(seen, all, "{query}");
        }
    }

    async fn a_cursor_is_valid_only_for_its_listing(app: &TestApp) {
        add_library(app).await;
        let cursor_of = async |path: &str| -> String {
            let page: Value = assert_ok(&app.get(path).await);
            page["next_cursor"].as_str().unwrap().to_owned()
        };
        let recent = cursor_of("/api/prompts?limit=1").await;
        let by_name = cursor_of("/api/prompts?limit=1&sort=name").await;
        let search = cursor_of("/api/prompts?limit=1&query=review").await;
        let audit = cursor_of("/api/audit?limit=1").await;
        let forged = |kind: &str, parts: &str| {
            use base64::Engine;
            base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(format!("{kind}\n{parts}"))
        };
        let (huge, negative) = (forged("search", "x\n99999999999999999999"), forged("search", "x\n-1"));
        let words = forged("recent", "a\nb");
        for (path, cursor) in [
            ("/api/prompts?sort=name", &recent),
            ("/api/prompts", &by_name),
            ("/api/prompts", &search),
            ("/api/prompts?query=review", &recent),
            ("/api/prompts?query=reviews", &search),
            ("/api/prompts?query=review&sort=name", &search),
            ("/api/prompts?query=review&tag=x", &search),
            ("/api/prompts?query=review&favorite=true", &search),
            ("/api/prompts?query=review", &huge),
            ("/api/prompts?query=review", &negative),
            ("/api/prompts", &words),
            ("/api/prompts?deleted=true", &recent),
            ("/api/prompts", &audit),
            ("/api/audit", &recent),
            ("/api/candidates", &recent),
            ("/api/prompts/beta/versions", &recent),
            ("/api/prompts", &"!!!".to_owned()),
            ("/api/prompts", &String::new()),
            ("/api/prompts", &"A".repeat(5000)),
        ] {
            let separator = if path.contains('?') { '&' } else { '?' };
            let answer = app.get(&format!("{path}{separator}cursor={cursor}")).await;
            let problem = assert_problem(&answer, 422, "invalid-field");
            assert_eq!(problem["errors"][0]["field"], "cursor", "{path} {cursor}");
        }
    }

    async fn no_answer_of_a_listing_is_much_larger_than_a_mebibyte(app: &TestApp) {
        // In JSON a control character takes six bytes.
        let content = format!("sharedword {}", "\u{1}".repeat(40_000));
        for number in 0..6 {
            app.create(json!({ "name": format!("p{number}"), "content": format!("{number} {content}") })).await;
        }
        for version in 1..=5 {
            let body = json!({ "expected_version": version, "content": format!("v{version} {content}") });
            assert_ok(&app.put("/api/prompts/p0", body).await);
        }
        let lists = ["/api/prompts?limit=100", "/api/prompts?limit=100&query=sharedword", "/api/prompts/p0/versions?limit=100"];
        for list in lists {
            let (mut count, mut cursor) = (0, String::new());
            loop {
                let answer = app.get(&format!("{list}{cursor}")).await;
                let page = assert_ok(&answer);
                assert!(answer.body.len() <= 1_100_000, "{list}: {} bytes", answer.body.len());
                let items = page.get("prompts").or(page.get("versions")).unwrap();
                count += items.as_array().unwrap().len();
                match page["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
            assert_eq!(count, 6, "{list}");
        }
    }
}
