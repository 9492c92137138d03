//! Putting a backup in the place of the library's file.
//!
//! The backup is copied, checked and cleaned beside the library first, as a backup of it would be. Then
//! the copy replaces the file by one rename, while a lock keeps every other process out. The file of
//! before stays under another name.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;
use tempfile::TempDir;

use super::backup::{BackupError, BackupProgress, back_up};
use super::connection::open_writer;
use super::error::{OpenError, describe};
use super::files::{beside, check_regular, create_private_folder, folder_of};
use super::schema;
use crate::error::describe_io;

/// Maximum number of files of before that are kept of one second.
const KEPT_MAX: u32 = 100;

/// What a restoration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The size of the library now, in bytes.
    pub bytes: u64,
    /// The library of before, if there was one.
    pub kept: Option<PathBuf>,
}

/// Why a backup was not restored. The library is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no backup, or it is empty.
    #[error("there is no such file, or it is empty")]
    NoBackup,
    /// The backup and the library are one file.
    #[error("this is the library itself; name a backup of it")]
    IsLibrary,
    /// The backup cannot be opened.
    #[error("{0}")]
    Backup(#[source] OpenError),
    /// The backup is damaged.
    #[error("it is damaged: {0}; choose an older backup")]
    Damaged(String),
    /// A process has the library open.
    #[error(
        "the library is in use; stop the server, and end the chats and editors that started \
         `promptdb stdio`, then repeat the command"
    )]
    InUse,
    /// The path of the library leads to a database of another program.
    #[error("the library's path leads to a database of another program; check DATABASE_PATH")]
    Foreign,
    /// The path of the library leads to a folder, a device, a pipe or a socket.
    #[error("the library's path leads to no regular file; check DATABASE_PATH")]
    NotAFile,
    /// The folder of the library cannot be written.
    #[error("the library's folder cannot be written: {}", describe_io(.0))]
    Folder(#[from] io::Error),
}

impl From<BackupError> for RestoreError {
    fn from(error: BackupError) -> Self {
        let is_damage = |error: &rusqlite::Error| {
            let code = error.sqlite_error_code();
            matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        };
        match error {
            BackupError::NoLibrary => Self::NoBackup,
            BackupError::Library(OpenError::Sqlite(error)) if is_damage(&error) => {
                Self::Damaged(error.to_string())
            }
            BackupError::Library(error) => Self::Backup(error),
            BackupError::Damaged(fault) => Self::Damaged(fault),
            BackupError::Copy(error) if is_damage(&error) => Self::Damaged(error.to_string()),
            BackupError::Copy(error) => Self::Folder(io::Error::other(describe(&error))),
            BackupError::File(error) => Self::Folder(error),
            BackupError::NoFolder(_) => Self::Folder(ErrorKind::NotFound.into()),
            BackupError::Exists => Self::Folder(ErrorKind::AlreadyExists.into()),
        }
    }
}

/// Replaces the library at `library` by a copy of `backup`, which is not changed.
///
/// The library of before is kept beside it, with `mark` in its name. `wait` bounds the wait for a lock
/// of the backup.
pub fn restore(
    backup: &Path,
    library: &Path,
    mark: &str,
    wait: Duration,
    progress: impl FnMut(BackupProgress),
) -> Result<Restored, RestoreError> {
    if fs::canonicalize(backup).ok().is_some_and(|one| fs::canonicalize(library).ok() == Some(one))
    {
        return Err(RestoreError::IsLibrary);
    }
    check_regular(library).map_err(|_| RestoreError::NotAFile)?;
    // A link stays one, also where the file that it leads to is lost. SQLite keeps the logs beside that file.
    let target = fs::canonicalize(library)
        .or_else(|_| fs::read_link(library).map(|link| folder_of(library).join(link)));
    let library = target.as_deref().unwrap_or(library);
    let folder = folder_of(library);
    create_private_folder(folder)?;
    drop(lock_alone(library)?);
    let room = tempfile::Builder::new().prefix(".promptdb-restore-").tempdir_in(folder)?;
    let copy = room.path().join("library.db");
    let bytes = back_up(backup, &copy, wait, progress)?;
    finish_log(library)?;
    // Held until the file has its name, so that no process opens the old one in between.
    let lock = lock_alone(library)?;
    let kept = match &lock {
        Some(file) => Some(keep(library, file, mark, &room)?),
        None => None,
    };
    set_aside_logs(library, kept.as_deref(), mark)?;
    fs::rename(&copy, library)?;
    if cfg!(unix) {
        // The names are entries of the folder (fsync(2)).
        File::open(folder)?.sync_all()?;
    }
    drop(lock);
    Ok(Restored { bytes, kept })
}

