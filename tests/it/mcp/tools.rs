//! The calls of tools, and the messages from which a model continues.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{TestApp, on_both_stores};

/// Returns an upper bound of a text's tokens: half the bytes of ASCII, and each other byte, as a
/// tokenizer may fall back to single bytes.
fn estimate_max_tokens(text: &str) -> usize {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    ascii / 2 + (text.len() - ascii)
}

on_both_stores! {
    async fn arguments_are_inserted_as_text_and_never_expanded_again(app: &TestApp) {
        let content = "{{a}} {{b}} \\{{a}}";
        TestApp::structured(&app.tool("save_prompt", json!({ "name": "x", "content": content })).await);
        let arguments = json!({ "a": "{{b}}", "b": "\\{{a}} {{c}}" });
        let got = app.tool("get_prompt", json!({ "name": "x", "arguments": arguments })).await;
        let structured = TestApp::structured(&got);
        assert_eq!(structured["text"], "{{b}} \\{{a}} {{c}} {{a}}");
        assert_eq!(structured["missing"], json!([]));
        assert_eq!(got["content"][0]["text"], structured["text"]);
    }

    async fn the_error_of_an_unknown_name_suggests_similar_names(app: &TestApp) {
        for name in ["code-review", "code-review-rust", "poem"] {
            app.clock.tick();
            app.create(json!({ "name": name, "content": name })).await;
        }
        for tool in ["get_prompt", "delete_prompt"] {
            let result = app.tool(tool, json!({ "name": "code-reviews" })).await;
            let expected =
                "there is no prompt named code-reviews; similar names: code-review, code-review-rust";
            assert_eq!(TestApp::mistake(&result), expected);
            let result = app.tool(tool, json!({ "name": "zzz" })).await;
            let expected = "there is no prompt named zzz; list_prompts returns every saved prompt";
            assert_eq!(TestApp::mistake(&result), expected);
        }
    }

    async fn the_text_of_a_prompt_names_the_variables_without_a_value(app: &TestApp) {
        app.create(json!({ "name": "x", "content": "{{a}} and {{b}}" })).await;
        let got = app.tool("get_prompt", json!({ "name": "x", "arguments": { "a": "A" } })).await;
        assert_eq!(TestApp::structured(&got)["missing"], json!(["b"]));
        assert_eq!(got["content"][0]["text"], "A and {{b}}");
        let hint = "Missing arguments: b.";
        assert_eq!((&got["content"][1]["text"], &TestApp::structured(&got)["hint"]), (&json!(hint), &json!(hint)));
    }

    async fn a_query_returns_its_clear_match_or_all_matches(app: &TestApp) {
        for (name, title, content) in [
            ("release-notes", "Release notes", "Write release notes from {{changes}}"),
            ("review-rust", "Review Rust", "Review this Rust code: {{code}}"),
            ("review-prose", "Review prose", "Review this prose: {{text}}"),
        ] {
            app.clock.tick();
            app.create(json!({ "name": name, "title": title, "content": content })).await;
        }
        for query in ["release notes", "RELEASE-NOTES", "notes from changes"] {
            let got = app.tool("get_prompt", json!({ "query": query })).await;
            assert_eq!(TestApp::structured(&got)["name"], "release-notes", "{query}");
        }
        let got = app.tool("get_prompt", json!({ "query": "review" })).await;
        let structured = TestApp::structured(&got);
        let fields: Vec<&String> = structured.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["hint", "matches"]);
        let names: Vec<&Value> =
            structured["matches"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
        assert_eq!(names, ["review-rust", "review-prose"]);
        let text = got["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("review-rust: Review Rust"), "{text}");

        let got = app.tool("get_prompt", json!({ "query": "gardening" })).await;
        let hint = "No saved prompt matches. list_prompts returns every saved prompt.";
        assert_eq!(TestApp::structured(&got), &json!({ "matches": [], "hint": hint }));
    }

    async fn a_query_that_fits_many_prompts_returns_five_and_says_how_to_list_all(app: &TestApp) {
        for number in 0..7 {
            app.clock.tick();
            app.create(json!({ "title": format!("Review {number}"), "content": "Review {{code}}" })).await;
        }
        let got = app.tool("get_prompt", json!({ "query": "review" })).await;
        let structured = TestApp::structured(&got);
        assert_eq!(structured["matches"].as_array().unwrap().len(), 5, "{structured}");
        let hint = structured["hint"].as_str().unwrap();
        assert!(hint.contains("by its name") && hint.contains("list_prompts"), "{hint}");
        assert!(got["content"][0]["text"].as_str().unwrap().starts_with(hint));
    }

    async fn a_raw_text_is_as_saved_and_reading_it_is_no_use(app: &TestApp) {
        app.create(json!({ "name": "x", "content": "{{a}} \\{{b}}", "variables": [{ "name": "a", "default": "A" }] })).await;
        let raw = app.tool("get_prompt", json!({ "name": "x", "raw": true })).await;
        let structured = TestApp::structured(&raw);
        assert_eq!((&structured["text"], &structured["missing"]), (&json!("{{a}} \\{{b}}"), &json!([])));
        assert!(structured.get("content").is_none() && structured.get("hint").is_none(), "{structured}");
        assert_eq!(raw["content"], json!([{ "type": "text", "text": "{{a}} \\{{b}}" }]));
        let uses = async || {
            app.state.library().flush_uses().await.unwrap();
            app.get("/api/prompts/x").await.json()["use_count"].clone()
        };
        assert_eq!(uses().await, 0);
        let filled = app.tool("get_prompt", json!({ "name": "x", "raw": false })).await;
        assert_eq!(TestApp::structured(&filled)["text"], "A {{b}}");
        assert_eq!(uses().await, 1);
        let both = app.tool("get_prompt", json!({ "name": "x", "raw": true, "arguments": { "a": "1" } })).await;
        assert!(TestApp::mistake(&both).starts_with("raw: "), "{both}");
        let empty = app.tool("get_prompt", json!({ "name": "x", "raw": true, "arguments": {} })).await;
        TestApp::structured(&empty);
    }

    async fn a_save_over_a_prompt_without_its_version_says_to_read_it_first(app: &TestApp) {
        let save = async |arguments: Value| app.tool("save_prompt", arguments).await;
        TestApp::structured(&save(json!({ "title": "My poem", "content": "one" })).await);
        let taken = save(json!({ "title": "My poem", "content": "two" })).await;
        let expected = "a prompt named my-poem exists and nothing was written; choose another name, or, \
            to save over it, read it with get_prompt and pass its version as expected_version";
        assert_eq!(TestApp::mistake(&taken), expected);
        let part = save(json!({ "name": "my-poem", "tags": ["verse"] })).await;
        let expected = "the prompt exists and nothing was written; to save over it, read it with \
            get_prompt and pass its version as expected_version";
        assert_eq!(TestApp::mistake(&part), expected);
        let candidate = json!({ "title": "My poem", "why": "Good.", "content": "Write one poem about {{topic}}." });
        let harvested = app.tool("harvest_session", json!({ "candidates": [candidate] })).await;
        let problems = &TestApp::structured(&harvested)["candidates"][0]["problems"];
        let problem = problems[0].as_str().unwrap();
        assert!(problem.contains("my-poem exists") && !problem.contains('1'), "{problems}");
        let id = &TestApp::structured(&harvested)["candidates"][0]["candidate_id"];
        let taken = save(json!({ "candidate_id": id })).await;
        assert!(!TestApp::mistake(&taken).contains("expected_version: "), "{taken}");
        // The title names the prompt as well as its name does.
        let saved = save(json!({ "title": "My poem", "content": "two", "expected_version": 1 })).await;
        assert_eq!(TestApp::structured(&saved)["version"], 2);
        let stale = save(json!({ "name": "my-poem", "content": "three", "expected_version": 1 })).await;
        let message = TestApp::mistake(&stale);
        assert!(
            message.contains("expected_version: 2") && message.contains("nothing was written"),
            "{message}"
        );
        let got = app.tool("get_prompt", json!({ "name": "my-poem", "version": 1 })).await;
        assert_eq!(TestApp::structured(&got)["text"], "one");
    }

    async fn a_save_by_id_changes_that_prompt_and_makes_no_other(app: &TestApp) {
        let poem = app.create(json!({ "name": "poem", "content": "one" })).await;
        let id = poem["id"].as_str().unwrap();
        let save = async |arguments| app.tool("save_prompt", arguments).await;
        let unversioned = save(json!({ "id": id, "content": "two" })).await;
        assert!(TestApp::mistake(&unversioned).contains("expected_version"), "{unversioned}");
        let saved = save(json!({ "id": id, "content": "two", "expected_version": 1 })).await;
        assert_eq!(TestApp::structured(&saved)["name"], "poem");
        assert_eq!(TestApp::structured(&saved)["version"], 2);
        let both = json!({ "id": id, "name": "other", "content": "x", "expected_version": 2 });
        assert!(TestApp::mistake(&save(both).await).contains("either name or id"));
        let unknown = json!({ "id": "prm_0000000000000000000000", "content": "x" });
        TestApp::mistake(&save(unknown).await);
        app.delete(&format!("/api/prompts/{id}")).await;
        let deleted = save(json!({ "id": id, "content": "x" })).await;
        assert!(TestApp::mistake(&deleted).contains("restore_prompt"), "{deleted}");
    }

    async fn of_50_concurrent_saves_exactly_one_succeeds(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "start" })).await;
        let saves = (0..50).map(async |number| {
            let content = format!("text {number}");
            let arguments = json!({ "name": "poem", "content": content, "expected_version": 1 });
            (content, app.tool("save_prompt", arguments).await)
        });
        let (won, lost): (Vec<_>, Vec<_>) =
            join_all(saves).await.into_iter().partition(|(_, result)| result["isError"] == false);
        assert_eq!((won.len(), lost.len()), (1, 49));
        for (_, result) in &lost {
            assert!(TestApp::mistake(result).contains("expected_version: 2"), "{result}");
        }
        let read = app.get("/api/prompts/poem").await.json();
        assert_eq!((&read["content"], &read["version"]), (&json!(won[0].0), &json!(2)));
    }
}

