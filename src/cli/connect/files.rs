//! The files in which clients keep the servers of all projects of a user.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::ClientApp;
use crate::cli::client_file::{Place, read_file};
use crate::config;

/// A variable of the environment that moves a client's files.
struct Move {
    client: ClientApp,
    variable: &'static str,
    /// The files, below the folder that the variable names; none if it names the file.
    files: &'static [&'static str],
}

/// The variables, each with its source. Of several for one client, the first that is set counts first.
const MOVES: [Move; 13] = [
    // <https://code.claude.com/docs/en/env-vars>. The folder then has `.claude.json`, too.
    to(ClientApp::ClaudeCode, "CLAUDE_CONFIG_DIR", &[".claude.json"]),
    // microsoft/vscode, src/vs/platform/environment/node/userDataPath.ts.
    to(ClientApp::VsCode, "VSCODE_PORTABLE", &["user-data/User/mcp.json"]),
    to(ClientApp::VsCode, "VSCODE_APPDATA", &["Code/User/mcp.json"]),
    // openai/codex, codex-rs/utils/home-dir/src/lib.rs.
    to(ClientApp::Codex, "CODEX_HOME", &["config.toml"]),
    // <https://geminicli.com/docs/reference/configuration>: it stands for the home folder.
    to(ClientApp::Gemini, "GEMINI_CLI_HOME", &[".gemini/settings.json"]),
    // <https://opencode.ai/docs/config>: both add to the user's own folder, and win over it.
    to(ClientApp::OpenCode, "OPENCODE_CONFIG_DIR", &["opencode.jsonc", "opencode.json"]),
    to(ClientApp::OpenCode, "OPENCODE_CONFIG", &[]),
    // cline/cline, sdk/packages/shared/src/storage/paths.ts.
    to(ClientApp::Cline, "CLINE_MCP_SETTINGS_PATH", &[]),
    to(ClientApp::Cline, "CLINE_DATA_DIR", &["settings/cline_mcp_settings.json"]),
    to(ClientApp::Cline, "CLINE_DIR", &["data/settings/cline_mcp_settings.json"]),
    // block/goose, crates/goose/src/config/paths.rs. A relative path is ignored.
    to(ClientApp::Goose, "GOOSE_PATH_ROOT", &["config/config.yaml"]),
    // continuedev/continue, core/util/paths.ts.
    to(ClientApp::Continue, "CONTINUE_GLOBAL_DIR", &["config.yaml"]),
    // <https://docs.github.com/en/copilot/reference/copilot-cli-reference/cli-config-dir-reference>.
    to(ClientApp::CopilotCli, "COPILOT_HOME", &["mcp-config.json"]),
];

