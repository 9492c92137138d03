//! What a chat does with a saved prompt later: its history, its deletion and what undoes it, its mark
//! as a favourite, and the library as a list.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApp, on_both_stores};

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap()
}

async fn save_three_versions(app: &TestApp) -> String {
    let created = app.create(json!({ "name": "poem", "title": "Poem", "content": "one" })).await;
    for (version, content) in [(1, "two"), (2, "three")] {
        app.clock.tick();
        let body = json!({ "content": content, "expected_version": version, "title": content });
        assert_eq!(app.put("/api/prompts/poem", body).await.status, StatusCode::OK);
    }
    created["id"].as_str().unwrap().to_owned()
}

async fn add_deleted(app: &TestApp, name: &str) -> String {
    app.clock.tick();
    let id = app.create(json!({ "name": name, "content": "text" })).await["id"].take();
    TestApp::structured(&app.tool("delete_prompt", json!({ "name": name })).await);
    id.as_str().unwrap().to_owned()
}

async fn restore(app: &TestApp, arguments: Value) -> Value {
    app.tool("restore_prompt", arguments).await
}

on_both_stores! {
    async fn versions_are_listed_by_name_or_id_the_newest_first(app: &TestApp) {
        let id = save_three_versions(app).await;
        let listed = app.tool("list_versions", json!({ "name": "poem" })).await;
        let structured = TestApp::structured(&listed);
        let first = json!({ "version": 3, "created_at": "2026-01-01T00:00:00.002Z", "source": structured["versions"][0]["source"], "title": "three" });
        assert_eq!(structured["versions"][0], first);
        assert_eq!(structured["versions"].as_array().unwrap().len(), 3);
        assert!(text(&listed).starts_with("Versions of poem:\n3: three (2026-01-01T00:00:00.002Z, "), "{listed}");
        let page = app.tool("list_versions", json!({ "id": id, "limit": 2 })).await;
        let cursor = &TestApp::structured(&page)["next_cursor"];
        assert!(text(&page).contains(cursor.as_str().unwrap()));
        let rest = app.tool("list_versions", json!({ "id": id, "limit": 2, "cursor": cursor })).await;
        assert_eq!(TestApp::structured(&rest)["versions"][0]["version"], 1);
        TestApp::structured(&app.tool("delete_prompt", json!({ "id": id })).await);
        let deleted = app.tool("list_versions", json!({ "name": "poem" })).await;
        assert_eq!(TestApp::structured(&deleted)["versions"].as_array().unwrap().len(), 3);
        let unknown = app.tool("list_versions", json!({ "name": "nothing" })).await;
        let message = TestApp::mistake(&unknown);
        assert!(message.contains("no prompt named nothing") && message.contains("list_prompts"), "{message}");
    }

    async fn an_old_version_comes_back_as_a_new_one(app: &TestApp) {
        let id = save_three_versions(app).await;
        let restored = restore(app, json!({ "name": "poem", "version": 1 })).await;
        assert_eq!(TestApp::structured(&restored), &json!({ "id": id, "name": "poem", "version": 4, "notes": [] }));
        assert_eq!(text(&restored), "Restored poem (version 4).");
        let got = app.tool("get_prompt", json!({ "name": "poem" })).await;
        assert_eq!((&TestApp::structured(&got)["text"], &TestApp::structured(&got)["title"]), (&json!("one"), &json!("Poem")));
        let again = restore(app, json!({ "name": "poem", "version": 1 })).await;
        assert_eq!(TestApp::structured(&again)["version"], 4);
        let hint = TestApp::structured(&again)["hint"].as_str().unwrap();
        assert!(hint.starts_with("Nothing changed: poem already has the text of version 1"), "{hint}");
        let none = restore(app, json!({ "id": id })).await;
        assert_eq!(TestApp::structured(&none)["version"], 4);
        let hint = TestApp::structured(&none)["hint"].as_str().unwrap();
        assert!(hint.contains("is not deleted") && hint.contains("list_versions"), "{hint}");
        let unknown = restore(app, json!({ "name": "poem", "version": 9 })).await;
        assert!(TestApp::mistake(&unknown).contains("no version 9"), "{unknown}");
    }

    async fn a_deleted_prompt_is_listed_and_restored(app: &TestApp) {
        let id = add_deleted(app, "poem").await;
        let lost = app.tool("get_prompt", json!({ "name": "poem" })).await;
        assert!(TestApp::mistake(&lost).contains("it was deleted, and restore_prompt brings it back"), "{lost}");
        let listed = app.tool("list_prompts", json!({ "deleted": true })).await;
        assert_eq!(TestApp::structured(&listed)["prompts"][0]["id"], json!(id));
        assert!(text(&listed).contains(&id), "{listed}");
        let living = app.tool("list_prompts", json!({ "deleted": false })).await;
        assert_eq!(TestApp::structured(&living)["prompts"], json!([]));
        let restored = restore(app, json!({ "name": "poem" })).await;
        assert_eq!(TestApp::structured(&restored), &json!({ "id": id, "name": "poem", "version": 1, "notes": [] }));
        TestApp::structured(&app.tool("get_prompt", json!({ "name": "poem" })).await);
        TestApp::structured(&app.tool("delete_prompt", json!({ "id": id })).await);
        let restored = restore(app, json!({ "id": id })).await;
        assert_eq!(TestApp::structured(&restored)["name"], "poem");
    }

    async fn a_name_of_several_deleted_prompts_is_refused_with_their_ids(app: &TestApp) {
        let (first, second) = (add_deleted(app, "poem").await, add_deleted(app, "poem").await);
        for tool in ["restore_prompt", "list_versions"] {
            let refused = app.tool(tool, json!({ "name": "poem" })).await;
            let message = TestApp::mistake(&refused);
            assert!(message.contains(&format!("{second}, {first}")), "{tool}: {message}");
        }
        let twin = app.post("/api/prompts/poem/restore", json!({})).await;
        assert_eq!((twin.status, &twin.json()["type"]), (StatusCode::CONFLICT, &json!("urn:promptdb:problem:ambiguous")));
        let restored = restore(app, json!({ "id": first })).await;
        assert_eq!(TestApp::structured(&restored)["id"], json!(first));
        // By name, the living one is meant from now on, and the other cannot have its name back.
        let living = restore(app, json!({ "name": "poem" })).await;
        assert!(TestApp::structured(&living)["hint"].as_str().unwrap().contains("is not deleted"));
        let taken = restore(app, json!({ "id": second })).await;
        let message = TestApp::mistake(&taken);
        assert!(message.contains("another prompt is named poem now") && message.contains(&second), "{message}");
        let twin = app.post(&format!("/api/prompts/{second}/restore"), json!({})).await;
        let problem = crate::prompts::assert_problem(&twin, 409, "name-taken");
        assert_eq!((&problem["detail"], &problem["current_version"]), (&json!(message), &json!(1)));
    }

    async fn a_save_that_names_a_deleted_prompt_mentions_how_it_is_restored(app: &TestApp) {
        add_deleted(app, "poem").await;
        for arguments in [
            json!({ "favorite": true }),
            json!({ "title": "New" }),
            json!({ "content": "x", "expected_version": 1 }),
            json!({ "tags": ["a"], "expected_version": 1 }),
        ] {
            let mut arguments = arguments;
            arguments["name"] = json!("poem");
            let refused = app.tool("save_prompt", arguments.clone()).await;
            let message = TestApp::mistake(&refused);
            assert!(message.contains("poem is deleted") && message.contains("restore_prompt"), "{message}");
            arguments["name"] = json!("other");
            let refused = app.tool("save_prompt", arguments).await;
            assert!(!TestApp::mistake(&refused).contains("restore_prompt"), "{refused}");
        }
    }

    async fn a_favourite_needs_no_version_and_makes_none(app: &TestApp) {
        save_three_versions(app).await;
        for (favorite, count) in [(true, 1), (true, 1), (false, 0)] {
            let marked = app.tool("save_prompt", json!({ "name": "poem", "favorite": favorite })).await;
            let structured = TestApp::structured(&marked);
            assert_eq!((&structured["version"], &structured["created"]), (&json!(3), &json!(false)));
            let listed = app.tool("list_prompts", json!({ "favorite": true })).await;
            assert_eq!(TestApp::structured(&listed)["prompts"].as_array().unwrap().len(), count);
        }
        let with_title = app.tool("save_prompt", json!({ "name": "poem", "title": "three", "favorite": true })).await;
        assert_eq!(TestApp::structured(&with_title)["version"], 3, "a title that stays is no change");
        for change in [json!({ "title": "Other" }), json!({ "content": "x" }), json!({ "tags": ["a"] })] {
            let mut arguments = change;
            arguments["name"] = json!("poem");
            arguments["favorite"] = json!(false);
            let refused = app.tool("save_prompt", arguments).await;
            assert!(TestApp::mistake(&refused).contains("nothing was written"), "{refused}");
        }
        let twin = app.put("/api/prompts/poem", json!({ "favorite": false })).await;
        assert_eq!((twin.status, &twin.json()["favorite"]), (StatusCode::OK, &json!(false)));
        assert_eq!(twin.json()["version"], 3);
        let both = app.put("/api/prompts/poem", json!({ "favorite": true, "name": "ode" })).await;
        assert_eq!(both.status, StatusCode::CONFLICT, "a new name needs the version");
        let created = app.tool("save_prompt", json!({ "name": "new", "content": "x", "favorite": true })).await;
        assert_eq!(TestApp::structured(&created)["created"], true);
        assert_eq!(app.get("/api/prompts/new").await.json()["favorite"], true);
        let unknown = app.tool("save_prompt", json!({ "name": "nothing", "favorite": true })).await;
        assert!(TestApp::mistake(&unknown).starts_with("content: is missing; no prompt is named nothing"), "{unknown}");
        let nothing = app.tool("save_prompt", json!({ "name": "poem" })).await;
        assert!(TestApp::mistake(&nothing).starts_with("content: is missing"), "{nothing}");
    }

    async fn absent_fields_stay_in_a_save_by_name(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "A {{thing}}", "description": "D" })).await;
        let saved = app.tool("save_prompt", json!({ "name": "poem", "tags": ["verse"], "expected_version": 1 })).await;
        assert_eq!(TestApp::structured(&saved)["version"], 2);
        let got = app.tool("get_prompt", json!({ "name": "poem", "raw": true })).await;
        let structured = TestApp::structured(&got);
        assert_eq!((&structured["text"], &structured["description"]), (&json!("A {{thing}}"), &json!("D")));
        assert_eq!(structured["tags"], json!(["verse"]));
    }

    async fn the_library_opens_as_a_list_or_at_one_prompt(app: &TestApp) {
        app.create(json!({ "name": "poem", "content": "A {{thing}}", "tags": ["verse"] })).await;
        app.create(json!({ "name": "letter", "content": "Dear {{name}}" })).await;
        for arguments in [json!({}), json!({ "query": "poem" }), json!({ "tag": "verse" })] {
            let open = app.tool("open_library", arguments.clone()).await;
            let list = app.tool("list_prompts", arguments).await;
            assert_eq!(open, list);
        }
        let open = app.tool("open_library", json!({ "name": "poem" })).await;
        assert_eq!(open, app.tool("get_prompt", json!({ "name": "poem", "raw": true })).await);
        let unknown = app.tool("open_library", json!({ "name": "poem-long" })).await;
        assert!(TestApp::mistake(&unknown).contains("similar names: poem"), "{unknown}");
    }
}

