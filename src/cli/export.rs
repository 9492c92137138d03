//! The command `export`, which writes the library to a file or a folder, also beside a running server.

mod folder;

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tempfile::NamedTempFile;

use self::folder::{ExportFolder, Outcome};
use super::progress::Progress;
use super::replacement::{keep_owner, resolve};
use super::serve::open_library;
use super::{CommandError, STANDARD_STREAM, folder_of, print_notice, write_to, write_to_stdout};
use crate::config::LibrarySettings;
use crate::domain::identity::{Client, Principal};
use crate::domain::transfer;
use crate::domain::transfer::tree::TreeFormat;
use crate::library::{Export, ExportedFiles};

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// json: everything, with every version; markdown: a file a prompt; skills: a folder with SKILL.md
    /// a prompt, as Claude Code and Codex load it; csv
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    format: ExportFormat,

    /// The file to write, or - for standard output; of markdown and skills a folder, which is kept in
    /// step with the library, or an archive if the name ends with .zip
    #[arg(long, short, value_name = "FILE|FOLDER", default_value = STANDARD_STREAM)]
    output: PathBuf,

    /// Only prompts with this tag; not with json
    #[arg(long, short, value_name = "TAG")]
    tag: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    Json,
    Markdown,
    Skills,
    Csv,
}

impl From<ExportFormat> for transfer::ExportFormat {
    fn from(format: ExportFormat) -> Self {
        match format {
            ExportFormat::Json => Self::Json,
            ExportFormat::Markdown => Self::Markdown,
            ExportFormat::Skills => Self::Skills,
            ExportFormat::Csv => Self::Csv,
        }
    }
}

/// Writes the library of the local user.
pub(super) async fn export(
    args: &ExportArgs,
    settings: &LibrarySettings,
) -> Result<(), CommandError> {
    let format = transfer::ExportFormat::from(args.format);
    let is_to_stdout = args.output == Path::new(STANDARD_STREAM);
    let tree = TreeFormat::of_export(format);
    let stream = if is_to_stdout { None } else { open_stream(&args.output)? };
    let is_on_terminal = match &stream {
        Some(stream) => stream.is_terminal(),
        None => is_to_stdout && io::stdout().is_terminal(),
    };
    if tree.is_some() && is_on_terminal {
        let message = "a terminal cannot show a zip archive; pass --output FOLDER or FILE.zip";
        return Err(CommandError::usage(message));
    }
    let is_one_file = is_to_stdout || stream.is_some() || is_archive(&args.output);
    let into_folder = tree.filter(|_| !is_one_file);
    if into_folder.is_some() && args.output.is_file() {
        // It may be one of the person's own notes.
        return Err(CommandError::usage(format!(
            "{} is a file; name a folder, or an archive that ends with .zip",
            args.output.display()
        )));
    }
    if !is_to_stdout && stream.is_none() && into_folder.is_none() {
        check_target(&args.output)?;
    }
    let library = open_library(settings)?;
    let caller = Principal::local(Client::named("cli"));
    let failed = |error| CommandError::of_library("export", error);
    if let Some(tree) = into_folder {
        // Twice the same files: the first pass only looks at what is in their way.
        let read = || library.export_files(&caller, tree, args.tag.as_deref()).map_err(failed);
        return write_folder(read()?, read()?, &args.output).await;
    }
    let export = match &args.tag {
        Some(tag) => library.export_tagged(&caller, format, tag).await,
        None => library.export(&caller, format).await,
    };
    let export = export.map_err(failed)?;
    let prompts = match stream {
        Some(mut stream) => {
            copy(export, |chunk| write_to(&mut stream, &args.output, chunk)).await?
        }
        None if is_to_stdout => copy(export, write_to_stdout).await?,
        None => write_file(export, &args.output).await?,
    };
    match prompts {
        Some(prompts) => print_notice(&format!("exported {prompts} prompts")),
        None => Ok(()),
    }
}

/// Whether the output of markdown or skills is one file, by its name.
fn is_archive(output: &Path) -> bool {
    let extension = output.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("zip") && !output.is_dir()
}

/// Opens what exists and can only be written into, not replaced: a pipe, a device, or what a descriptor
/// stands for. `None` for a file, a folder, or a path at which nothing exists.
fn open_stream(path: &Path) -> Result<Option<File>, CommandError> {
    let Ok(found) = fs::metadata(path) else { return Ok(None) };
    if found.is_dir() || (found.is_file() && !is_descriptor(path)) {
        return Ok(None);
    }
    // A shell has opened the file of a descriptor, and may have written into it.
    let stream = File::options().append(true).open(path);
    stream.map(Some).map_err(|error| CommandError::at(path, &error))
}

