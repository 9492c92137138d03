//! The command `save`.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Session, explain, parse_name};
use crate::cli::terminal::{clean, to_json};
use crate::cli::{CommandError, STANDARD_STREAM, print, print_notice};
use crate::config::PromptSettings;
use crate::domain::draft::Draft;
use crate::domain::prompt::{CONTENT_MAX_BYTES, Prompt, PromptRef};
use crate::library::{LibraryError, SaveOptions, SavedPrompt};
use crate::rest::prompts::{SavedPromptResponse, SimilarResponse};
use crate::store::StoreError;

#[derive(Debug, Args)]
pub(in crate::cli) struct SaveArgs {
    /// The prompt's name, or the id of one that exists
    #[arg(value_name = "NAME")]
    name: String,

    /// The file with the text, or - for standard input [default: standard input, unless it is a
    /// terminal]
    #[arg(value_name = "FILE|-")]
    file: Option<PathBuf>,

    /// The title, 1 to 120 characters
    #[arg(long, value_name = "TITLE")]
    title: Option<String>,

    /// What the prompt is for, at most 1,024 characters
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    /// A tag, in place of all earlier ones; repeated for several, --tag "" for none
    #[arg(long = "tag", short, value_name = "TAG")]
    tags: Vec<String>,

    /// Mark the prompt as a favorite, or with =false as none
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    favorite: Option<bool>,

    /// Save only if the prompt is at this version
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    expected_version: Option<u32>,

    /// Write JSON, in the form of PUT /api/prompts/{name}
    #[arg(long)]
    json: bool,
}

impl SaveArgs {
    /// Whether there is something to save beside a text.
    fn has_fields(&self) -> bool {
        let texts = [&self.title, &self.description];
        texts.into_iter().any(Option::is_some) || !self.tags.is_empty() || self.favorite.is_some()
    }

    /// Builds the draft of the save, which replaces the tags if it has any `--tag`.
    fn draft(&self, content: Option<String>) -> Draft {
        let tags = self.tags.iter().filter(|tag| !tag.trim().is_empty()).cloned();
        Draft {
            name: None,
            title: self.title.clone(),
            description: self.description.clone(),
            content,
            tags: (!self.tags.is_empty()).then(|| tags.collect()),
            variables: None,
        }
    }
}

/// Saves a text, or other fields of a prompt that exists.
pub(super) async fn save_prompt(
    args: SaveArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let target = parse_name(&args.name)?;
    let text = read_text(&args)?;
    let session = Session::open_to_save(settings)?;
    let current = match (session.library.get_prompt(&session.caller, &target).await, &target) {
        (Ok(current), _) => Some(current),
        (Err(LibraryError::NotFound(_)), PromptRef::Name(_)) => None,
        (Err(error), _) => return Err(explain(error)),
    };
    let content = text.map(|text| drop_line_break(text, current.as_ref()));
    let mut draft = args.draft(content);
    let options = SaveOptions {
        favorite: args.favorite,
        expected_version: args.expected_version,
        may_add_skill: session.caller.via.is_in_person(),
        ..SaveOptions::default()
    };
    let saved = match &current {
        Some(current) => {
            let expected_version = args.expected_version.or(Some(current.version));
            let options = SaveOptions { expected_version, ..options };
            let prompt = PromptRef::Id(current.id.clone());
            session.library.save_prompt(&session.caller, &prompt, draft, options).await
        }
        None if args.expected_version.is_some() || draft.content.is_none() => {
            return Err(session.get(&target).await.map_or_else(
                |error| error,
                |prompt| {
                    // It was created between the two looks.
                    CommandError::failed(format!("{} exists now; repeat the command", prompt.name))
                },
            ));
        }
        None => {
            draft.name = Some(args.name.clone());
            session.library.create_prompt(&session.caller, draft, options).await
        }
    };
    let saved = saved.map_err(|error| explain_conflict(error, &args.name))?;
    let before = current.map(|current| current.version);
    report(saved, before, args.json)
}

/// The failure of a save, with what to do about a version that came in between.
fn explain_conflict(error: LibraryError, name: &str) -> CommandError {
    match error {
        LibraryError::Store(
            StoreError::VersionConflict { current_version }
            | StoreError::NameTaken { current_version, .. },
        ) => CommandError::failed(format!(
            "{} is at version {current_version} now, and nothing was saved; look at it with `promptdb \
             get --raw`, then save again",
            clean(name)
        )),
        other => explain(other),
    }
}

/// Describes a save. `before` is the version that the prompt had, if it existed.
pub(super) fn report(
    saved: SavedPrompt,
    before: Option<u32>,
    is_json: bool,
) -> Result<(), CommandError> {
    if is_json {
        return print(&to_json(&SavedPromptResponse::from(saved))?);
    }
    let SavedPrompt { prompt, notes, similar, .. } = saved;
    for note in notes {
        print_notice(&format!("note: {}", clean(&note)))?;
    }
    for similar in similar {
        print_notice(&format!("similar: {}", clean(&SimilarResponse::from(similar).to_string())))?;
    }
    let (name, version) = (&prompt.name, prompt.version);
    print(&if before == Some(version) {
        format!("saved {name}; its text is still version {version}\n")
    } else {
        format!("saved {name}, version {version}\n")
    })
}

/// Reads the text to save; `None` where only other fields are given.
fn read_text(args: &SaveArgs) -> Result<Option<String>, CommandError> {
    let missing = || {
        let name = clean(&args.name);
        CommandError::usage(format!(
            "there is no text; name a file, or - for standard input, or use `promptdb edit {name}`"
        ))
    };
    let (text, is_stated) = match &args.file {
        Some(path) if path != Path::new(STANDARD_STREAM) => {
            let file = File::open(path).map_err(|error| CommandError::at(path, &error))?;
            (read_bounded(file, path)?, true)
        }
        None if io::stdin().is_terminal() => (String::new(), false),
        file => (read_bounded(io::stdin().lock(), Path::new("standard input"))?, file.is_some()),
    };
    if !is_stated && text.is_empty() {
        // A script that sets a title only may have an empty standard input.
        return if args.has_fields() { Ok(None) } else { Err(missing()) };
    }
    Ok(Some(text))
}

/// Reads a text that is not far over the limit of a content, so that a wrong file takes no memory.
pub(super) fn read_bounded(input: impl Read, path: &Path) -> Result<String, CommandError> {
    let refuse = |fault: String| CommandError::usage(format!("{}: {fault}", path.display()));
    let mut bytes = Vec::new();
    // The limit, and a line break that does not belong to the content.
    let most = CONTENT_MAX_BYTES + "\r\n".len();
    input
        .take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| CommandError::at(path, &error))?;
    if bytes.len() > most {
        return Err(refuse(format!(
            "has more than {CONTENT_MAX_BYTES} bytes, the limit of a prompt"
        )));
    }
    let text = String::from_utf8(bytes);
    let text = text.map_err(|_| refuse("must be UTF-8; save the file as UTF-8".to_owned()))?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// Removes the line break that ends a file from a text, as an import does. A text that the prompt has
/// already stays as it is, so that what `get --raw` wrote changes nothing.
pub(super) fn drop_line_break(text: String, current: Option<&Prompt>) -> String {
    if current.is_some_and(|current| current.body.content.as_str() == text) {
        return text;
    }
    let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    line.map_or_else(|| text.clone(), str::to_owned)
}
