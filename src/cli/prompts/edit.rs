//! The command `edit`, which opens the text of a prompt in the user's editor.
//!
//! The text is in a file that only this user can read. It is removed when the text is saved, and kept
//! where it was changed and is not.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use tempfile::TempDir;
use tokio::process::Command;

use super::save::{read_bounded, report};
use super::{Session, explain, parse_name};
use crate::cli::{CommandError, print};
use crate::config::{self, PromptSettings};
use crate::domain::draft::Draft;
use crate::domain::prompt::{Prompt, PromptRef};
use crate::library::{LibraryError, SaveOptions, SavedPrompt};
use crate::store::StoreError;

/// The editor of a user who has chosen none.
const EDITOR_DEFAULT: &str = if cfg!(windows) { "notepad" } else { "vi" };

#[derive(Debug, Args)]
pub(in crate::cli) struct EditArgs {
    /// The prompt's name or id
    #[arg(value_name = "NAME")]
    name: String,

    /// Write JSON, in the form of PUT /api/prompts/{name}
    #[arg(long)]
    json: bool,
}

/// Saves what the user makes of the text. A text that stays as it is saves nothing.
pub(super) async fn edit_prompt(
    args: &EditArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let session = Session::open_to_save(settings)?;
    let prompt = session.get(&parse_name(&args.name)?).await?;
    let signals = EditorSignals::catch()?;
    let file = EditFile::write(&prompt)?;
    let ended = tokio::select! {
        ended = run_editor(file.path()) => ended,
        name = signals.recv() => {
            let reason = format!("{name} ended the command before the editor");
            return Err(file.keep(CommandError::failed(reason)));
        }
    };
    let before = prompt.body.content.as_str();
    let edited = match (ended, file.read(before)) {
        (Ok(()), Ok(edited)) => edited,
        // An editor that fails has usually written nothing, and then there is nothing to keep.
        (Err(error), Ok(edited)) if edited == before => return Err(error),
        (Err(error), _) | (Ok(()), Err(error)) => return Err(file.keep(error)),
    };
    if edited == before {
        return print(&format!("{} is as it was; nothing was saved\n", prompt.name));
    }
    match save(&session, &prompt, edited).await {
        Ok((saved, before)) => report(saved, Some(before), args.json),
        Err(error) => Err(file.keep(describe_failure(&session, error, &prompt).await)),
    }
}

/// Saves a text if the prompt is as it was before the edit, or has this very text by now. Also returns the
/// version that it had.
async fn save(
    session: &Session<'_>,
    prompt: &Prompt,
    edited: String,
) -> Result<(SavedPrompt, u32), LibraryError> {
    let (id, caller) = (PromptRef::Id(prompt.id.clone()), &session.caller);
    let attempt = async |version| {
        let draft = Draft { content: Some(edited.clone()), ..Draft::default() };
        let options = SaveOptions {
            expected_version: Some(version),
            may_add_skill: caller.via.is_in_person(),
            ..SaveOptions::default()
        };
        let saved = session.library.save_prompt(caller, &id, draft, options).await;
        saved.map(|saved| (saved, version))
    };
    let failed = match attempt(prompt.version).await {
        Err(LibraryError::Store(failed @ StoreError::VersionConflict { .. })) => failed,
        done => return done,
    };
    let current = session.library.get_prompt(caller, &id).await?;
    if current.body.content.as_str() == edited {
        return attempt(current.version).await;
    }
    Err(failed.into())
}

/// Says why an edit was not saved, and how to save it after all.
async fn describe_failure(
    session: &Session<'_>,
    error: LibraryError,
    prompt: &Prompt,
) -> CommandError {
    let (name, version) = (&prompt.name, prompt.version);
    match error {
        LibraryError::Store(StoreError::VersionConflict { current_version }) => {
            CommandError::failed(format!(
                "{name} was saved meanwhile: it is at version {current_version}, and you changed \
                 version {version}; compare your text with `promptdb get {name} --raw`, then save it \
                 with `promptdb save {name} FILE`"
            ))
        }
        LibraryError::NotFound(_) | LibraryError::Store(StoreError::NotFound) => {
            let restorable = session.restorable(prompt).await;
            CommandError::failed(format!(
                "{name} was deleted meanwhile; bring it back with `promptdb restore {restorable}`, then \
                 save your text with `promptdb save {name} FILE`"
            ))
        }
        other => explain(other),
    }
}

/// The file that the editor changes, in a folder of its own.
struct EditFile {
    folder: TempDir,
    path: PathBuf,
}

impl EditFile {
    /// Writes the text with a line break at its end, which editors expect.
    fn write(prompt: &Prompt) -> Result<Self, CommandError> {
        let failed = |error| CommandError::at("the file to edit", &error);
        let folder = create_private_folder().map_err(failed)?;
        let path = folder.path().join(format!("{}.md", prompt.name));
        let mut file = create_private(&path).map_err(failed)?;
        file.write_all(format!("{}\n", prompt.body.content).as_bytes()).map_err(failed)?;
        Ok(Self { folder, path })
    }

    fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the text without the line break that [`write`](Self::write) added to `before`.
    fn read(&self, before: &str) -> Result<String, CommandError> {
        let failed = |error: io::Error| CommandError::at(&self.path, &error);
        // Another kind of file, such as a pipe, could keep the command waiting for ever.
        if !fs::metadata(&self.path).map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is not a regular file any more")));
        }
        let file = File::open(&self.path).map_err(failed)?;
        let mut text = read_bounded(file, &self.path)?;
        if text.ends_with('\n') {
            text.pop();
        }
        // Some editors end each line with a carriage return as well.
        if text.ends_with('\r') && !before.ends_with('\r') {
            text.pop();
        }
        Ok(text)
    }

    /// Leaves the file where it is, and names it in the error. Where it is gone, its folder stays unless it is
    /// empty: the editor may have written the text into another file of it.
    fn keep(self, reason: CommandError) -> CommandError {
        let Self { folder, path } = self;
        let CommandError { message, exit } = reason;
        let message = if path.is_file() {
            format!("nothing was saved, and your text is in {}: {message}", path.display())
        } else {
            format!("nothing was saved: {message}")
        };
        if !is_empty(folder.path()) {
            // From here on nothing removes the folder.
            let _kept = folder.keep();
        }
        CommandError { message, exit }
    }
}

/// Whether a folder is known to have nothing that holds a text.
fn is_empty(folder: &Path) -> bool {
    let holds_none = |entry: io::Result<fs::DirEntry>| {
        entry.is_ok_and(|entry| !entry.path().is_file() && !entry.path().is_dir())
    };
    fs::read_dir(folder).is_ok_and(|mut entries| entries.all(holds_none))
}

/// Creates a folder among the temporary files that only this user can read: an editor may replace the
/// file by one that others can, and write copies of its own beside it.
fn create_private_folder() -> io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("promptdb-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

/// Creates a file that only this user can read.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The signals that reach this command while the editor runs.
///
/// A key that interrupts, such as Ctrl-C, belongs to the editor on the same terminal, and must not end this
/// command. A signal with a handler has no default effect, and the editor starts without the handlers. They
/// stay until the process ends, so that no signal cuts off the save either, which is bounded in time.
#[cfg(unix)]
struct EditorSignals {
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl EditorSignals {
    fn catch() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        drop((signal(SignalKind::interrupt())?, signal(SignalKind::quit())?));
        let (terminate, hang_up) = (SignalKind::terminate(), SignalKind::hangup());
        Ok(Self { terminate: signal(terminate)?, hang_up: signal(hang_up)? })
    }

    /// Waits for a signal to end, and returns its name.
    async fn recv(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
        }
    }
}

/// The signals that reach this command while the editor runs: Ctrl-C, which belongs to the editor.
#[cfg(windows)]
struct EditorSignals;

#[cfg(windows)]
impl EditorSignals {
    fn catch() -> io::Result<Self> {
        // A signal with a handler has no default effect.
        drop(tokio::signal::windows::ctrl_c()?);
        Ok(Self)
    }

    async fn recv(self) -> &'static str {
        std::future::pending().await
    }
}

/// Runs the editor until it ends.
async fn run_editor(path: &Path) -> Result<(), CommandError> {
    let editor = config::editor().unwrap_or_else(|| EDITOR_DEFAULT.into());
    let shown = editor.to_string_lossy().into_owned();
    let status = editor_command(editor, path).status().await.map_err(|error| {
        CommandError::failed(format!(
            "the editor {shown} does not start: {error}; set VISUAL or EDITOR"
        ))
    })?;
    if status.success() {
        return Ok(());
    }
    let message =
        format!("the editor {shown} ended with {status}; set VISUAL or EDITOR for another");
    Err(CommandError::failed(message))
}

/// Builds the call of an editor, which may have arguments of its own (`code --wait`). A shell splits
/// them, as git does it.
#[cfg(unix)]
fn editor_command(editor: OsString, path: &Path) -> Command {
    let mut script = editor.clone();
    script.push(" \"$@\"");
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(editor).arg(path);
    command
}

/// Builds the call of an editor, which may have arguments of its own after a space.
#[cfg(not(unix))]
fn editor_command(editor: OsString, path: &Path) -> Command {
    let text = editor.to_string_lossy();
    let mut parts = text.split_whitespace();
    let mut command = if Path::new(&editor).is_file() {
        Command::new(&editor)
    } else {
        let mut command = Command::new(parts.next().unwrap_or(EDITOR_DEFAULT));
        command.args(parts);
        command
    };
    command.arg(path);
    command
}
