//! The tool `fetch`, as OpenAI's company knowledge calls it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lookup::get_or_suggest;
use super::tool::{Effect, Reply, Tool};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::prompt::{PromptId, PromptRef};
use crate::error::ApiError;
use crate::library::Library;

/// Returns a prompt as a document to cite.
pub(super) struct Fetch;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FetchInput {
    /// An id that search returned.
    id: String,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FetchOutput {
    id: String,
    title: String,
    /// The whole prompt as it was saved.
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl Tool for Fetch {
    const NAME: &'static str = "fetch";
    const TITLE: &'static str = "Fetch a saved prompt";
    const DESCRIPTION: &'static str = "Returns the whole text of a prompt that search found, as the \
        user saved it, with its address to cite. Use this when a result of search may answer the \
        user.";
    const EFFECT: Effect = Effect::Read;
    const MAY_BE_LONG: bool = true;

    type Input = FetchInput;
    type Output = FetchOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: FetchInput,
    ) -> Result<Reply<FetchOutput>, ApiError> {
        let message = "is not the id of a prompt; pass an id that search returned";
        let id = PromptId::parse(&input.id).ok_or_else(|| FieldError::new("id", message))?;
        // The text is read to be cited, which is not a use.
        let prompt = get_or_suggest(library, caller, &PromptRef::Id(id)).await?;
        Reply::json(FetchOutput {
            id: prompt.id.to_string(),
            title: prompt.body.title.to_string(),
            url: library.page_of(&prompt.name),
            text: prompt.body.content.to_string(),
        })
    }
}
