//! How a client is connected: the exact command, link or configuration for this server, or the
//! change of the client's file.

use std::fmt::Write as _;
use std::path::PathBuf;

use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};

use super::config_file::{self, Change, Entry, Field};
use super::{CommandError, print};
use crate::config::{self, Config};
use crate::domain::{Clock, SystemClock};

/// The name that clients know this server by.
const SERVER_NAME: &str = "promptdb";

/// What `promptdb connect` is told.
#[derive(Debug, Args)]
pub(super) struct ConnectArgs {
    /// The client to connect
    #[arg(value_enum)]
    client: ClientApp,

    /// The https origin of the server to connect to, if it is not the one that the settings describe
    #[arg(long)]
    url: Option<String>,

    /// Change the client's own configuration file, after a backup, instead of showing how
    #[arg(long)]
    write: bool,

    /// The configuration file, if it is not in its usual place
    #[arg(long, value_name = "FILE", requires = "write")]
    file: Option<PathBuf>,
}

/// A client that PromptDB knows how to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ClientApp {
    ClaudeCode,
    ClaudeDesktop,
    Cursor,
    #[value(name = "vscode")]
    VsCode,
    #[value(name = "chatgpt")]
    ChatGpt,
}

/// Where the server is, as a client sees it.
struct Server {
    /// The URL of its MCP endpoint.
    url: String,
    /// Whether only this machine reaches it.
    is_local: bool,
    /// Whether it asks who one is.
    has_sign_in: bool,
    /// How `connect` was told of it, beside the settings.
    flags: String,
}

/// Shows how to connect a client, or connects it.
pub(super) fn connect(args: &ConnectArgs, config: &Config) -> Result<(), CommandError> {
    let client = args.client;
    let server = match &args.url {
        Some(url) => Server::elsewhere(url)?,
        None => Server::of(config)?,
    };
    let text = if args.write {
        write(client, &server, args.file.clone(), config)?
    } else {
        instructions(client, &server, config)?
    };
    print(&text)
}

impl Server {
    fn of(config: &Config) -> Result<Self, CommandError> {
        let origin = match (&config.public_url, config.listen.port()) {
            (Some(url), _) => url.clone(),
            (None, 0) => {
                let message = "PORT is 0, so the server has another address at each start; set \
                    the port that it should keep";
                return Err(CommandError(message.to_owned()));
            }
            (None, port) => format!("http://localhost:{port}"),
        };
        let is_loopback = |uri: Uri| uri.host().is_some_and(config::is_loopback_host);
        let is_local = origin.parse().is_ok_and(is_loopback);
        let has_sign_in = config.sign_in.is_some();
        Ok(Self { url: format!("{origin}/mcp"), is_local, has_sign_in, flags: String::new() })
    }

    /// A hosted server, which asks everybody to sign in.
    fn elsewhere(url: &str) -> Result<Self, CommandError> {
        let origin =
            config::origin("--url", url).map_err(|error| CommandError(error.to_string()))?;
        let flags = format!(" --url {origin}");
        Ok(Self { url: format!("{origin}/mcp"), is_local: false, has_sign_in: true, flags })
    }

    /// What a client is asked after it was connected.
    fn sign_in(&self, how: &str) -> String {
        if self.has_sign_in { format!("\n{how}\n") } else { String::new() }
    }
}

impl ClientApp {
    fn title(self) -> &'static str {
        match self {
            Self::ClaudeCode => "Claude Code",
            Self::ClaudeDesktop => "Claude Desktop",
            Self::Cursor => "Cursor",
            Self::VsCode => "VS Code",
            Self::ChatGpt => "ChatGPT",
        }
    }

    fn word(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Where the client keeps its servers for all projects of a user.
    fn usual_file(self) -> Option<PathBuf> {
        match self {
            Self::ClaudeCode => config::home_folder().map(|home| home.join(".claude.json")),
            Self::ClaudeDesktop => config::config_folder()
                .map(|folder| folder.join("Claude/claude_desktop_config.json")),
            Self::Cursor => config::home_folder().map(|home| home.join(".cursor/mcp.json")),
            Self::VsCode => config::config_folder().map(|folder| folder.join("Code/User/mcp.json")),
            Self::ChatGpt => None,
        }
    }

    /// What its file should say, or why a file cannot say it.
    fn entry(self, server: &Server, config: &Config) -> Result<Entry, CommandError> {
        let url = ("url", Field::Text(server.url.clone()));
        let http = ("type", Field::Text("http".to_owned()));
        let (section, fields, allows_comments) = match self {
            Self::ClaudeCode => ("mcpServers", vec![http, url], false),
            Self::Cursor => ("mcpServers", vec![url], true),
            Self::VsCode => ("servers", vec![http, url], true),
            Self::ClaudeDesktop if server.has_sign_in => {
                let message = format!(
                    "Claude Desktop keeps remote servers in the account, not in a file; run \
                     promptdb connect {} without --write",
                    self.word()
                );
                return Err(CommandError(message));
            }
            Self::ClaudeDesktop => ("mcpServers", stdio_fields(config)?, false),
            Self::ChatGpt => {
                let message = "ChatGPT has no configuration file to write; run promptdb connect \
                    chatgpt without --write for the steps";
                return Err(CommandError(message.to_owned()));
            }
        };
        Ok(Entry { section, name: SERVER_NAME, fields, allows_comments })
    }
}

