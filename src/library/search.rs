//! Listing and search.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{Library, LibraryError};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::paging::{Cursor, Item, Page, PageRequest, Room, SealedCursor};
use crate::domain::prompt::{Prompt, Tag};
use crate::domain::ranking::{self, MATCHES_MAX, Query, Ranked, SUGGESTED_MAX, Score};
use crate::store::{Filter, Matches, Search, Sort, StoreError};

/// Which prompts to list, and in which order.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// The query of a search; absent for a plain listing.
    pub query: Option<String>,
    /// Only prompts with this tag.
    pub tag: Option<String>,
    /// Only favourites, or only the others.
    pub favorite: Option<bool>,
    /// Deleted prompts instead of living ones.
    pub deleted: bool,
    /// Absent: by relevance with a query, else the latest save first.
    pub sort: Option<SortOrder>,
    /// 1 to 100; absent: 20.
    pub limit: Option<i64>,
    /// The cursor of the page before.
    pub cursor: Option<String>,
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortOrder {
    /// The best match first. Needs a query.
    Relevance,
    /// An order of the store.
    By(Sort),
}

/// A page of prompts.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The prompts.
    pub page: Page<Prompt, SealedCursor>,
    /// How well each of them matches the query; empty without one.
    pub scores: Vec<Score>,
    /// The number of prompts on all pages, where it is known without counting.
    pub total: Option<usize>,
}

/// The ranked matches of a query.
pub(super) struct Searched {
    pub(super) query: Query,
    pub(super) ranked: Vec<Ranked>,
    /// Whether they are all that the library has.
    is_complete: bool,
}

/// The result of a query for one prompt.
#[derive(Debug)]
pub enum Found {
    /// The only prompt that fits the query clearly.
    One(Box<Prompt>),
    /// At most [`SUGGESTED_MAX`] prompts that may fit, the best first; empty if none does.
    Several(Vec<Prompt>),
}

impl Library {
    /// Finds the prompt that a query describes, or the prompts that it may describe.
    pub async fn find_prompt(
        &self,
        caller: &Principal,
        query: &str,
    ) -> Result<Found, LibraryError> {
        let searched = self.search(caller, query, &Filter::default()).await?;
        let Searched { query, mut ranked, .. } = searched;
        if let Some(winner) = ranking::find_clear_winner(&query, &ranked) {
            return Ok(Found::One(Box::new(ranked.swap_remove(winner).prompt)));
        }
        let best = ranked.into_iter().take(SUGGESTED_MAX);
        Ok(Found::Several(best.map(|ranked| ranked.prompt).collect()))
    }

    /// Lists the library, or the matches of a query in it.
    pub async fn list_prompts(
        &self,
        caller: &Principal,
        options: ListOptions,
    ) -> Result<Listing, LibraryError> {
        let tag = options.tag.as_deref().map(Tag::parse).transpose();
        let tag = tag.map_err(|message| FieldError::new("tag", message))?;
        let filter = Filter { tag, favorite: options.favorite, deleted: options.deleted };
        let page = self.page_request(caller, options.limit, options.cursor)?;
        match (options.query, options.sort) {
            (Some(_), _) if filter.deleted => {
                Err(FieldError::new("query", "cannot be combined with deleted").into())
            }
            (None, Some(SortOrder::Relevance)) => {
                Err(FieldError::new("sort", "relevance needs a query").into())
            }
            (Some(query), sort) => self.list_matches(caller, &query, &filter, sort, &page).await,
            (None, sort) => {
                let sort = match sort {
                    Some(SortOrder::By(sort)) => sort,
                    _ => Sort::Recent,
                };
                let page =
                    self.store.list_prompts(&caller.library_id, &filter, sort, &page).await?;
                Ok(Listing { page: self.seal_page(caller, page), scores: Vec::new(), total: None })
            }
        }
    }

