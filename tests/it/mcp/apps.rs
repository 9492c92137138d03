//! MCP Apps: the widget as a resource, the tools that show it, and the size of their results.

use axum::http::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::sessions::Session;
use super::{HANDSHAKES, error_of, request, send_stateless};
use crate::auth::workos::OAUTH_KEY;
use crate::auth::{self, World};
use crate::connection::Connection;
use crate::support::TestApp;

const EXTENSION: &str = "io.modelcontextprotocol/ui";
/// Maximum size of the structured content of a tool with the widget.
const STRUCTURE_MAX_BYTES: usize = 48 * 1024;
/// Maximum size of the list of tools.
const TOOLS_MAX_BYTES: usize = 20_000;

fn file() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/public/widget.html");
    std::fs::read_to_string(path).unwrap()
}

/// The URI of the file that is in the folder now.
fn current_uri() -> String {
    let hash = Sha256::digest(file());
    let digits: Vec<String> = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("ui://promptdb/{}/view.html", digits.concat())
}

/// What a client may declare in a handshake.
fn client_capabilities() -> [Value; 3] {
    let with_ui = json!({ "extensions": { EXTENSION: { "mimeTypes": ["text/html"] } } });
    [json!({}), with_ui, json!({ "extensions": { "io.example/other": {} } })]
}

fn initialize(revision: &str, capabilities: &Value) -> Value {
    let client = json!({ "name": "chat", "version": "1" });
    let params =
        json!({ "protocolVersion": revision, "capabilities": capabilities, "clientInfo": client });
    request("initialize", params)
}

#[track_caller]
fn check_declared(answer: &Value) {
    let extensions = &answer["result"]["capabilities"]["extensions"];
    assert_eq!(extensions[EXTENSION], json!({}), "{answer}");
}

/// Asserts that the answers to the lists and the read of the widget have it.
#[track_caller]
fn check_widget(tools: &Value, resources: &Value, read: &Value) {
    let uri = current_uri();
    let mut with_view = Vec::new();
    for tool in tools["result"]["tools"].as_array().unwrap() {
        let meta = &tool["_meta"];
        if meta.to_string().contains("ui") {
            assert_eq!(meta["ui"], json!({ "resourceUri": uri }), "{tool}");
            assert_eq!(meta["ui/resourceUri"], json!(uri), "{tool}");
            for status in ["openai/toolInvocation/invoking", "openai/toolInvocation/invoked"] {
                let length = meta[status].as_str().unwrap().chars().count();
                assert!((1..=64).contains(&length), "{status} of {tool}");
            }
            with_view.push(tool["name"].as_str().unwrap());
        }
    }
    assert_eq!(with_view, ["harvest_session", "open_library"]);
    let listed = &resources["result"]["resources"][0];
    let contents = &read["result"]["contents"];
    assert_eq!(contents.as_array().unwrap().len(), 1, "{read}");
    assert_eq!(listed["uri"], json!(uri));
    assert_eq!(contents[0]["uri"], json!(uri));
    for one in [listed, &contents[0]] {
        assert_eq!(one["mimeType"], "text/html;profile=mcp-app");
        assert_eq!(one["_meta"], contents[0]["_meta"]);
    }
    assert_eq!(contents[0]["text"], json!(file()));
}

