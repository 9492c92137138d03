//! What `connect` shows, and the help: commands, links and lines for a file.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{BINARY, CLIENTS, Home, read_json};

/// The settings of a server with sign-in.
const SIGN_IN: [(&str, &str); 6] = [
    ("PUBLIC_URL", "https://prompts.example.com"),
    ("WORKOS_CLIENT_ID", "client_1"),
    ("WORKOS_API_KEY", "sk_1"),
    ("AUTHKIT_DOMAIN", "https://login.example.com"),
    ("COOKIE_SECRET", "0123456789abcdef0123456789abcdef"),
    ("WORKOS_WEBHOOK_SECRET", "whsec_1"),
];

/// The configuration in the link of Cursor.
fn cursor_config(text: &str) -> Value {
    let link = text.lines().find(|line| line.contains("cursor://")).unwrap();
    let (before, config) = link.trim().split_once("&config=").unwrap();
    assert_eq!(before, "cursor://anysphere.cursor-deeplink/mcp/install?name=promptdb");
    let config = STANDARD.decode(config.replace("%3D", "=").replace("%2B", "+")).unwrap();
    serde_json::from_slice(&config).unwrap()
}

#[test]
fn each_client_gets_instructions_for_the_local_server() {
    let home = Home::new();
    let shown = |client| home.run(&["connect", client, "--http", "--port", "8123"]);
    let url = "http://localhost:8123/mcp";
    let command = format!("claude mcp add --transport http --scope user promptdb {url}\n");
    assert!(shown("claude-code").contains(&command));
    assert!(shown("codex").contains(&format!("codex mcp add promptdb --url {url}")));

    let cursor = shown("cursor");
    assert_eq!(cursor_config(&cursor), json!({ "url": url }));
    assert!(cursor.contains(home.cursor().to_str().unwrap()), "{cursor}");
    assert!(cursor.contains("promptdb connect cursor --http --write"), "{cursor}");
    assert!(cursor.contains("PromptDB must run"), "{cursor}");

    let vscode = shown("vscode");
    let server = json!({ "name": "promptdb", "type": "http", "url": url }).to_string();
    assert!(vscode.contains(&format!("code --add-mcp '{server}'")), "{vscode}");
    let link = vscode.lines().find_map(|line| line.trim().strip_prefix("vscode:mcp/install?"));
    let decoded = form_urlencoded::parse(link.unwrap().as_bytes()).next().unwrap().0;
    assert_eq!(decoded, server);

    for client in ["chatgpt", "claude-desktop"] {
        let text = shown(client);
        assert!(text.contains(url) && text.contains("public https URL"), "{text}");
    }
    assert!(shown("other").contains(url));
    assert!(shown("jetbrains").contains(&format!("\"url\": \"{url}\"")));
}

#[test]
fn each_client_starts_this_program_by_its_whole_path_unless_it_calls_servers_only() {
    let home = Home::new();
    for client in CLIENTS {
        let text = home.run(&["connect", client]);
        if client == "chatgpt" {
            assert!(text.contains("cannot reach"), "{text}");
            continue;
        }
        assert!(text.contains(BINARY) && text.contains("stdio"), "{client}: {text}");
        assert!(text.contains("no server needs to run"), "{client}: {text}");
        assert!(!text.contains("sign in") && !text.contains("localhost"), "{client}: {text}");
    }
    let shown = |client| home.run(&["connect", client]);
    let command = format!("claude mcp add --scope user promptdb -- {BINARY} stdio\n");
    assert!(shown("claude-code").contains(&command), "{}", shown("claude-code"));
    assert!(shown("codex").contains(&format!("codex mcp add promptdb -- {BINARY} stdio\n")));
    let server = json!({ "command": BINARY, "args": ["stdio"] });
    assert_eq!(cursor_config(&shown("cursor")), server);
    assert!(shown("other").contains(&format!("  {BINARY} stdio\n")));
}

#[test]
fn the_help_of_connect_is_one_screen_without_the_settings_of_the_server() {
    let home = Home::new();
    for flag in ["--help", "-h"] {
        let help = home.run(&["connect", flag]);
        assert!(help.lines().count() <= 36, "{help}");
        for word in ["RATE_LIMIT", "WORKOS", "STRIPE", "CONVEX", "--host", "OTEL", "--log"] {
            assert!(!help.contains(word), "{word}: {help}");
        }
        for client in CLIENTS {
            assert!(help.contains(client), "{client}: {help}");
        }
        for word in ["--http", "--url", "--write", "--file", "--token-stdin", "--token-env"] {
            assert!(help.contains(word), "{word}: {help}");
        }
    }
}

