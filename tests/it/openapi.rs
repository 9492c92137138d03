//! The OpenAPI description: complete, well formed, and equal to the behaviour.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value, json};

use crate::auth::World;
use crate::support::TestApp;

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

async fn document(app: &TestApp) -> Value {
    let answer = app.get("/api/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    answer.json()
}

/// The operations of each path by method.
fn operations(document: &Value) -> BTreeMap<&str, BTreeMap<&str, &Value>> {
    let paths = document["paths"].as_object().unwrap();
    let of_path =
        |item| METHODS.into_iter().filter_map(move |m| Value::get(item, m).map(|o| (m, o)));
    paths.iter().map(|(path, item)| (path.as_str(), of_path(item).collect())).collect()
}

#[tokio::test]
async fn every_rest_endpoint_is_described() {
    let app = TestApp::new();
    let document = document(&app).await;
    let listed: Vec<String> = operations(&document)
        .iter()
        .flat_map(|(path, by_method)| by_method.keys().map(move |m| format!("{m} {path}")))
        .collect();
    insta::assert_snapshot!(listed.join("\n"));
}

#[tokio::test]
async fn the_description_is_a_well_formed_openapi_3_1_document() {
    let app = TestApp::new();
    let document = document(&app).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
    for field in ["title", "version", "description"] {
        assert!(document["info"][field].is_string(), "{field}");
    }
    let mut operation_ids = BTreeSet::new();
    for (path, by_method) in operations(&document) {
        for (method, operation) in by_method {
            let place = format!("{method} {path}");
            let id = operation["operationId"].as_str().unwrap();
            assert!(operation_ids.insert(id.to_owned()), "{place}: {id} is there twice");
            assert!(operation["summary"].is_string(), "{place}");
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let in_path: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| {
                    assert_eq!(parameter["required"], true, "{place}");
                    parameter["name"].as_str().unwrap()
                })
                .collect();
            let in_template: BTreeSet<&str> =
                path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
            assert_eq!(in_path, in_template, "{place}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{place}");
            for (status, response) in responses {
                let response = resolved(&document, response);
                assert!(response["description"].is_string(), "{place} {status}");
            }
            let refusals = responses.iter().filter(|(status, _)| !status.starts_with(['2', '3']));
            for (status, response) in refusals.filter(|_| path != "/health/ready") {
                let response = resolved(&document, response);
                let problem = &response["content"]["application/problem+json"];
                let schema = json!({ "$ref": "#/components/schemas/Problem" });
                assert_eq!(problem["schema"], schema, "{place} {status}");
            }
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{name}");
    }
    assert_references_resolve(&document, &document);
}

/// Resolves a reference; returns any other part unchanged.
fn resolved<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    let target = part["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    target.map_or(part, |pointer| document.pointer(pointer).unwrap())
}

fn assert_references_resolve(document: &Value, part: &Value) {
    match part {
        Value::Object(fields) => {
            if let Some(reference) = fields.get("$ref") {
                let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference}");
            }
            for field in fields.values() {
                assert_references_resolve(document, field);
            }
        }
        Value::Array(items) => {
            for item in items {
                assert_references_resolve(document, item);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn each_operation_names_the_credentials_that_it_takes() {
    let world = World::new().await;
    let document = document(&world.app).await;
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes.as_object().unwrap().len(), 3, "{schemes}");
    assert_eq!(
        (&schemes["oauth"]["type"], &schemes["webToken"]["scheme"]),
        (&json!("oauth2"), &json!("bearer"))
    );
    let flow = &schemes["oauth"]["flows"]["authorizationCode"];
    assert!(flow["tokenUrl"].as_str().unwrap().ends_with("/oauth2/token"), "{flow}");
    let session = &schemes["session"];
    assert_eq!((&session["in"], &session["name"]), (&json!("cookie"), &json!("__Host-promptdb")));
    for (path, by_method) in operations(&document) {
        for (method, operation) in by_method {
            let expected = match (method, path) {
                ("get", "/health" | "/health/ready") => json!([]),
                (_, "/api/sessions" | "/api/sessions/{session}")
                | ("delete", "/api/account" | "/api/trash" | "/api/prompts/{prompt}/versions") => {
                    json!([{ "webToken": [] }, { "session": [] }])
                }
                _ => json!([{ "oauth": [] }, { "webToken": [] }, { "session": [] }]),
            };
            assert_eq!(operation["security"], expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn without_sign_in_no_operation_takes_a_credential() {
    let document = document(&TestApp::new()).await;
    assert_eq!(document["components"].get("securitySchemes"), None);
    for (path, by_method) in operations(&document) {
        for (method, operation) in by_method {
            assert_eq!(operation.get("security"), None, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn a_body_that_may_be_absent_is_never_null() {
    let document = document(&TestApp::new()).await;
    for (action, schema) in [("restore", "RestoreRequest"), ("render", "RenderRequest")] {
        let path = format!("/api/prompts/{{prompt}}/{action}");
        let body = &document["paths"][path]["post"]["requestBody"];
        assert_ne!(body["required"], true, "{body}");
        let expected = json!({ "$ref": format!("#/components/schemas/{schema}") });
        assert_eq!(body["content"]["application/json"]["schema"], expected);
    }
}

#[tokio::test]
async fn exactly_the_described_operations_exist() {
    let app = TestApp::new();
    app.create(json!({ "name": "poem", "content": "x" })).await;
    let document = document(&app).await;
    for (path, by_method) in operations(&document) {
        let values = [("{prompt}", "poem"), ("{candidate}", "cnd_1"), ("{session}", "session_1")];
        let place = values
            .iter()
            .fold(path.to_owned(), |place, (variable, value)| place.replace(variable, value));
        for method in METHODS {
            let sent = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = app.call(sent, &place, &[], None).await;
            let is_described = by_method.contains_key(method);
            assert_eq!(answer.status.as_u16() != 405, is_described, "{method} {path}");
            if is_described && answer.status.as_u16() == 404 {
                assert_ne!(answer.json()["type"], "urn:promptdb:problem:no-route", "{path}");
            }
        }
    }
}

/// A validator for the schema of a response, with the components that it refers to.
fn schema_of(document: &Value, content: &Value) -> jsonschema::Validator {
    let mut schema = content["schema"].clone();
    schema["components"] = document["components"].clone();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[tokio::test]
async fn responses_match_their_described_schemas() {
    let app = TestApp::new();
    let variables = json!([{ "name": "x", "description": "X", "default": "1" }]);
    for name in ["poem", "ode"] {
        let body = json!({ "name": name, "content": "a b c d {{x}}", "tags": ["t"], "variables": variables });
        app.create(body).await;
    }
    let content = "Write release notes for users from these changes: {{changes}}";
    let candidate = json!({ "title": "Notes", "content": content, "why": "Used twice." });
    let document = document(&app).await;
    let create = json!({ "name": "copy", "content": "a b c d {{x}}" });
    let save = json!({ "expected_version": 1, "content": "new {{x}}" });
    for (method, path, template, body) in [
        ("get", "/health", "/health", None),
        ("get", "/health/ready", "/health/ready", None),
        ("get", "/api/me", "/api/me", None),
        ("get", "/api/prompts?limit=1", "/api/prompts", None),
        ("get", "/api/prompts?query=poem", "/api/prompts", None),
        ("post", "/api/prompts", "/api/prompts", Some(create)),
        ("get", "/api/prompts/poem", "/api/prompts/{prompt}", None),
        ("put", "/api/prompts/poem", "/api/prompts/{prompt}", Some(save)),
        ("get", "/api/prompts/poem/versions", "/api/prompts/{prompt}/versions", None),
        ("post", "/api/prompts/poem/render", "/api/prompts/{prompt}/render", Some(json!({}))),
        ("delete", "/api/prompts/poem", "/api/prompts/{prompt}", None),
        ("get", "/api/prompts?deleted=true", "/api/prompts", None),
        ("post", "/api/prompts/poem/restore", "/api/prompts/{prompt}/restore", Some(json!({}))),
        ("post", "/api/candidates", "/api/candidates", Some(json!({ "candidates": [candidate] }))),
        ("get", "/api/candidates", "/api/candidates", None),
        ("get", "/api/audit", "/api/audit", None),
        ("get", "/api/prompts/poem?similar=true", "/api/prompts/{prompt}", None),
        ("get", "/api/tags", "/api/tags", None),
        ("get", "/api/clients", "/api/clients", None),
        ("get", "/api/trash", "/api/trash", None),
        (
            "post",
            "/api/prompts/bulk",
            "/api/prompts/bulk",
            Some(json!({ "action": "delete", "names": ["ode", "nothing"] })),
        ),
        (
            "post",
            "/api/prompts/bulk",
            "/api/prompts/bulk",
            Some(json!({ "action": "restore", "names": ["ode"] })),
        ),
        ("get", "/api/prompts/nothing", "/api/prompts/{prompt}", None),
        (
            "put",
            "/api/prompts/ode",
            "/api/prompts/{prompt}",
            Some(json!({ "expected_version": 9 })),
        ),
        ("post", "/api/prompts", "/api/prompts", Some(json!({ "content": "", "tags": ["A"] }))),
    ] {
        let sent = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let answer = app.call(sent, path, &[], body).await;
        let responses = &document["paths"][template][method]["responses"];
        let response = resolved(&document, &responses[answer.status.as_str()]);
        let content = &response["content"][answer.header("content-type")];
        assert!(content["schema"].is_object(), "{method} {path}: {}", answer.status);
        let (shown, schema) = (answer.json(), schema_of(&document, content));
        let faults: Vec<String> =
            schema.iter_errors(&shown).map(|fault| fault.to_string()).collect();
        assert!(faults.is_empty(), "{method} {path}: {faults:?} in {shown}");
    }
}
