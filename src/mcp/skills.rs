//! Skills over MCP (SEP-2640, extension `io.modelcontextprotocol/skills`): the built-in skill, and the
//! prompts that their owner made skills.
//!
//! A skill has the one file `SKILL.md`. It is at `skill://NAME/SKILL.md`, where NAME is that of the
//! prompt. The last segment before the file must be the name of the skill, which differs where Agent
//! Skills do not allow the prompt's name: such a prompt is at `skill://NAME/SKILL-NAME/SKILL.md`. So no
//! two skills have one address, and no prompt has that of the built-in one.

use rmcp::model::{
    CacheScope, ErrorData, GetSkillResult, ListSkillsResult, ReadResourceResult, ResourceContents,
    Skill as SkillEntry, SkillFrontmatter, SkillResource, SkillResources,
};
use serde_json::json;

use super::errors::protocol_error;
use super::prompts::{BUILT_IN_DESCRIPTION, write_built_in};
use super::resources::MARKDOWN;
use crate::domain::excerpt::Excerpt;
use crate::domain::identity::Principal;
use crate::domain::paging::SealedCursor;
use crate::domain::prompt::{BUILT_IN_NAME, Prompt};
use crate::domain::transfer::skill_md::{SKILL_MD, Skill};
use crate::library::Library;

/// What the addresses of skills begin with.
pub(super) const URI_PREFIX: &str = "skill://";

/// A skill at its address.
struct Served {
    uri: String,
    skill: Skill,
}

impl Served {
    /// The built-in skill: the text of the built-in prompt.
    fn built_in() -> Self {
        let description = format!(
            "{BUILT_IN_DESCRIPTION} Use this when the user wants to find reusable prompts in this \
             chat, or to keep what worked."
        );
        let skill = Skill::new(BUILT_IN_NAME.to_owned(), description, &write_built_in(None, None));
        Self { uri: format!("{URI_PREFIX}{BUILT_IN_NAME}/{SKILL_MD}"), skill }
    }

    fn of_prompt(prompt: &Prompt) -> Self {
        let (prompt_name, skill) = (prompt.name.as_str(), Skill::of_prompt(prompt));
        let path = if skill.name == prompt_name {
            prompt_name.to_owned()
        } else {
            format!("{prompt_name}/{}", skill.name)
        };
        Self { uri: format!("{URI_PREFIX}{path}/{SKILL_MD}"), skill }
    }

    /// Finds the skill of the caller at an address, which must be spelled as `skills/list` spells it.
    async fn find(
        library: &Library,
        caller: &Principal,
        uri: &str,
    ) -> Result<Option<Self>, ErrorData> {
        let built_in = Self::built_in();
        if uri == built_in.uri {
            return Ok(Some(built_in));
        }
        let Some(path) = uri.strip_prefix(URI_PREFIX) else { return Ok(None) };
        let name = path.split('/').next().unwrap_or_default();
        let prompt = library.find_skill(caller, name).await.map_err(protocol_error)?;
        Ok(prompt.as_ref().map(Self::of_prompt).filter(|served| served.uri == uri))
    }

    /// Describes the skill: its front matter, and the size and digest of its file.
    fn describe(self) -> SkillEntry {
        let Self { uri, skill: Skill { name, description, text } } = self;
        let file = SkillResource::from_bytes(uri.as_str(), text.as_bytes());
        let front_matter = SkillFrontmatter::new(name, description);
        SkillEntry::new(uri, front_matter, SkillResources::Files(vec![file]))
    }
}

/// Lists the skills by name. The built-in one is first on the first page.
pub(super) async fn list_skills(
    library: &Library,
    caller: &Principal,
    cursor: Option<String>,
) -> Result<ListSkillsResult, ErrorData> {
    let is_first_page = cursor.is_none();
    let page = library.list_skills(caller, cursor).await.map_err(protocol_error)?;
    // A page has up to a mebibyte of texts to hash.
    let describe = move || {
        let built_in = is_first_page.then(Served::built_in);
        let served = built_in.into_iter().chain(page.items.iter().map(Served::of_prompt));
        served.map(Served::describe).collect()
    };
    let skills = library.compute(describe).await.map_err(protocol_error)?;
    let mut result = ListSkillsResult::with_all_items(skills);
    result.next_cursor = page.next.map(SealedCursor::into_string);
    // Each user has skills of their own, which no shared cache may serve to others.
    result.cache_scope = Some(CacheScope::Private);
    Ok(result)
}

/// Describes the skill at an address.
pub(super) async fn get_skill(
    library: &Library,
    caller: &Principal,
    uri: &str,
) -> Result<GetSkillResult, ErrorData> {
    let served = Served::find(library, caller, uri).await?;
    let served = served.ok_or_else(|| ErrorData::invalid_params(explain_unknown(uri), None))?;
    Ok(GetSkillResult::new(served.describe()).with_cache_scope(CacheScope::Private))
}

/// Reads the file at an address.
pub(super) async fn read_file(
    library: &Library,
    caller: &Principal,
    uri: &str,
) -> Result<ReadResourceResult, ErrorData> {
    let served = Served::find(library, caller, uri).await?.ok_or_else(|| {
        let data = json!({ "uri": Excerpt::new(uri).as_str() });
        ErrorData::resource_not_found(explain_unknown(uri), Some(data))
    })?;
    let contents = ResourceContents::text(served.skill.text, uri).with_mime_type(MARKDOWN);
    let mut result = ReadResourceResult::new(vec![contents]);
    result.cache_scope = Some(CacheScope::Private);
    Ok(result)
}

/// The same for an address that no skill has and for the skill of another user.
fn explain_unknown(uri: &str) -> String {
    format!("Resource not found: {}; skills/list returns every skill", Excerpt::new(uri))
}
