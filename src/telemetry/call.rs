//! The method and tool of an MCP message and how it was answered, as words of fixed sets: never a
//! client's own words.

use rmcp::ErrorData;
use rmcp::model::ServerResult;

/// The word for everything outside the sets.
pub(super) const OTHER: &str = "other";

/// The methods that clients call, of all revisions of the protocol.
const METHODS: [&str; 22] = [
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
    "skills/get",
    "skills/list",
    "subscriptions/listen",
    "tools/call",
    "tools/list",
    OTHER,
];

/// The method of a message and, for `tools/call`, its tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    method: &'static str,
    tool: Option<&'static str>,
}

/// How a message was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStatus {
    /// With a result.
    Ok,
    /// With a tool result that is flagged as an error.
    ToolError,
    /// With a JSON-RPC error.
    ProtocolError,
    /// Without an answer, as a notification or a response is.
    Accepted,
    /// Not at all: the client cancelled it or closed the connection.
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

    /// The method, or `other` if the protocol has none of that name.
    pub fn method(self) -> &'static str {
        self.method
    }

    /// The tool, or `other` if there is none of that name; `None` for messages that call no tool.
    pub fn tool(self) -> Option<&'static str> {
        self.tool
    }
}

fn known(words: &[&'static str], word: &str) -> &'static str {
    words.iter().find(|known| **known == word).copied().unwrap_or(OTHER)
}

impl CallStatus {
    /// Its word in the log and in the metrics.
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

impl From<&ServerResult> for CallStatus {
    fn from(result: &ServerResult) -> Self {
        match result {
            ServerResult::CallToolResult(result) if result.is_error == Some(true) => {
                Self::ToolError
            }
            _ => Self::Ok,
        }
    }
}

impl From<&Result<ServerResult, ErrorData>> for CallStatus {
    fn from(answer: &Result<ServerResult, ErrorData>) -> Self {
        answer.as_ref().map_or(Self::ProtocolError, Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_methods_and_tools_are_other() {
        let call = Call::of_tool(None);
        assert_eq!((call.method(), call.tool()), ("tools/call", Some(OTHER)));
        let call = Call::of_method("hunter2");
        assert_eq!((call.method(), call.tool()), (OTHER, None));
    }
}
