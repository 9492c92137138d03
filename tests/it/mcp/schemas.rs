//! The list of tools: its texts and schemas, and that calls keep to the schemas.

use serde_json::{Value, json};

use crate::support::TestApp;

/// Maximum size of the list of tools: 5,000 tokens of 4 bytes, which every chat carries along.
const TOOLS_MAX_BYTES: usize = 20_000;

async fn list_tools(app: &TestApp) -> Vec<Value> {
    let listed = app.rpc("tools/list", json!({})).await;
    listed["result"]["tools"].as_array().unwrap().clone()
}

/// The tool without the version of the widget in its URI, which changes with each build of the widget.
fn hide_version(tool: &Value) -> Value {
    let mut tool = tool.clone();
    if let Some(uri) = tool["_meta"]["ui"]["resourceUri"].as_str() {
        let version = uri.split('/').nth(3).unwrap().to_owned();
        let text = tool["_meta"].to_string().replace(&version, "[version]");
        tool["_meta"] = serde_json::from_str(&text).unwrap();
    }
    tool
}

#[tokio::test]
async fn the_list_of_tools_keeps_the_texts_and_schemas_that_clients_rely_on() {
    let app = TestApp::new();
    let listed = list_tools(&app).await;
    insta::assert_json_snapshot!(listed.iter().map(hide_version).collect::<Vec<_>>());
    for tool in &listed {
        let hints = &tool["annotations"];
        for hint in ["readOnlyHint", "destructiveHint", "openWorldHint"] {
            assert!(hints[hint].is_boolean(), "{hint} of {}", tool["name"]);
        }
        assert!(tool["title"].is_string() && tool["description"].is_string());
    }
}

#[tokio::test]
async fn the_table_in_the_readme_has_a_row_for_each_tool_in_order() {
    let app = TestApp::new();
    let listed = list_tools(&app).await;
    let names: Vec<&str> = listed.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let readme = include_str!("../../../README.md");
    let (_, table) = readme.split_once("| tool | what it does |\n|---|---|\n").unwrap();
    let rows = table.lines().map_while(|line| line.strip_prefix("| `")?.split_once("` | "));
    let mut documented = Vec::new();
    for (name, description) in rows {
        assert!(!description.trim_matches(['|', ' ']).is_empty(), "{name} has no description");
        documented.push(name);
    }
    assert_eq!(documented, names);
}

#[tokio::test]
async fn every_schema_is_valid_json_schema_2020_12_of_one_self_contained_object() {
    let app = TestApp::new();
    for tool in list_tools(&app).await {
        for kind in ["inputSchema", "outputSchema"] {
            let schema = &tool[kind];
            assert!(jsonschema::draft202012::meta::is_valid(schema), "{kind} of {}", tool["name"]);
            assert_eq!(schema["type"], "object");
            let text = schema.to_string();
            assert!(!text.contains("$ref") && !text.contains("\"null\""), "{text}");
            assert!(!text.contains("\\n"), "a description has a line break: {text}");
        }
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{}", tool["name"]);
    }
}

/// Calls a tool, validates the arguments and the result against its schemas, and returns the
/// structured content.
async fn check(app: &TestApp, listed: &[Value], name: &str, arguments: Value) -> Value {
    let tool = listed.iter().find(|tool| tool["name"] == name).unwrap();
    let input = jsonschema::draft202012::new(&tool["inputSchema"]).unwrap();
    assert!(input.is_valid(&arguments), "{name} {arguments}");
    let result = app.tool(name, arguments).await;
    let structured = TestApp::structured(&result);
    let output = jsonschema::draft202012::new(&tool["outputSchema"]).unwrap();
    let faults: Vec<String> = output.iter_errors(structured).map(|e| e.to_string()).collect();
    assert!(faults.is_empty(), "{name}: {faults:?} in {structured}");
    // Clients without structured content show the text.
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(result["content"][0]["type"], "text");
    assert!(!text.is_empty());
    // No field is missing from the schema, which allows further ones.
    let known = tool["outputSchema"]["properties"].as_object().unwrap();
    assert!(structured.as_object().unwrap().keys().all(|key| known.contains_key(key)));
    structured.clone()
}

