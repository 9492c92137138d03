//! The command `restore`.

use clap::Args;

use super::{Session, explain, parse_name};
use crate::cli::terminal::{clean, to_json};
use crate::cli::{CommandError, print, print_notice};
use crate::config::PromptSettings;
use crate::domain::prompt::PromptRef;
use crate::library::SaveOptions;
use crate::rest::prompts::RestoredPromptResponse;

#[derive(Debug, Args)]
pub(in crate::cli) struct RestoreArgs {
    /// The prompt's name or id; several deleted prompts may share a name, and then only ids serve
    #[arg(value_name = "NAME")]
    name: String,

    /// The old version to save again as the newest one; without it, a deletion is undone
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    version: Option<u32>,

    /// Write JSON, in the form of POST /api/prompts/{name}/restore
    #[arg(long)]
    json: bool,
}

/// Undoes a deletion, saves an old version again, or both.
pub(super) async fn restore_prompt(
    args: &RestoreArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    // A version that comes back gets a vector.
    let session = match args.version {
        Some(_) => Session::open_to_save(settings)?,
        None => Session::open(settings)?,
    };
    let before = session.get_living_or_deleted(&parse_name(&args.name)?).await?;
    let options =
        SaveOptions { may_add_skill: session.caller.via.is_in_person(), ..SaveOptions::default() };
    let id = PromptRef::Id(before.id);
    let restored =
        session.library.restore_prompt(&session.caller, &id, args.version, options).await;
    let restored = restored.map_err(explain)?;
    for note in &restored.notes {
        print_notice(&format!("note: {}", clean(note)))?;
    }
    if args.json {
        return print(&to_json(&RestoredPromptResponse::from(restored))?);
    }
    let (name, version) = (&restored.prompt.name, restored.prompt.version);
    let is_changed = before.deleted_at.is_some() || version != before.version;
    print(&match args.version {
        _ if is_changed => format!("restored {name}, version {version}\n"),
        Some(old) => format!("nothing changed: {name} has the text of version {old} already\n"),
        None => format!(
            "nothing changed: {name} is not deleted; pass --version N for an old text, which \
             `promptdb history {name}` lists, or the id of a deleted prompt of this name, which \
             `promptdb list --deleted` lists\n"
        ),
    })
}
