//! The built binary as a process: how it starts, what it prints, and how it ends.

mod access_token;
mod backup;
mod client;
mod crash;
mod dashboard;
mod doctor;
mod drain;
mod load;
mod log;
mod metrics;
mod openai_search;
mod secrets;
mod settings;
pub(crate) mod stdio;
mod traces;
mod upstreams;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use self::client::{Connection, exchange};

/// Longer than any step of these tests, and shorter than the 25 s of a delayed drain.
const PATIENCE: Duration = Duration::from_secs(15);

/// The binary, without the environment of the tests.
fn promptdb() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promptdb"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A process and its standard error; killed when dropped.
struct Process {
    child: Child,
    stderr: Receiver<String>,
    exit: Option<ExitStatus>,
}

impl Process {
    fn spawn(command: &mut Command) -> (Self, BufReader<ChildStdout>) {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        (Self { child, stderr, exit: None }, stdout)
    }

    fn signal(&self, signal: Signal) {
        let id = Pid::from_child(&self.child);
        kill_process(id, signal).unwrap();
    }

    /// Waits for the end. Returns the exit code, or `None` after a signal, and all of stderr.
    #[track_caller]
    fn end(&mut self) -> (Option<i32>, String) {
        self.end_within(PATIENCE)
    }

    #[track_caller]
    fn end_within(&mut self, limit: Duration) -> (Option<i32>, String) {
        let stderr = self.stderr.recv_timeout(limit).expect("the process does not end");
        let exit = self.child.wait().unwrap();
        self.exit = Some(exit);
        (exit.code(), stderr)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit.is_none() {
            // It may have ended already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Reads in a thread until the process closes its side, at its end at the latest. A process waits while
/// a full pipe is not read.
fn collect(mut output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        output.read_to_end(&mut text).unwrap();
        // The receiver is gone if the test has failed already.
        let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
    });
    receiver
}

/// A running server.
struct Server {
    process: Process,
    stdout: BufReader<ChildStdout>,
    port: u16,
    start_lines: String,
}

impl Server {
    /// Starts on a free port and waits for the five lines.
    #[track_caller]
    fn start(database: &Path, settings: &[(&str, &str)]) -> Self {
        Self::spawn(promptdb().env("DATABASE_PATH", database).envs(settings.iter().copied()))
    }

    #[track_caller]
    fn spawn(command: &mut Command) -> Self {
        let (mut process, mut stdout) = Process::spawn(command.env("PORT", "0"));
        let mut lines = String::new();
        for _ in 0..5 {
            let started = stdout.read_line(&mut lines).unwrap() > 0;
            assert!(started, "it did not start: {:?}", process.end());
        }
        let url = lines.lines().next().unwrap();
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        Self { process, stdout, port, start_lines: lines }
    }

    /// Reads the next line of stdout, after the five.
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.stdout.read_line(&mut line).unwrap() > 0, "it prints no more");
        line
    }

    fn connect(&self) -> Connection {
        Connection::open(self.port)
    }

    /// Ends the server by SIGTERM. Returns its exit code, the rest of stdout, and stderr.
    #[track_caller]
    fn stop(mut self) -> (Option<i32>, String, String) {
        self.process.signal(Signal::TERM);
        let (code, stderr) = self.process.end();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (code, rest, stderr)
    }
}

/// An empty folder, and the path of a library in it.
fn library() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("promptdb.db");
    (dir, file)
}

#[test]
fn an_idle_server_prints_five_lines_only() {
    let (dir, file) = library();
    // A folder of data without a model.
    let server = Server::start(&file, &[("XDG_DATA_HOME", dir.path().to_str().unwrap())]);
    let url = format!("http://localhost:{}", server.port);
    let expected = format!(
        "PromptDB is listening on {url}\n\
         Open {url}/app\n\
         Your prompts are in {}\n\
         Search finds prompts by words alone; `make model` makes the model of meanings\n\
         Connect Claude Code: claude mcp add --transport http --scope user promptdb {url}/mcp\n",
        file.display()
    );
    assert_eq!(server.start_lines, expected);
    assert_eq!(server.stop(), (Some(0), String::new(), String::new()));
}

