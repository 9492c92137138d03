//! `promptdb stdio`: newline-delimited JSON-RPC and nothing else (MCP specification, transports).

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::client::call_tool;
use super::{PATIENCE, Process, Server, library, promptdb};
use crate::convex::functions;

/// A client of `promptdb stdio`.
pub(crate) struct Client {
    process: Process,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Client {
    fn start(file: &Path, settings: &[(&str, &str)]) -> Self {
        let mut command = promptdb();
        command.arg("stdio").env("DATABASE_PATH", file).envs(settings.iter().copied());
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let (mut process, stdout) = Process::spawn(command);
        let stdin = process.child.stdin.take();
        Self { process, stdin, stdout }
    }

    pub(super) fn connect(file: &Path, settings: &[(&str, &str)]) -> Self {
        let mut client = Self::start(file, settings);
        client.handshake();
        client
    }

    /// Connects to a process of any command, as a client starts the one in its file.
    pub(crate) fn connect_to(command: &mut Command) -> Self {
        let mut client = Self::spawn(command);
        client.handshake();
        client
    }

    /// Closes stdin, waits for a successful exit, and returns all of stderr.
    pub(crate) fn close(&mut self) -> String {
        drop(self.stdin.take());
        let (code, stderr) = self.process.end();
        assert_eq!(code, Some(0), "{stderr}");
        stderr
    }

    /// Returns the result of `initialize`.
    fn handshake(&mut self) -> Value {
        let mut answer = self.ask(
            1,
            "initialize",
            &json!({ "protocolVersion": "2025-11-25",
            "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } }),
        );
        assert_eq!(answer["result"]["serverInfo"]["name"], "promptdb");
        self.line(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }).to_string());
        answer["result"].take()
    }

    pub(super) fn line(&mut self, text: &str) {
        self.bytes(format!("{text}\n").as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(bytes).unwrap();
        stdin.flush().unwrap();
    }

    /// The next message on stdout, `None` at its end. Fails on a line that is not a message.
    fn message(&mut self) -> Option<Value> {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let message: Value = serde_json::from_str((!line.is_empty()).then_some(&line)?).unwrap();
        assert_eq!(message["jsonrpc"], "2.0");
        Some(message)
    }

    /// Sends a request and returns its answer. Skips notifications before it.
    pub(super) fn ask(&mut self, id: u32, method: &str, params: &Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.line(&request.to_string());
        loop {
            let message = self.message().expect("an answer");
            if message["id"] == id {
                return message;
            }
        }
    }

    pub(crate) fn call(&mut self, id: u32, tool: &str, arguments: &Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        self.ask(id, "tools/call", &params)["result"].take()
    }
}

#[test]
fn stdio_and_a_server_on_one_file_see_each_others_writes() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[]);
    let mut client = Client::connect(&file, &[]);
    client.call(2, "save_prompt", &json!({ "name": "from-stdio", "content": "one" }));
    let got = call_tool(server.port, "get_prompt", &json!({ "name": "from-stdio" }));
    assert_eq!(got["structuredContent"]["text"], "one");

    let change = json!({ "name": "from-stdio", "content": "two", "expected_version": 1 });
    assert_eq!(call_tool(server.port, "save_prompt", &change)["isError"], false);
    let got = client.call(3, "get_prompt", &json!({ "name": "from-stdio" }));
    assert_eq!(got["structuredContent"]["text"], "two");
    assert_eq!(
        client.call(4, "save_prompt", &change)["isError"],
        true,
        "the expected version is stale"
    );
}

#[test]
fn a_request_with_an_id_that_is_in_use_is_refused_and_none_stays_unanswered() {
    let (_dir, file) = library();
    let mut client = Client::connect(&file, &[]);
    let request = json!({ "jsonrpc": "2.0", "id": "z", "method": "tools/call",
        "params": { "name": "list_prompts", "arguments": {} } });
    // In one write, so that the second is read before the first is answered.
    client.line(&vec![request.to_string(); 4].join("\n"));
    let answers: Vec<Value> = (0..4).map(|_| client.message().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer["id"] == "z"), "{answers:?}");
    let errors: Vec<&str> =
        answers.iter().filter_map(|answer| answer["error"]["message"].as_str()).collect();
    assert!(errors.iter().all(|error| error.ends_with("the id is already in use")), "{errors:?}");
    assert!(errors.len() < 4, "the first is answered");
    // It is free again.
    assert_eq!(client.ask(9, "ping", &json!({}))["result"], json!({}));
}

/// Saves with `save` until the client is notified; returns the prompts that it then lists.
fn list_after_notification(mut client: Client, mut save: impl FnMut(&Value)) -> String {
    let (notify, notified) = std::sync::mpsc::channel();
    let reading = std::thread::spawn(move || {
        let methods = [client.message(), client.message()];
        notify.send(methods.map(|message| message.unwrap()["method"].take())).unwrap();
        client
    });
    // A save each second until one is noticed: the test knows no moment of the first look.
    let every = std::time::Duration::from_secs(1);
    let found = (0..PATIENCE.as_secs()).find_map(|number| {
        save(&json!({ "name": format!("p{number}"), "content": "x" }));
        notified.recv_timeout(every).ok()
    });
    let expected = ["notifications/prompts/list_changed", "notifications/resources/list_changed"];
    assert_eq!(found, Some(expected.map(Value::from)), "in {PATIENCE:?}");
    let listed = reading.join().unwrap().ask(3, "prompts/list", &json!({}));
    listed["result"]["prompts"].to_string()
}

