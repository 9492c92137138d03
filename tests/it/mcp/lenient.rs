//! Forgiving input: what clients and models send in place of what a schema asks for.

use axum::http::Method;
use serde_json::{Value, json};

use super::sessions::Session;
use super::{request, send_as, send_stateless, send_with, stateless};
use crate::connection::Connection;
use crate::support::TestApp;

/// A way of a message to the server.
pub(super) enum Lane<'a> {
    /// Streamable HTTP of a revision with a handshake.
    Http(&'a TestApp),
    /// The same, with a repeated header, which only rmcp's transport handles.
    Forwarded(&'a TestApp),
    /// Streamable HTTP of 2026-07-28.
    Stateless(&'a TestApp),
    Sse(Box<Session<'a>>),
    Stdio(Connection),
}

impl<'a> Lane<'a> {
    pub(super) async fn open_all(app: &'a TestApp) -> Vec<Self> {
        let mut session = Session::open(app).await;
        session.initialize("2024-11-05").await;
        let mut connection = Connection::open();
        let poem = json!({ "name": "poem", "content": POEM });
        let call = json!({ "name": "save_prompt", "arguments": poem });
        connection.request(1, "tools/call", call).await;
        connection.receive().await.unwrap();
        app.create(poem).await;
        vec![
            Self::Http(app),
            Self::Forwarded(app),
            Self::Stateless(app),
            Self::Sse(Box::new(session)),
            Self::Stdio(connection),
        ]
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Forwarded(_) => "forwarded",
            Self::Stateless(_) => "stateless",
            Self::Sse(_) => "sse",
            Self::Stdio(_) => "stdio",
        }
    }

    /// Sends a request and returns the response.
    pub(super) async fn ask(&mut self, method: &str, params: Value) -> Value {
        match self {
            Self::Http(app) => send_as(app, "2025-06-18", request(method, params)).await.json(),
            Self::Forwarded(app) => {
                let header = ("mcp-protocol-version", "2025-06-18".to_owned());
                send_with(app, &[header.clone(), header], request(method, params)).await.json()
            }
            Self::Stateless(app) => send_stateless(app, method, params).await.json(),
            Self::Sse(session) => {
                session.send(request(method, params)).await;
                session.message().await
            }
            Self::Stdio(connection) => {
                connection.request(1, method, params).await;
                connection.receive().await.unwrap()
            }
        }
    }
}

const POEM: &str = "A {{thing}} of {{count}} lines";

/// Checks that `actual` has the members that are expected.
#[track_caller]
fn assert_includes(actual: &Value, expected: &Value, context: &str) {
    match expected {
        Value::Object(members) => {
            for (name, expected) in members {
                assert_includes(&actual[name.as_str()], expected, context);
            }
        }
        expected => assert_eq!(actual, expected, "{context}"),
    }
}

#[tokio::test]
async fn arguments_in_another_encoding_are_read_on_every_transport() {
    let app = TestApp::new();
    let text = "A 3 of true lines";
    let as_text = json!({ "name": "poem", "arguments": { "thing": "3", "count": "true" } });
    for mut lane in Lane::open_all(&app).await {
        let lane_name = lane.name();
        for arguments in [
            as_text.clone(),
            json!({ "name": "poem", "arguments": { "thing": 3, "count": true } }),
            json!({ "name": "poem", "arguments": "{\"thing\": 3, \"count\": true}" }),
            json!({ "name": "poem", "version": "1", "query": "", "id": null, "arguments": as_text["arguments"].to_string() }),
            json!(as_text.to_string()),
            json!(json!(as_text.to_string()).to_string()),
        ] {
            let context = format!("{lane_name} {arguments}");
            let params = json!({ "name": "get_prompt", "arguments": arguments });
            let answer = lane.ask("tools/call", params).await;
            assert_eq!(answer["result"]["structuredContent"]["text"], text, "{context}: {answer}");
        }
        for arguments in [json!(null), json!([]), json!({}), json!(""), json!("{}"), json!("null")]
        {
            let context = format!("{lane_name} {arguments}");
            let params = json!({ "name": "health_check", "arguments": arguments });
            let answer = lane.ask("tools/call", params).await;
            let expected = json!({ "status": "ok" });
            assert_eq!(answer["result"]["structuredContent"], expected, "{context}: {answer}");
        }
        let arguments = json!({ "random_string": "x" });
        let answer =
            lane.ask("tools/call", json!({ "name": "health_check", "arguments": arguments })).await;
        let hint = "Ignored unknown fields: \"random_string\".";
        let expected = json!({ "status": "ok", "hint": hint });
        assert_eq!(answer["result"]["structuredContent"], expected, "{lane_name}");
        assert_eq!(answer["result"]["content"][1]["text"], hint, "{lane_name}");
        let params = json!({ "name": "get_prompt", "arguments": "poem" });
        let answer = lane.ask("tools/call", params).await;
        let message = "Invalid params: arguments: must be object";
        let expected = json!({ "id": 1, "error": { "code": -32602, "message": message } });
        assert_includes(&answer, &expected, lane_name);
    }
}

#[tokio::test]
async fn arguments_of_prompts_and_completions_are_read_on_every_transport() {
    let app = TestApp::new();
    for mut lane in Lane::open_all(&app).await {
        let lane_name = lane.name();
        for arguments in [
            json!({ "thing": 3, "count": true }),
            json!("{\"thing\": 3, \"count\": true}"),
            json!({ "thing": "3", "count": "true" }),
        ] {
            let context = format!("{lane_name} {arguments}");
            let params = json!({ "name": "poem", "arguments": arguments });
            let answer = lane.ask("prompts/get", params).await;
            let text = &answer["result"]["messages"][0]["content"]["text"];
            assert_eq!(text, "A 3 of true lines", "{context}: {answer}");
        }
        for arguments in
            [json!(null), json!([]), json!(""), json!({ "focus": null }), json!({ "tag": "" })]
        {
            let context = format!("{lane_name} {arguments}");
            let answer =
                lane.ask("prompts/get", json!({ "name": "harvest", "arguments": arguments })).await;
            let text = answer["result"]["messages"][0]["content"]["text"].as_str();
            let text = text.unwrap_or_else(|| panic!("{context}: {answer}"));
            assert!(!text.contains("Look above all for") && !text.contains("the tag"), "{context}");
        }
        let arguments = json!({ "thing": ["a"], "count": 2 });
        let answer =
            lane.ask("prompts/get", json!({ "name": "poem", "arguments": arguments })).await;
        let message = "arguments.thing: must be string";
        let expected = json!({ "error": { "code": -32602, "message": message } });
        assert_includes(&answer, &expected, lane_name);
        let reference = json!({ "type": "ref/prompt", "name": "poem" });
        let params = json!({
            "ref": reference, "argument": { "name": "thing", "value": 3 },
            "context": { "arguments": { "count": 2, "other": null } },
        });
        let answer = lane.ask("completion/complete", params).await;
        assert_eq!(answer["result"]["completion"]["values"], json!([]), "{lane_name}: {answer}");
        for method in ["prompts/list", "resources/list", "tools/list"] {
            let answer = lane.ask(method, json!({ "cursor": "" })).await;
            assert!(answer["result"].is_object(), "{lane_name} {method}: {answer}");
        }
    }
}

/// Calls a tool with each of the arguments, and expects the result that `expected` has.
async fn check(app: &TestApp, tool: &str, arguments: Value, expected: Value) {
    let result = app.tool(tool, arguments.clone()).await;
    let structured = TestApp::structured(&result);
    assert_includes(structured, &expected, &format!("{tool} {arguments}: {structured}"));
}

#[tokio::test]
async fn a_list_is_read_from_what_clients_send() {
    let app = TestApp::new();
    for (name, tags) in [("a", json!(["rust"])), ("b", json!(["rust"])), ("c", json!([]))] {
        app.clock.tick();
        app.create(json!({ "name": name, "content": name, "tags": tags })).await;
    }
    let names = |result: &Value| -> Vec<String> {
        let prompts = TestApp::structured(result)["prompts"].as_array().unwrap();
        prompts.iter().map(|prompt| prompt["name"].as_str().unwrap().to_owned()).collect()
    };
    for limit in [json!("2"), json!(2.0), json!("2.0"), json!(2)] {
        let result = app.tool("list_prompts", json!({ "limit": limit, "sort": "name" })).await;
        assert_eq!(names(&result), ["a", "b"], "{limit}");
    }
    for arguments in [
        json!({ "tag": "", "query": "", "cursor": "", "sort": "", "limit": "", "favorite": "" }),
        json!({ "tag": null, "query": null, "cursor": null, "favorite": "false" }),
    ] {
        let result = app.tool("list_prompts", arguments.clone()).await;
        assert_eq!(names(&result), ["c", "b", "a"], "{arguments}");
    }
    let result = app.tool("list_prompts", json!({ "favorite": "true" })).await;
    assert_eq!(names(&result), <[&str; 0]>::default());
    app.create(json!({ "name": "2024", "content": "the year 2024", "tags": ["2024"] })).await;
    check(&app, "get_prompt", json!({ "name": 2024 }), json!({ "name": "2024" })).await;
    let result = app.tool("list_prompts", json!({ "query": 2024, "tag": 2024 })).await;
    assert_eq!(names(&result), ["2024"]);
}

#[tokio::test]
async fn a_save_is_read_from_what_clients_send() {
    let app = TestApp::new();
    let variables = json!([{ "name": "who" }, { "name": "what", "default": "" }]);
    let versions = [
        json!({ "tags": "[\"a\", \"b\"]", "variables": variables.to_string() }),
        json!({ "tags": "a, b", "variables": ["who", "{\"name\": \"what\", \"default\": \"\"}"] }),
        json!({ "tags": ["a", "b"], "variables": ["{\"name\": \"who\"}", { "name": "what", "default": "", "type": "string" }] }),
    ];
    for (number, mut arguments) in versions.into_iter().enumerate() {
        arguments["name"] = json!(format!("p{number}"));
        arguments["content"] = json!(format!("{{{{who}}}} {{{{what}}}} {number}"));
        arguments["expected_version"] = json!("");
        arguments["candidate_id"] = Value::Null;
        check(&app, "save_prompt", arguments.clone(), json!({ "version": 1, "created": true }))
            .await;
        let read = app.get(&format!("/api/prompts/p{number}")).await.json();
        assert_eq!(read["tags"], json!(["a", "b"]), "{arguments}");
        assert_eq!(read["variables"], variables, "{arguments}");
    }
    // A description is the one field that `""` clears; every other stays as it is.
    let full = json!({ "name": "p0", "description": "Long", "expected_version": "1" });
    check(&app, "save_prompt", full, json!({ "version": 2 })).await;
    let cleared = json!({ "name": "p0", "title": "", "content": "", "tags": "", "description": "", "expected_version": 2.0 });
    check(&app, "save_prompt", cleared, json!({ "version": 3 })).await;
    let read = app.get("/api/prompts/p0").await.json();
    assert_includes(
        &read,
        &json!({ "description": "", "tags": ["a", "b"], "content": "{{who}} {{what}} 0" }),
        "cleared",
    );
    let emptied = json!({ "name": "p0", "tags": [], "expected_version": 3 });
    check(&app, "save_prompt", emptied, json!({ "version": 4 })).await;
    assert_eq!(app.get("/api/prompts/p0").await.json()["tags"], json!([]));
    // Structure as the value of a variable, or a number where a text is: the text itself.
    let year = json!({ "title": 2024, "content": 42, "tags": 7 });
    check(&app, "save_prompt", year, json!({ "name": "2024", "created": true })).await;
    assert_eq!(app.get("/api/prompts/2024").await.json()["content"], "42");
}

#[tokio::test]
async fn a_harvest_is_read_from_what_clients_send() {
    let app = TestApp::new();
    let candidate = json!({
        "title": "Notes", "why": "Used twice.", "tags": "a, b", "variables": ["changes"],
        "content": "Write release notes in a calm voice from {{changes}}",
    });
    for candidates in [
        json!([candidate]),
        json!([candidate.to_string()]),
        json!(json!([candidate]).to_string()),
        candidate.clone(),
    ] {
        let result =
            app.tool("harvest_session", json!({ "candidates": candidates, "focus": "" })).await;
        let suggested = &TestApp::structured(&result)["candidates"][0]["suggested"];
        assert_eq!(suggested["tags"], json!(["a", "b"]), "{candidates}");
        assert_eq!(suggested["variables"], json!([{ "name": "changes" }]), "{candidates}");
    }
    let mut unknown = candidate;
    unknown["rating"] = json!(5);
    let result = app.tool("harvest_session", json!({ "candidates": [unknown] })).await;
    let hint = &TestApp::structured(&result)["hint"];
    assert_eq!(hint, "Ignored unknown fields: \"candidates[0].rating\".");
}

#[tokio::test]
async fn every_tool_ignores_unknown_arguments_and_names_them() {
    let app = TestApp::new();
    let listed = app.rpc("tools/list", json!({})).await;
    for tool in listed["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        assert_eq!(tool["outputSchema"]["properties"]["hint"]["type"], "string", "{name}");
        let required = tool["inputSchema"]["required"].as_array();
        if required.is_some_and(|required| !required.is_empty()) {
            continue;
        }
        let result = app.tool(name, json!({ "wait_for_previous": true })).await;
        let hint = "Ignored unknown fields: \"wait_for_previous\".";
        let blocks = result["content"].as_array().unwrap();
        let text = blocks.last().unwrap()["text"].as_str().unwrap();
        assert!(text.ends_with(hint), "{name}: {result}");
        if result["isError"] == false {
            let own = result["structuredContent"]["hint"].as_str().unwrap();
            assert!(own.ends_with(hint), "{name}: {result}");
        }
    }
    // A field that is misspelt is often the cause of the error.
    let result = app.tool("save_prompt", json!({ "contents": "x" })).await;
    assert!(TestApp::mistake(&result).contains("\"contents\""), "{result}");
    let result = app.tool("harvest_session", json!({ "candidate": [] })).await;
    let expected = "candidates: is required\nIgnored unknown fields: \"candidate\".";
    assert_eq!(TestApp::mistake(&result), expected);
}

/// The words of serde, which name types of Rust.
const RUST_WORDS: [&str; 9] = [
    "invalid type",
    "invalid value",
    "missing field",
    "unknown field `",
    "unknown variant",
    ", expected ",
    "u32",
    "i64",
    "line 1",
];

/// Builds arguments with `value` in each field of a schema, and in each field of its lists' items.
fn place_everywhere(schema: &Value, value: &Value) -> Vec<Value> {
    let mut placed = Vec::new();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let inner = match schema["type"].as_str() {
            Some("array") => place_everywhere(&schema["items"], value).into_iter(),
            _ => Vec::new().into_iter(),
        };
        placed.push(json!({ name.as_str(): value }));
        placed.extend(inner.map(|item| json!({ name.as_str(): [item] })));
    }
    placed
}

#[tokio::test]
async fn no_value_of_any_argument_is_refused_in_words_of_rust() {
    let app = TestApp::new();
    let listed = app.rpc("tools/list", json!({})).await;
    let values = json!([
        null, true, 0, -1, 0.5, 1e300, u64::MAX, "", "x", "[1]", "{\"a\": [1]}", "[[[", [], [null],
        [{}], [[]], [1], {}, { "a": {} }, { "name": {} }, [{ "name": [], "title": 1 }],
    ]);
    let mut calls = 0;
    for tool in listed["result"]["tools"].as_array().unwrap() {
        let name = tool["name"].as_str().unwrap();
        for value in values.as_array().unwrap() {
            for arguments in place_everywhere(&tool["inputSchema"], value) {
                calls += 1;
                let result = app.tool(name, arguments.clone()).await;
                let text = result["content"][0]["text"].as_str();
                let text = text.unwrap_or_else(|| panic!("{name} {arguments}: {result}"));
                let words = RUST_WORDS.iter().filter(|word| text.contains(**word));
                assert_eq!(words.count(), 0, "{name} {arguments}: {text}");
            }
        }
    }
    assert!(calls > 700, "{calls}");
}

#[tokio::test]
async fn types_stay_strict_in_rest() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": POEM })).await;
    for (method, path, body) in [
        (Method::POST, "/api/prompts", json!({ "content": 42 })),
        (Method::POST, "/api/prompts", json!({ "content": "x", "tags": "[\"a\"]" })),
        (Method::POST, "/api/prompts", json!({ "content": "x", "tags": "a" })),
        (Method::POST, "/api/prompts", json!({ "content": "x", "favorite": "true" })),
        (Method::POST, "/api/prompts", json!({ "content": "{{v}}", "variables": ["v"] })),
        (Method::POST, "/api/prompts", json!({ "content": "x", "wait_for_previous": true })),
        (Method::PUT, "/api/prompts/poem", json!({ "content": "x", "expected_version": "1" })),
        (Method::PUT, "/api/prompts/poem", json!({ "content": "x", "expected_version": 1.0 })),
        (Method::POST, "/api/prompts/poem/render", json!({ "arguments": { "thing": 3 } })),
        (Method::POST, "/api/prompts/poem/render", json!({ "arguments": "{\"thing\": \"x\"}" })),
        (Method::POST, "/api/candidates", json!({ "candidates": "[]" })),
    ] {
        let answer = app.call(method, path, &[], Some(body.clone())).await;
        crate::prompts::assert_problem(&answer, 422, "invalid-field");
    }
    assert_eq!(app.get("/api/prompts/poem").await.json()["version"], 1);
}

#[tokio::test]
async fn a_call_of_the_newest_revision_is_mended_under_its_headers() {
    let app = TestApp::new();
    let params = json!({ "name": "health_check", "arguments": "{}" });
    let (headers, message) = stateless("tools/call", params);
    let answer = send_with(&app, &headers, message.clone()).await.json();
    assert_eq!(answer["result"]["structuredContent"]["status"], "ok", "{answer}");
    // Headers that contradict the body are refused as before.
    let contradictory: Vec<_> =
        headers.into_iter().filter(|(name, _)| *name != "mcp-method").collect();
    let answer = send_with(&app, &contradictory, message).await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.json());
}
