//! The replacement of a client's file: atomic, after a backup, through a symbolic link.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::EditError;
use super::edit::{Edit, Effects, Entry, Place, has_headers};
use super::project::refuse_project;
use crate::cli::folder_of;
use crate::cli::replacement::{keep_owner, resolve};
use crate::domain::Timestamp;

/// What happened to the file.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Change {
    /// It was right already, and was not written.
    None,
    /// It did not exist.
    Created,
    /// It was replaced; the backup holds its previous content.
    Changed { backup: PathBuf, effects: Effects },
}

/// Writes an entry into a file. The replacement is atomic: at each moment, and after a failure, the
/// file has its old or its new content.
///
/// A file with a token, and its backup, can be read by this user alone; a project's file is refused.
/// `own` are the files of the client that belong to no project.
pub(in crate::cli) fn write_entry(
    path: &Path,
    own: &[PathBuf],
    place: &Place,
    entry: &Entry,
    now: Timestamp,
) -> Result<Change, EditError> {
    let path = real_path(path)?;
    if entry.is_secret() {
        refuse_project(&path, own)?;
    }
    if !path.exists() {
        return create(&path, &place.file_with(entry));
    }
    edit(&path, place, now, entry.is_secret(), |text| place.insert(text, entry))
}

/// Removes an entry from a file, as [`write_entry`] writes it. A file that does not exist has none.
pub(in crate::cli) fn remove_entry(
    path: &Path,
    place: &Place,
    now: Timestamp,
) -> Result<Change, EditError> {
    let Some(path) = resolve(path)? else { return Ok(Change::None) };
    edit(&path, place, now, false, |text| place.remove(text))
}

/// Reads a file. One that is not a regular file, such as a pipe, could keep the reader waiting for ever.
pub(in crate::cli) fn read_file(path: &Path) -> Result<String, EditError> {
    if !fs::metadata(path)?.is_file() {
        return Err(EditError::NotAFile);
    }
    String::from_utf8(fs::read(path)?).map_err(|_| EditError::Encoding)
}

/// Returns the path without links of a file, which need not exist in its folder.
pub(super) fn real_path(path: &Path) -> Result<PathBuf, EditError> {
    match resolve(path)? {
        Some(path) => Ok(path),
        None => Ok(real_folder(path)?.join(path.file_name().unwrap_or_default())),
    }
}

fn edit(
    path: &Path,
    place: &Place,
    now: Timestamp,
    is_secret: bool,
    change: impl FnOnce(&str) -> Result<Option<Edit>, EditError>,
) -> Result<Change, EditError> {
    let before = read_file(path)?;
    let metadata = fs::metadata(path)?;
    let Some(Edit { text: after, effects }) = change(&before)? else {
        if is_secret {
            make_private(path, &metadata)?;
        }
        return Ok(Change::None);
    };
    if metadata.permissions().readonly() {
        return Err(EditError::ReadOnly);
    }
    let had_secret = place.read(&before)?.is_some_and(|entry| has_headers(&entry));
    let permissions = permissions(&metadata, is_secret || had_secret);
    let folder = real_folder(path)?;
    let backup = back_up(path, before.as_bytes(), &metadata, permissions.clone(), now)?;
    let replacement = write_temporary(&folder, after.as_bytes(), &metadata, permissions)?;
    // The client may have written the file since it was read; its change must not be lost.
    if fs::read(path)? != before.as_bytes() {
        return Err(EditError::Raced);
    }
    replacement.persist(path).map_err(|failed| failed.error)?;
    Ok(Change::Changed { backup, effects })
}

/// The permissions of the file; `None` for those of a temporary file, which only its owner can read.
fn permissions(file: &Metadata, is_secret: bool) -> Option<Permissions> {
    (!is_secret).then(|| file.permissions())
}

/// Removes the access of all but the owner.
#[cfg(unix)]
fn make_private(path: &Path, file: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.permissions().mode();
    if mode & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode & 0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(_path: &Path, _file: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Returns the path without links of a file's folder.
fn real_folder(path: &Path) -> Result<PathBuf, EditError> {
    let folder = folder_of(path);
    match fs::canonicalize(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(EditError::NoFolder(folder.display().to_string()))
        }
        other => Ok(other?),
    }
}

fn create(path: &Path, content: &str) -> Result<Change, EditError> {
    let folder = real_folder(path)?;
    let file = write_temporary(&folder, content.as_bytes(), &fs::metadata(&folder)?, None)?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(Change::Created),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Err(EditError::Raced),
        Err(failed) => Err(failed.error.into()),
    }
}

/// Writes a temporary file and syncs it to disk. Only its owner, that of `model`, can read it, unless it
/// gets other permissions.
fn write_temporary(
    folder: &Path,
    content: &[u8],
    model: &Metadata,
    permissions: Option<Permissions>,
) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    keep_owner(file.as_file(), model)?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    file.as_file().sync_all()?;
    Ok(file)
}

/// Writes the content of a file beside it, under a new name with the time.
fn back_up(
    path: &Path,
    content: &[u8],
    file: &Metadata,
    permissions: Option<Permissions>,
    now: Timestamp,
) -> Result<PathBuf, EditError> {
    let folder = real_folder(path)?;
    // Year to second of RFC 3339, without separators.
    let digits = now.to_string().chars().filter(char::is_ascii_digit).take(14).collect::<String>();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut copy = write_temporary(&folder, content, file, permissions)?;
    let mut number = 1;
    loop {
        let suffix = if number == 1 { String::new() } else { format!("-{number}") };
        let backup = folder.join(format!("{name}.bak-{digits}{suffix}"));
        match copy.persist_noclobber(&backup) {
            Ok(_) => return Ok(backup),
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => {
                copy = failed.file;
                number += 1;
            }
            Err(failed) => return Err(failed.error.into()),
        }
    }
}
