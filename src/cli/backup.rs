//! The command `backup`, which copies the library's file beside a running server.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::progress::Progress;
use super::{CommandError, at_file};
use crate::config::Config;
use crate::store::sqlite::backup::{self, BackupProgress};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to write, which must not exist
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn back_up(config: &Config, args: &BackupArgs) -> Result<(), CommandError> {
    let file = &args.file;
    if let Some(convex) = &config.convex {
        let message = format!(
            "CONVEX_URL: the prompts are in Convex at {}, which makes its backups itself: \
             npx convex export --path {}",
            convex.origin(),
            file.display()
        );
        return Err(CommandError(message));
    }
    let mut progress = Progress::new();
    let written =
        backup::back_up(&config.database_path, file, config.limits.request_timeout, |step| {
            match step {
                BackupProgress::Copied(hundredths) => {
                    progress.show(format_args!("copied {hundredths} %"))
                }
                BackupProgress::Checking => progress.show(format_args!("checking the copy")),
            }
        });
    progress.clear();
    let bytes = written
        .map_err(|error| CommandError(format!("{} was not made: {error}", file.display())))?;
    let library = config.database_path.display();
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "backed up {library} to {}: {bytes} bytes, checked", file.display())
        .map_err(at_file(Path::new("stderr")))
}
