//! The command `stdio`, which serves MCP over standard input and output.

use std::sync::Arc;
use std::time::Duration;

use rmcp::service::ServerInitializeError;
use tokio_util::sync::CancellationToken;

use super::CommandError;
use super::model::Model;
use super::serve::build_library;
use crate::clients::otlp::Collector;
use crate::config::StdioSettings;
use crate::domain;
use crate::domain::identity::{Client, Principal};
use crate::http::server;
use crate::jobs::{self, Jobs};
use crate::mcp::{Lines, PromptServer, Toolset, serve_connection};
use crate::telemetry::SpanExport;

/// How long a cancelled connection may take to end. Longer than the 2 s that rmcp waits for calls
/// in flight.
const STDIO_DRAIN: Duration = Duration::from_secs(4);

/// Serves the local user until the client closes its end or the process is asked to end.
pub(super) async fn serve_stdio(settings: &StdioSettings) -> Result<(), CommandError> {
    let traces = settings.traces.validate(settings.deployment.environment()?)?;
    let spans = SpanExport::start(traces.as_ref(), Collector::new).map_err(CommandError::failed)?;
    let toolset =
        Toolset { has_openai_search: settings.tools.has_openai_search()?, ..Toolset::default() };
    let model = Model::open(&settings.meaning)?;
    if let Model::Unusable(_) = &model {
        // Standard output belongs to the protocol.
        tracing::warn!("{}", model.describe());
    }
    let mut library = build_library(&settings.library)?.with_encoder(model.encoder());
    // `search` and `fetch` cite pages, which another process serves. Without them nothing says that one does.
    if toolset.has_openai_search
        && let Some(origin) = settings.address.origin()?
    {
        library = library.with_public_url(origin);
    }
    let library = Arc::new(library);
    let timeout = settings.library.timeout.request_timeout()?;
    let server = PromptServer::new(Arc::clone(&library), toolset, timeout);
    let caller = Principal::local(Client::named("stdio"));
    let signal = server::shutdown_signal()?;
    let cancel = CancellationToken::new();
    let (input, output) = rmcp::transport::stdio();
    let serving = serve_connection(server, caller, Lines::new(input, output), cancel.clone());
    let cancel_on_signal = async {
        signal.await;
        cancel.cancel();
        // `serving` ends by itself after the cancellation, unless the client has stopped reading.
        // Dropped before it ends, it would log an error.
        tokio::time::sleep(STDIO_DRAIN).await;
    };
    let jobs = Jobs::start(jobs::library_jobs(&library));
    jobs.add_blocking(domain::compile_patterns);
    let outcome = tokio::select! {
        outcome = serving => outcome,
        () = cancel_on_signal => Ok(()),
    };
    jobs.stop().await;
    if let Some(spans) = spans {
        spans.close().await;
    }
    match outcome {
        // A client may close its end before `initialize`: that is not a failure.
        Ok(())
        | Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => {
            Ok(())
        }
        Err(error) => Err(CommandError::failed(format!("the connection failed: {error}"))),
    }
}
