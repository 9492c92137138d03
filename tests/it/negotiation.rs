//! What clients negotiate: compressed answers, and pages in place of problem documents.

use std::io::Read;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use flate2::read::{GzDecoder, MultiGzDecoder};
use serde_json::{Value, json};

use crate::auth::World;
use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

/// The body without its coding.
fn decode(answer: &TestResponse) -> Vec<u8> {
    let (mut text, body) = (Vec::new(), answer.body.as_slice());
    match answer.header("content-encoding") {
        "gzip" => MultiGzDecoder::new(body).read_to_end(&mut text).unwrap(),
        "br" => brotli::Decompressor::new(body, 4096).read_to_end(&mut text).unwrap(),
        "" => return body.to_vec(),
        other => panic!("{other}"),
    };
    text
}

async fn get(app: &TestApp, path: &str, coding: &str) -> TestResponse {
    app.call(Method::GET, path, &[("accept-encoding", coding)], None).await
}

async fn app_with_poem(content: &str) -> TestApp {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": content })).await;
    app
}

#[tokio::test]
async fn a_large_answer_is_compressed_as_the_client_asks() {
    let app = app_with_poem(&"a line of a poem\n".repeat(200)).await;
    let plain = app.get("/api/prompts/poem").await;
    assert_eq!(plain.header("content-encoding"), "");
    for path in ["/api/prompts/poem", "/api/prompts", "/api/openapi.json", "/api/export?format=csv"]
    {
        let plain = app.get(path).await;
        assert_eq!(plain.header("vary"), "accept-encoding", "{path}");
        for (asked, coding) in [
            ("gzip, deflate, br, zstd", "gzip"),
            ("br", "br"),
            ("gzip;q=0.5, br;q=1", "br"),
            ("*", "gzip"),
            ("gzip;q=0", ""),
            ("identity", ""),
            ("deflate", ""),
        ] {
            let answer = get(&app, path, asked).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.header("content-encoding"), coding, "{path} {asked}");
            assert_eq!(answer.header("vary"), "accept-encoding", "{path} {asked}");
            assert_eq!(answer.header("content-type"), plain.header("content-type"));
            assert_eq!(decode(&answer), plain.body, "{path} {asked}");
            assert!(coding.is_empty() || answer.body.len() * 2 < plain.body.len(), "{path}");
        }
    }
}

#[tokio::test]
async fn the_tag_of_a_compressed_answer_is_weak_and_good_for_a_save() {
    let app = app_with_poem(&"a line of a poem\n".repeat(200)).await;
    let answer = get(&app, "/api/prompts/poem", "gzip").await;
    let tag = answer.header("etag");
    assert_eq!(tag, "W/\"1\"");
    let again = [("accept-encoding", "gzip"), ("if-none-match", tag)];
    let again = app.call(Method::GET, "/api/prompts/poem", &again, None).await;
    assert_eq!((again.status, again.header("etag")), (StatusCode::NOT_MODIFIED, tag));
    let body = Some(json!({ "content": "short" }));
    let saved = app.call(Method::PUT, "/api/prompts/poem", &[("if-match", tag)], body).await;
    assert_eq!((saved.status, saved.header("etag")), (StatusCode::OK, "\"2\""));
}

#[tokio::test]
async fn a_head_request_gets_the_headers_of_its_get() {
    let app = app_with_poem(&"a line of a poem\n".repeat(200)).await;
    for path in ["/api/prompts/poem", "/api/prompts", "/api/me", "/api/tags", "/health", "/nothing"]
    {
        for coding in ["gzip", "identity"] {
            let full = get(&app, path, coding).await;
            let headers = [("accept-encoding", coding)];
            let head = app.call(Method::HEAD, path, &headers, None).await;
            assert!(head.body.is_empty(), "{path}");
            assert_eq!(head.status, full.status, "{path}");
            for name in ["content-type", "content-encoding", "etag", "vary", "content-length"] {
                assert_eq!(head.header(name), full.header(name), "{path} {coding} {name}");
            }
        }
    }
}

#[tokio::test]
async fn small_streamed_and_compressed_answers_are_left_alone() {
    let app = app_with_poem("x").await;
    for path in ["/api/prompts/poem", "/api/me", "/api/export?format=markdown"] {
        let answer = get(&app, path, "gzip").await;
        assert_eq!((answer.header("content-encoding"), answer.header("vary")), ("", ""), "{path}");
    }
    let request = Request::get("/sse").header("accept-encoding", "gzip, br");
    let stream = app.open(request.body(Body::empty()).unwrap()).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.headers().get("content-encoding"), None);
}

