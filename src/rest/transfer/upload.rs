//! Receiving the file of an import.

use std::io::{self, Seek, Write};
use std::time::Duration;

use axum::body::Bytes;
use tempfile::SpooledTempFile;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::ApiError;
use crate::http::body::BodyReader;

/// Maximum size in bytes of an upload in memory; a longer one goes to a temporary file.
const UPLOAD_MEMORY_BYTES: usize = 256 * 1024;
/// Maximum pause between two chunks of an upload, which holds a thread and a place meanwhile.
const UPLOAD_PAUSE: Duration = Duration::from_secs(10);

/// Receives an upload into memory or a temporary file. Files are written on a blocking thread.
///
/// # Errors
/// [`ApiError::BodyTimeout`] if a pause is over 10 s or the upload is incomplete at `deadline`, and
/// those of [`BodyReader::next_upload_chunk`].
pub(super) async fn receive_upload(
    reader: BodyReader,
    deadline: Instant,
) -> Result<SpooledTempFile, ApiError> {
    timeout_at(deadline, receive_all(reader)).await.map_err(|_| ApiError::BodyTimeout)?
}

async fn receive_all(mut reader: BodyReader) -> Result<SpooledTempFile, ApiError> {
    let (sender, mut chunks) = mpsc::channel::<Bytes>(4);
    let writing = tokio::task::spawn_blocking(move || {
        let mut file = SpooledTempFile::new(UPLOAD_MEMORY_BYTES);
        while let Some(chunk) = chunks.blocking_recv() {
            file.write_all(&chunk)?;
        }
        file.rewind()?;
        Ok::<_, io::Error>(file)
    });
    loop {
        let next = timeout(UPLOAD_PAUSE, reader.next_upload_chunk(UPLOAD_MEMORY_BYTES)).await;
        let Some(chunk) = next.map_err(|_| ApiError::BodyTimeout)?? else { break };
        if sender.send(chunk).await.is_err() {
            // Writing has failed; the error is returned below.
            break;
        }
    }
    drop(sender);
    let written = writing.await.map_err(|error| ApiError::Internal(error.into()))?;
    written.map_err(|error| ApiError::Internal(error.into()))
}
