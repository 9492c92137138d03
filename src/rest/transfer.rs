//! Export and import over REST.

use std::io::{self, Seek, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::{IntoParams, ToSchema};

use crate::domain::FieldError;
use crate::domain::transfer::{ExportFormat, ImportFormat, ItemKind, ReadError, Source};
use crate::error::ApiError;
use crate::http::body::body_error;
use crate::http::extract::{Caller, Json, Query, media_type};
use crate::library::{Counted, Export, ImportOptions, ItemOutcome, ItemReport, LibraryError};
use crate::state::AppState;
use crate::telemetry::Record;

/// Most bytes of an import.
pub const IMPORT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most bytes of an upload that are held in memory; a longer one goes to a temporary file.
const UPLOAD_MEMORY_BYTES: usize = 1024 * 1024;
/// Most items of an import, so that its report stays small.
const ITEMS_MAX: u64 = 50_000;
/// How long an import may take, its upload included. It ends by itself before a proxy gives up,
/// and says so in its report.
const IMPORT_TIMEOUT: Duration = Duration::from_mins(2);
/// How much longer it may take to end: a store that answers at all does so in this time.
const IMPORT_GRACE: Duration = Duration::from_secs(15);

const IMPORT_TYPES: &str = "the body must be one of application/json, text/csv, application/zip and text/markdown; send \
     its content-type, or say ?format=json, csv, zip or markdown";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// json (everything, with every version), markdown (a zip archive) or csv; json when absent.
    format: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// json, csv, zip or markdown; by the content type when absent.
    format: Option<String>,
    /// Report what would become of each item, and write nothing.
    dry_run: Option<bool>,
}

/// What became of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportResponse {
    /// Each item, as soon as it was done.
    items: Vec<ImportedItemResponse>,
    counts: ImportCountsResponse,
    /// Whether nothing was written.
    dry_run: bool,
    /// Whether the file was read and imported to its end.
    complete: bool,
    /// Where it ended early, and why; the items above are done nevertheless.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<BrokenResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ImportedItemResponse {
    /// Where the item stands in the file.
    at: String,
    /// prompt or candidate.
    kind: &'static str,
    /// What it is called, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// created, updated, unchanged or refused.
    outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How many items had which outcome.
#[derive(Debug, Serialize, ToSchema)]
struct ImportCountsResponse {
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct BrokenResponse {
    at: String,
    reason: String,
}

impl From<ItemReport> for ImportedItemResponse {
    fn from(report: ItemReport) -> Self {
        let ItemReport { at, kind, name, outcome, reason } = report;
        let kind = match kind {
            ItemKind::Prompt => "prompt",
            ItemKind::Candidate => "candidate",
        };
        let outcome = match outcome {
            ItemOutcome::Created => "created",
            ItemOutcome::Updated => "updated",
            ItemOutcome::Unchanged => "unchanged",
            ItemOutcome::Refused => "refused",
        };
        Self { at, kind, name, outcome, reason }
    }
}

impl From<Counted> for ImportCountsResponse {
    fn from(counted: Counted) -> Self {
        let Counted { created, updated, unchanged, refused } = counted;
        Self { created, updated, unchanged, refused }
    }
}

impl From<ReadError> for BrokenResponse {
    fn from(ReadError { at, reason }: ReadError) -> Self {
        Self { at, reason }
    }
}

/// The library as a file. A failure on the way ends the connection, so that what came is not taken
/// for the whole.
#[utoipa::path(get, path = "/api/export", params(ExportQuery), responses(
    (status = 200, description = "The export, streamed",
        content((Object = "application/json"), (Vec<u8> = "application/zip"), (String = "text/csv")),
        headers(("content-disposition" = String))),
))]
pub(crate) async fn export_library(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let format = query.format.as_deref().map_or(Ok(ExportFormat::Json), ExportFormat::parse);
    let format = format.map_err(|message| FieldError::new("format", message))?;
    let export = state.library().export(&caller, format).await?;
    let file_name = state.library().export_file_name(format);
    let disposition = format!("attachment; filename=\"{file_name}\"");
    let disposition =
        HeaderValue::try_from(disposition).map_err(|error| ApiError::Internal(error.into()))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.media_type())),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    // hyper polls the body when the handler has returned, outside the request's span.
    let record = Record::current();
    let chunks = stream::try_unfold(export, move |mut export: Export| {
        Record::resume(record.clone(), async move {
            let chunk = export.next_chunk().await.inspect_err(log_broken_export)?;
            Ok::<_, LibraryError>(chunk.map(|chunk| (chunk, export)))
        })
    });
    Ok((headers, Body::from_stream(chunks)).into_response())
}

