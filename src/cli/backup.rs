//! The command `backup`, which copies the library's file, also beside a running server.
//!
//! It names the SQLite store itself: a copy of a file is not an operation of a store, so there is
//! no trait to call, and Convex has no file.

use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::Progress;
use super::{CommandError, STANDARD_STREAM, print_notice};
use crate::config::{LibrarySettings, Storage};
use crate::store::sqlite::backup::{self, BackupProgress};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write, which must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Copies the library's file and checks the copy. An existing file is never replaced.
pub(super) fn back_up(args: &BackupArgs, settings: &LibrarySettings) -> Result<(), CommandError> {
    let target = args.file.display();
    if args.file == Path::new(STANDARD_STREAM) {
        let message = "a backup needs a file, for it is checked once it is written; name one";
        return Err(CommandError::usage(message));
    }
    let library = match settings.storage.validate()? {
        Storage::File(path) => path,
        Storage::Convex(convex) => {
            let message = format!(
                "CONVEX_URL: the prompts are in Convex at {}, which makes its own backups: \
                 npx convex export --path {target}",
                convex.origin()
            );
            return Err(CommandError::failed(message));
        }
    };
    let wait = settings.timeout.request_timeout()?;
    let mut progress = Progress::new();
    let written = backup::back_up(&library, &args.file, wait, |step| match step {
        BackupProgress::Copied(hundredths) => {
            progress.show(format_args!("copied {hundredths} %"));
        }
        BackupProgress::Checking => progress.show(format_args!("checking the copy")),
    });
    progress.clear();
    let bytes =
        written.map_err(|error| CommandError::failed(format!("{target} was not made: {error}")))?;
    print_notice(&format!("backed up {} to {target}: {bytes} bytes, checked", library.display()))
}
