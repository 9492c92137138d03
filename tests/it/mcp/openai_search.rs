//! The tools `search` and `fetch`, which a server has by its settings alone.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::ways::check_both_ways;
use super::{error_of, request, send_as, send_stateless};
use crate::auth::World;
use crate::support::{TestApp, on_both_stores};

/// Maximum size of the list of tools with these two, in bytes.
const TOOLS_MAX_BYTES: usize = 22_000;

/// The structured content of a call; its one text is the same as JSON.
async fn call(app: &TestApp, tool: &str, arguments: Value) -> Value {
    let result = app.tool(tool, arguments).await;
    let structured = TestApp::structured(&result);
    let [content] = result["content"].as_array().unwrap().as_slice() else {
        panic!("one text: {result}")
    };
    let text: Value = serde_json::from_str(content["text"].as_str().unwrap()).unwrap();
    assert_eq!(text, *structured);
    structured.clone()
}

fn searching() -> TestApp {
    TestApp::builder().openai_search().build()
}

async fn list_tools(app: &TestApp) -> Vec<Value> {
    app.rpc("tools/list", json!({})).await["result"]["tools"].as_array().unwrap().clone()
}

#[tokio::test]
async fn without_the_setting_the_tools_do_not_exist() {
    let app = TestApp::new();
    for tool in list_tools(&app).await {
        assert!(!["search", "fetch"].contains(&tool["name"].as_str().unwrap()));
    }
    for tool in ["search", "fetch"] {
        let params = |name: &str| json!({ "name": name, "arguments": { "query": "x", "id": 5 } });
        for revision in ["2025-06-18", "2025-11-25"] {
            let answer = send_as(&app, revision, request("tools/call", params(tool))).await;
            assert_eq!(error_of(&answer, 200, -32602), format!("Unknown tool: {tool}"));
        }
        let known = send_stateless(&app, "tools/call", params(tool)).await;
        let unknown = send_stateless(&app, "tools/call", params("nothing")).await;
        assert_eq!(known.status, unknown.status);
        let unknown = unknown.json().to_string().replace("nothing", tool);
        assert_eq!(known.json().to_string(), unknown);
    }
}

#[tokio::test]
async fn with_the_setting_they_are_the_last_two_tools_and_read_only() {
    let app = searching();
    let default = list_tools(&TestApp::new()).await;
    let listed = list_tools(&app).await;
    let (others, own) = listed.split_at(default.len());
    assert_eq!(others, default);
    let names: Vec<&str> = own.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search", "fetch"]);
    for tool in own {
        let hints = &tool["annotations"];
        assert_eq!(hints["readOnlyHint"], true);
        assert_eq!(
            (&hints["destructiveHint"], &hints["openWorldHint"]),
            (&json!(false), &json!(false))
        );
    }
    insta::assert_json_snapshot!(own);
    let bytes = json!(listed).to_string().len();
    assert!(bytes <= TOOLS_MAX_BYTES, "{bytes} bytes");
}

on_both_stores! {
    async fn a_prompt_is_found_and_fetched_with_its_address(app: &Searching) {
        let Searching(app) = app;
        let content = format!("Compare {{{{thing}}}} by taste.\n{}", "é".repeat(32_000));
        let pears = app.create(json!({ "name": "pears", "title": "Pears \"&\" <plums>", "content": content })).await;
        app.create(json!({ "name": "other", "content": "Something else" })).await;
        let found = call(app, "search", json!({ "query": "compare pears" })).await;
        let url = "http://localhost:3000/app/p/pears";
        let expected = json!({ "id": pears["id"], "title": "Pears \"&\" <plums>", "url": url });
        assert_eq!(found, json!({ "results": [expected] }));
        let fetched = call(app, "fetch", json!({ "id": pears["id"] })).await;
        let expected = json!({ "id": pears["id"], "title": "Pears \"&\" <plums>", "url": url, "text": content });
        assert_eq!(fetched, expected);
        assert_eq!(app.get("/api/prompts/pears").await.json()["use_count"], 0);
        assert_eq!(call(app, "search", json!({ "query": "zebra" })).await, json!({ "results": [] }));
    }
}