#[test]
fn the_commands_are_the_same_in_the_readme_and_on_the_page() {
    let home = Home::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let shown = home.run(&["connect", "claude-code", "--http"]);
    let command = shown.lines().find(|line| line.contains("claude mcp add")).unwrap().trim();
    assert!(readme.contains(command), "{command}");
    let vscode = home.run(&["connect", "vscode", "--http"]);
    let command = vscode.lines().find(|line| line.contains("code --add-mcp")).unwrap().trim();
    let json = command.split('\'').nth(1).unwrap();
    let in_readme = readme.split("code --add-mcp '").nth(1).unwrap().split('\'').next().unwrap();
    let parse = |text| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parse(in_readme), parse(json));
    for client in CLIENTS {
        assert!(readme.contains(client), "{client}");
    }
    let page = fs::read_to_string(root.join("web/lib/ways.js")).unwrap();
    let before_name = "claude mcp add --transport http --scope user ";
    assert!(page.contains(before_name) && shown.contains(before_name));
}

#[test]
fn a_server_with_sign_in_is_connected_by_its_public_url() {
    let home = Home::new();
    let shown = |client| {
        let run = home.run_with(&SIGN_IN, &["connect", client]);
        assert!(run.ok, "{}", run.error);
        run.out
    };
    for client in CLIENTS {
        let text = shown(client);
        assert!(text.contains("https://prompts.example.com/mcp"), "{text}");
        let is_local = ["stdio", "cannot reach", "must run"].iter().any(|word| text.contains(word));
        assert!(!is_local, "{text}");
    }
    assert!(shown("claude-desktop").contains("Add custom connector"));
    let refused = home.run_with(&SIGN_IN, &["connect", "claude-desktop", "--write"]);
    assert!(!refused.ok && refused.error.contains("not in a file"), "{}", refused.error);
}

#[test]
fn another_server_is_connected_by_its_url_alone() {
    let home = Home::new();
    for client in CLIENTS {
        let output = home.run(&["connect", client, "--url", "https://prompts.example.com/"]);
        let names_sign_in = ["sign in", "OAuth", "calls"].iter().any(|way| output.contains(way));
        assert!(names_sign_in && !output.contains("localhost"), "{client}: {output}");
    }
    home.run(&["connect", "cursor", "--url", "https://prompts.example.com", "--write"]);
    let entry = &read_json(&home.cursor())["mcpServers"]["promptdb"];
    assert_eq!(entry["url"], "https://prompts.example.com/mcp");
    for url in [
        "http://prompts.example.com",
        "prompts.example.com",
        "https://x.com/mcp",
        "ftp://x.com",
        "https://",
        "https://x.com:99999",
        "https://me:hidden@x.com",
        "not a url",
        "",
    ] {
        let run = home.run_with(&[], &["connect", "cursor", "--url", url, "--write"]);
        assert_eq!(run.code, Some(2), "{url}: {}", run.error);
        assert!(run.error.contains("--url") && run.error.lines().count() == 1, "{}", run.error);
        assert!(!run.error.contains("hidden"), "{}", run.error);
    }
}

#[test]
fn the_model_that_is_set_is_passed_on() {
    let home = Home::new();
    let settings = [("MODEL_PATH", "/models/meaning.bin"), ("DATABASE_PATH", "")];
    let run = home.run_with(&settings, &["connect", "cursor"]);
    let expected = json!(["stdio", "--model-path", "/models/meaning.bin"]);
    assert_eq!(cursor_config(&run.out)["args"], expected);
}

#[test]
fn a_command_with_a_quotation_mark_in_a_path_is_quoted_for_the_shell() {
    let home = Home::new();
    let run = home.run_with(&[("DATABASE_PATH", "/o'b/my.db")], &["connect", "vscode"]);
    let command = run.out.lines().find(|line| line.contains("code --add-mcp")).unwrap();
    let script = format!("code() {{ printf %s \"$2\"; }}\n{command}");
    let json = Command::new("/bin/sh").args(["-c", &script]).output().unwrap().stdout;
    let server: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(server["args"], json!(["stdio", "--database-path", "/o'b/my.db"]));
}

#[test]
fn a_client_without_a_file_is_disconnected_by_hand() {
    let home = Home::new();
    assert!(home.run(&["disconnect", "chatgpt"]).contains("In ChatGPT"));
    assert!(home.run(&["disconnect", "jetbrains"]).contains("In the IDE"));
    assert!(home.run(&["disconnect", "other"]).contains("where you added it"));
    assert!(home.run(&["disconnect", "claude-desktop"]).contains("Settings, Connectors"));
    assert!(home.run(&["disconnect", "cursor"]).contains("Cursor is not connected"));
}
