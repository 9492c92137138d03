//! The commands on prompts, as the built binary, while an app has the same library open.

mod exporting;
mod reading;
mod restoring;
mod screens;
mod writing;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use promptdb::domain::SystemClock;
use promptdb::store::sqlite::SqliteStore;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::TestApp;

/// A home folder with a library.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn library(&self) -> PathBuf {
        self.path().join("library.db")
    }

    /// The binary with nothing of the environment of the tests.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promptdb"));
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("DATABASE_PATH", self.library())
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that reads `input`.
    fn pipe(&self, input: &[u8], arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The command may refuse what is far too long before it has read all of it.
        let written = child.stdin.take().unwrap().write_all(input);
        assert!(written.is_ok() || input.len() > 100_000);
        child.wait_with_output().unwrap()
    }

    /// Saves a prompt, and checks that it was.
    #[track_caller]
    fn save(&self, name: &str, text: &str, options: &[&str]) {
        done(&self.pipe(text.as_bytes(), &[&["save", name, "-"], options].concat()));
    }

    /// The content of a prompt.
    #[track_caller]
    fn text(&self, name: &str) -> String {
        done(&self.run(&["get", name, "--raw"]))
    }

    /// An app on the library, in the process of the tests.
    fn app(&self) -> TestApp {
        let clock = Arc::new(SystemClock);
        let store = SqliteStore::open(&self.library(), Duration::from_secs(10), clock).unwrap();
        TestApp::builder().store(Arc::new(store)).build()
    }
}

/// Asserts success and returns standard output.
#[track_caller]
fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts an exit code, and returns standard error: lines for a person, of which the first begins with
/// the name of the program.
#[track_caller]
fn failed(output: &Output, code: i32) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(message.starts_with("promptdb: "), "{message}");
    message
}

#[track_caller]
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_of_a_command_is_that_of_its_rest_twin() {
    let home = Home::new();
    let app = home.app();
    let saved = home.pipe(
        b"Review {{code}} in {{tone}}.",
        &["save", "Code Review", "--title", "Review", "--tag", "#Rust", "--favorite", "--json"],
    );
    let saved = parse(&done(&saved));
    assert_eq!((&saved["notes"], &saved["similar"]), (&json!([]), &json!([])));
    home.save("code-review", "Review {{code}}.", &["--description", "d"]);

    let rest = app.get("/api/prompts/code-review").await.json();
    assert_eq!(parse(&done(&home.run(&["get", "code-review", "--raw", "--json"]))), rest);
    assert_eq!(rest["id"], saved["id"], "a second save is a version");
    let mut rest = app.get("/api/prompts?limit=100").await.json();
    assert_eq!(parse(&done(&home.run(&["list", "--json"]))), rest);
    rest["total"] = json!(1);
    for command in ["list", "search"] {
        assert_eq!(parse(&done(&home.run(&[command, "review", "--json"]))), rest);
    }
    let rest = app.get("/api/prompts/code-review/versions").await.json();
    assert_eq!(rest["versions"].as_array().unwrap().len(), 2);
    assert_eq!(parse(&done(&home.run(&["history", "Code review", "--json"]))), rest);
    let rest = app.get("/api/tags").await.json();
    assert_eq!(parse(&done(&home.run(&["tags", "--json"]))), rest);
    let rest = app.post("/api/prompts/code-review/render", json!({})).await.json();
    let output = home.run(&["get", "code-review", "--json"]);
    assert_eq!(parse(&String::from_utf8(output.stdout.clone()).unwrap()), rest);
    failed(&output, 1);

    let deleted = parse(&done(&home.run(&["delete", "code-review", "--json"])));
    assert_eq!(deleted, app.get("/api/prompts?deleted=true").await.json()["prompts"][0]);
    let restored = home.run(&["restore", "code-review", "--version", "1", "--json"]);
    let restored = parse(&done(&restored));
    let mut rest = app.get("/api/prompts/code-review").await.json();
    rest["notes"] = json!([]);
    assert_eq!((restored["version"].as_u64(), &restored), (Some(3), &rest));
    for kind in ["saved", "deleted", "restored"] {
        let trail = app.get("/api/audit").await.json().to_string();
        assert!(trail.contains(kind) && trail.contains("\"cli\""), "{trail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rendering_is_a_use_that_is_recorded_before_the_command_ends() {
    let home = Home::new();
    let app = home.app();
    home.save("poem", "Write.", &[]);
    for _ in 0..2 {
        assert_eq!(done(&home.run(&["get", "poem"])), "Write.");
    }
    assert_eq!(done(&home.run(&["get", "poem", "--raw"])), "Write.");
    assert_eq!(app.get("/api/prompts/poem").await.json()["use_count"], 2);
}
