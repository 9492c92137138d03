//! The commands `list` and `search`.

use clap::{Args, ValueEnum};

use super::{JsonList, Session, explain};
use crate::cli::terminal::{Column, Screen, Table};
use crate::cli::{CommandError, print, print_notice};
use crate::config::PromptSettings;
use crate::domain::paging::{Limit, SealedCursor};
use crate::domain::prompt::{Prompt, Tag};
use crate::library::{ListOptions, SortOrder};
use crate::rest::prompts::PromptResponse;
use crate::store::Sort;

/// The number of matches of a search that are listed without `--limit`.
const MATCHES_DEFAULT: usize = 20;

#[derive(Debug, Args)]
pub(in crate::cli) struct ListArgs {
    /// Words or a phrase to find prompts by, as in `search`
    #[arg(value_name = "WORDS")]
    words: Vec<String>,

    #[command(flatten)]
    filter: FilterArgs,

    /// List the deleted prompts, each with the id by which `restore` takes it
    #[arg(long, conflicts_with = "words")]
    deleted: bool,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SearchArgs {
    /// Words or a phrase: parts of a name or text, or what the prompt is about
    #[arg(value_name = "WORDS", required = true)]
    words: Vec<String>,

    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Args)]
struct FilterArgs {
    /// Only prompts with this tag
    #[arg(long, short, value_name = "TAG")]
    tag: Option<String>,

    /// Only favorites
    #[arg(long)]
    favorite: bool,

    /// The order [default: relevance with WORDS, recent without]
    #[arg(long, value_enum, value_name = "ORDER")]
    sort: Option<Order>,

    /// Maximum number of prompts [default: all; 20 with WORDS]
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Write JSON, in the form of GET /api/prompts
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Order {
    /// The best match first; needs WORDS
    Relevance,
    /// The latest save first
    Recent,
    /// By name
    Name,
    /// The most used first
    Used,
}

impl From<Order> for SortOrder {
    fn from(order: Order) -> Self {
        match order {
            Order::Relevance => Self::Relevance,
            Order::Recent => Self::By(Sort::Recent),
            Order::Name => Self::By(Sort::Name),
            Order::Used => Self::By(Sort::Used),
        }
    }
}

/// Lists the library, or what words find in it.
pub(super) async fn list_prompts(
    args: ListArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let ListArgs { words, filter, deleted } = args;
    let query = (!words.is_empty()).then(|| words.join(" "));
    list(query, filter, deleted, settings).await
}

/// Lists what words find.
pub(super) async fn search_prompts(
    args: SearchArgs,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    list(Some(args.words.join(" ")), args.filter, false, settings).await
}

/// The columns of prompts that are not deleted.
const COLUMNS: &[Column] = &[
    Column { title: "NAME", min_width: Some(16) },
    Column { title: "TITLE", min_width: Some(16) },
    Column { title: "TAGS", min_width: Some(8) },
    Column { title: "UPDATED", min_width: None },
];

/// The columns of deleted prompts. Several may share a name, so an id stays whole on a terminal.
const DELETED_COLUMNS: &[Column] = &[
    Column { title: "NAME", min_width: Some(12) },
    Column { title: "ID", min_width: None },
    Column { title: "TITLE", min_width: Some(8) },
    Column { title: "DELETED", min_width: None },
];

async fn list(
    query: Option<String>,
    filter: FilterArgs,
    deleted: bool,
    settings: &PromptSettings,
) -> Result<(), CommandError> {
    let sort = filter.sort.map(SortOrder::from);
    if query.is_none() && sort == Some(SortOrder::Relevance) {
        return Err(CommandError::usage("--sort relevance needs WORDS"));
    }
    let is_search = query.is_some();
    let session = match query {
        Some(_) => Session::open_to_search(settings)?,
        None => Session::open(settings)?,
    };
    let most = match filter.limit {
        Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        None if is_search => MATCHES_DEFAULT,
        None => usize::MAX,
    };
    let options = ListOptions {
        query,
        tag: filter.tag,
        favorite: filter.favorite.then_some(true),
        deleted,
        sort,
        ..ListOptions::default()
    };
    let screen = Screen::of_stdout();
    let mut out =
        if filter.json { Out::Json(JsonList::new("prompts")) } else { Out::table(deleted) };
    let (mut listed, mut total, mut cursor) = (0, None, None);
    let mut has_more = true;
    while has_more && listed < most {
        let limit = Limit::MAX.get().min(most - listed);
        let limit = i64::try_from(limit).ok();
        let options = ListOptions { limit, cursor: cursor.take(), ..options.clone() };
        let listing = session.library.list_prompts(&session.caller, options).await;
        let listing = listing.map_err(explain)?;
        listed += listing.page.items.len();
        total = listing.total;
        has_more = out.write(listing.page.items, screen)?;
        cursor = listing.page.next.map(SealedCursor::into_string);
        has_more &= cursor.is_some();
    }
    out.end(screen, total)?;
    if listed == 0 {
        return print_notice(if is_search || options.tag.is_some() || options.favorite.is_some() {
            "no prompt matches"
        } else if deleted {
            "no prompt is deleted"
        } else {
            "no prompts yet; `promptdb save NAME FILE` saves one, `promptdb import` adds many"
        });
    }
    if cursor.is_some() && screen.is_terminal() {
        let of = total.map_or(String::new(), |total| format!(" of {total}"));
        print_notice(&format!("{listed}{of} prompts; `--limit N` lists more"))?;
    }
    Ok(())
}

enum Out {
    Json(JsonList),
    Table(Table),
}

impl Out {
    fn table(deleted: bool) -> Self {
        Self::Table(Table::new(if deleted { DELETED_COLUMNS } else { COLUMNS }))
    }

    /// Adds prompts. Returns whether more are wanted.
    fn write(&mut self, prompts: Vec<Prompt>, screen: Screen) -> Result<bool, CommandError> {
        match self {
            Self::Json(json) => json.write(prompts.into_iter().map(PromptResponse::from)),
            Self::Table(table) => {
                for prompt in prompts {
                    let at = prompt.deleted_at.unwrap_or(prompt.updated_at).to_string();
                    let at = if screen.is_terminal() { day(&at) } else { &at };
                    let (name, title) = (prompt.name.as_str(), prompt.body.title.as_str());
                    if prompt.deleted_at.is_some() {
                        table.push([name, prompt.id.as_str(), title, at]);
                    } else {
                        let tags: Vec<&str> = prompt.body.tags.iter().map(Tag::as_str).collect();
                        table.push([name, title, &tags.join(", "), at]);
                    }
                }
                Ok(true)
            }
        }
    }

    fn end(self, screen: Screen, total: Option<usize>) -> Result<(), CommandError> {
        match self {
            Self::Json(json) => json.end(total),
            Self::Table(table) if table.is_empty() => Ok(()),
            Self::Table(table) => print(&table.format(screen)),
        }
    }
}

/// Returns the day of a time in RFC 3339, in UTC.
pub(super) fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}
