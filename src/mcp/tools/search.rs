//! The tool `search`, as OpenAI's company knowledge calls it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tool::{Effect, Reply, Tool};
use crate::domain::identity::Principal;
use crate::domain::prompt::Prompt;
use crate::error::ApiError;
use crate::library::{Library, ListOptions};

/// Finds prompts as documents to cite.
pub(super) struct Search;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchInput {
    /// Words to look for in the user's prompts.
    query: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SearchOutput {
    /// The best match first.
    results: Vec<SearchResult>,
}

#[derive(Serialize, JsonSchema)]
struct SearchResult {
    id: String,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Tool for Search {
    const NAME: &'static str = "search";
    const TITLE: &'static str = "Search saved prompts";
    const DESCRIPTION: &'static str = "Searches the prompts that the user saved, and returns their \
        ids, titles and addresses to cite. Use this when an answer may be in a saved prompt; fetch \
        returns its text.";
    const EFFECT: Effect = Effect::Read;

    type Input = SearchInput;
    type Output = SearchOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: SearchInput,
    ) -> Result<Reply<SearchOutput>, ApiError> {
        // As many as a page of `list_prompts` has; a result has at most about 700 bytes.
        let options = ListOptions { query: Some(input.query), ..ListOptions::default() };
        let found = library.list_prompts(caller, options).await?.page.items;
        let to_result = |prompt: &Prompt| SearchResult {
            id: prompt.id.to_string(),
            title: prompt.body.title.to_string(),
            url: library.page_of(&prompt.name),
        };
        Reply::json(SearchOutput { results: found.iter().map(to_result).collect() })
    }
}
