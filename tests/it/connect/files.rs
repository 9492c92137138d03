//! The file of each client, in its own format: what is written into it, and what stays.

use std::fs;

use serde_json::{Value, json};

use super::cases::cases;
use super::{Home, read_json};

/// Every line of `before` is in `after`, in the same order; a comma at its end does not count.
#[track_caller]
fn check_lines_stay(before: &str, after: &str) {
    let bare = |line: &str| line.trim_end_matches(',').to_owned();
    let mut lines = after.lines().map(bare);
    for line in before.lines().map(bare) {
        assert!(lines.any(|found| found == line), "{line:?} is gone or moved:\n{after}");
    }
}

#[test]
fn a_client_with_a_file_is_connected_by_stdio_or_http_and_the_rest_stays() {
    for case in cases() {
        let home = Home::new();
        let (client, file) = (case.client, case.file(&home));
        for (flags, expected) in [(&[][..], &case.stdio), (&["--http"], &case.http)] {
            if expected.is_null() {
                continue;
            }
            fs::write(&file, case.before).unwrap();
            let arguments = [&["connect", client, "--write"], flags].concat();
            let output = home.run(&arguments);
            assert!(output.contains(&format!("changed {}", file.display())), "{output}");
            let after = fs::read_to_string(&file).unwrap();
            check_lines_stay(case.before, &after);
            assert_eq!(case.find(&case.read(&after)), *expected, "{client}:\n{after}");

            let output = home.run(&arguments);
            assert!(output.contains("already connected"), "{client}: {output}");
            assert_eq!(fs::read_to_string(&file).unwrap(), after, "{client}");

            let output = home.run(&["disconnect", client]);
            assert!(output.contains(&format!("changed {}", file.display())), "{output}");
            let gone = fs::read_to_string(&file).unwrap();
            assert_eq!(case.read(&gone), case.read(case.before), "{client}:\n{gone}");
            check_lines_stay(case.before, &gone);
            assert!(home.run(&["disconnect", client]).contains("is not connected"), "{client}");
        }
        // The backup of the first change holds what was there.
        let mut names = Home::beside(&file);
        names.retain(|name| name.contains(".bak-"));
        let first = file.with_file_name(&names[0]);
        assert_eq!(fs::read_to_string(first).unwrap(), case.before, "{client}: {names:?}");
    }
}

#[test]
fn a_connected_client_changes_to_another_way_and_keeps_its_own_fields() {
    for case in cases().into_iter().filter(|case| !case.http.is_null()) {
        let home = Home::new();
        let (client, file) = (case.client, case.file(&home));
        fs::write(&file, case.before).unwrap();
        home.run(&["connect", client, "--write"]);
        home.run(&["connect", client, "--write", "--http"]);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(case.find(&case.read(&text)), case.http, "{client}:\n{text}");
        check_lines_stay(case.before, &text);
        home.run(&["connect", client, "--write"]);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(case.find(&case.read(&text)), case.stdio, "{client}:\n{text}");
        check_lines_stay(case.before, &text);
    }
}

#[test]
fn a_missing_or_empty_file_becomes_one_with_the_entry_alone() {
    for case in cases() {
        for content in [None, Some(""), Some("\n")] {
            let home = Home::new();
            let file = case.file(&home);
            if let Some(content) = content {
                fs::write(&file, content).unwrap();
            }
            home.run(&["connect", case.client, "--write"]);
            let text = fs::read_to_string(&file).unwrap();
            assert_eq!(case.find(&case.read(&text)), case.stdio, "{}:\n{text}", case.client);
        }
    }
}

