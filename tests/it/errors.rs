//! Invalid input of every kind, at every endpoint: a problem document that names the field, never a
//! 500.

mod fields;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::prompts::assert_problem;
use crate::support::{TestApp, TestResponse};

/// Asserts the properties of every problem document, and returns it without its request id.
#[track_caller]
fn assert_problem_document(answer: &TestResponse, status: u16, word: &str) -> Value {
    let mut problem = assert_problem(answer, status, word);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(problem["status"], status);
    let id = problem["request_id"].take();
    assert_eq!(id.as_str().unwrap().len(), 32);
    assert_eq!(id, answer.header("x-request-id"));
    assert!(!problem["title"].as_str().unwrap().is_empty());
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    assert!(answer.body.len() < 4096, "{} bytes", answer.body.len());
    problem
}

/// The names of the invalid fields of a problem document.
fn invalid_fields(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array();
    errors.into_iter().flatten().map(|error| error["field"].as_str().unwrap()).collect()
}

async fn app() -> TestApp {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "A {{thing}}" })).await;
    app
}

async fn send_raw(app: &TestApp, method: &str, path: &str, body: impl Into<Body>) -> TestResponse {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", "application/json");
    app.send(request.body(body.into()).unwrap()).await
}

/// Every endpoint that reads a body.
const BODIES: [(&str, &str); 7] = [
    ("POST", "/api/prompts"),
    ("PUT", "/api/prompts/poem"),
    ("POST", "/api/prompts/poem/restore"),
    ("POST", "/api/prompts/poem/render"),
    ("POST", "/api/candidates"),
    ("POST", "/api/candidates/cnd_0123456789abcdef0123456789abcdef/accept"),
    ("POST", "/api/prompts/nothing/render"),
];

#[tokio::test]
async fn a_body_that_is_not_json_is_malformed() {
    let app = app().await;
    let deep_array = "[".repeat(10_000) + &"]".repeat(10_000);
    let deep_object = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
    let deep_field = format!("{{\"content\":{deep_array}}}");
    let mut bodies: Vec<Vec<u8>> = [
        "",
        "{",
        "nope",
        "{\"content\":\"x\"} trailing",
        "{\"content\":1e999}",
        "{'content':'x'}",
        "{\"content\":\"\\ud800\"}",
        "{\"content\":\"a\nb\"}",
        "\u{feff}{",
        "\u{feff}\u{feff}{}",
        deep_field.as_str(),
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec();
    bodies.push(b"{\"content\":\"\xff\xfe\"}".to_vec());
    bodies.push(b"{\"\xff\":1}".to_vec());
    for (method, path) in BODIES {
        let takes_none = path.ends_with("/restore") || path.ends_with("/render");
        for body in bodies.iter().filter(|body| !(takes_none && body.is_empty())) {
            let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
            let answer = send_raw(&app, method, path, body.clone()).await;
            let status = answer.status.as_u16();
            assert!(status == 400 || status == 422, "{status} {method} {path} {shown}");
            let word = if status == 400 { "malformed" } else { "invalid-field" };
            assert_problem_document(&answer, status, word);
        }
        for body in [&deep_array, &deep_object] {
            let answer = send_raw(&app, method, path, body.clone()).await;
            assert!(matches!(answer.status.as_u16(), 400 | 422), "{method} {path}");
        }
        for body in [
            "null",
            "[]",
            "[\"a\", null, null, null, null, null, null]",
            "[1]",
            "7",
            "\"text\"",
            "true",
        ] {
            let answer = send_raw(&app, method, path, body).await;
            let problem = assert_problem_document(&answer, 422, "invalid-field");
            assert_eq!(invalid_fields(&problem), ["body"], "{method} {path} {body}");
        }
    }
}

#[tokio::test]
async fn a_body_over_256_kib_is_refused() {
    let app = app().await;
    let padded = |length: usize| {
        let start = "{\"content\":\"x\"";
        start.to_owned() + &" ".repeat(length - start.len() - 1) + "}"
    };
    for (method, path) in BODIES {
        let answer = send_raw(&app, method, path, padded(256 * 1024 + 1)).await;
        let problem = assert_problem_document(&answer, 413, "body-too-large");
        assert_eq!(problem["detail"], "the body is over 262144 bytes", "{method} {path}");
    }
    let answer = send_raw(&app, "POST", "/api/prompts", padded(256 * 1024)).await;
    assert_eq!(answer.status.as_u16(), 201);
}

#[tokio::test]
async fn a_body_without_a_json_content_type_is_refused() {
    let app = app().await;
    let body = "{\"content\":\"x\"}";
    for (method, path) in BODIES {
        for kind in [
            None,
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jsonx"),
            Some("multipart/form-data; boundary=x"),
            Some(""),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(kind) = kind {
                request = request.header("content-type", kind);
            }
            let answer = app.send(request.body(body.into()).unwrap()).await;
            assert_problem_document(&answer, 415, "unsupported-media-type");
        }
    }
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        let request = Request::builder().method("POST").uri("/api/prompts/poem/render");
        let request = request.header("content-type", kind).body("{}".into()).unwrap();
        assert_eq!(app.send(request).await.status.as_u16(), 200, "{kind}");
    }
}

