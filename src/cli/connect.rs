//! The commands `connect` and `disconnect`. The first shows the command, link or configuration that
//! connects a client, or changes the client's configuration file; the second takes PromptDB out of it.

mod client;
mod entry;
mod files;
mod guide;
mod program;
mod scope;
mod transport;

use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Read, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use rpassword::ConfigBuilder;

pub(super) use self::client::ClientApp;
use self::entry::{make_entry, takes_token};
pub(super) use self::guide::claude_code_command;
use self::guide::{describe, next_step, requirement, restart};
pub(super) use self::scope::{REMOVE_LOCAL, describe_local_entries, is_excluded};
pub(super) use self::transport::shell_word;
use self::transport::{Server, Transport};
use super::client_file::{self, Change, EditError, Effects, Entry, Place};
use super::terminal::make_harmless;
use super::{CommandError, print};
use crate::config::{self, ConnectSettings, Secret};
use crate::domain::{Clock, SystemClock};

/// This server's name in the configuration of a client.
const SERVER_NAME: &str = "promptdb";

/// Maximum length of an access token in bytes: that of a header's value which every server takes.
const TOKEN_MAX_BYTES: usize = 4096;

/// Stands for the token in what is shown.
const TOKEN_PLACEHOLDER: &str = "TOKEN";

#[derive(Debug, Args)]
#[command(
    after_help = "By default the client starts PromptDB itself, on the library of DATABASE_PATH. \
    With --http it calls the server at PUBLIC_URL or PORT, which must run."
)]
pub(super) struct ConnectArgs {
    /// The client to connect
    #[arg(value_enum, value_name = "CLIENT")]
    client: ClientApp,

    /// Let the client call the server of this machine, which must run, instead of starting PromptDB
    #[arg(long, conflicts_with = "url")]
    http: bool,

    /// Let the client call a server elsewhere: its https origin
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    url: Option<String>,

    /// Back up and change the client's configuration file, instead of showing how
    #[arg(long)]
    write: bool,

    /// The configuration file [default: the client's usual file]
    #[arg(long, value_name = "FILE", requires = "write")]
    file: Option<PathBuf>,

    #[command(flatten)]
    token: TokenArgs,
}

/// Where the access token of a server comes from; never from an argument, which other users see.
#[derive(Debug, Args)]
struct TokenArgs {
    /// Let the client send an access token, which is read from standard input
    #[arg(long, requires = "write", conflicts_with = "token_env")]
    token_stdin: bool,

    /// Let the client send the access token of the environment variable `ACCESS_TOKEN`
    #[arg(long, requires = "write")]
    token_env: bool,
}

#[derive(Debug, Args)]
pub(super) struct DisconnectArgs {
    /// The client to disconnect
    #[arg(value_enum, value_name = "CLIENT")]
    client: ClientApp,

    /// The configuration file [default: the client's usual file]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Shows how to connect a client, or connects it.
pub(super) fn connect(args: &ConnectArgs, settings: &ConnectSettings) -> Result<(), CommandError> {
    let mut transport = Transport::select(args, settings)?;
    if args.token.token_stdin || args.token.token_env {
        let Transport::Http(server) = &mut transport else {
            let message = "an access token is for a server: add --http or --url";
            return Err(CommandError::usage(message));
        };
        if !takes_token(args.client) {
            let title = args.client.title();
            return Err(CommandError::usage(format!("{title} takes no access token from a file")));
        }
        server.token = Some(read_token(&args.token)?);
    } else if let Transport::Http(server) = &mut transport
        && server.asks_for_token
    {
        if args.write && takes_token(args.client) {
            return Err(require_token(args.client, server));
        }
        server.token = Some(Secret::from(TOKEN_PLACEHOLDER.to_owned()));
    }
    let mut text = if args.write {
        write(args.client, &transport, args.file.as_deref())?
    } else {
        describe(args.client, &transport)
    };
    let file = args.file.clone().or_else(|| args.client.usual_file());
    // The client need not have a file yet.
    if let Some(Ok(content)) = file.map(|file| client_file::read_file(&file))
        && let Some(entries) = describe_local_entries(args.client, &content)
    {
        let _ = writeln!(text, "But {}. {REMOVE_LOCAL}", make_harmless(&entries));
    }
    print(&text)
}

/// The error of a server that refuses calls without a token. Only the user decides that a file gets one,
/// so none is taken from the environment unasked.
fn require_token(client: ClientApp, server: &Server) -> CommandError {
    let from_environment = match config::access_token() {
        Some(_) => format!("--token-env for that of {}, or ", config::ACCESS_TOKEN),
        None => String::new(),
    };
    CommandError::usage(format!(
        "{} asks for its access token: add {from_environment}--token-stdin; or leave out --http, and {} \
         starts PromptDB itself",
        server.origin(),
        client.title()
    ))
}

/// Reads the token from the place that the user chose. No error quotes it.
fn read_token(args: &TokenArgs) -> Result<Secret, CommandError> {
    let token = if args.token_env {
        let missing = || {
            let name = config::ACCESS_TOKEN;
            CommandError::usage(format!("{name} is not set in the environment; use --token-stdin"))
        };
        config::access_token().ok_or_else(missing)?.expose().to_owned()
    } else {
        let read = if io::stdin().is_terminal() { read_hidden() } else { read_stdin() };
        read.map_err(|error| CommandError::at("standard input", &error))?
    };
    let token = token.trim_end_matches(['\r', '\n']);
    let is_token = (1..=TOKEN_MAX_BYTES).contains(&token.len())
        && token.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token {
        return Err(CommandError::usage(format!(
            "the access token must be one line of 1 to {TOKEN_MAX_BYTES} letters, digits and signs, \
             without a space"
        )));
    }
    Ok(Secret::from(token.to_owned()))
}

/// Reads a line of a terminal, which does not show it.
fn read_hidden() -> io::Result<String> {
    let read = |terminal: ConfigBuilder| {
        rpassword::read_password_with_config(terminal.output_discard().build())
    };
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "paste the access token, which is not shown, and press Enter:")?;
    if cfg!(unix) {
        match read(ConfigBuilder::new().input_file_path("/dev/stdin")) {
            // The terminal belongs to the user who logged in, and this is another one, as after `su`.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            done => return done,
        }
    }
    read(ConfigBuilder::new())
}

