//! The command `tag`.

use clap::Args;

use super::{Session, explain, parse_name};
use crate::cli::terminal::to_json;
use crate::cli::{CommandError, print};
use crate::config::PromptSettings;
use crate::domain::excerpt::Excerpt;
use crate::domain::prompt::{PromptRef, Tag};
use crate::rest::prompts::PromptResponse;

#[derive(Debug, Args)]
pub(in crate::cli) struct TagArgs {
    /// The prompt's name or id
    #[arg(value_name = "NAME")]
    name: String,

    /// The tags to add; the tag skill makes the prompt a skill of every client
    #[arg(value_name = "TAG", required_unless_present = "remove")]
    add: Vec<String>,

    /// A tag to remove; repeated for several
    #[arg(long, short, value_name = "TAG")]
    remove: Vec<String>,

    /// Write JSON, in the form of GET /api/prompts/{name}
    #[arg(long)]
    json: bool,
}

/// Adds tags to a prompt and removes others. The other tags stay.
pub(super) async fn tag_prompt(
    args: &TagArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let (add, remove) = (parse_tags(&args.add)?, parse_tags(&args.remove)?);
    if let Some(tag) = add.iter().find(|tag| remove.contains(tag)) {
        return Err(CommandError::usage(format!("{} is both added and removed", tag.as_str())));
    }
    let session = Session::open_to_save(settings)?;
    let prompt = session.get(&parse_name(&args.name)?).await?;
    let id = PromptRef::Id(prompt.id);
    let changed = session.library.change_tags(&session.caller, &id, &add, &remove).await;
    let changed = changed.map_err(explain)?;
    let prompt = session.get(&id).await?;
    if args.json {
        return print(&to_json(&PromptResponse::from(prompt))?);
    }
    let tags: Vec<&str> = prompt.body.tags.iter().map(Tag::as_str).collect();
    let tags = if tags.is_empty() { "none".to_owned() } else { tags.join(", ") };
    let unchanged = if changed { "" } else { ", as before" };
    print(&format!("tags of {}: {tags}{unchanged}\n", prompt.name))
}

fn parse_tags(texts: &[String]) -> Result<Vec<Tag>, CommandError> {
    let parse = |text: &String| {
        Tag::parse(text)
            .map_err(|fault| CommandError::usage(format!("TAG {fault}: {}", Excerpt::new(text))))
    };
    texts.iter().map(parse).collect()
}
