//! `promptdb restore-backup`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::{Home, done, failed};

fn home() -> Home {
    let home = Home::new();
    home.save("poem", "Of the backup.", &[]);
    done(&home.run(&["backup", "backup.db"]));
    home.save("poem", "Of the library.", &[]);
    home
}

/// The libraries of before.
fn kept(home: &Home) -> Vec<PathBuf> {
    let entries = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut kept: Vec<PathBuf> =
        entries.filter(|path| path.to_str().unwrap().contains("before-restore")).collect();
    kept.sort_unstable();
    kept
}

#[test]
fn a_backup_takes_the_place_of_the_library_which_is_kept() {
    let home = home();
    let backup = fs::read(home.path().join("backup.db")).unwrap();
    let output = home.run(&["restore-backup", "backup.db"]);
    assert_eq!(done(&output), "");
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    let library = home.library();
    assert!(
        lines[0].starts_with(&format!("restored backup.db to {}: ", library.display())),
        "{said}"
    );
    let [old] = &kept(&home)[..] else { panic!("{:?}", kept(&home)) };
    assert_eq!(lines[1], format!("the library of before is in {}", old.display()));
    assert_eq!(fs::metadata(&library).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(home.text("poem"), "Of the backup.");
    assert!(fs::read(home.path().join("backup.db")).unwrap() == backup, "it stays as it is");
    // Both are libraries, and the one of before is restored in the same way.
    done(&home.run(&["restore-backup", old.to_str().unwrap()]));
    assert_eq!(home.text("poem"), "Of the library.");
    assert_eq!(kept(&home).len(), 2);
    let left = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_str().unwrap().starts_with(".promptdb-")));
}

#[test]
fn a_library_that_is_in_use_stays_as_it_is() {
    let home = home();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let app = runtime.block_on(async { home.app() });
    let message = failed(&home.run(&["restore-backup", "backup.db"]), 1);
    assert!(message.contains("the library is in use; stop the server"), "{message}");
    assert_eq!(message.lines().count(), 1);
    assert_eq!(runtime.block_on(app.get("/api/prompts/poem")).json()["content"], "Of the library.");
    assert!(kept(&home).is_empty());
    drop(app);
    done(&home.run(&["restore-backup", "backup.db"]));
    assert_eq!(home.text("poem"), "Of the backup.");
}

