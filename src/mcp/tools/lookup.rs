//! Finding the prompt or candidate that a tool's arguments name.

use crate::domain::FieldError;
use crate::domain::candidate::CandidateId;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Prompt, PromptId, PromptRef};
use crate::error::ApiError;
use crate::library::{Library, LibraryError, ListOptions};

/// Maximum number of names that the error of an unknown name suggests.
const SUGGESTIONS_MAX: usize = 3;

/// Parses the argument `name`.
pub(super) fn parse_name(text: &str) -> Result<PromptRef, FieldError> {
    PromptRef::parse(text).map_err(|fault| FieldError::new("name", fault))
}

/// Parses the argument `id`.
pub(super) fn parse_id(text: &str) -> Result<PromptRef, FieldError> {
    let message = "is not a prompt id; pass an id from list_prompts, or a name";
    PromptId::parse(text).map(PromptRef::Id).ok_or_else(|| FieldError::new("id", message))
}

/// Parses the arguments of a tool that takes either a `name` or an `id`.
pub(super) fn parse_name_or_id(
    name: Option<String>,
    id: Option<String>,
) -> Result<PromptRef, FieldError> {
    match (name, id) {
        (Some(name), None) => parse_name(&name),
        (None, Some(id)) => parse_id(&id),
        _ => Err(FieldError::new("name", "pass either name or id")),
    }
}

/// Parses the argument `candidate_id`.
pub(super) fn parse_candidate_id(text: &str) -> Result<CandidateId, FieldError> {
    let message =
        "is not a candidate id; pass one that harvest_session or list_candidates returned";
    CandidateId::parse(text).ok_or_else(|| FieldError::new("candidate_id", message))
}

/// Returns the prompt. The error of an unknown name says that it was deleted, or suggests similar
/// names.
pub(super) async fn get_or_suggest(
    library: &Library,
    caller: &Principal,
    prompt: &PromptRef,
) -> Result<Prompt, ApiError> {
    let not_found = match library.get_prompt(caller, prompt).await {
        Err(LibraryError::NotFound(detail)) => detail,
        other => return Ok(other?),
    };
    let advice = match library.get_living_or_deleted(caller, prompt).await {
        Ok(_) => "it was deleted, and restore_prompt brings it back".to_owned(),
        Err(LibraryError::NotFound(_)) => suggest_names(library, caller, prompt).await?,
        Err(error) => return Err(error.into()),
    };
    Err(ApiError::NotFound(format!("{not_found}; {advice}")))
}

/// Returns the prompt even if it was deleted, as long as it can be restored. The error of an unknown
/// name suggests similar names.
pub(super) async fn get_deleted_or_suggest(
    library: &Library,
    caller: &Principal,
    prompt: &PromptRef,
) -> Result<Prompt, ApiError> {
    match library.get_living_or_deleted(caller, prompt).await {
        Err(LibraryError::NotFound(detail)) => {
            let advice = suggest_names(library, caller, prompt).await?;
            let deleted = "list_prompts with deleted: true returns those that can be restored";
            Err(ApiError::NotFound(format!("{detail}; {advice}; {deleted}")))
        }
        other => Ok(other?),
    }
}

/// Names prompts similar to an unknown one.
async fn suggest_names(
    library: &Library,
    caller: &Principal,
    prompt: &PromptRef,
) -> Result<String, LibraryError> {
    if let PromptRef::Name(name) = prompt {
        let options = ListOptions { query: Some(name.to_string()), ..ListOptions::default() };
        let similar = library.list_prompts(caller, options).await?.page.items;
        let names: Vec<&str> =
            similar.iter().take(SUGGESTIONS_MAX).map(|prompt| prompt.name.as_str()).collect();
        if !names.is_empty() {
            return Ok(format!("similar names: {}", names.join(", ")));
        }
    }
    Ok("list_prompts returns every saved prompt".to_owned())
}
