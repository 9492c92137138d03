//! `promptdb connect`, `disconnect` and `completions`: the built binary in a temporary home folder.

mod cases;
mod files;
mod paths;
mod projects;
mod tokens;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The outcome and the output of a run.
struct Run {
    ok: bool,
    out: String,
    error: String,
}

impl Run {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { ok: output.status.success(), out: text(output.stdout), error: text(output.stderr) }
    }
}

/// The program that clients start.
const BINARY: &str = env!("CARGO_BIN_EXE_promptdb");

/// A home folder with the configuration folders of every client.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let home = Self(TempDir::new().unwrap());
        for file in [home.cursor(), home.vscode(), home.claude_desktop()] {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
        }
        home
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn config(&self) -> PathBuf {
        let folder =
            if cfg!(target_os = "macos") { "Library/Application Support" } else { ".config" };
        self.0.path().join(folder)
    }

    fn cursor(&self) -> PathBuf {
        self.0.path().join(".cursor/mcp.json")
    }

    fn claude_code(&self) -> PathBuf {
        self.0.path().join(".claude.json")
    }

    fn vscode(&self) -> PathBuf {
        self.config().join("Code/User/mcp.json")
    }

    fn claude_desktop(&self) -> PathBuf {
        self.config().join("Claude/claude_desktop_config.json")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.env_clear().env("HOME", self.path()).args(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run_with(&self, settings: &[(&str, &str)], arguments: &[&str]) -> Run {
        Run::of(self.command(arguments).envs(settings.iter().copied()).output().unwrap())
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let run = self.run_with(&[], arguments);
        assert!(run.ok, "{}", run.error);
        run.out
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let run = self.run_with(&[], arguments);
        assert!(!run.ok, "{}", run.out);
        assert_eq!(run.out, "");
        run.error
    }

    /// The names of all files in the folder of `file`, sorted.
    fn beside(file: &Path) -> Vec<String> {
        let entries = fs::read_dir(file.parent().unwrap()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

fn read_json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

/// The settings of a server with sign-in.
const SIGN_IN: [(&str, &str); 6] = [
    ("PUBLIC_URL", "https://prompts.example.com"),
    ("WORKOS_CLIENT_ID", "client_1"),
    ("WORKOS_API_KEY", "sk_1"),
    ("AUTHKIT_DOMAIN", "https://login.example.com"),
    ("COOKIE_SECRET", "0123456789abcdef0123456789abcdef"),
    ("WORKOS_WEBHOOK_SECRET", "whsec_1"),
];

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

/// The configuration in the link of Cursor.
fn cursor_config(text: &str) -> Value {
    let link = text.lines().find(|line| line.contains("cursor://")).unwrap();
    let (before, config) = link.trim().split_once("&config=").unwrap();
    assert_eq!(before, "cursor://anysphere.cursor-deeplink/mcp/install?name=promptdb");
    let config = STANDARD.decode(config.replace("%3D", "=").replace("%2B", "+")).unwrap();
    serde_json::from_slice(&config).unwrap()
}

/// Every client, as the help lists them.
const CLIENTS: [&str; 18] = [
    "claude-code",
    "claude-desktop",
    "cursor",
    "vscode",
    "chatgpt",
    "codex",
    "windsurf",
    "zed",
    "gemini",
    "antigravity",
    "opencode",
    "cline",
    "goose",
    "continue",
    "copilot-cli",
    "jetbrains",
    "lmstudio",
    "other",
];

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
    for url in ["http://prompts.example.com", "prompts.example.com", "https://x.com/mcp"] {
        let output = home.fails(&["connect", "cursor", "--url", url]);
        assert!(output.contains("--url"), "{url}: {output}");
    }
}

#[test]
fn connecting_a_client_twice_writes_its_file_once() {
    let home = Home::new();
    let file = home.cursor();
    let output = home.run(&["connect", "cursor", "--write"]);
    assert!(output.contains(&format!("created {}", file.display())), "{output}");
    assert!(output.contains("no server needs to run"), "{output}");
    let (inode, names) = (fs::metadata(&file).unwrap().ino(), Home::beside(&file));
    let output = home.run(&["connect", "cursor", "--write"]);
    assert!(output.contains("already connected"), "{output}");
    assert_eq!(fs::metadata(&file).unwrap().ino(), inode);
    assert_eq!(Home::beside(&file), names);
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

#[test]
fn a_change_preserves_the_rest_of_the_file_its_mode_and_its_link() {
    let home = Home::new();
    let dotfiles = home.0.path().join("dotfiles");
    fs::create_dir(&dotfiles).unwrap();
    let real = dotfiles.join("cursor.json");
    let before =
        "{\r\n  // mine\r\n  \"mcpServers\": {\"a\": {\"url\": \"https://a.io\",}},\r\n}\r\n";
    fs::write(&real, before).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&real, home.cursor()).unwrap();

    home.run(&["connect", "cursor", "--write"]);
    assert!(fs::symlink_metadata(home.cursor()).unwrap().is_symlink());
    let after = fs::read_to_string(&real).unwrap();
    assert!(after.starts_with("{\r\n  // mine\r\n"), "{after}");
    assert!(after.contains("\"a\": {\"url\": \"https://a.io\",}"), "{after}");
    assert!(!after.replace("\r\n", "").contains('\n'), "{after:?}");
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);

    let names = Home::beside(&real);
    assert_eq!(names.len(), 2, "{names:?}");
    let backup = dotfiles.join(&names[1]);
    assert!(names[1].starts_with("cursor.json.bak-2"), "{names:?}");
    assert_eq!(fs::read_to_string(&backup).unwrap(), before);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn every_change_makes_a_separate_backup() {
    let home = Home::new();
    let mut versions = Vec::new();
    for port in ["3001", "3002", "3003", "3004"] {
        home.run(&["connect", "cursor", "--http", "--write", "--port", port]);
        versions.push(fs::read_to_string(home.cursor()).unwrap());
        assert!(versions.last().unwrap().contains(port));
    }
    let names = Home::beside(&home.cursor());
    let backups = names.iter().filter(|name| name.contains(".bak-"));
    let folder = home.cursor().parent().unwrap().to_owned();
    let mut kept: Vec<String> =
        backups.map(|name| fs::read_to_string(folder.join(name)).unwrap()).collect();
    kept.sort();
    assert_eq!(kept, versions[..3]);
}

#[test]
fn a_file_that_cannot_be_changed_is_named_and_stays_unchanged() {
    let home = Home::new();
    let file = home.claude_code();
    let cases: [(&[u8], &str); 5] = [
        (b"{\"mcpServers\": {", "invalid JSON"),
        (b"{} // comment", "invalid JSON"),
        (b"{\"mcpServers\": []}", "its mcpServers is not an object"),
        (b"{\"mcpServers\": {\"promptdb\": 1}}", "its mcpServers.promptdb is not an object"),
        (b"{\"a\": \"\xff\"}", "not UTF-8"),
    ];
    for (content, why) in cases {
        fs::write(&file, content).unwrap();
        let names = Home::beside(&file);
        let error = home.fails(&["connect", "claude-code", "--write"]);
        assert!(error.contains(why) && error.contains(".claude.json is left as it is"), "{error}");
        assert_eq!(fs::read(&file).unwrap(), content);
        assert_eq!(Home::beside(&file), names);
    }
    fs::write(&file, "{}").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(home.fails(&["connect", "claude-code", "--write"]).contains("read-only"));
    assert_eq!(fs::read(&file).unwrap(), b"{}");
}

#[test]
fn a_target_that_cannot_be_written_is_named() {
    let home = Home::new();
    fs::remove_dir(home.cursor().parent().unwrap()).unwrap();
    let error = home.fails(&["connect", "cursor", "--write"]);
    assert!(error.contains("there is no folder") && error.contains(".cursor"), "{error}");

    symlink("nowhere.json", home.claude_code()).unwrap();
    let error = home.fails(&["connect", "claude-code", "--write"]);
    assert!(error.contains("a link to a file that does not exist"), "{error}");

    let folder = home.0.path().to_str().unwrap();
    let error = home.fails(&["connect", "cursor", "--write", "--file", folder]);
    assert!(error.contains(folder), "{error}");

    let error = home.fails(&["connect", "chatgpt", "--write"]);
    assert!(error.contains("ChatGPT has no configuration file"), "{error}");
    let error = home.fails(&["connect", "cursor", "--http", "--port", "0"]);
    assert!(error.contains("PORT is 0"), "{error}");
    let error = home.fails(&["connect", "emacs"]);
    assert!(error.contains(&CLIENTS.join(", ")), "{error}");
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
fn claude_desktop_starts_the_server_on_the_chosen_library() {
    let home = Home::new();
    let file = home.0.path().join("other.json");
    let library = home.0.path().join("library.db");
    let (file_text, library_text) = (file.to_str().unwrap(), library.to_str().unwrap());
    home.run(&[
        "connect",
        "claude-desktop",
        "--write",
        "--file",
        file_text,
        "--database-path",
        library_text,
    ]);
    assert!(!home.claude_desktop().exists());

    let entry = read_json(&file)["mcpServers"]["promptdb"].take();
    assert_eq!(entry["args"], json!(["stdio", "--database-path", library_text]));
    let arguments = entry["args"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
    let mut started = Command::new(entry["command"].as_str().unwrap())
        .env_clear()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let hello = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": { "name": "claude-desktop", "version": "1" },
        },
    });
    let mut input = started.stdin.take().unwrap();
    writeln!(input, "{hello}").unwrap();
    let mut answer = String::new();
    BufReader::new(started.stdout.take().unwrap()).read_line(&mut answer).unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["result"]["serverInfo"]["name"], "promptdb", "{answer}");
    drop(input);
    assert!(started.wait().unwrap().success());
    assert!(library.exists());
}

#[test]
fn no_key_is_written_for_claude_desktop_and_a_hint_names_it() {
    let home = Home::new();
    let settings =
        [("CONVEX_URL", "https://happy-animal-123.convex.cloud"), ("CONVEX_API_KEY", "k3y")];
    let run = home.run_with(&settings, &["connect", "claude-desktop", "--write"]);
    assert!(run.ok && run.out.contains("CONVEX_API_KEY into an \"env\""), "{}", run.out);
    let run = home.run_with(&settings, &["connect", "goose"]);
    assert!(run.out.contains("into an \"envs\""), "{}", run.out);
    let written = fs::read_to_string(home.claude_desktop()).unwrap();
    assert!(!written.contains("k3y") && !run.out.contains("k3y"), "{written}");
}

#[test]
fn each_shell_gets_its_completions() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.run(&["completions", shell]);
        assert!(script.contains("promptdb") && script.contains("connect"), "{shell}");
    }
}
