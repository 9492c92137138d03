//! `promptdb export` and `promptdb import`, as the built binary.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use promptdb::domain::SystemClock;
use serde_json::Value;

use crate::support::home::{self, Home, done};

/// Asserts a failure and returns both outputs.
#[track_caller]
fn failed(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_library_moves_through_a_file_of_each_format() {
    let home = Home::new();
    home.write("notes/one.md", "One {{topic}}\n");
    home.write("notes/skill/SKILL.md", "---\ndescription: A skill\n---\n\nTwo\n");
    home.write("notes/skill/more.md", "part of the skill");
    let out = done(&home.run_on("a.db", &["import", "notes"]));
    assert_eq!(
        out,
        "created one.md (one)\ncreated skill/SKILL.md (skill)\n  \
         note: The other file of the skill was not imported: more.md.\n\
         2 created, 0 updated, 0 unchanged, 0 refused\n"
    );
    for (format, file) in [("json", "x.json"), ("markdown", "x.zip"), ("csv", "x.csv")] {
        done(&home.run_on("a.db", &["export", "--format", format, "--output", file]));
        let library = format!("{format}.db");
        let dry = done(&home.run_on(&library, &["import", file, "--dry-run"]));
        let real = done(&home.run_on(&library, &["import", file]));
        // Both print the same line for each item.
        let mark = "dry run, nothing was written: ";
        assert_eq!(dry.replace(mark, ""), real);
        assert!(
            dry.contains(mark) && real.ends_with("2 created, 0 updated, 0 unchanged, 0 refused\n")
        );
        assert_eq!(real.lines().filter(|line| line.starts_with("created ")).count(), 2);
        assert!(done(&home.run_on(&library, &["import", file])).contains("2 unchanged"));
        assert!(done(&home.run_on("a.db", &["import", file])).contains("2 unchanged"));
    }
    let exported = |library: &str| -> Value {
        let mut file: Value =
            serde_json::from_str(&done(&home.run_on(library, &["export"]))).unwrap();
        for passing in ["exported_at", "audit", "end"] {
            file[passing].take();
        }
        file
    };
    assert_eq!(exported("json.db"), exported("a.db"));
    let left: Vec<_> =
        std::fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".tmp")), "{left:?}");
}

#[test]
fn each_refusal_has_a_line_and_the_command_fails() {
    let home = Home::new();
    home.write("x.csv", "name,content\r\ngood,x\r\nbad,\" \"\r\nBad Name,\"\u{1b}[2J\0\"\r\n");
    let (out, err) = failed(&home.run_on("a.db", &["import", "x.csv"]));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "created row 2 (good)");
    assert_eq!(lines[1], "refused row 3 (bad): content: must not be empty");
    assert!(lines[2].starts_with("refused row 4 (Bad Name): content: must not contain"), "{out}");
    assert_eq!(lines[3], "1 created, 0 updated, 0 unchanged, 2 refused");
    assert_eq!(err, "promptdb: some items were refused; see above\n");

    home.write("half.json", "[{\"title\":\"A\",\"content\":\"a\"},{\"tit");
    let (out, err) = failed(&home.run_on("a.db", &["import", "half.json"]));
    assert_eq!(out, "created [0] (a)\n1 created, 0 updated, 0 unchanged, 0 refused\n");
    assert_eq!(
        err,
        "promptdb: half.json was not imported to its end: line 1, column 34, after [0]: the file is cut off here\n"
    );
}