#[tokio::test]
async fn a_list_stays_within_its_budget_of_tokens_and_its_pages_hold_every_prompt() {
    for (title, description) in [
        ("東".repeat(120), "東京".repeat(250)),
        ("ሀ".repeat(120), "ሀለ".repeat(250)),
        ("😀".repeat(120), "🤷🏽".repeat(250)),
        ("\"".repeat(120), "\"\n".repeat(249) + "x"),
        ("x".repeat(120), "word ".repeat(99)),
    ] {
        let app = TestApp::new();
        for number in 0..100 {
            app.clock.tick();
            let tags: Vec<String> = (0..10).map(|tag| format!("{tag:a>32}")).collect();
            app.create(json!({
                "name": format!("{number:a>64}"), "title": title, "description": description,
                "tags": tags, "content": "{{v}}",
                "variables": [{ "name": "v", "description": description, "default": description }],
            }))
            .await;
        }
        let mut seen = Vec::new();
        let mut arguments = json!({ "limit": 100 });
        loop {
            let result = app.tool("list_prompts", arguments.clone()).await;
            assert!(
                estimate_max_tokens(&result.to_string()) <= 25_000,
                "{}",
                estimate_max_tokens(&result.to_string())
            );
            let page = TestApp::structured(&result);
            let prompts = page["prompts"].as_array().unwrap();
            assert!(!prompts.is_empty());
            seen.extend(prompts.iter().map(|prompt| prompt["name"].as_str().unwrap().to_owned()));
            assert!(prompts.iter().all(|prompt| prompt.get("content").is_none()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            let text = result["content"][0]["text"].as_str().unwrap();
            assert!(text.contains(cursor), "the text has the cursor, too");
            arguments["cursor"] = json!(cursor);
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 100);
        let result = app.tool("get_prompt", json!({ "query": "aaaaaaaa" })).await;
        assert!(estimate_max_tokens(&result.to_string()) <= 25_000);
    }
}
