//! `promptdb connect`, `disconnect` and `completions`: the built binary in a temporary home folder.

mod cases;
mod changes;
mod files;
mod paths;
mod projects;
mod shown;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::process::stdio::Client;
use crate::support::home::{self, BINARY};

/// The outcome and the output of a run.
struct Run {
    ok: bool,
    code: Option<i32>,
    out: String,
    error: String,
}

impl Run {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (ok, code) = (output.status.success(), output.status.code());
        Self { ok, code, out: text(output.stdout), error: text(output.stderr) }
    }
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

/// A home folder with the configuration folders of every client.
struct Home(home::Home);

impl Home {
    fn new() -> Self {
        let home = Self(home::Home::new());
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
        self.path().join(folder)
    }

    fn cursor(&self) -> PathBuf {
        self.path().join(".cursor/mcp.json")
    }

    fn claude_code(&self) -> PathBuf {
        self.path().join(".claude.json")
    }

    fn vscode(&self) -> PathBuf {
        self.config().join("Code/User/mcp.json")
    }

    fn claude_desktop(&self) -> PathBuf {
        self.config().join("Claude/claude_desktop_config.json")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.bare_command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
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

#[test]
fn claude_desktop_starts_the_server_on_the_chosen_library() {
    let home = Home::new();
    let file = home.path().join("other.json");
    let library = home.path().join("library.db");
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
    let mut started = Command::new(entry["command"].as_str().unwrap());
    Client::connect_to(started.env_clear().args(arguments)).close();
    assert!(library.exists());
}

#[test]
fn each_shell_gets_its_completions() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.run(&["completions", shell]);
        assert!(script.contains("promptdb") && script.contains("connect"), "{shell}");
        // The values of an argument, where the shell would offer the names of files.
        assert!(script.contains("relevance") && script.contains("recent"), "{shell}");
    }
}

#[test]
fn a_url_with_a_path_is_refused_with_one_of_another_machine() {
    let error = Home::new().fails(&["connect", "cursor", "--url", "https://nas.example/mcp"]);
    assert_eq!(
        error,
        "promptdb: --url is https://nas.example/mcp, but must be an address like \
         https://prompts.example.com or http://localhost:3000, without a path\n"
    );
}
