//! The commands.

mod backup;
mod config_file;
mod connect;
mod progress;
mod transfer;

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use futures_util::future::OptionFuture;
use rmcp::service::ServerInitializeError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use self::connect::ConnectArgs;
use crate::api::mcp::{Lines, PromptServer, serve_connection};
use crate::app::{self, AppState};
use crate::config::{Config, Settings};
use crate::domain::SystemClock;
use crate::domain::identity::{Client, Principal};
use crate::domain::library::Library;
use crate::store::Store;
use crate::telemetry::{Exposition, SpanExport};
use crate::{server, telemetry};

/// How long a connection over stdio may take to end: more than the 2 s that rmcp waits for answers.
const STDIO_DRAIN: Duration = Duration::from_secs(4);
/// How long `health` waits for an answer.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

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
            Command::Completions { shell } => print_completions(shell),
            Command::Connect(args) => connect::connect(&args, &config()?),
            Command::Serve => serve(&config()?).await,
            Command::Stdio => Box::pin(serve_stdio(&config()?)).await,
            Command::Export(args) => transfer::export(&config()?, args).await,
            Command::Import(args) => transfer::import(&config()?, args).await,
            Command::Backup(args) => backup::back_up(&config()?, &args),
            Command::Health => check_health(&config()?).await,
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

fn print_completions(shell: Shell) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "promptdb", &mut script);
    print(&String::from_utf8_lossy(&script))
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

fn open_store(config: &Config) -> Result<Arc<dyn Store>, CommandError> {
    app::open_store(config, Arc::new(SystemClock)).map_err(|error| CommandError(error.to_string()))
}

async fn serve(config: &Config) -> Result<(), CommandError> {
    let _log = telemetry::init(config).map_err(CommandError)?;
    // Before anything is made that is counted.
    let metrics = open_metrics(config).await?;
    let spans = SpanExport::start(config).map_err(CommandError)?;
    let store = open_store(config)?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| {
        CommandError(format!("HOST and PORT: cannot listen on {}: {error}", config.listen))
    })?;
    let address = listener.local_addr()?;
    let url = match &config.public_url {
        Some(url) => url.clone(),
        None => format!("http://localhost:{}", address.port()),
    };
    let clock = Arc::new(SystemClock);
    let limits = &config.limits;
    let state = match &config.sign_in {
        None => AppState::new(store, clock, url.clone(), limits),
        Some(sign_in) => AppState::with_sign_in(store, clock, url.clone(), limits, sign_in)
            .map_err(|error| CommandError(error.to_string()))?,
    };
    // Whoever reads that the server listens may end it.
    let signal = server::shutdown_signal()?;
    announce(&url, config)?;
    if let Some((listener, _)) = &metrics {
        print(&format!("Metrics are on http://{}/metrics\n", listener.local_addr()?))?;
    }
    let done = CancellationToken::new();
    let metrics = metrics.map(|(listener, exposition)| {
        tokio::spawn(exposition.serve(listener, done.clone().cancelled_owned()))
    });

    let library = Arc::clone(state.library());
    let router = app::router(&state);
    let closing = state.shutdown().clone();
    let shutdown = async move {
        signal.await;
        closing.cancel();
    };
    let outcome = tokio::select! {
        outcome = server::serve(listener, router, server::connections_max(), shutdown) => outcome,
        () = library.keep_flushing_uses() => Ok(()),
    };
    library.flush_uses().await;
    if let Some(spans) = spans {
        spans.close().await;
    }
    // Watched to the end of the drain, which it does not hold up.
    done.cancel();
    if let Some(Err(error)) = OptionFuture::from(metrics).await {
        tracing::error!(%error, "the metrics were not served to the end");
    }
    outcome.map_err(|error| CommandError(format!("the server stopped: {error}")))
}

/// Begins to count and listens for those who ask, where the settings say so.
async fn open_metrics(config: &Config) -> Result<Option<(TcpListener, Exposition)>, CommandError> {
    let Some(address) = config.observability.metrics_address else { return Ok(None) };
    let listener = TcpListener::bind(address).await.map_err(|error| {
        CommandError(format!("METRICS_ADDR: cannot listen on {address}: {error}"))
    })?;
    let exposition = Exposition::install().map_err(CommandError)?;
    Ok(Some((listener, exposition)))
}

/// Serves the local user until the client closes its end or the process is asked to end.
async fn serve_stdio(config: &Config) -> Result<(), CommandError> {
    let _log = telemetry::init(config).map_err(CommandError)?;
    let spans = SpanExport::start(config).map_err(CommandError)?;
    let library = Arc::new(Library::new(open_store(config)?, Arc::new(SystemClock)));
    let server = PromptServer::new(Arc::clone(&library), config.limits.request_timeout);
    let caller = Principal::local(Client::named("stdio"));
    let signal = server::shutdown_signal()?;
    let cancel = CancellationToken::new();
    let (input, output) = rmcp::transport::stdio();
    let serving = serve_connection(server, caller, Lines::new(input, output), cancel.clone());
    let cancel_on_signal = async {
        signal.await;
        cancel.cancel();
        // The connection ends by itself then, unless its client does not read on; cut off earlier, it
        // would log an error.
        tokio::time::sleep(STDIO_DRAIN).await;
    };
    let outcome = tokio::select! {
        outcome = serving => outcome,
        () = library.keep_flushing_uses() => Ok(()),
        () = cancel_on_signal => Ok(()),
    };
    library.flush_uses().await;
    if let Some(spans) = spans {
        spans.close().await;
    }
    match outcome {
        // A client that closes before the handshake has changed its mind.
        Ok(())
        | Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
            Ok(())
        }
        Err(error) => Err(CommandError(format!("the client could not be served: {error}"))),
    }
}

/// Says where everything is, and nothing more.
fn announce(url: &str, config: &Config) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "PromptDB is listening on {url}")?;
    match &config.convex {
        Some(convex) => writeln!(out, "Your prompts are in Convex at {}", convex.origin())?,
        None => writeln!(out, "Your prompts are in {}", config.database_path.display())?,
    }
    writeln!(out, "Connect Claude Code: claude mcp add --transport http promptdb {url}/mcp")
}

/// Asks `/health` of the server at the configured address.
async fn check_health(config: &Config) -> Result<(), CommandError> {
    let ask = async {
        let mut stream = TcpStream::connect(config.listen).await?;
        let host = config.listen;
        let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut status_line = [0; 12];
        stream.read_exact(&mut status_line).await?;
        Ok::<_, std::io::Error>(status_line)
    };
    let down = |why: &str| CommandError(format!("no PromptDB answers at {}: {why}", config.listen));
    match tokio::time::timeout(HEALTH_TIMEOUT, ask).await {
        Ok(Ok(line)) if line.starts_with(b"HTTP/1.1 200") => Ok(()),
        Ok(Ok(_)) => Err(down("it is not healthy")),
        Ok(Err(error)) => Err(down(&error.to_string())),
        Err(_) => Err(down("it is too slow")),
    }
}
