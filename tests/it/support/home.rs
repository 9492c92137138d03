//! A temporary home folder in which the built binary runs.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use promptdb::domain::SystemClock;
use promptdb::store::sqlite::SqliteStore;
use tempfile::TempDir;

use super::TestApp;

/// The program that is tested.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_promptdb");

/// A home folder. Its library is `library.db`, unless a test selects another one.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.path().join("library.db")
    }

    /// The binary with nothing of the environment of the tests, on the user's usual library.
    pub(crate) fn bare_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// The binary on the library of the home.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_on("library.db", arguments)
    }

    /// The binary on the library in this file of the home.
    pub(crate) fn command_on(&self, library: &str, arguments: &[&str]) -> Command {
        let mut command = self.bare_command(arguments);
        command.env("DATABASE_PATH", self.path().join(library));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn run_on(&self, library: &str, arguments: &[&str]) -> Output {
        self.command_on(library, arguments).output().unwrap()
    }

    /// Runs a command that reads `input`.
    pub(crate) fn pipe(&self, input: &[u8], arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The command may refuse what is far too long before it has read all of it.
        let written = child.stdin.take().unwrap().write_all(input);
        assert!(written.is_ok() || input.len() > 100_000);
        child.wait_with_output().unwrap()
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Saves a prompt, and checks that it was.
    #[track_caller]
    pub(crate) fn save(&self, name: &str, text: &str, options: &[&str]) {
        done(&self.pipe(text.as_bytes(), &[&["save", name, "-"], options].concat()));
    }

    /// The content of a prompt.
    #[track_caller]
    pub(crate) fn text(&self, name: &str) -> String {
        done(&self.run(&["get", name, "--raw"]))
    }

    /// An app on the library, in the process of the tests.
    pub(crate) fn app(&self) -> TestApp {
        let clock = Arc::new(SystemClock);
        let store = SqliteStore::open(&self.library(), Duration::from_secs(10), clock).unwrap();
        TestApp::builder().store(Arc::new(store)).build()
    }
}

/// Asserts success and returns standard output.
#[track_caller]
pub(crate) fn done(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Asserts an exit code, and returns standard error: lines for a person, of which the first begins with
/// the name of the program.
#[track_caller]
pub(crate) fn failed(output: &Output, code: i32) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{message}");
    assert!(message.starts_with("promptdb: "), "{message}");
    message
}