#[tokio::test]
async fn a_long_prompt_opens_cut_and_is_whole_in_get_prompt() {
    let app = TestApp::new();
    for (content, defaults) in
        [("é\n".repeat(21_000), 0), ("\u{1}".repeat(40_000), 0), ("x".repeat(40_000), 15)]
    {
        let names: Vec<String> = (0..15).map(|index| format!("{{{{v{index}}}}}")).collect();
        let content = names.concat() + &content;
        let variables: Vec<Value> = (0..defaults)
            .map(|index| json!({ "name": format!("v{index}"), "default": "d".repeat(4000) }))
            .collect();
        let prompt = json!({ "name": "long", "content": content, "variables": variables });
        let id = app.create(prompt).await["id"].take();
        let open = app.tool("open_library", json!({ "name": "long" })).await;
        let structured = TestApp::structured(&open);
        assert!(structured.to_string().len() <= 48 * 1024, "{}", structured.to_string().len());
        assert_eq!(structured["content_cut"], true);
        assert!(content.starts_with(structured["text"].as_str().unwrap()));
        let note = open["content"][1]["text"].as_str().unwrap();
        assert!(note.contains("get_prompt with name long and raw"), "{note}");
        assert_eq!(structured["hint"], note);
        let whole = app.tool("get_prompt", json!({ "name": "long", "raw": true })).await;
        assert_eq!(TestApp::structured(&whole)["text"], json!(content));
        TestApp::structured(&app.tool("delete_prompt", json!({ "id": id })).await);
    }
}