#[test]
fn a_server_behind_a_proxy_prints_where_it_listens_and_where_clients_reach_it() {
    let (_dir, file) = library();
    let url = "https://localhost:8443";
    let server = Server::start(&file, &[("PUBLIC_URL", url)]);
    let lines: Vec<&str> = server.start_lines.lines().collect();
    assert_eq!(lines[0], format!("PromptDB is listening on http://localhost:{}", server.port));
    assert_eq!(lines[1], format!("Open {url}/app"));
    assert!(lines[4].ends_with(&format!(" {url}/mcp")), "{}", server.start_lines);
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_model_that_cannot_be_used_is_named_at_the_start_and_search_goes_by_words() {
    let (dir, file) = library();
    let model = dir.path().join("model.bin");
    for (content, reason) in [
        (None, "there is no such file: make the model with `make model`"),
        (Some("text"), "this is not a model of PromptDB: make one with `make model`"),
    ] {
        if let Some(content) = content {
            std::fs::write(&model, content).unwrap();
        }
        let server = Server::start(&file, &[("MODEL_PATH", model.to_str().unwrap())]);
        let line = format!(
            "Search finds prompts by words alone. MODEL_PATH: {}: {reason}",
            model.display()
        );
        assert!(server.start_lines.lines().any(|each| each == line), "{}", server.start_lines);
        let (status, ready) = exchange(server.port, "GET", "/health/ready", None);
        assert_eq!((status, &ready["search"]), (200, &json!("words")));
        let (code, stdout, stderr) = server.stop();
        assert_eq!((code, stdout.as_str()), (Some(0), ""));
        assert!(!stderr.contains("model"), "it is said once: {stderr}");
    }
}

#[test]
fn a_request_leaves_one_line_in_the_log_and_none_on_stdout() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[("LOG_FORMAT", "json")]);
    assert_eq!(exchange(server.port, "GET", "/api/me?x=y", None).0, 200);
    let (code, stdout, stderr) = server.stop();
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    let line: serde_json::Value = serde_json::from_str(&stderr).expect("one line of JSON");
    assert_eq!((&line["route"], &line["status"]), (&json!("/api/me"), &json!(200)));
}

#[test]
fn a_signal_right_after_the_start_is_a_clean_end() {
    let (_dir, file) = library();
    for _ in 0..10 {
        assert_eq!(Server::start(&file, &[]).stop().0, Some(0));
    }
}

#[test]
fn two_servers_share_one_file() {
    let (_dir, file) = library();
    let (one, other) = (Server::start(&file, &[]), Server::start(&file, &[]));
    let writers: Vec<_> = [one.port, other.port]
        .into_iter()
        .map(|port| {
            std::thread::spawn(move || {
                let mut connection = Connection::open(port);
                let mut created = 0;
                for number in 0..50 {
                    let body = json!({ "name": format!("shared-{number}"), "content": "x" });
                    match connection.send("POST", "/api/prompts", &[], Some(&body)).status {
                        201 => created += 1,
                        409 => {}
                        other => panic!("{other}"),
                    }
                }
                created
            })
        })
        .collect();
    let created: u32 = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert_eq!(created, 50, "each name is taken once");
    for server in [&one, &other] {
        assert_eq!(exchange(server.port, "GET", "/api/me", None).1["use"]["prompts"], 50);
    }
}

#[test]
fn the_server_answers_on_both_loopback_addresses() {
    let (_dir, file) = library();
    let has_ipv6 = std::net::TcpListener::bind(("::1", 0)).is_ok();
    for settings in [&[][..], &[("HOST", "localhost")]] {
        let server = Server::start(&file, settings);
        let request = format!(
            "GET /health HTTP/1.1\r\nHost: [::1]:{}\r\nConnection: close\r\n\r\n",
            server.port
        );
        for (address, is_served) in [("127.0.0.1", true), ("::1", has_ipv6)] {
            let connected = std::net::TcpStream::connect((address, server.port));
            assert_eq!(connected.is_ok(), is_served, "{address}");
            let Ok(stream) = connected else { continue };
            let mut connection = Connection(BufReader::new(stream));
            connection.write(&request);
            assert_eq!(connection.answer().unwrap().status, 200, "{address}");
        }
        assert_eq!(server.stop().0, Some(0));
    }
}

#[test]
fn the_start_promises_no_address_of_another_program() {
    let (_dir, file) = library();
    let Ok(other) = std::net::TcpListener::bind(("::1", 0)) else { return };
    let port = other.local_addr().unwrap().port().to_string();
    let mut command = promptdb();
    command.env("DATABASE_PATH", &file).env("PORT", &port);
    let (mut process, mut stdout) = Process::spawn(&mut command);
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    // Another program can have the port on IPv4 meanwhile.
    if !line.is_empty() {
        assert_eq!(line, format!("PromptDB is listening on http://127.0.0.1:{port}\n"));
        process.signal(Signal::TERM);
    }
    process.end();
}
