//! The commands, one a file, and what they share: the command line, the log and the errors.

mod backup;
mod client_file;
mod clipboard;
mod completions;
mod connect;
mod convert_model;
mod doctor;
mod export;
mod health;
mod import;
mod model;
mod probe;
mod progress;
mod prompts;
mod replacement;
mod restore_backup;
mod serve;
mod stdio;
mod terminal;

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{Args, CommandFactory, FromArgMatches, Id, Parser, Subcommand};
use clap_complete::Shell;

use self::connect::{ConnectArgs, DisconnectArgs};
use self::prompts::PromptCommand;
use crate::config::{
    self, ConfigError, LibrarySettings, ListenSettings, LogSettings, PromptSettings, Settings,
    StdioSettings,
};
use crate::error::{ApiError, describe_io};
use crate::telemetry::{self, LogGuard};

/// The file name that stands for standard input or standard output.
const STANDARD_STREAM: &str = "-";

/// Saves prompts in one chat and serves them in every other MCP client.
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
    /// Serve MCP over standard input and output, also beside a running server
    Stdio,
    /// Show how to connect a client to your library, or connect it
    Connect(ConnectArgs),
    /// Take PromptDB out of a client's configuration file
    Disconnect(DisconnectArgs),
    /// Check the library, the model, the port and the connected clients, and what to do about each
    Doctor(doctor::DoctorArgs),
    /// Print a shell's completion script
    Completions {
        /// The shell that runs the script
        #[arg(value_enum)]
        shell: Shell,
    },
    #[command(flatten)]
    Prompts(PromptCommand),
    /// Write the library to a file: with every version, or the current prompts only
    Export(export::ExportArgs),
    /// Add the prompts of a file or folder to the library; an import deletes nothing
    Import(import::ImportArgs),
    /// Copy the library's file to a new file and check the copy, also beside a running server
    Backup(backup::BackupArgs),
    /// Check a backup and put it in the place of the library, while nothing uses the library
    RestoreBackup(restore_backup::RestoreBackupArgs),
    /// Make the model of meanings from its package; `make model` fetches the package first
    ConvertModel(convert_model::ConvertModelArgs),
    /// Check that the server at HOST and PORT is alive; exit code 0 if it is
    Health,
}

/// The reason why a command failed, and the exit code that says of which kind it is.
///
/// The text says what went wrong and what to do, in one line; a list of matches follows it in further
/// lines. Nothing in it commands a terminal, although it may repeat arguments and stored texts.
#[derive(Debug, thiserror::Error)]
#[error("{}", terminal::make_harmless(message))]
pub struct CommandError {
    message: String,
    exit: Exit,
}

/// The exit codes of a command that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// The command failed.
    Failed = 1,
    /// The command line cannot be used as it is.
    Usage = 2,
    /// The library has no such prompt or version.
    NotFound = 3,
}

impl From<std::io::Error> for CommandError {
    fn from(error: std::io::Error) -> Self {
        Self::failed(describe_io(&error))
    }
}

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        Self::failed(error.to_string())
    }
}

impl CommandError {
    /// A failure, exit code 1.
    fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Failed }
    }

    /// A command line that cannot be used as it is, exit code 2.
    fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Usage }
    }

    /// A prompt or version that the library does not have, exit code 3.
    fn not_found(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::NotFound }
    }

    /// An input or output error, with the file's path in front.
    fn at(path: impl AsRef<Path>, error: &std::io::Error) -> Self {
        Self::failed(format!("{}: {}", path.as_ref().display(), describe_io(error)))
    }

    /// A failure of the library, with the detail that REST and MCP send for it.
    fn of_library(action: &str, error: impl Into<ApiError>) -> Self {
        let error = error.into();
        let message = format!("the {action} failed: {}", error.tool_message());
        let exit = match error {
            ApiError::NotFound(_) => Exit::NotFound,
            ApiError::Invalid(_) => Exit::Usage,
            _ => Exit::Failed,
        };
        Self { message, exit }
    }

    /// The exit code of the process: 1, 2 or 3.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }
}

