//! The tool `open_library`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::get_prompt::GetPromptOutput;
use super::list_prompts::{ListPromptsOutput, list_page};
use super::lookup::{get_or_suggest, parse_name};
use super::shares::{STRUCTURE_MAX_BYTES, cut_to_shares};
use super::summary::shorten_variables;
use super::tool::{Effect, Reply, Tool};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::library::{Library, ListOptions};

/// Shows the library, or one prompt of it to fill in.
pub(super) struct OpenLibrary;

/// Maximum size of a prompt's variables here, in bytes.
const VARIABLES_MAX_BYTES: usize = 16 * 1024;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OpenLibraryInput {
    /// Words to look for.
    query: Option<String>,
    /// Only prompts with this tag.
    tag: Option<String>,
    /// One prompt to open, instead of the list.
    name: Option<String>,
}

/// Either a list, or one prompt with its text as saved.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct OpenLibraryOutput {
    #[serde(flatten)]
    list: Option<ListPromptsOutput>,
    #[serde(flatten)]
    prompt: Option<GetPromptOutput>,
    /// Whether parts of the prompt are cut; `get_prompt` with raw returns all.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_cut: Option<bool>,
}

impl Tool for OpenLibrary {
    const NAME: &'static str = "open_library";
    const TITLE: &'static str = "Open the prompt library";
    const DESCRIPTION: &'static str = "Shows the user's library as a list to browse, or with name \
        one prompt and its variables. Use this when the user wants to browse, pick or fill in \
        prompts; get_prompt and list_prompts return the same to work with.";
    const EFFECT: Effect = Effect::Read;
    const REPEATS_OUTPUT: bool = true;

    type Input = OpenLibraryInput;
    type Output = OpenLibraryOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: OpenLibraryInput,
    ) -> Result<Reply<OpenLibraryOutput>, ApiError> {
        let OpenLibraryInput { query, tag, name } = input;
        let Some(name) = name else {
            let options = ListOptions { query, tag, ..ListOptions::default() };
            let Reply { texts, structured } = list_page(library, caller, options).await?;
            let output =
                OpenLibraryOutput { list: Some(structured), ..OpenLibraryOutput::default() };
            return Ok(Reply { texts, structured: output });
        };
        if query.is_some() || tag.is_some() {
            let message = "cannot be combined with query or tag";
            return Err(FieldError::new("name", message).into());
        }
        let prompt = get_or_suggest(library, caller, &parse_name(&name)?).await?;
        let name = prompt.name.clone();
        let mut output = GetPromptOutput::raw(prompt);
        let is_cut = cut_prompt(&mut output);
        let mut texts = vec![output.text.clone().unwrap_or_default()];
        if is_cut {
            texts.push(format!("(cut; get_prompt with name {name} and raw returns all of it)"));
        }
        let structured = OpenLibraryOutput {
            prompt: Some(output),
            content_cut: is_cut.then_some(true),
            ..OpenLibraryOutput::default()
        };
        Ok(Reply { texts, structured })
    }
}

/// Cuts the text of a prompt so that the result keeps its size; returns whether anything was left
/// out.
fn cut_prompt(output: &mut GetPromptOutput) -> bool {
    /// Room for the frame of the result, in bytes of JSON.
    const FRAME_BYTES: usize = 256;
    let are_shortened = output
        .variables
        .as_mut()
        .is_some_and(|variables| shorten_variables(variables, VARIABLES_MAX_BYTES));
    let mut text = output.text.take().unwrap_or_default();
    let fixed = serde_json::to_string(output).map_or(STRUCTURE_MAX_BYTES, |json| json.len());
    let room = STRUCTURE_MAX_BYTES.saturating_sub(fixed + FRAME_BYTES);
    let is_cut = cut_to_shares(&mut [&mut text], room).contains(&true);
    output.text = Some(text);
    is_cut || are_shortened
}
