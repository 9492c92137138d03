//! The tool `list_prompts`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::summary::{PromptSummary, Summary, summarize_within_budget};
use super::tool::{Effect, Reply, Tool};
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, SealedCursor};
use crate::error::ApiError;
use crate::library::{Library, ListOptions, SortOrder};
use crate::store::Sort;

/// Lists or searches the library, a page at a time.
pub(super) struct ListPrompts;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListPromptsInput {
    /// Words to look for in names, titles, tags, descriptions and contents.
    query: Option<String>,
    /// Only prompts with this tag.
    tag: Option<String>,
    /// Only prompts that the user marked as favorites, or only the others.
    favorite: Option<bool>,
    /// Lists deleted prompts, which `restore_prompt` can bring back, instead of the others.
    deleted: Option<bool>,
    /// The order. When absent: relevance with a query, recent without one.
    sort: Option<SortInput>,
    /// Maximum number of prompts to return; 20 when absent.
    #[schemars(range(min = 1, max = Limit::MAX.get()))]
    limit: Option<i64>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum SortInput {
    Relevance,
    Recent,
    Name,
    Used,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ListPromptsOutput {
    prompts: Vec<PromptSummary>,
    /// Pass it as cursor for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    /// Number of matches on all pages, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
}

impl Tool for ListPrompts {
    const NAME: &'static str = "list_prompts";
    const TITLE: &'static str = "List saved prompts";
    const DESCRIPTION: &'static str = "Lists or searches the prompts that the user saved, without \
        their contents. Use this when the user wants to know what they have saved, or looks for \
        prompts by topic or tag, or for a deleted one.";
    const EFFECT: Effect = Effect::Read;

    type Input = ListPromptsInput;
    type Output = ListPromptsOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: ListPromptsInput,
    ) -> Result<Reply<ListPromptsOutput>, ApiError> {
        list_page(library, caller, input.into()).await
    }
}

/// Lists a page, as much of it as the budget of tokens holds.
pub(super) async fn list_page(
    library: &Library,
    caller: &Principal,
    mut options: ListOptions,
) -> Result<Reply<ListPromptsOutput>, ApiError> {
    let (listing, prompts) = loop {
        let mut listing = library.list_prompts(caller, options.clone()).await?;
        let found = listing.page.items.len();
        let prompts = summarize_within_budget(listing.page.items.drain(..));
        if prompts.len() == found {
            break (listing, prompts);
        }
        // List again with a limit at which the budget holds, so that the cursor continues right
        // after the last summary. The library may change between the two listings, so the new
        // page is measured as well; the limit shrinks with each turn, to one at the least.
        options.limit = i64::try_from(prompts.len()).ok();
    };
    let to_line =
        if options.deleted { PromptSummary::to_deleted_line } else { PromptSummary::to_line };
    let mut lines: Vec<String> = prompts.iter().map(to_line).collect();
    if lines.is_empty() {
        lines.push("No prompts.".to_owned());
    }
    let next_cursor = listing.page.next.map(SealedCursor::into_string);
    if let Some(cursor) = &next_cursor {
        lines.push(format!("More with cursor {cursor}"));
    }
    let output = ListPromptsOutput { prompts, next_cursor, total: listing.total };
    Ok(Reply::new(lines.join("\n"), output))
}

impl From<ListPromptsInput> for ListOptions {
    fn from(input: ListPromptsInput) -> Self {
        let sort = input.sort.map(|sort| match sort {
            SortInput::Relevance => SortOrder::Relevance,
            SortInput::Recent => SortOrder::By(Sort::Recent),
            SortInput::Name => SortOrder::By(Sort::Name),
            SortInput::Used => SortOrder::By(Sort::Used),
        });
        Self {
            query: input.query,
            tag: input.tag,
            favorite: input.favorite,
            deleted: input.deleted.unwrap_or_default(),
            sort,
            limit: input.limit,
            cursor: input.cursor,
        }
    }
}
