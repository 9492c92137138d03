//! A scripted deployment, which speaks Convex's HTTP function API.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The deployment's reaction to one request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// The function returns this value.
    Return(Value),
    /// The function throws a `ConvexError` with this data.
    Throw(Value),
    /// The function fails with the message that a production deployment returns.
    Fail,
    /// An answer that no function produced: its status, content type and body.
    Say(u16, &'static str, String),
    /// No answer, and the connection stays open.
    Hang,
    /// The head of an answer, and then one byte of its body a second.
    Trickle,
    /// The connection is closed without an answer.
    Close,
    /// The request is forwarded to the deployment at this address, and the connection is closed
    /// without the answer.
    LoseAnswer(String),
    /// The request is forwarded to the deployment at this address, and so is its answer.
    Pass(String),
}

/// The functions that jobs call at times of their own. They are answered beside the script, and not
/// seen.
const BESIDE_REQUESTS: [&str; 2] = ["clients:record", "audit:mark"];

/// A running fake.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Fake {
    /// Starts a deployment that performs one act for each request, in order, and repeats the last.
    pub(crate) async fn run(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(Mutex::new(VecDeque::from(acts)));
        let notes = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&notes)));
            }
        });
        Self { url, seen }
    }

    /// The bodies of the requests so far, in order of arrival.
    pub(crate) fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }

    /// The heads of the requests so far, in lower case and in order of arrival.
    pub(crate) fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Arc<Mutex<VecDeque<Act>>>,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
) {
    while let Some((head, body)) = read_message(&mut stream).await {
        let small = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let call: Value = serde_json::from_slice(&body).unwrap();
        let act = if BESIDE_REQUESTS.iter().any(|path| call["path"] == *path) {
            let is_mark = call["path"] == "audit:mark";
            Some(Act::Return(if is_mark { json!(0.0) } else { Value::Null }))
        } else {
            seen.lock().unwrap().push((small, call));
            let mut script = script.lock().unwrap();
            if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
        };
        let (status, kind, text) = match act.unwrap() {
            Act::Return(value) => (
                200,
                "application/json",
                json!({ "status": "success", "value": value }).to_string(),
            ),
            Act::Throw(data) => {
                let message = "[Request ID: 1f2e3d] Server Error";
                let error =
                    json!({ "status": "error", "errorMessage": message, "errorData": data });
                (200, "application/json", error.to_string())
            }
            Act::Fail => {
                let message = "[Request ID: 1f2e3d] Server Error";
                let error = json!({ "status": "error", "errorMessage": message });
                (200, "application/json", error.to_string())
            }
            Act::Say(status, kind, text) => (status, kind, text),
            Act::Hang => std::future::pending().await,
            Act::Trickle => return trickle(stream).await,
            Act::Close => return,
            Act::LoseAnswer(address) => {
                forward(&address, &head, &body).await;
                return;
            }
            Act::Pass(address) => {
                let answer = forward(&address, &head, &body).await;
                stream.write_all(&answer).await.unwrap();
                return;
            }
        };
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 {status} Whatever\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{text}"
        );
        // The write fails if the client has closed the connection after its deadline.
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn trickle(mut stream: TcpStream) {
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let mut open = stream.write_all(head).await.is_ok();
    while open {
        tokio::time::sleep(Duration::from_secs(1)).await;
        open = stream.write_all(b" ").await.is_ok();
    }
}

/// Forwards a message and returns the whole answer. `Connection: close` ends the answer (RFC 9112,
/// section 9.6).
async fn forward(address: &str, head: &[u8], body: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&head[..head.len() - 2]).await.unwrap();
    stream.write_all(b"connection: close\r\n\r\n").await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    answer
}

/// The head and the body of the next HTTP message with a `Content-Length`; `None` at the end.
async fn read_message(stream: &mut TcpStream) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).unwrap();
    let length: usize = length.trim().parse().unwrap();
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = bytes.split_off(end);
    Some((bytes, body))
}
