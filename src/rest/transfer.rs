//! Export and import of a library.

pub(crate) mod report;
mod upload;

use std::fmt::{self, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::time::{Instant, timeout_at};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use self::report::{ImportResponse, REPORT_MAX_BYTES, Report};
use self::upload::receive_upload;

use crate::domain::FieldError;
use crate::domain::prompt::{PromptRef, check_chars};
use crate::domain::transfer::{ExportFormat, ImportFormat, ReadError, Source, split_extension};
use crate::error::{ApiError, chain};
use crate::http::body::BodyReader;
use crate::http::extract::{Caller, Json, Metered, Query, media_type};
use crate::http::ticket::Ticket;
use crate::library::{Export, ImportEnd, ImportOptions, LibraryError};
use crate::state::AppState;
use crate::telemetry::Record;

/// Maximum size of an import in bytes.
pub const IMPORT_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Maximum number of items of an import.
const ITEMS_MAX: u64 = 50_000;
/// Deadline of an import, its upload included. It ends before the timeout of a proxy, so that its
/// report arrives.
const IMPORT_TIMEOUT: Duration = Duration::from_mins(2);
/// Time after the deadline for the store's current call to end.
const IMPORT_GRACE: Duration = Duration::from_secs(15);

/// Maximum length of the name of an imported file, in characters: that of common file systems.
const FILE_NAME_MAX_CHARS: usize = 255;

const IMPORT_TYPES: &str = "the body must be one of application/json, text/csv, application/zip, text/markdown, \
     application/yaml, text/plain and application/octet-stream; send its content-type, or pass ?format=json, csv, \
     zip, markdown, yaml, text or auto";

#[derive(Debug, Default, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// json (everything, with all versions), markdown or skills (a zip archive with a file a prompt) or
    /// csv; json if absent.
    format: Option<String>,
    /// The id or name of a prompt; repeated for several, at most 100. Only these are exported then,
    /// with their versions.
    #[param(required = false, explode = true, max_items = 100)]
    prompt: Vec<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImportQuery {
    /// json, csv, zip, markdown, yaml, text or auto; chosen by the content type if absent. The format of auto
    /// and of application/octet-stream is that of the file name, or the one that the body shows.
    format: Option<String>,
    /// The name of the file, which names the prompt of a Markdown file or text without a name. It may have the
    /// folders above the file, for a SKILL.md is named after its folder.
    #[param(max_length = 255)]
    file_name: Option<String>,
    /// Whether to report the outcome of each item without a write.
    dry_run: Option<bool>,
}

/// Read by hand, for the format of a query string has no lists of its own.
impl<'de> Deserialize<'de> for ExportQuery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = ExportQuery;

            fn expecting(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
                formatter.write_str("a query string")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<ExportQuery, A::Error> {
                let mut query = ExportQuery::default();
                while let Some((name, value)) = pairs.next_entry::<String, String>()? {
                    match name.as_str() {
                        "prompt" => query.prompt.push(value),
                        "format" if query.format.is_none() => query.format = Some(value),
                        "format" => return Err(A::Error::duplicate_field("format")),
                        other => return Err(A::Error::unknown_field(other, &["format", "prompt"])),
                    }
                }
                Ok(query)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// The schema of a body of bytes. `Vec<u8>` would be an array of numbers.
struct Bytes;

impl PartialSchema for Bytes {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Binary);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl ToSchema for Bytes {}

/// Exports the library, or some of its prompts, as a file. After a failure the connection breaks off,
/// so that a client does not take a part of the file for all of it.
#[utoipa::path(get, path = "/api/export", params(ExportQuery), responses(
    (status = 200, description = "The export, streamed",
        content((Object = "application/json"), (inline(Bytes) = "application/zip"), (String = "text/csv")),
        headers(("content-disposition" = String))),
))]
pub(crate) async fn export_library(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let format = query.format.as_deref().map_or(Ok(ExportFormat::Json), ExportFormat::parse);
    let format = format.map_err(|message| FieldError::new("format", message))?;
    let selection = query.prompt.iter().map(|prompt| PromptRef::parse(prompt));
    let selection = selection
        .collect::<Result<Vec<_>, _>>()
        .map_err(|message| FieldError::new("prompt", message))?;
    let export = if selection.is_empty() {
        state.library().export(&caller, format).await?
    } else {
        state.library().export_selection(&caller, format, &selection).await?
    };
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

/// Imports a file: an export in JSON, prompts of other programs in JSON, CSV or YAML, a zip archive of
/// Markdown files and SKILL.md folders, one Markdown file, or one text. An import removes nothing and is
/// idempotent.
// Every body is a Markdown file or a text, so their schemas have no type.
#[utoipa::path(post, path = "/api/import", params(ImportQuery),
    request_body(content((String = "application/json"), (String = "text/csv"),
        (inline(Bytes) = "application/zip"), (serde_json::Value = "text/markdown"),
        (String = "application/yaml"), (serde_json::Value = "text/plain"),
        (inline(Bytes) = "application/octet-stream"))),
    responses(
        (status = 200, description = "The outcome of each item", body = ImportResponse),
    ))]
