//! Completion of arguments: names and tags of the library, and the defaults of variables.

use rmcp::model::{ArgumentInfo, CompletionInfo, ErrorData, Reference};

use super::errors::{protocol_error, unknown_prompt};
use super::resources::URI_TEMPLATE;
use crate::domain::identity::Principal;
use crate::domain::prompt::{BUILT_IN_NAME, PromptRef};
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
        Reference::Prompt(prompt) if prompt.name == BUILT_IN_NAME => match argument.name.as_str() {
            "tag" => library.complete_tags(caller, prefix).await.map_err(protocol_error)?,
            _ => Completions::default(),
        },
        Reference::Prompt(prompt) => {
            complete_argument(library, caller, &prompt.name, argument).await?
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
    name: &str,
    argument: &ArgumentInfo,
) -> Result<Completions, ErrorData> {
    let reference = PromptRef::parse(name).map_err(|_| unknown_prompt(name))?;
    let prompt = match library.get_prompt(caller, &reference).await {
        Err(LibraryError::NotFound(_)) if argument.name == "name" => {
            return library.complete_names(caller, &argument.value).await.map_err(protocol_error);
        }
        Err(LibraryError::NotFound(_)) => return Err(unknown_prompt(name)),
        other => other.map_err(protocol_error)?,
    };
    let variables = prompt.body.variables.into_iter();
    let default = variables
        .filter(|variable| variable.name.as_str() == argument.name)
        .find_map(|variable| variable.default);
    let values = default.into_iter().filter(|text| text.starts_with(&argument.value)).collect();
    Ok(Completions { values, has_more: false })
}
