//! The command `connect`, which shows the command, link or configuration that connects a client,
//! or changes the client's configuration file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use axum::http::Uri;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, ValueEnum};

use super::config_file::{self, Change, Entry, Field};
use super::{CommandError, print};
use crate::config::{self, Settings, Storage};
use crate::domain::{Clock, SystemClock};

/// This server's name in the configuration of a client.
const SERVER_NAME: &str = "promptdb";

#[derive(Debug, Args)]
pub(super) struct ConnectArgs {
    /// The client to connect
    #[arg(value_enum)]
    client: ClientApp,

    /// The https origin of another server than the one that the settings describe
    #[arg(long)]
    url: Option<String>,

    /// Back up and change the client's configuration file, instead of showing how
    #[arg(long)]
    write: bool,

    /// The configuration file [default: the client's usual file]
    #[arg(long, value_name = "FILE", requires = "write")]
    file: Option<PathBuf>,
}

/// A client that this command supports.
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

/// How the client reaches PromptDB.
enum Transport {
    /// It starts this binary.
    Stdio(StdioCommand),
    /// It calls a server over HTTP.
    Http(Server),
}

/// The command that a client starts.
struct StdioCommand {
    binary: String,
    arguments: Vec<String>,
    /// Whether the command needs the settings of Convex in its environment.
    needs_convex: bool,
}

/// A server, as a client reaches it.
struct Server {
    /// The URL of its MCP endpoint.
    url: String,
    /// Whether only this machine reaches it.
    is_local: bool,
    has_sign_in: bool,
    /// The flags of `connect` that select it, after a space; empty if the settings do.
    flags: String,
}

/// Shows how to connect a client, or connects it.
pub(super) fn connect(args: &ConnectArgs, settings: &Settings) -> Result<(), CommandError> {
    let transport = Transport::select(args, settings)?;
    let text = if args.write {
        write(args.client, &transport, args.file.as_deref())?
    } else {
        describe(args.client, &transport)?
    };
    print(&text)
}

impl Transport {
    /// Selects stdio for Claude Desktop with a local library, for its file holds no HTTP servers.
    fn select(args: &ConnectArgs, settings: &Settings) -> Result<Self, CommandError> {
        if let Some(url) = &args.url {
            return Server::at(url).map(Self::Http);
        }
        let has_sign_in = settings.sign_in.is_enabled()?;
        if args.client == ClientApp::ClaudeDesktop && !has_sign_in {
            return StdioCommand::new(&settings.storage.validate()?).map(Self::Stdio);
        }
        Server::configured(settings, has_sign_in).map(Self::Http)
    }

    /// Returns what the user does after the client was connected, in lines of their own.
    fn next_steps(&self) -> String {
        match self {
            Self::Stdio(command) => command.environment_hint().to_owned(),
            Self::Http(server) => server.sign_in("It asks you to sign in when it first connects."),
        }
    }
}

impl StdioCommand {
    /// The command that opens the same library as this process.
    fn new(storage: &Storage) -> Result<Self, CommandError> {
        let binary = std::env::current_exe().map_err(|error| {
            CommandError::failed(format!("the path of this program is unknown: {error}"))
        })?;
        let mut arguments = vec!["stdio".to_owned()];
        if let Storage::File(path) = storage
            && config::default_database_path().as_ref() != Some(path)
        {
            // The client starts the command in a folder of its own.
            let path = std::path::absolute(path)
                .map_err(|error| CommandError::failed(format!("DATABASE_PATH: {error}")))?;
            arguments.extend(["--database-path".to_owned(), require_utf8(path)?]);
        }
        let needs_convex = matches!(storage, Storage::Convex(_));
        Ok(Self { binary: require_utf8(binary)?, arguments, needs_convex })
    }

