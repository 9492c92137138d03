//! The server with more clients than it takes on, each on a connection of its own.

use serde_json::json;

use super::{Connection, Server, exchange, library, promptdb};

const PLACES: usize = 20;
const CLIENTS: usize = 200;
/// As long as `{"name":"p000","content":"x"}`.
const PROMPT_BYTES: usize = 29;

/// Sends the head of a request and asks whether the body is wanted.
fn knock(server: &Server) -> (Connection, String) {
    let mut connection = server.connect();
    connection.write(&format!(
        "POST /api/prompts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {PROMPT_BYTES}\r\nExpect: 100-continue\r\n\r\n"
    ));
    let head = connection.head().unwrap();
    (connection, head)
}

#[test]
fn health_answers_while_every_place_is_taken_and_others_are_refused_at_once() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[("MAX_CONCURRENT_REQUESTS", &PLACES.to_string())]);
    let mut waiting: Vec<Connection> = Vec::new();
    let mut others = 0;
    for _ in 0..CLIENTS {
        let (connection, head) = knock(&server);
        if head.starts_with("HTTP/1.1 100") {
            waiting.push(connection);
            continue;
        }
        assert!(head.starts_with("HTTP/1.1 503"), "{head}");
        assert!(head.contains("retry-after: 1\r\n"), "{head}");
        others += 1;
    }
    assert_eq!((waiting.len(), others), (PLACES, CLIENTS - PLACES));
    assert_eq!(exchange(server.port, "GET", "/health", None).0, 200);
    assert_eq!(exchange(server.port, "GET", "/health/ready", None).1["status"], "ready");

    for (number, connection) in waiting.iter_mut().enumerate() {
        connection.write(&format!("{{\"name\":\"p{number:03}\",\"content\":\"x\"}}"));
        assert_eq!(connection.answer().unwrap().status, 201);
    }
    assert!(knock(&server).1.starts_with("HTTP/1.1 100"), "there is room again");
}

/// The server where the system lets it open so many files: `soft` at first, at most `hard`.
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

    // Those who wait are let in as others go.
    let mut last = connections.pop().unwrap();
    drop(connections);
    assert_eq!(last.send("GET", "/api/prompts/poem", &[], None).status, 200);
    drop(last);
    let (code, _, stderr) = server.stop();
    assert_eq!(code, Some(0));
    assert!(!stderr.contains("no connection can be accepted"), "{stderr}");
}

#[test]
fn the_server_asks_for_as_many_files_as_it_may_have() {
    let (_dir, file) = library();
    let server = start_with_files(&file, 64, 400);
    let mut connections: Vec<Connection> = (0..CLIENTS).map(|_| server.connect()).collect();
    for connection in &mut connections {
        assert_eq!(connection.send("GET", "/health", &[], None).status, 200);
    }
}