#[tokio::test]
async fn unknown_paths_are_404_and_unsupported_methods_are_405() {
    let app = app().await;
    for path in [
        "/nothing",
        "/api",
        "/api/",
        "/api/nothing",
        "/api/prompts/",
        "/api/prompts/poem/",
        "/api/prompts/poem/nothing",
        "/healthy",
        "/.env",
        "/api/prompts/a/b/c/d",
        "//api/prompts",
    ] {
        for method in [Method::GET, Method::POST] {
            assert_problem_document(&app.call(method, path, &[], None).await, 404, "no-route");
        }
    }
    for (path, allow) in [
        ("/", "GET,HEAD"),
        ("/app/p/poem", "GET,HEAD"),
        ("/health", "GET,HEAD"),
        ("/health/ready", "GET,HEAD"),
        ("/api/openapi.json", "GET,HEAD"),
        ("/api/me", "GET,HEAD"),
        ("/api/audit", "GET,HEAD"),
        ("/api/prompts", "GET,HEAD,POST"),
        ("/api/prompts/poem", "DELETE,GET,HEAD,PUT"),
        ("/api/prompts/poem/restore", "POST"),
        ("/api/prompts/poem/versions", "DELETE,GET,HEAD"),
        ("/api/trash", "DELETE,GET,HEAD"),
        ("/api/prompts/bulk", "DELETE,GET,HEAD,POST,PUT"),
        ("/api/tags", "GET,HEAD"),
        ("/api/clients", "GET,HEAD"),
        ("/api/prompts/poem/render", "POST"),
        ("/api/candidates", "GET,HEAD,POST"),
        ("/api/candidates/x", "DELETE,GET,HEAD"),
        ("/api/candidates/x/accept", "POST"),
        ("/mcp", "POST"),
        ("/sse", "GET,HEAD"),
        ("/messages", "POST"),
    ] {
        for method in ["PATCH", "OPTIONS", "TRACE", "BREW"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = app.call(method, path, &[], None).await;
            assert_problem_document(&answer, 405, "method-not-allowed");
            let mut allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed.join(","), allow, "{path}");
        }
    }
    let head = app.call(Method::HEAD, "/api/prompts/nothing", &[], None).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (404, 0));
}

#[tokio::test]
async fn a_path_to_a_missing_prompt_or_candidate_is_not_found() {
    let app = app().await;
    let long = "a".repeat(65);
    for segment in [
        "nothing",
        "Poems",
        "-",
        "%E2%80%8B",
        "%00",
        "a%2Fb",
        "..%2F..",
        "%E6%9D%B1",
        "%22",
        "prm_1",
        "prm_0123456789abcdef0123456789abcdef",
        "harvest",
        "a%0Ab",
        long.as_str(),
    ] {
        for (method, suffix, body) in [
            (Method::GET, "", None),
            (Method::PUT, "", Some(json!({ "expected_version": 1 }))),
            (Method::DELETE, "", None),
            (Method::POST, "/restore", Some(json!({}))),
            (Method::GET, "/versions", None),
            (Method::POST, "/render", Some(json!({}))),
        ] {
            let path = format!("/api/prompts/{segment}{suffix}");
            assert_problem_document(&app.call(method, &path, &[], body).await, 404, "not-found");
        }
        for (method, suffix, body) in
            [(Method::DELETE, "", None), (Method::POST, "/accept", Some(json!({})))]
        {
            let path = format!("/api/candidates/{segment}{suffix}");
            assert_problem_document(&app.call(method, &path, &[], body).await, 404, "not-found");
        }
    }
    assert_problem_document(&app.get("/api/prompts/%FF").await, 400, "malformed");
    assert_problem_document(&app.delete("/api/candidates/%FF").await, 400, "malformed");
}

