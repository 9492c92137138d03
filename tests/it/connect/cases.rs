//! Each client: its file, a fixture in that file's own format, and what its entry is.

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
    pub(super) before: &'static str,
    /// The path of the entry in the file.
    entry: &'static [&'static str],
    /// The fields by which it starts this program.
    pub(super) stdio: Value,
    /// The fields by which it calls a server.
    pub(super) http: Value,
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

    /// The content of a file in the client's format.
    pub(super) fn read(&self, text: &str) -> Value {
        match self.path.rsplit('.').next().unwrap() {
            "toml" => toml_json(text),
            "yaml" => serde_saphyr::from_str(text).unwrap(),
            _ => {
                let tree = CstRootNode::parse(text, &ParseOptions::default()).unwrap();
                tree.to_serde_value().unwrap()
            }
        }
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
    let rows = [
        ("claude-code", ".claude.json", fixture!("claude-code.json")),
        (
            "claude-desktop",
            "CONFIG/Claude/claude_desktop_config.json",
            fixture!("claude-desktop.json"),
        ),
        ("cursor", ".cursor/mcp.json", fixture!("cursor.json")),
        ("vscode", "CONFIG/Code/User/mcp.json", fixture!("vscode.json")),
        ("codex", ".codex/config.toml", fixture!("codex.toml")),
        ("windsurf", ".codeium/windsurf/mcp_config.json", fixture!("windsurf.json")),
        ("zed", ".config/zed/settings.json", fixture!("zed.json")),
        ("gemini", ".gemini/settings.json", fixture!("gemini.json")),
        ("antigravity", ".gemini/config/mcp_config.json", fixture!("antigravity.json")),
        ("opencode", ".config/opencode/opencode.jsonc", fixture!("opencode.json")),
        ("cline", ".cline/data/settings/cline_mcp_settings.json", fixture!("cline.json")),
        ("goose", ".config/goose/config.yaml", fixture!("goose.yaml")),
        ("continue", ".continue/config.yaml", fixture!("continue.yaml")),
        ("copilot-cli", ".copilot/mcp-config.json", fixture!("copilot-cli.json")),
        ("lmstudio", ".lmstudio/mcp.json", fixture!("lmstudio.json")),
    ];
    rows.into_iter()
        .map(|(client, path, before)| {
            let entry: &[&str] = match client {
                "vscode" => &["servers", "promptdb"],
                "codex" => &["mcp_servers", "promptdb"],
                "zed" => &["context_servers", "promptdb"],
                "opencode" => &["mcp", "promptdb"],
                "goose" => &["extensions", "promptdb"],
                "continue" => &["mcpServers"],
                _ => &["mcpServers", "promptdb"],
            };
            Case {
                client,
                path,
                before,
                entry,
                stdio: stdio_entry(client),
                http: http_entry(client),
            }
        })
        .collect()
}

fn stdio_entry(client: &str) -> Value {
    let typed = |kind: &str| json!({ "type": kind, "command": BINARY, "args": ["stdio"] });
    match client {
        "claude-code" | "vscode" => typed("stdio"),
        "copilot-cli" => with(typed("local"), json!({ "tools": ["*"] })),
        "opencode" => json!({ "type": "local", "command": [BINARY, "stdio"] }),
        "goose" => goose(json!({ "type": "stdio", "cmd": BINARY, "args": ["stdio"] })),
        "continue" => json!({ "name": "promptdb", "command": BINARY, "args": ["stdio"] }),
        _ => json!({ "command": BINARY, "args": ["stdio"] }),
    }
}

/// Null for a client that calls no server from its file.
fn http_entry(client: &str) -> Value {
    let typed = |kind: &str| json!({ "type": kind, "url": URL });
    match client {
        "claude-desktop" => Value::Null,
        "claude-code" | "vscode" => typed("http"),
        "copilot-cli" => with(typed("http"), json!({ "tools": ["*"] })),
        "windsurf" | "antigravity" => json!({ "serverUrl": URL }),
        "gemini" => json!({ "httpUrl": URL }),
        "opencode" => typed("remote"),
        "cline" => typed("streamableHttp"),
        "goose" => goose(json!({ "type": "streamable_http", "uri": URL })),
        "continue" => with(typed("streamable-http"), json!({ "name": "promptdb" })),
        _ => json!({ "url": URL }),
    }
}

fn goose(transport: Value) -> Value {
    with(
        transport,
        json!({
            "name": "promptdb",
            "enabled": true,
            "timeout": 300,
            "description": "Your prompts, in every chat",
        }),
    )
}

fn with(mut entry: Value, other: Value) -> Value {
    let (Value::Object(fields), Value::Object(mut other)) = (&mut entry, other) else {
        panic!("an entry is an object")
    };
    fields.append(&mut other);
    entry
}
