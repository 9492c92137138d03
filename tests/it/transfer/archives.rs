//! Archives: skills, irrelevant files, and hostile archives.

use std::io::{Cursor, Write};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{assert_problem, counts, import, reason, send};
use crate::support::TestApp;

const ZIP: &str = "application/zip";

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn names(report: &Value) -> Vec<&str> {
    let items = report["items"].as_array().unwrap();
    items.iter().map(|item| item["name"].as_str().unwrap_or_default()).collect()
}

#[tokio::test]
async fn skills_and_nested_folders_are_imported_and_other_files_are_skipped() {
    let skill = b"---\nname: pdf\ndescription: Handles PDF files\nlicense: MIT\nmetadata: {a: 1}\n---\n\n# PDF\n";
    let files: &[(&str, &[u8])] = &[
        ("skills/pdf/SKILL.md", skill),
        ("skills/pdf/reference.md", b"belongs to the skill"),
        ("skills/pdf/scripts/notes.md", b"belongs to the skill"),
        ("skills/unnamed-skill/SKILL.md", b"No front matter"),
        ("prompts/deep/er/review.md", b"---\ntitle: Review\n---\nReview {{code}}.\n"),
        ("Plain Text.MD", b"Plain"),
        ("windows\\path.md", b"Backslashes"),
        ("__MACOSX/prompts/._review.md", b"\0\x05\x16\x07"),
        ("prompts/._review.md", b"\0\x05\x16\x07"),
        ("prompts/.DS_Store", b"\0"),
        ("picture.png", b"\x89PNG"),
    ];
    let app = TestApp::new();
    let report = import(&app, ZIP, archive(files)).await;
    assert_eq!(counts(&report), [5, 0, 0, 0], "{report}");
    assert_eq!(names(&report), ["pdf", "unnamed-skill", "review", "plain-text", "path"]);
    let pdf = app.get("/api/prompts/pdf").await.json();
    assert_eq!(
        (&pdf["content"], &pdf["description"]),
        (&json!("# PDF"), &json!("Handles PDF files"))
    );
    let zipped = send(&app, "?format=zip", "application/octet-stream", archive(files)).await;
    assert_eq!(counts(&zipped.json()), [0, 0, 5, 0]);
}

#[tokio::test]
async fn a_path_in_an_archive_is_only_a_label() {
    let files: &[(&str, &[u8])] = &[
        ("../../../etc/cron.d/evil.md", b"one"),
        ("/etc/passwd.md", b"two"),
        ("C:\\Windows\\three.md", b"three"),
        ("bell\u{7}\u{1b}[2J.md", b"four"),
    ];
    let report = import(&TestApp::new(), ZIP, archive(files)).await;
    assert_eq!(counts(&report), [4, 0, 0, 0]);
    assert_eq!(names(&report), ["evil", "passwd", "three", "bell-2j"]);
    assert_eq!(report["items"][3]["at"], "bell[2J.md");
    assert!(!std::path::Path::new("/etc/cron.d/evil.md").exists());
}

#[tokio::test]
async fn a_bad_file_of_an_archive_is_refused_alone() {
    let (long, over) = (vec![b'x'; 5 * 1024 * 1024], vec![b'x'; 65_537]);
    let cases: [(&[u8], &str); 4] = [
        (b"caf\xe9", "file: must be UTF-8"),
        (b"a\0b", "content: must not contain"),
        (&over, "content: has 65537 bytes"),
        (&long, "file: must have at most 4194304 bytes"),
    ];
    for (content, start) in cases {
        let report =
            import(&TestApp::new(), ZIP, archive(&[("bad.md", content), ("good.md", b"x")])).await;
        assert!(reason(&report).starts_with(start), "{report}");
        assert_eq!(counts(&report), [1, 0, 0, 1]);
    }
    let mut damaged = archive(&[("a.md", b"some text that is stored"), ("b.md", b"other")]);
    let stored = 30 + "a.md".len();
    damaged[stored] ^= 0xFF;
    let report = import(&TestApp::new(), ZIP, damaged).await;
    assert!(reason(&report).starts_with("file: cannot be unpacked"), "{report}");
    assert_eq!(counts(&report), [1, 0, 0, 1]);
}

