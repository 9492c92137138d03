//! What a request repeats of itself in its answer is cut, wherever it comes from.

use std::io::{Cursor, Write};

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::{TestApp, TestResponse};

/// Maximum number of characters of a text from outside in one place.
const EXCERPT_MAX: usize = 200;
/// Maximum size in bytes of an answer that repeats a few such texts.
const ANSWER_MAX: usize = 16 * 1024;
/// A character that no text of the server has.
const MARK: char = '☃';

/// Long texts: plain, with control characters, from right to left, and with combining characters.
fn hostile_texts(chars: usize) -> [String; 4] {
    [
        MARK.to_string().repeat(chars),
        format!("{MARK}\u{1}\u{1b}").repeat(chars / 3),
        format!("\u{202e}{MARK}ש").repeat(chars / 3),
        format!("{MARK}\u{301}\u{308}").repeat(chars / 3),
    ]
}

/// Collects every text of a JSON value, keys included.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(key, value)| std::iter::once(key.as_str()).chain(texts(value)))
            .collect(),
        _ => Vec::new(),
    }
}

/// Asserts that an answer repeats at most an excerpt of the text in any one place.
#[track_caller]
fn assert_cut(answer: &TestResponse, what: &str) {
    assert!(answer.body.len() < ANSWER_MAX, "{what}: {} bytes", answer.body.len());
    let body = String::from_utf8(answer.body.clone()).unwrap();
    let value = serde_json::from_str(&body).unwrap_or(Value::String(body));
    for text in texts(&value) {
        // A message may repeat a field's path and, after a colon, its value.
        for place in text.split(": ") {
            let repeated = place.matches(MARK).count();
            assert!(repeated <= EXCERPT_MAX, "{what}: {repeated} in {place}");
        }
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{what}: {text:?}");
        assert!(!text.contains('\u{202e}'), "{what}: {text}");
    }
}

async fn app() -> TestApp {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "A {{thing}}" })).await;
    app
}

#[tokio::test]
async fn problem_documents_repeat_an_excerpt_of_the_request() {
    let app = app().await;
    for long in hostile_texts(6000) {
        let encoded: String = form_urlencoded::byte_serialize(long.as_bytes()).collect();
        let encoded = &encoded[..encoded.len().min(60_000) / 9 * 9];
        for path in [
            format!("/api/prompts/{encoded}"),
            format!("/api/candidates/{encoded}"),
            format!("/api/{encoded}"),
            format!("/api/prompts?{encoded}=1"),
            format!("/api/prompts?sort={encoded}"),
            format!("/api/prompts?limit={encoded}"),
            format!("/api/prompts?favorite={encoded}"),
            format!("/api/prompts?cursor={encoded}"),
            format!("/api/export?format={encoded}"),
            format!("/api/import?dry_run={encoded}"),
        ] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let answer = app.call(method.clone(), &path, &[], None).await;
                assert!(answer.status.is_client_error(), "{method} {}", answer.status);
                assert_cut(&answer, &format!("{method} {}", &path[..24]));
            }
        }
        let variable = json!([{ "name": long }]);
        for (method, path, body) in [
            (Method::POST, "/api/prompts", json!({ "content": "x", long.clone(): 1 })),
            (Method::POST, "/api/prompts", json!({ "content": "x", "favorite": long })),
            (Method::POST, "/api/prompts", json!({ "content": "", "name": long })),
            (Method::POST, "/api/prompts", json!({ "content": "x", "title": long })),
            (Method::POST, "/api/prompts", json!({ "content": "", "tags": [long] })),
            (Method::POST, "/api/prompts", json!({ "content": "x", "variables": variable })),
            (Method::PUT, "/api/prompts/poem", json!({ "expected_version": long })),
            (
                Method::POST,
                "/api/prompts/poem/render",
                json!({ "arguments": { long.clone(): "x" } }),
            ),
            (Method::POST, "/api/prompts/poem/render", json!({ "arguments": { long.clone(): 7 } })),
            (Method::POST, "/api/prompts/poem/restore", json!({ "version": long })),
            (Method::POST, "/api/candidates", json!({ "candidates": long })),
            (Method::POST, "/api/candidates", json!({ "candidates": [{ long.clone(): 1 }] })),
        ] {
            let answer = app.call(method, path, &[], Some(body)).await;
            assert!(answer.status.is_client_error(), "{}", answer.status);
            assert_cut(&answer, path);
        }
    }
}

/// Asserts that an answer of MCP is an error, or a result that is flagged as one.
#[track_caller]
fn assert_mcp_error(answer: &TestResponse, what: &str) {
    let is_error = serde_json::from_slice::<Value>(&answer.body).map_or(true, |message| {
        message.get("error").is_some() || message["result"]["isError"] == true
    });
    assert!(is_error, "{what}: {}", String::from_utf8_lossy(&answer.body));
    assert_cut(answer, what);
}

