//! The file of each client, in its own format: what is written into it, and what stays.

use std::fs;
use std::path::PathBuf;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::CstRootNode;
use serde_json::{Value, json};

use super::{BINARY, Home};

/// A client, its file below the home folder, and a file as people have it.
pub(super) struct Case {
    pub(super) client: &'static str,
    path: &'static str,
    before: &'static str,
    /// The path of the entry in the file.
    entry: &'static [&'static str],
    /// The fields by which it starts this program.
    stdio: Value,
    /// The fields by which it calls a server.
    http: Value,
}

const URL: &str = "http://localhost:3000/mcp";

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name))
    };
}

impl Case {
    pub(super) fn file(&self, home: &Home) -> PathBuf {
        let path = match self.path.strip_prefix("CONFIG/") {
            Some(path) => home.config().join(path),
            None => home.path().join(self.path),
        };
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn read(&self, text: &str) -> Value {
        parse(self.path, text)
    }

    /// The entry of PromptDB in a parsed file.
    pub(super) fn find(&self, file: &Value) -> Value {
        let found = self.entry.iter().try_fold(file, |value, name| value.get(name));
        match found {
            Some(Value::Array(list)) => {
                list.iter().find(|one| one["name"] == "promptdb").cloned().unwrap_or_default()
            }
            found => found.cloned().unwrap_or_default(),
        }
    }
}

pub(super) fn parse(path: &str, text: &str) -> Value {
    match path.rsplit('.').next().unwrap() {
        "toml" => toml_json(text),
        "yaml" => serde_saphyr::from_str(text).unwrap(),
        _ => {
            let tree = CstRootNode::parse(text, &ParseOptions::default()).unwrap();
            tree.to_serde_value().unwrap()
        }
    }
}

fn toml_json(text: &str) -> Value {
    let document: toml_edit::DocumentMut = text.parse().unwrap();
    item_json(document.as_item())
}

/// TOML as JSON, as far as the fixtures need it.
fn item_json(item: &toml_edit::Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return table.iter().map(|(name, value)| (name.to_owned(), item_json(value))).collect();
    }
    if let Some(list) = item.as_array() {
        return list.iter().map(|one| one.as_str().unwrap()).collect();
    }
    item.as_str().map(Value::from).unwrap_or_default()
}

/// Every client with a file.
pub(super) fn cases() -> Vec<Case> {
    let servers: &[&str] = &["mcpServers", "promptdb"];
    let program = || json!({ "command": BINARY, "args": ["stdio"] });
    let typed_program = |kind| json!({ "type": kind, "command": BINARY, "args": ["stdio"] });
    let url = |field: &str| json!({ field: URL });
    let typed_url = |kind| json!({ "type": kind, "url": URL });
    let case = |client, path, before, entry, stdio, http| Case {
        client,
        path,
        before,
        entry,
        stdio,
        http,
    };
    let goose = |transport: Value| {
        let mut entry = json!({
            "name": "promptdb", "enabled": true, "timeout": 300,
            "description": "Your prompts, in every chat",
        });
        entry.as_object_mut().unwrap().append(&mut transport.as_object().unwrap().clone());
        entry
    };
    let tools = |mut entry: Value| {
        entry["tools"] = json!(["*"]);
        entry
    };
    vec![
        case(
            "claude-code",
            ".claude.json",
            fixture!("claude-code.json"),
            servers,
            typed_program("stdio"),
            typed_url("http"),
        ),
        case(
            "claude-desktop",
            "CONFIG/Claude/claude_desktop_config.json",
            fixture!("claude-desktop.json"),
            servers,
            program(),
            Value::Null,
        ),
        case("cursor", ".cursor/mcp.json", fixture!("cursor.json"), servers, program(), url("url")),
        case(
            "vscode",
            "CONFIG/Code/User/mcp.json",
            fixture!("vscode.json"),
            &["servers", "promptdb"],
            typed_program("stdio"),
            typed_url("http"),
        ),
        case(
            "codex",
            ".codex/config.toml",
            fixture!("codex.toml"),
            &["mcp_servers", "promptdb"],
            program(),
            url("url"),
        ),
        case(
            "windsurf",
            ".codeium/windsurf/mcp_config.json",
            fixture!("windsurf.json"),
            servers,
            program(),
            url("serverUrl"),
        ),
        case(
            "zed",
            ".config/zed/settings.json",
            fixture!("zed.json"),
            &["context_servers", "promptdb"],
            program(),
            url("url"),
        ),
        case(
            "gemini",
            ".gemini/settings.json",
            fixture!("gemini.json"),
            servers,
            program(),
            url("httpUrl"),
        ),
        case(
            "antigravity",
            ".gemini/config/mcp_config.json",
            fixture!("antigravity.json"),
            servers,
            program(),
            url("serverUrl"),
        ),
        case(
            "opencode",
            ".config/opencode/opencode.json",
            fixture!("opencode.json"),
            &["mcp", "promptdb"],
            json!({ "type": "local", "command": [BINARY, "stdio"] }),
            typed_url("remote"),
        ),
        case(
            "cline",
            ".cline/data/settings/cline_mcp_settings.json",
            fixture!("cline.json"),
            servers,
            program(),
            typed_url("streamableHttp"),
        ),
        case(
            "goose",
            ".config/goose/config.yaml",
            fixture!("goose.yaml"),
            &["extensions", "promptdb"],
            goose(json!({ "type": "stdio", "cmd": BINARY, "args": ["stdio"] })),
            goose(json!({ "type": "streamable_http", "uri": URL })),
        ),
        case(
            "continue",
            ".continue/config.yaml",
            fixture!("continue.yaml"),
            &["mcpServers"],
            json!({ "name": "promptdb", "command": BINARY, "args": ["stdio"] }),
            json!({ "name": "promptdb", "type": "streamable-http", "url": URL }),
        ),
        case(
            "copilot-cli",
            ".copilot/mcp-config.json",
            fixture!("copilot-cli.json"),
            servers,
            tools(typed_program("local")),
            tools(typed_url("http")),
        ),
        case(
            "lmstudio",
            ".lmstudio/mcp.json",
            fixture!("lmstudio.json"),
            servers,
            program(),
            url("url"),
        ),
    ]
}

/// Every line of `before` is in `after`, in the same order; a comma at its end does not count.
#[track_caller]
pub(super) fn check_lines_stay(before: &str, after: &str) {
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

    fs::remove_file(&file).unwrap();
    let commented = file.with_file_name("opencode.jsonc");
    fs::write(&commented, "{} // mine\n").unwrap();
    home.run(&["connect", "opencode", "--write"]);
    assert!(fs::read_to_string(&commented).unwrap().contains("promptdb") && !file.exists());
}