/// A prompt as people write them, of about so many bytes.
fn typical(bytes: usize) -> String {
    let paragraph = "You are an experienced reviewer of {{language}} code. Read the change below with care, \
        and list what you would mend first: wrong results, then unclear names, then missing tests.\n\
        - Quote each line that you mention, and say in one sentence what is wrong with it.\n\
        - Do not repeat the code, and keep a \"kind\" tone; the author is new to the project.\n\n";
    let mut text = paragraph.repeat(bytes / paragraph.len() + 1);
    text.truncate(bytes);
    text
}

/// The longest answer to `get_prompt` for a prompt of this content, in bytes.
async fn longest_answer(app: &TestApp, content: &str) -> usize {
    app.create(json!({ "name": "one", "content": content })).await;
    let mut longest = 0;
    for raw in [false, true] {
        let arguments = json!({ "name": "one", "raw": raw });
        let call = json!({ "name": "get_prompt", "arguments": arguments });
        let plain = app.post("/mcp", super::request("tools/call", call.clone())).await.body;
        let (headers, message) = super::stateless("tools/call", call);
        let latest = super::send_with(app, &headers, message).await.body;
        longest = longest.max(plain.len()).max(latest.len());
    }
    longest
}

#[tokio::test]
async fn an_answer_with_many_quotes_is_at_most_2_3_times_its_prompt_in_json() {
    let line = "- \"name\": \"{{name}}\", \"path\": \"C:\\x\"\n";
    let content = line.repeat(200);
    // Each quote, backslash and line break is two bytes in JSON.
    let in_json = Value::from(content.as_str()).to_string().len();
    assert!(in_json > content.len() * 12 / 10, "{in_json} of {}", content.len());
    let answer = longest_answer(&TestApp::new(), &content).await;
    assert!(answer * 10 <= in_json * 23, "{answer} of {in_json}");
}