#[tokio::test]
async fn an_archive_that_unpacks_to_too_much_is_stopped_and_reported() {
    let bomb = vec![b'x'; 4 * 1024 * 1024];
    let files: Vec<(String, &[u8])> =
        (0..80).map(|n| (format!("{n}.md"), bomb.as_slice())).collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    let report = import(&TestApp::new(), ZIP, archive(&files)).await;
    assert_eq!(report["complete"], false);
    let broken = report["broken"]["reason"].as_str().unwrap();
    assert!(broken.contains("unpack to more than"), "{broken}");
    assert_eq!(counts(&report), [0, 0, 0, 64]);
}

#[tokio::test]
async fn a_file_that_is_not_an_archive_of_markdown_is_refused_as_a_whole() {
    let many: Vec<String> = (0..50_001).map(|n| format!("{n}")).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b""[..])).collect();
    let whole = archive(&[("a.md", b"one"), ("b.md", b"two")]);
    let cut = whole[..whole.len() - 10].to_vec();
    for (body, expected) in [
        (b"no archive".to_vec(), "must be a zip archive"),
        (Vec::new(), "must be a zip archive"),
        (cut, "is truncated or damaged"),
        (archive(&[]), "contains no .md or .txt file"),
        (
            archive(&[("a.png", b"x"), ("b.doc", b"x")]),
            "contains no .md or .txt file, only a.png, b.doc",
        ),
        (
            archive(&[("notes.csv", b"x")]),
            "contains no .md or .txt file; unpack it and import notes.csv by itself",
        ),
        (
            archive(
                &["1.csv", "2.tsv", "3.json", "4.yml", "5.zip", "6.jsonl"]
                    .map(|name| (name, &b"x"[..])),
            ),
            "contains no .md or .txt file; unpack it and import each of its files by itself: 1.csv, 2.tsv, \
             3.json, 4.yml and 2 more",
        ),
        (archive(&[("a.md", b" \n")]), "contains no prompt: a.md has no text"),
        (
            archive(&[("table.txt", b"name,content\na,A\n")]),
            "contains no prompt; unpack it and import table.txt by itself",
        ),
        (
            archive(&[("[Content_Types].xml", b"<x/>"), ("xl/workbook.xml", b"<x/>")]),
            "is a spreadsheet; save it as CSV, and import that file",
        ),
        (
            archive(&[("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>")]),
            "is a document; save it as plain text or Markdown, and import that file",
        ),
        (
            archive(&[("content.xml", b"<x/>"), ("META-INF/manifest.xml", b"<x/>")]),
            "is a document; save a table as CSV or a text as plain text, and import that file",
        ),
        (
            archive(&[("Greeting [1].json", b"{}"), ("info.plist", b"<x/>")]),
            "unpack it and import Greeting [1].json by itself",
        ),
        (archive(&many), "has 50001 entries; at most 50000 are allowed"),
    ] {
        let app = TestApp::new();
        let problem = assert_problem(&send(&app, "", ZIP, body).await, 400, "malformed");
        assert!(problem["detail"].as_str().unwrap().contains(expected), "{problem}");
    }
}

#[tokio::test]
async fn a_link_in_an_archive_is_refused_and_not_read_as_a_text() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_symlink("link.md", "../../etc/passwd", options).unwrap();
    zip.start_file("file.md", options).unwrap();
    zip.write_all(b"Text").unwrap();
    let report = import(&TestApp::new(), ZIP, zip.finish().unwrap().into_inner()).await;
    assert_eq!(counts(&report), [1, 0, 0, 1]);
    let expected = "file: is a link, and links are not followed; import what it points to";
    assert_eq!(reason(&report), expected);
}

#[tokio::test]
async fn files_of_one_name_are_told_apart_by_their_folders() {
    let files: &[(&str, &[u8])] = &[
        ("frontend/review.md", b"Review the page."),
        ("backend/review.md", b"Review the server."),
        ("review.md", b"Review."),
        ("patterns/summarize/user.md", b"\n"),
        ("patterns/summarize/system.md", b"# IDENTITY\nYou summarize."),
        (
            "rules/style.mdc",
            b"---\ndescription: Style\nglobs: *.ts\nalwaysApply: true\n---\nUse const.",
        ),
        (".obsidian/plugins/readme.md", b"not a note"),
    ];
    let app = TestApp::new();
    let report = import(&app, ZIP, archive(files)).await;
    assert_eq!(counts(&report), [5, 0, 0, 0]);
    let expected = ["frontend-review", "backend-review", "review", "summarize", "style"];
    assert_eq!(names(&report), expected);
    assert_eq!(
        report["items"][0]["notes"],
        json!(["It is named after its folder, because several files have the name review."])
    );
    assert_eq!(
        report["items"][4]["notes"],
        json!([
            "The front matter is not valid YAML, so it was read line by line.",
            "The fields \"globs\", \"alwaysApply\" were passed over."
        ])
    );
    let again = import(&app, ZIP, archive(files)).await;
    assert_eq!((counts(&again), names(&again)), ([0, 0, 5, 0], expected.to_vec()));
}