    /// The key is a secret, so `connect` leaves it to the user.
    fn environment_hint(&self) -> &'static str {
        if self.needs_convex {
            "\nPut CONVEX_URL and CONVEX_API_KEY into an \"env\" object beside \"args\": Claude \
             Desktop does not have the environment of this shell.\n"
        } else {
            ""
        }
    }
}

fn require_utf8(path: PathBuf) -> Result<String, CommandError> {
    path.into_os_string().into_string().map_err(|path| {
        CommandError::failed(format!(
            "{} is not UTF-8, which JSON requires; move it",
            path.display()
        ))
    })
}

impl Server {
    /// The server of the settings.
    fn configured(settings: &Settings, has_sign_in: bool) -> Result<Self, CommandError> {
        let origin = settings.server.origin()?.ok_or_else(|| {
            let message = "PORT is 0, so the server has another address at each start; set the \
                port that it should keep";
            CommandError::failed(message.to_owned())
        })?;
        let is_local =
            origin.parse::<Uri>().is_ok_and(|uri| uri.host().is_some_and(config::is_loopback_host));
        Ok(Self { url: format!("{origin}/mcp"), is_local, has_sign_in, flags: String::new() })
    }

    /// A server elsewhere, which requires sign-in.
    fn at(url: &str) -> Result<Self, CommandError> {
        let origin = config::origin("--url", url)?;
        let flags = format!(" --url {origin}");
        Ok(Self { url: format!("{origin}/mcp"), is_local: false, has_sign_in: true, flags })
    }