#[test]
fn a_path_that_cannot_be_read_or_written_is_named_in_one_line() {
    let home = Home::new();
    home.write("x.txt", "x");
    home.write("x.bin", "\0\u{1}");
    home.write("empty/picture.png", "x");
    let cases: [(&[&str], &str); 5] = [
        (&["import", "none.json"], "none.json: No such file"),
        (
            &["import", "x.bin"],
            "x.bin was not imported to its end: the file: has a format that is not",
        ),
        (&["import", "-"], "- was not imported to its end: the file: is empty"),
        (&["import", "empty"], "contains no .md or .txt file, only picture.png"),
        (
            &["export", "--output", "no/such/x.json"],
            "no/such/x.json cannot be written: there is no folder no/such; create it",
        ),
    ];
    for (arguments, words) in cases {
        let (_, err) = failed(&home.run_on("a.db", arguments));
        assert!(err.lines().count() == 1 && err.contains(words), "{arguments:?}: {err}");
    }
    for format in [&[][..], &["--format", "markdown"]] {
        let arguments = [&["import", "x.txt"], format].concat();
        let out = done(&home.run_on("a.db", &arguments));
        assert!(
            out.ends_with("created x (x)\n1 created, 0 updated, 0 unchanged, 0 refused\n")
                || out.contains("1 unchanged"),
            "{out}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_exported_is_named_as_it_was_given() {
    let home = Home::new();
    home.write("notes/x.txt", "x");
    let message = home::failed(&home.run(&["export", "--output", "notes"]), 2);
    assert_eq!(message, "promptdb: notes is a folder; name a file\n");
    if cfg!(target_os = "linux") {
        // A folder that takes no file, not even of root.
        let message = home::failed(&home.run(&["export", "--output", "/proc/x.json"]), 1);
        assert_eq!(message, "promptdb: /proc/x.json: No such file or directory (os error 2)\n");
    }
}

#[test]
fn an_input_without_a_name_shows_its_own_format() {
    let home = Home::new();
    for (text, line) in [
        ("act,prompt\nGuide,Be a guide.\n", "created row 2 (guide)"),
        ("{\"prompts\":[{\"title\":\"B\",\"prompt\":\"b\"}]}", "created prompts[0] (b)"),
        ("matches:\n  - trigger: ;c\n    replace: c\n", "created matches[0] (c)"),
        ("---\nname: d\n---\nD", "created the file (d)"),
        ("Explain this.", "created the file (explain-this)"),
    ] {
        let mut import = home.command_on("a.db", &["import", "-"]);
        let mut import = import.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        import.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let out = done(&import.wait_with_output().unwrap());
        assert_eq!(out.lines().next(), Some(line), "{text}");
    }
}

#[test]
fn links_of_a_folder_are_refused_in_a_line_each_and_never_followed() {
    let home = Home::new();
    home.write("secret/key.md", "outside");
    home.write("notes/commands/fix.md", "Fix $ARGUMENTS");
    home.write("notes/commands/other/fix.md", "Fix $1 with $2");
    let link = |to: &str, at: &str| {
        std::os::unix::fs::symlink(home.path().join(to), home.path().join("notes").join(at))
            .unwrap();
    };
    link("secret/key.md", "key.md");
    link("secret", "secret");
    link("nowhere.md", "gone.md");
    link("notes/commands/fix.md", "fix.txt");
    let (out, _) = failed(&home.run_on("a.db", &["import", "notes"]));
    let why = "file: is a link, and links are not followed; import what it points to";
    let expected = [
        "created commands/fix.md (commands-fix)",
        "  note: `$ARGUMENTS` became {{arguments}}.",
        "  note: It is named after its folder, because several files have the name fix.",
        "created commands/other/fix.md (other-fix)",
        "  note: `$1` became {{argument_1}}, `$2` became {{argument_2}}.",
        "  note: It is named after its folder, because several files have the name fix.",
        &format!("refused gone.md: {why}"),
        &format!("refused key.md: {why}"),
        &format!("refused secret: {why}"),
        "2 created, 0 updated, 0 unchanged, 3 refused",
    ];
    assert_eq!(out.lines().collect::<Vec<_>>(), expected);
    // A folder that is named by a link itself is what the user means.
    std::os::unix::fs::symlink(home.path().join("secret"), home.path().join("linked")).unwrap();
    assert!(done(&home.run_on("a.db", &["import", "linked"])).starts_with("created key.md (key)"));
}

#[test]
fn links_inside_a_skill_are_files_of_the_skill() {
    let home = Home::new();
    home.write("shared/ref.md", "outside");
    home.write("skills/pdf/SKILL.md", "Handle PDF files.");
    for (to, at) in [("shared/ref.md", "skills/pdf/ref.md"), ("shared", "skills/pdf/assets")] {
        std::os::unix::fs::symlink(home.path().join(to), home.path().join(at)).unwrap();
    }
    let expected = [
        "created pdf/SKILL.md (pdf)",
        "  note: The 2 other files of the skill were not imported: assets, ref.md.",
        "1 created, 0 updated, 0 unchanged, 0 refused",
    ];
    let out = done(&home.run_on("a.db", &["import", "skills"]));
    assert_eq!(out.lines().collect::<Vec<_>>(), expected);
    // The link would be the skill itself.
    std::fs::create_dir(home.path().join("skills/linked")).unwrap();
    let (to, at) = ("shared/ref.md", "skills/linked/SKILL.md");
    std::os::unix::fs::symlink(home.path().join(to), home.path().join(at)).unwrap();
    let (out, _) = failed(&home.run_on("a.db", &["import", "skills"]));
    assert!(out.starts_with("refused linked/SKILL.md: file: is a link"), "{out}");
}

#[test]
fn a_folder_that_cannot_be_searched_stops_no_other() {
    let home = Home::new();
    home.write("notes/a.md", "First.");
    home.write("notes/z/b.md", "Second.");
    // Two halves of a path that no call takes as a whole.
    let half =
        |root: &str| (0..9).fold(home.path().join(root), |path, _| path.join("d".repeat(250)));
    let (upper, lower) = (half("notes"), half("lower"));
    std::fs::create_dir_all(&upper).unwrap();
    std::fs::create_dir_all(&lower).unwrap();
    let name = "d".repeat(250);
    std::fs::rename(home.path().join("lower").join(&name), upper.join(&name)).unwrap();
    let (out, _) = failed(&home.run_on("a.db", &["import", "notes"]));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines.len(), 4, "{out}");
    assert_eq!(lines[0], "created a.md (a)");
    assert!(lines[1].starts_with("refused ddd"), "{out}");
    assert!(lines[1].contains("folder: cannot be searched: File name too long"), "{out}");
    assert_eq!(lines[2..], ["created z/b.md (b)", "2 created, 0 updated, 0 unchanged, 1 refused"]);
    // The folder may hold other skills, so that it is not one of the files of a skill.
    home.write("notes/SKILL.md", "Third.");
    let (out, _) = failed(&home.run_on("b.db", &["import", "notes"]));
    assert!(out.contains("\nrefused ddd"), "{out}");
    let note = "  note: The 2 other files of the skill were not imported: a.md, z/b.md.\n";
    assert!(out.contains(note), "{out}");
}

#[test]
fn files_of_other_forms_in_a_folder_are_named_and_not_read() {
    let home = Home::new();
    home.write("notes/a.md", "First.");
    home.write("notes/empty.md", "\n");
    home.write("notes/requirements.txt", "requests");
    for path in ["notes/package.json", "notes/x/prompts.csv", "notes/.obsidian/app.json"] {
        home.write(path, "{}");
    }
    home.write("notes/skill/SKILL.md", "Third.");
    home.write("notes/skill/data.csv", "a,b");
    let output = home.run_on("a.db", &["import", "notes"]);
    assert!(done(&output).ends_with("2 created, 0 updated, 0 unchanged, 0 refused\n"));
    let notice = "note: Passed over: package.json, requirements.txt, x/prompts.csv. Import such a file by \
        itself if it holds prompts.\nnote: Passed over, having no text: empty.md.\n";
    assert!(String::from_utf8_lossy(&output.stderr).ends_with(notice), "{output:?}");
}

#[test]
fn a_folder_of_a_data_export_is_answered_in_one_line() {
    let home = Home::new();
    home.write("export/conversations.json", r#"[{"uuid":"a","name":"A","chat_messages":[]}]"#);
    for input in ["export", "export/conversations.json"] {
        let (out, err) = failed(&home.run_on("a.db", &["import", input]));
        assert_eq!(out, "0 created, 0 updated, 0 unchanged, 0 refused\n");
        assert!(err.lines().count() == 1 && err.contains("is a data export of Claude"), "{err}");
    }
    // A file of that name that sorts first may have no chats.
    home.write("export/a/conversations.json", "[]");
    let (_, err) = failed(&home.run_on("a.db", &["import", "export"]));
    assert!(err.contains("is a data export of Claude"), "{err}");
}

#[test]
fn a_file_or_folder_is_known_by_its_whole_path() {
    let home = Home::new();
    home.write(".claude/commands/move.md", "Move $1 to $2");
    home.write("patterns/summarize/system.md", "You summarize.");
    home.write("patterns/translate/system.md", "You translate.");
    home.write("pdf/SKILL.md", "Handle PDF files.");
    std::os::unix::fs::symlink(home.path().join("pdf"), home.path().join("linked")).unwrap();
    let moved = "  note: `$1` became {{argument_1}}, `$2` became {{argument_2}}.";
    for (library, folder, input, first, second) in [
        ("1.db", "", ".claude/commands", "created move.md (move)", moved),
        ("2.db", "", ".claude/commands/move.md", "created move (move)", moved),
        ("3.db", ".claude/commands", "move.md", "created move (move)", moved),
        ("4.db", ".claude/commands", ".", "created move.md (move)", moved),
        ("5.db", "", "patterns/summarize/system.md", "created system (summarize)", ""),
        ("5.db", "", "patterns/translate/system.md", "created system (translate)", ""),
        ("6.db", "", "patterns/summarize", "created system.md (summarize)", ""),
        ("7.db", "", "pdf/SKILL.md", "created SKILL (pdf)", ""),
        ("8.db", "patterns", "../pdf/SKILL.md", "created SKILL (pdf)", ""),
        ("9.db", "pdf", "../linked", "created SKILL.md (pdf)", ""),
        ("10.db", "", "linked", "created SKILL.md (linked)", ""),
    ] {
        let mut command = home.command_on(library, &["import", input]);
        let out = done(&command.current_dir(home.path().join(folder)).output().unwrap());
        let mut lines = out.lines();
        assert_eq!(lines.next(), Some(first), "{folder} {input}");
        if !second.is_empty() {
            assert_eq!(lines.next(), Some(second), "{folder} {input}");
        }
    }
}

#[test]
fn a_folder_without_markdown_has_texts_or_is_refused_with_what_it_has() {
    let home = Home::new();
    home.write("texts/a.txt", "Review {{code}}.");
    home.write("texts/more/b.txt", "---\nname: bee\n---\nB");
    std::os::unix::fs::symlink(home.path().join("texts/a.txt"), home.path().join("texts/c.txt"))
        .unwrap();
    let (out, _) = failed(&home.run_on("a.db", &["import", "texts"]));
    let expected = [
        "created a.txt (a)",
        "refused c.txt: file: is a link, and links are not followed; import what it points to",
        "created more/b.txt (bee)",
        "2 created, 0 updated, 0 unchanged, 1 refused",
    ];
    assert_eq!(out.lines().collect::<Vec<_>>(), expected);
    home.write("tables/notes.csv", "name,content\na,A\n");
    let (_, err) = failed(&home.run_on("a.db", &["import", "tables"]));
    assert_eq!(
        err,
        "promptdb: tables was not imported to its end: tables: contains no .md or .txt file; import \
         notes.csv by itself\n"
    );
}

#[test]
fn the_report_of_an_import_is_also_json() {
    let home = Home::new();
    home.write("notes/a.md", "First {{topic}}.");
    home.write("notes/b.csv", "name,content\nb,B\n");
    home.write("notes/c.md", "x\0");
    let (out, err) = failed(&home.run_on("a.db", &["import", "notes", "--json"]));
    assert_eq!(out.lines().count(), 1, "{out}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let expected = serde_json::json!({
        "items": [
            { "at": "a.md", "kind": "prompt", "name": "a", "outcome": "created", "variables": ["topic"] },
            {
                "at": "c.md", "kind": "prompt", "name": "c", "outcome": "refused",
                "reason": report["items"][1]["reason"],
            },
        ],
        "counts": { "created": 1, "updated": 0, "unchanged": 0, "refused": 1 },
        "dry_run": false,
        "complete": true,
        "notes": ["Passed over: b.csv. Import such a file by itself if it holds prompts."],
    });
    assert_eq!(report, expected);
    assert_eq!(err, "promptdb: some items were refused; see above\n");
    let again = done(&home.run_on("a.db", &["import", "notes/a.md", "--json", "--dry-run"]));
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["counts"]["unchanged"], &again["dry_run"]), (&1.into(), &true.into()));

    home.write("half.json", "[{\"title\":\"A\",\"content\":\"a\"},{\"tit");
    let (out, err) = failed(&home.run_on("b.db", &["import", "half.json", "--json"]));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["complete"], &report["counts"]["created"]), (&false.into(), &1.into()));
    assert_eq!(report["broken"]["reason"], "the file is cut off here");
    assert!(err.contains("was not imported to its end"), "{err}");
    for (arguments, code) in [(["none.json", "--json"], 1), (["--json", "--jsonl"], 2)] {
        let output = home.run_on("a.db", &[&["import"], &arguments[..]].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0), "{output:?}");
    }
}

