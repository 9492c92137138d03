//! `promptdb backup`: a copy of the library at one moment, while writes continue.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use promptdb::store::sqlite::backup::{BackupProgress, back_up};
use rusqlite::Connection as Database;
use rustix::process::Signal;
use serde_json::json;

use super::crash::{check_history, check_integrity, save_until_cut_off};
use super::{Connection, Server, exchange, library, promptdb};

/// This many prompts of 60 KB take more than two steps of a copy.
const LONG_PROMPTS: usize = 40;

fn fill(port: u16) {
    let mut connection = Connection::open(port);
    for number in 0..LONG_PROMPTS {
        let content = format!("{number} {}", "x".repeat(60_000));
        let body = json!({ "name": format!("long-{number}"), "content": content });
        assert_eq!(connection.send("POST", "/api/prompts", &[], Some(&body)).status, 201);
    }
}

fn run(library: &Path, settings: &[(&str, &str)], target: &Path) -> Output {
    let mut command = promptdb();
    command.env("DATABASE_PATH", library).envs(settings.iter().copied());
    command.arg("backup").arg(target).output().unwrap()
}

/// Checks that the backup was refused, and returns the one line that says why.
#[track_caller]
fn check_refused(output: &Output) -> String {
    let message = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
    message
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_backup_during_saves_is_complete_and_a_server_opens_it() {
    let (dir, file) = library();
    let folder = dir.path().join("backups");
    fs::create_dir(&folder).unwrap();
    let mut server = Server::start(&file, &[]);
    fill(server.port);
    let acknowledged = AtomicUsize::new(0);
    let saved = || acknowledged.load(Ordering::SeqCst);
    let writers = ["one", "two", "three"];
    let target = std::thread::scope(|scope| {
        for name in writers {
            let (port, acknowledged) = (server.port, &acknowledged);
            scope.spawn(move || save_until_cut_off(port, name, 0, acknowledged));
        }
        while saved() < 50 {
            std::thread::yield_now();
        }
        // Repeated until a save is acknowledged during a backup.
        let targets = (0..).map(|number| folder.join(format!("backup-{number}.db")));
        let taken = targets.map(|target| {
            let before = saved();
            let output = run(&file, &[], &target);
            let message = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{message}");
            let bytes = fs::metadata(&target).unwrap().len();
            let expected = format!(
                "backed up {} to {}: {bytes} bytes, checked\n",
                file.display(),
                target.display()
            );
            assert_eq!(message, expected);
            (target, saved() > before)
        });
        let (target, _) = taken.into_iter().find(|(_, is_busy)| *is_busy).unwrap();
        server.process.signal(Signal::KILL);
        target
    });
    assert_eq!(server.process.end().0, None, "it was killed");

    assert!(names(&folder).iter().all(|name| name.starts_with("backup-")), "{:?}", names(&folder));
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    check_integrity(&target);
    let server = Server::start(&target, &[]);
    let versions: u64 = writers.iter().map(|name| check_history(server.port, name)).sum();
    assert!(versions >= 50, "{versions}");
    for number in [0, LONG_PROMPTS - 1] {
        let path = format!("/api/prompts/long-{number}");
        let (status, prompt) = exchange(server.port, "GET", &path, None);
        assert_eq!(status, 200);
        assert!(prompt["content"].as_str().unwrap().starts_with(&format!("{number} x")));
    }
    let body = json!({ "content": "the backup is a library like any other" });
    assert_eq!(exchange(server.port, "POST", "/api/prompts", Some(&body)).0, 201);
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_save_during_a_backup_neither_restarts_it_nor_is_part_of_it() {
    let (dir, file) = library();
    let server = Server::start(&file, &[]);
    fill(server.port);
    let copy = |name: &str, between: &mut dyn FnMut()| {
        let mut steps = Vec::new();
        let target = dir.path().join(name);
        let bytes = back_up(&file, &target, Duration::from_secs(10), |step| {
            between();
            steps.push(step);
        });
        (bytes.unwrap(), steps, Database::open(target).unwrap())
    };
    let (bytes, quiet, _) = copy("quiet.db", &mut || {});
    assert_eq!(quiet.last(), Some(&BackupProgress::Checking));
    assert!(quiet.len() > 2, "{quiet:?}");

    let mut number = 0;
    let (busy_bytes, busy, backup) = copy("busy.db", &mut || {
        number += 1;
        let body = json!({ "name": format!("late-{number}"), "content": "x".repeat(60_000) });
        assert_eq!(exchange(server.port, "POST", "/api/prompts", Some(&body)).0, 201);
    });
    assert_eq!((busy_bytes, busy), (bytes, quiet));
    let count = |condition: &str| -> usize {
        let sql = format!("SELECT count(*) FROM prompts WHERE {condition}");
        backup.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("name LIKE 'long-%'"), count("name LIKE 'late-%'")), (LONG_PROMPTS, 0));
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_backup_replaces_no_file_and_a_refusal_has_a_reason() {
    let (dir, file) = library();
    let at = |name: &str| dir.path().join(name);
    let message = check_refused(&run(&file, &[], &at("x.db")));
    assert!(message.contains("there is no library; set DATABASE_PATH"), "{message}");
    assert!(names(dir.path()).is_empty(), "a missing library is not created");

    assert_eq!(Server::start(&file, &[]).stop().0, Some(0));
    fs::write(at("taken.db"), "the last good one").unwrap();
    let message = check_refused(&run(&file, &[], &at("taken.db")));
    assert!(message.contains("a backup replaces none; choose another name"), "{message}");
    assert_eq!(fs::read_to_string(at("taken.db")).unwrap(), "the last good one");
    assert!(check_refused(&run(&file, &[], &file)).contains("replaces none"));
    std::os::unix::fs::symlink("nowhere", at("link.db")).unwrap();
    assert!(check_refused(&run(&file, &[], &at("link.db"))).contains("replaces none"));
    let message = check_refused(&run(&file, &[], &at("no/such/x.db")));
    assert!(message.contains("there is no folder") && message.contains("create it"), "{message}");
    assert!(!message.contains(".promptdb-backup"), "{message}");

    let convex = [
        ("CONVEX_URL", "https://happy-animal-123.convex.cloud"),
        ("CONVEX_API_KEY", "0123456789abcdef0123456789abcdef"),
    ];
    let message = check_refused(&run(&file, &convex, &at("x.db")));
    assert!(message.contains("npx convex export --path"), "{message}");
    assert!(!message.contains(convex[1].1), "{message}");

    Database::open(at("other.db")).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let message = check_refused(&run(&at("other.db"), &[], &at("x.db")));
    assert!(message.contains("it is a database of another program"), "{message}");
    fs::write(at("text.db"), "no database, but a text of some length").unwrap();
    assert!(check_refused(&run(&at("text.db"), &[], &at("x.db"))).contains("it is not a database"));
    assert_eq!(names(dir.path()), ["link.db", "other.db", "promptdb.db", "taken.db", "text.db"]);
}

#[test]
fn a_damaged_library_gives_no_backup() {
    let (dir, file) = library();
    assert_eq!(Server::start(&file, &[]).stop().0, Some(0));
    // The root of a table: neither a free page nor an overflow page, which the check might skip.
    let root: usize = Database::open(&file)
        .unwrap()
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'prompts'", [], |row| {
            row.get(0)
        })
        .unwrap();
    // Read after the connection above is closed: the last one to close copies the log into the file.
    let mut bytes = fs::read(&file).unwrap();
    let page: usize = u16::from_be_bytes([bytes[16], bytes[17]]).into();
    bytes[(root - 1) * page..root * page].fill(0xEE);
    fs::write(&file, bytes).unwrap();
    let message = check_refused(&run(&file, &[], &dir.path().join("x.db")));
    assert!(message.contains("the library is damaged"), "{message}");
    assert_eq!(names(dir.path()), ["promptdb.db"]);
}
