//! What an MCP message asked for and how it ended, in words of fixed sets: never a client's own.

use rmcp::ErrorData;
use rmcp::model::ServerResult;

/// The word for whatever is in none of the sets.
pub(super) const OTHER: &str = "other";

/// The methods of the protocol's revisions, as far as clients call them.
const METHODS: [&str; 20] = [
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "notifications/cancelled",
    "notifications/initialized",
    "notifications/progress",
    "notifications/roots/list_changed",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
    OTHER,
];

/// A message: its method and, for `tools/call`, its tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    method: &'static str,
    tool: Option<&'static str>,
}

/// How a message was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With a result, or without a fault where there is none.
    Ok,
    /// With the result of a tool that says what went wrong.
    ToolError,
    /// With a JSON-RPC error.
    ProtocolError,
    /// Without an answer: it was a notification or an answer.
    Accepted,
    /// Not at all: the client cancelled it or went away.
    Abandoned,
}

impl Call {
    /// A message other than `tools/call`. A method outside the protocol is `other`.
    pub fn of_method(method: &str) -> Self {
        Self { method: known(&METHODS, method), tool: None }
    }

    /// A `tools/call`, with the name of a tool of the server. `None` is a tool that the server does
    /// not have, recorded as `other`: a client's own text is never a label.
    pub fn of_tool(tool: Option<&'static str>) -> Self {
        Self { method: "tools/call", tool: Some(tool.unwrap_or(OTHER)) }
    }

    /// The method, or `other`.
    pub fn method(self) -> &'static str {
        self.method
    }

    /// The tool, or `other`; `None` for messages that call none.
    pub fn tool(self) -> Option<&'static str> {
        self.tool
    }
}

fn known(words: &[&'static str], word: &str) -> &'static str {
    words.iter().find(|known| **known == word).copied().unwrap_or(OTHER)
}

impl Outcome {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ToolError => "tool_error",
            Self::ProtocolError => "protocol_error",
            Self::Accepted => "accepted",
            Self::Abandoned => "abandoned",
        }
    }
}

impl From<&ServerResult> for Outcome {
    fn from(result: &ServerResult) -> Self {
        match result {
            ServerResult::CallToolResult(result) if result.is_error == Some(true) => {
                Self::ToolError
            }
            _ => Self::Ok,
        }
    }
}

impl From<&Result<ServerResult, ErrorData>> for Outcome {
    fn from(answer: &Result<ServerResult, ErrorData>) -> Self {
        answer.as_ref().map_or(Self::ProtocolError, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_clients_are_other() {
        let call = Call::of_tool(None);
        assert_eq!((call.method(), call.tool()), ("tools/call", Some(OTHER)));
        let call = Call::of_method("hunter2");
        assert_eq!((call.method(), call.tool()), (OTHER, None));
    }
}
