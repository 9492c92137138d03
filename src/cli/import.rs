//! The command `import`, which adds the prompts of a file or folder to the library, also beside a
//! running server.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::progress::Progress;
use super::serve::open_library;
use super::{CommandError, STANDARD_STREAM};
use crate::config::LibrarySettings;
use crate::domain::identity::{Client, Principal};
use crate::domain::transfer::{self, Input, Source};
use crate::library::{Counted, ImportOptions, ItemOutcome, ItemReport, Meter};

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file, a folder of Markdown files and SKILL.md folders, or - for standard input
    #[arg(value_name = "FILE|FOLDER")]
    input: PathBuf,

    /// The file's format [default: by the extension of its name]
    #[arg(long, value_enum)]
    format: Option<ImportFormat>,

    /// Report the outcome of each item, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ImportFormat {
    Json,
    Csv,
    Zip,
    Markdown,
}

impl From<ImportFormat> for transfer::ImportFormat {
    fn from(format: ImportFormat) -> Self {
        match format {
            ImportFormat::Json => Self::Json,
            ImportFormat::Csv => Self::Csv,
            ImportFormat::Zip => Self::Zip,
            ImportFormat::Markdown => Self::Markdown,
        }
    }
}

/// Imports into the library of the local user. Prints a line for each refused item, one for each note,
/// and a summary, and fails if an item was refused or the input could not be read to its end.
pub(super) async fn import(
    args: &ImportArgs,
    settings: &LibrarySettings,
) -> Result<(), CommandError> {
    let source = open_source(args)?;
    let library = open_library(settings)?;
    let caller = Principal::local(Client::named("cli"));
    let mut counted = Counted::default();
    let mut progress = Progress::new();
    let mut written = Ok(());
    let meter = Meter::default();
    let options = ImportOptions { dry_run: args.dry_run, meter, stop: &|_| None };
    let broken = library.import(&caller, source, options, |report| {
        counted.count(report.outcome);
        if report.outcome == ItemOutcome::Refused {
            progress.clear();
            // A closed standard output does not stop the import; the error is reported at its end.
            if written.is_ok() {
                written = writeln!(io::stdout().lock(), "{}", describe_refusal(&report));
            }
        }
        if written.is_ok() && !report.notes.is_empty() {
            progress.clear();
            written = write!(io::stdout().lock(), "{}", describe_notes(&report));
        }
        progress.show(format_args!("imported {}", counted.total()));
    });
    let broken = broken.await.map_err(|error| CommandError::of_library("import", error))?;
    progress.clear();
    written
        .and_then(|()| writeln!(io::stdout().lock(), "{}", summarize(&counted, args.dry_run)))
        .map_err(|error| CommandError::at("standard output", &error))?;
    if let Some(broken) = broken {
        let input = args.input.display();
        return Err(CommandError::failed(format!("{input} was not imported to its end: {broken}")));
    }
    if counted.refused > 0 {
        return Err(CommandError::failed("some items were refused; see above".to_owned()));
    }
    Ok(())
}

fn summarize(counted: &Counted, is_dry_run: bool) -> String {
    let Counted { created, updated, unchanged, refused } = counted;
    let prefix = if is_dry_run { "dry run, nothing was written: " } else { "" };
    format!(
        "{prefix}{created} created, {updated} updated, {unchanged} unchanged, {refused} refused"
    )
}

/// Describes a refusal in one line. The report is free of the characters that a terminal would obey.
fn describe_refusal(report: &ItemReport) -> String {
    let ItemReport { at, name, reason, .. } = report;
    let reason = reason.as_deref().unwrap_or_default();
    match name {
        Some(name) => format!("refused {at} ({name}): {reason}"),
        None => format!("refused {at}: {reason}"),
    }
}

/// Describes what an item leaves as text, in a line for each note.
fn describe_notes(report: &ItemReport) -> String {
    let place = report.name.as_ref().unwrap_or(&report.at);
    let lines = report.notes.iter().map(|note| format!("note on {place}: {note}\n"));
    lines.collect::<Vec<_>>().concat()
}

fn open_source(args: &ImportArgs) -> Result<Source, CommandError> {
    let path = &args.input;
    let format = args.format.map(transfer::ImportFormat::from);
    if path == Path::new(STANDARD_STREAM) {
        let format = format.ok_or_else(|| {
            let message = "standard input has no name that shows its format; pass --format";
            CommandError::failed(message.to_owned())
        })?;
        let mut bytes = Vec::new();
        io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map_err(|error| CommandError::at("standard input", &error))?;
        let input: Box<dyn Input> = Box::new(Cursor::new(bytes));
        return Ok(Source::File { format, input, stem: None });
    }
    if path.is_dir() {
        return Ok(Source::Folder(path.clone()));
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let format = format.or_else(|| transfer::ImportFormat::from_extension(&extension));
    let format = format.ok_or_else(|| {
        let path = path.display();
        CommandError::failed(format!("{path} is neither .json, .csv, .zip nor .md; pass --format"))
    })?;
    let file = File::open(path).map_err(|error| CommandError::at(path, &error))?;
    let input: Box<dyn Input> = Box::new(BufReader::new(file));
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Source::File { format, input, stem })
}
