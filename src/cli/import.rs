//! The command `import`, which adds the prompts of a file or folder to the library, also beside a
//! running server.

use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::progress::Progress;
use super::serve::open_library;
use super::terminal::to_json;
use super::{CommandError, STANDARD_STREAM, folder_of, print, print_notice, write_to_stdout};
use crate::config::LibrarySettings;
use crate::domain::identity::{Client, Principal};
use crate::domain::transfer::archive::{Folder, absolute_path};
use crate::domain::transfer::{self, Input, Source};
use crate::library::{Counted, ImportEnd, ImportOptions, ItemOutcome, ItemReport, Meter};
use crate::rest::transfer::report::Report;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file, a folder of Markdown files and SKILL.md folders or of texts, or - for standard input. Exports
    /// of PromptDB are taken, and the prompts of other programs: CSV, JSON, YAML, Markdown, zip, text
    #[arg(value_name = "FILE|FOLDER")]
    input: PathBuf,

    /// The file's format [default: by the extension of its name, or by what it holds]
    #[arg(long, value_enum)]
    format: Option<ImportFormat>,

    /// Report the outcome of each item, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Write JSON, in the form of POST /api/import
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ImportFormat {
    Json,
    Csv,
    Zip,
    Markdown,
    Yaml,
    Text,
}

impl From<ImportFormat> for transfer::ImportFormat {
    fn from(format: ImportFormat) -> Self {
        match format {
            ImportFormat::Json => Self::Json,
            ImportFormat::Csv => Self::Csv,
            ImportFormat::Zip => Self::Zip,
            ImportFormat::Markdown => Self::Markdown,
            ImportFormat::Yaml => Self::Yaml,
            ImportFormat::Text => Self::Text,
        }
    }
}

/// Imports into the library of the local user. Prints the report, and fails if an item was refused or the
/// input could not be read to its end.
pub(super) async fn import(
    args: &ImportArgs,
    settings: &LibrarySettings,
) -> Result<(), CommandError> {
    let source = open_source(args)?;
    let library = open_library(settings)?;
    let caller = Principal::local(Client::named("cli"));
    let mut counted = Counted::default();
    let mut out = if args.json { Out::Json(Report::default()) } else { Out::Lines(Ok(true)) };
    // On a terminal the lines of the items are the progress.
    let has_lines = !args.json && io::stdout().is_terminal();
    let mut progress = (!has_lines).then(Progress::new);
    let meter = Meter::default();
    let options = ImportOptions { dry_run: args.dry_run, meter, stop: &|_| None };
    let end = library.import(&caller, source, options, |report| {
        counted.count(report.outcome);
        out.write(report);
        if let Some(progress) = &mut progress {
            progress.show(format_args!("imported {}", counted.total()));
        }
    });
    let end = end.await;
    if let Some(progress) = &mut progress {
        progress.clear();
    }
    let end = end.map_err(|error| CommandError::of_library("import", error))?;
    let broken = end.broken.clone();
    out.finish(&counted, args.dry_run, end)?;
    if let Some(broken) = broken {
        let input = args.input.display();
        return Err(CommandError::failed(format!("{input} was not imported to its end: {broken}")));
    }
    if counted.refused > 0 {
        return Err(CommandError::failed("some items were refused; see above".to_owned()));
    }
    Ok(())
}

/// How the report is printed.
enum Out {
    /// A line for each item and for each note, as soon as the item is done. A closed standard output does not
    /// stop the import; the error is reported at its end.
    Lines(Result<bool, CommandError>),
    /// One object at the end.
    Json(Report),
}

impl Out {
    fn write(&mut self, report: ItemReport) {
        match self {
            Self::Lines(is_read) => {
                if let Ok(true) = is_read {
                    *is_read = write_to_stdout(describe(&report).as_bytes());
                }
            }
            Self::Json(all) => all.add(report),
        }
    }

    fn finish(
        self,
        counted: &Counted,
        is_dry_run: bool,
        end: ImportEnd,
    ) -> Result<(), CommandError> {
        match self {
            Self::Lines(is_read) => {
                if is_read? {
                    print(&summarize(counted, is_dry_run))?;
                }
                end.notes.iter().try_for_each(|note| print_notice(&format!("note: {note}")))
            }
            Self::Json(all) => print(&to_json(&all.finish(is_dry_run, end))?),
        }
    }
}

fn summarize(counted: &Counted, is_dry_run: bool) -> String {
    let Counted { created, updated, unchanged, refused } = counted;
    let prefix = if is_dry_run { "dry run, nothing was written: " } else { "" };
    format!(
        "{prefix}{created} created, {updated} updated, {unchanged} unchanged, {refused} refused\n"
    )
}

/// Describes what became of an item, in a line, and each of its notes, in another one. The report is free
/// of the characters that a terminal would obey.
fn describe(report: &ItemReport) -> String {
    let ItemReport { at, name, outcome, reason, notes, .. } = report;
    let outcome = match outcome {
        ItemOutcome::Created => "created",
        ItemOutcome::Updated => "updated",
        ItemOutcome::Unchanged => "unchanged",
        ItemOutcome::Refused => "refused",
    };
    let name = name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let mut lines = format!("{outcome} {at}{name}{reason}\n");
    lines.extend(notes.iter().map(|note| format!("  note: {note}\n")));
    lines
}

fn open_source(args: &ImportArgs) -> Result<Source, CommandError> {
    let path = &args.input;
    let format = args.format.map(transfer::ImportFormat::from);
    if path == Path::new(STANDARD_STREAM) {
        return read_source(io::stdin().lock(), Path::new("standard input"), format);
    }
    if path.is_dir() {
        let folder = Folder::list(path);
        return folder.map(Source::Folder).map_err(|error| CommandError::failed(error.to_string()));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let format = format.unwrap_or_else(|| transfer::ImportFormat::from_file_name(&name));
    let failed = |error| CommandError::at(path, &error);
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return read_source(file, path, Some(format));
    }
    let input: Box<dyn Input> = Box::new(BufReader::new(file));
    let folder = absolute_path(folder_of(path));
    let stem = Some(format!("{folder}/{}", transfer::split_extension(&name).0));
    Ok(Source::File { format, input, stem })
}

/// Reads a pipe or a device to its end, because an import seeks in its input. No prompt is named after it.
fn read_source(
    mut input: impl Read,
    path: &Path,
    format: Option<transfer::ImportFormat>,
) -> Result<Source, CommandError> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| CommandError::at(path, &error))?;
    let format = format.unwrap_or(transfer::ImportFormat::Auto);
    Ok(Source::File { format, input: Box::new(Cursor::new(bytes)), stem: None })
}