    /// Searches and ranks. Large sets are ranked on the pool.
    pub(super) async fn search(
        &self,
        caller: &Principal,
        query: &str,
        filter: &Filter,
    ) -> Result<Searched, LibraryError> {
        let text = query;
        let query = Query::parse(text).map_err(|message| FieldError::new("query", message))?;
        let meaning = self.embed_query(&caller.library_id, text).await;
        let search = Search::Query { query: query.clone(), meaning };
        let Matches { matches, frequencies } =
            self.store.search_prompts(&caller.library_id, &search, filter).await?;
        // A store returns at most so many of each kind, so that of fewer in all none is missing.
        let is_complete = matches.len() < MATCHES_MAX;
        let is_by_meaning = matches.iter().any(|one| one.cosine.is_some());
        let encoder = self.encoder().filter(|_| is_by_meaning).cloned();
        let bytes = matches.iter().map(|one| one.prompt.body.content.as_str().len()).sum();
        let rank = move || {
            let weights = match encoder {
                Some(encoder) => ranking::weigh_by_rarity(&query, |word| encoder.rarity(word)),
                None => frequencies.to_weights(&query),
            };
            (ranking::rank(&query, &weights, matches), query)
        };
        let (ranked, query) = self.pool.run_sized(bytes, rank).await?;
        Ok(Searched { query, ranked, is_complete })
    }

    /// Lists the matches of a query. The store returns all of them, so the page is cut here.
    async fn list_matches(
        &self,
        caller: &Principal,
        query: &str,
        filter: &Filter,
        sort: Option<SortOrder>,
        page: &PageRequest,
    ) -> Result<Listing, LibraryError> {
        let listing = listing_mark(query, filter, sort);
        let Searched { mut ranked, is_complete, .. } = self.search(caller, query, filter).await?;
        let total = Some(ranked.len()).filter(|_| is_complete);
        match sort {
            None | Some(SortOrder::Relevance) => {}
            Some(SortOrder::By(Sort::Recent)) => {
                ranked.sort_by_key(|one| std::cmp::Reverse(one.prompt.updated_at));
            }
            Some(SortOrder::By(Sort::Oldest)) => ranked.sort_by_key(|one| one.prompt.updated_at),
            Some(SortOrder::By(Sort::Name)) => {
                ranked.sort_by(|a, b| a.prompt.name.cmp(&b.prompt.name));
            }
            Some(SortOrder::By(Sort::Used)) => {
                ranked.sort_by_key(|one| std::cmp::Reverse(one.prompt.use_count));
            }
        }
        // A page starts after the last prompt of the page before, wherever that is now. If it is gone,
        // the page starts at its former place.
        let start = match &page.cursor {
            None => 0,
            Some(cursor) => {
                let [of, last, place] = cursor.decode("search").ok_or(StoreError::InvalidCursor)?;
                if of != listing {
                    return Err(StoreError::InvalidCursor.into());
                }
                let place = place.parse().map_err(|_| StoreError::InvalidCursor)?;
                let found = ranked.iter().position(|one| one.prompt.id.as_str() == last);
                found.map_or(place, |found| found + 1).min(ranked.len())
            }
        };
        let mut room = Room::new(page.limit);
        let fitting = ranked[start..].iter().take_while(|one| room.take(one.prompt.page_bytes()));
        let end = start + fitting.count();
        let more = end < ranked.len();
        let (items, scores): (Vec<Prompt>, Vec<Score>) =
            ranked.drain(start..end).map(|one| (one.prompt, one.score)).unzip();
        let last = items.last().filter(|_| more);
        let place = end.saturating_sub(1).to_string();
        let next = last.map(|last| Cursor::encode("search", &[&listing, last.id.as_str(), &place]));
        Ok(Listing { page: self.seal_page(caller, Page { items, next }), scores, total })
    }
}

/// Returns a mark of the search, so that a cursor of one is refused by another: a place among the matches
/// of one query has no meaning in another.
fn listing_mark(query: &str, filter: &Filter, sort: Option<SortOrder>) -> String {
    let sort = sort.unwrap_or(SortOrder::Relevance);
    let listing = format!("{query:?} {:?} {:?} {sort:?}", filter.tag, filter.favorite);
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(listing)[..12])
}
