//! The commands on prompts, one a file, and what they share: the library that is opened for them, and
//! how a prompt is found.
//!
//! They call the use cases that REST and MCP call, in the process of the command, so they work whether
//! or not a server runs. A model is opened only by those that search or save.

mod delete;
mod edit;
mod get;
mod history;
mod list;
mod restore;
mod save;
mod tag;
mod tags;

use clap::Subcommand;

use super::model::Model;
use super::serve::build_library;
use super::terminal::clean;
use super::{CommandError, print_notice, write_to_stdout};
use crate::config::PromptSettings;
use crate::domain::excerpt::Excerpt;
use crate::domain::identity::{Client, Principal};
use crate::domain::prompt::{Name, Prompt, PromptRef};
use crate::error::{ApiError, chain};
use crate::library::{Found, Library, LibraryError, ListOptions};
use crate::store::StoreError;

/// Maximum number of names that the error of an unknown name suggests.
const SUGGESTIONS_MAX: usize = 3;

/// A command on prompts.
#[derive(Debug, Subcommand)]
pub(super) enum PromptCommand {
    /// List the prompts, the latest save first, or those that WORDS find
    List(list::ListArgs),
    /// Find prompts by words or by what they are about, the best match first
    Search(list::SearchArgs),
    /// Write the text of a prompt to standard output, with its variables filled in
    Get(get::GetArgs),
    /// Save a text as a new prompt, or as the next version of a prompt
    Save(save::SaveArgs),
    /// Change the text of a prompt in the editor that VISUAL or EDITOR names
    Edit(edit::EditArgs),
    /// Delete a prompt; it can be restored for 30 days
    Delete(delete::DeleteArgs),
    /// Bring back a deleted prompt, or an old version as a new one
    Restore(restore::RestoreArgs),
    /// List the versions of a prompt, the newest first
    History(history::HistoryArgs),
    /// Add tags to a prompt, or remove some
    Tag(tag::TagArgs),
    /// List the tags with the number of their prompts
    Tags(tags::TagsArgs),
}

impl PromptCommand {
    pub(super) async fn run(self, settings: &PromptSettings) -> Result<(), CommandError> {
        match self {
            Self::List(args) => list::list_prompts(args, settings).await,
            Self::Search(args) => list::search_prompts(args, settings).await,
            Self::Get(args) => get::get_prompt(args, settings).await,
            Self::Save(args) => save::save_prompt(args, settings).await,
            Self::Edit(args) => edit::edit_prompt(&args, settings).await,
            Self::Delete(args) => delete::delete_prompt(&args, settings).await,
            Self::Restore(args) => restore::restore_prompt(&args, settings).await,
            Self::History(args) => history::list_versions(&args, settings).await,
            Self::Tag(args) => tag::tag_prompt(&args, settings).await,
            Self::Tags(args) => tags::list_tags(&args, settings).await,
        }
    }
}

/// The library, opened for a command of its owner.
struct Session<'a> {
    settings: &'a PromptSettings,
    library: Library,
    caller: Principal,
}

impl<'a> Session<'a> {
    /// Opens the library without a model.
    fn open(settings: &'a PromptSettings) -> Result<Self, CommandError> {
        let library = build_library(&settings.library)?;
        Ok(Self { settings, library, caller: Principal::local(Client::named("cli")) })
    }

    /// Opens the library with the model of meanings, if there is one, to search. A model that cannot be
    /// used is named.
    fn open_to_search(settings: &'a PromptSettings) -> Result<Self, CommandError> {
        let model = Model::open(&settings.meaning)?;
        if let Model::Unusable(_) = &model {
            print_notice(&model.describe())?;
        }
        Self::open_with(settings, &model)
    }

    /// Opens the library with the model of meanings, if there is one, to save. Without it a server gives
    /// the text its vector later.
    fn open_to_save(settings: &'a PromptSettings) -> Result<Self, CommandError> {
        Self::open_with(settings, &Model::open(&settings.meaning)?)
    }

