//! Broken files of each form: a clear line for each, nothing half done, and bounded memory.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{assert_problem, counts, import, send};
use crate::support::TestApp;

/// The reason for which a file cannot be read at all.
async fn refuse(content_type: &str, file: impl Into<Vec<u8>>) -> String {
    let app = TestApp::new();
    let problem =
        assert_problem(&send(&app, "", content_type, file.into()).await, 400, "malformed");
    assert_eq!(app.get("/api/audit").await.json()["entries"], json!([]), "nothing was written");
    let detail = problem["detail"].as_str().unwrap().to_owned();
    assert!(detail.lines().count() == 1 && detail.chars().count() < 1400, "{detail}");
    detail
}

#[track_caller]
fn assert_starts(text: &str, start: &str) {
    assert!(text.starts_with(start), "{text:.300} does not start with {start}");
}

const CSV: &str = "text/csv";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const MARKDOWN: &str = "text/markdown";
const ZIP: &str = "application/zip";

/// Why YAML with a bomb is refused.
const TOO_MANY_VALUES: &str =
    "the file: has more than 500000 values, with those that aliases repeat; divide it";

#[tokio::test]
async fn truncated_files_are_named_as_such() {
    for (content_type, file, words) in [
        (CSV, "name,content\n\"a", "row 2: a quoted cell of this row is never closed"),
        (CSV, "\"name,content\n", "row 1: a quoted cell of this row is never closed"),
        (JSON, "[{\"title\":\"a\"", "line 1, column 13: the file is cut off here"),
        (JSON, "{\"prompts\":[", "line 1, column 12: the file is cut off here"),
        (YAML, "matches:\n  - trigger: \"a", "the file: invalid YAML: "),
        (YAML, "matches: [", "the file: invalid YAML: "),
        (YAML, " \n", "the file: is empty"),
        (JSON, "", "the file: is empty"),
        (YAML, "a: 1\na: 2", "the file: holds no prompts"),
        (
            ZIP,
            "PK\x03\x04\x14",
            "the archive: must be a zip archive; it is not one, or is truncated",
        ),
    ] {
        assert_starts(&refuse(content_type, file).await, words);
    }
}

#[tokio::test]
async fn files_in_other_encodings_are_refused_with_what_to_do() {
    let utf32: Vec<u8> = "\u{feff}[]".chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
    let unmarked: Vec<u8> = "name,content".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for content_type in [CSV, JSON, YAML] {
        let text = refuse(content_type, utf32.clone()).await;
        assert_eq!(text, "the file: is UTF-32; save it as UTF-8");
        let text = refuse(content_type, unmarked.clone()).await;
        assert_eq!(text, "the file: is UTF-16 without a byte order mark; save it as UTF-8");
    }
    let latin = refuse(YAML, b"prompts:\n  - content: caf\xe9".to_vec()).await;
    assert_eq!(latin, "the file: must be UTF-8; save the file as UTF-8");
    let latin = refuse(JSON, b"[{\"title\":\"caf\xe9\"}]".to_vec()).await;
    assert!(latin.ends_with("must be UTF-8; save the file as UTF-8"), "{latin}");
    let latin = refuse(CSV, b"content,caf\xe9\n".to_vec()).await;
    assert_eq!(latin, "row 1: must be UTF-8; save the file as UTF-8");
    let report = import(&TestApp::new(), MARKDOWN, utf32).await;
    assert_eq!(report["items"][0]["reason"], "file: is UTF-32; save it as UTF-8");
}

#[tokio::test]
async fn a_file_of_16_mib_and_a_byte_is_refused_in_every_form() {
    let file = vec![b' '; 16 * 1024 * 1024 + 1];
    for content_type in [CSV, JSON, YAML, MARKDOWN, ZIP, "text/plain", "application/octet-stream"] {
        let app = TestApp::new();
        let answer = send(&app, "", content_type, file.clone()).await;
        assert_problem(&answer, 413, "body-too-large");
    }
    // Within that limit, what is read as a whole has its own.
    let yaml = refuse(YAML, vec![b' '; 4 * 1024 * 1024 + 1]).await;
    assert_eq!(yaml, "the file: has more than 4194304 bytes; divide it");
    let report = import(&TestApp::new(), MARKDOWN, vec![b'x'; 4 * 1024 * 1024 + 1]).await;
    assert_eq!(report["items"][0]["reason"], "file: must have at most 4194304 bytes");
}

