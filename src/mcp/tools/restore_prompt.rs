//! The tool `restore_prompt`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lookup::{get_deleted_or_suggest, parse_name_or_id};
use super::tool::{Effect, Reply, Tool};
use crate::domain::identity::Principal;
use crate::domain::prompt::{Prompt, PromptRef};
use crate::error::ApiError;
use crate::library::{Library, RestoredPrompt, SaveOptions};

/// Undoes a deletion, saves an old version again as the newest, or both.
pub(super) struct RestorePrompt;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestorePromptInput {
    /// The prompt's name.
    name: Option<String>,
    /// The prompt's id, instead of its name.
    id: Option<String>,
    /// The version to save again; when absent, only a deletion is undone.
    #[schemars(range(min = 1))]
    version: Option<u32>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct RestorePromptOutput {
    id: String,
    name: String,
    /// The version that is current now.
    version: u32,
    /// What stays plain text although it looks like a placeholder, and what was left out.
    notes: Vec<String>,
    /// Why nothing changed, and what would change something.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Tool for RestorePrompt {
    const NAME: &'static str = "restore_prompt";
    const TITLE: &'static str = "Restore a prompt";
    const DESCRIPTION: &'static str = "Undoes the deletion of a prompt or, with version, saves an \
        earlier version again as the newest one; no version is lost. Use this when the user wants \
        to undo a deletion or a change. list_prompts with deleted: true lists what can be \
        restored; list_versions lists the versions.";
    const EFFECT: Effect = Effect::Add;

    type Input = RestorePromptInput;
    type Output = RestorePromptOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: RestorePromptInput,
    ) -> Result<Reply<RestorePromptOutput>, ApiError> {
        let prompt = parse_name_or_id(input.name, input.id)?;
        let before = get_deleted_or_suggest(library, caller, &prompt).await?;
        let id = PromptRef::Id(before.id.clone());
        let restored = library.restore_prompt(caller, &id, input.version, SaveOptions::default());
        let RestoredPrompt { prompt: restored, notes } = restored.await?;
        let changed = before.deleted_at.is_some() || restored.version != before.version;
        let hint = (!changed).then(|| explain_unchanged(&before, input.version));
        let output = RestorePromptOutput {
            id: restored.id.to_string(),
            name: restored.name.to_string(),
            version: restored.version,
            notes,
            hint,
        };
        let first = match &output.hint {
            None => format!("Restored {} (version {}).", output.name, output.version),
            Some(hint) => hint.clone(),
        };
        let lines: Vec<&str> =
            std::iter::once(&first).chain(&output.notes).map(String::as_str).collect();
        Ok(Reply::new(lines.join("\n"), output))
    }
}

fn explain_unchanged(prompt: &Prompt, version: Option<u32>) -> String {
    let (name, current) = (&prompt.name, prompt.version);
    match version {
        Some(version) => format!(
            "Nothing changed: {name} already has the text of version {version}, at version {current}."
        ),
        None => format!(
            "Nothing changed: {name} is not deleted, and no version was passed. list_versions returns \
             its versions, list_prompts with deleted: true the deleted prompts."
        ),
    }
}
