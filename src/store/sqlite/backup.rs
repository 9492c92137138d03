//! A copy of the whole file, taken while other processes read and write it.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::{ToSqlOutput, ValueRef};
use tempfile::{Builder, NamedTempFile};

use super::connection::open_reader;
use super::error::{OpenError, describe};
use super::files::{check_regular, folder_of};
use super::inspection::find_damage;
use super::{maintenance, schema};
use crate::error::describe_io;

/// Pages between two reports of progress: 1 MiB.
const STEP_PAGES: i32 = 256;

/// The progress of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupProgress {
    /// The copied part, in percent.
    Copied(u64),
    /// Everything is copied, and SQLite checks the copy.
    Checking,
}

/// Why a backup failed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The library cannot be read.
    #[error("the library cannot be read: {0}")]
    Library(#[source] OpenError),
    /// The file is empty or missing.
    #[error("there is no library; set DATABASE_PATH to the file that the server says it uses")]
    NoLibrary,
    /// A file with the name of the backup exists.
    #[error("a file with this name exists, and a backup replaces none; choose another name")]
    Exists,
    /// There is no folder for the backup.
    #[error("there is no folder {0}; create it, or choose another file")]
    NoFolder(String),
    /// The file of the backup cannot be written.
    #[error("it cannot be written: {}", describe_io(.0))]
    File(#[from] io::Error),
    /// SQLite cannot write the copy.
    #[error("it cannot be written: {}", describe(.0))]
    Copy(#[source] rusqlite::Error),
    /// The copy is damaged, and therefore the library too.
    #[error("the library is damaged, restore an older backup: {0}")]
    Damaged(String),
}

/// Copies the library at `source`, as of one moment, to a new file at `target`; returns the size of
/// the copy in bytes.
///
/// Saves continue meanwhile, and the copy has none that began after that moment. `target` appears
/// under its name when it is complete, on disk and checked; like the library, only this user can
/// read it. `source` is not changed, not even migrated. `wait` bounds the wait for a lock.
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
    let folder = folder_of(target);
    if !folder.is_dir() {
        return Err(BackupError::NoFolder(folder.display().to_string()));
    }
    let pages = temporary_file(folder)?;
    let copy = Connection::open(pages.path()).map_err(BackupError::Copy)?;
    let copy = copy_pages(&library, copy, &mut progress)?;
    drop(library);
    progress(BackupProgress::Checking);
    check(&copy, "integrity_check")?;
    let file = temporary_file(folder)?;
    finish_removals(&copy).map_err(BackupError::Library)?;
    write_clean(&copy, file.path()).map_err(BackupError::Copy)?;
    copy.close().map_err(|(_, error)| BackupError::Copy(error))?;
    let clean = Connection::open(file.path()).map_err(BackupError::Copy)?;
    check(&clean, "quick_check")?;
    clean.close().map_err(|(_, error)| BackupError::Copy(error))?;
    keep(file, folder, target)
}

fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    Builder::new().prefix(".promptdb-backup-").tempfile_in(folder)
}

/// Deletes in the copy what its owners have removed for good and the library has only hidden so far. A
/// library of an older release hides nothing.
fn finish_removals(copy: &Connection) -> Result<(), OpenError> {
    if !schema::is_current(copy)? {
        return Ok(());
    }
    // The copy is thrown away if anything fails, so it needs no log.
    copy.pragma_update(None, "journal_mode", "off")?;
    copy.pragma_update(None, "foreign_keys", true)?;
    Ok(maintenance::finish_removals(copy)?)
}

/// Writes the rows of a copy to another file. The pages of the first hold deleted text too.
fn write_clean(copy: &Connection, target: &Path) -> rusqlite::Result<()> {
    // The bytes of the path, as SQLite takes them where it opens a file.
    let path = ValueRef::Text(target.as_os_str().as_encoded_bytes());
    copy.execute("VACUUM INTO ?1", [ToSqlOutput::Borrowed(path)])?;
    Ok(())
}

/// Opens the library and begins to read one snapshot of it, so that no save restarts the copy.
fn open(source: &Path, wait: Duration) -> Result<Connection, BackupError> {
    check_regular(source).map_err(BackupError::Library)?;
    if !fs::metadata(source).is_ok_and(|file| file.len() > 0) {
        return Err(BackupError::NoLibrary);
    }
    let unreadable = |error: rusqlite::Error| BackupError::Library(error.into());
    let library = open_reader(source, wait).map_err(unreadable)?;
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
        let percent = copied * 100 / i64::from(pages.pagecount.max(1));
        progress(BackupProgress::Copied(percent.unsigned_abs()));
    }
    drop(backup);
    Ok(copy)
}

fn check(copy: &Connection, pragma: &str) -> Result<(), BackupError> {
    match find_damage(copy, pragma).map_err(BackupError::Copy)? {
        None => Ok(()),
        Some(damage) => Err(BackupError::Damaged(damage)),
    }
}

/// Gives the file its name; both survive a power cut.
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
