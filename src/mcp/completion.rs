//! Completion of arguments: names and tags of the library, and the defaults of variables.

use rmcp::model::{ArgumentInfo, CompletionInfo, ErrorData, Reference};

use super::errors::{protocol_error, unknown_prompt};
use super::resources::URI_TEMPLATE;
use crate::domain::identity::Principal;
use crate::domain::prompt::{FoldedName, PromptRef};
use crate::library::{Completions, Library, LibraryError};

/// Completes the argument of a prompt or of the resource template.
pub(super) async fn complete(
    library: &Library,
    caller: &Principal,
    reference: &Reference,
    argument: &ArgumentInfo,
) -> Result<CompletionInfo, ErrorData> {
    let prefix = argument.value.as_str();
    let completions = match reference {
        Reference::Resource(resource)
            if resource.uri == URI_TEMPLATE && argument.name == "name" =>
        {
            library.complete_names(caller, prefix).await.map_err(protocol_error)?
        }
        Reference::Prompt(prompt) => {
            let name = PromptRef::parse(&prompt.name).map_err(|_| unknown_prompt(&prompt.name))?;
            match argument.name.as_str() {
                "tag" if name.is_built_in() => {
                    library.complete_tags(caller, prefix).await.map_err(protocol_error)?
                }
                _ if name.is_built_in() => Completions::default(),
                _ => complete_argument(library, caller, &name, argument).await?,
            }
        }
        Reference::Resource(_) => {
            let message = format!(
                "Unknown resource template or argument; the template is {URI_TEMPLATE}, its \
                 argument name"
            );
            return Err(ErrorData::invalid_params(message, None));
        }
        _ => Completions::default(),
    };
    let Completions { values, has_more } = completions;
    // The number of further values is not known: the library stops at the first page.
    CompletionInfo::with_pagination(values, None, has_more)
        .map_err(|error| ErrorData::internal_error(error, None))
}

/// Completes a variable of a saved prompt to its default.
///
/// The argument `name` of a prompt that does not exist completes to the names of prompts.
async fn complete_argument(
    library: &Library,
    caller: &Principal,
    name: &PromptRef,
    argument: &ArgumentInfo,
) -> Result<Completions, ErrorData> {
    let prompt = match library.get_prompt(caller, name).await {
        Err(LibraryError::NotFound(_)) if argument.name == "name" => {
            return library.complete_names(caller, &argument.value).await.map_err(protocol_error);
        }
        Err(LibraryError::NotFound(_)) => return Err(unknown_prompt(name.as_str())),
        other => other.map_err(protocol_error)?,
    };
    let spelling = FoldedName::new(argument.name.trim());
    let variables = prompt.body.variables.into_iter();
    let default = variables
        .filter(|variable| variable.name.folded() == spelling)
        .find_map(|variable| variable.default);
    let values = default.into_iter().filter(|text| text.starts_with(&argument.value)).collect();
    Ok(Completions { values, has_more: false })
}
