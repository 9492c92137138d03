//! The tool `open_library`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::list_prompts::{ListPromptsOutput, list_page};
use super::lookup::{get_or_suggest, parse_name};
use super::shares::{FRAME_BYTES, STRUCTURE_MAX_BYTES, cut_to_shares};
use super::summary::shorten_variables;
use super::tool::{Effect, Reply, Tool};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Body, Prompt, Tag};
use crate::error::ApiError;
use crate::library::{Library, ListOptions};
use crate::mcp::apps::View;
use crate::rest::prompts::VariableResponse;

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
    prompt: Option<OpenedPrompt>,
}

/// The fields of `get_prompt` with raw. That tool's schema describes them, and each chat pays for every
/// word, so they have no descriptions here.
#[derive(Serialize, JsonSchema)]
struct OpenedPrompt {
    id: String,
    name: String,
    title: String,
    description: String,
    tags: Vec<String>,
    version: u32,
    variables: Vec<VariableResponse>,
    text: String,
    // Always empty, as nothing is filled in.
    missing: Vec<String>,
    /// Whether parts of the prompt are cut; `get_prompt` with raw returns all.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_cut: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl From<Prompt> for OpenedPrompt {
    fn from(prompt: Prompt) -> Self {
        let Body { title, description, content, tags, variables, .. } = prompt.body;
        Self {
            id: prompt.id.to_string(),
            name: prompt.name.to_string(),
            title: title.to_string(),
            description: description.to_string(),
            tags: tags.iter().map(Tag::to_string).collect(),
            version: prompt.version,
            variables,
            text: content.to_string(),
            missing: Vec::new(),
            content_cut: None,
            hint: None,
        }
    }
}

impl Tool for OpenLibrary {
    const NAME: &'static str = "open_library";
    const TITLE: &'static str = "Open the prompt library";
    const DESCRIPTION: &'static str = "Shows the user's library as a list to browse, or, with name, \
        one prompt and its variables. Use this when the user wants to browse, pick or fill in \
        prompts.";
    const EFFECT: Effect = Effect::Read;
    const REPEATS_OUTPUT: bool = true;
    const VIEW: Option<View> = Some(View::new("Opening the library", "Prompt library"));

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
        let mut opened = OpenedPrompt::from(prompt);
        cut_prompt(&mut opened);
        let mut texts = vec![opened.text.clone()];
        if opened.content_cut.is_some() {
            let hint = format!("Parts are cut; get_prompt with name {name} and raw returns all.");
            texts.push(hint.clone());
            opened.hint = Some(hint);
        }
        let structured = OpenLibraryOutput { prompt: Some(opened), ..OpenLibraryOutput::default() };
        Ok(Reply { texts, structured })
    }
}

/// Cuts the text of a prompt so that the result keeps its size, and marks it if anything was left out.
fn cut_prompt(opened: &mut OpenedPrompt) {
    let are_shortened = shorten_variables(&mut opened.variables, VARIABLES_MAX_BYTES);
    let mut text = std::mem::take(&mut opened.text);
    let fixed = serde_json::to_string(opened).map_or(STRUCTURE_MAX_BYTES, |json| json.len());
    let room = STRUCTURE_MAX_BYTES.saturating_sub(fixed + FRAME_BYTES);
    let is_cut = cut_to_shares(&mut [&mut text], room).contains(&true);
    opened.text = text;
    opened.content_cut = (is_cut || are_shortened).then_some(true);
}
