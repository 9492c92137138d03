//! Pipes, devices, folders and links in the place of the files of a command.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use super::{Home, done, failed};

impl Home {
    /// Makes a named pipe that only its owner and group use.
    fn make_pipe(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        let made = Command::new("mkfifo").arg("-m").arg("640").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }

    /// What is in the home.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_library_is_a_regular_file_or_a_link_to_one() {
    let home = Home::new();
    home.save("poem", "Write.", &[]);
    done(&home.run(&["backup", "backup.db"]));
    symlink("library.db", home.path().join("link.db")).unwrap();
    assert_eq!(done(&home.run_on("link.db", &["get", "poem"])), "Write.");
    let pipe = home.make_pipe("pipe");
    fs::create_dir(home.path().join("folder")).unwrap();
    symlink("pipe", home.path().join("link")).unwrap();
    let names = home.names();
    for library in ["pipe", "folder", "link"] {
        let path = home.path().join(library);
        let refused = format!(
            "promptdb: DATABASE_PATH: {} cannot be used: it is not a regular file\n",
            path.display()
        );
        for arguments in [&["list"][..], &["export"], &["stdio"], &["serve"]] {
            let output = home.command_on(library, arguments).env("PORT", "0").output().unwrap();
            assert_eq!(failed(&output, 1), refused, "{arguments:?}");
        }
        let message = failed(&home.run_on(library, &["backup", "new.db"]), 1);
        assert!(message.contains("library cannot be read: it is not a regular file"), "{message}");
        let message = failed(&home.run_on(library, &["restore-backup", "backup.db"]), 1);
        assert!(message.contains("leads to no regular file; check DATABASE_PATH"), "{message}");
        let message = failed(&home.run(&["restore-backup", library]), 1);
        assert!(message.contains("was not restored: it is not a regular file"), "{message}");
        let output = home.command_on(library, &["doctor"]).env("PORT", "0").output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let report = String::from_utf8(output.stdout).unwrap();
        let refused = format!("{}: it is not a regular file", path.display());
        assert!(report.contains(&refused), "{report}");
    }
    assert_eq!((mode(&pipe), home.names()), (0o640, names), "nothing is changed or left");
}

#[test]
fn a_backup_goes_to_no_stream() {
    let home = Home::new();
    home.save("poem", "Write.", &[]);
    home.make_pipe("pipe");
    let names = home.names();
    let message = failed(&home.run(&["backup", "-"]), 2);
    assert!(message.starts_with("promptdb: a backup needs a file"), "{message}");
    let message = failed(&home.run(&["backup", "pipe"]), 1);
    assert!(message.contains("a file with this name exists"), "{message}");
    assert_eq!(home.names(), names);
}

/// Reads a pipe to its end, on a thread of its own: opening it waits for its writer.
fn read_pipe(pipe: PathBuf) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || fs::read(pipe).unwrap())
}

#[test]
fn an_export_writes_into_a_pipe_and_does_not_replace_it() {
    let home = Home::new();
    home.save("poem", "Write.", &[]);
    let pipe = home.make_pipe("pipe");
    symlink("pipe", home.path().join("link")).unwrap();
    let names = home.names();
    for (arguments, start) in [
        (["export", "-o", "pipe"].to_vec(), &b"{"[..]),
        (["export", "-o", "link"].to_vec(), b"{"),
        // Where standard output can hold one file only, so can a pipe.
        (["export", "-o", "pipe", "--format", "skills"].to_vec(), b"PK"),
    ] {
        let reader = read_pipe(pipe.clone());
        done(&home.run(&arguments));
        assert!(reader.join().unwrap().starts_with(start), "{arguments:?}");
    }
    // The descriptors of this process, which a shell passes for `>(gzip)`, are pipes without a path.
    assert!(done(&home.run(&["export", "-o", "/dev/fd/1"])).contains("Write."));
    // A file that a shell has opened, as for `>>`, keeps what it has.
    let all = home.path().join("all");
    fs::write(&all, "before ").unwrap();
    let file = File::options().append(true).open(&all).unwrap();
    done(&home.command(&["export", "-o", "/dev/fd/1"]).stdout(file).output().unwrap());
    let text = fs::read_to_string(&all).unwrap();
    fs::remove_file(&all).unwrap();
    assert!(text.starts_with("before {") && text.contains("Write."), "{text}");
    assert_eq!((mode(&pipe), home.names()), (0o640, names));
}

#[test]
fn an_export_replaces_what_a_link_leads_to_and_keeps_its_mode() {
    let home = Home::new();
    home.save("poem", "Write.", &[]);
    let at = |name: &str| home.path().join(name);
    fs::create_dir(at("folder")).unwrap();
    home.write("folder/file.json", "old");
    symlink("folder/file.json", at("link.json")).unwrap();
    fs::set_permissions(at("folder/file.json"), fs::Permissions::from_mode(0o664)).unwrap();
    done(&home.run(&["export", "-o", "link.json"]));
    assert!(fs::symlink_metadata(at("link.json")).unwrap().is_symlink());
    assert!(fs::read_to_string(at("folder/file.json")).unwrap().contains("Write."));
    assert_eq!(mode(&at("folder/file.json")), 0o664);
    done(&home.run(&["export", "-o", "new.json"]));
    assert_eq!(mode(&at("new.json")), 0o600, "only the user can read a new file");

    home.write("kept.json", "old");
    fs::set_permissions(at("kept.json"), fs::Permissions::from_mode(0o444)).unwrap();
    let message = failed(&home.run(&["export", "-o", "kept.json"]), 1);
    assert!(message.contains("kept.json is read-only; make it writable"), "{message}");
    assert_eq!(fs::read_to_string(at("kept.json")).unwrap(), "old");
    symlink("nowhere", at("dangling.json")).unwrap();
    let message = failed(&home.run(&["export", "-o", "dangling.json"]), 1);
    assert!(message.contains("it is a link to a file that does not exist"), "{message}");
}

#[test]
fn an_import_reads_a_pipe_as_it_reads_standard_input() {
    let home = Home::new();
    let prompts = "[{\"name\":\"poem\",\"content\":\"Write.\"}]";
    let pipe = home.make_pipe("pipe");
    let table = home.make_pipe("table.csv");
    for (path, text) in [(pipe, prompts), (table, "name,content\npoem,Write.\n")] {
        let writer = std::thread::spawn({
            let path = path.clone();
            move || fs::write(path, text).unwrap()
        });
        let out = done(&home.run(&["import", path.to_str().unwrap(), "--dry-run"]));
        writer.join().unwrap();
        assert!(out.ends_with("1 created, 0 updated, 0 unchanged, 0 refused\n"), "{out}");
    }
    let out = done(&home.pipe(prompts.as_bytes(), &["import", "/dev/stdin"]));
    assert!(out.ends_with("1 created, 0 updated, 0 unchanged, 0 refused\n"), "{out}");
    assert_eq!(home.text("poem"), "Write.");
}

#[test]
fn a_version_or_help_that_cannot_be_written_fails() {
    let home = Home::new();
    for option in ["--version", "--help"] {
        if cfg!(target_os = "linux") {
            let full = File::options().write(true).open("/dev/full").unwrap();
            let output = home.command(&[option]).stdout(full).output().unwrap();
            let message = failed(&output, 1);
            assert!(message.starts_with("promptdb: standard output: No space left"), "{message}");
        }
        // A reader that went away has read enough.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        done(&home.command(&[option]).stdout(writer).output().unwrap());
    }
}