/// Locks the library's file against every other process; `None` if there is no file.
///
/// In WAL mode each connection of SQLite holds a lock of the file for as long as it is open, so that an
/// idle server is found, too. The lock needs no readable database.
#[cfg(unix)]
fn lock_alone(library: &Path) -> Result<Option<File>, RestoreError> {
    use rustix::fs::{FlockOperation, fcntl_lock};
    use rustix::io::Errno;
    let file = match File::options().read(true).write(true).open(library) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::AGAIN | Errno::ACCESS) => Err(RestoreError::InUse),
        Err(error) => Err(RestoreError::Folder(error.into())),
    }
}

/// Finds the library's file; `None` if there is none. Where it is open, its replacement fails.
#[cfg(not(unix))]
fn lock_alone(library: &Path) -> Result<Option<File>, RestoreError> {
    match File::open(library) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        file => Ok(Some(file?)),
    }
}

/// Writes what is only in the log of the library to its file, which is complete then. Refuses the
/// database of another program. A library that cannot be read is kept with its log.
fn finish_log(library: &Path) -> Result<(), RestoreError> {
    if !fs::metadata(library).is_ok_and(|file| file.len() > 0) {
        return Ok(());
    }
    let opened = open_writer(library, Duration::ZERO).map_err(OpenError::from);
    let checked = opened.and_then(|library| schema::check(&library).map(|()| library));
    match checked {
        // The last connection to be closed writes and removes the log.
        Ok(library) => {
            if let Err((_, error)) = library.close() {
                let error = describe(&error);
                tracing::warn!(error, "the log of the library is kept beside it");
            }
            Ok(())
        }
        Err(OpenError::Foreign) => Err(RestoreError::Foreign),
        // Damaged, or of a newer release. It is kept as it is.
        Err(_) => Ok(()),
    }
}

/// Gives the library's file a second name, and returns that.
///
/// `file` is the locked one. A second handle would, when it is closed, take the lock along (fcntl(2)).
fn keep(library: &Path, mut file: &File, mark: &str, room: &TempDir) -> io::Result<PathBuf> {
    for number in 1..KEPT_MAX {
        let number = if number == 1 { String::new() } else { format!("-{number}") };
        let kept = beside(library, &format!(".before-restore-{mark}{number}"));
        match fs::hard_link(library, &kept) {
            Ok(()) => return Ok(kept),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // Some file systems have no second names.
            Err(_) if !fs::exists(&kept)? => {
                let mut copy = tempfile::NamedTempFile::new_in(room.path())?;
                io::copy(&mut file, &mut copy)?;
                copy.as_file().sync_all()?;
                copy.persist_noclobber(&kept)?;
                return Ok(kept);
            }
            Err(_) => {}
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Moves logs away that are still beside the library: SQLite would write them into the new file.
fn set_aside_logs(library: &Path, kept: Option<&Path>, mark: &str) -> io::Result<()> {
    let kept =
        kept.map_or_else(|| beside(library, &format!(".before-restore-{mark}")), Path::to_path_buf);
    for log in ["-wal", "-journal"] {
        match fs::rename(beside(library, log), beside(&kept, log)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_file(beside(library, "-shm")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
