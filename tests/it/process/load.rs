//! The server under more clients than it accepts, each with its own connection.

use serde_json::json;

use super::{Connection, Server, exchange, library, promptdb};

const MAX_REQUESTS: usize = 20;
const CLIENTS: usize = 200;
/// The length of `{"name":"p000","content":"x"}`.
const PROMPT_BYTES: usize = 29;

/// Sends a head with `Expect: 100-continue`, and returns the head of the answer.
fn send_head(server: &Server) -> (Connection, String) {
    let mut connection = server.connect();
    connection.write(&format!(
        "POST /api/prompts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {PROMPT_BYTES}\r\nExpect: 100-continue\r\n\r\n"
    ));
    let head = connection.head().unwrap();
    (connection, head)
}

#[test]
fn health_answers_while_further_requests_are_refused_at_once() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[("MAX_CONCURRENT_REQUESTS", &MAX_REQUESTS.to_string())]);
    let mut waiting: Vec<Connection> = Vec::new();
    let mut refused = 0;
    for _ in 0..CLIENTS {
        let (connection, head) = send_head(&server);
        if head.starts_with("HTTP/1.1 100") {
            waiting.push(connection);
            continue;
        }
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        assert!(head.contains("retry-after: 1\r\n"), "{head}");
        refused += 1;
    }
    assert_eq!((waiting.len(), refused), (MAX_REQUESTS, CLIENTS - MAX_REQUESTS));
    assert_eq!(exchange(server.port, "GET", "/health", None).0, 200);
    assert_eq!(exchange(server.port, "GET", "/health/ready", None).1["status"], "ready");

    for (number, connection) in waiting.iter_mut().enumerate() {
        connection.write(&format!("{{\"name\":\"p{number:03}\",\"content\":\"x\"}}"));
        assert_eq!(connection.answer().unwrap().status, 201);
    }
    assert!(send_head(&server).1.starts_with("HTTP/1.1 100"), "there is room again");
}

/// Starts a server with limits of open files: `soft`, which it can raise up to `hard`.
fn start_with_files(file: &std::path::Path, soft: u32, hard: u32) -> Server {
    let mut command = std::process::Command::new("sh");
    let script = "ulimit -Sn \"$1\" && ulimit -Hn \"$2\" && exec \"$0\"";
    let binary = promptdb();
    command
        .args(["-c", script])
        .arg(binary.get_program())
        .args([soft, hard].map(|n| n.to_string()));
    command.env_clear().stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    Server::spawn(command.env("DATABASE_PATH", file))
}

#[test]
fn connections_leave_files_for_the_library() {
    let (_dir, file) = library();
    let server = start_with_files(&file, 200, 200);
    let mut connections: Vec<Connection> = (0..CLIENTS).map(|_| server.connect()).collect();
    let prompt = json!({ "name": "poem", "content": "x" });
    let first = &mut connections[0];
    assert_eq!(first.send("POST", "/api/prompts", &[], Some(&prompt)).status, 201);
    assert_eq!(first.send("GET", "/api/prompts", &[], None).status, 200);
    assert_eq!(first.send("GET", "/health/ready", &[], None).body["status"], "ready");

    // A waiting connection is accepted when others close.
    let mut last = connections.pop().unwrap();
    drop(connections);
    assert_eq!(last.send("GET", "/api/prompts/poem", &[], None).status, 200);
    drop(last);
    let (code, _, stderr) = server.stop();
    assert_eq!(code, Some(0));
    assert!(!stderr.contains("no connection can be accepted"), "{stderr}");
}

#[test]
fn the_server_raises_its_limit_of_open_files() {
    let (_dir, file) = library();
    let server = start_with_files(&file, 64, 400);
    let mut connections: Vec<Connection> = (0..CLIENTS).map(|_| server.connect()).collect();
    for connection in &mut connections {
        assert_eq!(connection.send("GET", "/health", &[], None).status, 200);
    }
}
