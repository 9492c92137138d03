//! How the tools behave towards a model.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{TestApp, on_both_stores};

/// The most tokens that a text can be: of ASCII, models take at least two bytes a token; of other
/// scripts, a tokenizer may fall back to single bytes.
fn most_tokens(text: &str) -> usize {
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

    async fn an_unknown_name_is_answered_with_names_that_may_be_meant(app: &TestApp) {
        for name in ["code-review", "code-review-rust", "poem"] {
            app.clock.tick();
            app.create(json!({ "name": name, "content": name })).await;
        }
        for tool in ["get_prompt", "delete_prompt"] {
            let result = app.tool(tool, json!({ "name": "code-reviews" })).await;
            let expected =
                "there is no prompt named code-reviews; similar names: code-review-rust, code-review";
            assert_eq!(TestApp::mistake(&result), expected);
            let result = app.tool(tool, json!({ "name": "zzz" })).await;
            let expected = "there is no prompt named zzz; list_prompts shows what there is";
            assert_eq!(TestApp::mistake(&result), expected);
        }
    }

    async fn the_text_of_a_prompt_says_what_was_not_filled_in(app: &TestApp) {
        app.create(json!({ "name": "x", "content": "{{a}} and {{b}}" })).await;
        let got = app.tool("get_prompt", json!({ "name": "x", "arguments": { "a": "A" } })).await;
        assert_eq!(TestApp::structured(&got)["missing"], json!(["b"]));
        assert_eq!(got["content"][0]["text"], "A and {{b}}");
        assert_eq!(got["content"][1]["text"], "Not filled in: b. Pass them in arguments.");
    }

    async fn a_query_gets_the_prompt_that_is_clearly_meant_or_the_choice(app: &TestApp) {
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
        assert_eq!(fields, ["matches"]);
        let names: Vec<&Value> =
            structured["matches"].as_array().unwrap().iter().map(|m| &m["name"]).collect();
        assert_eq!(names, ["review-prose", "review-rust"]);
        let text = got["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("review-rust: Review Rust"), "{text}");

        let got = app.tool("get_prompt", json!({ "query": "gardening" })).await;
        assert_eq!(TestApp::structured(&got), &json!({ "matches": [] }));
    }

    async fn a_save_over_a_prompt_needs_its_version_and_says_so(app: &TestApp) {
        let save = async |arguments: Value| app.tool("save_prompt", arguments).await;
        TestApp::structured(&save(json!({ "title": "My poem", "content": "one" })).await);
        let taken = save(json!({ "title": "My poem", "content": "two" })).await;
        let expected = "a prompt named my-poem exists and nothing was written; to save over it pass \
            expected_version: 1, else choose another name";
        assert_eq!(TestApp::mistake(&taken), expected);
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

    async fn of_50_saves_at_once_exactly_one_wins(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "start" })).await;
        let crowd = (0..50).map(async |number| {
            let content = format!("text {number}");
            let arguments = json!({ "name": "poem", "content": content, "expected_version": 1 });
            (content, app.tool("save_prompt", arguments).await)
        });
        let (won, lost): (Vec<_>, Vec<_>) =
            join_all(crowd).await.into_iter().partition(|(_, result)| result["isError"] == false);
        assert_eq!((won.len(), lost.len()), (1, 49));
        for (_, result) in &lost {
            assert!(TestApp::mistake(result).contains("expected_version: 2"), "{result}");
        }
        let read = app.get("/api/prompts/poem").await.json();
        assert_eq!((&read["content"], &read["version"]), (&json!(won[0].0), &json!(2)));
    }
}

#[tokio::test]
async fn a_list_stays_within_its_budget_of_tokens_and_pages_through_everything() {
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
                most_tokens(&result.to_string()) <= 25_000,
                "{}",
                most_tokens(&result.to_string())
            );
            let page = TestApp::structured(&result);
            let prompts = page["prompts"].as_array().unwrap();
            assert!(!prompts.is_empty());
            seen.extend(prompts.iter().map(|prompt| prompt["name"].as_str().unwrap().to_owned()));
            assert!(prompts.iter().all(|prompt| prompt.get("content").is_none()));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            let text = result["content"][0]["text"].as_str().unwrap();
            assert!(text.contains(cursor), "the text tells how to go on, too");
            arguments["cursor"] = json!(cursor);
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 100);
        let result = app.tool("get_prompt", json!({ "query": "aaaaaaaa" })).await;
        assert!(most_tokens(&result.to_string()) <= 25_000);
    }
}
