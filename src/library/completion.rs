//! Completion of names and tags.

use super::{Library, LibraryError};
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, PageRequest};
use crate::domain::prompt::{Name, Prompt, Tag};
use crate::domain::ranking::{NAMES_MAX, Query, SUGGESTED_MAX};
use crate::store::{Filter, Search, Sort};

/// The values that complete a text.
#[derive(Debug, Default)]
pub struct Completions {
    /// At most 100.
    pub values: Vec<String>,
    /// Whether there may be more.
    pub has_more: bool,
}

impl Library {
    /// Completes the name of a living prompt: with the names that begin with the text, in alphabetical
    /// order, or where none does with those of the best matches of a search, the best first.
    pub async fn complete_names(
        &self,
        caller: &Principal,
        typed: &str,
    ) -> Result<Completions, LibraryError> {
        let filter = Filter::default();
        if typed.is_empty() {
            let first = PageRequest { limit: Limit::MAX, cursor: None };
            let page =
                self.store.list_prompts(&caller.library_id, &filter, Sort::Name, &first).await?;
            return Ok(in_alphabetical_order(page.items, page.next.is_some()));
        }
        if let Some(name) = Name::read(typed) {
            let search = Search::by_words(Query { name: Some(name), words: Vec::new() });
            let found = self.store.search_prompts(&caller.library_id, &search, &filter).await?;
            let found = found.into_prompts();
            if !found.is_empty() {
                let has_more = found.len() >= NAMES_MAX;
                return Ok(in_alphabetical_order(found, has_more));
            }
        }
        // Text that is not a query completes to nothing.
        let ranked = match self.search(caller, typed, &filter).await {
            Err(LibraryError::Invalid(_)) => return Ok(Completions::default()),
            searched => searched?.ranked,
        };
        let has_more = ranked.len() > SUGGESTED_MAX;
        let best = ranked.into_iter().take(SUGGESTED_MAX);
        let values = best.map(|one| one.prompt.name.to_string()).collect();
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

fn in_alphabetical_order(prompts: Vec<Prompt>, has_more: bool) -> Completions {
    let mut values: Vec<String> =
        prompts.into_iter().map(|prompt| prompt.name.to_string()).collect();
    values.sort_unstable();
    Completions { values, has_more }
}