impl Cli {
    /// Parses the command line and the environment. Prints the help or the version if the command
    /// line requests it, and ends the process.
    pub fn parse_arguments() -> Result<Self, CommandError> {
        let matches = build_command().try_get_matches();
        matches.and_then(|matches| Self::from_arg_matches(&matches)).map_err(|error| {
            if error.use_stderr() {
                return CommandError::usage(config::one_line(&error));
            }
            match error.print().and_then(|()| std::io::stdout().flush()) {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    CommandError::at("standard output", &error)
                }
                _ => std::process::exit(0),
            }
        })
    }

    /// Returns whether the command has work for several threads at once. Starting them takes longer
    /// than the others run.
    pub fn is_parallel(&self) -> bool {
        match &self.command {
            None
            | Some(Command::Serve | Command::Stdio | Command::Import(_) | Command::Export(_)) => {
                true
            }
            Some(
                Command::Prompts(_)
                | Command::Connect(_)
                | Command::Disconnect(_)
                | Command::Doctor(_)
                | Command::Completions { .. }
                | Command::Backup(_)
                | Command::RestoreBackup(_)
                | Command::ConvertModel(_)
                | Command::Health,
            ) => false,
        }
    }

    /// Runs the command to its end. Each gets the part of the settings that it uses, so that it can
    /// refuse no other one.
    pub async fn run(self) -> Result<(), CommandError> {
        let settings = &self.settings;
        let command = self.command.unwrap_or(Command::Serve);
        // The guard lives as long as the command, whichever it is. Dropped earlier, it would stop
        // the thread that writes the log, and a full pipe at stderr would stop the command.
        let _log = command.start_log(settings)?;
        match command {
            Command::Serve => serve::serve(settings).await,
            Command::Stdio => Box::pin(stdio::serve_stdio(&settings.into())).await,
            Command::Connect(args) => connect::connect(&args, &settings.into()),
            Command::Disconnect(args) => connect::disconnect(&args),
            Command::Doctor(args) => Box::pin(doctor::examine(&args, &settings.into())).await,
            Command::Completions { shell } => completions::print_completions(shell),
            Command::Prompts(command) => Box::pin(command.run(&settings.into())).await,
            Command::Export(args) => export::export(&args, &settings.into()).await,
            Command::Import(args) => import::import(&args, &settings.into()).await,
            Command::Backup(args) => backup::back_up(&args, &settings.into()),
            Command::RestoreBackup(args) => restore_backup::restore_backup(&args, &settings.into()),
            Command::ConvertModel(args) => convert_model::convert_model(&args),
            Command::Health => health::check_health(&settings.into()).await,
        }
    }
}

impl Command {
    /// Starts the log of a command that opens the library; the others have none.
    fn start_log(&self, settings: &Settings) -> Result<Option<LogGuard>, CommandError> {
        match self {
            // A command on prompts starts and ends within milliseconds, and says itself what failed.
            Self::Prompts(_)
            | Self::Connect(_)
            | Self::Disconnect(_)
            | Self::Doctor(_)
            | Self::Completions { .. }
            | Self::ConvertModel(_)
            | Self::Health => Ok(None),
            Self::Serve
            | Self::Stdio
            | Self::Export(_)
            | Self::Import(_)
            | Self::Backup(_)
            | Self::RestoreBackup(_) => {
                telemetry::init(&settings.log.validate()?).map(Some).map_err(CommandError::failed)
            }
        }
    }
}

/// The command line. The help of a command lists the settings that it uses; the others are accepted
/// all the same, for the environment has those of every command.
fn build_command() -> clap::Command {
    let root = Cli::command();
    let settings: Vec<_> =
        root.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    root.mut_subcommands(|command| {
        let listed = list_settings(command.get_name());
        let is_hidden = |arg: &&clap::Arg| !listed.contains(arg.get_id());
        let hidden = settings.iter().filter(is_hidden).map(|arg| arg.clone().hide(true));
        command.args(hidden)
    })
}

/// The settings that the help of a command lists.
fn list_settings(command: &str) -> Vec<Id> {
    match command {
        "serve" => ids_of::<Settings>(),
        "stdio" => [ids_of::<StdioSettings>(), ids_of::<LogSettings>()].concat(),
        "export" | "import" | "backup" | "restore-backup" => {
            [ids_of::<LibrarySettings>(), ids_of::<LogSettings>()].concat()
        }
        "health" => ids_of::<ListenSettings>(),
        name if PromptCommand::has_subcommand(name) => ids_of::<PromptSettings>(),
        // `connect` and `doctor` describe those of other commands.
        _ => Vec::new(),
    }
}

