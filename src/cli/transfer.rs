//! The commands `export` and `import`, which work on the library's file, beside a running server
//! if there is one.

use std::fs::File;
use std::io::{self, BufReader, Cursor, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use tempfile::NamedTempFile;

use super::progress::Progress;
use super::serve::open_store;
use super::{CommandError, at_file};
use crate::config::Config;
use crate::domain::SystemClock;
use crate::domain::identity::{Client, Principal};
use crate::domain::transfer::{self, Input, Source};
use crate::error::ApiError;
use crate::library::{Counted, Export, ImportOptions, ItemOutcome, ItemReport, Library};
use crate::telemetry;

/// The name of standard input and output.
const STANDARD: &str = "-";

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// json: everything, with every version; markdown: a zip archive of Markdown files; csv
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    format: ExportFormat,

    /// The file to write, or - for standard output
    #[arg(long, short, value_name = "FILE", default_value = STANDARD)]
    output: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file, a folder of Markdown files and SKILL.md folders, or - for standard input
    #[arg(value_name = "FILE|FOLDER")]
    input: PathBuf,

    /// What the file is, where its name does not tell
    #[arg(long, value_enum)]
    format: Option<ImportFormat>,

    /// Say what would become of each item, and write nothing
    #[arg(long)]
    dry_run: bool,
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

/// A failure of the library in the words that every front door uses.
fn failed(what: &str, error: impl Into<ApiError>) -> CommandError {
    CommandError(format!("the {what} failed: {}", error.into().tool_message()))
}

fn open_library(config: &Config) -> Result<(Arc<Library>, Principal), CommandError> {
    let _log = telemetry::init(config).map_err(CommandError)?;
    let library = Library::new(open_store(config)?, Arc::new(SystemClock));
    Ok((Arc::new(library), Principal::local(Client::named("cli"))))
}

pub(super) async fn export(config: &Config, args: ExportArgs) -> Result<(), CommandError> {
    let format = transfer::ExportFormat::from(args.format);
    let to_stdout = args.output == Path::new(STANDARD);
    if to_stdout && matches!(args.format, ExportFormat::Markdown) && io::stdout().is_terminal() {
        let message = "a zip archive is nothing for a terminal; pass --output FILE";
        return Err(CommandError(message.to_owned()));
    }
    let (library, caller) = open_library(config)?;
    let export = library.export(&caller, format).await.map_err(|error| failed("export", error))?;
    let written = if to_stdout {
        let written = copy(export, &mut io::stdout().lock()).await;
        written.map_err(|error| error.unwrap_or_else(at_file(Path::new("standard output"))))?
    } else {
        write_file(export, &args.output).await?
    };
    let mut stderr = io::stderr().lock();
    writeln!(stderr, "exported {written} prompts").map_err(at_file(Path::new("stderr")))
}

/// Writes a file that appears under its name only when it is whole.
async fn write_file(export: Export, path: &Path) -> Result<u64, CommandError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let fails = at_file(path);
    let mut file = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(&fails)?;
    let written = copy(export, &mut file).await.map_err(|error| error.unwrap_or_else(&fails))?;
    file.as_file().sync_all().map_err(&fails)?;
    file.persist(path).map_err(|error| fails(error.error))?;
    Ok(written)
}

/// What went wrong while an export was copied: the library, or the file that it goes to.
enum CopyError {
    Library(CommandError),
    File(io::Error),
}

impl CopyError {
    fn unwrap_or_else(self, at_file: impl Fn(io::Error) -> CommandError) -> CommandError {
        match self {
            Self::Library(error) => error,
            Self::File(error) => at_file(error),
        }
    }
}

async fn copy(mut export: Export, out: &mut impl Write) -> Result<u64, CopyError> {
    let mut progress = Progress::new();
    loop {
        let chunk = export.next_chunk().await;
        let chunk = chunk.map_err(|error| CopyError::Library(failed("export", error)))?;
        let Some(chunk) = chunk else { break };
        out.write_all(&chunk).map_err(CopyError::File)?;
        progress.show(format_args!("exported {}", export.prompts_written()));
    }
    out.flush().map_err(CopyError::File)?;
    progress.clear();
    Ok(export.prompts_written())
}

pub(super) async fn import(config: &Config, args: ImportArgs) -> Result<(), CommandError> {
    let source = open_source(&args)?;
    let (library, caller) = open_library(config)?;
    let mut counted = Counted::default();
    let mut progress = Progress::new();
    let mut written = Ok(());
    let options = ImportOptions { dry_run: args.dry_run, stop: &|_| None };
    let broken = library.import(&caller, source, options, |report| {
        counted.count(report.outcome);
        if report.outcome == ItemOutcome::Refused {
            progress.clear();
            let line = refusal(&report);
            if written.is_ok() {
                written = writeln!(io::stdout().lock(), "{line}");
            }
        }
        progress.show(format_args!("imported {}", counted.total()));
    });
    let broken = broken.await.map_err(|error| failed("import", error))?;
    progress.clear();
    let Counted { created, updated, unchanged, refused } = counted;
    let would = if args.dry_run { "dry run, nothing was written: " } else { "" };
    let summary = format!(
        "{would}{created} created, {updated} updated, {unchanged} unchanged, {refused} refused"
    );
    written
        .and_then(|()| writeln!(io::stdout().lock(), "{summary}"))
        .map_err(at_file(Path::new("standard output")))?;
    match (broken, refused) {
        (Some(broken), _) => Err(CommandError(format!(
            "{} was not imported to its end: {broken}",
            args.input.display()
        ))),
        (None, 0) => Ok(()),
        (None, _) => Err(CommandError("some items were refused; see above".to_owned())),
    }
}

fn refusal(report: &ItemReport) -> String {
    let plain = |text: &str| text.chars().filter(|c| !c.is_control()).collect::<String>();
    let name = report.name.as_deref().map(|name| format!(" ({})", plain(name))).unwrap_or_default();
    let reason = plain(report.reason.as_deref().unwrap_or_default());
    format!("refused {}{name}: {reason}", report.at)
}

fn open_source(args: &ImportArgs) -> Result<Source, CommandError> {
    let path = &args.input;
    let format = args.format.map(transfer::ImportFormat::from);
    let fails = at_file(path);
    if path == Path::new(STANDARD) {
        let format = format.ok_or_else(|| {
            CommandError(
                "standard input has no name that tells its format; pass --format".to_owned(),
            )
        })?;
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map_err(fails)?;
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
        CommandError(format!("{path} is neither .json, .csv, .zip nor .md; pass --format"))
    })?;
    let input: Box<dyn Input> = Box::new(BufReader::new(File::open(path).map_err(fails)?));
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    Ok(Source::File { format, input, stem })
}
