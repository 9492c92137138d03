//! The tool `delete_prompt`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lookup::{get_or_suggest, parse_name_or_id};
use super::tool::{Effect, Reply, Tool};
use crate::domain::identity::Principal;
use crate::domain::prompt::{PromptRef, RESTORABLE_DAYS};
use crate::error::ApiError;
use crate::library::Library;

/// Deletes a prompt; `restore_prompt` can restore it for [`RESTORABLE_DAYS`].
pub(super) struct DeletePrompt;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeletePromptInput {
    /// The prompt's name.
    name: Option<String>,
    /// The prompt's id, instead of its name.
    id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct DeletePromptOutput {
    id: String,
    name: String,
    /// Until when it can be restored, in RFC 3339.
    restorable_until: String,
}

impl Tool for DeletePrompt {
    const NAME: &'static str = "delete_prompt";
    const TITLE: &'static str = "Delete a prompt";
    const DESCRIPTION: &'static str = "Deletes a prompt from the user's library; restore_prompt can \
        bring it back for 30 days. Use this when the user asks for a saved prompt to be removed.";
    const EFFECT: Effect = Effect::Remove;

    type Input = DeletePromptInput;
    type Output = DeletePromptOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: DeletePromptInput,
    ) -> Result<Reply<DeletePromptOutput>, ApiError> {
        let prompt = parse_name_or_id(input.name, input.id)?;
        // The lookup suggests names for an unknown one, which the deletion does not.
        let id = get_or_suggest(library, caller, &prompt).await?.id;
        let deleted = library.delete_prompt(caller, &PromptRef::Id(id), None, None).await?;
        let until = deleted.deleted_at.map(|at| at.plus_days(RESTORABLE_DAYS));
        let output = DeletePromptOutput {
            id: deleted.id.to_string(),
            name: deleted.name.to_string(),
            restorable_until: until.map(|until| until.to_string()).unwrap_or_default(),
        };
        let text = format!(
            "Deleted {}; restore_prompt can bring it back until {}.",
            output.name, output.restorable_until
        );
        Ok(Reply::new(text, output))
    }
}
