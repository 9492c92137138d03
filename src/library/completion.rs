//! Completion of names and tags.

use super::{Library, LibraryError};
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, PageRequest};
use crate::domain::prompt::{Name, Tag};
use crate::domain::ranking::{NAMES_MAX, Query};
use crate::store::{Filter, Search, Sort};

/// The values that start with a text, in alphabetical order.
#[derive(Debug, Default)]
pub struct Completions {
    /// The first values, at most 100.
    pub values: Vec<String>,
    /// Whether there may be more.
    pub has_more: bool,
}

impl Library {
    /// Completes the name of a living prompt.
    pub async fn complete_names(
        &self,
        caller: &Principal,
        typed: &str,
    ) -> Result<Completions, LibraryError> {
        let (prompts, has_more) = if typed.is_empty() {
            let first = PageRequest { limit: Limit::MAX, cursor: None };
            let filter = Filter::default();
            let page =
                self.store.list_prompts(&caller.library_id, &filter, Sort::Name, &first).await?;
            (page.items, page.next.is_some())
        } else {
            let Some(name) = Name::read(typed) else { return Ok(Completions::default()) };
            let search = Search::by_words(Query { name: Some(name), words: Vec::new() });
            let filter = Filter::default();
            let found = self.store.search_prompts(&caller.library_id, &search, &filter).await?;
            let found = found.into_prompts();
            let has_more = found.len() >= NAMES_MAX;
            (found, has_more)
        };
        let mut values: Vec<String> =
            prompts.into_iter().map(|prompt| prompt.name.to_string()).collect();
        values.sort_unstable();
        Ok(Completions { values, has_more })
    }

    /// Completes a tag.
    pub async fn complete_tags(
        &self,
        caller: &Principal,
        typed: &str,
    ) -> Result<Completions, LibraryError> {
        // `#Ru` begins the tag `rust`; the sign alone begins every tag.
        let typed = typed.trim().trim_start_matches('#');
        let prefix = match Tag::parse(typed) {
            _ if typed.is_empty() => String::new(),
            Ok(tag) => tag.to_string(),
            Err(_) => return Ok(Completions::default()),
        };
        let most = Limit::MAX.get();
        // One more than is returned shows whether there are more.
        let tags = self.store.list_tags(&caller.library_id, &prefix, most + 1).await?;
        let has_more = tags.len() > most;
        let values = tags.iter().take(most).map(Tag::to_string).collect();
        Ok(Completions { values, has_more })
    }
}