/// The requests for the tools, the resources and the widget.
fn questions() -> [(&'static str, Value); 3] {
    let read = json!({ "uri": current_uri() });
    [("tools/list", json!({})), ("resources/list", json!({})), ("resources/read", read)]
}

#[tokio::test]
async fn every_client_of_http_is_shown_the_widget_whatever_it_declares() {
    let app = TestApp::new();
    for revision in HANDSHAKES {
        for capabilities in client_capabilities() {
            let answer = app.post("/mcp", initialize(revision, &capabilities)).await.json();
            assert_eq!(answer["result"]["protocolVersion"], revision);
            check_declared(&answer);
        }
        let mut answers = Vec::new();
        for (method, params) in questions() {
            answers.push(super::send_as(&app, revision, request(method, params)).await.json());
        }
        check_widget(&answers[0], &answers[1], &answers[2]);
    }
    check_declared(&send_stateless(&app, "server/discover", json!({})).await.json());
    let mut answers = Vec::new();
    for (method, params) in questions() {
        answers.push(send_stateless(&app, method, params).await.json());
    }
    check_widget(&answers[0], &answers[1], &answers[2]);
    let scopes: Vec<&Value> =
        answers.iter().map(|answer| &answer["result"]["cacheScope"]).collect();
    assert_eq!(scopes, ["public", "private", "public"]);
}

#[tokio::test]
async fn every_client_of_a_stream_is_shown_the_widget_whatever_it_declares() {
    let app = TestApp::new();
    for capabilities in client_capabilities() {
        let mut session = Session::open(&app).await;
        session.send(initialize("2024-11-05", &capabilities)).await;
        check_declared(&session.message().await);
        session.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        let mut answers = Vec::new();
        for (method, params) in questions() {
            session.send(request(method, params)).await;
            answers.push(session.message().await);
        }
        check_widget(&answers[0], &answers[1], &answers[2]);
    }
}

#[tokio::test]
async fn every_client_of_stdio_is_shown_the_widget_whatever_it_declares() {
    for capabilities in client_capabilities() {
        let mut connection = Connection::open();
        connection.send(initialize("2025-11-25", &capabilities)).await;
        check_declared(&connection.receive().await.unwrap());
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        connection.send(initialized).await;
        let mut answers = Vec::new();
        for (method, params) in questions() {
            connection.send(request(method, params)).await;
            answers.push(connection.receive().await.unwrap());
        }
        check_widget(&answers[0], &answers[1], &answers[2]);
    }
    let mut connection = Connection::open();
    connection.request(1, "server/discover", json!({})).await;
    check_declared(&connection.receive().await.unwrap());
    let mut answers = Vec::new();
    for (method, params) in questions() {
        connection.request(2, method, params).await;
        answers.push(connection.receive().await.unwrap());
    }
    check_widget(&answers[0], &answers[1], &answers[2]);
}

/// Sends a request of a signed-in user to the server at this URL.
async fn ask(world: &World, url: &str, method: &str, params: Value) -> Value {
    let mut claims = world.workos.oauth_claims("user_ann");
    claims["aud"] = json!(format!("{url}/mcp"));
    let authorization = format!("Bearer {}", OAUTH_KEY.sign(&claims));
    let headers = [("authorization", authorization.as_str())];
    let answer =
        world.app.call(Method::POST, "/mcp", &headers, Some(request(method, params))).await;
    answer.json()["result"].take()
}

#[tokio::test]
async fn the_metadata_of_the_widget_loads_nothing_and_names_no_domain_but_chatgpts() {
    let app = TestApp::new();
    let read = app.rpc("resources/read", json!({ "uri": current_uri() })).await;
    let local = &read["result"]["contents"][0]["_meta"];
    insta::assert_json_snapshot!(local, @r#"
    {
      "openai/widgetCSP": {
        "connect_domains": [],
        "resource_domains": []
      },
      "openai/widgetDescription": "Shows the prompts that wait for review, to save or skip, or the prompt library, to search and fill in.",
      "openai/widgetPrefersBorder": true,
      "ui": {
        "csp": {
          "connectDomains": [],
          "resourceDomains": []
        },
        "prefersBorder": true
      }
    }
    "#);
    for (url, domain) in [
        (auth::URL, Some(auth::URL)),
        ("https://localhost:3000", Some("https://localhost:3000")),
        ("http://localhost:3000", None),
    ] {
        let world = World::at_url(url, |_| {}).await;
        let read = ask(&world, url, "resources/read", json!({ "uri": current_uri() })).await;
        let meta = &read["contents"][0]["_meta"];
        let mut expected = local.clone();
        if let Some(domain) = domain {
            expected["openai/widgetDomain"] = json!(domain);
        }
        // Claude shows no widget with a domain of ours here.
        assert!(meta["ui"].get("domain").is_none(), "{meta}");
        assert_eq!(meta, &expected);
        let listed = ask(&world, url, "resources/list", json!({})).await;
        assert_eq!(listed["resources"][0]["_meta"], expected);
        let tools = ask(&world, url, "tools/list", json!({})).await.to_string();
        assert!(!tools.contains("domain"), "{tools}");
    }
}

#[tokio::test]
async fn a_uri_of_an_earlier_widget_reads_the_current_one() {
    let app = TestApp::new();
    let current = app.rpc("resources/read", json!({ "uri": current_uri() })).await;
    for version in ["000000000000", "0123456789ab", "ffffffffffff"] {
        let uri = format!("ui://promptdb/{version}/view.html");
        let mut expected = current.clone();
        expected["result"]["contents"][0]["uri"] = json!(uri);
        assert_eq!(app.rpc("resources/read", json!({ "uri": uri })).await, expected);
    }
}

#[tokio::test]
async fn a_uri_of_another_form_is_no_resource() {
    let app = TestApp::new();
    for uri in [
        "ui://",
        "ui://promptdb",
        "ui://promptdb/view.html",
        "ui://promptdb/0123456789a/view.html",
        "ui://promptdb/0123456789abc/view.html",
        "ui://promptdb/0123456789aB/view.html",
        "ui://promptdb/0123456789ag/view.html",
        "ui://promptdb/0123456789ab/other.html",
        "ui://promptdb/0123456789ab/view.html#x",
        "ui://other/0123456789ab/view.html",
        "ui://promptdb/%30123456789ab/view.html",
        "promptdb://prompts/view.html",
    ] {
        let answer = app.post("/mcp", request("resources/read", json!({ "uri": uri }))).await;
        let expected =
            format!("Resource not found: {uri}; prompts are at promptdb://prompts/{{name}}");
        assert_eq!(error_of(&answer, 200, -32002), expected);
        assert_eq!(answer.json()["error"]["data"], json!({ "uri": uri }));
    }
}

#[tokio::test]
async fn the_widget_is_on_the_first_page_of_resources_alone() {
    let app = TestApp::new();
    for number in 0..101 {
        app.create(json!({ "name": format!("p{number:03}"), "content": "x" })).await;
    }
    let (mut cursor, mut pages) = (json!(""), Vec::new());
    while cursor.is_string() {
        let page = app.rpc("resources/list", json!({ "cursor": cursor })).await["result"].take();
        let uris = page["resources"].as_array().unwrap().iter();
        pages.push(uris.map(|one| one["uri"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
        cursor = page["nextCursor"].clone();
    }
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [101, 1]);
    assert_eq!(pages[0][0], current_uri());
    assert_eq!(pages.concat().iter().filter(|uri| uri.starts_with("ui:")).count(), 1);
}

#[tokio::test]
async fn with_sign_in_every_tool_says_that_a_call_needs_it() {
    let world = World::new().await;
    let listed = ask(&world, auth::URL, "tools/list", json!({})).await;
    let bytes = listed.to_string().len();
    assert!(bytes <= TOOLS_MAX_BYTES, "{bytes} bytes");
    for tool in listed["tools"].as_array().unwrap() {
        assert_eq!(tool["_meta"]["securitySchemes"], json!([{ "type": "oauth2" }]), "{tool}");
    }
    let local = TestApp::new().rpc("tools/list", json!({})).await.to_string();
    assert!(!local.contains("securitySchemes"), "{local}");
}

/// Adds 16 KiB of fields that no tool has, so that results name them in a hint.
fn add_unknown_fields(arguments: &mut Value) {
    for number in 0..20 {
        arguments[format!("{number}{}", "🤷🏽".repeat(100))] = json!(1);
    }
}

#[track_caller]
fn check_size(result: &Value) {
    let bytes = TestApp::structured(result).to_string().len();
    assert!(bytes <= STRUCTURE_MAX_BYTES, "{bytes} bytes");
}

#[tokio::test]
async fn the_library_opens_as_far_as_it_fits() {
    // Characters of one, three and four bytes, and one that JSON makes longer.
    for unit in ["w", "東", "🤷", "\""] {
        let app = TestApp::new();
        let fill = |chars: usize| unit.repeat(chars);
        let tags: Vec<String> = (0..10).map(|tag| format!("{tag:a>32}")).collect();
        // With "w" an entry takes 2,430 bytes, so that a page of 20 is as large as it may be.
        let variables: Vec<Value> = (0..5)
            .map(|index| json!({ "name": format!("{index:a>60}"), "default": fill(100) }))
            .collect();
        let names = variables.iter().map(|one| one["name"].as_str().unwrap());
        let content: Vec<String> = names.map(|name| format!("note {{{{{name}}}}}")).collect();
        let content = content.concat();
        for number in 0..22 {
            app.create(json!({
                "name": format!("p{number}"), "title": unit, "description": fill(1024),
                "tags": tags, "content": content, "variables": variables,
            }))
            .await;
        }
        for mut arguments in [json!({}), json!({ "query": "note" }), json!({ "tag": tags[0] })] {
            for _ in 0..2 {
                let result = app.tool("open_library", arguments.clone()).await;
                check_size(&result);
                let structured = TestApp::structured(&result);
                assert!(!structured["prompts"].as_array().unwrap().is_empty(), "{result}");
                assert!(structured["next_cursor"].is_string(), "{result}");
                add_unknown_fields(&mut arguments);
            }
        }
        let mut one = json!({ "name": "p7" });
        add_unknown_fields(&mut one);
        check_size(&app.tool("open_library", one).await);
    }
}

#[tokio::test]
async fn a_harvest_of_long_and_faulty_candidates_keeps_its_size() {
    let long = "Refactor this file, as shown above. ".repeat(1700);
    let good = json!({ "title": "Long", "content": long, "why": "w" });
    let faults = [
        json!({ "title": "x".repeat(60_000), "content": "Write one poem about a cat.", "why": "w" }),
        json!({ "title": "T", "content": "no", "why": "🤷🏽".repeat(7000) }),
        json!({ "title": "T", "content": "x".repeat(70_000), "why": "w" }),
        json!({ "title": "T", "content": "Write one poem.", "why": "w", "description": "\u{1}".repeat(9000) }),
        json!({ "title": "T", "content": "Write one poem.", "why": "w",
            "tags": (0..5000).map(|_| json!({})).collect::<Vec<_>>() }),
        json!({ "title": "T", "content": "Write one poem.", "why": "w",
            "variables": (0..2000).map(|_| json!({ "name": 7, "default": {} })).collect::<Vec<_>>() }),
        json!("x".repeat(60_000)),
    ];
    for fault in &faults {
        let app = TestApp::new();
        // One message has at most 256 KiB.
        let room = 220 * 1024 - good.to_string().len();
        let copies = (room / fault.to_string().len()).min(7);
        let mut candidates = vec![fault.clone(); copies];
        candidates.push(good.clone());
        let mut arguments = json!({ "candidates": candidates });
        add_unknown_fields(&mut arguments);
        let result = app.tool("harvest_session", arguments).await;
        check_size(&result);
        let entries = TestApp::structured(&result)["candidates"].as_array().unwrap();
        assert_eq!(entries.len(), copies + 1, "{result}");
        let (added, refused) = entries.split_last().unwrap();
        assert!(added["candidate_id"].is_string(), "{result}");
        for entry in refused {
            assert!(!entry["problems"].as_array().unwrap().is_empty(), "{entry}");
        }
    }
    let app = TestApp::new();
    let candidates: Vec<Value> = (0..8)
        .map(|number| {
            let content = format!("{number} {}", "Refactor this file. ".repeat(1500));
            json!({ "title": "Long", "content": content, "why": "w".repeat(400) })
        })
        .collect();
    let result = app.tool("harvest_session", json!({ "candidates": candidates })).await;
    check_size(&result);
    for entry in TestApp::structured(&result)["candidates"].as_array().unwrap() {
        assert_eq!(entry["content_cut"], true, "{entry}");
    }
}
