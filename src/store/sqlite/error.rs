//! The meaning of SQLite's failures: which are busy, which are an outage, which are ours.

use rusqlite::{ErrorCode, ffi};

use crate::store::{Outage, StoreError};

/// Why a database file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file belongs to another program.
    #[error("it is a database of another program")]
    Foreign,
    /// A later release wrote the file.
    #[error("it was written by a newer PromptDB; install that version or a later one")]
    Newer,
    /// The path leads to a folder, a device, a pipe or a socket.
    #[error("it is not a regular file")]
    NotAFile,
    /// The folder cannot be created.
    #[error("its folder cannot be created: {0}")]
    Folder(#[source] std::io::Error),
    /// The permissions of the file cannot be set.
    #[error("it cannot be made private: {0}")]
    Permissions(#[source] std::io::Error),
    /// The file or its folder is read-only.
    #[error("it cannot be written to")]
    ReadOnly,
    /// Another file took its place while it was opened.
    #[error("it was replaced at this moment; repeat the command")]
    Replaced,
    /// SQLite cannot open it.
    #[error("{}", describe(.0))]
    Sqlite(#[from] rusqlite::Error),
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        failure(&error)
    }
}

/// The store's error for one of SQLite, which may be shared by the writes of a batch.
pub(super) fn failure(error: &rusqlite::Error) -> StoreError {
    if is_busy(error) {
        return StoreError::Busy;
    }
    match outage(error) {
        Some(outage) => StoreError::Unavailable(outage),
        None => StoreError::Internal(error.to_string().into()),
    }
}

/// Whether another connection holds a lock.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

/// The outage behind an error; `None` if the file and the disk are sound.
fn outage(error: &rusqlite::Error) -> Option<Outage> {
    let failure = error.sqlite_error()?;
    match failure.code {
        ErrorCode::ReadOnly if failure.extended_code == ffi::SQLITE_READONLY_DBMOVED => {
            Some(Outage::Moved)
        }
        ErrorCode::ReadOnly => Some(Outage::ReadOnly),
        ErrorCode::DiskFull => Some(Outage::DiskFull),
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => Some(Outage::CannotOpen),
        ErrorCode::DatabaseCorrupt => Some(Outage::Damaged),
        ErrorCode::NotADatabase => Some(Outage::NotADatabase),
        ErrorCode::SystemIoFailure => Some(Outage::Io((*failure).into())),
        // Every other code is a fault of a statement, which no operator can repair.
        _ => None,
    }
}

/// A message for the operator.
pub(super) fn describe(error: &rusqlite::Error) -> String {
    match outage(error) {
        Some(outage) => outage.to_string(),
        None if is_busy(error) => "another program holds it locked".to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: i32, expected: &str) {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        let message = StoreError::from(error).to_string();
        assert!(message.starts_with(expected), "{code}: {message}");
    }

    #[test]
    fn a_fault_of_file_or_disk_is_an_outage_and_a_lock_is_busy() {
        check(ffi::SQLITE_BUSY, "the store is busy");
        check(ffi::SQLITE_BUSY_SNAPSHOT, "the store is busy");
        check(ffi::SQLITE_LOCKED, "the store is busy");
        check(ffi::SQLITE_PROTOCOL, "the store is busy");
        let failed = "the store is unavailable: reading or writing it failed: ";
        check(ffi::SQLITE_IOERR_READ, failed);
        check(ffi::SQLITE_IOERR_SHORT_READ, failed);
        check(ffi::SQLITE_IOERR_FSYNC, failed);
        check(ffi::SQLITE_FULL, "the store is unavailable: the disk is full");
        let damaged = "the store is unavailable: it is damaged; restore a backup";
        check(ffi::SQLITE_CORRUPT, damaged);
        check(ffi::SQLITE_CORRUPT_VTAB, damaged);
        check(ffi::SQLITE_NOTADB, "the store is unavailable: it is not a database");
        check(ffi::SQLITE_READONLY, "the store is unavailable: it cannot be written to");
        let moved = "the store is unavailable: its file was moved or replaced; restart PromptDB";
        check(ffi::SQLITE_READONLY_DBMOVED, moved);
        check(ffi::SQLITE_ERROR, "the store failed");
    }
}
