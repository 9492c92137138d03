//! Which prompts of the library a text resembles, among those that search finds nearest to it.

use std::cmp::Reverse;
use std::fmt;

use super::{Library, LibraryError};
use crate::domain::candidate::CandidateId;
use crate::domain::identity::Principal;
use crate::domain::prompt::{Body, Name, Prompt, PromptId};
use crate::domain::ranking::{Match, QUERY_WORDS_MAX};
use crate::domain::similarity::{Fingerprint, Similarity, Verdict};
use crate::domain::words::for_each_word;
use crate::store::{Filter, Search, StoreError};

/// Maximum number of prompts that a text is compared with, of those that share words with it and of those
/// that are near to its meaning.
const COMPARED_MAX: usize = 20;
/// Maximum number of similar texts that are returned.
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

/// What a similar text belongs to.
#[derive(Debug, Clone)]
pub enum SimilarTo {
    /// A prompt of the library.
    Prompt {
        /// Its id.
        id: PromptId,
        /// Its name.
        name: Name,
        /// Its current version, which has the similar text.
        version: u32,
    },
    /// A candidate that waits for review.
    Candidate(CandidateId),
}

impl fmt::Display for Similar {
    /// Writes the name and version of the prompt, or the title of the candidate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.to {
            SimilarTo::Prompt { name, version, .. } => write!(f, "{name} (version {version})"),
            SimilarTo::Candidate(_) => f.write_str(&self.title),
        }
    }
}

impl Similar {
    /// `None` for [`Verdict::New`].
    pub(super) fn of(to: SimilarTo, title: &str, similarity: Similarity) -> Option<Self> {
        let Similarity { verdict, score } = similarity;
        let title = title.to_owned();
        (verdict > Verdict::New).then_some(Self { to, title, verdict, score })
    }
}

/// A text with everything that the search for similar ones needs. Making one costs processor time
/// in proportion to the text: make it on the pool.
pub(super) struct Subject {
    pub(super) fingerprint: Fingerprint,
    words: Vec<String>,
}

impl Subject {
    pub(super) fn new(content: &str) -> Self {
        Self { fingerprint: Fingerprint::new(content), words: distinctive_words(content) }
    }
}

impl Library {
    /// At most three prompts that another one resembles, the closest first.
    pub async fn find_similar(
        &self,
        caller: &Principal,
        prompt: &Prompt,
    ) -> Result<Vec<Similar>, LibraryError> {
        let content = prompt.body.content.clone();
        let bytes = content.as_str().len();
        let subject = self.pool.run_sized(bytes, move || Subject::new(content.as_str())).await?;
        let near = self.find_near(caller, &prompt.body, &subject, Some(&prompt.id)).await?;
        let bytes = near.iter().map(|other| other.prompt.body.content.as_str().len()).sum();
        let compare = move || keep_closest(compare_with_prompts(&subject.fingerprint, near));
        Ok(self.pool.run_sized(bytes, compare).await?)
    }

    /// The prompts that search finds nearest to a text, without `except`.
    pub(super) async fn find_near(
        &self,
        caller: &Principal,
        body: &Body,
        subject: &Subject,
        except: Option<&PromptId>,
    ) -> Result<Vec<Match>, StoreError> {
        let meaning = self.embed_text(&caller.library_id, body).await;
        // One more than are compared, for the exception may be among them.
        let most = COMPARED_MAX + usize::from(except.is_some());
        let search = Search::Alike { words: subject.words.clone(), meaning, most };
        let filter = Filter::default();
        let found = self.store.search_prompts(&caller.library_id, &search, &filter).await?;
        let mut matches = found.matches;
        matches.retain(|other| Some(&other.prompt.id) != except);
        Ok(matches)
    }
}

/// Compares a text with prompts. The processor time is in proportion to their contents.
pub(super) fn compare_with_prompts(text: &Fingerprint, near: Vec<Match>) -> Vec<Similar> {
    near.into_iter()
        .filter_map(|Match { prompt, cosine }| {
            let compared = text.compare(&Fingerprint::new(prompt.body.content.as_str()));
            let similarity = compared.with_meaning(cosine);
            let Prompt { id, name, version, body, .. } = prompt;
            let to = SimilarTo::Prompt { id, name, version };
            Similar::of(to, body.title.as_str(), similarity)
        })
        .collect()
}

/// The three closest, duplicates first.
pub(super) fn keep_closest(mut similar: Vec<Similar>) -> Vec<Similar> {
    similar.sort_by(|a, b| b.verdict.cmp(&a.verdict).then(b.score.total_cmp(&a.score)));
    similar.truncate(SIMILAR_MAX);
    similar
}

/// The words that most likely distinguish a text from others: the longest ones.
fn distinctive_words(text: &str) -> Vec<String> {
    // The longest words so far, the longest first and of equals in alphabetical order. Few words of a
    // text ever get here, so that its other words are neither kept nor counted.
    let mut longest: Vec<(Reverse<usize>, String)> = Vec::with_capacity(QUERY_WORDS_MAX + 1);
    for_each_word(text, |word| {
        let is_full = longest.len() == QUERY_WORDS_MAX;
        let shortest = longest.last().map_or(0, |(Reverse(chars), _)| *chars);
        // A word has no more characters than bytes.
        if is_full && word.len() < shortest {
            return;
        }
        let key = (Reverse(word.chars().count()), word);
        let place = longest.binary_search_by(|(chars, kept)| (*chars, kept.as_str()).cmp(&key));
        if let Err(place) = place
            && place < QUERY_WORDS_MAX
        {
            longest.insert(place, (key.0, word.to_owned()));
            longest.truncate(QUERY_WORDS_MAX);
        }
    });
    longest.into_iter().map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::split_words;

    #[test]
    fn the_longest_words_are_distinctive_each_once() {
        let text = (1..30).map(|number| "ä".repeat(number)).collect::<Vec<_>>().join(" ");
        let text = format!("{text} b {text} zz aa zz {text}");
        let mut expected = split_words(&text);
        expected.sort_by_key(|word| (Reverse(word.chars().count()), word.clone()));
        expected.dedup();
        expected.truncate(QUERY_WORDS_MAX);
        assert_eq!(distinctive_words(&text), expected);
        assert_eq!(distinctive_words("zz b aa b"), ["aa", "zz", "b"]);
    }
}