#[tokio::test]
async fn every_result_keeps_to_its_output_schema() {
    let app = TestApp::new();
    let listed = list_tools(&app).await;
    let check = async |name: &str, arguments: Value| check(&app, &listed, name, arguments).await;
    check("health_check", json!({})).await;
    check("list_prompts", json!({})).await;
    check("get_prompt", json!({ "query": "nothing there" })).await;
    let full = json!({
        "name": "review", "title": "Review", "description": "D", "tags": ["code"],
        "content": "Review {{code}} in a {{tone}} tone",
        "variables": [{ "name": "tone", "description": "How", "default": "kind" }],
    });
    let saved = check("save_prompt", full).await;
    assert_eq!((&saved["created"], &saved["version"]), (&json!(true), &json!(1)));
    check("save_prompt", json!({ "content": "Review {{code}} in a kind tone, twice" })).await;
    let again = json!({ "name": "review", "expected_version": 1, "content": "Review {{code}}." });
    assert_eq!(check("save_prompt", again).await["created"], false);
    let arguments = json!({ "name": "review", "arguments": { "code": "x" } });
    assert_eq!(check("get_prompt", arguments).await["text"], "Review x.");
    check("get_prompt", json!({ "id": saved["id"], "version": 1 })).await;
    check("get_prompt", json!({ "query": "kind tone" })).await;
    check("list_prompts", json!({ "limit": 1, "sort": "name" })).await;
    check("list_prompts", json!({ "query": "review", "tag": "code", "favorite": false })).await;
    let candidate = json!({
        "title": "Notes", "why": "Used twice.", "tags": ["notes"],
        "content": "Write release notes in the voice of this file, and mail them to ann@corp.test, from {{changes}}",
        "variables": [{ "name": "changes", "description": "The commits" }],
    });
    let harvested =
        check("harvest_session", json!({ "candidates": [candidate], "focus": "f" })).await;
    let id = &harvested["candidates"][0]["candidate_id"];
    check("save_prompt", json!({ "candidate_id": id, "title": "Release notes" })).await;
    check("delete_prompt", json!({ "name": "release-notes" })).await;
    check("list_prompts", json!({ "deleted": true })).await;
    check("restore_prompt", json!({ "name": "release-notes" })).await;
    check("restore_prompt", json!({ "name": "release-notes", "version": 1 })).await;
    check("list_versions", json!({ "name": "review" })).await;
    check("list_versions", json!({ "name": "review", "limit": 1 })).await;
    check("save_prompt", json!({ "name": "review", "favorite": true })).await;
    check("get_prompt", json!({ "name": "review", "raw": true })).await;
    check("open_library", json!({})).await;
    check("open_library", json!({ "query": "review", "tag": "code" })).await;
    check("open_library", json!({ "name": "review" })).await;
    let copy = json!({ "title": "Copy", "content": "Review {{code}} with care and patience.", "why": "w" });
    let longer = json!({ "title": "Longer", "content": "Review {{code}} in a kind tone, twice or so", "why": "w" });
    let bad = json!({ "title": "Bad", "content": "no", "why": "w" });
    let harvested = check("harvest_session", json!({ "candidates": [copy, longer, bad] })).await;
    let id = &harvested["candidates"][0]["candidate_id"];
    check("list_candidates", json!({})).await;
    check("list_candidates", json!({ "limit": 1 })).await;
    check("list_candidates", json!({ "candidate_id": id })).await;
    check("reject_candidate", json!({ "candidate_id": id })).await;
}

#[tokio::test]
async fn the_list_of_tools_takes_little_of_a_models_context() {
    let app = TestApp::new();
    let listed = app.rpc("tools/list", json!({})).await;
    let bytes = listed["result"].to_string().len();
    assert!(bytes <= TOOLS_MAX_BYTES, "{bytes} bytes");
}

