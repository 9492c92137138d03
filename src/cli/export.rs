//! The command `export`, which writes the library to a file, also beside a running server.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tempfile::NamedTempFile;

use super::progress::Progress;
use super::serve::open_library;
use super::{CommandError, STANDARD_STREAM, print_notice};
use crate::config::Settings;
use crate::domain::identity::{Client, Principal};
use crate::domain::transfer;
use crate::library::Export;

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// json: everything, with every version; markdown: a zip archive of Markdown files; csv
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    format: ExportFormat,

    /// The file to write, or - for standard output
    #[arg(long, short, value_name = "FILE", default_value = STANDARD_STREAM)]
    output: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    Json,
    Markdown,
    Csv,
}

impl From<ExportFormat> for transfer::ExportFormat {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Json => Self::Json,
            ExportFormat::Markdown => Self::Markdown,
            ExportFormat::Csv => Self::Csv,
        }
    }
}

/// Writes the library of the local user.
pub(super) async fn export(args: &ExportArgs, settings: &Settings) -> Result<(), CommandError> {
    let is_to_stdout = args.output == Path::new(STANDARD_STREAM);
    let is_archive = matches!(args.format, ExportFormat::Markdown);
    if is_to_stdout && is_archive && io::stdout().is_terminal() {
        let message = "a terminal cannot show a zip archive; pass --output FILE";
        return Err(CommandError::failed(message.to_owned()));
    }
    let library = open_library(settings)?;
    let caller = Principal::local(Client::named("cli"));
    let export = library
        .export(&caller, args.format.into())
        .await
        .map_err(|error| CommandError::of_library("export", error))?;
    let prompts = if is_to_stdout {
        copy(export, &mut io::stdout().lock(), Path::new("standard output")).await?
    } else {
        write_file(export, &args.output).await?
    };
    print_notice(&format!("exported {prompts} prompts"))
}

/// Writes a temporary file in the same folder and renames it to `path` once it is complete, so
/// that a failed export leaves an existing file unchanged. Returns the number of prompts.
async fn write_file(export: Export, path: &Path) -> Result<u64, CommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
        .map_err(|error| CommandError::at(path, &error))?;
    let prompts = copy(export, &mut file, path).await?;
    file.as_file().sync_all().map_err(|error| CommandError::at(path, &error))?;
    file.persist(path).map_err(|error| CommandError::at(path, &error.error))?;
    Ok(prompts)
}

/// Copies the export to `out`, which errors call `path`. Returns the number of prompts.
async fn copy(mut export: Export, out: &mut impl Write, path: &Path) -> Result<u64, CommandError> {
    let mut progress = Progress::new();
    loop {
        let chunk = export.next_chunk().await;
        let Some(chunk) = chunk.map_err(|error| CommandError::of_library("export", error))? else {
            break;
        };
        out.write_all(&chunk).map_err(|error| CommandError::at(path, &error))?;
        progress.show(format_args!("exported {}", export.prompts_written()));
    }
    out.flush().map_err(|error| CommandError::at(path, &error))?;
    progress.clear();
    Ok(export.prompts_written())
}
