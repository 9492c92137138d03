//! What the commands that replace files share: the file behind a link, and the owner of the new file.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A link leads to a file that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("it is a link to a file that does not exist; remove the link, or create the file")]
struct DanglingLink;

/// Returns the target of a symbolic link, which is replaced so that the link stays a link; `None` for a
/// file that does not exist.
pub(super) fn resolve(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::canonicalize(path) {
        Ok(path) => Ok(Some(path)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            if fs::symlink_metadata(path).is_ok() {
                return Err(io::Error::new(ErrorKind::NotFound, DanglingLink));
            }
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Gives a file the owner of another one: that user could not write one of root, which `sudo` makes. Only
/// root can do so; a file of another user becomes one of this user.
#[cfg(unix)]
pub(super) fn keep_owner(file: &File, model: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) == (model.uid(), model.gid()) {
        return Ok(());
    }
    match fchown(file, Some(model.uid()), Some(model.gid())) {
        Err(error) if is_owner_fixed(&error) => Ok(()),
        done => done,
    }
}

/// Whether an error says that the owner of a file cannot be changed here.
#[cfg(unix)]
fn is_owner_fixed(error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::PermissionDenied
        // In a container, an owner of outside has no number that a file can get.
        | ErrorKind::InvalidInput
        // Some file systems, such as those of a network, keep no owner.
        | ErrorKind::Unsupported => true,
        _ => false,
    }
}

#[cfg(not(unix))]
pub(super) fn keep_owner(_file: &File, _model: &Metadata) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_file_system_that_fixes_the_owner_fails_no_replacement() {
        for (error, expected) in [
            (Errno::PERM, true),
            (Errno::INVAL, true),
            (Errno::OPNOTSUPP, true),
            (Errno::NOSYS, true),
            (Errno::NOSPC, false),
            (Errno::IO, false),
        ] {
            assert_eq!(is_owner_fixed(&error.into()), expected, "{error}");
        }
    }
}
