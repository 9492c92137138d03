//! Prompts in lists, and the budget of tokens that a list has.

use schemars::JsonSchema;
use serde::Serialize;

use super::shares::{FRAME_BYTES, STRUCTURE_MAX_BYTES};
use crate::domain::prompt::{Prompt, Tag};
use crate::rest::prompts::VariableResponse;

/// Maximum tokens of a list, structured content and text together: the 25,000 that Claude Code
/// accepts of a tool, less those of the result around the prompts.
const LIST_MAX_TOKENS: usize = 24_500;

/// Maximum size of the entries of a list, in bytes of JSON.
const LIST_MAX_BYTES: usize = STRUCTURE_MAX_BYTES - FRAME_BYTES;

/// Maximum bytes of the descriptions and defaults of one summary's variables. Beyond, both are
/// left out.
const SUMMARY_VARIABLES_MAX_BYTES: usize = 2000;

/// A prompt without its content.
#[derive(Serialize, JsonSchema)]
pub(super) struct PromptSummary {
    id: String,
    name: String,
    title: String,
    description: String,
    tags: Vec<String>,
    variables: Vec<VariableResponse>,
    version: u32,
}

/// An entry of a list.
pub(super) trait Summary: Serialize {
    /// Formats the entry as one line of text.
    fn to_line(&self) -> String;
}

impl Summary for PromptSummary {
    fn to_line(&self) -> String {
        format!("{}: {}", self.name, self.title)
    }
}

impl PromptSummary {
    /// Formats the summary of a deleted prompt. Several may share a name, so it has the id.
    pub(super) fn to_deleted_line(&self) -> String {
        format!("{} (id {})", self.to_line(), self.id)
    }
}

/// Removes the descriptions and defaults of variables if they have more than `most` bytes; returns
/// whether they had.
pub(super) fn shorten_variables(variables: &mut [VariableResponse], most: usize) -> bool {
    let texts = variables.iter().flat_map(|one| [&one.description, &one.default]);
    let bytes: usize = texts.flatten().map(String::len).sum();
    if bytes <= most {
        return false;
    }
    for variable in variables {
        variable.description = None;
        variable.default = None;
    }
    true
}

impl From<Prompt> for PromptSummary {
    fn from(prompt: Prompt) -> Self {
        Self {
            id: prompt.id.to_string(),
            name: prompt.name.to_string(),
            title: prompt.body.title.to_string(),
            description: prompt.body.description.to_string(),
            tags: prompt.body.tags.iter().map(Tag::to_string).collect(),
            variables: prompt.body.variables,
            version: prompt.version,
        }
    }
}

/// Summarizes the first of the prompts, at least one, as far as [`LIST_MAX_TOKENS`] and
/// [`LIST_MAX_BYTES`] reach.
pub(super) fn summarize_within_budget(
    prompts: impl IntoIterator<Item = Prompt>,
) -> Vec<PromptSummary> {
    take_within_budget(prompts.into_iter().map(|prompt| {
        let mut summary = PromptSummary::from(prompt);
        shorten_variables(&mut summary.variables, SUMMARY_VARIABLES_MAX_BYTES);
        summary
    }))
}

/// Takes the first of the entries, at least one, as far as [`LIST_MAX_TOKENS`] and [`LIST_MAX_BYTES`]
/// reach.
pub(super) fn take_within_budget<T: Summary>(entries: impl IntoIterator<Item = T>) -> Vec<T> {
    let (mut tokens, mut bytes) = (0, 0);
    let mut summaries = Vec::new();
    for summary in entries {
        let entry = write_json(&summary);
        tokens +=
            estimate_max_tokens(&entry) + estimate_max_tokens(&write_json(&summary.to_line()));
        // With the comma.
        bytes += entry.len() + 1;
        if (tokens > LIST_MAX_TOKENS || bytes > LIST_MAX_BYTES) && !summaries.is_empty() {
            break;
        }
        summaries.push(summary);
    }
    summaries
}

fn write_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Returns an upper bound of the tokens of a text.
///
/// A token of ASCII has at least two bytes in the tokenizers of today's models. In a script that a
/// tokenizer was hardly trained on, each byte may be a token.
fn estimate_max_tokens(json: &str) -> usize {
    let ascii = json.bytes().filter(u8::is_ascii).count();
    ascii / 2 + (json.len() - ascii)
}
