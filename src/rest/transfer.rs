//! Export and import of a library.

use std::io::{self, Seek, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::{IntoParams, ToSchema};

use crate::domain::FieldError;
use crate::domain::excerpt::{Excerpt, Message};
use crate::domain::transfer::{ExportFormat, ImportFormat, ItemKind, ReadError, Source};
use crate::error::{ApiError, chain};
use crate::http::body::BodyReader;
use crate::http::extract::{Caller, Json, Query, media_type};
use crate::library::{Counted, Export, ImportOptions, ItemOutcome, ItemReport, LibraryError};
use crate::state::AppState;
use crate::telemetry::Record;

/// Maximum size of an import in bytes.
pub const IMPORT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Maximum size in bytes of an upload in memory; a longer one goes to a temporary file.
const UPLOAD_MEMORY_BYTES: usize = 256 * 1024;
/// Maximum number of items of an import, which bounds the size of its report.
const ITEMS_MAX: u64 = 50_000;
/// Deadline of an import, its upload included. It ends before the timeout of a proxy, so that its
/// report arrives.
const IMPORT_TIMEOUT: Duration = Duration::from_mins(2);
/// Time after the deadline for the store's current call to end.
const IMPORT_GRACE: Duration = Duration::from_secs(15);

const IMPORT_TYPES: &str = "the body must be one of application/json, text/csv, application/zip and text/markdown; send \
     its content-type, or pass ?format=json, csv, zip or markdown";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// json (everything, with all versions), markdown (a zip archive) or csv; json if absent.
    format: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// json, csv, zip or markdown; chosen by the content type if absent.
    format: Option<String>,
    /// Whether to report the outcome of each item without a write.
    dry_run: Option<bool>,
}

/// The report of an import.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ImportResponse {
    /// The items in the order of the file.
    items: Vec<ImportedItemResponse>,
    counts: ImportCountsResponse,
    /// Whether nothing was written.
    dry_run: bool,
    /// Whether the file was read and imported to its end.
    complete: bool,
    /// Where and why the import ended early. The items above are imported nevertheless.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<BrokenResponse>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ImportedItemResponse {
    /// The place of the item in the file.
    at: String,
    /// prompt or candidate.
    kind: &'static str,
    /// The name of the item, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// created, updated, unchanged or refused.
    outcome: &'static str,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The number of items by outcome.
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
        Self {
            at: at.into_string(),
            kind,
            name: name.map(Excerpt::into_string),
            outcome,
            reason: reason.map(Message::into_string),
        }
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
        Self { at: at.into_string(), reason: reason.into_string() }
    }
}

/// Exports the library as a file. After a failure the connection breaks off, so that a client does
/// not take a part of the file for all of it.
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

/// Logs the failure of an export. The head of the response is already sent, so that no problem
/// document can follow.
fn log_broken_export(error: &LibraryError) {
    tracing::error!(error = %chain(error), "an export failed after its start");
}

/// Imports a file: an export in JSON, a plain JSON array of prompts, CSV, a zip archive of Markdown
/// files and SKILL.md folders, or one Markdown file. An import removes nothing and is idempotent.
#[utoipa::path(post, path = "/api/import", params(ImportQuery),
    request_body(content((String = "application/json"), (String = "text/csv"),
        (Vec<u8> = "application/zip"), (String = "text/markdown"))),
    responses(
        (status = 200, description = "The outcome of each item", body = ImportResponse),
    ))]
pub(crate) async fn import_library(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<ImportResponse>, ApiError> {
    let format = select_import_format(query.format.as_deref(), request.headers())?;
    let dry_run = query.dry_run.unwrap_or_default();
    let _permit = state.imports().try_acquire().map_err(|_| ApiError::Busy)?;
    let started = Instant::now();
    // The upload is complete before the first write, so that a broken one writes nothing.
    let (parts, body) = request.into_parts();
    let reader = BodyReader::new(&parts.extensions, body);
    let upload = timeout(IMPORT_TIMEOUT, receive_upload(reader)).await;
    let upload = upload.map_err(|_| ApiError::BodyTimeout)??;
    let source = Source::File { format, input: Box::new(upload), stem: None };
    let mut counted = Counted::default();
    let mut items = Vec::new();
    let options = ImportOptions { dry_run, stop: &|done| find_stop_reason(&state, started, done) };
    let broken = state.library().import(&caller, source, options, |report| {
        counted.count(report.outcome);
        items.push(ImportedItemResponse::from(report));
    });
    let broken = match timeout_at(started + IMPORT_TIMEOUT + IMPORT_GRACE, broken).await {
        Ok(outcome) => outcome?,
        Err(_) if items.is_empty() => return Err(ApiError::Timeout),
        Err(_) => {
            let reason = "the store stopped responding; later items may have been imported, too, so \
                          import the file again";
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

/// The reason to end an import after so many items, if there is one.
fn find_stop_reason(state: &AppState, started: Instant, done: u64) -> Option<String> {
    if done >= ITEMS_MAX {
        return Some(format!("more than {ITEMS_MAX} items; import the rest as another file"));
    }
    if state.shutdown().is_cancelled() {
        return Some("the server is shutting down".to_owned());
    }
    let is_late = started.elapsed() >= IMPORT_TIMEOUT;
    is_late.then(|| format!("the import took longer than {} s", IMPORT_TIMEOUT.as_secs()))
}

/// Receives an upload into memory or a temporary file. Files are written on a blocking thread.
async fn receive_upload(mut reader: BodyReader) -> Result<SpooledTempFile, ApiError> {
    let (sender, mut chunks) = mpsc::channel::<Bytes>(4);
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = SpooledTempFile::new(UPLOAD_MEMORY_BYTES);
        while let Some(chunk) = chunks.blocking_recv() {
            file.write_all(&chunk)?;
        }
        file.rewind()?;
        Ok::<_, io::Error>(file)
    });
    while let Some(chunk) = reader.next_upload_chunk(UPLOAD_MEMORY_BYTES).await? {
        if sender.send(chunk).await.is_err() {
            // Writing has failed; the error is returned below.
            break;
        }
    }
    drop(sender);
    let written = writing.await.map_err(|error| ApiError::Internal(error.into()))?;
    written.map_err(|error| ApiError::Internal(error.into()))
}

/// Selects the format by the query parameter, or else by the content type.
fn select_import_format(word: Option<&str>, headers: &HeaderMap) -> Result<ImportFormat, ApiError> {
    if let Some(word) = word {
        let format = ImportFormat::parse(word);
        return Ok(format.map_err(|message| FieldError::new("format", message))?);
    }
    ImportFormat::from_media_type(media_type(headers))
        .ok_or(ApiError::UnsupportedMediaType(IMPORT_TYPES))
}