#[tokio::test]
async fn a_data_export_in_an_archive_is_answered_in_one_sentence() {
    let chat_gpt = br#"[{"title":"A","create_time":1.0,"mapping":{}}]"#;
    let claude = br#"[{"uuid":"a","name":"A","chat_messages":[]}]"#;
    for (name, chats) in [("ChatGPT", &chat_gpt[..]), ("Claude", &claude[..])] {
        let files: &[(&str, &[u8])] =
            &[("chat.html", b"<html>"), ("conversations.json", chats), ("users.json", b"[]")];
        for (content_type, body) in [(ZIP, archive(files)), ("application/json", chats.to_vec())] {
            let app = TestApp::new();
            let problem =
                assert_problem(&send(&app, "", content_type, body).await, 400, "malformed");
            let detail = problem["detail"].as_str().unwrap();
            let words =
                format!("is a data export of {name}, whose chats hold no prompts as such; ");
            assert!(detail.contains(&words) && !detail.contains("projects"), "{detail}");
        }
    }
    // The instructions of projects are prompts.
    let projects =
        br#"[{"uuid":"p","name":"Brief","prompt_template":"Be brief about {{x}}.","docs":[]}]"#;
    let files: &[(&str, &[u8])] =
        &[("data/conversations.json", claude), ("data/projects.json", projects)];
    let app = TestApp::new();
    let problem = assert_problem(&send(&app, "", ZIP, archive(files)).await, 400, "malformed");
    let words =
        "for the instructions of your projects, unpack it and import data/projects.json by itself";
    assert!(problem["detail"].as_str().unwrap().ends_with(words), "{problem}");
    let report = import(&app, "application/json", projects.to_vec()).await;
    assert_eq!((counts(&report), names(&report)), ([1, 0, 0, 0], vec!["brief"]));
    // A file of that name without chats explains nothing.
    let other = archive(&[("conversations.json", b"[]")]);
    let problem = assert_problem(&send(&TestApp::new(), "", ZIP, other).await, 400, "malformed");
    assert!(
        problem["detail"].as_str().unwrap().contains("import conversations.json by itself"),
        "{problem}"
    );
}

#[tokio::test]
async fn chats_are_looked_for_in_a_few_files_only() {
    let paths: Vec<String> = (0..17).map(|n| format!("{n:02}/conversations.json")).collect();
    let claude = br#"[{"uuid":"a","name":"A","chat_messages":[]}]"#;
    for (at, is_found) in [(0, true), (1, true), (15, true), (16, false)] {
        let mut files: Vec<(&str, &[u8])> =
            paths.iter().map(|path| (&**path, &b"[]"[..])).collect();
        files[at].1 = claude;
        let problem = assert_problem(
            &send(&TestApp::new(), "", ZIP, archive(&files)).await,
            400,
            "malformed",
        );
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(detail.contains("is a data export of Claude"), is_found, "{at}: {detail}");
    }
}

#[tokio::test]
async fn what_an_import_of_an_archive_passes_over_is_named() {
    let files: &[(&str, &[u8])] = &[
        ("a.md", b"One"),
        ("b.csv", b"name,content\nb,B\n"),
        ("c/d.json", b"{}"),
        ("LICENSE.txt", b"MIT"),
        ("inner.zip", b"PK"),
        ("more.yaml", b"x: y"),
        ("picture.png", b"\x89PNG"),
        ("__MACOSX/._b.csv", b"\0"),
        (".obsidian/app.json", b"{}"),
        ("pdf/SKILL.md", b"Two"),
        ("pdf/data.csv", b"x"),
        ("notes/empty.md", b""),
        ("notes/properties.md", b"---\ntags: [x]\n---\n"),
    ];
    let app = TestApp::new();
    let dry = send(&app, "?dry_run=true", ZIP, archive(files)).await.json();
    let report = import(&app, ZIP, archive(files)).await;
    assert_eq!((counts(&report), names(&report)), ([2, 0, 0, 0], vec!["a", "pdf"]));
    assert_eq!(
        report["notes"],
        json!([
            "Passed over: b.csv, c/d.json, LICENSE.txt, inner.zip and 1 more. Import such a file by itself \
             if it holds prompts.",
            "Passed over, having no text: notes/empty.md, notes/properties.md.",
        ])
    );
    assert_eq!((&report["notes"], &report["items"]), (&dry["notes"], &dry["items"]));
    let note = "The other file of the skill was not imported: data.csv.";
    assert_eq!(report["items"][1]["notes"], json!([note]));
    let plain = import(&app, ZIP, archive(&files[..1])).await;
    assert_eq!((counts(&plain), plain.get("notes")), ([0, 0, 1, 0], None));
}

