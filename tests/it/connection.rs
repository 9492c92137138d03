//! A lasting connection of lines, as over stdio.

mod refusals;

use std::sync::Arc;
use std::time::Duration;

use promptdb::domain::identity::{Client, Principal};
use promptdb::library::Library;
use promptdb::mcp::{Lines, PromptServer, Toolset, serve_connection};
use promptdb::store::Store;
use rmcp::service::ServerInitializeError;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{FixedClock, sqlite};

const REVISION: &str = "2026-07-28";

/// The client's end of a connection.
pub(crate) struct Connection {
    input: WriteHalf<DuplexStream>,
    output: BufReader<ReadHalf<DuplexStream>>,
    serving: JoinHandle<Result<(), ServerInitializeError>>,
    _dir: TempDir,
}

impl Connection {
    pub(crate) fn open() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Arc::new(sqlite(&dir, FixedClock::new()));
        Self::open_on(dir, store)
    }

    fn open_on(dir: TempDir, store: Arc<dyn Store>) -> Self {
        let library = Library::new(store, FixedClock::new());
        let server =
            PromptServer::new(Arc::new(library), Toolset::default(), Duration::from_secs(10));
        let (client, transport) = tokio::io::duplex(64 * 1024);
        let caller = Principal::local(Client::named("test"));
        let cancel = CancellationToken::new();
        let (input, output) = tokio::io::split(transport);
        let serving = serve_connection(server, caller, Lines::new(input, output), cancel);
        let (output, input) = tokio::io::split(client);
        let output = BufReader::new(output);
        Self { input, output, serving: tokio::spawn(serving), _dir: dir }
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
    }

    /// Sends a request of 2026-07-28.
    pub(crate) async fn request(&mut self, id: u32, method: &str, mut params: Value) {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let message = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(message).await;
    }

    pub(crate) async fn receive(&mut self) -> Option<Value> {
        loop {
            let mut line = String::new();
            match self.output.read_line(&mut line).await.unwrap() {
                0 => return None,
                // A blank line between two messages is harmless.
                _ if line.trim().is_empty() => {}
                _ => return Some(serde_json::from_str(&line).unwrap()),
            }
        }
    }

    /// Closes the client's end, and returns the messages until the server closes its own.
    async fn close(mut self) -> Vec<Value> {
        self.input.shutdown().await.unwrap();
        let mut rest = Vec::new();
        while let Some(message) = self.receive().await {
            rest.push(message);
        }
        self.serving.await.unwrap().unwrap();
        rest
    }

    /// Saves a prompt, and returns the messages before the response.
    async fn save(&mut self) -> Vec<Value> {
        let arguments = json!({ "name": "news", "content": "Something new" });
        let call = json!({ "name": "save_prompt", "arguments": arguments });
        self.request(9, "tools/call", call).await;
        let mut received = Vec::new();
        loop {
            let message = self.receive().await.unwrap();
            if message["id"] == 9 {
                assert_eq!(message["result"]["isError"], false, "{message}");
                return received;
            }
            received.push(message);
        }
    }
}

fn methods(messages: &[Value]) -> Vec<&str> {
    messages.iter().filter_map(|message| message["method"].as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_connection_with_an_open_subscription_ends_when_its_client_closes() {
    let mut connection = Connection::open();
    let params = json!({ "notifications": { "promptsListChanged": true } });
    connection.request(1, "subscriptions/listen", params).await;
    let acknowledged = connection.receive().await.unwrap();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    // The paused clock advances only when no task can run, so the timeout means a deadlock.
    let rest = tokio::time::timeout(Duration::from_secs(1), connection.close()).await.unwrap();
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(rest[0]["id"], 1);
}

#[tokio::test]
async fn a_client_of_the_newest_revision_gets_no_notification_without_a_subscription() {
    let mut connection = Connection::open();
    let mut received = connection.save().await;
    received.extend(connection.close().await);
    assert_eq!(methods(&received), [""; 0]);
}

#[tokio::test]
async fn a_subscription_is_notified_of_a_change_once() {
    let mut connection = Connection::open();
    let params = json!({ "notifications": { "promptsListChanged": true } });
    connection.request(1, "subscriptions/listen", params).await;
    let mut received = vec![connection.receive().await.unwrap()];
    received.extend(connection.save().await);
    received.extend(connection.close().await);
    let expected =
        ["notifications/subscriptions/acknowledged", "notifications/prompts/list_changed"];
    assert_eq!(methods(&received), expected);
}

#[tokio::test]
async fn an_initialized_client_is_notified_of_changes_without_a_subscription() {
    let mut connection = Connection::open();
    let client = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client });
    connection.send(initialize).await;
    connection.receive().await.unwrap();
    connection.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
    let arguments = json!({ "name": "news", "content": "Something new" });
    let call = json!({ "name": "save_prompt", "arguments": arguments });
    connection
        .send(json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call }))
        .await;
    let mut received = Vec::new();
    while methods(&received).len() < 2 {
        received.push(connection.receive().await.unwrap());
    }
    let expected = ["notifications/prompts/list_changed", "notifications/resources/list_changed"];
    assert_eq!(methods(&received), expected);
    connection.close().await;
}

#[tokio::test]
async fn a_method_that_the_newest_revision_removed_is_not_found_there() {
    let mut connection = Connection::open();
    connection.request(0, "server/discover", json!({})).await;
    assert_eq!(connection.receive().await.unwrap()["id"], 0);
    let removed = ["initialize", "ping", "logging/setLevel", "resources/subscribe"];
    for (id, method) in (1..).zip(removed) {
        connection.request(id, method, json!({})).await;
        let answer = connection.receive().await.unwrap();
        assert_eq!(answer["id"], id, "{method}: {answer}");
        assert_eq!(answer["error"]["code"], -32601, "{method}: {answer}");
    }
}