#[tokio::test]
async fn an_error_names_the_argument_that_is_invalid() {
    let app = TestApp::new();
    for (tool, arguments, expected) in [
        ("get_prompt", json!({}), "exactly one of name, id and query"),
        ("get_prompt", json!({ "name": "a", "id": "b" }), "exactly one of name, id and query"),
        ("get_prompt", json!({ "name": ["a"] }), "name: must be string"),
        ("get_prompt", json!({ "name": "Code Review" }), "no prompt named code-review"),
        ("get_prompt", json!({ "name": "!!!" }), "name: must contain a letter"),
        ("get_prompt", json!({ "id": "code-review" }), "id: "),
        ("get_prompt", json!({ "query": "\"*" }), "query: "),
        ("get_prompt", json!({ "name": "a", "version": 0.5 }), "version: must be integer"),
        ("get_prompt", json!({ "name": "a", "version": 0 }), "version: must be >= 1"),
        (
            "get_prompt",
            json!({ "name": "a", "arguments": { "x": {} } }),
            "arguments.x: must be string",
        ),
        ("list_prompts", json!({ "limit": 0 }), "limit: must be >= 1"),
        ("list_prompts", json!({ "limit": 101 }), "limit: must be <= 100"),
        (
            "list_prompts",
            json!({ "sort": "newest" }),
            "sort: must be one of relevance, recent, name, used",
        ),
        ("list_prompts", json!({ "sort": "relevance" }), "sort: "),
        ("list_prompts", json!({ "cursor": "x" }), "cursor: "),
        ("list_prompts", json!({ "tag": "#" }), "tag: "),
        ("save_prompt", json!({}), "content: "),
        ("save_prompt", json!({ "content": "" }), "content: "),
        ("save_prompt", json!({ "content": "x", "name": "harvest" }), "name: "),
        ("save_prompt", json!({ "content": "x", "expected_version": 1 }), "name: "),
        ("save_prompt", json!({ "candidate_id": "cnd_1" }), "candidate_id: "),
        (
            "save_prompt",
            json!({ "content": "x", "variables": [{ "name": "y" }] }),
            "variables[0].name: ",
        ),
        ("harvest_session", json!({}), "candidates: is required"),
        ("harvest_session", json!({ "candidates": 3 }), "candidates: must be array"),
        ("harvest_session", json!({ "candidates": ["x"], "focus": "x".repeat(501) }), "focus: "),
        ("delete_prompt", json!({}), "name: "),
        ("delete_prompt", json!({ "id": "x" }), "id: "),
        ("list_prompts", json!({ "query": "x", "deleted": true }), "query: "),
        ("list_versions", json!({}), "name: "),
        ("list_versions", json!({ "name": "a", "id": "b" }), "either name or id"),
        ("restore_prompt", json!({}), "name: "),
        ("restore_prompt", json!({ "id": "x" }), "id: "),
        ("reject_candidate", json!({}), "candidate_id: "),
        ("reject_candidate", json!({ "candidate_id": "cnd_1" }), "candidate_id: "),
        ("list_candidates", json!({ "candidate_id": "cnd_1" }), "candidate_id: "),
        (
            "list_candidates",
            json!({ "candidate_id": format!("cnd_{}", "0".repeat(32)), "limit": 1 }),
            "candidate_id: cannot be combined",
        ),
        ("list_candidates", json!({ "limit": 0 }), "limit: "),
        ("open_library", json!({ "name": "a", "tag": "b" }), "name: cannot be combined"),
    ] {
        let result = app.tool(tool, arguments.clone()).await;
        let message = TestApp::mistake(&result);
        assert!(message.contains(expected), "{tool} {arguments}: {message}");
        assert!(result.get("structuredContent").is_none());
    }
}

#[tokio::test]
async fn tools_with_long_texts_ask_claude_code_to_show_them() {
    let app = TestApp::new();
    let mut long = Vec::new();
    for tool in list_tools(&app).await {
        if let Some(most) = tool["_meta"].get("anthropic/maxResultSizeChars") {
            assert_eq!(most, 500_000, "the largest value that has an effect");
            long.push(tool["name"].as_str().unwrap().to_owned());
        }
    }
    assert_eq!(long, ["get_prompt", "list_candidates"]);
}
