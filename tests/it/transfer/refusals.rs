//! Files that are invalid in part or as a whole.

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{assert_problem, counts, export, import, reason, send};
use crate::support::TestApp;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";

/// Imports an unreadable file, and returns the detail of the problem.
async fn import_unreadable(content_type: &str, body: impl Into<Body>) -> String {
    let app = TestApp::new();
    let answer = send(&app, "", content_type, body).await;
    let problem = assert_problem(&answer, 400, "malformed");
    assert_eq!(app.get("/api/audit").await.json()["entries"], json!([]));
    problem["detail"].as_str().unwrap().to_owned()
}

/// Imports a file with one invalid item, and returns the reason of its refusal.
async fn import_refused_item(content_type: &str, body: impl Into<Body>) -> String {
    reason(&import(&TestApp::new(), content_type, body).await).to_owned()
}

#[tokio::test]
async fn the_content_type_or_the_parameter_selects_the_format() {
    let app = TestApp::new();
    for content_type in ["text/plain", "application/xml", ""] {
        let problem =
            assert_problem(&send(&app, "", content_type, "x").await, 415, "unsupported-media-type");
        let detail = problem["detail"].as_str().unwrap();
        for known in ["application/json", "text/csv", "application/zip", "text/markdown"] {
            assert!(detail.contains(known), "{detail}");
        }
    }
    let report = send(&app, "?format=markdown", "text/plain", "Review.").await;
    assert_eq!(counts(&report.json()), [1, 0, 0, 0]);
    let report = import(&app, "Text/CSV; charset=utf-8", "content\r\nReview {{code}}.").await;
    assert_eq!(counts(&report), [1, 0, 0, 0]);
    let problem =
        assert_problem(&send(&app, "?format=yaml", JSON, "x").await, 422, "invalid-field");
    assert_eq!(problem["errors"][0]["field"], "format");
    assert_problem(&send(&app, "?dry_run=perhaps", JSON, "[]").await, 422, "invalid-field");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_anything_is_written() {
    let app = TestApp::new();
    let mut long = "name,content\r\nfirst,x\r\n".to_owned();
    long.push_str(&"y".repeat(16 * 1024 * 1024));
    assert_problem(&send(&app, "", CSV, long).await, 413, "body-too-large");
    assert_eq!(app.get("/api/audit").await.json()["entries"], json!([]));
    // Other routes keep their smaller limit.
    let long = json!({ "content": "x", "description": "y".repeat(300 * 1024) });
    assert_problem(&app.post("/api/prompts", long).await, 413, "body-too-large");
    let padded = format!("{}[]", " ".repeat(15 * 1024 * 1024));
    assert_eq!(send(&app, "", JSON, padded).await.status, StatusCode::OK);
}

#[tokio::test]
async fn json_that_is_not_an_export_is_refused_with_the_reason() {
    for (body, expected) in [
        ("", "cut off"),
        ("{", "cut off"),
        ("nonsense", "invalid JSON"),
        ("7", "an export of PromptDB, or an array of prompts"),
        ("{}", "is an empty object"),
        (r#"{"prompts":[]}"#, "is neither an export of PromptDB"),
        (r#"{"format":"other","version":1,"prompts":[]}"#, "is neither an export of PromptDB"),
        (r#"{"format":"promptdb","version":2,"prompts":[]}"#, "which this PromptDB does not read"),
        (r#"{"format":"promptdb","version":1,"prompts":[]}"#, "the file is cut off"),
        (r#"{"format":"promptdb","version":1,"extra":1}"#, "an unknown field \"extra\""),
        (r#"{"format":"promptdb","version":1,"prompts":7}"#, "expected an array"),
        ("\u{feff}[] x", "invalid JSON"),
    ] {
        let detail = import_unreadable(JSON, body).await;
        assert!(detail.contains(expected), "{body:?}: {detail}");
    }
    let utf16: Vec<u8> = "[]".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = [vec![0xFF, 0xFE], utf16].concat();
    assert!(import_unreadable(JSON, utf16).await.contains("is UTF-16; save it as UTF-8"));
    assert!(import_unreadable(JSON, "[".repeat(100_000)).await.contains("cut off"));
}

/// Exports one prompt, changes it, and returns the reason for which an import refuses it.
async fn changed(change: impl Fn(&mut Value)) -> String {
    let app = TestApp::new();
    app.create(json!({ "name": "p", "content": "x" })).await;
    let mut file: Value = serde_json::from_slice(&export(&app, "json").await).unwrap();
    let prompt = &mut file["prompts"][0];
    change(prompt);
    let end = r#"{"prompts":1,"candidates":0,"audit":0}"#;
    import_refused_item(
        JSON,
        format!(r#"{{"format":"promptdb","version":1,"prompts":[{prompt}],"end":{end}}}"#),
    )
    .await
}

#[tokio::test]
async fn a_prompt_of_an_export_that_breaks_a_rule_is_refused_by_its_field() {
    let version = |field: &'static str, value: Value| {
        changed(move |prompt| prompt["versions"][0][field] = value.clone())
    };
    let cases = [
        (changed(|prompt| prompt["name"] = json!("!!!")).await, "name: must contain a letter"),
        (changed(|prompt| prompt["id"] = json!("prm_x")).await, "id: is not the id of a prompt"),
        (changed(|prompt| prompt["name"] = json!(7)).await, "name: invalid type"),
        (changed(|prompt| prompt["more"] = json!(7)).await, "unknown field `more`"),
        (changed(|prompt| prompt["versions"] = json!([])).await, "versions: is empty"),
        (
            changed(|prompt| prompt["use_count"] = json!(u64::MAX)).await,
            "use_count: must be at most",
        ),
        (
            changed(|prompt| prompt["deleted_at"] = json!("yesterday")).await,
            "deleted_at: is not a time",
        ),
        (
            changed(|prompt| prompt["deleted_at"] = json!("2099-01-01T00:00:00Z")).await,
            "deleted_at: is in the future",
        ),
        (version("version", json!(2)).await, "versions: lacks version 1"),
        (version("content", json!("a\0b")).await, "versions[version 1].content: must not contain"),
        (
            version("content", json!("x".repeat(65_537))).await,
            "versions[version 1].content: has 65537",
        ),
        (version("title", json!("x".repeat(121))).await, "versions[version 1].title: has 121"),
        (version("tags", json!(["#"])).await, "versions[version 1].tags[0]: must contain a letter"),
        (version("syntax", json!(3)).await, "versions[version 1].syntax: is not a syntax"),
        (
            version("created_at", json!("2099-01-01T00:00:00Z")).await,
            "versions[version 1].created_at: is in",
        ),
    ];
    for (reason, start) in cases {
        assert!(reason.starts_with(start) || reason.contains(start), "{reason:?} is not {start:?}");
    }
}

#[tokio::test]
async fn one_invalid_item_does_not_prevent_the_others() {
    let body = json!([
        { "title": "One", "content": "one", "rating": 5 },
        { "title": "No content" },
        { "title": 7, "content": "x" },
        { "act": "ignored", "prompt": "Three\nlines", "tags": "a, b" },
        { "name": "harvest", "text": "The built-in name becomes a title" },
    ]);
    let app = TestApp::new();
    let report = import(&app, JSON, body.to_string()).await;
    assert_eq!(counts(&report), [3, 0, 0, 2]);
    insta::assert_json_snapshot!(report["items"], @r#"
    [
      {
        "at": "[0]",
        "kind": "prompt",
        "name": "one",
        "outcome": "created"
      },
      {
        "at": "[1]",
        "kind": "prompt",
        "name": "No content",
        "outcome": "refused",
        "reason": "item: missing field `content`"
      },
      {
        "at": "[2]",
        "kind": "prompt",
        "outcome": "refused",
        "reason": "title: invalid type: integer `7`, expected a string"
      },
      {
        "at": "[3]",
        "kind": "prompt",
        "name": "three",
        "outcome": "created"
      },
      {
        "at": "[4]",
        "kind": "prompt",
        "name": "harvest-prompt",
        "outcome": "created"
      }
    ]
    "#);
    assert_eq!(app.get("/api/prompts/three").await.json()["tags"], json!(["a", "b"]));
}

#[tokio::test]
async fn tables_with_wrong_columns_are_refused_and_bad_rows_alone() {
    for (body, expected) in [
        ("", "is empty"),
        ("name,title\r\na,b\r\n", "the column content is missing"),
        ("name,contnet,content\r\n", "unknown column \"contnet\""),
        ("content,Content\r\n", "the column content appears twice"),
        ("\"content\r\nx", "a quoted cell of this row is never closed"),
    ] {
        let detail = import_unreadable(CSV, body).await;
        assert!(detail.contains(expected), "{body:?}: {detail}");
    }
    assert!(import_unreadable(CSV, b"\xff\xfen\0".to_vec()).await.contains("is UTF-16"));
    for (body, expected) in [
        ("name,content\r\na\r\n", "row: has 1 cells; the first row has 2"),
        ("content,favorite\r\nx,maybe\r\n", "favorite: must be true or false"),
        ("content,variables\r\nx,tone\r\n", "variables: must be a JSON array"),
        ("content,tags\r\nx,#\r\n", "tags[0]: must contain a letter"),
        ("name,content\r\na,\" \"\r\n", "content: must not be empty"),
    ] {
        let reason = import_refused_item(CSV, body).await;
        assert!(reason.contains(expected), "{body:?}: {reason}");
    }
    let latin1 = b"name,content\r\na,caf\xe9\r\nb,fine\r\n".to_vec();
    let report = import(&TestApp::new(), CSV, latin1).await;
    assert_eq!(reason(&report), "content: must be UTF-8; save the file as UTF-8");
    assert_eq!(counts(&report), [1, 0, 0, 1]);
}

#[tokio::test]
async fn a_table_written_by_hand_is_read_leniently() {
    let app = TestApp::new();
    let body = "\u{feff} Title ,PROMPT,favorite\nOne,\"a \"\"b\"\"\r\nc\",yes\n\n\nTwo,-1,\n";
    let report = import(&app, CSV, body).await;
    assert_eq!(counts(&report), [2, 0, 0, 0]);
    let one = app.get("/api/prompts/one").await.json();
    assert_eq!((&one["content"], &one["favorite"]), (&json!("a \"b\"\r\nc"), &json!(true)));
    assert_eq!(app.get("/api/prompts/two").await.json()["content"], "-1");
    assert_eq!(report["items"][1]["at"], "row 3");
}

#[tokio::test]
async fn two_items_of_one_name_are_one_prompt_or_a_refusal() {
    let app = TestApp::new();
    for outcomes in [["created", "refused", "unchanged"], ["unchanged", "refused", "unchanged"]] {
        let body = "name,content\r\na,one\r\na,two\r\na,one\r\n";
        for query in ["?dry_run=true", ""] {
            let report = send(&app, query, CSV, body).await.json();
            let items = report["items"].as_array().unwrap();
            let found: Vec<&str> =
                items.iter().map(|item| item["outcome"].as_str().unwrap()).collect();
            assert_eq!(found, outcomes);
            assert!(reason(&report).contains("a is the name of an earlier item"));
        }
    }
    assert_eq!(app.get("/api/prompts/a").await.json()["version"], 1);
    let untitled = "content\r\nsame start\r\nsame start\r\n";
    assert_eq!(counts(&import(&app, CSV, untitled).await), [1, 0, 1, 0]);
}

#[tokio::test]
async fn thousands_of_items_are_reported_in_their_order() {
    let app = TestApp::new();
    let rows = (0..3000).map(|number| format!("p{number},\"Content {number}\"\r\n"));
    let body =
        std::iter::once("name,content\r\n".to_owned()).chain(rows).collect::<Vec<_>>().concat();
    let report = import(&app, CSV, body.clone()).await;
    assert_eq!(counts(&report), [3000, 0, 0, 0]);
    let items = report["items"].as_array().unwrap();
    assert!(items.iter().enumerate().all(|(index, item)| item["name"] == format!("p{index}")));
    assert_eq!(counts(&import(&app, CSV, body).await), [0, 0, 3000, 0]);
    let exported = String::from_utf8(export(&app, "csv").await).unwrap();
    assert_eq!(exported.lines().count(), 3001);
}

#[tokio::test]
async fn an_import_during_shutdown_is_refused_as_busy() {
    let app = TestApp::new();
    app.state.shutdown().cancel();
    assert_problem(&send(&app, "", CSV, "content\r\nx\r\n").await, 503, "busy");
}

#[tokio::test]
async fn half_a_character_and_a_repeated_key_are_named() {
    for (content_type, file, words) in [
        (JSON, r#"[{"content":"x\ud83d"}]"#, "content: contains half of a character"),
        (JSON, r#"[{"content":"x","tags":["a","\uDE00"]}]"#, "tags[1]: contains half of a character"),
        (JSON, r#"[{"content":"x","content":"y"}]"#, "content: is given more than once"),
        (
            CSV,
            "content,variables\r\n{{a}},\"[{\"\"name\"\":\"\"a\"\",\"\"default\"\":\"\"\\ud83d\"\"}]\"\r\n",
            "variables: [0].default: contains half of a character",
        ),
    ] {
        let reason = import_refused_item(content_type, file).await;
        assert!(reason.starts_with(words), "{file}: {reason}");
    }
}