#[tokio::test]
async fn deep_nesting_and_bombs_of_aliases_are_refused() {
    let deep =
        |open: &str, close: &str| format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
    let folders = format!("{}[\"Do it.\"]{}", "{\"items\":".repeat(50), "}".repeat(50));
    let report = import(&TestApp::new(), JSON, format!("{{\"prompts\":{folders}}}")).await;
    let reason = "item: is in more than 8 folders; move it out of some";
    assert_eq!(report["items"][0]["reason"], reason);
    let object = format!("[{{\"content\":{}}}]", deep("[", "]"));
    let report = import(&TestApp::new(), JSON, object).await;
    assert_starts(report["items"][0]["reason"].as_str().unwrap(), "item: recursion limit exceeded");
    assert_starts(
        &refuse(JSON, "[".repeat(100_000)).await,
        "line 1, column 100000: the file is cut",
    );
    assert_starts(&refuse(JSON, "{\"a\":".repeat(100_000)).await, "line 1, column 500000: ");
    for text in [deep("[", "]"), deep("{a: ", "}"), format!("matches: {}", deep("[", "]"))] {
        assert_eq!(refuse(YAML, text).await, "the file: is nested deeper than 32 levels");
    }
    let mut laughs = "a0: &a0 [x, x]\n".to_owned();
    for n in 1..40 {
        let before = n - 1;
        writeln!(laughs, "a{n}: &a{n} [*a{before}, *a{before}, *a{before}, *a{before}]").unwrap();
    }
    let bomb = format!("{laughs}matches: [*a39]\n");
    assert_eq!(refuse(YAML, bomb).await, TOO_MANY_VALUES);
    let long = format!("- &long {}\n{}", "x ".repeat(500_000), "- *long\n".repeat(40));
    assert_eq!(
        refuse(YAML, long).await,
        "the file: has more than 16777216 bytes of text, with those that aliases repeat; divide it"
    );
    let unknown = refuse(YAML, "prompts:\n  - name: a\n    prompt: *none\n").await;
    assert_starts(&unknown, "the file: invalid YAML: ");
    let many = "- &a text of it\n".repeat(10_001);
    assert_eq!(
        refuse(YAML, many).await,
        "the file: has more than 10000 anchors or aliases; divide it"
    );
    let report = import(&TestApp::new(), MARKDOWN, format!("---\n{laughs}---\nText")).await;
    assert_eq!(counts(&report), [1, 0, 0, 0]);
    let note = report["items"][0]["notes"][0].as_str().unwrap();
    assert_starts(note, "The front matter is not valid YAML");
}

#[tokio::test]
async fn labels_of_200_kb_are_cut_wherever_they_are_repeated() {
    let long = "x".repeat(200_000);
    let table = format!("{long},content,{long}2\n1,text,2\n");
    let json = json!([{ &long: 1, "title": &long, "prompt": "text" }]).to_string();
    let yaml =
        format!("matches:\n  - trigger: {long}\n    replace: text\n    tags: [\"{long}\"]\n");
    let markdown = format!("---\nname: {long}\n{long}: 1\n---\ntext");
    let map = json!({ &long: "some text" }).to_string();
    for (content_type, file) in
        [(CSV, table), (JSON, json), (YAML, yaml), (MARKDOWN, markdown), (JSON, map)]
    {
        let report = import(&TestApp::new(), content_type, file).await;
        assert_eq!(counts(&report), [1, 0, 0, 0], "{content_type}");
        assert!(
            report.to_string().len() < 6000,
            "{content_type}: {} bytes",
            report.to_string().len()
        );
    }
    let key = refuse(YAML, format!("{long}: 1\n")).await;
    assert_starts(&key, "the file: invalid YAML: ");
    let refused = refuse(CSV, format!("name,{long}\n")).await;
    assert_starts(&refused, "row 1: the column content is missing");
    let empty = refuse(JSON, json!({ &long: 1 }).to_string()).await;
    assert_starts(&empty, "the file: holds no prompts");
}

