//! The skills of a library: the living prompts with the tag
//! [`skill`](crate::domain::skill), which their owner added in person.

use super::{Library, LibraryError, ListOptions, SortOrder};
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, Page, SealedCursor};
use crate::domain::prompt::{Name, Prompt, PromptRef};
use crate::domain::skill::{SKILL, is_skill};
use crate::store::{Presence, Sort};

impl Library {
    /// Lists the skills by name, as many as a page holds.
    pub async fn list_skills(
        &self,
        caller: &Principal,
        cursor: Option<String>,
    ) -> Result<Page<Prompt, SealedCursor>, LibraryError> {
        let options = ListOptions {
            tag: Some(SKILL.to_owned()),
            sort: Some(SortOrder::By(Sort::Name)),
            limit: i64::try_from(Limit::MAX.get()).ok(),
            cursor,
            ..ListOptions::default()
        };
        Ok(self.list_prompts(caller, options).await?.page)
    }

    /// Returns the skill with exactly this name, and `None` for any other text or prompt.
    pub async fn find_skill(
        &self,
        caller: &Principal,
        name: &str,
    ) -> Result<Option<Prompt>, LibraryError> {
        let Some(exact) = Name::read(name).filter(|read| read.as_str() == name) else {
            return Ok(None);
        };
        let prompt = PromptRef::Name(exact);
        let found = self.store.get_prompt(&caller.library_id, &prompt, Presence::Living).await?;
        Ok(found.filter(|prompt| prompt.body.tags.iter().any(is_skill)))
    }
}
