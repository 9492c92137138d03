//! A minimal HTTP/1.1 client, with which a test controls each byte and its time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::PATIENCE;

/// A connection to a server on this machine.
pub(super) struct Connection(pub(super) BufReader<TcpStream>);

/// An answer with a `Content-Length`.
pub(super) struct Answer {
    pub(super) status: u16,
    /// The body if it is JSON, otherwise null.
    pub(super) body: Value,
    pub(super) text: String,
}

impl Connection {
    pub(super) fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(super) fn write(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Sends a request and reads the answer; the connection stays open.
    #[track_caller]
    pub(super) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        self.write(&request(method, path, headers, body));
        self.answer().unwrap()
    }

    /// Sends a request to a server that may be killed; `None` if it was.
    pub(super) fn try_send(&mut self, method: &str, path: &str, body: &Value) -> Option<Answer> {
        let request = request(method, path, &[], Some(body));
        self.0.get_mut().write_all(request.as_bytes()).ok()?;
        self.answer().ok()
    }

    /// Reads the head of an answer, with the empty line at its end.
    pub(super) fn head(&mut self) -> std::io::Result<String> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(head)
    }

    pub(super) fn answer(&mut self) -> std::io::Result<Answer> {
        let head = self.head()?;
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body)?;
        let text = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, body: serde_json::from_slice(&body).unwrap_or_default(), text })
    }

    /// Reads the data of the next event of a stream; `None` at its end.
    pub(super) fn event(&mut self) -> Option<String> {
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(data) = line.strip_prefix("data: ") {
                return Some(data.trim_end().to_owned());
            }
        }
    }

    /// Reads until the server closes the connection.
    pub(super) fn rest(&mut self) -> String {
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
    }
}

/// One request on a connection of its own.
#[track_caller]
pub(super) fn exchange(port: u16, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
    let answer = Connection::open(port).send(method, path, &[], body);
    (answer.status, answer.body)
}

/// The result of a tool call over `/mcp`.
#[track_caller]
pub(super) fn call_tool(port: u16, name: &str, arguments: &Value) -> Value {
    let params = serde_json::json!({ "name": name, "arguments": arguments });
    let call =
        serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    exchange(port, "POST", "/mcp", Some(&call)).1["result"].take()
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    let Some(body) = body.map(Value::to_string) else { return head + "\r\n" };
    let length = body.len();
    format!("{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}