    /// Returns `hint` in a line of its own if the server requires sign-in, otherwise nothing.
    fn sign_in(&self, hint: &str) -> String {
        if self.has_sign_in { format!("\n{hint}\n") } else { String::new() }
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

    /// The argument of `connect`.
    fn argument(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The file in which the client keeps the servers of all projects of a user.
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

    /// The server's entry in the client's file; an error for a client without such a file.
    fn entry(self, transport: &Transport) -> Result<Entry, CommandError> {
        let (section, fields, allows_comments) = match (self, transport) {
            (_, Transport::Stdio(command)) => {
                let binary = ("command", Field::Text(command.binary.clone()));
                let arguments = ("args", Field::List(command.arguments.clone()));
                ("mcpServers", vec![binary, arguments], false)
            }
            (Self::ClaudeCode, Transport::Http(server)) => {
                ("mcpServers", server.typed_fields(), false)
            }
            (Self::Cursor, Transport::Http(server)) => ("mcpServers", vec![server.field()], true),
            (Self::VsCode, Transport::Http(server)) => ("servers", server.typed_fields(), true),
            (Self::ClaudeDesktop, Transport::Http(_)) => {
                let message = format!(
                    "Claude Desktop keeps remote servers in the account, not in a file; run \
                     promptdb connect {} without --write",
                    self.argument()
                );
                return Err(CommandError::failed(message));
            }
            (Self::ChatGpt, Transport::Http(_)) => {
                let message = "ChatGPT has no configuration file to write; run promptdb connect \
                    chatgpt without --write for the steps";
                return Err(CommandError::failed(message.to_owned()));
            }
        };
        Ok(Entry { section, name: SERVER_NAME, fields, allows_comments })
    }
}

impl Server {
    fn field(&self) -> (&'static str, Field) {
        ("url", Field::Text(self.url.clone()))
    }

    /// The fields for clients that name the transport.
    fn typed_fields(&self) -> Vec<(&'static str, Field)> {
        vec![("type", Field::Text("http".to_owned())), self.field()]
    }
}

/// Changes the client's file, and returns a report for the user.
fn write(
    client: ClientApp,
    transport: &Transport,
    file: Option<&Path>,
) -> Result<String, CommandError> {
    let entry = client.entry(transport)?;
    let file = file.map(Path::to_owned).or_else(|| client.usual_file()).ok_or_else(|| {
        CommandError::failed("there is no home folder; name the file with --file".to_owned())
    })?;
    let (title, place) = (client.title(), file.display());
    let change = config_file::write_entry(&file, &entry, SystemClock.now())
        .map_err(|error| CommandError::failed(format!("{place} is left as it is: {error}")))?;
    let restart = match client {
        ClientApp::ClaudeCode => "Start a new session of Claude Code to use it.",
        ClientApp::ClaudeDesktop => "Quit and start Claude Desktop to use it.",
        _ => "The client offers it at once, or after a restart.",
    };
    let steps = transport.next_steps();
    Ok(match change {
        Change::None => format!("{title} is already connected: {place}\n"),
        Change::Created => format!("Connected {title}: created {place}\n{restart}\n{steps}"),
        Change::Changed { backup } => format!(
            "Connected {title}: changed {place}\nThe previous file is {}\n{restart}\n{steps}",
            backup.display()
        ),
    })
}

/// Describes how to connect the client by hand.
fn describe(client: ClientApp, transport: &Transport) -> Result<String, CommandError> {
    match transport {
        Transport::Stdio(command) => Ok(format!(
            "Claude Desktop starts PromptDB itself; no server needs to run. Run:\n\n{}{}",
            describe_file(client, "", &client.entry(transport)?),
            command.environment_hint()
        )),
        Transport::Http(server) => describe_http(client, server, transport),
    }
}

fn describe_http(
    client: ClientApp,
    server: &Server,
    transport: &Transport,
) -> Result<String, CommandError> {
    Ok(match client {
        ClientApp::ClaudeCode => format!(
            "Run:\n\n  claude mcp add --transport http --scope user {SERVER_NAME} {}\n{}",
            server.url,
            server.sign_in("Then type /mcp in Claude Code and sign in.")
        ),
        ClientApp::Cursor => {
            let entry = client.entry(transport)?;
            format!(
                "Open this link:\n\n  {}\n\nOr run:\n\n{}{}",
                cursor_link(&entry),
                describe_file(client, &server.flags, &entry),
                server.sign_in("Cursor asks you to sign in when it first connects.")
            )
        }
        ClientApp::VsCode => {
            let entry = client.entry(transport)?;
            let mut json = entry.as_json();
            json["name"] = SERVER_NAME.into();
            let json = json.to_string();
            let encoded: String = form_urlencoded::byte_serialize(json.as_bytes()).collect();
            format!(
                "Run:\n\n  code --add-mcp '{json}'\n\nor open this link:\n\n  \
                 vscode:mcp/install?{encoded}\n\nor:\n\n{}{}",
                describe_file(client, &server.flags, &entry),
                server.sign_in("VS Code asks you to sign in when it first connects.")
            )
        }
        ClientApp::ClaudeDesktop => format!(
            "In Claude: Settings, Connectors, Add custom connector.\n\n{}",
            describe_connector(client, server)
        ),
        ClientApp::ChatGpt => format!(
            "In ChatGPT: Settings, Apps & Connectors, Advanced settings: turn on Developer mode. \
             Then Settings, Apps & Connectors, Create.\n\n{}",
            describe_connector(client, server)
        ),
    })
}

/// The link that adds the server to Cursor: its entry in base64, as a query parameter.
fn cursor_link(entry: &Entry) -> String {
    let json = STANDARD.encode(entry.as_json().to_string());
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("name", SERVER_NAME)
        .append_pair("config", &json)
        .finish();
    format!("cursor://anysphere.cursor-deeplink/mcp/install?{query}")
}

/// Describes two ways to the file: the command that writes it, and its content.
fn describe_file(client: ClientApp, flags: &str, entry: &Entry) -> String {
    let mut text = format!("  promptdb connect {}{flags} --write\n\n", client.argument());
    let place = client.usual_file().map_or_else(String::new, |file| file.display().to_string());
    let _ = writeln!(text, "or put this into {place}:\n\n{}", entry.as_file().trim_end());
    text
}

/// Describes the fields of a form for connectors, in a client that connects from the internet.
fn describe_connector(client: ClientApp, server: &Server) -> String {
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
