//! Searches in Convex: by words in a query, and by meaning too in an action.

use serde::Deserialize;
use serde_json::json;

use super::ConvexStore;
use super::prompts::{WireFilter, WirePrompt};
use super::wire::{Whole, WireEmbedding};
use crate::domain::identity::LibraryId;
use crate::domain::prompt::{Name, Prompt};
use crate::domain::ranking::{Frequencies, Match};
use crate::domain::vector::Vector;
use crate::store::{Filter, Matches, Search, StoreResult};

impl ConvexStore {
    pub(super) async fn search(
        &self,
        library: &LibraryId,
        search: &Search,
        filter: &Filter,
    ) -> StoreResult<Matches> {
        let owner = library.as_str();
        let mut args = json!(WireFilter::from(filter));
        let (Search::Query { meaning, .. } | Search::Alike { meaning, .. }) = search;
        args["embedding"] = json!(meaning.as_ref().map(WireEmbedding::from));
        match search {
            Search::Query { query, .. } => {
                args["name"] = json!(query.name.as_ref().map(Name::as_str));
                args["words"] = json!(query.words);
            }
            Search::Alike { words, most, .. } => {
                args["words"] = json!(words);
                args["most"] = json!(most);
            }
        }
        match (search, meaning) {
            (Search::Query { .. }, Some(meaning)) => {
                let found: WireMeasured = self.action(owner, "meaning:match", args).await?;
                Ok(found.into_matches(&meaning.vector))
            }
            (Search::Query { .. }, None) => {
                let found: WireMatches = self.query(owner, "prompts:match", args).await?;
                Ok(found.into())
            }
            (Search::Alike { .. }, Some(meaning)) => {
                let found: Vec<WireFound> = self.action(owner, "meaning:alike", args).await?;
                let matches = found.into_iter().map(|one| one.into_match(&meaning.vector));
                Ok(Matches { matches: matches.collect(), ..Matches::default() })
            }
            (Search::Alike { .. }, None) => {
                let found: Vec<WirePrompt> = self.query(owner, "prompts:alike", args).await?;
                let matches = found.into_iter().map(|one| Prompt::from(one).into());
                Ok(Matches { matches: matches.collect(), ..Matches::default() })
            }
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireMatches {
    prompts: Vec<WirePrompt>,
    #[serde(flatten)]
    frequencies: WireFrequencies,
}

impl From<WireMatches> for Matches {
    fn from(found: WireMatches) -> Self {
        Self {
            matches: found.prompts.into_iter().map(|one| Prompt::from(one).into()).collect(),
            frequencies: found.frequencies.into(),
        }
    }
}

/// What a search with a meaning found.
#[derive(Deserialize)]
struct WireMeasured {
    matches: Vec<WireFound>,
    #[serde(flatten)]
    frequencies: WireFrequencies,
}

impl WireMeasured {
    fn into_matches(self, meaning: &Vector) -> Matches {
        Matches {
            matches: self.matches.into_iter().map(|one| one.into_match(meaning)).collect(),
            frequencies: self.frequencies.into(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireFrequencies {
    rows: Whole,
    with_word: Vec<Whole>,
}

impl From<WireFrequencies> for Frequencies {
    fn from(found: WireFrequencies) -> Self {
        let count = |number: Whole| usize::try_from(number.number()).unwrap_or_default();
        Self {
            rows: count(found.rows),
            with_word: found.with_word.into_iter().map(count).collect(),
        }
    }
}

#[derive(Deserialize)]
struct WireFound {
    prompt: WirePrompt,
    product: Option<WireProduct>,
}

impl WireFound {
    /// Computes the cosine with the arithmetic that the other store has, from the whole numbers that the
    /// functions return: both stores rank alike.
    fn into_match(self, meaning: &Vector) -> Match {
        let cosine = self.product.map(|WireProduct { dot, squared_length }| {
            meaning.cosine_from(dot.component_sum(), squared_length.component_sum())
        });
        Match { prompt: self.prompt.into(), cosine }
    }
}

/// The product of two vectors, and of the prompt's with itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireProduct {
    dot: Whole,
    squared_length: Whole,
}
