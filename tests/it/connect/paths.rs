//! The path of the program that a client gets, where a package manager keeps each version in a folder of
//! its own.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{BINARY, Home, Run, read_json};

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// That it is missing elsewhere is tested without a checkout, whose path may name the version, too.
const HINT: &str = "names its version";

/// A folder in which a package manager keeps programs.
struct Prefix(TempDir);

impl Prefix {
    /// Makes one on the file system of the program, so that it takes hard links to it.
    fn new() -> Self {
        Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn install(&self, path: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::hard_link(BINARY, &path).unwrap();
        path
    }

    fn link(&self, path: &str, target: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, &path).unwrap();
        path
    }
}

/// Connects Cursor by a command that starts the program. Returns the output and the path that it wrote.
#[track_caller]
fn connect(home: &Home, command: &mut Command) -> (String, PathBuf) {
    command.env("HOME", home.path()).args(["connect", "cursor", "--write"]);
    let run = Run::of(command.output().unwrap());
    assert!(run.ok, "{}", run.error);
    let file = read_json(&home.cursor());
    let path = file["mcpServers"]["promptdb"]["command"].as_str().unwrap();
    (run.out, PathBuf::from(path))
}

/// A command with no environment.
fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.env_clear();
    command
}

#[track_caller]
fn starts(program: &Path) {
    let run = Run::of(command(program).arg("--version").output().unwrap());
    assert_eq!(run.out, format!("promptdb {VERSION}\n"), "{}", run.error);
}

#[test]
fn a_client_of_a_program_from_homebrew_works_after_an_upgrade() {
    let (home, prefix) = (Home::new(), Prefix::new());
    let cellar = format!("Cellar/promptdb/{VERSION}");
    prefix.install(&format!("{cellar}/libexec/promptdb"));
    let opt = prefix.link("opt/promptdb", &format!("../{cellar}"));
    let program = prefix.path("opt/promptdb/libexec/promptdb");
    let script = prefix.path(&cellar).join("bin/promptdb");
    fs::create_dir(script.parent().unwrap()).unwrap();
    fs::write(&script, format!("#!/bin/sh\nexec \"{}\" \"$@\"\n", program.display())).unwrap();
    let started = prefix.link("bin/promptdb", &format!("../{cellar}/bin/promptdb"));

    let (_, written) = connect(&home, command("/bin/sh").arg(started));
    assert_eq!(written, program);

    fs::rename(prefix.path(&cellar), prefix.path("Cellar/promptdb/99.0.0")).unwrap();
    fs::remove_file(&opt).unwrap();
    prefix.link("opt/promptdb", "../Cellar/promptdb/99.0.0");
    starts(&written);
}

#[test]
fn a_client_gets_the_link_in_the_search_path_and_not_its_target() {
    let (home, prefix) = (Home::new(), Prefix::new());
    let stored = prefix.install(&format!("store/1a2b-promptdb-{VERSION}/bin/promptdb"));
    let link = prefix.link("profile/bin/promptdb", stored.to_str().unwrap());
    let folders = [prefix.path("none"), link.parent().unwrap().to_owned()];
    let search_path = std::env::join_paths(folders).unwrap();
    let (_, written) = connect(&home, command("promptdb").env("PATH", search_path));
    assert_eq!(written, link);
    starts(&written);
}

#[test]
fn a_client_gets_a_whole_path_where_the_program_was_started_by_a_relative_one() {
    let (home, prefix) = (Home::new(), Prefix::new());
    let stored = prefix.install("store/promptdb");
    let link = prefix.link("bin/promptdb", stored.to_str().unwrap());
    let (_, written) = connect(&home, command("bin/promptdb").current_dir(prefix.0.path()));
    assert_eq!(written, link);
}

#[test]
fn a_name_that_leads_to_another_program_is_not_written() {
    use std::os::unix::process::CommandExt;
    let (home, prefix) = (Home::new(), Prefix::new());
    let stored = prefix.install("store/promptdb");
    for name in ["/bin/sh", "sh", "-promptdb", ""] {
        let mut command = command(&stored);
        let (_, written) = connect(&home, command.arg0(name).env("PATH", "/usr/bin:/bin"));
        assert_eq!(written, stored, "{name}");
    }
}

#[test]
fn a_path_that_ends_with_an_upgrade_is_written_with_a_hint() {
    let (home, prefix) = (Home::new(), Prefix::new());
    let stored = prefix.install(&format!("installs/promptdb/{VERSION}/bin/promptdb"));
    let (output, written) = connect(&home, &mut command(&stored));
    assert_eq!(written, stored);
    assert!(output.contains(HINT) && output.contains("promptdb connect cursor"), "{output}");
    for client in ["claude-code", "jetbrains", "other"] {
        let shown = command(&stored).env("HOME", home.path()).args(["connect", client]).output();
        let shown = Run::of(shown.unwrap()).out;
        assert!(shown.contains(HINT) && shown.ends_with('\n'), "{client}: {shown}");
    }

    let cached = prefix.install("_npx/1a2b/node_modules/@promptdb/linux-x64/promptdb");
    let (output, _) = connect(&home, &mut command(cached));
    assert!(output.contains("install it first"), "{output}");
}
