//! What a text resembles, among the prompts that search finds nearest to it.

use super::Library;
use crate::domain::candidate::CandidateId;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Name, Prompt, PromptId};
use crate::domain::ranking::QUERY_WORDS_MAX;
use crate::domain::similarity::{Fingerprint, Similarity, Verdict};
use crate::domain::words::words;
use crate::store::{Filter, Search, StoreError};

/// How many of the nearest prompts a saved text is compared with.
const ALIKE_MAX: usize = 20;
/// How many similar prompts are named.
const SIMILAR_MAX: usize = 3;
/// A text that resembles another one.
#[derive(Debug, Clone)]
pub struct Similar {
    /// Whose text it is.
    pub to: SimilarTo,
    /// Its title.
    pub title: String,
    /// Never [`Verdict::New`].
    pub verdict: Verdict,
    score: f64,
}

/// Whose text resembles.
#[derive(Debug, Clone)]
pub enum SimilarTo {
    /// A prompt of the library.
    Prompt(PromptId, Name),
    /// A candidate that waits for review.
    Candidate(CandidateId),
}

impl Similar {
    /// What a person knows it by.
    pub fn label(&self) -> &str {
        match &self.to {
            SimilarTo::Prompt(_, name) => name.as_str(),
            SimilarTo::Candidate(_) => &self.title,
        }
    }

    /// `None` where there is nothing much in common.
    pub(super) fn of(to: SimilarTo, title: &str, likeness: Similarity) -> Option<Self> {
        let Similarity { verdict, score } = likeness;
        let title = title.to_owned();
        (verdict > Verdict::New).then_some(Self { to, title, verdict, score })
    }
}

impl Library {
    /// At most three prompts that a saved one resembles, the closest first.
    pub(super) async fn similar_to(
        &self,
        caller: &Principal,
        prompt: &Prompt,
    ) -> Result<Vec<Similar>, StoreError> {
        let content = prompt.body.content.as_str();
        let fingerprint = Fingerprint::of(content);
        let similar = self.alike(caller, content, &fingerprint, Some(&prompt.id)).await?;
        Ok(closest(similar))
    }

    /// The prompts that a text resembles among the nearest by search, but for one.
    pub(super) async fn alike(
        &self,
        caller: &Principal,
        content: &str,
        fingerprint: &Fingerprint,
        except: Option<&PromptId>,
    ) -> Result<Vec<Similar>, StoreError> {
        // One more than are compared, for the exception may be among them.
        let search = Search::Alike { words: telling_words(content), most: ALIKE_MAX + 1 };
        let found =
            self.store.search_prompts(&caller.library_id, &search, &Filter::default()).await?;
        let others = found.into_iter().filter(|other| Some(&other.id) != except).take(ALIKE_MAX);
        let compare = |other: Prompt| {
            let likeness = fingerprint.compare(&Fingerprint::of(other.body.content.as_str()));
            let title = other.body.title.as_str();
            Similar::of(SimilarTo::Prompt(other.id, other.name), title, likeness)
        };
        Ok(others.filter_map(compare).collect())
    }
}

/// The three closest, duplicates first.
pub(super) fn closest(mut similar: Vec<Similar>) -> Vec<Similar> {
    similar.sort_by(|a, b| b.verdict.cmp(&a.verdict).then(b.score.total_cmp(&a.score)));
    similar.truncate(SIMILAR_MAX);
    similar
}

/// The words of a text that are likeliest to tell it from others: the longest ones.
fn telling_words(text: &str) -> Vec<String> {
    let mut words = words(text);
    words.sort_by(|a, b| b.chars().count().cmp(&a.chars().count()).then(a.cmp(b)));
    words.dedup();
    words.truncate(QUERY_WORDS_MAX);
    words
}
