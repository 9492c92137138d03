//! The commands.

mod backup;
mod completions;
mod config_file;
mod connect;
mod health;
mod progress;
mod serve;
mod stdio;
mod transfer;

use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use self::connect::ConnectArgs;
use crate::config::Settings;

/// Keeps your prompts where you use them: save one in the chat, get it in every other client.
#[derive(Debug, Parser)]
#[command(name = "promptdb", version)]
pub struct Cli {
    #[command(flatten)]
    settings: Settings,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP and REST over HTTP (the default)
    Serve,
    /// Serve MCP over standard input and output, beside a running server if there is one
    Stdio,
    /// Show how to connect a client to this server, or connect it
    Connect(ConnectArgs),
    /// Print the completions of a shell
    Completions {
        /// The shell to print them for
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write the library to a file: everything, or the prompts as they stand
    Export(transfer::ExportArgs),
    /// Add what a file or folder holds to the library; nothing is ever taken away
    Import(transfer::ImportArgs),
    /// Copy the library's file to a new one and check the copy, beside a running server if there is one
    Backup(backup::BackupArgs),
    /// Ask a running server whether it is alive; exit code 0 if it is
    Health,
}

/// Why a command failed, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CommandError(String);

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// A failure at a file.
fn at_file(path: &Path) -> impl Fn(std::io::Error) -> CommandError {
    let path = path.display().to_string();
    move |error| CommandError(format!("{path}: {error}"))
}

impl Cli {
    /// Reads the command line and the environment. Asked for help or the version, it prints that
    /// and ends the process.
    pub fn read() -> Result<Self, CommandError> {
        Self::try_parse().map_err(|error| {
            if error.use_stderr() { CommandError(in_one_line(&error)) } else { error.exit() }
        })
    }

    /// Runs the command to its end.
    pub async fn run(self) -> Result<(), CommandError> {
        let settings = self.settings;
        let config = || settings.validate().map_err(|error| CommandError(error.to_string()));
        match self.command.unwrap_or(Command::Serve) {
            Command::Completions { shell } => completions::print_completions(shell),
            Command::Connect(args) => connect::connect(&args, &config()?),
            Command::Serve => serve::serve(&config()?).await,
            Command::Stdio => Box::pin(stdio::serve_stdio(&config()?)).await,
            Command::Export(args) => transfer::export(&config()?, args).await,
            Command::Import(args) => transfer::import(&config()?, args).await,
            Command::Backup(args) => backup::back_up(&config()?, &args),
            Command::Health => health::check_health(&config()?).await,
        }
    }
}

/// What clap says on several lines, with the name that the setting has in the environment.
fn in_one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said: Vec<&str> = text
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
        .filter(|line| !line.is_empty())
        .collect();
    let said = said.join(" ");
    let setting = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) => {
            let mut command = Cli::command();
            // Until then clap does not know how an argument is spelled.
            command.build();
            let mut arguments = command.get_arguments();
            arguments
                .find(|argument| argument.to_string() == *flag)
                .and_then(|argument| argument.get_env()?.to_str().map(str::to_owned))
        }
        _ => None,
    };
    match setting {
        Some(setting) => format!("{setting}: {said}"),
        None => said,
    }
}

/// Writes to standard output; a reader that has seen enough is no failure.
fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CommandError(format!("the output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