/// How this binary is started over standard input and output, with the same library.
fn stdio_fields(config: &Config) -> Result<Vec<(&'static str, Field)>, CommandError> {
    let utf8 = |path: PathBuf| {
        path.into_os_string().into_string().map_err(|path| {
            CommandError(format!("{} cannot stand in JSON; move it", path.display()))
        })
    };
    let unknown = |error| CommandError(format!("this program's own path is unknown: {error}"));
    let binary = utf8(std::env::current_exe().map_err(unknown)?)?;
    let mut arguments = vec!["stdio".to_owned()];
    if config::default_database_path().as_ref() != Some(&config.database_path) {
        let path = std::path::absolute(&config.database_path);
        let path = path.map_err(|error| CommandError(format!("DATABASE_PATH: {error}")))?;
        arguments.extend(["--database-path".to_owned(), utf8(path)?]);
    }
    Ok(vec![("command", Field::Text(binary)), ("args", Field::List(arguments))])
}

/// What a client that starts PromptDB must be told besides, for it has other settings than a shell.
fn own_settings(client: ClientApp, config: &Config) -> &'static str {
    if client == ClientApp::ClaudeDesktop && config.convex.is_some() {
        "\nPut CONVEX_URL and CONVEX_API_KEY into an \"env\" object beside \"args\": Claude Desktop \
         does not know the settings of this shell.\n"
    } else {
        ""
    }
}

/// Changes the client's file and says what was done.
fn write(
    client: ClientApp,
    server: &Server,
    file: Option<PathBuf>,
    config: &Config,
) -> Result<String, CommandError> {
    let entry = client.entry(server, config)?;
    let file = file.or_else(|| client.usual_file());
    let no_home = || CommandError("there is no home folder; name the file with --file".to_owned());
    let file = file.ok_or_else(no_home)?;
    let (title, place) = (client.title(), file.display());
    let change = config_file::write_entry(&file, &entry, SystemClock.now())
        .map_err(|error| CommandError(format!("{place} is left as it is: {error}")))?;
    let restart = match client {
        ClientApp::ClaudeCode => "Start a new session of Claude Code to use it.",
        ClientApp::ClaudeDesktop => "Quit and start Claude Desktop to use it.",
        _ => "The client offers it at once, or after a restart.",
    };
    let besides = server.sign_in("It asks you to sign in when it first connects.")
        + own_settings(client, config);
    Ok(match change {
        Change::None => format!("{title} is already connected: {place}\n"),
        Change::Created => format!("Connected {title}: created {place}\n{restart}\n{besides}"),
        Change::Changed { backup } => format!(
            "Connected {title}: changed {place}\nWhat it said before is in {}\n{restart}\n{besides}",
            backup.display()
        ),
    })
}

/// Says how to connect the client by hand.
fn instructions(
    client: ClientApp,
    server: &Server,
    config: &Config,
) -> Result<String, CommandError> {
    let url = &server.url;
    let signing_in = |how: &str| server.sign_in(how);
    Ok(match client {
        ClientApp::ClaudeCode => format!(
            "Run:\n\n  claude mcp add --transport http --scope user {SERVER_NAME} {url}\n{}",
            signing_in("Then type /mcp in Claude Code and sign in.")
        ),
        ClientApp::Cursor => {
            let entry = client.entry(server, config)?;
            let json = STANDARD.encode(entry.as_json().to_string());
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("name", SERVER_NAME)
                .append_pair("config", &json)
                .finish();
            let link = format!("cursor://anysphere.cursor-deeplink/mcp/install?{query}");
            format!("Open this link:\n\n  {link}\n\nOr run:\n\n{}", by_file(client, server, &entry))
                + &signing_in("Cursor asks you to sign in when it first connects.")
        }
        ClientApp::VsCode => {
            let entry = client.entry(server, config)?;
            let mut json = entry.as_json();
            json["name"] = SERVER_NAME.into();
            let json = json.to_string();
            let encoded: String = form_urlencoded::byte_serialize(json.as_bytes()).collect();
            format!(
                "Run:\n\n  code --add-mcp '{json}'\n\nor open this link:\n\n  \
                 vscode:mcp/install?{encoded}\n\nor:\n\n{}",
                by_file(client, server, &entry)
            ) + &signing_in("VS Code asks you to sign in when it first connects.")
        }
        ClientApp::ClaudeDesktop if server.has_sign_in => {
            "In Claude: Settings, Connectors, Add custom connector.\n\n".to_owned()
                + &remote_steps(client, server)
        }
        ClientApp::ClaudeDesktop => {
            let entry = client.entry(server, config)?;
            format!(
                "Claude Desktop starts PromptDB itself; no server needs to run. Run:\n\n{}{}",
                by_file(client, server, &entry),
                own_settings(client, config)
            )
        }
        ClientApp::ChatGpt => {
            "In ChatGPT: Settings, Apps & Connectors, Advanced settings: turn on Developer mode. \
             Then Settings, Apps & Connectors, Create.\n\n"
                .to_owned()
                + &remote_steps(client, server)
        }
    })
}

/// The two other ways: the command that writes the file, and the file.
fn by_file(client: ClientApp, server: &Server, entry: &Entry) -> String {
    let mut text = format!("  promptdb connect {}{} --write\n\n", client.word(), server.flags);
    let place = client.usual_file().map_or_else(String::new, |file| file.display().to_string());
    let _ = writeln!(text, "or put this into {place}:\n\n{}", entry.as_file().trim_end());
    text
}

/// What a client in the cloud is told.
fn remote_steps(client: ClientApp, server: &Server) -> String {
    let authentication = if server.has_sign_in { "OAuth" } else { "none" };
    let mut text = format!(
        "  Name            PromptDB\n  URL             {}\n  Authentication  {authentication}\n",
        server.url
    );
    if server.is_local {
        let _ = write!(
            text,
            "\n{} connects from the internet and cannot reach {}. Serve PromptDB under a public \
             https URL first: set PUBLIC_URL, and WORKOS_CLIENT_ID for the sign-in.\n",
            client.title(),
            server.url
        );
    }
    text
}
