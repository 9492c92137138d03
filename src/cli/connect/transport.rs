//! How a client reaches PromptDB: it starts this program, or it calls a server.

use std::path::PathBuf;

use axum::http::Uri;

use super::program::{Lifetime, program_path};
use super::{ClientApp, ConnectArgs};
use crate::cli::CommandError;
use crate::config::{self, ConnectSettings, ModelPath, Secret, Storage};

/// How the client reaches PromptDB.
pub(super) enum Transport {
    /// It starts this binary.
    Stdio(StdioCommand),
    /// It calls a server over HTTP.
    Http(Server),
}

/// The command that a client starts.
pub(super) struct StdioCommand {
    pub(super) binary: String,
    pub(super) arguments: Vec<String>,
    /// Whether the command needs the settings of Convex in its environment.
    pub(super) needs_convex: bool,
}

/// A server, as a client reaches it.
pub(super) struct Server {
    /// The URL of its MCP endpoint.
    pub(super) url: String,
    /// Whether only this machine reaches it.
    pub(super) is_local: bool,
    /// Whether the client asks the user to sign in.
    pub(super) has_sign_in: bool,
    /// Whether it is known to ask for an access token instead.
    pub(super) asks_for_token: bool,
    /// The token that the client sends.
    pub(super) token: Option<Secret>,
    /// The flags of `connect` that select it, after a space; empty if the settings do.
    pub(super) flags: String,
}

impl Transport {
    /// Selects stdio for a local library, which needs no server to run. A server with sign-in is
    /// called, and so is one that the arguments name. ChatGPT calls servers only.
    pub(super) fn select(
        args: &ConnectArgs,
        settings: &ConnectSettings,
    ) -> Result<Self, CommandError> {
        if let Some(url) = &args.url {
            return Server::at(url).map(Self::Http);
        }
        let has_sign_in = settings.sign_in.is_enabled()?;
        if args.http || has_sign_in || args.client == ClientApp::ChatGpt {
            return Server::configured(settings, has_sign_in, args.http).map(Self::Http);
        }
        StdioCommand::new(settings).map(Self::Stdio)
    }

    /// Returns the flags of `connect` that select it, after a space.
    pub(super) fn flags(&self) -> &str {
        match self {
            Self::Stdio(_) => "",
            Self::Http(server) => &server.flags,
        }
    }
}

impl StdioCommand {
    /// The command that opens the same library as this process, with the same model.
    fn new(settings: &ConnectSettings) -> Result<Self, CommandError> {
        let binary = program_path().map_err(|error| {
            CommandError::failed(format!("the path of this program is unknown: {error}"))
        })?;
        let storage = settings.storage.validate()?;
        let mut arguments = vec!["stdio".to_owned()];
        if let Storage::File(path) = &storage
            && config::default_database_path().as_ref() != Some(path)
        {
            arguments.extend(["--database-path".to_owned(), absolute("DATABASE_PATH", path)?]);
        }
        if let ModelPath::Given(path) = settings.meaning.validate()? {
            arguments.extend(["--model-path".to_owned(), absolute("MODEL_PATH", &path)?]);
        }
        let needs_convex = matches!(storage, Storage::Convex(_));
        Ok(Self { binary: require_utf8(binary)?, arguments, needs_convex })
    }

    /// How long its path leads to this program.
    pub(super) fn lifetime(&self) -> Lifetime {
        Lifetime::of(&self.binary)
    }

    /// The command as one line for a shell.
    pub(super) fn line(&self) -> String {
        let words = std::iter::once(&self.binary).chain(&self.arguments);
        words.map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
    }
}

/// The client starts the command in a folder of its own, so that a relative path would lead elsewhere.
fn absolute(setting: &str, path: &std::path::Path) -> Result<String, CommandError> {
    let path = std::path::absolute(path)
        .map_err(|error| CommandError::failed(format!("{setting}: {error}")))?;
    require_utf8(path)
}

fn require_utf8(path: PathBuf) -> Result<String, CommandError> {
    path.into_os_string().into_string().map_err(|path| {
        CommandError::failed(format!(
            "{} is not UTF-8, which JSON requires; move it",
            path.display()
        ))
    })
}

/// Quotes a word of a command where a shell would split or change it.
pub(in crate::cli) fn shell_word(word: &str) -> String {
    quote_word(word, cfg!(windows))
}

fn quote_word(word: &str, is_windows: bool) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || "-_./:=@".contains(c) || (is_windows && c == '\\');
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if !is_windows {
        return format!("'{}'", word.replace('\'', "'\\''"));
    }
    // A program on Windows reads a backslash as an escape only in front of a quotation mark.
    let mut quoted = String::from("\"");
    let mut backslashes = 0;
    for c in word.chars() {
        if c == '"' {
            quoted.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
        quoted.push(c);
    }
    quoted.extend(std::iter::repeat_n('\\', backslashes));
    quoted.push('"');
    quoted
}

impl Server {
    /// The server of the settings.
    fn configured(
        settings: &ConnectSettings,
        has_sign_in: bool,
        is_chosen: bool,
    ) -> Result<Self, CommandError> {
        let origin = settings.address.origin()?.ok_or_else(|| {
            let message = "PORT is 0, so the server has another address at each start; set the \
                port that it should keep";
            CommandError::failed(message)
        })?;
        let asks_for_token = !has_sign_in && settings.access.is_set()?;
        let mut flags = if is_chosen { " --http" } else { "" }.to_owned();
        if asks_for_token {
            // A token that is an argument is not in the environment.
            let is_in_environment = config::access_token().is_some();
            flags.push_str(if is_in_environment { " --token-env" } else { " --token-stdin" });
        }
        let (is_local, url) = (is_local(&origin), format!("{origin}/mcp"));
        Ok(Self { url, is_local, has_sign_in, asks_for_token, token: None, flags })
    }

    /// A server elsewhere, which requires sign-in unless it is on this machine.
    fn at(url: &str) -> Result<Self, CommandError> {
        let origin = config::origin("--url", url);
        let origin = origin.map_err(|error| CommandError::usage(error.to_string()))?;
        let (is_local, flags) = (is_local(&origin), format!(" --url {origin}"));
        let (url, has_sign_in) = (format!("{origin}/mcp"), !is_local);
        Ok(Self { url, is_local, has_sign_in, asks_for_token: false, token: None, flags })
    }

    /// The URL without the path of its endpoint.
    pub(super) fn origin(&self) -> &str {
        self.url.strip_suffix("/mcp").unwrap_or(&self.url)
    }
}

fn is_local(origin: &str) -> bool {
    origin.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(config::is_loopback_host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_change_it() {
        for (word, unix, windows) in [
            ("/usr/bin/promptdb", "/usr/bin/promptdb", "/usr/bin/promptdb"),
            ("/My Files/p", "'/My Files/p'", r#""/My Files/p""#),
            ("it's", r"'it'\''s'", r#""it's""#),
            ("$HOME", "'$HOME'", r#""$HOME""#),
            (r"C:\p.exe", r"'C:\p.exe'", r"C:\p.exe"),
            (r"C:\My Files\", r"'C:\My Files\'", r#""C:\My Files\\""#),
            (r#"{"a":"\""}"#, r#"'{"a":"\""}'"#, r#""{\"a\":\"\\\"\"}""#),
            ("", "''", r#""""#),
        ] {
            assert_eq!(quote_word(word, false), unix);
            assert_eq!(quote_word(word, true), windows);
        }
    }
}
