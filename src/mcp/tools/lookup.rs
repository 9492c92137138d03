//! Finding the prompt that a tool's arguments name.

use crate::domain::FieldError;
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

/// Returns the prompt. The error of an unknown name suggests similar names.
pub(super) async fn get_or_suggest(
    library: &Library,
    caller: &Principal,
    prompt: &PromptRef,
) -> Result<Prompt, ApiError> {
    let not_found = match library.get_prompt(caller, prompt).await {
        Err(LibraryError::NotFound(detail)) => detail,
        other => return Ok(other?),
    };
    let mut advice = "list_prompts returns every saved prompt".to_owned();
    if let PromptRef::Name(name) = prompt {
        let options = ListOptions { query: Some(name.to_string()), ..ListOptions::default() };
        let similar = library.list_prompts(caller, options).await?.page.items;
        let names: Vec<&str> =
            similar.iter().take(SUGGESTIONS_MAX).map(|prompt| prompt.name.as_str()).collect();
        if !names.is_empty() {
            advice = format!("similar names: {}", names.join(", "));
        }
    }
    Err(ApiError::NotFound(format!("{not_found}; {advice}")))
}
