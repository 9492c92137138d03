//! The command `restore-backup`, which puts a backup in the place of the library.
//!
//! Like `backup` it names the SQLite store itself, for it works on files.

use std::path::PathBuf;

use clap::Args;

use super::progress::Progress;
use super::{CommandError, print_notice};
use crate::config::{LibrarySettings, Storage};
use crate::domain::{Clock, SystemClock};
use crate::store::sqlite::backup::BackupProgress;
use crate::store::sqlite::restore::{self, Restored};

#[derive(Debug, Args)]
pub(super) struct RestoreBackupArgs {
    /// The backup, as `promptdb backup` wrote it; it stays as it is
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Checks a backup and replaces the library by it. The library of before is kept.
pub(super) fn restore_backup(
    args: &RestoreBackupArgs,
    settings: &LibrarySettings,
) -> Result<(), CommandError> {
    let backup = args.file.display();
    let library = match settings.storage.validate()? {
        Storage::File(path) => path,
        Storage::Convex(convex) => {
            let message = format!(
                "CONVEX_URL: the prompts are in Convex at {}, which restores its own backups: npx \
                 convex import --replace-all FILE",
                convex.origin()
            );
            return Err(CommandError::failed(message));
        }
    };
    let wait = settings.timeout.request_timeout()?;
    // `2026-01-31T12:00:00.000Z` without what some file systems do not allow.
    let now = SystemClock.now().to_string();
    let mark: String =
        now.split('.').next().unwrap_or(&now).chars().filter(|c| !"-:".contains(*c)).collect();
    let mut progress = Progress::new();
    let restored = restore::restore(&args.file, &library, &mark, wait, |step| match step {
        BackupProgress::Copied(percent) => progress.show(format_args!("copied {percent} %")),
        BackupProgress::Checking => progress.show(format_args!("checking the backup")),
    });
    progress.clear();
    let Restored { bytes, kept } = restored
        .map_err(|error| CommandError::failed(format!("{backup} was not restored: {error}")))?;
    print_notice(&format!("restored {backup} to {}: {bytes} bytes, checked", library.display()))?;
    match kept {
        Some(kept) => print_notice(&format!("the library of before is in {}", kept.display())),
        None => Ok(()),
    }
}
