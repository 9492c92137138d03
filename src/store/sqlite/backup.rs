//! A copy of the whole file, taken while other processes read and write it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use tempfile::{Builder, NamedTempFile};

use super::{OpenError, database, describe, schema};

/// Pages between two words about how far it has come, 1 MiB of them.
const STEP_PAGES: i32 = 256;

/// How far a backup has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupProgress {
    /// So many hundredths are copied.
    Copied(u64),
    /// Everything is copied, and SQLite goes through the copy.
    Checking,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The library cannot be read.
    #[error("the library cannot be read: {0}")]
    Library(#[source] OpenError),
    /// The file is empty or missing.
    #[error("there is no library; set DATABASE_PATH to the file that the server says it uses")]
    NoLibrary,
    /// Something is in the place of the backup.
    #[error("a file with this name exists, and a backup replaces none; choose another name")]
    Exists,
    /// The file of the backup cannot be written.
    #[error("it cannot be written: {0}")]
    File(#[from] io::Error),
    /// SQLite cannot write the copy.
    #[error("it cannot be written: {}", describe(.0))]
    Copy(#[source] rusqlite::Error),
    /// The copy is not sound, so the library is not either.
    #[error("the library is damaged, restore an older backup: {0}")]
    Damaged(String),
}

/// Copies the library at `source`, as it is in one moment, to a new file at `target`, and returns
/// how many bytes that has.
///
/// Saves go on meanwhile; those after the first moment are not in it. `target` appears under its
/// name when it is whole, on disk and checked; it is for this user's eyes only, as the library is.
/// `source` is not changed, not even to a newer form. `wait` bounds the wait for a lock.
pub fn back_up(
    source: &Path,
    target: &Path,
    wait: Duration,
    mut progress: impl FnMut(BackupProgress),
) -> Result<u64, BackupError> {
    let library = open(source, wait)?;
    if fs::symlink_metadata(target).is_ok() {
        return Err(BackupError::Exists);
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let file = Builder::new().prefix(".promptdb-backup-").tempfile_in(folder)?;
    let copy = Connection::open(file.path()).map_err(BackupError::Copy)?;
    let copy = copy_pages(&library, copy, &mut progress)?;
    progress(BackupProgress::Checking);
    check(&copy)?;
    copy.close().map_err(|(_, error)| BackupError::Copy(error))?;
    keep(file, folder, target)
}

/// Opens the library for reading and holds on to this moment of it, so that no save starts the
/// copy over.
fn open(source: &Path, wait: Duration) -> Result<Connection, BackupError> {
    if !fs::metadata(source).is_ok_and(|file| file.len() > 0) {
        return Err(BackupError::NoLibrary);
    }
    let unreadable = |error: rusqlite::Error| BackupError::Library(error.into());
    let library = database::open_reader(source, wait).map_err(unreadable)?;
    schema::check(&library).map_err(BackupError::Library)?;
    library.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema").map_err(unreadable)?;
    Ok(library)
}

fn copy_pages(
    library: &Connection,
    mut copy: Connection,
    progress: &mut impl FnMut(BackupProgress),
) -> Result<Connection, BackupError> {
    let backup = Backup::new(library, &mut copy).map_err(BackupError::Copy)?;
    while backup.step(STEP_PAGES).map_err(BackupError::Copy)? != StepResult::Done {
        let pages = backup.progress();
        let copied = i64::from(pages.pagecount - pages.remaining);
        let hundredths = copied * 100 / i64::from(pages.pagecount.max(1));
        progress(BackupProgress::Copied(hundredths.unsigned_abs()));
    }
    drop(backup);
    Ok(copy)
}

fn check(copy: &Connection) -> Result<(), BackupError> {
    let verdict = copy.query_row("PRAGMA integrity_check(1)", [], |row| row.get::<_, String>(0));
    match verdict.map_err(BackupError::Copy)? {
        verdict if verdict == "ok" => Ok(()),
        // On lines of its own stand the database and then what is wrong with it.
        verdict => Err(BackupError::Damaged(verdict.lines().last().unwrap_or_default().to_owned())),
    }
}

/// Gives the file its name, so that it is there after a power cut too.
fn keep(file: NamedTempFile, folder: &Path, target: &Path) -> Result<u64, BackupError> {
    file.as_file().sync_all()?;
    let file = file.persist_noclobber(target).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists,
        _ => BackupError::File(error.error),
    })?;
    if cfg!(unix) {
        // The name is an entry of the folder (fsync(2)).
        File::open(folder)?.sync_all()?;
    }
    Ok(file.metadata()?.len())
}