/// The items of a report, and where and why it ended early.
fn summarize(report: &Value) -> (u64, String) {
    let items = report["items"].as_array().unwrap().len() as u64;
    let broken = &report["broken"];
    (items, format!("{}: {}", broken["at"].as_str().unwrap(), broken["reason"].as_str().unwrap()))
}

#[tokio::test]
async fn a_million_rows_end_at_the_limit_of_items() {
    // Empty contents are refused, so that the test writes nothing.
    let mut table = "name,content\n".to_owned();
    table.push_str(&"a,\n".repeat(1_000_000));
    let report = send(&TestApp::new(), "?dry_run=true", CSV, table).await.json();
    let (items, why) = summarize(&report);
    assert_eq!(items, 50_000);
    let words = "after row 50001: more than 50000 items; import the rest as another file";
    assert_starts(&why, words);
    let nodes = refuse(YAML, format!("matches:\n{}", "- {a: 1}\n".repeat(400_000))).await;
    assert_eq!(nodes, TOO_MANY_VALUES);
    let objects =
        refuse_item(format!("[{{\"content\":\"x\",\"y\":[{}1]}}]", "{},".repeat(200_001))).await;
    assert_eq!(objects, "item: has more than 200000 objects or 1000000 values; divide it");
}

/// Imports a JSON file with one item that is refused, and returns the reason.
async fn refuse_item(file: String) -> String {
    let report = import(&TestApp::new(), JSON, file).await;
    assert_eq!(counts(&report), [0, 0, 0, 1]);
    report["items"][0]["reason"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn blank_lines_and_many_columns_of_one_role_cost_no_more_than_others() {
    // Quadratic work on either would go on for minutes.
    let padded = format!("{}{{\"title\":\"A\",\"prompt\":\"x\"}}", "\n".repeat(4_000_000));
    assert_eq!(counts(&import(&TestApp::new(), JSON, padded.clone()).await), [1, 0, 0, 0]);
    let lines = format!("{padded}\n{{\"title\":\n");
    let report = import(&TestApp::new(), JSON, lines).await;
    assert_eq!(report["items"][1]["at"], "line 4000002");
    let table = format!("content{}\n{}", ",name".repeat(16_000), "x\n".repeat(40));
    let report = import(&TestApp::new(), CSV, table).await;
    assert_eq!(counts(&report), [0, 0, 0, 40], "each row lacks its name");
}

#[tokio::test]
async fn a_faulty_prompt_of_a_folder_is_refused_alone() {
    let folder = r#"{"name":"Work","prompts":[{"text":"half \ud83d"},{"text":"whole","text":"twice"},{"text":"B prompt"}]}"#;
    let file = format!(
        "{{\"prompts\":[{{\"text\":\"A prompt\"}}],\"folders\":[{folder}],\"My list\":[{{\"text\":\"\\ud83d\"}},{{\"text\":\"C prompt\"}}]}}"
    );
    let report = import(&TestApp::new(), JSON, file).await;
    assert_eq!(counts(&report), [3, 0, 0, 3], "{report}");
    let refused =
        report["items"].as_array().unwrap().iter().filter(|item| item["outcome"] == "refused");
    let places: Vec<&Value> = refused.map(|item| &item["at"]).collect();
    assert_eq!(places, ["folders[0].prompts[0]", "folders[0].prompts[1]", "My list[0]"]);
}

#[tokio::test]
async fn a_row_and_a_line_of_many_megabytes_are_refused_alone() {
    let long = "x".repeat(5 * 1024 * 1024);
    let report = import(&TestApp::new(), CSV, format!("content\n{long}\nshort\n")).await;
    assert_eq!(counts(&report), [1, 0, 0, 1]);
    assert_eq!(report["items"][0]["reason"], "row: has more than 4194304 bytes");
    let line = |text: &str| json!({ "content": text }).to_string();
    let lines = format!("{}\n{}\n{}\n", line("first"), line(&long), line("last"));
    let report = import(&TestApp::new(), JSON, lines).await;
    assert_eq!(counts(&report), [2, 0, 0, 1]);
    assert_eq!(report["items"][1]["reason"], "item: has more than 1048576 bytes");
    assert_eq!(report["items"][2]["at"], "line 3");
}