#[tokio::test]
async fn skills_below_a_skill_are_prompts_of_their_own() {
    let files: &[(&str, &[u8])] = &[
        ("SKILL.md", b"The outer one."),
        ("commands/c.md", b"Belongs to the outer one."),
        ("skills/x/SKILL.md", b"The inner one."),
        ("skills/x/references/forms.md", b"Belongs to the inner one."),
    ];
    let app = TestApp::new();
    let report = send(&app, "?file_name=Tool%20box.zip", ZIP, archive(files)).await.json();
    assert_eq!((counts(&report), names(&report)), ([2, 0, 0, 0], vec!["tool-box", "x"]));
    let note =
        |file: &str| json!([format!("The other file of the skill was not imported: {file}.")]);
    assert_eq!(report["items"][0]["notes"], note("commands/c.md"));
    assert_eq!(report["items"][1]["notes"], note("references/forms.md"));
    // A skill that cannot be imported does not hide its files either.
    for content in [&b""[..], b"\xff"] {
        let files: &[(&str, &[u8])] = &[("pdf/SKILL.md", content), ("pdf/forms.md", b"Forms.")];
        let report = import(&app, ZIP, archive(files)).await;
        assert_eq!(counts(&report), [0, 0, 0, 1]);
        assert_eq!(report["items"][0]["notes"], note("forms.md"));
    }
}

#[tokio::test]
async fn the_texts_of_an_archive_without_markdown_are_prompts() {
    let files: &[(&str, &[u8])] = &[
        ("work/review.txt", b"Review {{code}}.\n"),
        ("home/review.txt", b"---\ntitle: Review at home\n---\nReview it."),
        ("table.txt", b"name,content\na,A\n"),
        ("empty.txt", b""),
        ("binary.txt", b"\xff\x01"),
        ("notes.csv", b"x"),
    ];
    let report = import(&TestApp::new(), ZIP, archive(files)).await;
    assert_eq!(counts(&report), [2, 0, 0, 1]);
    assert_eq!(names(&report), ["work-review", "review-at-home", ""]);
    assert_eq!(reason(&report), "file: must be UTF-8; save the file as UTF-8");
    assert_eq!(
        report["notes"],
        json!([
            "Passed over: notes.csv, table.txt. Import such a file by itself if it holds prompts.",
            "Passed over, having no text: empty.txt.",
        ])
    );
}

#[tokio::test]
async fn a_refused_file_has_no_note_on_its_name() {
    let over = vec![b'x'; 65_537];
    let files: &[(&str, &[u8])] = &[("a/fix.md", &over), ("b/fix.mdc", b"Fix it.")];
    let report = import(&TestApp::new(), ZIP, archive(files)).await;
    assert_eq!(counts(&report), [1, 0, 0, 1]);
    assert_eq!(report["items"][0].get("notes"), None, "{report}");
    let note = "It is named after its folder, because several files have the name fix.";
    assert_eq!(report["items"][1]["notes"], json!([note]));
}

#[tokio::test]
async fn a_single_file_is_named_after_its_folder_where_the_path_is_sent() {
    let app = TestApp::new();
    for (path, content, name) in [
        ("patterns/summarize/system.md", "You summarize.", "summarize"),
        ("pdf.d/SKILL.md", "Handle PDF files.", "pdf-d"),
        ("SKILL.md", "Handle it.", "handle-it"),
        ("commands/move.md", "Move $1.", "move"),
    ] {
        let query = format!("?file_name={path}");
        let report = send(&app, &query, "application/octet-stream", content).await.json();
        assert_eq!((counts(&report), names(&report)), ([1, 0, 0, 0], vec![name]), "{path}");
    }
    let moved = app.get("/api/prompts/move").await.json();
    assert_eq!(moved["content"], "Move {{argument_1}}.");
}