pub(crate) async fn import_library(
    State(state): State<AppState>,
    Caller(caller): Caller,
    Metered(meter): Metered,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<ImportResponse>, ApiError> {
    let format = select_import_format(&query, request.headers())?;
    let dry_run = query.dry_run.unwrap_or_default();
    let deadline = Instant::now() + IMPORT_TIMEOUT;
    let (parts, body) = request.into_parts();
    // The place of an import is taken when its file is there, so that slow uploads hold none.
    let ticket = parts.extensions.get::<Arc<Ticket>>();
    let uploading = ticket.map(|ticket| ticket.take_upload_place()).transpose()?;
    // The upload is complete before the first write, so that a broken one writes nothing.
    let upload = receive_upload(BodyReader::new(&parts.extensions, body), deadline).await?;
    let _importing = ticket.map(|ticket| ticket.take_import_place()).transpose()?;
    drop(uploading);

    let stem = query.file_name.as_deref().map(|name| split_extension(name).0.to_owned());
    let source = Source::File { format, input: Box::new(upload), stem };
    let (mut report, report_bytes) = (Report::default(), AtomicUsize::new(0));
    let stop = |done| find_stop_reason(&state, deadline, done, &report_bytes);
    let options = ImportOptions { dry_run, meter, stop: &stop };
    let end = state.library().import(&caller, source, options, |item| {
        report.add_within_limits(item, &report_bytes);
    });
    let end = match timeout_at(deadline + IMPORT_GRACE, end).await {
        Ok(end) => end?,
        Err(_) if report.is_empty() => return Err(ApiError::Timeout),
        Err(_) => {
            let reason = "the store stopped responding; later items may have been imported, too, so \
                          import the file again";
            let broken = Some(ReadError::new("after the last item above", reason));
            ImportEnd { broken, ..ImportEnd::default() }
        }
    };
    match end.broken {
        Some(broken) if report.is_empty() => Err(ApiError::Malformed(broken.to_string())),
        _ => Ok(Json(report.finish(dry_run, end))),
    }
}

/// The reason to end an import after so many items, if there is one.
fn find_stop_reason(
    state: &AppState,
    deadline: Instant,
    done: u64,
    report_bytes: &AtomicUsize,
) -> Option<String> {
    if done >= ITEMS_MAX {
        return Some(format!("more than {ITEMS_MAX} items; import the rest as another file"));
    }
    if report_bytes.load(Ordering::Relaxed) >= REPORT_MAX_BYTES {
        let reason = format!("the report is over {REPORT_MAX_BYTES} bytes");
        return Some(format!("{reason}; import the rest as another file"));
    }
    if state.shutdown().is_cancelled() {
        return Some("the server is shutting down".to_owned());
    }
    let is_late = Instant::now() >= deadline;
    is_late.then(|| format!("the import took longer than {} s", IMPORT_TIMEOUT.as_secs()))
}

/// Selects the format by the query parameter, or else by the content type.
fn select_import_format(
    query: &ImportQuery,
    headers: &HeaderMap,
) -> Result<ImportFormat, ApiError> {
    let file_name = query.file_name.as_deref().unwrap_or_default();
    check_chars(file_name, FILE_NAME_MAX_CHARS)
        .map_err(|message| FieldError::new("file_name", message))?;
    let format = match &query.format {
        Some(word) => {
            ImportFormat::parse(word).map_err(|message| FieldError::new("format", message))?
        }
        None => ImportFormat::from_media_type(media_type(headers))
            .ok_or(ApiError::UnsupportedMediaType(IMPORT_TYPES))?,
    };
    Ok(if format == ImportFormat::Auto { ImportFormat::from_file_name(file_name) } else { format })
}
