//! A server for one person, as a process: where it listens, what it prints, and what it keeps.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::client::exchange;
use super::{Server, library};

const TOKEN: &str = "5f0cbd3a9f9d4ce9b6f1a7f8d3f3c1e2";

/// Sends a request with a body, and returns the whole response.
fn send(port: u16, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    let length = body.len();
    let request = format!(
        "{head}\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

#[test]
fn the_token_is_in_no_line_of_output_and_in_no_file() {
    let (dir, file) = library();
    let settings = [("ACCESS_TOKEN", TOKEN), ("HOST", "0.0.0.0"), ("RUST_LOG", "trace")];
    let server = Server::start(&file, &settings);
    let port = server.port;
    let url = format!("http://localhost:{port}");
    let command = format!(
        "Connect Claude Code: promptdb connect claude-code --url {url} --write --token-stdin\n"
    );
    assert!(server.start_lines.ends_with(&command), "{}", server.start_lines);

    assert_eq!(exchange(port, "GET", "/health/ready", None).0, 200);
    assert_eq!(exchange(port, "GET", "/api/me", None).0, 401);
    let bearer = format!("GET /api/me HTTP/1.1\r\nAuthorization: Bearer {TOKEN}");
    assert!(send(port, &bearer, "").starts_with("HTTP/1.1 200 "));
    let form = "POST /auth/login HTTP/1.1\r\nSec-Fetch-Site: same-origin\r\n\
        Content-Type: application/x-www-form-urlencoded";
    let signed_in = send(port, form, &format!("token={TOKEN}&return_to=/app"));
    assert!(signed_in.starts_with("HTTP/1.1 303 "), "{signed_in}");
    // Plain http on this machine: the cookie has neither the prefix nor `Secure`.
    assert!(signed_in.contains("\r\nset-cookie: promptdb="), "{signed_in}");
    let in_url = format!("GET /api/me?access_token={TOKEN} HTTP/1.1");
    assert!(send(port, &in_url, "").starts_with("HTTP/1.1 400 "));
    let wrong = send(port, form, &format!("token={TOKEN}x"));
    assert!(wrong.starts_with("HTTP/1.1 401 "), "{wrong}");

    let lines = server.start_lines.clone();
    let (code, stdout, stderr) = server.stop();
    assert_eq!(code, Some(0), "{stderr}");
    for text in [&lines, &stdout, &stderr] {
        assert!(!text.contains(TOKEN), "{text}");
    }
    let session = signed_in.split_once("promptdb=").unwrap().1.split_once(';').unwrap().0;
    assert!(!stderr.contains(session), "{stderr}");
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
    }
}
