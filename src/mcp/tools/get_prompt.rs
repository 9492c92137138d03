//! The tool `get_prompt`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lookup::{get_or_suggest, parse_id, parse_name};
use super::summary::{PromptSummary, Summary, summarize_within_budget};
use super::tool::{Effect, Reply, Tool};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Body, Prompt, PromptRef, Tag, VariableName};
use crate::domain::ranking::SUGGESTED_MAX;
use crate::domain::template::Rendered;
use crate::error::ApiError;
use crate::library::{Found, Library};
use crate::rest::prompts::VariableResponse;

/// Renders one prompt, or lists those that a query may mean.
pub(super) struct GetPrompt;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetPromptInput {
    /// The prompt's name, such as code-review.
    name: Option<String>,
    /// The prompt's id.
    id: Option<String>,
    /// Words to find the prompt by: its name, its title, a tag or what it is about.
    query: Option<String>,
    /// The version to return; the latest when absent.
    #[schemars(range(min = 1))]
    version: Option<u32>,
    /// A value for each variable of the prompt, by name.
    arguments: Option<BTreeMap<String, String>>,
    /// Returns the text as it was saved, with its variables as {{name}}, for example before changing
    /// it.
    raw: Option<bool>,
}

/// Either one prompt, with every field but `matches`, or `matches`.
#[derive(Default, Serialize, JsonSchema)]
pub(super) struct GetPromptOutput {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<String>>,
    /// The version that is returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    variables: Option<Vec<VariableResponse>>,
    /// The prompt with its variables filled in; raw, as it was saved.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Variables that were not filled in.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Vec<String>>,
    /// Prompts that a query may mean, the best match first.
    #[serde(skip_serializing_if = "Option::is_none")]
    matches: Option<Vec<PromptSummary>>,
    /// What the next call could pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Tool for GetPrompt {
    const NAME: &'static str = "get_prompt";
    const TITLE: &'static str = "Get a saved prompt";
    const DESCRIPTION: &'static str = "Returns the text of a prompt that the user saved, with its \
        variables filled in. Use this when the user names or describes a saved prompt. Pass \
        exactly one of name, id or query; a query that fits several prompts returns them as \
        matches to choose from.";
    const EFFECT: Effect = Effect::Read;
    const MAY_BE_LONG: bool = true;

    type Input = GetPromptInput;
    type Output = GetPromptOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: GetPromptInput,
    ) -> Result<Reply<GetPromptOutput>, ApiError> {
        let prompt = match (input.name, input.id, input.query) {
            (Some(name), None, None) => {
                get_or_suggest(library, caller, &parse_name(&name)?).await?
            }
            (None, Some(id), None) => get_or_suggest(library, caller, &parse_id(&id)?).await?,
            (None, None, Some(query)) => match library.find_prompt(caller, &query).await? {
                Found::One(prompt) => *prompt,
                Found::Several(prompts) => return Ok(list_matches(prompts)),
            },
            _ => {
                return Err(
                    FieldError::new("name", "pass exactly one of name, id and query").into()
                );
            }
        };
        let prompt = match input.version {
            // By id, for an older version may have had another name.
            Some(version) => {
                library.get_version(caller, &PromptRef::Id(prompt.id), version).await?
            }
            None => prompt,
        };
        let arguments = input.arguments.unwrap_or_default();
        let output = if input.raw.unwrap_or_default() {
            if !arguments.is_empty() {
                let message = "cannot be combined with arguments, which fill in the variables";
                return Err(FieldError::new("raw", message).into());
            }
            // The text is read to be changed or shown, which is not a use.
            GetPromptOutput::raw(prompt)
        } else {
            let rendered = library.render_prompt(caller, &prompt, &arguments)?;
            GetPromptOutput::rendered(prompt, rendered)
        };
        let texts = output.text.iter().chain(&output.hint).cloned().collect();
        Ok(Reply { texts, structured: output })
    }
}

impl GetPromptOutput {
    /// Builds the result of a prompt with its variables filled in.
    fn rendered(prompt: Prompt, rendered: Rendered) -> Self {
        let missing: Vec<String> = rendered.missing.iter().map(VariableName::to_string).collect();
        let hint = describe_missing(&missing);
        let raw = Self::raw(prompt);
        Self { text: Some(rendered.text), missing: Some(missing), hint, ..raw }
    }

    /// Builds the result of a prompt as it was saved.
    fn raw(prompt: Prompt) -> Self {
        let Body { title, description, content, tags, variables, .. } = prompt.body;
        Self {
            id: Some(prompt.id.to_string()),
            name: Some(prompt.name.to_string()),
            title: Some(title.to_string()),
            description: Some(description.to_string()),
            tags: Some(tags.iter().map(Tag::to_string).collect()),
            version: Some(prompt.version),
            variables: Some(variables),
            text: Some(content.to_string()),
            missing: Some(Vec::new()),
            matches: None,
            hint: None,
        }
    }
}

/// Maximum names in a hint on missing arguments. The structure has all of them, and they stand in the
/// text.
const HINT_NAMES_MAX: usize = 12;

fn describe_missing(missing: &[String]) -> Option<String> {
    match missing.len() {
        0 => None,
        1..=HINT_NAMES_MAX => Some(format!("Missing arguments: {}.", missing.join(", "))),
        count => {
            let (first, others) = (&missing[..HINT_NAMES_MAX], count - HINT_NAMES_MAX);
            Some(format!("Missing arguments: {} and {others} others.", first.join(", ")))
        }
    }
}

/// Builds the result of a query that no single prompt matches clearly.
fn list_matches(prompts: Vec<Prompt>) -> Reply<GetPromptOutput> {
    let found = prompts.len();
    let matches = summarize_within_budget(prompts);
    let hint = match found {
        0 => "No saved prompt matches. list_prompts returns every saved prompt.",
        1..SUGGESTED_MAX => "No match is clear; get one of these by its name.",
        _ => {
            "No match is clear; get one of these by its name. list_prompts with the same query \
             returns all matches."
        }
    };
    let mut lines = vec![hint.to_owned()];
    lines.extend(matches.iter().map(PromptSummary::to_line));
    let (matches, hint) = (Some(matches), Some(hint.to_owned()));
    Reply::new(lines.join("\n"), GetPromptOutput { matches, hint, ..GetPromptOutput::default() })
}