/// The head of the response is out, so this is the one place that can tell.
fn log_broken_export(error: &LibraryError) {
    tracing::error!(error = ?error, "an export broke off");
}

/// Adds what a file holds to the library: an export in JSON, a plain JSON array of prompts, CSV, a
/// zip archive of Markdown files and SKILL.md folders, or one Markdown file. An import never takes
/// anything away, so repeating it is safe.
#[utoipa::path(post, path = "/api/import", params(ImportQuery),
    request_body(content((String = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/zip"), (String = "text/markdown"))),
    responses(
        (status = 200, description = "What became of each item", body = ImportResponse),
    ))]
pub(crate) async fn import_library(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<ImportResponse>, ApiError> {
    let format = import_format(query.format.as_deref(), request.headers())?;
    let dry_run = query.dry_run.unwrap_or_default();
    let _place = state.imports().try_acquire().map_err(|_| ApiError::Busy)?;
    let started = Instant::now();
    // The file is there as a whole before anything is written, so that a broken upload writes
    // nothing.
    let upload = timeout(IMPORT_TIMEOUT, receive(request.into_body())).await;
    let upload = upload.map_err(|_| ApiError::Timeout)??;
    let source = Source::File { format, input: Box::new(upload), stem: None };

    let stop = |done: u64| {
        if done >= ITEMS_MAX {
            return Some(format!("more than {ITEMS_MAX} items; import the rest as another file"));
        }
        if state.shutdown().is_cancelled() {
            return Some("the server is shutting down".to_owned());
        }
        let is_late = started.elapsed() >= IMPORT_TIMEOUT;
        is_late.then(|| format!("the import took over {} s", IMPORT_TIMEOUT.as_secs()))
    };
    let mut counted = Counted::default();
    let mut items = Vec::new();
    let options = ImportOptions { dry_run, stop: &stop };
    let broken = state.library().import(&caller, source, options, |report| {
        counted.count(report.outcome);
        items.push(ImportedItemResponse::from(report));
    });
    let broken = match timeout_at(started + IMPORT_TIMEOUT + IMPORT_GRACE, broken).await {
        Ok(outcome) => outcome?,
        Err(_) if items.is_empty() => return Err(ApiError::Timeout),
        Err(_) => {
            let reason = "the store does not answer any more; some items behind this one may be \
                          imported as well, so import the file again";
            Some(ReadError::new("after the last item above", reason))
        }
    };
    match broken {
        Some(broken) if items.is_empty() => Err(ApiError::Malformed(broken.to_string())),
        broken => Ok(Json(ImportResponse {
            items,
            counts: counted.into(),
            dry_run,
            complete: broken.is_none(),
            broken: broken.map(BrokenResponse::from),
        })),
    }
}

/// Takes an upload in, off the async threads.
async fn receive(body: Body) -> Result<SpooledTempFile, ApiError> {
    let (sender, mut chunks) = mpsc::channel::<Bytes>(4);
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = SpooledTempFile::new(UPLOAD_MEMORY_BYTES);
        while let Some(chunk) = chunks.blocking_recv() {
            file.write_all(&chunk)?;
        }
        file.rewind()?;
        Ok::<_, io::Error>(file)
    });
    let mut body = Limited::new(body, IMPORT_MAX_BYTES);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| body_error(&*error, IMPORT_MAX_BYTES))?;
        let Ok(chunk) = frame.into_data() else { continue };
        if sender.send(chunk).await.is_err() {
            // Writing has failed, and says below why.
            break;
        }
    }
    drop(sender);
    let written = writing.await.map_err(|error| ApiError::Internal(error.into()))?;
    written.map_err(|error| ApiError::Internal(error.into()))
}

fn import_format(word: Option<&str>, headers: &HeaderMap) -> Result<ImportFormat, ApiError> {
    if let Some(word) = word {
        let format = ImportFormat::parse(word);
        return Ok(format.map_err(|message| FieldError::new("format", message))?);
    }
    ImportFormat::from_media_type(media_type(headers))
        .ok_or(ApiError::UnsupportedMediaType(IMPORT_TYPES))
}
