//! The library as MCP prompts, and the built-in prompt that reviews a session.

use std::collections::BTreeMap;

use rmcp::model::{
    CacheScope, ErrorData, GetPromptResult, JsonObject, ListPromptsResult, Prompt as ListedPrompt,
    PromptArgument, PromptMessage, Role,
};

use super::errors::{protocol_error, unknown_prompt};
use super::input::parse_texts;
use crate::domain::excerpt::Excerpt;
use crate::domain::harvest::RUBRIC;
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, Page, SealedCursor};
use crate::domain::prompt::{BUILT_IN_NAME, Prompt, PromptRef, Variable};
use crate::domain::template::Arguments;
use crate::library::{Library, LibraryError, ListOptions, SortOrder};
use crate::store::Sort;

/// What the built-in prompt does.
pub(super) const BUILT_IN_DESCRIPTION: &str = "Reviews this session for prompts worth keeping.";

/// Lists every saved prompt by name. The built-in one is first on the first page.
pub(super) async fn list_prompts(
    library: &Library,
    caller: &Principal,
    cursor: Option<String>,
) -> Result<ListPromptsResult, ErrorData> {
    let is_first_page = cursor.is_none();
    let page = list_page_by_name(library, caller, cursor).await?;
    let built_in = is_first_page.then(describe_built_in);
    let prompts = built_in.into_iter().chain(page.items.iter().map(describe_prompt)).collect();
    let mut result = ListPromptsResult::with_all_items(prompts);
    result.next_cursor = page.next.map(SealedCursor::into_string);
    // Each user has a library of their own, which no shared cache may serve to others.
    result.cache_scope = Some(CacheScope::Private);
    Ok(result)
}

/// Lists a page of the library by name.
pub(super) async fn list_page_by_name(
    library: &Library,
    caller: &Principal,
    cursor: Option<String>,
) -> Result<Page<Prompt, SealedCursor>, ErrorData> {
    let options = ListOptions {
        sort: Some(SortOrder::By(Sort::Name)),
        limit: i64::try_from(Limit::MAX.get()).ok(),
        cursor,
        ..ListOptions::default()
    };
    Ok(library.list_prompts(caller, options).await.map_err(protocol_error)?.page)
}

fn describe_prompt(prompt: &Prompt) -> ListedPrompt {
    let arguments: Vec<_> = prompt.body.variables.iter().map(describe_argument).collect();
    let arguments = Some(arguments).filter(|arguments| !arguments.is_empty());
    ListedPrompt::new(prompt.name.as_str(), Some(description_or_title(prompt)), arguments)
        .with_title(prompt.body.title.as_str())
}

fn describe_argument(variable: &Variable) -> PromptArgument {
    let argument =
        PromptArgument::new(variable.name.as_str()).with_required(variable.default.is_none());
    match &variable.description {
        Some(description) => argument.with_description(description),
        None => argument,
    }
}

fn describe_built_in() -> ListedPrompt {
    let focus = PromptArgument::new("focus")
        .with_description("What to look for in this session; everything when absent.")
        .with_required(false);
    let tag = PromptArgument::new("tag")
        .with_description("A tag for every candidate.")
        .with_required(false);
    ListedPrompt::new(BUILT_IN_NAME, Some(BUILT_IN_DESCRIPTION), Some(vec![focus, tag]))
        .with_title("Harvest this session")
}

/// Renders a prompt. Every variable without a default needs an argument.
pub(super) async fn get_prompt(
    library: &Library,
    caller: &Principal,
    name: &str,
    arguments: Option<JsonObject>,
) -> Result<GetPromptResult, ErrorData> {
    let arguments = parse_texts(arguments.unwrap_or_default()).map_err(protocol_error)?;
    let reference = PromptRef::parse(name).map_err(|_| unknown_prompt(name))?;
    if reference.is_built_in() {
        return render_built_in(&arguments);
    }
    let prompt = match library.get_prompt(caller, &reference).await {
        Err(LibraryError::NotFound(_)) => return Err(unknown_prompt(name)),
        other => other.map_err(protocol_error)?,
    };
    let given = Arguments::of(&arguments);
    let missing: Vec<&str> = prompt
        .body
        .variables
        .iter()
        .filter(|variable| variable.default.is_none())
        .filter(|variable| given.get(&variable.name).is_none())
        .map(|variable| variable.name.as_str())
        .collect();
    if !missing.is_empty() {
        let (name, missing) = (&prompt.name, missing.join(", "));
        let message = format!("Missing required arguments of {name}: {missing}");
        return Err(ErrorData::invalid_params(message, None));
    }
    let rendered = library.render_prompt(caller, &prompt, &arguments).map_err(protocol_error)?;
    let message = PromptMessage::new_text(Role::User, rendered.text);
    Ok(GetPromptResult::new(vec![message]).with_description(description_or_title(&prompt)))
}

/// The description, or the title where there is none: clients choose prompts by it.
fn description_or_title(prompt: &Prompt) -> &str {
    match prompt.body.description.as_str() {
        "" => prompt.body.title.as_str(),
        description => description,
    }
}

fn render_built_in(arguments: &BTreeMap<String, String>) -> Result<GetPromptResult, ErrorData> {
    if let Some(unknown) = arguments.keys().find(|name| !matches!(name.as_str(), "focus" | "tag")) {
        let unknown = Excerpt::new(unknown);
        let message = format!("Unknown argument of harvest: {unknown}; it takes focus and tag");
        return Err(ErrorData::invalid_params(message, None));
    }
    // Clients that ask their user for each argument send `""` for one that was passed over.
    let given =
        |name: &str| arguments.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let text = write_built_in(given("focus"), given("tag"));
    let message = PromptMessage::new_text(Role::User, text);
    Ok(GetPromptResult::new(vec![message]).with_description(BUILT_IN_DESCRIPTION))
}

/// Writes the text of the built-in prompt, which is that of the built-in skill as well.
pub(super) fn write_built_in(focus: Option<&str>, tag: Option<&str>) -> String {
    let mut text = format!(
        "Look back over this session for prompts that are worth keeping, and propose the best of \
         them, at most 8, with the tool harvest_session. {RUBRIC}"
    );
    if let Some(focus) = focus {
        text.push_str("\n\nLook above all for: ");
        text.push_str(focus);
    }
    if let Some(tag) = tag {
        text.push_str("\n\nGive each candidate the tag: ");
        text.push_str(tag);
    }
    text.push_str(
        "\n\nThen show the result to the user, with its redactions and problems, and ask which \
         candidates to keep; save those with save_prompt and their candidate_id, and drop the others with \
         reject_candidate.",
    );
    text
}