/// Reads the token that a program passes. Bytes that are not UTF-8 are read as an empty token, which is refused.
fn read_stdin() -> io::Result<String> {
    let mut bytes = Vec::new();
    io::stdin().lock().take(TOKEN_MAX_BYTES as u64 + 3).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).unwrap_or_default())
}

/// Returns the client's place and entry; an error for a client that does not take it in a file.
fn place_and_entry(
    client: ClientApp,
    transport: &Transport,
) -> Result<(Place, Entry), CommandError> {
    if let (Some(place), Some(entry)) = (client.place(), make_entry(client, transport)) {
        return Ok((place, entry));
    }
    let argument = client.argument();
    Err(CommandError::usage(match client {
        ClientApp::ClaudeDesktop => format!(
            "Claude Desktop keeps remote servers in the account, not in a file; run promptdb \
             connect {argument} without --write"
        ),
        _ => format!(
            "{} has no configuration file to write; run promptdb connect {argument} without \
             --write for the steps",
            client.title()
        ),
    }))
}

/// Changes the client's file, and returns a report for the user.
fn write(
    client: ClientApp,
    transport: &Transport,
    file: Option<&Path>,
) -> Result<String, CommandError> {
    let (place, entry) = place_and_entry(client, transport)?;
    let file = file.map(Path::to_owned).or_else(|| client.usual_file()).ok_or_else(no_home)?;
    let (title, shown) = (client.title(), file.display());
    let own = client.files();
    let change = client_file::write_entry(&file, &own, &place, &entry, SystemClock.now());
    let mut text = match change.map_err(|error| left_alone(&file, &error))? {
        Change::None => return Ok(format!("{title} is already connected: {shown}\n")),
        Change::Created => format!("Connected {title}: created {shown}\n"),
        Change::Changed { backup, effects } => format!(
            "Connected {title}: changed {shown}\n{}The previous file is {}\n",
            describe_effects(&effects),
            backup.display()
        ),
    };
    let _ = writeln!(text, "{}", requirement(client, transport));
    let _ = writeln!(text, "{}", next_step(client, transport));
    Ok(text)
}

/// What a change did to the user's own fields, in lines.
fn describe_effects(effects: &Effects) -> String {
    let mut text = String::new();
    if effects.is_switched_on {
        text.push_str("The entry was switched off, and is on again\n");
    }
    if let Some((last, others)) = effects.removed.split_last() {
        let others = others.join(", ");
        let and = if others.is_empty() { "" } else { " and " };
        let _ = writeln!(
            text,
            "Removed {others}{and}{last}, which belonged to the previous connection"
        );
    }
    text
}

/// Takes PromptDB out of the client's files, and reports it.
pub(super) fn disconnect(args: &DisconnectArgs) -> Result<(), CommandError> {
    let client = args.client;
    let Some(place) = client.place() else { return print(disconnect_by_hand(client)) };
    let files = args.file.as_ref().map_or_else(|| client.files(), |file| vec![file.clone()]);
    let mut text = String::new();
    for file in &files {
        let change = client_file::remove_entry(file, &place, SystemClock.now());
        if let Change::Changed { backup, .. } = change.map_err(|error| left_alone(file, &error))? {
            let (title, file, backup) = (client.title(), file.display(), backup.display());
            let _ = writeln!(text, "Disconnected {title}: changed {file}");
            let _ = writeln!(text, "The previous file is {backup}");
            let _ = writeln!(text, "{}", restart(client).replace(" to use it", ""));
        }
    }
    if text.is_empty() {
        let file = files.first().ok_or_else(no_home)?.display();
        let _ = writeln!(text, "{} is not connected: {file}", client.title());
    }
    if client == ClientApp::ClaudeDesktop {
        text.push_str("A connector is removed in Claude: Settings, Connectors.\n");
    }
    print(&text)
}

fn disconnect_by_hand(client: ClientApp) -> &'static str {
    match client {
        ClientApp::ChatGpt => "In ChatGPT: Settings, Apps & Connectors: disconnect PromptDB.\n",
        ClientApp::JetBrains => {
            "In the IDE: Settings, Tools, AI Assistant, Model Context Protocol (MCP): remove \
             promptdb, and Apply.\n"
        }
        _ => "Remove promptdb where you added it, in the client.\n",
    }
}

fn no_home() -> CommandError {
    CommandError::failed("there is no home folder; name the file with --file")
}

fn left_alone(file: &Path, error: &EditError) -> CommandError {
    CommandError::failed(format!("{} is left as it is: {error}", file.display()))
}