#[test]
fn a_failed_export_leaves_the_existing_file() {
    let home = Home::new();
    home.write("one.md", "One");
    done(&home.run_on("a.db", &["import", "one.md"]));
    home.write("backup.json", "the last good one");
    let database = rusqlite::Connection::open(home.path().join("a.db")).unwrap();
    database.execute_batch("DROP TABLE audit").unwrap();
    let (_, err) = failed(&home.run_on("a.db", &["export", "--output", "backup.json"]));
    assert!(err.contains("the export failed"), "{err}");
    assert_eq!(
        std::fs::read_to_string(home.path().join("backup.json")).unwrap(),
        "the last good one"
    );
}

#[test]
fn both_work_beside_an_open_library() {
    let home = Home::new();
    let path = home.path().join("a.db");
    let wait = std::time::Duration::from_secs(10);
    let clock = std::sync::Arc::new(SystemClock);
    let _open = promptdb::store::sqlite::SqliteStore::open(&path, wait, clock).unwrap();
    home.write("one.md", "One");
    assert!(done(&home.run_on("a.db", &["import", "one.md"])).contains("1 created"));
    assert!(done(&home.run_on("a.db", &["export", "--format", "csv"])).contains("\"one\""));
}

/// A standard error that takes no byte until the other end is read.
fn full_stderr() -> (UnixStream, UnixStream) {
    let (mut writer, reader) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    let full = loop {
        if let Err(error) = writer.write(b"filling\n") {
            break error;
        }
    };
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    writer.set_nonblocking(false).unwrap();
    (writer, reader)
}