#[tokio::test]
async fn another_host_or_origin_is_refused_everywhere() {
    let app = app().await;
    let paths =
        ["/health", "/api/me", "/api/prompts", "/mcp", "/sse", "/nothing", "/api/openapi.json"];
    for path in paths {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "10.0.0.1:3000",
            "localhost@evil.example",
            "0.0.0.0",
            "[::2]:3000",
        ] {
            let answer = app.call(Method::GET, path, &[("host", host)], None).await;
            let problem = assert_problem_document(&answer, 403, "forbidden");
            assert!(problem["detail"].as_str().unwrap().contains("Host"), "{problem}");
        }
        for origin in [
            "null",
            "http://evil.example",
            "https://localhost:3000",
            "http://localhost:3001",
            "http://localhost",
            "http://localhost.evil.example:3000",
            "file://",
            "",
            "\u{e9}",
        ] {
            let answer = app.call(Method::GET, path, &[("origin", origin)], None).await;
            let problem = assert_problem_document(&answer, 403, "forbidden");
            assert!(problem["detail"].as_str().unwrap().contains("Origin"), "{problem}");
        }
        for host in ["", "local host", "\u{e9}", "a/b"] {
            let answer = app.call(Method::GET, path, &[("host", host)], None).await;
            assert_problem_document(&answer, 400, "malformed");
        }
        let twice = [("host", "localhost:3000"), ("host", "evil.example")];
        assert_problem_document(&app.call(Method::GET, path, &twice, None).await, 400, "malformed");
        let twice = [("origin", "http://localhost:3000"), ("origin", "http://evil.example")];
        assert_problem_document(&app.call(Method::GET, path, &twice, None).await, 403, "forbidden");
    }
    for (host, origin) in [
        ("localhost:3000", "http://localhost:3000"),
        ("LOCALHOST", "http://127.0.0.1:3000"),
        ("127.0.0.1:3000", "http://[::1]:3000"),
        ("[::1]:3000", "http://localhost:3000"),
        ("127.8.8.8", "http://LOCALHOST:3000"),
    ] {
        let headers = [("host", host), ("origin", origin)];
        let answer = app.call(Method::GET, "/api/me", &headers, None).await;
        assert_eq!(answer.status.as_u16(), 200, "{host} {origin}");
    }
}

#[tokio::test]
async fn the_documents_of_common_problems_are_stable() {
    let app = app().await;
    let mut shown = serde_json::Map::new();
    for (method, path, body) in [
        (Method::GET, "/api/prompts/nothing", None),
        (Method::GET, "/nothing", None),
        (Method::PATCH, "/api/prompts", None),
        (Method::POST, "/api/prompts", Some(json!({ "name": "poem", "content": "x" }))),
        (
            Method::POST,
            "/api/prompts",
            Some(json!({ "name": "!!!", "content": "", "tags": ["#"] })),
        ),
        (Method::PUT, "/api/prompts/poem", Some(json!({}))),
        (Method::PUT, "/api/prompts/poem", Some(json!({ "expected_version": 7 }))),
        (Method::POST, "/api/prompts/poem/render", Some(json!({ "arguments": { "other": "x" } }))),
        (Method::GET, "/api/prompts?limit=0", None),
        (Method::GET, "/api/prompts?color=red", None),
    ] {
        let request =
            format!("{method} {path} {}", body.as_ref().map(Value::to_string).unwrap_or_default());
        let mut document = app.call(method, path, &[], body).await.json();
        document["request_id"] = json!("[id]");
        shown.insert(request, document);
    }
    insta::assert_json_snapshot!(shown);
}
