//! The library as MCP prompts, resources and completions.

use std::collections::BTreeMap;

use rmcp::model::{
    ArgumentInfo, CacheScope, CompletionInfo, ErrorData, GetPromptResult, JsonObject,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, Prompt as PromptEntry,
    PromptArgument, PromptMessage, ReadResourceResult, Reference, Resource, ResourceContents,
    ResourceTemplate, Role,
};
use serde_json::Value;

use crate::domain::harvest::RUBRIC;
use crate::domain::identity::Principal;
use crate::domain::paging::{Cursor, Limit, Page};
use crate::domain::prompt::{BUILT_IN_NAME, Prompt, PromptRef, Variable};
use crate::domain::transfer::markdown;
use crate::error::ApiError;
use crate::library::{Completions, Library, LibraryError, ListOptions, SortOrder};
use crate::store::Sort;

const URI_PREFIX: &str = "promptdb://prompts/";
const URI_TEMPLATE: &str = "promptdb://prompts/{name}";
const MARKDOWN: &str = "text/markdown";

type Outcome<T> = Result<T, ErrorData>;

/// Every saved prompt, by name; the built-in one stands first.
pub(super) async fn list_prompts(
    library: &Library,
    caller: &Principal,
    cursor: Option<String>,
) -> Outcome<ListPromptsResult> {
    let is_first = cursor.is_none();
    let page = page_by_name(library, caller, cursor).await?;
    let built_in = is_first.then(built_in_entry);
    let prompts = built_in.into_iter().chain(page.items.iter().map(prompt_entry)).collect();
    let mut result = ListPromptsResult::with_all_items(prompts);
    result.next_cursor = page.next.map(Cursor::into_string);
    result.cache_scope = Some(CacheScope::Private);
    Ok(result)
}

fn prompt_entry(prompt: &Prompt) -> PromptEntry {
    let argument = |variable: &Variable| {
        let argument =
            PromptArgument::new(variable.name.as_str()).with_required(variable.default.is_none());
        match &variable.description {
            Some(description) => argument.with_description(description),
            None => argument,
        }
    };
    let arguments: Vec<_> = prompt.body.variables.iter().map(argument).collect();
    let arguments = Some(arguments).filter(|arguments| !arguments.is_empty());
    PromptEntry::new(prompt.name.as_str(), Some(description(prompt)), arguments)
        .with_title(prompt.body.title.as_str())
}

fn built_in_entry() -> PromptEntry {
    let focus = PromptArgument::new("focus")
        .with_description("What to look for in this session; everything when absent.")
        .with_required(false);
    let tag = PromptArgument::new("tag")
        .with_description("A tag for what is found.")
        .with_required(false);
    let description = "Reviews this session for prompts worth keeping.";
    PromptEntry::new(BUILT_IN_NAME, Some(description), Some(vec![focus, tag]))
        .with_title("Harvest this session")
}

/// A prompt with its variables filled in; every variable without a default needs an argument.
pub(super) async fn get_prompt(
    library: &Library,
    caller: &Principal,
    name: &str,
    arguments: Option<JsonObject>,
) -> Outcome<GetPromptResult> {
    let arguments = text_arguments(arguments.unwrap_or_default())?;
    if name == BUILT_IN_NAME {
        return get_built_in(&arguments);
    }
    let reference = PromptRef::parse(name).map_err(|_| unknown_prompt(name))?;
    let prompt = match library.get_prompt(caller, &reference).await {
        Err(LibraryError::NotFound(_)) => return Err(unknown_prompt(name)),
        other => other.map_err(protocol_error)?,
    };
    let missing: Vec<&str> = prompt
        .body
        .variables
        .iter()
        .filter(|variable| variable.default.is_none())
        .map(|variable| variable.name.as_str())
        .filter(|name| !arguments.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        let message = format!("Missing required arguments of {name}: {}", missing.join(", "));
        return Err(ErrorData::invalid_params(message, None));
    }
    let rendered = library.render_prompt(caller, &prompt, &arguments).map_err(protocol_error)?;
    let message = PromptMessage::new_text(Role::User, rendered.text);
    Ok(GetPromptResult::new(vec![message]).with_description(description(&prompt)))
}

/// What a prompt is for; clients that want to be told are told its title rather than nothing.
fn description(prompt: &Prompt) -> &str {
    match prompt.body.description.as_str() {
        "" => prompt.body.title.as_str(),
        description => description,
    }
}

fn get_built_in(arguments: &BTreeMap<String, String>) -> Outcome<GetPromptResult> {
    if let Some(unknown) = arguments.keys().find(|name| !matches!(name.as_str(), "focus" | "tag")) {
        let message = format!("Unknown argument of harvest: {unknown}; it has focus, tag");
        return Err(ErrorData::invalid_params(message, None));
    }
    let mut text = format!(
        "Look back over this session for prompts that are worth keeping, and propose the best of \
         them, at most 8, with the tool harvest_session. {RUBRIC}"
    );
    if let Some(focus) = arguments.get("focus") {
        text.push_str("\n\nLook above all for: ");
        text.push_str(focus);
    }
    if let Some(tag) = arguments.get("tag") {
        text.push_str("\n\nGive each candidate the tag: ");
        text.push_str(tag);
    }
    text.push_str(
        "\n\nThen show what came back, with its redactions and problems, and ask which of them to \
         keep; save those with save_prompt and their candidate_id.",
    );
    let message = PromptMessage::new_text(Role::User, text);
    Ok(GetPromptResult::new(vec![message])
        .with_description("Reviews this session for prompts worth keeping."))
}