#[test]
fn a_client_of_stdio_is_notified_of_the_saves_of_a_server() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[]);
    let client = Client::connect(&file, &[]);
    let listed = list_after_notification(client, |prompt| {
        assert_eq!(call_tool(server.port, "save_prompt", prompt)["isError"], false);
    });
    assert!(listed.contains("\"p0\""), "{listed}");
}

#[test]
fn a_client_of_stdio_is_notified_of_the_saves_of_another_machine_on_convex() {
    let (_dir, file) = library();
    let url = format!("http://{}", functions::address());
    let settings = [("CONVEX_URL", url.as_str()), ("CONVEX_API_KEY", functions::API_KEY)];
    let mut other = Client::connect(&file, &settings);
    let mut client = Client::start(&file, &settings);
    let capabilities = client.handshake()["capabilities"].take();
    assert_eq!(capabilities["prompts"]["listChanged"], true);
    let listed = list_after_notification(client, |prompt| {
        assert_eq!(other.call(2, "save_prompt", prompt)["isError"], false);
    });
    assert!(listed.contains("\"p0\""), "{listed}");
}

#[test]
fn an_invalid_line_is_answered_with_an_error_and_keeps_the_connection() {
    let (_dir, file) = library();
    let mut client = Client::start(&file, &[]);
    let (deep, long) = ("[".repeat(100_000), "x".repeat(256 * 1024 + 1));
    let longer = format!("{{\"jsonrpc\": \"{}\"}}", "x".repeat(17 * 1024 * 1024));
    let check = |client: &mut Client, line: &[u8], code: i64, id: Value| {
        client.bytes(line);
        client.bytes(b"\n");
        let answer = client.message().unwrap();
        let shown = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
        assert_eq!((&answer["error"]["code"], &answer["id"]), (&json!(code), &id), "{shown}");
    };
    check(&mut client, b"hello?", -32700, Value::Null);
    client.handshake();
    for (line, code) in [
        ("not json", -32700),
        ("{", -32700),
        ("\u{0}\u{1}", -32700),
        (deep.as_str(), -32700),
        ("[]", -32600),
        ("42", -32600),
        ("null", -32600),
        ("{\"jsonrpc\":\"1.0\"}\r", -32600),
        ("{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", -32600),
        (long.as_str(), -32600),
        (longer.as_str(), -32600),
    ] {
        check(&mut client, line.as_bytes(), code, Value::Null);
    }
    check(&mut client, b"\xff\xfe{", -32700, Value::Null);
    check(&mut client, b"{\"jsonrpc\":\"2.0\",\"id\":7}", -32600, json!(7));
    check(&mut client, b"[{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"ping\"}]", -32600, json!(7));
    // Notifications and responses get no response (JSON-RPC 2.0, section 4.1), even invalid ones: two
    // peers would otherwise answer each other's errors for ever.
    for line in ["", "\r", "{\"method\":5}", "{\"error\":{}}", "{\"id\":1,\"result\":{}}"] {
        client.line(line);
    }
    let call = json!({ "name": "list_prompts", "arguments": {} });
    let call = json!({ "jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": call });
    client.line(&call.to_string());
    let answer = client.message().unwrap();
    assert_eq!(answer["id"], 9, "{answer}");
    assert_eq!(answer["result"]["structuredContent"]["prompts"], json!([]));
}

#[test]
fn the_end_of_stdin_ends_the_process_after_every_request_is_answered() {
    let (_dir, file) = library();
    let mut client = Client::connect(&file, &[]);
    for id in 0..20 {
        let call = json!({ "jsonrpc": "2.0", "id": 100 + id, "method": "tools/call", "params":
            { "name": "save_prompt", "arguments": { "name": format!("last-{id}"), "content": "x" } } });
        client.line(&call.to_string());
    }
    drop(client.stdin.take());
    let mut answered: Vec<u64> = std::iter::from_fn(|| client.message())
        .filter_map(|message| message["id"].as_u64())
        .collect();
    answered.sort_unstable();
    assert_eq!(answered, (100..120).collect::<Vec<u64>>());
    let log = client.close();
    assert_eq!(log.lines().filter(|line| line.contains("call")).count(), 21, "{log}");
    assert_eq!(log.lines().count(), 21, "{log}");
}

#[test]
fn a_client_that_closes_without_a_message_is_a_clean_end() {
    let (_dir, file) = library();
    let mut client = Client::start(&file, &[]);
    assert_eq!(client.close(), "");
    let mut rest = String::new();
    client.stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn sigterm_ends_stdio_while_stdin_is_open() {
    let (_dir, file) = library();
    for handshake in [true, false] {
        let mut client =
            if handshake { Client::connect(&file, &[]) } else { Client::start(&file, &[]) };
        client.line("");
        if !handshake {
            // An answer shows that the process handles signals by now.
            client.line("{}");
            client.message();
        }
        client.process.signal(Signal::TERM);
        let (code, log) = client.process.end();
        assert_eq!((code, log.lines().count()), (Some(0), usize::from(handshake)), "{log}");
    }
}

#[test]
fn sigterm_ends_stdio_while_stdout_is_blocked() {
    let (_dir, file) = library();
    let mut client = Client::connect(&file, &[]);
    // Each answer has about 10 KB, and a pipe holds 64 KB.
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {} });
    for _ in 0..100 {
        client.line(&list.to_string());
    }
    client.process.signal(Signal::TERM);
    assert_eq!(client.process.end().0, Some(0));
}
