//! The command `tags`.

use clap::Args;

use super::{JsonList, Session, explain};
use crate::cli::terminal::{Column, Screen, Table};
use crate::cli::{CommandError, print, print_notice};
use crate::config::PromptSettings;
use crate::domain::paging::SealedCursor;
use crate::rest::tags::TagResponse;

#[derive(Debug, Args)]
pub(in crate::cli) struct TagsArgs {
    /// Write JSON, in the form of GET /api/tags
    #[arg(long)]
    json: bool,
}

const COLUMNS: &[Column] =
    &[Column { title: "TAG", min_width: Some(8) }, Column { title: "PROMPTS", min_width: None }];

/// Lists every tag.
pub(super) async fn list_tags(
    args: &TagsArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let session = Session::open(settings)?;
    let mut tags = Vec::new();
    let mut cursor = None;
    loop {
        let page = session.library.list_tags(&session.caller, cursor).await.map_err(explain)?;
        tags.extend(page.items);
        cursor = page.next.map(SealedCursor::into_string);
        if cursor.is_none() {
            break;
        }
    }
    if args.json {
        let mut json = JsonList::new("tags");
        json.write(tags.into_iter().map(TagResponse::from))?;
        return json.end(None);
    }
    if tags.is_empty() {
        return print_notice("no prompt has a tag");
    }
    let mut table = Table::new(COLUMNS);
    for tag in &tags {
        table.push([tag.tag.as_str(), &tag.count.to_string()]);
    }
    print(&table.format(Screen::of_stdout()))
}