#[tokio::test]
async fn the_names_of_many_missing_variables_are_in_a_few_places_only() {
    let line =
        |number: usize| format!("Part {number} of the report is about {{{{topic_{number}}}}}.\n");
    let content: String = (1..=100).map(line).collect();
    let app = TestApp::new();
    let answer = longest_answer(&app, &content).await;
    assert!(answer <= content.len() * 3, "{answer} of {}", content.len());
    let got = app.tool("get_prompt", json!({ "name": "one" })).await;
    assert_eq!(TestApp::structured(&got)["missing"].as_array().unwrap().len(), 100);
    let hint = got["content"][1]["text"].as_str().unwrap();
    assert!(hint.ends_with(", topic_12 and 88 others."), "{hint}");
    assert_eq!(TestApp::structured(&got)["hint"], hint);
}

#[tokio::test]
async fn an_answer_is_at_most_2_3_times_its_prompt() {
    let app = TestApp::new();
    for bytes in [1536, 2000, 4000, 65_536] {
        let content = typical(bytes);
        let name = format!("review-{bytes}");
        let description = "Reviews a change, the worst faults first.";
        let title = "Code review";
        app.create(json!({ "name": name, "title": title, "content": content,
            "description": description, "tags": ["code", "review"] }))
            .await;
        let texts = [&name, title, description, "code", "review", "language"];
        let whole = bytes + texts.iter().map(|text| text.len()).sum::<usize>();
        for arguments in [
            json!({ "name": name, "arguments": { "language": "Rust" } }),
            json!({ "name": name, "raw": true }),
            json!({ "name": name }),
        ] {
            let call = json!({ "name": "get_prompt", "arguments": arguments });
            let plain = app.post("/mcp", super::request("tools/call", call.clone())).await.body;
            let (headers, message) = super::stateless("tools/call", call);
            let latest = super::send_with(&app, &headers, message).await.body;
            for answer in [plain, latest] {
                let most = whole * 23 / 10;
                assert!(answer.len() <= most, "{} of at most {most}: {arguments}", answer.len());
            }
        }
    }
}
