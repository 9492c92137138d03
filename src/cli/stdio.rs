//! The command `stdio`: MCP over standard input and output.

use std::sync::Arc;
use std::time::Duration;

use rmcp::service::ServerInitializeError;
use tokio_util::sync::CancellationToken;

use super::CommandError;
use super::serve::open_store;
use crate::clients::otlp::Collector;
use crate::config::Config;
use crate::domain::SystemClock;
use crate::domain::identity::{Client, Principal};
use crate::http::server;
use crate::jobs::{self, Jobs};
use crate::library::Library;
use crate::mcp::{Lines, PromptServer, serve_connection};
use crate::telemetry::{self, SpanExport};

/// How long a connection may take to end: more than the 2 s that rmcp waits for answers.
const STDIO_DRAIN: Duration = Duration::from_secs(4);

/// Serves the local user until the client closes its end or the process is asked to end.
pub(super) async fn serve_stdio(config: &Config) -> Result<(), CommandError> {
    let _log = telemetry::init(config).map_err(CommandError)?;
    let spans = SpanExport::start(config, Collector::new).map_err(CommandError)?;
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
    let jobs = Jobs::start(jobs::library_jobs(&library));
    let outcome = tokio::select! {
        outcome = serving => outcome,
        () = cancel_on_signal => Ok(()),
    };
    jobs.stop().await;
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