const fn to(client: ClientApp, variable: &'static str, files: &'static [&'static str]) -> Move {
    Move { client, variable, files }
}

/// What the environment says of the files of a user's clients.
struct Folders {
    home: PathBuf,
    /// The platform's folder for configuration.
    config: PathBuf,
    /// The platform's folder for data that stays on this machine.
    local_data: PathBuf,
    platform: Platform,
    /// The variables of [`MOVES`] that are set.
    variables: Vec<(&'static str, OsString)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Platform {
    Linux,
    MacOs,
    Windows,
}

impl ClientApp {
    /// The files in which the client may keep the servers of all projects of a user, the one that wins
    /// first.
    pub(in crate::cli) fn files(self) -> Vec<PathBuf> {
        Folders::of_user().map_or_else(Vec::new, |folders| self.files_in(&folders))
    }

    /// The file to change: the first that exists, or else the first whose folder exists, or else the
    /// first. opencode merges its files, so that the one with the entry stays in force.
    pub(in crate::cli) fn usual_file(self) -> Option<PathBuf> {
        let files = self.files();
        let with_entry = self
            .place()
            .filter(|_| self == Self::OpenCode)
            .and_then(|place| files.iter().find(|file| has_entry(&place, file)));
        let found = with_entry.or_else(|| files.iter().find(|file| file.exists()));
        let found = found.or_else(|| files.iter().find(|f| f.parent().is_some_and(Path::exists)));
        found.or(files.first()).cloned()
    }

    fn files_in(self, folders: &Folders) -> Vec<PathBuf> {
        let moved = folders.moved(self);
        if self == Self::OpenCode {
            let folder = folders.dot_config().join("opencode");
            let own = ["opencode.jsonc", "opencode.json", "config.json"];
            return moved.into_iter().flatten().chain(own.map(|name| folder.join(name))).collect();
        }
        moved.into_iter().next().unwrap_or_else(|| self.default_files(folders))
    }

    fn default_files(self, folders: &Folders) -> Vec<PathBuf> {
        let (home, config) = (&folders.home, &folders.config);
        let is_windows = folders.platform == Platform::Windows;
        match self {
            Self::ClaudeCode => vec![home.join(".claude.json")],
            Self::ClaudeDesktop => folders.claude_desktop(),
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
            // `files_in` has those of opencode.
            Self::OpenCode | Self::ChatGpt | Self::JetBrains | Self::Other => Vec::new(),
        }
    }
}

/// Whether a file can be read and has the entry.
fn has_entry(place: &Place, file: &Path) -> bool {
    read_file(file).and_then(|text| place.read(&text)).is_ok_and(|entry| entry.is_some())
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
        let set = |Move { variable, .. }| Some((variable, config::client_variable(variable)?));
        Some(Self {
            home: config::home_folder()?,
            config: config::config_folder()?,
            local_data: config::local_data_folder()?,
            platform,
            variables: MOVES.into_iter().filter_map(set).collect(),
        })
    }

    /// The folder for configuration of programs that do on every platform as on Linux.
    fn dot_config(&self) -> PathBuf {
        match self.platform {
            Platform::Linux => self.config.clone(),
            Platform::MacOs | Platform::Windows => self.home.join(".config"),
        }
    }

    /// The files of a client for each of its variables that is set.
    fn moved(&self, client: ClientApp) -> Vec<Vec<PathBuf>> {
        let moves = MOVES.iter().filter(|one| one.client == client);
        moves
            .filter_map(|Move { variable, files, .. }| {
                let (_, value) = self.variables.iter().find(|(name, _)| name == variable)?;
                let value = Path::new(value);
                if client == ClientApp::Goose && value.is_relative() {
                    return None;
                }
                let value = std::path::absolute(value).ok()?;
                Some(match files {
                    [] => vec![value],
                    files => files.iter().map(|file| value.join(file)).collect(),
                })
            })
            .collect()
    }

    /// The file of Claude Desktop. Windows gives a packaged app a folder of its own in the place of the
    /// usual one, which the app then does not read (anthropics/claude-code, issue 26073).
    fn claude_desktop(&self) -> Vec<PathBuf> {
        const FILE: &str = "Claude/claude_desktop_config.json";
        let mut files = Vec::new();
        if self.platform == Platform::Windows
            && let Ok(packages) = fs::read_dir(self.local_data.join("Packages"))
        {
            // The rest of the name identifies the publisher.
            let is_claude = |package: &fs::DirEntry| {
                package.file_name().as_encoded_bytes().starts_with(b"Claude_")
            };
            let packages = packages.filter_map(Result::ok).filter(is_claude);
            files.extend(packages.map(|one| one.path().join("LocalCache/Roaming").join(FILE)));
            files.sort();
        }
        if files.is_empty() { vec![self.config.join(FILE)] } else { files }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn folders(platform: Platform) -> Folders {
        let config = match platform {
            Platform::Linux => "/h/.config",
            Platform::MacOs => "/h/Library/Application Support",
            Platform::Windows => "/h/AppData/Roaming",
        };
        let local_data = "/h/AppData/Local".into();
        let (home, config) = ("/h".into(), config.into());
        Folders { home, config, local_data, platform, variables: Vec::new() }
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
        same(ClientApp::OpenCode, ".config/opencode/opencode.jsonc");
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

    #[test]
    fn a_variable_of_a_client_moves_its_file_and_no_other() {
        for Move { client, variable, files } in MOVES {
            let mut folders = folders(Platform::Linux);
            folders.variables.push((variable, "/moved".into()));
            let moved = client.files_in(&folders);
            let expected =
                files.first().map_or("/moved".into(), |file| Path::new("/moved").join(file));
            assert_eq!(moved[0], expected, "{variable}");
            for other in ClientApp::value_variants().iter().filter(|other| **other != client) {
                let files = other.files_in(&folders);
                assert!(
                    files.iter().all(|file| !file.starts_with("/moved")),
                    "{variable} {other:?}"
                );
            }
        }
    }

    #[test]
    fn of_several_variables_the_more_exact_one_counts_first() {
        let mut folders = folders(Platform::Linux);
        folders.variables = vec![
            ("CLINE_DIR", "/dir".into()),
            ("CLINE_MCP_SETTINGS_PATH", "/file.json".into()),
            ("OPENCODE_CONFIG", "/custom.json".into()),
            ("OPENCODE_CONFIG_DIR", "/folder".into()),
        ];
        assert_eq!(ClientApp::Cline.files_in(&folders), [Path::new("/file.json")]);
        let expected = [
            "/folder/opencode.jsonc",
            "/folder/opencode.json",
            "/custom.json",
            "/h/.config/opencode/opencode.jsonc",
            "/h/.config/opencode/opencode.json",
            "/h/.config/opencode/config.json",
        ];
        assert_eq!(ClientApp::OpenCode.files_in(&folders), expected.map(PathBuf::from));
    }

    #[test]
    fn a_relative_path_is_ignored_by_goose_and_starts_at_the_current_folder_for_others() {
        let mut folders = folders(Platform::Linux);
        folders.variables = vec![("GOOSE_PATH_ROOT", "g".into()), ("CODEX_HOME", "c".into())];
        let goose = Path::new("/h/.config/goose/config.yaml");
        assert_eq!(ClientApp::Goose.files_in(&folders), [goose]);
        let codex = std::env::current_dir().unwrap().join("c/config.toml");
        assert_eq!(ClientApp::Codex.files_in(&folders), [codex]);
    }

    #[test]
    fn a_packaged_claude_desktop_has_the_file_of_its_package() {
        let local = tempfile::tempdir().unwrap();
        let mut folders = folders(Platform::Windows);
        folders.local_data = local.path().to_owned();
        let usual = Path::new("/h/AppData/Roaming/Claude/claude_desktop_config.json");
        fs::create_dir_all(local.path().join("Packages/Other_1a2b")).unwrap();
        assert_eq!(ClientApp::ClaudeDesktop.files_in(&folders), [usual]);
        let package = local.path().join("Packages/Claude_1a2b");
        fs::create_dir(&package).unwrap();
        let file = package.join("LocalCache/Roaming/Claude/claude_desktop_config.json");
        assert_eq!(ClientApp::ClaudeDesktop.files_in(&folders), [file]);
        folders.platform = Platform::Linux;
        assert_eq!(ClientApp::ClaudeDesktop.files_in(&folders), [usual]);
    }
}
