//! The tool `list_versions`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::lookup::{get_deleted_or_suggest, parse_name_or_id};
use super::summary::{Summary, take_within_budget};
use super::tool::{Effect, Reply, Tool};
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, SealedCursor};
use crate::domain::prompt::{PromptRef, Version};
use crate::error::ApiError;
use crate::library::Library;

/// Lists the history of a prompt, a page at a time.
pub(super) struct ListVersions;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListVersionsInput {
    /// The prompt's name.
    name: Option<String>,
    /// The prompt's id, instead of its name.
    id: Option<String>,
    /// Maximum number of versions to return; 20 when absent.
    #[schemars(range(min = 1, max = Limit::MAX.get()))]
    limit: Option<i64>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ListVersionsOutput {
    /// The newest first.
    versions: Vec<VersionSummary>,
    /// Pass it as cursor for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A version without its content.
#[derive(Serialize, JsonSchema)]
struct VersionSummary {
    version: u32,
    /// When it was saved, in RFC 3339.
    created_at: String,
    /// The client that saved it.
    source: String,
    title: String,
}

impl From<Version> for VersionSummary {
    fn from(version: Version) -> Self {
        let Version { version, body, source, created_at } = version;
        Self { version, created_at: created_at.to_string(), source, title: body.title.to_string() }
    }
}

impl Summary for VersionSummary {
    fn to_line(&self) -> String {
        let Self { version, created_at, source, title } = self;
        format!("{version}: {title} ({created_at}, {source})")
    }
}

impl Tool for ListVersions {
    const NAME: &'static str = "list_versions";
    const TITLE: &'static str = "List the versions of a prompt";
    const DESCRIPTION: &'static str = "Lists the versions of a saved prompt, the newest first, \
        without their contents. Use this when the user asks for a prompt's history, or wants an \
        earlier version: get_prompt reads one, restore_prompt brings it back.";
    const EFFECT: Effect = Effect::Read;

    type Input = ListVersionsInput;
    type Output = ListVersionsOutput;

    async fn call(
        library: &Library,
        caller: &Principal,
        input: ListVersionsInput,
    ) -> Result<Reply<ListVersionsOutput>, ApiError> {
        let ListVersionsInput { name, id, mut limit, cursor } = input;
        let prompt = parse_name_or_id(name, id)?;
        let prompt = get_deleted_or_suggest(library, caller, &prompt).await?;
        let id = PromptRef::Id(prompt.id);
        let (versions, next) = loop {
            let page = library.list_versions(caller, &id, limit, cursor.clone()).await?;
            let found = page.items.len();
            let versions = take_within_budget(page.items.into_iter().map(VersionSummary::from));
            if versions.len() == found {
                break (versions, page.next);
            }
            // As in a list of prompts: the cursor must continue right after the last version.
            limit = i64::try_from(versions.len()).ok();
        };
        let mut lines = vec![format!("Versions of {}:", prompt.name)];
        lines.extend(versions.iter().map(VersionSummary::to_line));
        let next_cursor = next.map(SealedCursor::into_string);
        if let Some(cursor) = &next_cursor {
            lines.push(format!("More with cursor {cursor}"));
        }
        Ok(Reply::new(lines.join("\n"), ListVersionsOutput { versions, next_cursor }))
    }
}