/// Every saved prompt as a Markdown file, by name.
pub(super) async fn list_resources(
    library: &Library,
    caller: &Principal,
    cursor: Option<String>,
) -> Outcome<ListResourcesResult> {
    let page = page_by_name(library, caller, cursor).await?;
    let resource = |prompt: &Prompt| {
        let resource = Resource::new(format!("{URI_PREFIX}{}", prompt.name), prompt.name.as_str())
            .with_title(prompt.body.title.as_str())
            .with_mime_type(MARKDOWN);
        match prompt.body.description.as_str() {
            "" => resource,
            description => resource.with_description(description),
        }
    };
    let mut result = ListResourcesResult::with_all_items(page.items.iter().map(resource).collect());
    result.next_cursor = page.next.map(Cursor::into_string);
    result.cache_scope = Some(CacheScope::Private);
    Ok(result)
}

pub(super) fn list_resource_templates() -> ListResourceTemplatesResult {
    let template = ResourceTemplate::new(URI_TEMPLATE, "prompt")
        .with_title("A saved prompt")
        .with_description("A prompt by its name, as Markdown with front matter.")
        .with_mime_type(MARKDOWN);
    let mut result = ListResourceTemplatesResult::with_all_items(vec![template]);
    result.cache_scope = Some(CacheScope::Public);
    result
}

/// A prompt as Markdown, its variables as they stand.
pub(super) async fn read_resource(
    library: &Library,
    caller: &Principal,
    uri: &str,
) -> Outcome<ReadResourceResult> {
    let unknown = || {
        let message = format!("Resource not found: {uri}; prompts are at {URI_TEMPLATE}");
        ErrorData::resource_not_found(message, Some(serde_json::json!({ "uri": uri })))
    };
    let name = uri.strip_prefix(URI_PREFIX).ok_or_else(unknown)?;
    let reference = PromptRef::parse(name).map_err(|_| unknown())?;
    let prompt = match library.get_prompt(caller, &reference).await {
        Err(LibraryError::NotFound(_)) => return Err(unknown()),
        other => other.map_err(protocol_error)?,
    };
    let contents = ResourceContents::text(markdown::write(&prompt), uri).with_mime_type(MARKDOWN);
    let mut result = ReadResourceResult::new(vec![contents]);
    result.cache_scope = Some(CacheScope::Private);
    Ok(result)
}

/// Names, tags, and the defaults of variables that begin with what was typed.
pub(super) async fn complete(
    library: &Library,
    caller: &Principal,
    reference: &Reference,
    argument: &ArgumentInfo,
) -> Outcome<CompletionInfo> {
    let typed = argument.value.as_str();
    let completions = match reference {
        Reference::Resource(resource)
            if resource.uri == URI_TEMPLATE && argument.name == "name" =>
        {
            library.complete_names(caller, typed).await.map_err(protocol_error)?
        }
        Reference::Prompt(prompt) if prompt.name == BUILT_IN_NAME => match argument.name.as_str() {
            "tag" => library.complete_tags(caller, typed).await.map_err(protocol_error)?,
            _ => Completions::default(),
        },
        Reference::Prompt(prompt) => {
            complete_argument(library, caller, &prompt.name, argument).await?
        }
        Reference::Resource(_) => {
            let message = format!("Unknown resource template or argument; there is {URI_TEMPLATE}");
            return Err(ErrorData::invalid_params(message, None));
        }
        _ => Completions::default(),
    };
    let Completions { values, has_more } = completions;
    CompletionInfo::with_pagination(values, None, has_more)
        .map_err(|error| ErrorData::internal_error(error, None))
}

/// A variable completes to its default; a prompt that is not there completes its own name.
async fn complete_argument(
    library: &Library,
    caller: &Principal,
    name: &str,
    argument: &ArgumentInfo,
) -> Outcome<Completions> {
    let reference = PromptRef::parse(name).map_err(|_| unknown_prompt(name))?;
    let prompt = match library.get_prompt(caller, &reference).await {
        Err(LibraryError::NotFound(_)) if argument.name == "name" => {
            return library.complete_names(caller, &argument.value).await.map_err(protocol_error);
        }
        Err(LibraryError::NotFound(_)) => return Err(unknown_prompt(name)),
        other => other.map_err(protocol_error)?,
    };
    let variable = prompt.body.variables.into_iter().find(|v| v.name.as_str() == argument.name);
    let default = variable.and_then(|variable| variable.default);
    let values = default.into_iter().filter(|text| text.starts_with(&argument.value)).collect();
    Ok(Completions { values, has_more: false })
}

async fn page_by_name(
    library: &Library,
    caller: &Principal,
    cursor: Option<String>,
) -> Outcome<Page<Prompt>> {
    let options = ListOptions {
        sort: Some(SortOrder::By(Sort::Name)),
        limit: i64::try_from(Limit::MAX.get()).ok(),
        cursor,
        ..ListOptions::default()
    };
    Ok(library.list_prompts(caller, options).await.map_err(protocol_error)?.page)
}

/// MCP prompt arguments are text.
fn text_arguments(arguments: JsonObject) -> Outcome<BTreeMap<String, String>> {
    let text = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        _ => Err(ErrorData::invalid_params(format!("The argument {name} must be a string"), None)),
    };
    arguments.into_iter().map(text).collect()
}

fn unknown_prompt(name: &str) -> ErrorData {
    ErrorData::invalid_params(format!("Unknown prompt: {name}; prompts/list shows all"), None)
}

/// A failure where the protocol knows no result that says so.
pub(super) fn protocol_error(error: impl Into<ApiError>) -> ErrorData {
    let error = error.into();
    let message = error.tool_message();
    match error {
        ApiError::Invalid(_) | ApiError::NotFound(_) => ErrorData::invalid_params(message, None),
        _ => ErrorData::internal_error(message, None),
    }
}
