//! The command `history`.

use clap::Args;

use super::{JsonList, Session, explain, parse_name};
use crate::cli::terminal::{Column, Screen, Table};
use crate::cli::{CommandError, print};
use crate::config::PromptSettings;
use crate::domain::paging::{Limit, SealedCursor};
use crate::domain::prompt::PromptRef;
use crate::rest::prompts::VersionResponse;

#[derive(Debug, Args)]
pub(in crate::cli) struct HistoryArgs {
    /// The prompt's name or id; a deleted one has its history, too
    #[arg(value_name = "NAME")]
    name: String,

    /// Write JSON, in the form of GET /api/prompts/{name}/versions
    #[arg(long)]
    json: bool,
}

const COLUMNS: &[Column] = &[
    Column { title: "VERSION", min_width: None },
    Column { title: "SAVED", min_width: None },
    Column { title: "BY", min_width: Some(8) },
    Column { title: "TITLE", min_width: Some(16) },
];

/// Lists every version of a prompt.
pub(super) async fn list_versions(
    args: &HistoryArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let session = Session::open(settings)?;
    let prompt = session.get_living_or_deleted(&parse_name(&args.name)?).await?;
    let prompt = PromptRef::Id(prompt.id);
    let screen = Screen::of_stdout();
    let mut json = args.json.then(|| JsonList::new("versions"));
    let mut table = Table::new(COLUMNS);
    let mut cursor = None;
    loop {
        let limit = i64::try_from(Limit::MAX.get()).ok();
        let page = session.library.list_versions(&session.caller, &prompt, limit, cursor).await;
        let page = page.map_err(explain)?;
        let is_read = if let Some(json) = &mut json {
            json.write(page.items.into_iter().map(VersionResponse::from))?
        } else {
            for version in page.items {
                let saved_at = version.created_at.to_string();
                // `2026-01-31T12:00:00.000Z` to the minute.
                let minute = saved_at.get(..16).unwrap_or(&saved_at).replace('T', " ");
                let saved = if screen.is_terminal() { &minute } else { &saved_at };
                let number = version.version.to_string();
                let title = version.body.title.as_str();
                table.push([&number, saved, &version.source, title]);
            }
            true
        };
        cursor = page.next.map(SealedCursor::into_string);
        if cursor.is_none() || !is_read {
            break;
        }
    }
    match json {
        Some(json) => json.end(None),
        None => print(&table.format(screen)),
    }
}
