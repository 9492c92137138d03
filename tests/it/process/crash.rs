//! The library after `kill -9` and after a full disk.

use std::collections::HashMap;
use std::path::Path;
#[cfg(target_os = "linux")]
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::Signal;
#[cfg(target_os = "linux")]
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;

use super::{Connection, Server, library};

const WRITERS: usize = 6;
/// Minimum number of acknowledged saves before the server is killed.
const SAVES: usize = 120;

/// Saves version after version of one prompt until the server is gone. Returns the last
/// acknowledged version.
pub(super) fn save_until_cut_off(
    port: u16,
    name: &str,
    mut version: u64,
    acknowledged: &AtomicUsize,
) -> u64 {
    let mut connection = Connection::open(port);
    loop {
        let content = format!("{name} {}", version + 1);
        let (method, path) = match version {
            0 => ("POST", "/api/prompts".to_owned()),
            _ => ("PUT", format!("/api/prompts/{name}")),
        };
        let mut body = json!({ "content": content });
        match version {
            0 => body["name"] = json!(name),
            _ => body["expected_version"] = json!(version),
        }
        let Some(saved) = connection.try_send(method, &path, &body) else {
            return version;
        };
        assert!(saved.status < 300, "{}", saved.body);
        version = saved.body["version"].as_u64().unwrap();
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
}

/// Checks every version up to the last acknowledged one. Returns the current version.
fn check_versions(port: u16, name: &str, acknowledged: u64) -> u64 {
    let current = check_history(port, name);
    // One more may have been written without its answer being delivered.
    assert!([acknowledged, acknowledged + 1].contains(&current), "{name}: {current}");
    current
}

/// Checks the content of every version. Returns the current version.
pub(super) fn check_history(port: u16, name: &str) -> u64 {
    let mut connection = Connection::open(port);
    let current = connection.send("GET", &format!("/api/prompts/{name}"), &[], None);
    let current = current.body["version"].as_u64().unwrap_or(0);
    for version in 1..=current {
        let path = format!("/api/prompts/{name}?version={version}");
        let found = connection.send("GET", &path, &[], None);
        assert_eq!(found.body["content"], format!("{name} {version}"));
    }
    current
}

pub(super) fn check_integrity(file: &Path) {
    let db = rusqlite::Connection::open(file).unwrap();
    let verdict: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let orphans: u32 = db
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(orphans, 0);
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let (_dir, file) = library();
    let mut versions: HashMap<String, u64> = HashMap::new();
    for round in 0..3 {
        let mut server = Server::start(&file, &[]);
        let (port, acknowledged) = (server.port, AtomicUsize::new(0));
        for (name, version) in &mut versions {
            *version = check_versions(port, name, *version);
        }
        for writer in 0..WRITERS {
            versions.entry(format!("writer-{writer}")).or_default();
        }
        versions.insert(format!("round-{round}"), 0);
        std::thread::scope(|scope| {
            for (name, version) in &mut versions {
                let acknowledged = &acknowledged;
                scope.spawn(move || {
                    *version = save_until_cut_off(port, name, *version, acknowledged);
                });
            }
            while acknowledged.load(Ordering::SeqCst) < SAVES {
                std::thread::yield_now();
            }
            server.process.signal(Signal::KILL);
        });
        assert_eq!(server.process.end().0, None, "it was killed");
    }
    let server = Server::start(&file, &[]);
    for (name, version) in &versions {
        check_versions(server.port, name, *version);
    }
    assert_eq!(server.stop().0, Some(0));
    check_integrity(&file);
}

/// Starts a server whose files cannot grow beyond `bytes`. `SIGXFSZ` is ignored, so that a write
/// fails as on a full disk.
#[cfg(target_os = "linux")]
fn start_on_a_small_disk(file: &Path, bytes: u64) -> Server {
    let mut command = std::process::Command::new("sh");
    let script = "trap '' XFSZ; exec \"$0\"";
    command.args(["-c", script, env!("CARGO_BIN_EXE_promptdb")]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let server = Server::spawn(command.env("DATABASE_PATH", file));
    limit_files(&server, Some(bytes));
    server
}

#[cfg(target_os = "linux")]
fn limit_files(server: &Server, bytes: Option<u64>) {
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(Pid::from_child(&server.process.child)), Resource::Fsize, limit).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_refuses_saves_and_loses_nothing() {
    let (_dir, file) = library();
    let server = start_on_a_small_disk(&file, 400 * 1024);
    let port = server.port;
    let content = "x".repeat(4000);
    let create = |connection: &mut Connection, name: &str| {
        let body = json!({ "name": name, "content": format!("{name} {content}") });
        let answer = connection.send("POST", "/api/prompts", &[], Some(&body));
        (answer.status, answer.body)
    };
    // Several writers at a time, so that they share a commit when the disk becomes full.
    let write_until_full = |writer: usize| {
        let mut connection = Connection::open(port);
        let mut acknowledged = Vec::new();
        loop {
            let name = format!("w{writer}-{}", acknowledged.len());
            match create(&mut connection, &name) {
                (201, _) => acknowledged.push(name),
                (503, problem) => {
                    assert_eq!(problem["type"], "urn:promptdb:problem:unavailable");
                    return acknowledged;
                }
                other => panic!("{other:?}"),
            }
        }
    };
    let mut acknowledged: Vec<String> = std::thread::scope(|scope| {
        let writers = [0, 1, 2, 3].map(|writer| {
            let write_until_full = &write_until_full;
            scope.spawn(move || write_until_full(writer))
        });
        writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect()
    });
    assert!(!acknowledged.is_empty());
    // A commit of several saves is refused where one alone still fits. The save that is refused now
    // is refused again, because nothing changes in between.
    let alone = write_until_full(4);
    let refused = format!("w4-{}", alone.len());
    acknowledged.extend(alone);

    let mut connection = Connection::open(port);
    let check_all = |connection: &mut Connection| {
        for name in &acknowledged {
            let found = connection.send("GET", &format!("/api/prompts/{name}"), &[], None);
            assert_eq!(found.body["content"], format!("{name} {content}"));
        }
    };
    check_all(&mut connection);
    assert_eq!(create(&mut connection, &refused).0, 503);
    let arguments = json!({ "name": refused, "content": format!("{refused} {content}") });
    let tool = super::client::call_tool(port, "save_prompt", &arguments);
    assert_eq!(tool["isError"], true, "{tool}");

    limit_files(&server, None);
    assert_eq!(create(&mut connection, &refused).0, 201, "there is room again");
    check_all(&mut connection);
    let counts = connection.send("GET", "/api/me", &[], None).body["use"].take();
    assert_eq!(counts["prompts"], acknowledged.len() + 1, "what was refused was not written");
    assert_eq!(server.stop().0, Some(0));
    check_integrity(&file);
}
