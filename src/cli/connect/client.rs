//! The clients that `connect` knows, and where in its file each keeps its servers.

use clap::ValueEnum;

use super::SERVER_NAME;
use crate::cli::client_file::{Place, Syntax};

/// A client that this command supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ClientApp {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    #[value(name = "vscode")]
    VsCode,
    #[value(name = "chatgpt")]
    ChatGpt,
    Codex,
    Windsurf,
    Zed,
    Gemini,
    Antigravity,
    #[value(name = "opencode")]
    OpenCode,
    Cline,
    Goose,
    Continue,
    CopilotCli,
    #[value(name = "jetbrains")]
    JetBrains,
    #[value(name = "lmstudio")]
    LmStudio,
    Other,
}

/// The field in which most clients keep their servers.
const SERVERS: &[&[&str]] = &[&["mcpServers"]];

/// What a new file of Continue begins with: without these fields it is refused.
const CONTINUE_PREAMBLE: &str = "name: Local Config\nversion: 1.0.0\nschema: v1\n";

impl ClientApp {
    pub(in crate::cli) fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::VsCode => "VS Code",
            Self::ChatGpt => "ChatGPT",
            Self::Codex => "Codex",
            Self::Windsurf => "Windsurf",
            Self::Zed => "Zed",
            Self::Gemini => "Gemini CLI",
            Self::Antigravity => "Antigravity",
            Self::OpenCode => "opencode",
            Self::Cline => "Cline",
            Self::Goose => "goose",
            Self::Continue => "Continue",
            Self::CopilotCli => "Copilot CLI",
            Self::JetBrains => "JetBrains AI Assistant",
            Self::LmStudio => "LM Studio",
            Self::Other => "The client",
        }
    }

    /// The argument of `connect`.
    pub(in crate::cli) fn argument(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Where the client's file keeps the server; `None` for a client without a file.
    pub(in crate::cli) fn place(self) -> Option<Place> {
        let strict = Syntax::Json { allows_comments: false };
        let lenient = Syntax::Json { allows_comments: true };
        let (syntax, sections): (_, &[&[&str]]) = match self {
            Self::ClaudeCode | Self::ClaudeDesktop => (strict, SERVERS),
            Self::Cursor
            | Self::Windsurf
            | Self::Gemini
            | Self::Antigravity
            | Self::Cline
            | Self::CopilotCli
            | Self::LmStudio => (lenient, SERVERS),
            Self::VsCode => (lenient, &[&["servers"]]),
            Self::Zed => (lenient, &[&["context_servers"]]),
            // Version 2 keeps its servers one level deeper, and reads the files of version 1, too.
            Self::OpenCode => (lenient, &[&["mcp", "servers"], &["mcp"]]),
            Self::Codex => (Syntax::Toml, &[&["mcp_servers"]]),
            Self::Goose => (Syntax::Yaml, &[&["extensions"]]),
            Self::Continue => (Syntax::Yaml, SERVERS),
            Self::ChatGpt | Self::JetBrains | Self::Other => return None,
        };
        let is_list = self == Self::Continue;
        let preamble = if is_list { CONTINUE_PREAMBLE } else { "" };
        Some(Place { syntax, sections, is_list, name: SERVER_NAME, preamble })
    }
}