#[test]
fn a_log_that_is_not_read_does_not_stop_an_import() {
    let home = Home::new();
    home.write("one.md", "One");
    done(&home.run_on("a.db", &["import", "one.md"]));
    let database = rusqlite::Connection::open(home.path().join("a.db")).unwrap();
    // The second item fails in the store, which is logged; the summary follows.
    database
        .execute_batch(
            "CREATE TRIGGER fail BEFORE INSERT ON prompts WHEN NEW.name = 'three'
             BEGIN SELECT RAISE(FAIL, 'it is broken'); END",
        )
        .unwrap();
    home.write("more.csv", "name,content\r\ntwo,2\r\nthree,3\r\n");
    let (writer, mut reader) = full_stderr();
    let mut import = home
        .command_on("a.db", &["import", "more.csv"])
        .stdout(Stdio::piped())
        .stderr(OwnedFd::from(writer))
        .spawn()
        .unwrap();
    let stdout = import.stdout.take().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines().map(Result::unwrap);
        sender.send(lines.find(|line| line.ends_with(" refused")).unwrap()).unwrap();
    });
    let summary = receiver.recv_timeout(Duration::from_secs(15));
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(import.wait().unwrap().code(), Some(1));
    let summary = summary.expect("the import waits for the reader of the log");
    assert!(summary.ends_with("0 updated, 0 unchanged, 0 refused"), "{summary}");
    let written: Vec<&str> = text.lines().filter(|line| *line != "filling").collect();
    assert!(written.iter().any(|line| line.contains("it is broken")), "{written:?}");
    assert!(written.last().unwrap().starts_with("promptdb: more.csv was not imported"), "{text}");
}
