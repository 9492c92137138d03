//! Names, tags and variables as people write them, over every way in.

mod old_syntax;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::prompts::assert_problem;
use crate::support::{TestApp, on_both_stores};

/// Ways to say `code-review`, each with its form in a path or a URI.
const SPELLINGS: [(&str, &str); 6] = [
    ("code-review", "code-review"),
    ("Code review", "Code%20review"),
    ("code_review", "code_review"),
    (" Code-Review ", "%20Code-Review%20"),
    ("#code review", "%23code%20review"),
    ("CODE\u{a0}RE\u{ad}VIEW!", "CODE%C2%A0RE%C2%ADVIEW%21"),
];

const REVIEW: &str = "Review {{code}}.";

async fn save_review(app: &TestApp) {
    app.create(json!({ "title": "Code review", "content": REVIEW, "tags": ["Code review"] })).await;
}

/// Imports a file in a format and returns the report.
async fn import(app: &TestApp, content_type: &str, body: impl Into<axum::body::Body>) -> Value {
    let request = axum::http::Request::post("/api/import").header("content-type", content_type);
    let answer = app.send(request.body(body.into()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.json());
    answer.json()
}

fn names_of(variables: &Value) -> Vec<&str> {
    variables.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

async fn prompts_get(app: &TestApp, name: &str, arguments: Value) -> Value {
    app.rpc("prompts/get", json!({ "name": name, "arguments": arguments })).await
}

fn message_text(answer: &Value) -> &str {
    let text = answer["result"]["messages"][0]["content"]["text"].as_str();
    text.unwrap_or_else(|| panic!("{answer}"))
}

on_both_stores! {
    async fn a_prompt_is_found_by_its_name_as_people_say_it(app: &TestApp) {
        save_review(app).await;
        for (said, encoded) in SPELLINGS {
            let got = app.tool("get_prompt", json!({ "name": said })).await;
            assert_eq!(TestApp::structured(&got)["name"], "code-review", "{said}");
            let got = prompts_get(app, said, json!({ "code": "x" })).await;
            assert_eq!(message_text(&got), "Review x.", "{said}");
            let uri = format!("promptdb://prompts/{encoded}");
            let read = app.rpc("resources/read", json!({ "uri": uri })).await;
            let text = read["result"]["contents"][0]["text"].as_str().unwrap();
            assert!(text.contains(REVIEW), "{said}");
            for path in ["", "/versions"] {
                let answer = app.get(&format!("/api/prompts/{encoded}{path}")).await;
                assert_eq!(answer.status, StatusCode::OK, "{said} {path}");
            }
            let rendered = format!("/api/prompts/{encoded}/render");
            let rendered = app.post(&rendered, json!({ "arguments": { "code": "x" } })).await;
            assert_eq!(rendered.json()["text"], "Review x.");
        }
    }

    async fn a_prompt_is_written_under_its_name_as_people_say_it(app: &TestApp) {
        save_review(app).await;
        let mut version = 1;
        for (said, encoded) in SPELLINGS {
            let change = json!({ "name": said, "content": format!("{said} {{{{x}}}}"), "expected_version": version });
            let saved = app.tool("save_prompt", change).await;
            assert_eq!(TestApp::structured(&saved)["name"], "code-review", "{said}");
            version += 1;
            let change = json!({ "name": said, "content": said, "expected_version": version });
            let saved = app.put(&format!("/api/prompts/{encoded}"), change).await;
            assert_eq!((saved.status, &saved.json()["name"]), (StatusCode::OK, &json!("code-review")));
            version += 1;
            let taken = app.post("/api/prompts", json!({ "name": said, "content": "x" })).await;
            assert_problem(&taken, 409, "name-taken");
            let deleted = app.tool("delete_prompt", json!({ "name": said })).await;
            assert_eq!(TestApp::structured(&deleted)["name"], "code-review");
            let restored = app.post(&format!("/api/prompts/{encoded}/restore"), json!({})).await;
            assert_eq!(restored.status, StatusCode::OK, "{said}");
        }
        let long = "Long ".repeat(14);
        let refused = app.post("/api/prompts", json!({ "name": long, "content": "x" })).await;
        let problem = assert_problem(&refused, 422, "invalid-field");
        assert!(problem["detail"].as_str().unwrap().contains("at most 64 characters"), "{problem}");
    }

    async fn the_name_of_another_prompt_is_unknown_with_similar_ones(app: &TestApp) {
        save_review(app).await;
        let result = app.tool("get_prompt", json!({ "name": "code review prompt" })).await;
        let message = TestApp::mistake(&result);
        assert!(message.contains("similar names: code-review"), "{message}");
    }

    async fn only_a_text_without_a_letter_or_digit_names_nothing(app: &TestApp) {
        save_review(app).await;
        for said in ["!!!", "-", "…", "\u{200b}"] {
            for tool in ["get_prompt", "delete_prompt"] {
                let result = app.tool(tool, json!({ "name": said })).await;
                let message = TestApp::mistake(&result);
                assert!(message.contains("name: must contain a letter or a digit"), "{message}");
            }
            let result = app.tool("list_prompts", json!({ "tag": said })).await;
            assert!(TestApp::mistake(&result).contains("tag: must contain a letter or a digit"));
            for body in [json!({ "name": said, "content": "x" }), json!({ "tags": [said], "content": "x" })] {
                assert_problem(&app.post("/api/prompts", body).await, 422, "invalid-field");
            }
            let got = prompts_get(app, said, json!({})).await;
            assert!(got["error"]["message"].as_str().unwrap().starts_with("Unknown prompt"), "{got}");
        }
        assert_problem(&app.get("/api/prompts/!!!").await, 404, "not-found");
        assert_problem(&app.get("/api/prompts?tag=!!!").await, 422, "invalid-field");
        let read = app.rpc("resources/read", json!({ "uri": "promptdb://prompts/%FF" })).await;
        assert!(read["error"]["message"].as_str().unwrap().starts_with("Resource not found"), "{read}");
    }

    async fn the_built_in_prompt_is_found_as_people_say_it(app: &TestApp) {
        for said in ["harvest", "Harvest", " #harvest"] {
            let got = prompts_get(app, said, json!({})).await;
            assert!(message_text(&got).contains("harvest_session"), "{said}");
            let result = app.tool("save_prompt", json!({ "name": said, "content": "x" })).await;
            assert!(TestApp::mistake(&result).contains("built-in"), "{said}");
        }
    }

    async fn tags_are_kept_and_found_as_their_slugs(app: &TestApp) {
        let tags = ["Code review", "code_review", "#Rust", "RUST", "rust"];
        let saved = app.create(json!({ "name": "a", "content": "x", "tags": tags })).await;
        assert_eq!(saved["tags"], json!(["code-review", "rust"]));
        let candidate = json!({
            "title": "Notes", "why": "Used twice.", "tags": tags,
            "content": "Write release notes for users from {{changes}}",
        });
        let harvested = app.tool("harvest_session", json!({ "candidates": [candidate] })).await;
        let id = &TestApp::structured(&harvested)["candidates"][0]["candidate_id"];
        TestApp::structured(&app.tool("save_prompt", json!({ "candidate_id": id })).await);
        import(app, "text/csv", "name,content,tags\r\nimported,x,\"#Rust, CODE_REVIEW\"\r\n").await;
        for said in ["rust", "#Rust", "code review", "Code-Review"] {
            let listed = app.tool("list_prompts", json!({ "tag": said })).await;
            let mut names = names_of(&TestApp::structured(&listed)["prompts"]);
            names.sort_unstable();
            assert_eq!(names, ["a", "imported", "notes"], "{said}");
        }
        let listed = app.get("/api/prompts?tag=%23Rust").await.json();
        assert_eq!(names_of(&listed["prompts"]).len(), 3);
        for (typed, expected) in [("#Ru", json!(["rust"])), ("Code r", json!(["code-review"])), ("#", json!(["code-review", "rust"])), ("!!!", json!([]))] {
            let argument = json!({ "name": "tag", "value": typed });
            let params = json!({ "ref": { "type": "ref/prompt", "name": "Harvest" }, "argument": argument });
            let completed = app.rpc("completion/complete", params).await;
            assert_eq!(completed["result"]["completion"]["values"], expected, "{typed}");
        }
    }

    async fn variables_are_found_and_filled_in_as_people_write_them(app: &TestApp) {
        let content = "{{ First-Name }} {{first_name}} {{名前}} {{नाम}} {{ camelCase }} {{{x}}} \\{{y}}";
        let given = json!([{ "name": "FIRST_NAME", "default": "Ada" }]);
        let saved = app.tool("save_prompt", json!({ "name": "p", "content": content, "variables": given })).await;
        let structured = TestApp::structured(&saved);
        assert_eq!(names_of(&structured["variables"]), ["First-Name", "名前", "नाम", "camelCase"]);
        assert_eq!(structured["variables"][0]["default"], "Ada");
        let text = saved["content"][0]["text"].as_str().unwrap();
        assert!(text.contains("First-Name, 名前, नाम, camelCase"), "{text}");

        let arguments = json!({ "first_name": "Eva", "名前": "A", "नाम": "B", "CAMELCASE": "C" });
        let expected = "Eva Eva A B C {{{x}}} {{y}}";
        let got = app.tool("get_prompt", json!({ "name": "p", "arguments": arguments })).await;
        assert_eq!(TestApp::structured(&got)["text"], expected);
        assert_eq!(message_text(&prompts_get(app, "p", arguments.clone()).await), expected);
        let rendered = app.post("/api/prompts/p/render", json!({ "arguments": arguments })).await.json();
        assert_eq!((&rendered["text"], &rendered["missing"]), (&json!(expected), &json!([])));
        let rendered = app.post("/api/prompts/p/render", json!({ "arguments": {} })).await.json();
        assert_eq!(rendered["text"], "Ada Ada {{名前}} {{नाम}} {{ camelCase }} {{{x}}} {{y}}");
        assert_eq!(rendered["missing"], json!(["名前", "नाम", "camelCase"]));

        let argument = json!({ "name": "first_name", "value": "A" });
        let params = json!({ "ref": { "type": "ref/prompt", "name": "p" }, "argument": argument });
        let completed = app.rpc("completion/complete", params).await;
        assert_eq!(completed["result"]["completion"]["values"], json!(["Ada"]));
    }

    async fn two_values_of_one_variable_are_refused(app: &TestApp) {
        app.create(json!({ "name": "p", "content": "Dear {{First-Name}}" })).await;
        let twice = json!({ "first_name": "Eva", "First-Name": "Ada" });
        let answer = app.post("/api/prompts/p/render", json!({ "arguments": twice })).await;
        let problem = assert_problem(&answer, 422, "invalid-field");
        let message = problem["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("another spelling of the variable First-Name"), "{message}");
        let result = app.tool("get_prompt", json!({ "name": "p", "arguments": twice })).await;
        assert!(TestApp::mistake(&result).contains("another spelling"), "{result}");
        assert!(prompts_get(app, "p", twice).await["error"]["message"].as_str().unwrap().contains("another spelling"));
        let same = json!({ "first_name": "Ada", "First-Name": "Ada" });
        assert_eq!(message_text(&prompts_get(app, "p", same).await), "Dear Ada");
    }

    async fn a_save_a_harvest_and_an_import_note_placeholders_of_other_tools(app: &TestApp) {
        let content = "Write about [TOPIC] in {tone}, for {{user.name}} and {{reader}}.";
        let saved = app.tool("save_prompt", json!({ "name": "p", "content": content })).await;
        let notes = TestApp::structured(&saved)["notes"].as_array().unwrap();
        assert_eq!(notes.len(), 3, "{notes:?}");
        for found in ["`[TOPIC]`", "`{tone}`", "`{{user.name}}`"] {
            assert!(notes.iter().any(|note| note.as_str().unwrap().starts_with(found)), "{notes:?}");
            assert!(saved["content"][0]["text"].as_str().unwrap().contains(found));
        }
        let rest = app.put("/api/prompts/p", json!({ "title": "P", "expected_version": 1 })).await.json();
        assert_eq!((&rest["notes"], rest["variables"][0]["name"].as_str()), (&json!(notes), Some("reader")));
        let clean = app.create(json!({ "name": "clean", "content": "Write about {{topic}}." })).await;
        assert_eq!(clean["notes"], json!([]));

        let candidate = json!({ "title": "About", "why": "Used twice.", "content": content });
        let harvested = app.tool("harvest_session", json!({ "candidates": [candidate] })).await;
        let one = &TestApp::structured(&harvested)["candidates"][0];
        assert_eq!(one["problems"], json!(notes));
        assert_eq!(names_of(&one["suggested"]["variables"]), ["reader"]);

        let file = json!([{ "title": "Imported", "content": content }, { "title": "Plain", "content": "x" }]);
        for outcome in ["created", "unchanged"] {
            let report = import(app, "application/json", file.to_string()).await;
            assert_eq!(report["items"][0]["outcome"], outcome);
            let (notes, variables) = match outcome {
                "created" => (json!(notes), json!(["reader"])),
                _ => (Value::Null, Value::Null),
            };
            assert_eq!((&report["items"][0]["notes"], &report["items"][0]["variables"]), (&notes, &variables));
            assert_eq!(report["items"][1].get("notes"), None);
        }
    }

    async fn titles_lose_invisible_characters_and_descriptions_have_1024(app: &TestApp) {
        let title = "Code\u{200b} re\u{ad}view\u{202e} 👩\u{200d}🔧";
        let description = "é".repeat(1024);
        let saved = app.create(json!({ "title": title, "description": description, "content": "x" })).await;
        assert_eq!(saved["title"], "Code review 👩\u{200d}🔧");
        assert!(saved["name"].as_str().unwrap().starts_with("code-review"));
        assert_eq!(saved["description"], description);
    }
}