    fn open_with(settings: &'a PromptSettings, model: &Model) -> Result<Self, CommandError> {
        let session = Self::open(settings)?;
        Ok(Self { library: session.library.with_encoder(model.encoder()), ..session })
    }

    /// Finds the prompt that a person means: by its id, by its name as people say it, or by words that
    /// fit one prompt clearly.
    async fn find(&self, text: &str) -> Result<Prompt, CommandError> {
        // What has no slug, or is longer than any name, may still be words of a prompt.
        if let Ok(prompt) = PromptRef::parse(text) {
            match self.library.get_prompt(&self.caller, &prompt).await {
                Err(LibraryError::NotFound(detail)) => self.refuse_deleted(&prompt, detail).await?,
                found => return found.map_err(explain),
            }
        }
        let query = Self::open_to_search(self.settings)?;
        let shown = Excerpt::new(text);
        let none = || {
            let advice = "`promptdb list` lists every prompt";
            CommandError::not_found(format!(
                "no prompt is named {}; {advice}",
                clean(shown.as_str())
            ))
        };
        match query.library.find_prompt(&self.caller, text).await {
            Ok(Found::One(prompt)) => {
                print_notice(&format!(
                    "found {}: {}",
                    prompt.name,
                    clean(prompt.body.title.as_str())
                ))?;
                Ok(*prompt)
            }
            Ok(Found::Several(prompts)) if prompts.is_empty() => Err(none()),
            Ok(Found::Several(prompts)) => Err(list_matches(shown.as_str(), &prompts)),
            Err(LibraryError::Invalid(_)) => Err(none()),
            Err(error) => Err(explain(error)),
        }
    }

    /// Returns the living prompt with this id or name. The error of an unknown one says that it was
    /// deleted, or suggests similar names.
    async fn get(&self, prompt: &PromptRef) -> Result<Prompt, CommandError> {
        match self.library.get_prompt(&self.caller, prompt).await {
            Err(LibraryError::NotFound(detail)) => {
                self.refuse_deleted(prompt, detail.clone()).await?;
                Err(self.suggest_names(prompt, &detail).await)
            }
            found => found.map_err(explain),
        }
    }

    /// As [`get`](Self::get), also for a deleted prompt that can be restored.
    async fn get_living_or_deleted(&self, prompt: &PromptRef) -> Result<Prompt, CommandError> {
        match self.library.get_living_or_deleted(&self.caller, prompt).await {
            Err(LibraryError::NotFound(detail)) => Err(self.suggest_names(prompt, &detail).await),
            found => found.map_err(explain),
        }
    }

    /// Refuses a prompt that was deleted and can be restored.
    async fn refuse_deleted(&self, prompt: &PromptRef, detail: String) -> Result<(), CommandError> {
        match self.library.get_living_or_deleted(&self.caller, prompt).await {
            Ok(_) => Err(CommandError::not_found(format!(
                "{detail}; it was deleted, and `promptdb restore {}` brings it back",
                prompt.as_str()
            ))),
            Err(LibraryError::Ambiguous { .. }) => Err(CommandError::not_found(format!(
                "{detail}; several of this name were deleted: `promptdb list --deleted` lists their \
                 ids, and `promptdb restore ID` brings one back"
            ))),
            Err(LibraryError::NotFound(_)) => Ok(()),
            Err(error) => Err(explain(error)),
        }
    }

    /// Returns what `restore` takes for a deleted prompt: its name, or its id if the name means another one
    /// or several.
    async fn restorable(&self, prompt: &Prompt) -> String {
        let name = PromptRef::Name(prompt.name.clone());
        match self.library.get_living_or_deleted(&self.caller, &name).await {
            Ok(found) if found.id == prompt.id => prompt.name.to_string(),
            // The id is right in any case.
            _ => prompt.id.to_string(),
        }
    }

