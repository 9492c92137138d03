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
    for content_type in ["text/html", "application/xml", ""] {
        let problem =
            assert_problem(&send(&app, "", content_type, "x").await, 415, "unsupported-media-type");
        let detail = problem["detail"].as_str().unwrap();
        for known in ["application/json", "text/csv", "application/zip", "application/octet-stream"]
        {
            assert!(detail.contains(known), "{detail}");
        }
    }
    let report = send(&app, "?format=markdown", "text/plain", "Review.").await;
    assert_eq!(counts(&report.json()), [1, 0, 0, 0]);
    let table = "act,prompt\r\nGuide,Guide me.";
    for (query, content_type) in [("?format=auto", ""), ("", "application/octet-stream")] {
        let report = send(&TestApp::new(), query, content_type, table).await.json();
        assert_eq!(report["items"][0]["name"], "guide", "{report}");
    }
    let file = "application/octet-stream";
    for (query, name) in [
        ("?file_name=Weekly%20review.prompt.md", "weekly-review"),
        ("?file_name=notes.txt", "notes"),
        ("?file_name=none", "none"),
    ] {
        let report = send(&TestApp::new(), query, file, "Ask about ${input:goal}.").await.json();
        assert_eq!(report["items"][0]["name"], name, "{report}");
    }
    let long = format!("?file_name={}", "x".repeat(256));
    let problem = assert_problem(&send(&app, &long, file, "x").await, 422, "invalid-field");
    assert_eq!(problem["errors"][0]["field"], "file_name");
    let report = import(&app, "Text/CSV; charset=utf-8", "content\r\nReview {{code}}.").await;
    assert_eq!(counts(&report), [1, 0, 0, 0]);
    let problem = assert_problem(&send(&app, "?format=xml", JSON, "x").await, 422, "invalid-field");
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
        ("", "is empty"),
        ("{", "cut off"),
        ("nonsense", "invalid JSON"),
        ("7", "holds no prompts"),
        ("{}", "is an empty object"),
        (r#"{"id":7,"history":[],"more":{"a":[1]}}"#, "holds no prompts"),
        (
            r#"{"format":"promptdb","prompts":[]}"#,
            "is not an export of PromptDB, which begins with",
        ),
        (r#"{"format":"promptdb","version":2,"prompts":[]}"#, "which this PromptDB does not read"),
        (r#"{"format":"promptdb","version":1,"prompts":[]}"#, "the file is cut off"),
        (r#"{"format":"promptdb","version":1,"extra":1}"#, "an unknown field \"extra\""),
        (r#"{"format":"promptdb","version":1,"prompts":7}"#, "expected an array"),
        ("\u{feff}[] x", "invalid JSON"),
    ] {
        let detail = import_unreadable(JSON, body).await;
        assert!(detail.contains(expected), "{body:?}: {detail}");
    }
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
    assert_eq!(counts(&report), [4, 0, 0, 1]);
    insta::assert_json_snapshot!(report["items"], @r#"
    [
      {
        "at": "[0]",
        "kind": "prompt",
        "name": "one",
        "notes": [
          "The field \"rating\" was passed over."
        ],
        "outcome": "created"
      },
      {
        "at": "[1]",
        "kind": "prompt",
        "name": "No content",
        "outcome": "refused",
        "reason": "content: is missing; no field has the text of a prompt"
      },
      {
        "at": "[2]",
        "kind": "prompt",
        "name": "7",
        "outcome": "created"
      },
      {
        "at": "[3]",
        "kind": "prompt",
        "name": "ignored",
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
    assert_eq!(app.get("/api/prompts/ignored").await.json()["tags"], json!(["a", "b"]));
}

#[tokio::test]
async fn tables_with_wrong_columns_are_refused_and_bad_rows_alone() {
    for (body, expected) in [
        ("", "is empty"),
        ("name,title\r\na,b\r\n", "the column content is missing"),
        ("\"content\r\nx", "a quoted cell of this row is never closed"),
    ] {
        let detail = import_unreadable(CSV, body).await;
        assert!(detail.contains(expected), "{body:?}: {detail}");
    }
    for (body, expected) in [
        ("name,content\r\na\r\n", "row: has 1 cells; the first row has 2"),
        ("name,content\r\na,\" \"\r\n", "content: must not be empty"),
    ] {
        let reason = import_refused_item(CSV, body).await;
        assert!(reason.contains(expected), "{body:?}: {reason}");
    }
    let settled = "content,favorite,variables,tags,rating\r\nx,maybe,tone,…,5\r\n";
    let report = import(&TestApp::new(), CSV, settled).await;
    assert_eq!(counts(&report), [1, 0, 0, 0]);
    let notes = report["items"][0]["notes"].as_array().unwrap();
    for (note, words) in notes.iter().zip([
        "The column \"rating\" was passed over.",
        "The variables were passed over: they must be a JSON array",
        "The favorite `maybe` was passed over",
        "No tag can be made of `…`",
    ]) {
        assert!(note.as_str().unwrap().starts_with(words), "{note}");
    }
    assert_eq!(notes.len(), 4);
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
    assert_eq!(report["items"][1]["at"], "row 5 (line 6)");
}

#[tokio::test]
async fn a_cell_that_breaks_the_grammar_is_refused_and_never_read_as_other_text() {
    let app = TestApp::new();
    let body = "title,content\r\n\"Spaced\", \"hello there\"\r\n\r\nGood,\"say \"\"hi\"\"\"\r\n\
                Quoted,\"say \"hi\" to all\"\r\nBare,say \"hi\"\r\nLast,x\r\n";
    for query in ["?dry_run=true", ""] {
        let report = send(&app, query, CSV, body).await.json();
        assert_eq!(counts(&report), [2, 0, 0, 3]);
        let places: Vec<(&str, &str)> = report["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| {
                (item["at"].as_str().unwrap(), item["reason"].as_str().unwrap_or("created"))
            })
            .collect();
        for ((at, reason), (place, words)) in places.iter().zip([
            ("row 2", "row: cell 2 has a quotation mark, but does not begin with one"),
            ("row 4", "created"),
            ("row 5", "row: cell 2 goes on after its closing quotation mark"),
            ("row 6", "row: cell 2 has a quotation mark, but does not begin with one"),
            ("row 7", "created"),
        ]) {
            assert!(*at == place && reason.starts_with(words), "{at}: {reason}");
        }
    }
    assert_eq!(app.get("/api/prompts/good").await.json()["content"], "say \"hi\"");
}

#[tokio::test]
async fn texts_of_one_name_are_all_kept_each_under_its_own_name() {
    let app = TestApp::new();
    // A prompt of the user that happens to have the next name is not touched.
    app.create(json!({ "name": "a-2", "content": "mine" })).await;
    let body = "name,content\r\na,one\r\na,two\r\na,one\r\na-3,other\r\na,two\r\na,three\r\n";
    let expected = ["a", "a-3", "a", "a-3-2", "a-3", "a-4"];
    for outcomes in
        [["created", "created", "unchanged", "created", "unchanged", "created"], ["unchanged"; 6]]
    {
        let mut reports = Vec::new();
        for query in ["?dry_run=true", ""] {
            let report = send(&app, query, CSV, body).await.json();
            let items = report["items"].as_array().unwrap();
            let found: Vec<&str> =
                items.iter().map(|item| item["outcome"].as_str().unwrap()).collect();
            assert_eq!(found, outcomes);
            let names: Vec<&str> =
                items.iter().map(|item| item["name"].as_str().unwrap()).collect();
            assert_eq!(names, expected);
            let note = "It is named a-3, because another one that differs has the name a.";
            assert_eq!(items[1]["notes"], json!([note]));
            reports.push(report["items"].clone());
        }
        assert_eq!(reports[0], reports[1], "a dry run predicts the import");
    }
    for (name, content) in [("a", "one"), ("a-2", "mine"), ("a-3", "two"), ("a-3-2", "other")] {
        let prompt = app.get(&format!("/api/prompts/{name}")).await.json();
        assert_eq!((&prompt["content"], &prompt["version"]), (&json!(content), &json!(1)));
    }
    // Items that differ in their tags alone are two, and no note says that the text differs.
    let tagged = "name,content,tags\r\nb,B,x\r\nb,B,y\r\n";
    let report = import(&app, CSV, tagged).await;
    let note = "It is named b-2, because another one that differs has the name b.";
    assert_eq!((counts(&report), &report["items"][1]["notes"]), ([2, 0, 0, 0], &json!([note])));
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
        (
            JSON,
            r#"[{"content":"x","tags":["a","\uDE00"]}]"#,
            "tags[1]: contains half of a character",
        ),
        (JSON, r#"[{"content":"x","content":"y"}]"#, "content: is given more than once"),
    ] {
        let reason = import_refused_item(content_type, file).await;
        assert!(reason.starts_with(words), "{file}: {reason}");
    }
    let table = "content,variables\r\n{{a}},\"[{\"\"name\"\":\"\"a\"\",\"\"default\"\":\"\"\\ud83d\"\"}]\"\r\n";
    let report = import(&TestApp::new(), CSV, table).await;
    let note = report["items"][0]["notes"][0].as_str().unwrap();
    assert!(note.contains("[0].default: contains half of a character"), "{note}");
}
