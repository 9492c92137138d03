//! The MCP resources: every saved prompt as a Markdown file, and the widget.

use percent_encoding::percent_decode_str;
use rmcp::model::{
    CacheScope, ErrorData, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult,
    Resource, ResourceContents, ResourceTemplate,
};

use super::apps;
use super::errors::protocol_error;
use super::prompts::list_page_by_name;
use super::skills;
use crate::domain::excerpt::Excerpt;
use crate::domain::identity::Principal;
use crate::domain::paging::SealedCursor;
use crate::domain::prompt::{Prompt, PromptRef};
use crate::domain::transfer::markdown;
use crate::library::{Library, LibraryError};

const URI_PREFIX: &str = "promptdb://prompts/";
/// The template of the resources' URIs (RFC 6570).
pub(super) const URI_TEMPLATE: &str = "promptdb://prompts/{name}";
/// The media type of the contents (RFC 7763).
pub(super) const MARKDOWN: &str = "text/markdown";

/// Lists every saved prompt by name. The widget is first on the first page.
pub(super) async fn list_resources(
    library: &Library,
    caller: &Principal,
    cursor: Option<String>,
) -> Result<ListResourcesResult, ErrorData> {
    let is_first_page = cursor.is_none();
    let page = list_page_by_name(library, caller, cursor).await?;
    let widget = is_first_page.then(|| apps::describe_widget(library.public_url())).flatten();
    let resources = widget.into_iter().chain(page.items.iter().map(describe_resource)).collect();
    let mut result = ListResourcesResult::with_all_items(resources);
    result.next_cursor = page.next.map(SealedCursor::into_string);
    // Each user has a library of their own, which no shared cache may serve to others.
    result.cache_scope = Some(CacheScope::Private);
    Ok(result)
}

fn describe_resource(prompt: &Prompt) -> Resource {
    let resource = Resource::new(format!("{URI_PREFIX}{}", prompt.name), prompt.name.as_str())
        .with_title(prompt.body.title.as_str())
        .with_mime_type(MARKDOWN);
    match prompt.body.description.as_str() {
        "" => resource,
        description => resource.with_description(description),
    }
}

/// Lists the one template, which is the same for all users.
pub(super) fn list_resource_templates() -> ListResourceTemplatesResult {
    let template = ResourceTemplate::new(URI_TEMPLATE, "prompt")
        .with_title("A saved prompt")
        .with_description("A prompt by its name, as Markdown with front matter.")
        .with_mime_type(MARKDOWN);
    let mut result = ListResourceTemplatesResult::with_all_items(vec![template]);
    result.cache_scope = Some(CacheScope::Public);
    result
}

/// Reads the widget, the file of a skill, or a prompt as Markdown. Its variables are not filled in.
pub(super) async fn read_resource(
    library: &Library,
    caller: &Principal,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    if let Some(result) = apps::read_widget(uri, library.public_url()) {
        return Ok(result);
    }
    if uri.starts_with(skills::URI_PREFIX) {
        return skills::read_file(library, caller, uri).await;
    }
    let name = uri.strip_prefix(URI_PREFIX).ok_or_else(|| unknown_resource(uri))?;
    // RFC 3986, section 2.1. Octets that are not UTF-8 name no prompt.
    let name = percent_decode_str(name).decode_utf8().map_err(|_| unknown_resource(uri))?;
    let reference = PromptRef::parse(&name).map_err(|_| unknown_resource(uri))?;
    let prompt = match library.get_prompt(caller, &reference).await {
        Err(LibraryError::NotFound(_)) => return Err(unknown_resource(uri)),
        other => other.map_err(protocol_error)?,
    };
    let contents = ResourceContents::text(markdown::write(&prompt), uri).with_mime_type(MARKDOWN);
    let mut result = ReadResourceResult::new(vec![contents]);
    result.cache_scope = Some(CacheScope::Private);
    Ok(result)
}

/// The error of a URI without a resource (MCP 2025-11-25, server/resources, "Error Handling").
fn unknown_resource(uri: &str) -> ErrorData {
    let uri = Excerpt::new(uri);
    let message = format!("Resource not found: {uri}; prompts are at {URI_TEMPLATE}");
    ErrorData::resource_not_found(message, Some(serde_json::json!({ "uri": uri.as_str() })))
}