    /// Returns the error of an unknown prompt, with the names that resemble its name.
    async fn suggest_names(&self, prompt: &PromptRef, detail: &str) -> CommandError {
        let mut names = Vec::new();
        if let PromptRef::Name(name) = prompt {
            let options = ListOptions { query: Some(name.to_string()), ..ListOptions::default() };
            match self.library.list_prompts(&self.caller, options).await {
                Ok(listing) => names.extend(listing.page.items.into_iter().map(|one| one.name)),
                Err(error) => return explain(error),
            }
        }
        let names: Vec<&str> = names.iter().take(SUGGESTIONS_MAX).map(Name::as_str).collect();
        CommandError::not_found(if names.is_empty() {
            format!("{detail}; `promptdb list` lists every prompt")
        } else {
            format!("{detail}; similar names: {}", names.join(", "))
        })
    }

    /// Records the uses of the command. A use that cannot be recorded fails no command.
    async fn record_uses(&self) {
        if let Err(error) = self.library.flush_uses().await {
            tracing::warn!(error = %chain(&error), "a use was not recorded");
        }
    }
}

/// Reads the argument NAME.
fn parse_name(text: &str) -> Result<PromptRef, CommandError> {
    PromptRef::parse(text)
        .map_err(|fault| CommandError::usage(format!("NAME {fault}: {}", Excerpt::new(text))))
}

/// The error of words that fit several prompts, which follow it line by line.
fn list_matches(text: &str, prompts: &[Prompt]) -> CommandError {
    let width = prompts.iter().map(|prompt| prompt.name.as_str().len()).max().unwrap_or_default();
    let first = format!("no prompt is named {}; it may be one of these:", clean(text));
    let lines = prompts.iter().map(|Prompt { name, body, .. }| {
        format!("  {:width$}  {}", name.as_str(), clean(body.title.as_str()))
    });
    let lines: Vec<String> = std::iter::once(first).chain(lines).collect();
    CommandError::not_found(lines.join("\n"))
}

/// Turns a failure of the library into that of the command.
fn explain(error: LibraryError) -> CommandError {
    match error {
        LibraryError::NotFound(detail) => CommandError::not_found(clean(&detail)),
        LibraryError::Invalid(invalid) => CommandError::usage(clean(&invalid.to_string())),
        // The owner of the library repairs it, so the cause belongs to the message.
        LibraryError::Store(error @ (StoreError::Unavailable(_) | StoreError::Internal(_))) => {
            CommandError::failed(clean(&chain(&error)))
        }
        other => CommandError::failed(clean(&ApiError::from(other).tool_message())),
    }
}

/// Writes one list as JSON while it is read: an item a line, under `key`.
struct JsonList {
    /// What the object begins with. It is written with the first items, so that a command that fails
    /// before writes nothing; `None` afterwards.
    opening: Option<String>,
    is_empty: bool,
    /// Whether the reader of standard output takes more.
    is_read: bool,
}

impl JsonList {
    fn new(key: &str) -> Self {
        Self { opening: Some(format!("{{\"{key}\":[")), is_empty: true, is_read: true }
    }

    /// Writes items. Returns whether more are read.
    fn write(
        &mut self,
        items: impl Iterator<Item = impl serde::Serialize>,
    ) -> Result<bool, CommandError> {
        let mut text = self.opening.take().unwrap_or_default();
        for item in items {
            text += if self.is_empty { "\n" } else { ",\n" };
            text += super::terminal::to_json(&item)?.trim_end();
            self.is_empty = false;
        }
        self.is_read = self.is_read && write_to_stdout(text.as_bytes())?;
        Ok(self.is_read)
    }

    /// Ends the list and the object, with the number of items that there are in all if it is known.
    fn end(self, total: Option<usize>) -> Result<(), CommandError> {
        let opening = self.opening.unwrap_or_default();
        let total = total.map_or(String::new(), |total| format!(",\"total\":{total}"));
        if self.is_read {
            write_to_stdout(format!("{opening}\n]{total}}}\n").as_bytes())?;
        }
        Ok(())
    }
}