/// Whether a path stands for an open descriptor of this process.
fn is_descriptor(path: &Path) -> bool {
    ["/dev/stdout", "/dev/stderr", "/dev/fd", "/proc/self/fd"]
        .iter()
        .any(|descriptors| path.starts_with(descriptors))
}

/// Refuses a path at which no file can be, and a file that must not be written.
fn check_target(path: &Path) -> Result<(), CommandError> {
    let (shown, folder) = (path.display(), folder_of(path));
    if path.is_dir() {
        return Err(CommandError::usage(format!("{shown} is a folder; name a file")));
    }
    if !folder.is_dir() {
        let folder = folder.display();
        return Err(CommandError::failed(format!(
            "{shown} cannot be written: there is no folder {folder}; create it, or choose another file"
        )));
    }
    let Ok(file) = fs::metadata(path) else { return Ok(()) };
    if file.permissions().readonly() {
        return Err(CommandError::failed(format!(
            "{shown} is read-only; make it writable, or choose another file"
        )));
    }
    // Its replacement needs no access to the file itself.
    File::options().write(true).open(path).map_err(|error| CommandError::at(path, &error))?;
    Ok(())
}

/// Brings a folder in step with the library. Nothing is written unless every file can be.
async fn write_folder(
    mut looked_at: ExportedFiles,
    mut written: ExportedFiles,
    path: &Path,
) -> Result<(), CommandError> {
    let failed = |error| CommandError::of_library("export", error);
    let mut folder = ExportFolder::open(path)?;
    let mut prompts: u64 = 0;
    while let Some(files) = looked_at.next_page().await.map_err(failed)? {
        for file in files {
            folder.check(&file)?;
            prompts += 1;
        }
    }
    folder.refuse_if_blocked()?;
    if prompts == 0 && folder.has_known_files() {
        return Err(CommandError::failed(format!(
            "there is no prompt to export, and the files of the last export stay in {}; check \
             DATABASE_PATH and --tag, or delete the folder",
            path.display()
        )));
    }
    let mut progress = Progress::new();
    while let Some(files) = written.next_page().await.map_err(failed)? {
        for file in files {
            folder.write(&file)?;
        }
        progress.show(format_args!("exported {} of {prompts}", folder.outcome.exported()));
    }
    folder.finish()?;
    progress.clear();
    let Outcome { written, unchanged, removed, kept } = folder.outcome;
    print_notice(&format!(
        "exported {} prompts to {}: {written} written, {unchanged} unchanged, {removed} removed",
        folder.outcome.exported(),
        path.display()
    ))?;
    match kept {
        0 => Ok(()),
        kept => print_notice(&format!(
            "kept {kept} files that were changed since the last export and have no prompt now"
        )),
    }
}

/// Writes a temporary file in the same folder and renames it to `path` once it is complete, so
/// that a failed export leaves an existing file unchanged. Returns the number of prompts.
///
/// A link stays, and its target is replaced. A file keeps its owner and permissions; only this user can
/// read a new one.
async fn write_file(export: Export, path: &Path) -> Result<Option<u64>, CommandError> {
    let failed = |error: io::Error| CommandError::at(path, &error);
    let before = resolve(path).map_err(failed)?;
    let target = before.as_deref().unwrap_or(path);
    let mut file = NamedTempFile::new_in(folder_of(target)).map_err(failed)?;
    let write = |chunk: &[u8]| file.write_all(chunk).map(|()| true).map_err(failed);
    let prompts = copy(export, write).await?;
    if let Some(before) = &before {
        let model = fs::metadata(before).map_err(failed)?;
        keep_owner(file.as_file(), &model).map_err(failed)?;
        file.as_file().set_permissions(model.permissions()).map_err(failed)?;
    }
    file.as_file().sync_all().map_err(failed)?;
    file.persist(target).map_err(|error| failed(error.error))?;
    Ok(prompts)
}

/// Passes the export to `write`, which returns whether its reader takes more. Returns the number of
/// prompts; `None` if the reader went away before the end.
async fn copy(
    mut export: Export,
    mut write: impl FnMut(&[u8]) -> Result<bool, CommandError>,
) -> Result<Option<u64>, CommandError> {
    let mut progress = Progress::new();
    loop {
        let chunk = export.next_chunk().await;
        let Some(chunk) = chunk.map_err(|error| CommandError::of_library("export", error))? else {
            break;
        };
        if !write(&chunk)? {
            return Ok(None);
        }
        progress.show(format_args!("exported {}", export.prompts_written()));
    }
    progress.clear();
    Ok(Some(export.prompts_written()))
}