#[tokio::test]
async fn json_rpc_errors_and_tool_results_repeat_an_excerpt_of_the_message() {
    let app = app().await;
    for long in hostile_texts(20_000) {
        for (method, params) in [
            ("tools/call", json!({ "name": long, "arguments": {} })),
            ("tools/call", json!({ "name": "get_prompt", "arguments": { "name": long } })),
            ("tools/call", json!({ "name": "get_prompt", "arguments": { "id": long } })),
            ("tools/call", json!({ "name": "get_prompt", "arguments": { long.clone(): 1 } })),
            (
                "tools/call",
                json!({ "name": "get_prompt",
                "arguments": { "name": "poem", "arguments": { long.clone(): "x" } } }),
            ),
            ("tools/call", json!({ "name": "list_prompts", "arguments": { "sort": long } })),
            ("tools/call", json!({ "name": "list_prompts", "arguments": { "limit": long } })),
            ("tools/call", json!({ "name": "list_prompts", "arguments": { "cursor": long } })),
            ("tools/call", json!({ "name": "save_prompt", "arguments": { "candidate_id": long } })),
            ("tools/call", json!({ "name": "delete_prompt", "arguments": { "name": long } })),
            (
                "tools/call",
                json!({ "name": "harvest_session", "arguments": { "candidates": long } }),
            ),
            ("prompts/get", json!({ "name": long })),
            ("prompts/get", json!({ "name": "poem", "arguments": { long.clone(): "x" } })),
            ("prompts/get", json!({ "name": "poem", "arguments": { long.clone(): 7 } })),
            ("prompts/get", json!({ "name": "harvest", "arguments": { long.clone(): "x" } })),
            ("resources/read", json!({ "uri": long })),
            ("resources/read", json!({ "uri": format!("promptdb://prompts/{long}") })),
            (
                "completion/complete",
                json!({ "ref": { "type": "ref/prompt", "name": long },
                "argument": { "name": "x", "value": "" } }),
            ),
            (
                "completion/complete",
                json!({ "ref": { "type": "ref/resource", "uri": long },
                "argument": { "name": "x", "value": "" } }),
            ),
            (long.as_str(), json!({})),
        ] {
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            let answer = app.post("/mcp", message).await;
            let shown: String = format!("{method} {params}").chars().take(40).collect();
            assert_mcp_error(&answer, &shown);
        }
    }
}