#[tokio::test]
async fn an_answer_that_takes_long_to_compress_and_a_streamed_export_are_whole() {
    let app = TestApp::new();
    for number in 0..12 {
        let content = format!("{number} ") + &"words that repeat ".repeat(3000);
        app.create(json!({ "name": format!("p-{number}"), "content": content })).await;
    }
    for path in ["/api/prompts?limit=100", "/api/export"] {
        let plain = app.get(path).await;
        assert!(plain.body.len() > 600 * 1024, "{path}");
        for coding in ["gzip", "br"] {
            let answer = get(&app, path, coding).await;
            assert_eq!(answer.header("content-encoding"), coding);
            assert!(decode(&answer) == plain.body, "{path} {coding}");
            assert!(answer.body.len() < plain.body.len() / 4, "{path} {coding}");
        }
    }
}

#[tokio::test]
async fn the_answer_of_a_tool_is_compressed_as_any_other() {
    let app = app_with_poem(&"a line of a poem\n".repeat(200)).await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": { "name": "get_prompt", "arguments": { "name": "poem" } } });
    let answer = app.call(Method::POST, "/mcp", &[("accept-encoding", "gzip")], Some(call)).await;
    let mut text = String::new();
    GzDecoder::new(answer.body.as_slice()).read_to_string(&mut text).unwrap();
    let message: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(message["result"]["isError"], false);
}

/// Asserts that a problem is a page, and returns its text.
#[track_caller]
fn assert_page(answer: &TestResponse, status: u16) -> String {
    assert_eq!(answer.status.as_u16(), status);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("vary"), "accept");
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    let page = String::from_utf8(answer.body.clone()).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("color-scheme"), "{page}");
    assert!(page.contains(answer.header("x-request-id")), "{page}");
    assert!(page.contains(&format!("Status {status}")), "{page}");
    page
}

#[tokio::test]
async fn a_browser_gets_a_problem_as_a_page() {
    let app = TestApp::new();
    for (path, status, title) in [
        ("/nothing", 404, "No such path"),
        ("/api/prompts/nothing", 404, "Not found"),
        ("/api/prompts?limit=x", 422, "Invalid field"),
        ("/auth/login", 404, "No such path"),
        ("/mcp", 405, "Method not allowed"),
        ("/messages", 405, "Method not allowed"),
    ] {
        let answer = app.call(Method::GET, path, &[("accept", BROWSER)], None).await;
        let page = assert_page(&answer, status);
        assert!(page.contains(&format!("<h1>{title}</h1>")), "{page}");
        assert!(!page.contains("/auth/login"), "{page}");
        let head = app.call(Method::HEAD, path, &[("accept", BROWSER)], None).await;
        assert_eq!((head.status.as_u16(), head.body.len()), (status, 0));
    }
    let hostile = "/api/prompts?%3Cscript%3Ealert(1)%3C%2Fscript%3E=1";
    let answer = app.call(Method::GET, hostile, &[("accept", BROWSER)], None).await;
    let page = assert_page(&answer, 422);
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script"), "{page}");
}

#[tokio::test]
async fn a_script_or_a_program_gets_a_problem_document() {
    let app = TestApp::new();
    for accept in
        ["*/*", "application/json", "application/json, text/html", "text/html;q=0.5, */*", ""]
    {
        let answer = app.call(Method::GET, "/api/nothing", &[("accept", accept)], None).await;
        assert_problem(&answer, 404, "no-route");
        assert_eq!(answer.header("vary"), "accept", "{accept}");
    }
    assert_problem(&app.get("/nothing").await, 404, "no-route");
    let message = Some(json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }));
    let answer = app.call(Method::POST, "/mcp", &[("accept", "text/html")], message).await;
    assert_problem(&answer, 406, "not-acceptable");
}

#[tokio::test]
async fn a_browser_that_is_signed_out_is_led_to_the_sign_in() {
    let world = World::new().await;
    let answer = world.app.call(Method::GET, "/api/me", &[("accept", BROWSER)], None).await;
    let page = assert_page(&answer, 401);
    assert!(page.contains("href=\"/auth/login\">Sign in</a>"), "{page}");
    assert!(answer.header("www-authenticate").starts_with("Bearer "));
    let answer = world.app.call(Method::GET, "/nothing", &[("accept", BROWSER)], None).await;
    assert!(!assert_page(&answer, 404).contains("/auth/login"));
}

#[tokio::test]
async fn a_problem_of_many_fields_is_compressed_as_any_other_answer() {
    let app = TestApp::new();
    let variables: Vec<Value> =
        (0..40).map(|number| json!({ "name": format!("{number} is no name") })).collect();
    let body = Some(json!({ "content": "x", "variables": variables }));
    let headers = [("accept-encoding", "gzip")];
    let answer = app.call(Method::POST, "/api/prompts", &headers, body).await;
    let problem: Value = serde_json::from_slice(&decode(&answer)).unwrap();
    assert_eq!(
        (answer.header("content-encoding"), problem["status"].as_u64()),
        ("gzip", Some(422))
    );
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
}
