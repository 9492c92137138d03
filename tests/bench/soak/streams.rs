//! A client of the legacy transport: one stream for the answers, and a connection for what it asks.

use std::sync::Arc;
use std::time::Duration;

use memchr::memmem;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout};

use super::client::{Client, Sent, Shared};
use crate::client::{Case, Connection};

/// How often such a client asks.
const EVERY: Duration = Duration::from_millis(100);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The last chunk of a body that was ended and not cut off (RFC 9112, section 7.1).
const CLEAN_END: &[u8] = b"\r\n0\r\n\r\n";

/// Asks over one stream after the other until it is over.
pub(super) async fn run(shared: Arc<Shared>) {
    while !shared.is_over() {
        // A connection that was open before may lead to a server which does not have the next stream.
        let mut client = Client::new(Arc::clone(&shared));
        if let Err(broken) = follow(&mut client).await {
            shared.report_broken(format!("a stream: {broken}"));
        }
    }
}

/// A stream, from its opening to its end.
async fn follow(client: &mut Client) -> Result<(), String> {
    let shared = Arc::clone(&client.shared);
    let (mut stream, generation) = client.connect().await?;
    let excused = |what: String| {
        if shared.was_killed(generation) {
            shared.report(|tally| tally.cut += 1);
            Ok(())
        } else {
            Err(what)
        }
    };
    let open = Case::bodiless("GET", "/sse", vec![]);
    if let Err(error) = stream.open_stream(&open, b"sessionId=").await {
        return excused(format!("it was not opened: {error}"));
    }
    let path = endpoint(&stream)?;
    let mut due = Instant::now();
    for id in 0.. {
        if shared.is_over() {
            return Ok(());
        }
        sleep_until(due).await;
        due += EVERY;
        let message = match id {
            0 => hello(),
            1 => json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }),
            id => list(id),
        };
        let case = Case::post(&path, "", &message.to_string(), vec![]);
        match client.send(&case).await? {
            Sent::Cut => return Ok(()),
            Sent::Answered(202, _) => {}
            // The stream has ended meanwhile, and nothing was asked.
            Sent::Answered(404, _) => return expect_end(&mut stream).await.or_else(excused),
            Sent::Answered(status, _) => return Err(format!("a message is answered by {status}")),
        }
        if message["id"].is_null() {
            continue;
        }
        let answer = format!("\"id\":{id},\"result\"");
        match timeout(PATIENCE, stream.read_until(answer.as_bytes())).await {
            Ok(Ok(_)) => shared.report_done("ask over a stream", None),
            Ok(Err(error)) => {
                return excused(format!("a message was accepted and not answered: {error}"));
            }
            Err(_) => return excused("a message was accepted and not answered".to_owned()),
        }
        if memmem::find(stream.so_far(), CLEAN_END).is_some() {
            return Ok(());
        }
    }
    Ok(())
}

/// The path for messages, which the first event names.
fn endpoint(stream: &Connection) -> Result<String, String> {
    let said = String::from_utf8_lossy(stream.so_far());
    let path = said.lines().find_map(|line| line.strip_prefix("data: "));
    path.map(str::to_owned).ok_or_else(|| format!("it begins with {said}"))
}

async fn expect_end(stream: &mut Connection) -> Result<(), String> {
    match timeout(PATIENCE, stream.read_until(CLEAN_END)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("it was cut off: {error}")),
        Err(_) => Err("it takes no message and does not end".to_owned()),
    }
}

fn hello() -> Value {
    json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2024-11-05",
        "capabilities": {},
        "clientInfo": { "name": "bench", "version": "1.0.0" },
    } })
}

fn list(id: u64) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {
        "name": "list_prompts", "arguments": { "limit": 5 },
    } })
}