#[tokio::test]
async fn errors_about_headers_repeat_an_excerpt_of_them() {
    let app = app().await;
    // A header holds visible ASCII, so the mark comes from the body.
    let (ascii, long) = ("x".repeat(20_000), MARK.to_string().repeat(20_000));
    let info = json!({ "name": "c", "version": "1" });
    let initialize =
        json!({ "protocolVersion": long, "capabilities": {}, "clientInfo": info.clone() });
    let meta = json!({ "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": info, "io.modelcontextprotocol/clientCapabilities": {} });
    let call = json!({ "name": long, "arguments": {}, "_meta": meta });
    let mut future = call.clone();
    future["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(ascii);
    let stateless = [("mcp-protocol-version", "2026-07-28")];
    for (headers, method, params) in [
        (vec![("mcp-protocol-version", ascii.as_str())], "tools/list", json!({})),
        (vec![("mcp-protocol-version", ascii.as_str())], "tools/call", future),
        (vec![("mcp-protocol-version", "2025-06-18")], "initialize", initialize),
        ([&stateless[..], &[("mcp-method", ascii.as_str())]].concat(), "tools/call", call.clone()),
        (
            [&stateless[..], &[("mcp-method", "tools/call"), ("mcp-name", ascii.as_str())]]
                .concat(),
            "tools/call",
            call,
        ),
    ] {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = app.call(Method::POST, "/mcp", &headers, Some(message)).await;
        let what = format!("{method} with {}", headers.last().unwrap().0);
        assert!(answer.body.len() < 1200, "{what}: {} bytes", answer.body.len());
        assert_mcp_error(&answer, &what);
    }
}

/// Imports a file of any format, whatever the status.
async fn import(app: &TestApp, content_type: &str, body: impl Into<Body>) -> TestResponse {
    let request = Request::post("/api/import").header("content-type", content_type);
    app.send(request.body(body.into()).unwrap()).await
}

fn archive(path: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(path, SimpleFileOptions::default()).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn reports_of_imports_repeat_an_excerpt_of_the_file() {
    let app = app().await;
    for long in hostile_texts(1_000_000) {
        let quoted = Value::from(long.as_str());
        let export = |prompt: Value| {
            format!(
                "{{\"format\":\"promptdb\",\"version\":1,\"prompts\":[{prompt}],\
                 \"end\":{{\"prompts\":1,\"candidates\":0,\"audit\":0}}}}"
            )
        };
        let path: String = long.chars().take(15_000).collect();
        for (content_type, body) in [
            ("text/csv", format!("name,content,\"{long}\"\r\na,b,c\r\n").into_bytes()),
            ("text/csv", format!("name,content\r\n\"{long}\",\r\n").into_bytes()),
            ("text/csv", format!("title,content\r\n\"{long}\",x\r\n").into_bytes()),
            ("text/csv", format!("content,tags\r\nx,\"{long}\"\r\n").into_bytes()),
            (
                "text/csv",
                format!("content,variables\r\nx,\"[{{\"\"{long}\"\":1}}]\"\r\n").into_bytes(),
            ),
            ("application/json", json!({ "format": long }).to_string().into_bytes()),
            ("application/json", json!([{ "name": long }]).to_string().into_bytes()),
            (
                "application/json",
                json!([{ "title": long, "content": "x" }]).to_string().into_bytes(),
            ),
            (
                "application/json",
                json!([{ "content": "x", "favorite": long }]).to_string().into_bytes(),
            ),
            ("application/json", quoted.to_string().into_bytes()),
            (
                "application/json",
                format!("{{\"format\":\"promptdb\",\"version\":1,{quoted}:1}}").into_bytes(),
            ),
            ("application/json", export(json!({ long.clone(): 1, "name": long })).into_bytes()),
            ("application/zip", archive(&format!("{path}.md"), b"")),
            ("application/zip", archive(&format!("{path}.md"), b"---\nname: [\n---\n")),
            (
                "text/markdown",
                format!("---\nvariables: [{{ name: x, {quoted}: 1 }}]\n---\nx").into(),
            ),
            ("text/markdown", format!("---\nfavorite: {quoted}\n---\nx").into()),
            ("text/markdown", format!("---\nname: {quoted}\n---\n").into()),
        ] {
            let answer = import(&app, content_type, body).await;
            assert_cut(&answer, content_type);
        }
    }
}

#[tokio::test]
async fn a_list_of_unknown_columns_is_bounded_in_number() {
    let columns: Vec<String> = (0..1210).map(|number| format!(",c{number}")).collect();
    let row = ",".repeat(columns.len());
    let columns = columns.concat();
    let answer =
        import(&TestApp::new(), "text/csv", format!("content{columns}\r\nx{row}\r\n")).await;
    let report = answer.json();
    let note = report["items"][0]["notes"][0].as_str().unwrap();
    assert!(note.starts_with("The columns \"c0\", \"c1\", "), "{note}");
    assert!(note.ends_with("\"c9\" and others were passed over."), "{note}");
    let many = format!("content{}\r\n", ",x".repeat(1_000_000));
    let answer = import(&TestApp::new(), "text/csv", many).await;
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail, "row 1: has more than 16384 cells");
    assert_cut(&answer, "a million columns");
}

#[tokio::test]
async fn the_faults_of_one_item_are_bounded_in_number() {
    let version =
        json!({ "version": 1, "title": "", "content": "", "source": "", "created_at": "" });
    let versions: Vec<Value> = (1..=20_000)
        .map(|number| {
            let mut version = version.clone();
            version["version"] = json!(number);
            version
        })
        .collect();
    let prompt = json!({ "id": "x", "name": "X", "versions": versions });
    let body = json!({ "format": "promptdb", "version": 1, "prompts": [prompt],
        "end": { "prompts": 1, "candidates": 0, "audit": 0 } });
    // The order of the members matters to the reader.
    let body = format!(
        "{{\"format\":\"promptdb\",\"version\":1,\"prompts\":{},\"end\":{}}}",
        body["prompts"], body["end"]
    );
    let answer = import(&TestApp::new(), "application/json", body).await;
    assert_eq!(answer.json()["counts"]["refused"], 1);
    assert_cut(&answer, "a history of faults");
}

#[tokio::test]
async fn a_report_of_many_items_is_bounded_as_a_whole() {
    let title = format!("\"{}\"", "\"\"".repeat(EXCERPT_MAX));
    let row = format!("{title},content,surplus\r\n");
    let body = format!("title,content\r\n{}", row.repeat(30_000));
    let answer = import(&TestApp::new(), "text/csv", body).await;
    let most = 9 * 1024 * 1024;
    assert!(answer.body.len() < most, "{} bytes", answer.body.len());
    let report = answer.json();
    assert_eq!(report["complete"], false);
    let reason = report["broken"]["reason"].as_str().unwrap();
    assert!(reason.contains("the report is over 8388608 bytes"), "{reason}");
    assert!(report["counts"]["refused"].as_u64().unwrap() > 10_000);
}
