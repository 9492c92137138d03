//! Each field of each request above its limit or of another type: 422 with the name of the field.

use axum::http::Method;
use serde_json::{Value, json};

use super::{app, assert_problem_document, invalid_fields, send_raw};
use crate::support::TestApp;

async fn check(app: &TestApp, method: &str, path: &str, body: &Value, expected: &[&str]) {
    let answer = send_raw(app, method, path, body.to_string()).await;
    let problem = assert_problem_document(&answer, 422, "invalid-field");
    let shown: String = body.to_string().chars().take(200).collect();
    assert_eq!(invalid_fields(&problem), expected, "{method} {path} {shown}: {problem}");
    for error in problem["errors"].as_array().unwrap() {
        let message = error["message"].as_str().unwrap();
        assert!(!message.is_empty() && message.len() < 1500, "{message}");
    }
}

/// A content with `count` variables: `v0`, `v1` and so on.
fn many_variables(count: usize) -> String {
    let variables: Vec<String> = (0..count).map(|number| format!("{{{{v{number}}}}}")).collect();
    variables.concat()
}

/// Invalid drafts for creating, saving and accepting, each with the names of its invalid fields.
fn bad_drafts() -> Vec<(Value, Vec<&'static str>)> {
    let variable = |name: &str| json!({ "name": name });
    let variables = many_variables(101);
    let many: Vec<Value> = (0..101).map(|number| variable(&format!("v{number}"))).collect();
    let tags: Vec<String> = (0..11).map(|number| format!("t{number}")).collect();
    vec![
        (json!({ "name": "" }), vec!["name"]),
        (json!({ "name": "!!!" }), vec!["name"]),
        (json!({ "name": "-" }), vec!["name"]),
        (json!({ "name": "\u{200b}\u{0}" }), vec!["name"]),
        (json!({ "name": "…".repeat(50_000) }), vec!["name"]),
        (json!({ "name": "harvest" }), vec!["name"]),
        (json!({ "name": " #Harvest" }), vec!["name"]),
        (json!({ "name": 1 }), vec!["name"]),
        (json!({ "name": ["a"] }), vec!["name"]),
        (json!({ "title": "" }), vec!["title"]),
        (json!({ "title": " \n " }), vec!["title"]),
        (json!({ "title": "\u{200b}\u{202e}\u{feff}" }), vec!["title"]),
        (json!({ "title": "é".repeat(121) }), vec!["title"]),
        (json!({ "title": "a\u{0}b" }), vec!["title"]),
        (json!({ "title": "a\nb" }), vec!["title"]),
        (json!({ "title": {} }), vec!["title"]),
        (json!({ "description": "東".repeat(1025) }), vec!["description"]),
        (json!({ "description": "a\u{0}b" }), vec!["description"]),
        (json!({ "description": "a\u{1b}[2Jb" }), vec!["description"]),
        (json!({ "description": true }), vec!["description"]),
        (json!({ "content": "" }), vec!["content"]),
        (json!({ "content": " \n\t" }), vec!["content"]),
        (json!({ "content": "a\u{0}" }), vec!["content"]),
        (json!({ "content": "x".repeat(65_537) }), vec!["content"]),
        (json!({ "content": "東".repeat(21_846) }), vec!["content"]),
        (json!({ "content": 1.5e300 }), vec!["content"]),
        (json!({ "content": variables }), vec!["content"]),
        (json!({ "tags": tags }), vec!["tags"]),
        (json!({ "tags": vec![""; 50_000] }), vec!["tags[0]"]),
        (json!({ "tags": "a" }), vec!["tags"]),
        (json!({ "tags": ["ok", "#"] }), vec!["tags[1]"]),
        (json!({ "tags": ["", "-", "a b", "\u{200b}"] }), vec!["tags[0]", "tags[1]", "tags[3]"]),
        (json!({ "tags": [null] }), vec!["tags[0]"]),
        (json!({ "tags": ["a", 1] }), vec!["tags[1]"]),
        (json!({ "tags": {} }), vec!["tags"]),
        (json!({ "variables": many }), vec!["variables"]),
        (json!({ "variables": [variable("not one")] }), vec!["variables[0].name"]),
        (json!({ "variables": [variable(&"a".repeat(65))] }), vec!["variables[0].name"]),
        (json!({ "variables": [variable("absent")] }), vec!["variables[0].name"]),
        (json!({ "variables": [variable("thing"), variable("thing")] }), vec!["variables[1].name"]),
        (json!({ "variables": [variable("thing"), variable("THING")] }), vec!["variables[1].name"]),
        (json!({ "variables": [{}] }), vec!["variables[0].name"]),
        (json!({ "variables": ["thing"] }), vec!["variables[0]"]),
        (
            json!({ "variables": [{ "name": "thing", "description": "x".repeat(501) }] }),
            vec!["variables[0].description"],
        ),
        (
            json!({ "variables": [{ "name": "thing", "description": "\u{0}" }] }),
            vec!["variables[0].description"],
        ),
        (
            json!({ "variables": [{ "name": "thing", "default": "x".repeat(4097) }] }),
            vec!["variables[0].default"],
        ),
        (
            json!({ "variables": [{ "name": "thing", "default": "\u{0}" }] }),
            vec!["variables[0].default"],
        ),
        (json!({ "variables": [{ "name": "thing", "default": 1 }] }), vec!["variables[0].default"]),
        (json!({ "variables": [{ "name": "thing", "type": "text" }] }), vec!["variables[0].type"]),
        (json!({ "favorite": "yes" }), vec!["favorite"]),
        (json!({ "id": "prm_0123456789abcdef0123456789abcdef" }), vec!["id"]),
        (json!({ "user_id": "somebody" }), vec!["user_id"]),
        (
            json!({ "x".repeat(100): 1 }),
            vec![
                "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            ],
        ),
        (
            json!({ "title": "", "tags": ["!"], "description": "\u{0}" }),
            vec!["title", "description", "tags[0]"],
        ),
    ]
}

#[tokio::test]
async fn an_invalid_field_of_a_draft_is_named() {
    let app = app().await;
    for (bad, expected) in bad_drafts() {
        let mut body = json!({ "content": "A {{thing}}" });
        body.as_object_mut().unwrap().extend(bad.as_object().unwrap().clone());
        check(&app, "POST", "/api/prompts", &body, &expected).await;
        body["expected_version"] = json!(1);
        check(&app, "PUT", "/api/prompts/poem", &body, &expected).await;
    }
    check(&app, "POST", "/api/prompts", &json!({}), &["content"]).await;
    check(&app, "POST", "/api/prompts", &json!({ "name": "x" }), &["content"]).await;
    check(&app, "POST", "/api/prompts", &json!({ "content": null }), &["content"]).await;
    let listed = app.get("/api/prompts").await.json();
    assert_eq!(listed["prompts"].as_array().unwrap().len(), 1, "no invalid draft was saved");
    assert_eq!(listed["prompts"][0]["version"], 1);
}

#[tokio::test]
async fn values_at_their_limits_are_accepted() {
    let app = app().await;
    let variables: Vec<Value> = (0..100)
        .map(|number| json!({ "name": format!("v{number}"), "description": "x".repeat(500) }))
        .collect();
    let content = many_variables(100);
    let tags: Vec<String> = (0..10).map(|number| format!("{number:a>32}")).collect();
    for body in [
        json!({ "name": "a".repeat(64), "content": "x" }),
        json!({ "title": "東".repeat(120), "description": "😀".repeat(1024), "content": "x", "tags": tags }),
        json!({ "name": "b", "content": "東".repeat(21_845) + "x" }),
        json!({ "name": "c", "content": content, "variables": variables }),
        json!({ "name": "d", "content": "{{v}}", "variables": [{ "name": "v", "default": "x".repeat(4096) }] }),
        json!({ "name": "e", "content": "x", "tags": vec!["same"; 1000] }),
        json!({ "name": "f", "content": format!("{{{{{}}}}}", "é".repeat(64)) }),
    ] {
        app.create(body).await;
    }
}

#[tokio::test]
async fn invalid_versions_and_arguments_are_named() {
    let app = app().await;
    for bad in [
        json!(-1),
        json!(1.5),
        json!("1"),
        json!(4_294_967_296_u64),
        json!(1e300),
        json!([1]),
        json!(true),
    ] {
        let expected = json!({ "expected_version": bad });
        check(&app, "PUT", "/api/prompts/poem", &expected, &["expected_version"]).await;
        let accept = "/api/candidates/cnd_0123456789abcdef0123456789abcdef/accept";
        check(&app, "POST", accept, &expected, &["expected_version"]).await;
        let version = json!({ "version": bad });
        check(&app, "POST", "/api/prompts/poem/restore", &version, &["version"]).await;
        check(&app, "POST", "/api/prompts/poem/render", &version, &["version"]).await;
    }
    let render = "/api/prompts/poem/render";
    let long = "n".repeat(200_000);
    check(&app, "POST", render, &json!({ "arguments": { "thing": 1 } }), &["arguments.thing"])
        .await;
    check(&app, "POST", render, &json!({ "arguments": { "thing": null } }), &["arguments.thing"])
        .await;
    check(&app, "POST", render, &json!({ "arguments": [] }), &["arguments"]).await;
    check(&app, "POST", render, &json!({ "arguments": "thing" }), &["arguments"]).await;
    check(&app, "POST", render, &json!({ "argument": {} }), &["argument"]).await;
    check(&app, "POST", "/api/prompts/poem/restore", &json!({ "versions": 1 }), &["versions"])
        .await;

    // A problem document repeats at most a part of the input.
    for body in [
        json!({ "arguments": { long.as_str(): "x" } }),
        json!({ "arguments": { "thing": "x", long.as_str(): 1 } }),
        json!({ "arguments": long }),
        json!({ "version": long }),
        json!({ long.as_str(): 1 }),
    ] {
        let answer = send_raw(&app, "POST", render, body.to_string()).await;
        assert_problem_document(&answer, 422, "invalid-field");
    }
}

#[tokio::test]
async fn an_invalid_query_parameter_is_named() {
    let app = app().await;
    for path in ["/api/prompts", "/api/audit", "/api/candidates", "/api/prompts/poem/versions"] {
        for limit in [
            "0",
            "-1",
            "101",
            "1.5",
            "x",
            "",
            "99999999999999999999",
            "-99999999999999999999",
            "%00",
            "1e2",
        ] {
            let answer = app.get(&format!("{path}?limit={limit}")).await;
            assert_eq!(
                invalid_fields(&assert_problem_document(&answer, 422, "invalid-field")),
                ["limit"],
                "{path} {limit}"
            );
        }
        for (query, field) in [
            ("limit=1&limit=2", "limit"),
            ("color=red", "color"),
            ("cursor=%00", "cursor"),
            ("cursor=%FF", "cursor"),
            ("cursor=AAAA", "cursor"),
        ] {
            let answer = app.get(&format!("{path}?{query}")).await;
            assert_eq!(
                invalid_fields(&assert_problem_document(&answer, 422, "invalid-field")),
                [field],
                "{path}?{query}"
            );
        }
    }
    let long = "x".repeat(1001);
    for (path, field) in [
        ("/api/prompts?sort=newest", "sort"),
        ("/api/prompts?sort=relevance", "sort"),
        ("/api/prompts?favorite=1", "favorite"),
        ("/api/prompts?deleted=maybe", "deleted"),
        ("/api/prompts?tag=%23", "tag"),
        ("/api/prompts?tag=", "tag"),
        ("/api/prompts?query=x&deleted=true", "query"),
        (&format!("/api/prompts?query={long}"), "query"),
        (&format!("/api/prompts?{long}{long}{long}{long}{long}=1"), &long.repeat(5)),
        ("/api/prompts/poem?version=-1", "version"),
        ("/api/prompts/poem?version=4294967296", "version"),
        ("/api/prompts/poem?version=one", "version"),
        ("/api/prompts/poem?versions=1", "versions"),
    ] {
        let answer = app.get(path).await;
        let problem = assert_problem_document(&answer, 422, "invalid-field");
        let named = invalid_fields(&problem);
        assert_eq!(named.len(), 1, "{path}");
        let (start, end) = named[0].split_once('…').unwrap_or((named[0], ""));
        assert!(field.starts_with(start) && field.ends_with(end), "{path}: {named:?}");
    }
}

#[tokio::test]
async fn an_invalid_field_of_a_harvest_is_named() {
    let app = app().await;
    let candidate = |field: &str, value: Value| {
        let content = "Write release notes for users from these changes: {{changes}}";
        let mut candidate = json!({ "title": "Notes", "content": content, "why": "Used twice." });
        candidate[field] = value;
        json!({ "candidates": [candidate] })
    };
    for (field, value, expected) in [
        ("title", json!(""), "candidates[0].title"),
        ("title", json!("x".repeat(121)), "candidates[0].title"),
        ("title", json!(null), "candidates[0].title"),
        ("content", json!("Too short"), "candidates[0].content"),
        ("content", json!("x y z w \u{0}"), "candidates[0].content"),
        ("content", json!("four words and more ".repeat(4000)), "candidates[0].content"),
        ("why", json!(""), "candidates[0].why"),
        ("why", json!("x".repeat(501)), "candidates[0].why"),
        ("why", json!("\u{0}"), "candidates[0].why"),
        ("description", json!("x".repeat(1025)), "candidates[0].description"),
        ("tags", json!(["#"]), "candidates[0].tags[0]"),
        ("variables", json!([{ "name": "none" }]), "candidates[0].variables[0].name"),
        ("color", json!("red"), "candidates[0].color"),
    ] {
        check(&app, "POST", "/api/candidates", &candidate(field, value), &[expected]).await;
    }
    let good = candidate("tags", json!([]))["candidates"][0].clone();
    for (body, field) in [
        (json!({}), "candidates"),
        (json!({ "candidates": [] }), "candidates"),
        (json!({ "candidates": vec![good.clone(); 9] }), "candidates"),
        (json!({ "candidates": {} }), "candidates"),
        (json!({ "candidates": ["text"] }), "candidates[0]"),
        (json!({ "candidates": [good], "focus": "x".repeat(501) }), "focus"),
        (json!({ "candidates": [], "transcript": "…" }), "transcript"),
    ] {
        check(&app, "POST", "/api/candidates", &body, &[field]).await;
    }
    assert_eq!(
        app.call(Method::GET, "/api/candidates", &[], None).await.json()["candidates"],
        json!([])
    );
}

#[tokio::test]
async fn half_a_character_is_an_invalid_field() {
    let app = app().await;
    for (path, body, fields) in [
        (
            "/api/prompts",
            r#"{"content": "x\ud83d", "tags": ["a", "\ude00"]}"#,
            &["content", "tags[1]"][..],
        ),
        (
            "/api/prompts",
            r#"{"name": "n", "variables": [{"name": "\uD83Dx"}]}"#,
            &["variables[0].name"],
        ),
        (
            "/api/candidates",
            r#"{"candidates": [{"title": "t", "why": "w", "content": "\ud83d"}]}"#,
            &["candidates[0].content"],
        ),
        ("/api/prompts/a/render", r#"{"arguments": {"who": "\ud83d"}}"#, &["arguments.who"]),
    ] {
        let answer = send_raw(&app, "POST", path, body.to_owned()).await;
        let problem = assert_problem_document(&answer, 422, "invalid-field");
        assert_eq!(invalid_fields(&problem), fields, "{problem}");
    }
    let broken = send_raw(&app, "POST", "/api/prompts", r#"{"content": "\ud83d"#.to_owned()).await;
    assert_problem_document(&broken, 400, "malformed");
}
