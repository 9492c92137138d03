//! The command `delete`.

use clap::Args;

use super::{Session, explain, parse_name};
use crate::cli::terminal::to_json;
use crate::cli::{CommandError, print};
use crate::config::PromptSettings;
use crate::domain::prompt::{PromptRef, RESTORABLE_DAYS};
use crate::rest::prompts::PromptResponse;

#[derive(Debug, Args)]
pub(in crate::cli) struct DeleteArgs {
    /// The prompt's name or id
    #[arg(value_name = "NAME")]
    name: String,

    /// Write JSON, in the form of DELETE /api/prompts/{name}
    #[arg(long)]
    json: bool,
}

/// Deletes a prompt that is named exactly: words that fit it do not suffice.
pub(super) async fn delete_prompt(
    args: &DeleteArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let session = Session::open(settings)?;
    let prompt = session.get(&parse_name(&args.name)?).await?;
    let id = PromptRef::Id(prompt.id);
    let deleted = session.library.delete_prompt(&session.caller, &id, None, None).await;
    let deleted = deleted.map_err(explain)?;
    if args.json {
        return print(&to_json(&PromptResponse::from(deleted))?);
    }
    let (name, restorable) = (&deleted.name, session.restorable(&deleted).await);
    print(&format!(
        "deleted {name}; for {RESTORABLE_DAYS} days `promptdb restore {restorable}` brings it back\n"
    ))
}
