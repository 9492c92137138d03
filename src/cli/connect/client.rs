//! The clients that `connect` knows, and where each keeps its servers.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::SERVER_NAME;
use crate::cli::client_file::{Place, Syntax};
use crate::config;

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

/// The folders of a user, below which clients keep their files.
pub(super) struct Folders {
    home: PathBuf,
    /// The platform's folder for configuration.
    config: PathBuf,
    platform: Platform,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Platform {
    Linux,
    MacOs,
    Windows,
}

impl Folders {
    /// The folders of this user; `None` without a home folder.
    fn of_user() -> Option<Self> {
        let platform = if cfg!(windows) {
            Platform::Windows
        } else if cfg!(target_os = "macos") {
            Platform::MacOs
        } else {
            Platform::Linux
        };
        Some(Self { home: config::home_folder()?, config: config::config_folder()?, platform })
    }

    /// The folder for configuration of programs that do on every platform as on Linux.
    fn dot_config(&self) -> PathBuf {
        match self.platform {
            Platform::Linux => self.config.clone(),
            Platform::MacOs | Platform::Windows => self.home.join(".config"),
        }
    }
}

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

    /// The files in which the client may keep the servers of all projects of a user, the usual one
    /// first.
    pub(in crate::cli) fn files(self) -> Vec<PathBuf> {
        Folders::of_user().map_or_else(Vec::new, |folders| self.files_in(&folders))
    }

    /// The file to change: the first that exists, or else the first whose folder exists, or else the
    /// usual one.
    pub(in crate::cli) fn usual_file(self) -> Option<PathBuf> {
        let files = self.files();
        let found = files.iter().find(|file| file.exists());
        let found = found.or_else(|| files.iter().find(|f| f.parent().is_some_and(Path::exists)));
        found.or(files.first()).cloned()
    }

    fn files_in(self, folders: &Folders) -> Vec<PathBuf> {
        let (home, config) = (&folders.home, &folders.config);
        let is_windows = folders.platform == Platform::Windows;
        match self {
            Self::ClaudeCode => vec![home.join(".claude.json")],
            Self::ClaudeDesktop => vec![config.join("Claude/claude_desktop_config.json")],
            Self::Cursor => vec![home.join(".cursor/mcp.json")],
            Self::VsCode => vec![config.join("Code/User/mcp.json")],
            Self::Codex => vec![home.join(".codex/config.toml")],
            Self::Windsurf => vec![home.join(".codeium/windsurf/mcp_config.json")],
            Self::Zed if is_windows => vec![config.join("Zed/settings.json")],
            Self::Zed => vec![folders.dot_config().join("zed/settings.json")],
            Self::Gemini => vec![home.join(".gemini/settings.json")],
            // The app and its command line share the first since 2026; the second is the app's older one.
            Self::Antigravity => vec![
                home.join(".gemini/config/mcp_config.json"),
                home.join(".gemini/antigravity/mcp_config.json"),
            ],
            Self::OpenCode => {
                let folder = folders.dot_config().join("opencode");
                vec![folder.join("opencode.json"), folder.join("opencode.jsonc")]
            }
            Self::Cline => vec![
                home.join(".cline/data/settings/cline_mcp_settings.json"),
                config.join(
                    "Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
                ),
            ],
            Self::Goose if is_windows => vec![config.join("Block/goose/config/config.yaml")],
            Self::Goose => vec![folders.dot_config().join("goose/config.yaml")],
            Self::Continue => vec![home.join(".continue/config.yaml")],
            Self::CopilotCli => vec![home.join(".copilot/mcp-config.json")],
            Self::LmStudio => vec![home.join(".lmstudio/mcp.json")],
            Self::ChatGpt | Self::JetBrains | Self::Other => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(platform: Platform) -> Folders {
        let config = match platform {
            Platform::Linux => "/h/.config",
            Platform::MacOs => "/h/Library/Application Support",
            Platform::Windows => "/h/AppData/Roaming",
        };
        Folders { home: "/h".into(), config: config.into(), platform }
    }

    #[track_caller]
    fn check(client: ClientApp, linux: &str, mac: &str, windows: &str) {
        for (platform, expected) in
            [(Platform::Linux, linux), (Platform::MacOs, mac), (Platform::Windows, windows)]
        {
            let files = client.files_in(&folders(platform));
            assert_eq!(files[0], Path::new("/h").join(expected), "{client:?} {platform:?}");
        }
    }

    #[test]
    fn each_platform_has_its_own_paths() {
        let same = |client, path| check(client, path, path, path);
        same(ClientApp::ClaudeCode, ".claude.json");
        same(ClientApp::Cursor, ".cursor/mcp.json");
        same(ClientApp::Codex, ".codex/config.toml");
        same(ClientApp::Windsurf, ".codeium/windsurf/mcp_config.json");
        same(ClientApp::Gemini, ".gemini/settings.json");
        same(ClientApp::Antigravity, ".gemini/config/mcp_config.json");
        same(ClientApp::OpenCode, ".config/opencode/opencode.json");
        same(ClientApp::Cline, ".cline/data/settings/cline_mcp_settings.json");
        same(ClientApp::Continue, ".continue/config.yaml");
        same(ClientApp::CopilotCli, ".copilot/mcp-config.json");
        same(ClientApp::LmStudio, ".lmstudio/mcp.json");
        check(
            ClientApp::ClaudeDesktop,
            ".config/Claude/claude_desktop_config.json",
            "Library/Application Support/Claude/claude_desktop_config.json",
            "AppData/Roaming/Claude/claude_desktop_config.json",
        );
        check(
            ClientApp::VsCode,
            ".config/Code/User/mcp.json",
            "Library/Application Support/Code/User/mcp.json",
            "AppData/Roaming/Code/User/mcp.json",
        );
        let zed = ".config/zed/settings.json";
        check(ClientApp::Zed, zed, zed, "AppData/Roaming/Zed/settings.json");
        let goose = ".config/goose/config.yaml";
        check(ClientApp::Goose, goose, goose, "AppData/Roaming/Block/goose/config/config.yaml");
    }

    #[test]
    fn a_client_has_a_file_exactly_if_it_has_a_place_in_one() {
        assert_eq!(ClientApp::value_variants().len(), 18);
        for client in ClientApp::value_variants() {
            let files = client.files_in(&folders(Platform::Linux));
            assert_eq!(client.place().is_some(), !files.is_empty(), "{client:?}");
        }
    }
}
