//! What the clients of the soak ask, over REST and both revisions of MCP, and what they understand of
//! the answers.

use serde_json::{Value, json};

use crate::client::Case;
use crate::requests::Revision;

/// A way in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Door {
    Rest,
    Mcp(Revision),
}

/// What a request came to.
#[derive(Debug)]
pub(super) enum Reply {
    /// The document over REST, the structured content over MCP.
    Done(Value),
    /// There is no such thing.
    Missing,
    /// The server could not do it, and said so as it should.
    Trouble(String),
    /// The server was killed before it answered.
    Cut,
}

/// What a server says that cannot do something, whose fault it is not.
const TROUBLES: [(&str, &str); 3] = [
    ("busy", "the library is busy; try again in a moment"),
    ("unavailable", "the library is unavailable and nothing was changed; try again later"),
    ("timeout", "the request took too long and was cancelled; try again"),
];

impl Door {
    pub(super) const ALL: [Self; 3] =
        [Self::Rest, Self::Mcp(Revision::V2025), Self::Mcp(Revision::V2026)];

    /// What an answer of this door means; any other answer is a broken promise.
    pub(super) fn read(self, status: u16, body: &[u8]) -> Result<Reply, String> {
        let unclear = || {
            let body: String = String::from_utf8_lossy(body).chars().take(300).collect();
            format!("status {status}: {body}")
        };
        let document: Value = match body {
            [] => Value::Null,
            body => serde_json::from_slice(body).map_err(|_| unclear())?,
        };
        let reply = match self {
            Self::Rest => read_document(status, document),
            Self::Mcp(_) if status == 200 => read_result(document),
            Self::Mcp(_) => None,
        };
        reply.ok_or_else(unclear)
    }
}

fn read_document(status: u16, document: Value) -> Option<Reply> {
    if (200..300).contains(&status) {
        return Some(Reply::Done(document));
    }
    let kind = document["type"].as_str()?.strip_prefix("urn:promptdb:problem:")?;
    match (status, kind) {
        (404, "not-found") => Some(Reply::Missing),
        (503 | 504, kind) => {
            let is_known = TROUBLES.iter().any(|(known, _)| *known == kind);
            is_known.then(|| Reply::Trouble(kind.to_owned()))
        }
        _ => None,
    }
}

fn read_result(mut message: Value) -> Option<Reply> {
    let result = &mut message["result"];
    if result["isError"] == false {
        return Some(Reply::Done(result["structuredContent"].take()));
    }
    let text = result["content"][0]["text"].as_str()?;
    if text.starts_with("there is no") {
        return Some(Reply::Missing);
    }
    let trouble = TROUBLES.iter().find(|(_, start)| text.starts_with(start));
    trouble.map(|(kind, _)| Reply::Trouble((*kind).to_owned()))
}

/// A request by what it is over REST, and over MCP.
fn either(door: Door, rest: impl FnOnce() -> Case, tool: &str, arguments: &Value) -> Case {
    match door {
        Door::Rest => rest(),
        Door::Mcp(revision) => revision.tool(1, tool, arguments, vec![]),
    }
}

fn get(path: &str) -> Case {
    Case::bodiless("GET", path, vec![])
}

pub(super) fn read(door: Door, name: &str) -> Case {
    let path = format!("/api/prompts/{name}");
    either(door, || get(&path), "get_prompt", &json!({ "name": name, "raw": true }))
}

pub(super) fn read_version(id: &str, version: u32) -> Case {
    get(&format!("/api/prompts/{id}?version={version}"))
}

/// With a topic to be inserted.
pub(super) fn render(door: Door, name: &str, topic: &str) -> Case {
    let arguments = json!({ "topic": topic });
    let body = json!({ "arguments": arguments }).to_string();
    let path = format!("/api/prompts/{name}/render");
    let rest = || Case::json("POST", &path, "", &body, vec![]);
    either(door, rest, "get_prompt", &json!({ "name": name, "arguments": arguments }))
}

pub(super) fn list(door: Door) -> Case {
    let rest = || get("/api/prompts?limit=20");
    either(door, rest, "list_prompts", &json!({ "limit": 20 }))
}

/// For the one word of a name.
pub(super) fn search(door: Door, query: &str) -> Case {
    let rest = || get(&format!("/api/prompts?query={query}"));
    either(door, rest, "list_prompts", &json!({ "query": query }))
}

/// Over REST with a key that makes a repetition harmless.
pub(super) fn create(door: Door, name: &str, content: &str, key: &str) -> Case {
    let body = json!({ "name": name, "content": content });
    let headers = format!("Idempotency-Key: {key}\r\n");
    let rest = || Case::json("POST", "/api/prompts", &headers, &body.to_string(), vec![]);
    either(door, rest, "save_prompt", &body)
}

pub(super) fn save(door: Door, name: &str, content: &str, expected_version: u32) -> Case {
    let mut body = json!({ "content": content, "expected_version": expected_version });
    let path = format!("/api/prompts/{name}");
    let text = body.to_string();
    body["name"] = name.into();
    either(door, || Case::json("PUT", &path, "", &text, vec![]), "save_prompt", &body)
}

pub(super) fn delete(door: Door, name: &str) -> Case {
    let path = format!("/api/prompts/{name}");
    let rest = || Case::bodiless("DELETE", &path, vec![]);
    either(door, rest, "delete_prompt", &json!({ "name": name }))
}

/// REST alone takes a deletion back.
pub(super) fn restore(id: &str) -> Case {
    Case::json("POST", &format!("/api/prompts/{id}/restore"), "", "{}", vec![])
}

pub(super) fn harvest(door: Door, title: &str, content: &str) -> Case {
    let candidate = json!({ "title": title, "content": content, "why": "It worked well." });
    let body = json!({ "candidates": [candidate] });
    let rest = || Case::json("POST", "/api/candidates", "", &body.to_string(), vec![]);
    either(door, rest, "harvest_session", &body)
}

pub(super) fn accept(door: Door, candidate: &str, name: &str) -> Case {
    let path = format!("/api/candidates/{candidate}/accept");
    let body = json!({ "name": name }).to_string();
    let rest = || Case::json("POST", &path, "", &body, vec![]);
    either(door, rest, "save_prompt", &json!({ "candidate_id": candidate, "name": name }))
}