#[test]
fn a_broken_file_is_left_alone_with_one_line_that_names_it() {
    for case in cases() {
        let home = Home::new();
        let file = case.file(&home);
        for broken in ["{\"a\": [", "a: [1\nb: }", "\u{1}\u{2}", "[1, 2]"] {
            fs::write(&file, broken).unwrap();
            for arguments in
                [&["connect", case.client, "--write"][..], &["disconnect", case.client]]
            {
                let error = home.fails(arguments);
                assert_eq!(error.lines().count(), 1, "{error}");
                let line = format!("promptdb: {} is left as it is: ", file.display());
                assert!(error.starts_with(&line), "{broken:?}: {error}");
            }
            assert_eq!(fs::read_to_string(&file).unwrap(), broken);
            let name = file.file_name().unwrap().to_str().unwrap();
            let copies = Home::beside(&file).into_iter().filter(|other| other.starts_with(name));
            assert_eq!(copies.count(), 1, "{}", case.client);
        }
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_keeps_no_command_waiting() {
    let home = Home::new();
    for case in cases() {
        let file = case.file(&home);
        let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
        assert!(made.success(), "{}", case.client);
        for arguments in [&["connect", case.client, "--write"][..], &["disconnect", case.client]] {
            let error = home.fails(arguments);
            assert!(error.contains("is left as it is: it is not a regular file"), "{error}");
        }
    }
    let run = home.run_with(&[("PORT", "0")], &["doctor"]);
    assert!(!run.ok && run.out.contains("mcp.json: it is not a regular file"), "{}", run.out);
}

#[test]
fn doctor_reads_the_entry_of_each_client() {
    let home = Home::new();
    for case in cases() {
        let file = case.file(&home);
        fs::write(&file, case.before).unwrap();
        home.run(&["connect", case.client, "--write"]);
    }
    let run = home.run_with(&[("PORT", "0")], &["doctor", "--json"]);
    assert!(run.ok, "{}{}", run.out, run.error);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    for case in cases() {
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == case.client).unwrap();
        assert_eq!(
            (&check["status"], &check["detail"]),
            (&json!("ok"), &json!("starts this program"))
        );
    }
}

#[test]
fn the_form_of_opencode_follows_its_file() {
    let home = Home::new();
    let case = cases().into_iter().find(|case| case.client == "opencode").unwrap();
    let file = case.file(&home);
    let second = "{\n  \"mcp\": {\n    \"servers\": {}\n  }\n}\n";
    fs::write(&file, second).unwrap();
    home.run(&["connect", "opencode", "--write"]);
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(case.read(&text)["mcp"]["servers"]["promptdb"], case.stdio, "{text}");
    home.run(&["disconnect", "opencode"]);
    let servers = case.read(&fs::read_to_string(&file).unwrap())["mcp"]["servers"].take();
    assert_eq!(servers, json!({}));
}

#[test]
fn opencode_keeps_its_entry_in_the_file_that_has_it() {
    let home = Home::new();
    let case = cases().into_iter().find(|case| case.client == "opencode").unwrap();
    let winner = case.file(&home);
    let other = winner.with_file_name("opencode.json");
    fs::write(&other, "{}").unwrap();
    home.run(&["connect", "opencode", "--write"]);
    assert!(!winner.exists(), "it has one file already");
    assert_eq!(read_json(&other)["mcp"]["promptdb"], case.stdio);

    // opencode would take the fields of both.
    fs::write(&winner, "{} // mine\n").unwrap();
    home.run(&["connect", "opencode", "--http", "--write"]);
    assert_eq!(read_json(&other)["mcp"]["promptdb"], case.http);
    assert_eq!(fs::read_to_string(&winner).unwrap(), "{} // mine\n");

    // The entry of a later file wins.
    let old =
        json!({ "mcp": { "promptdb": { "type": "remote", "url": "http://localhost:1/mcp" } } });
    fs::write(&winner, old.to_string()).unwrap();
    home.run(&["connect", "opencode", "--http", "--write"]);
    assert_eq!(read_json(&winner)["mcp"]["promptdb"], case.http);

    home.run(&["disconnect", "opencode"]);
    for file in [&winner, &other] {
        assert!(!fs::read_to_string(file).unwrap().contains("promptdb"), "{}", file.display());
    }
}

#[test]
fn a_client_whose_folder_a_variable_moves_is_found_there() {
    let home = Home::new();
    let folder = home.path().join("moved");
    fs::create_dir(&folder).unwrap();
    let moved = [("CODEX_HOME", folder.to_str().unwrap())];
    let run = |arguments: &[&str]| {
        let run = home.run_with(&moved, arguments);
        assert!(run.ok, "{}{}", run.out, run.error);
        run.out
    };
    let file = folder.join("config.toml");
    assert!(run(&["connect", "codex"]).contains(file.to_str().unwrap()));
    run(&["connect", "codex", "--write"]);
    assert!(fs::read_to_string(&file).unwrap().contains("[mcp_servers.promptdb]"));
    assert!(!home.path().join(".codex").exists());
    assert!(run(&["doctor"]).contains("✓ codex"));
    assert!(run(&["disconnect", "codex"]).contains(file.to_str().unwrap()));

    // An empty value is none.
    let case = cases().into_iter().find(|case| case.client == "codex").unwrap();
    let usual = case.file(&home);
    let run = home.run_with(&[("CODEX_HOME", "")], &["connect", "codex", "--write"]);
    assert!(run.ok && usual.exists(), "{}", run.error);
}

#[test]
fn an_entry_of_claude_codes_local_scope_is_named_in_one_line() {
    let home = Home::new();
    let local = json!({ "mcpServers": { "promptdb": { "command": "/p" } } });
    let projects = json!({ "/w": local, "/x": { "mcpServers": { "a": {} } }, "/y": {} });
    fs::write(home.claude_code(), json!({ "projects": projects }).to_string()).unwrap();
    let remedy = "run there: claude mcp remove promptdb --scope local";
    let write = &["connect", "claude-code", "--write"][..];
    for arguments in [&["connect", "claude-code"][..], write, write] {
        let output = home.run(arguments);
        let named: Vec<_> = output.lines().filter(|line| line.contains(remedy)).collect();
        assert!(matches!(named[..], [line] if line.contains("in /w, an entry")), "{output}");
    }
    let run = home.run_with(&[("PORT", "0")], &["doctor"]);
    assert!(run.ok && run.out.contains("✓ claude-code"), "{}", run.out);
    assert!(run.out.contains("! claude-code") && run.out.contains(remedy), "{}", run.out);
    home.run(&["disconnect", "claude-code"]);
    let run = home.run_with(&[("PORT", "0")], &["doctor"]);
    assert!(run.out.contains("not connected") && run.out.contains(remedy), "{}", run.out);

    fs::write(home.claude_code(), json!({ "projects": { "/y": {} } }).to_string()).unwrap();
    assert!(!home.run(write).contains(remedy));
}

#[test]
fn a_client_that_refuses_fields_of_the_other_way_gets_none_and_the_user_is_told() {
    let codex = "[mcp_servers.promptdb]\ncommand = \"old\"\ncwd = \"/srv\"\nenabled = false\n\n\
        [mcp_servers.promptdb.env]\nCONVEX_API_KEY = \"k\"\n";
    let vscode = r#"{"servers": {"promptdb": {"command": "old", "envFile": "e", "dev": {}}}}"#;
    let opencode = r#"{"mcp": {"promptdb": {"type": "local", "command": [], "environment": {}}}}"#;
    let goose =
        "extensions:\n  promptdb:\n    cmd: old\n    envs:\n      A: x\n    enabled: false\n";
    let home = Home::new();
    for (client, before, removed, kept) in [
        ("codex", codex, "Removed env and cwd, which", "enabled"),
        ("vscode", vscode, "Removed envFile, which", "dev"),
        ("opencode", opencode, "Removed environment, which", "type"),
        ("goose", goose, "", "envs"),
    ] {
        let case = cases().into_iter().find(|case| case.client == client).unwrap();
        let file = case.file(&home);
        fs::write(&file, before).unwrap();
        let output = home.run(&["connect", client, "--write", "--http"]);
        assert_eq!(output.contains("Removed"), !removed.is_empty(), "{output}");
        assert!(output.contains(removed), "{output}");
        let switched = "The entry was switched off, and is on again\n";
        assert_eq!(output.contains(switched), before.contains("false"), "{output}");
        let text = fs::read_to_string(&file).unwrap();
        let entry = case.find(&case.read(&text));
        for field in ["env", "cwd", "envFile", "environment", "command", "cmd"] {
            assert!(entry.get(field).is_none(), "{client}: {text}");
        }
        assert!(entry.get(kept).is_some() && !text.contains("false"), "{client}: {text}");
        let output = home.run(&["connect", client, "--write", "--http"]);
        assert!(output.contains("already connected"), "{output}");
    }

    let file = cases().into_iter().find(|case| case.client == "codex").unwrap().file(&home);
    let headers = "env_http_headers = { A = \"B\" }\n";
    fs::write(&file, format!("[mcp_servers.promptdb]\nurl = \"http://x/mcp\"\n{headers}")).unwrap();
    let output = home.run(&["connect", "codex", "--write"]);
    assert!(output.contains("Removed env_http_headers, which"), "{output}");
    assert!(!fs::read_to_string(&file).unwrap().contains("env_http_headers"));
}