#[test]
fn what_is_no_sound_backup_is_refused_and_changes_nothing() {
    let home = home();
    let backup = fs::read(home.path().join("backup.db")).unwrap();
    let mut damaged = backup.clone();
    for byte in &mut damaged[8192..20000] {
        *byte ^= 0xA5;
    }
    fs::write(home.path().join("damaged.db"), damaged).unwrap();
    fs::write(home.path().join("half.db"), &backup[..backup.len() / 2]).unwrap();
    fs::write(home.path().join("text.db"), "text ".repeat(1000)).unwrap();
    fs::write(home.path().join("nothing.db"), "").unwrap();
    let foreign = rusqlite::Connection::open(home.path().join("foreign.db")).unwrap();
    foreign.execute_batch("CREATE TABLE t (a)").unwrap();
    fs::copy(home.path().join("backup.db"), home.path().join("newer.db")).unwrap();
    let newer = rusqlite::Connection::open(home.path().join("newer.db")).unwrap();
    newer.pragma_update(None, "user_version", 10_000).unwrap();
    let before = fs::read(home.library()).unwrap();
    for (file, words) in [
        ("none.db", "there is no such file, or it is empty"),
        ("nothing.db", "there is no such file, or it is empty"),
        ("text.db", "not a database"),
        ("half.db", "damaged"),
        ("damaged.db", "damaged"),
        ("foreign.db", "a database of another program"),
        ("newer.db", "written by a newer PromptDB"),
        ("library.db", "this is the library itself"),
        (".", "was not restored"),
    ] {
        let message = failed(&home.run(&["restore-backup", file]), 1);
        assert!(message.contains(words) && message.contains(file), "{file}: {message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.matches("damaged").count() < 3, "{message}");
        assert!(!message.contains("restore a backup"), "{message}");
        assert!(fs::read(home.library()).unwrap() == before, "{file}");
    }
    assert!(kept(&home).is_empty());
    let output = home
        .command(&["restore-backup", "backup.db"])
        .envs([
            ("CONVEX_URL", "https://x.convex.cloud"),
            ("CONVEX_API_KEY", "0123456789abcdef0123456789abcdef"),
        ])
        .output();
    let message = failed(&output.unwrap(), 1);
    assert!(message.contains("CONVEX_URL") && message.contains("npx convex import"), "{message}");
}

#[test]
fn a_backup_replaces_a_damaged_library_and_its_log_and_makes_a_missing_one() {
    let home = home();
    fs::write(home.library(), "no database any more").unwrap();
    done(&home.run(&["restore-backup", "backup.db"]));
    assert_eq!(home.text("poem"), "Of the backup.");
    let [old] = &kept(&home)[..] else { panic!("{:?}", kept(&home)) };
    assert_eq!(fs::read_to_string(old).unwrap(), "no database any more");

    // A log of another file would be written into the restored one.
    fs::remove_file(home.library()).unwrap();
    fs::remove_file(old).unwrap();
    fs::write(home.path().join("library.db-wal"), "log").unwrap();
    fs::write(home.path().join("library.db-journal"), "journal").unwrap();
    let output = home.run(&["restore-backup", "backup.db"]);
    done(&output);
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    assert_eq!(home.text("poem"), "Of the backup.");
    let logs: Vec<String> =
        kept(&home).iter().map(|log| fs::read_to_string(log).unwrap()).collect();
    assert_eq!(logs, ["journal", "log"]);

    let elsewhere = home.path().join("new/folder/library.db");
    let restore =
        home.command(&["restore-backup", "backup.db"]).env("DATABASE_PATH", &elsewhere).output();
    let said = String::from_utf8(restore.unwrap().stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    let output = home.command(&["get", "poem"]).env("DATABASE_PATH", &elsewhere).output();
    assert_eq!(done(&output.unwrap()), "Of the backup.");

    // A path that was given by mistake.
    let foreign = home.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let before = fs::read(&foreign).unwrap();
    let output =
        home.command(&["restore-backup", "backup.db"]).env("DATABASE_PATH", &foreign).output();
    assert!(failed(&output.unwrap(), 1).contains("another program; check DATABASE_PATH"));
    assert!(fs::read(&foreign).unwrap() == before);
}

#[test]
fn a_library_behind_a_link_is_replaced_where_it_is() {
    let home = home();
    let elsewhere = home.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let target = elsewhere.join("prompts.db");
    fs::rename(home.library(), &target).unwrap();
    std::os::unix::fs::symlink(&target, home.library()).unwrap();
    done(&home.run(&["restore-backup", "backup.db"]));
    assert_eq!(home.text("poem"), "Of the backup.");
    assert_eq!(fs::read_link(home.library()).unwrap(), target);
    assert!(kept(&home).is_empty(), "it is beside the file");
    let entries = fs::read_dir(&elsewhere).unwrap().map(|entry| entry.unwrap().path());
    let old: Vec<PathBuf> = entries.filter(|path| *path != target).collect();
    let [old] = &old[..] else { panic!("{old:?}") };
    let output = home.command(&["get", "poem"]).env("DATABASE_PATH", old).output();
    assert_eq!(done(&output.unwrap()), "Of the library.");

    // A restoration is for a library that is lost, maybe with its folder.
    fs::remove_dir_all(&elsewhere).unwrap();
    done(&home.run(&["restore-backup", "backup.db"]));
    assert_eq!(fs::read_link(home.library()).unwrap(), target);
    assert!(target.is_file());
    assert_eq!(home.text("poem"), "Of the backup.");
}

#[test]
fn what_is_only_in_the_log_of_a_killed_server_is_in_the_library_of_before() {
    let home = home();
    let open = rusqlite::Connection::open(home.library()).unwrap();
    // Reading opens the log, which stays for as long as a connection has it.
    open.query_row("SELECT count(*) FROM prompts", [], |_| Ok(())).unwrap();
    home.save("late", "Only in the log.", &[]);
    // A copy of both files while a connection keeps the log, as a killed server leaves them.
    let other = Home::new();
    for end in ["", "-wal"] {
        let name = format!("library.db{end}");
        fs::copy(home.path().join(&name), other.path().join(&name)).unwrap();
    }
    drop(open);
    assert!(fs::metadata(other.path().join("library.db-wal")).unwrap().len() > 0);
    let backup = home.path().join("backup.db");
    done(&other.run(&["restore-backup", backup.to_str().unwrap()]));
    let [old] = &kept(&other)[..] else { panic!("{:?}", kept(&other)) };
    let output = other.command(&["get", "late"]).env("DATABASE_PATH", old).output();
    assert_eq!(done(&output.unwrap()), "Only in the log.");
    failed(&other.run(&["get", "late"]), 3);
}