/// Parses the arguments of a process of this program that a client starts. Returns the library that they
/// name.
///
/// # Errors
/// The arguments do not serve a client. The text follows the name of the program, and quotes none of them:
/// they may hold a secret.
fn parse_stdio(arguments: &[String]) -> Result<Option<PathBuf>, &'static str> {
    let arguments = std::iter::once("promptdb").chain(arguments.iter().map(String::as_str));
    let matches = build_command().try_get_matches_from(arguments);
    let matches = matches.map_err(|_| "with arguments that it does not take")?;
    let Some(("stdio", matches)) = matches.subcommand() else {
        return Err("without the command `stdio`, which serves a client");
    };
    let is_given = matches.value_source("database_path") == Some(ValueSource::CommandLine);
    let given = matches.get_raw("database_path").filter(|_| is_given);
    let path = given.and_then(|mut values| values.next()).filter(|path| !path.is_empty());
    Ok(path.map(PathBuf::from))
}

/// The flag and the variable of each setting that is a secret.
fn secret_settings() -> Vec<(String, String)> {
    let root = Cli::command();
    let secrets = root.get_arguments().filter(|arg| arg.is_hide_env_values_set());
    secrets
        .filter_map(|arg| {
            let variable = arg.get_env()?.to_str()?;
            Some((format!("--{}", arg.get_long()?), variable.to_owned()))
        })
        .collect()
}

fn ids_of<A: Args>() -> Vec<Id> {
    let command = A::augment_args(clap::Command::new(""));
    command.get_arguments().map(|arg| arg.get_id().clone()).collect()
}

/// Returns the folder of a file.
fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Writes to standard output. A reader that closes its end early is not an error.
fn print(text: &str) -> Result<(), CommandError> {
    write_to_stdout(text.as_bytes()).map(drop)
}

/// Writes to standard output. Returns whether its reader takes more.
fn write_to_stdout(bytes: &[u8]) -> Result<bool, CommandError> {
    write_to(&mut std::io::stdout().lock(), Path::new("standard output"), bytes)
}

/// Writes to what may be a pipe. Returns whether its reader takes more.
fn write_to(out: &mut impl Write, path: &Path, bytes: &[u8]) -> Result<bool, CommandError> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CommandError::at(path, &error)),
    }
}

/// Writes a line to standard error, for people.
fn print_notice(text: &str) -> Result<(), CommandError> {
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "{}", terminal::make_harmless(text))
        .map_err(|error| CommandError::at("standard error", &error))
}

#[cfg(test)]
mod tests {
    use super::{build_command, config};

    #[track_caller]
    fn check_refused(arguments: &[&str], expected: &str) {
        let arguments = ["promptdb"].iter().chain(arguments);
        let error = build_command().try_get_matches_from(arguments).unwrap_err();
        assert_eq!(config::one_line(&error), expected);
    }

    #[test]
    fn a_refused_command_line_is_explained_in_one_sentence() {
        check_refused(
            &["list", "--delted"],
            "unexpected argument '--delted' found; a similar argument exists: '--deleted'",
        );
        check_refused(
            &["save", "--foo"],
            "unexpected argument '--foo' found; to pass '--foo' as a value, use '-- --foo'",
        );
        check_refused(
            &["export", "--format", "jsn"],
            "invalid value 'jsn' for '--format <FORMAT>' [possible values: json, markdown, skills, \
             csv]; a similar value exists: 'json'",
        );
        check_refused(
            &["tag"],
            "the following required arguments were not provided: <NAME>, <TAG>...",
        );
        check_refused(
            &["connect", "cursor", "--url", ""],
            "a value is required for '--url <URL>' but none was supplied",
        );
    }

    #[test]
    fn no_help_shows_the_markup_of_a_doc_comment() {
        let mut root = build_command();
        root.build();
        let mut commands: Vec<clap::Command> = root.get_subcommands().cloned().collect();
        commands.push(root);
        assert!(commands.len() > 20, "the commands, `help`, and the root: {}", commands.len());
        for mut command in commands {
            for help in [command.render_long_help(), command.render_help()] {
                let help = help.to_string();
                assert!(!help.contains("<http"), "{help}");
            }
        }
    }
}
