//! The requests of the bench.

use std::sync::Arc;

use serde_json::{Value, json};

use super::client::Case;
use super::texts::Text;

/// The two ways to say a call: with the handshake's revisions, and without one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Revision {
    V2025,
    V2026,
}

impl Revision {
    pub(crate) const ALL: [Self; 2] = [Self::V2025, Self::V2026];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::V2025 => "2025-11-25",
            Self::V2026 => "2026-07-28",
        }
    }

    /// A JSON-RPC request for `/mcp`; `name` is what its parameters name, if they do.
    fn case(
        self,
        id: usize,
        method: &str,
        name: Option<&str>,
        mut params: Value,
        mut expected: Vec<String>,
    ) -> Case {
        let mut headers = format!("MCP-Protocol-Version: {}\r\n", self.as_str());
        if let Self::V2026 = self {
            headers.extend(["Mcp-Method: ", method, "\r\n"]);
            if let Some(name) = name {
                headers.extend(["Mcp-Name: ", name, "\r\n"]);
            }
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": self.as_str(),
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1.0.0" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        expected.push(format!("\"id\":{id}"));
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        Case::post("/mcp", &headers, &body.to_string(), expected)
    }

    /// A tool call whose answer is no error and holds the parts.
    pub(crate) fn tool(
        self,
        id: usize,
        tool: &str,
        arguments: &Value,
        mut expected: Vec<String>,
    ) -> Case {
        expected.push("\"isError\":false".to_owned());
        let params = json!({ "name": tool, "arguments": arguments });
        self.case(id, "tools/call", Some(tool), params, expected)
    }

    /// `get_prompt` with arguments, for each of the prompts in turn. The answer must be the named
    /// prompt, rendered.
    pub(crate) fn get_prompts(self, texts: &[Text]) -> Arc<[Case]> {
        let case = |(id, text): (usize, &Text)| {
            let arguments = json!({
                "name": text.name,
                "arguments": { "topic": format!("topic {id}"), "tone": "calm" },
            });
            let expected = vec![
                format!("You help with topic {id} in a calm tone."),
                text.mark(),
                format!("\"name\":\"{}\"", text.name),
            ];
            self.tool(id, "get_prompt", &arguments, expected)
        };
        texts.iter().enumerate().map(case).collect()
    }

    pub(crate) fn health_checks(self) -> Arc<[Case]> {
        let case = |id| self.tool(id, "health_check", &json!({}), vec!["ok".to_owned()]);
        (0..1000).map(case).collect()
    }

    /// Every prompt as an MCP prompt, by pages of 100: the first page, again and again.
    pub(crate) fn prompt_pages(self, texts: &[Text], count: usize) -> Arc<[Case]> {
        let mut names: Vec<&str> = texts.iter().map(|text| text.name.as_str()).collect();
        names.sort_unstable();
        let expected = || vec![format!("\"{}\"", names[0]), format!("\"{}\"", names[99])];
        let case = |id| self.case(id, "prompts/list", None, json!({}), expected());
        (0..count).map(case).collect()
    }
}

/// The same calls for the bare handler, which answers all of them with one text.
pub(crate) fn bare_calls(texts: &[Text]) -> Arc<[Case]> {
    let case = |(id, text): (usize, &Text)| {
        let arguments = json!({ "name": text.name, "arguments": { "topic": "x", "tone": "calm" } });
        let params = json!({ "name": "get_prompt", "arguments": arguments });
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params });
        let expected = vec![format!("\"id\":{id}"), "Sentences of some length".to_owned()];
        Case::post("/mcp", "", &body.to_string(), expected)
    };
    texts.iter().enumerate().map(case).collect()
}

/// `save_prompt` of new prompts.
pub(crate) fn saves(texts: &[Text]) -> Arc<[Case]> {
    let case = |(id, text): (usize, &Text)| {
        let expected = vec![format!("\"name\":\"{}\"", text.name), "\"created\":true".to_owned()];
        Revision::V2025.tool(id, "save_prompt", &as_json(text), expected)
    };
    texts.iter().enumerate().map(case).collect()
}

/// `harvest_session` with these candidates.
pub(crate) fn harvest(id: usize, texts: &[Text]) -> Case {
    let candidate = |text: &Text| {
        let mut candidate = as_json(text);
        candidate["why"] = "It worked well.".into();
        if let Some(fields) = candidate.as_object_mut() {
            fields.remove("name");
        }
        candidate
    };
    let candidates: Vec<Value> = texts.iter().map(candidate).collect();
    let expected = texts.iter().map(|text| text.title.clone()).collect();
    let arguments = json!({ "candidates": candidates });
    Revision::V2025.tool(id, "harvest_session", &arguments, expected)
}

fn as_json(text: &Text) -> Value {
    json!({
        "name": text.name,
        "title": text.title,
        "description": text.description,
        "tags": text.tags,
        "content": text.content,
    })
}