/// An app with the tools, on either store.
struct Searching(TestApp);

impl crate::support::OnEitherStore for Searching {
    fn in_sqlite() -> Self {
        Self(searching())
    }

    fn in_convex() -> Self {
        let (store, clock) = crate::convex::functions::deployment();
        let builder = TestApp::builder().store(std::sync::Arc::new(store)).clock(clock);
        Self(builder.openai_search().build())
    }
}

#[tokio::test]
async fn a_search_returns_at_most_20_prompts() {
    let app = searching();
    for number in 0..25 {
        app.create(json!({ "name": format!("pear-{number}"), "title": "É".repeat(120),
            "content": format!("The pear number {number}") }))
            .await;
    }
    let found = call(&app, "search", json!({ "query": "pear" })).await;
    assert_eq!(found["results"].as_array().unwrap().len(), 20);
    assert!(found.to_string().len() < 20 * 700, "{} bytes", found.to_string().len());
}

#[tokio::test]
async fn an_id_that_means_no_prompt_is_a_mistake_that_says_what_to_pass() {
    let app = searching();
    let pear = app.create(json!({ "name": "pear", "content": "A pear" })).await;
    app.delete("/api/prompts/pear").await;
    for (arguments, expected) in [
        (json!({ "id": "pear" }), "id: is not the id of a prompt; pass an id that search returned"),
        (json!({ "id": "" }), "id: is not the id of a prompt"),
        (
            json!({ "id": format!("prm_{}", "0".repeat(32)) }),
            "there is no prompt with the id prm_0",
        ),
        (json!({ "id": pear["id"] }), "it was deleted"),
        (json!({}), "id: is required"),
        (json!({ "id": ["x"] }), "id: must be string"),
    ] {
        let result = app.tool("fetch", arguments.clone()).await;
        let message = TestApp::mistake(&result);
        assert!(message.contains(expected), "{arguments}: {message}");
    }
    for (arguments, expected) in [
        (json!({}), "query: is required"),
        (json!({ "query": "\"*" }), "query: must contain at least one letter or digit"),
        (json!({ "query": "" }), "query: must contain"),
    ] {
        let result = app.tool("search", arguments.clone()).await;
        let message = TestApp::mistake(&result);
        assert!(message.contains(expected), "{arguments}: {message}");
    }
}

#[tokio::test]
async fn a_call_has_the_same_response_on_both_ways() {
    let app = searching();
    app.create(json!({ "name": "pear", "content": "A pear" })).await;
    for (name, arguments) in [
        ("search", json!({ "query": "pear" })),
        ("search", json!({ "query": 5, "x": 1 })),
        ("fetch", json!({ "id": "pear" })),
    ] {
        let answer = check_both_ways(&app, name, arguments).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_user_finds_and_fetches_their_own_prompts_alone() {
    let world = World::with_openai_search().await;
    let [ann, bob] = ["user_ann", "user_bob"].map(|user| world.workos.oauth_token(user));
    let save = json!({ "name": "pear", "content": "The pear of Ann" });
    let saved = world.tool(&ann, "save_prompt", save).await;
    let id = TestApp::structured(&saved)["id"].clone();
    let found = world.tool(&ann, "search", json!({ "query": "pear" })).await;
    let expected =
        json!({ "id": id, "title": "Pear", "url": "https://prompts.example/app/p/pear" });
    assert_eq!(TestApp::structured(&found)["results"], json!([expected]));

    let found = world.tool(&bob, "search", json!({ "query": "pear" })).await;
    assert_eq!(TestApp::structured(&found)["results"], json!([]));
    let theirs = world.tool(&bob, "fetch", json!({ "id": id })).await;
    let nothing = format!("prm_{}", "0".repeat(32));
    let unknown = world.tool(&bob, "fetch", json!({ "id": nothing })).await;
    assert_eq!(
        TestApp::mistake(&theirs).replace(id.as_str().unwrap(), &nothing),
        TestApp::mistake(&unknown)
    );
    let call = world.call_with_token(Method::GET, "/api/prompts/pear", &ann).await;
    assert_eq!(call.json()["id"], id);
}
