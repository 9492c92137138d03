//! The tool `save_prompt`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lookup::{get_or_suggest, parse_candidate_id, parse_name_or_id};
use super::tool::{Effect, Reply, Tool};
use crate::domain::draft::Draft;
use crate::domain::identity::Principal;
use crate::domain::prompt::{
    CONTENT_MAX_BYTES, DESCRIPTION_MAX_CHARS, TAGS_MAX, TITLE_MAX_CHARS, VARIABLES_MAX,
};
use crate::domain::similarity::Verdict;
use crate::error::ApiError;
use crate::library::{Library, SaveOptions, SavedPrompt};
use crate::rest::prompts::{SimilarResponse, VariableRequest, VariableResponse, draft_variables};

/// Saves a prompt, a version of one, or a reviewed candidate.
pub(super) struct SavePrompt;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SavePromptInput {
    /// The text of the prompt, at most 65,536 bytes, with {{name}} wherever a value is filled in; a
    /// name is letters of any script, digits, _ and -. Absent, a saved prompt or candidate keeps its
    /// text.
    #[schemars(length(max = CONTENT_MAX_BYTES))]
    content: Option<String>,
    /// A short title, at most 120 characters.
    #[schemars(length(max = TITLE_MAX_CHARS))]
    title: Option<String>,
    /// A unique name, kept as a-z, 0-9 and -, at most 64 characters; made from the title when absent.
    /// A saved prompt of this name is changed, and absent fields stay.
    name: Option<String>,
    /// The id of the saved prompt to change, instead of its name.
    id: Option<String>,
    /// What the prompt is for, at most 1,024 characters.
    #[schemars(length(min = 0, max = DESCRIPTION_MAX_CHARS))]
    description: Option<String>,
    /// At most 10 topics, each kept as a-z, 0-9 and -, at most 32 characters.
    #[schemars(length(max = TAGS_MAX))]
    tags: Option<Vec<String>>,
    /// Descriptions and defaults for the variables in the content.
    #[schemars(length(max = VARIABLES_MAX))]
    variables: Option<Vec<VariableRequest>>,
    /// Whether it is a favorite; alone, this needs no `expected_version` and creates no version.
    favorite: Option<bool>,
    /// To save over an existing prompt: its current version, as it was read.
    #[schemars(range(min = 1))]
    expected_version: Option<u32>,
    /// A candidate of `harvest_session` to save as it was reviewed; other fields change it.
    candidate_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SavePromptOutput {
    id: String,
    name: String,
    version: u32,
    /// Whether the prompt is new, rather than a new version.
    created: bool,
    /// The variables in its content.
    variables: Vec<VariableResponse>,
    /// What stays plain text although it looks like a placeholder, and what was left out.
    notes: Vec<String>,
    /// At most three saved prompts that it resembles, the closest first.
    similar: Vec<SimilarResponse>,
}

impl Tool for SavePrompt {
    const NAME: &'static str = "save_prompt";
    const TITLE: &'static str = "Save a prompt";
    const DESCRIPTION: &'static str = "Saves a prompt to the user's library, or a new version of a \
        saved one; earlier versions are kept. Use this when the user wants to keep or change a \
        prompt, mark it as a favorite, or keep a candidate of harvest_session. Returns similar \
        prompts that already exist.";
    const EFFECT: Effect = Effect::Add;

    type Input = SavePromptInput;
    type Output = SavePromptOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        mut input: SavePromptInput,
    ) -> Result<Reply<SavePromptOutput>, ApiError> {
        if let Some(id) = input.id.take() {
            let prompt = parse_name_or_id(input.name.take(), Some(id))?;
            let prompt = get_or_suggest(library, caller, &prompt).await?;
            input.name = Some(prompt.name.to_string());
        }
        let SavePromptInput { favorite, expected_version, .. } = input;
        let options = SaveOptions { favorite, expected_version, ..SaveOptions::default() };
        let saved = match &input.candidate_id {
            None => library.save_by_name(caller, input.into(), options).await?,
            Some(id) => {
                let id = parse_candidate_id(id)?;
                library.accept_candidate(caller, &id, input.into(), options).await?
            }
        };
        let (name, version) = (&saved.prompt.name, saved.prompt.version);
        let mut lines = vec![format!("Saved {name} (version {version}).")];
        if !saved.prompt.body.variables.is_empty() {
            let names = saved.prompt.body.variables.iter().map(|variable| variable.name.as_str());
            lines.push(format!("Its variables: {}.", names.collect::<Vec<_>>().join(", ")));
        }
        lines.extend(saved.notes.iter().cloned());
        for similar in &saved.similar {
            lines.push(match similar.verdict {
                Verdict::Related => format!("It is related to {similar}."),
                verdict => format!("It is a {} of {similar}.", verdict.as_str()),
            });
        }
        Ok(Reply::new(lines.join("\n"), saved.into()))
    }
}

impl From<SavePromptInput> for Draft {
    fn from(input: SavePromptInput) -> Self {
        Self {
            name: input.name,
            title: input.title,
            description: input.description,
            content: input.content,
            tags: input.tags,
            variables: draft_variables(input.variables),
        }
    }
}

impl From<SavedPrompt> for SavePromptOutput {
    fn from(saved: SavedPrompt) -> Self {
        Self {
            id: saved.prompt.id.to_string(),
            name: saved.prompt.name.to_string(),
            version: saved.prompt.version,
            created: saved.created,
            variables: saved.prompt.body.variables,
            notes: saved.notes,
            similar: saved.similar.into_iter().map(SimilarResponse::from).collect(),
        }
    }
}
