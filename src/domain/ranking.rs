//! The order of search results: one pure function over what a store found, so that every store
//! answers in the same order.

use std::cmp::Reverse;

use super::prompt::{Name, Prompt, Tag};
use super::words::{each_word, words};

/// Most prompts that a store hands over for ranking.
pub const MATCHES_MAX: usize = 50;
/// How many of them are found by the beginning of their name.
pub const NAMES_MAX: usize = MATCHES_MAX / 2;
/// Most distinct words of a query that are looked at; Convex's search takes no more.
pub const QUERY_WORDS_MAX: usize = 16;
/// Longest query in characters.
const QUERY_MAX_CHARS: usize = 1000;

/// A search in the user's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The name that the text spells, for exact and prefix matches.
    pub name: Option<Name>,
    /// The distinct words, at most [`QUERY_WORDS_MAX`]. The last one also matches as a prefix.
    pub words: Vec<String>,
}

impl Query {
    /// Reads a query; it must hold at least one letter or digit.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > QUERY_MAX_CHARS {
            return Err(format!("is longer than {QUERY_MAX_CHARS} characters"));
        }
        let query = Self { name: Name::guess(text), words: distinct(words(text)) };
        if query.words.is_empty() && query.name.is_none() {
            return Err("must hold at least one letter or digit".to_owned());
        }
        Ok(query)
    }
}

fn distinct(words: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        if kept.len() < QUERY_WORDS_MAX && !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept
}

/// How a prompt answers a query; the greater the better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relevance {
    /// Name first.
    pub tier: Tier,
    /// How many words of the query occur.
    pub matched_words: usize,
    /// Weighted occurrences.
    pub score: u32,
}

/// What matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Words in title, tags, description or content.
    Words,
    /// The name begins with what the query spells.
    NamePrefix,
    /// The name is what the query spells.
    ExactName,
}

/// A prompt with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// Why it stands where it stands.
    pub relevance: Relevance,
    /// The prompt.
    pub prompt: Prompt,
}

/// Sorts what a store found: exact name, name prefix, then the number of words that occur, then
/// where they occur; equals by the latest save, then by id. Prompts that match nothing drop out.
pub fn rank(query: &Query, found: Vec<Prompt>) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = found
        .into_iter()
        .filter_map(|prompt| {
            relevance(query, &prompt).map(|relevance| Ranked { relevance, prompt })
        })
        .collect();
    ranked.sort_by(|left, right| key(right).cmp(&key(left)));
    ranked
}

/// A total order: two prompts of one library never compare equal, for their ids differ.
fn key(ranked: &Ranked) -> impl Ord + '_ {
    (ranked.relevance, ranked.prompt.updated_at, Reverse(ranked.prompt.id.as_str()))
}

/// The one prompt that is meant, if the best match stands out: it is named exactly, or it is the
/// only one of its tier, or the only one with every word, or scores twice the next.
pub fn clear_winner(query: &Query, ranked: &[Ranked]) -> Option<usize> {
    let best = ranked.first()?.relevance;
    let Some(next) = ranked.get(1).map(|second| second.relevance) else {
        return Some(0);
    };
    let every_word = best.matched_words == query.words.len();
    let stands_out = best.tier > next.tier
        || best.tier == Tier::Words
            && every_word
            && (best.matched_words > next.matched_words || best.score >= 2 * next.score);
    stands_out.then_some(0)
}

fn relevance(query: &Query, prompt: &Prompt) -> Option<Relevance> {
    let tier = match &query.name {
        Some(name) if *name == prompt.name => Tier::ExactName,
        Some(name) if prompt.name.as_str().starts_with(name.as_str()) => Tier::NamePrefix,
        _ => Tier::Words,
    };
    let mut scores = vec![0; query.words.len()];
    let body = &prompt.body;
    let tags: Vec<&str> = body.tags.iter().map(Tag::as_str).collect();
    for (weight, text) in [
        (10, prompt.name.as_str()),
        (10, body.title.as_str()),
        (6, tags.join(" ").as_str()),
        (4, body.description.as_str()),
        (1, body.content.as_str()),
    ] {
        add_scores(&query.words, weight, text, &mut scores);
    }
    let matched_words = scores.iter().filter(|score| **score > 0).count();
    let relevance = Relevance { tier, matched_words, score: scores.iter().sum() };
    (matched_words > 0 || tier > Tier::Words).then_some(relevance)
}

/// Adds to each word's score: a field counts up to three times, a mere prefix half.
fn add_scores(query_words: &[String], weight: u32, text: &str, scores: &mut [u32]) {
    let Some((last, _)) = query_words.split_last() else {
        return;
    };
    let mut hits = vec![0_u32; query_words.len()];
    each_word(text, |word| {
        for (hit, query_word) in hits.iter_mut().zip(query_words) {
            if word == query_word {
                *hit += 2;
            } else if query_word == last && word.starts_with(query_word.as_str()) {
                *hit += 1;
            }
        }
    });
    for (score, hit) in scores.iter_mut().zip(hits) {
        *score += weight * hit.min(6);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::draft::Draft;
    use crate::domain::prompt::PromptId;

    fn prompt(name: &str, title: &str, content: &str, saved_at: i64) -> Prompt {
        let (name, body) = Draft {
            name: Some(name.to_owned()),
            title: Some(title.to_owned()),
            content: Some(content.to_owned()),
            ..Draft::default()
        }
        .into_new()
        .unwrap();
        let at = Timestamp::from_millis(saved_at);
        Prompt {
            id: PromptId::random(),
            name,
            body,
            version: 1,
            source: "test".to_owned(),
            favorite: false,
            created_at: at,
            updated_at: at,
            deleted_at: None,
            use_count: 0,
            last_used_at: None,
        }
    }

    fn library() -> Vec<Prompt> {
        vec![
            prompt("review", "Anything", "x", 1),
            prompt("review-rust", "Rust things", "x", 2),
            prompt("alpha", "A review of films", "x", 3),
            prompt("beta", "Other", "please review this code", 4),
            prompt("gamma", "Other", "nothing of the kind", 5),
        ]
    }

    #[track_caller]
    fn check(query: &str, expected: &[&str], winner: bool) {
        let query = Query::parse(query).unwrap();
        let ranked = rank(&query, library());
        let names: Vec<&str> = ranked.iter().map(|r| r.prompt.name.as_str()).collect();
        assert_eq!(names, expected);
        assert_eq!(clear_winner(&query, &ranked).is_some(), winner);
    }

    #[test]
    fn names_come_before_words_and_titles_before_contents() {
        check("Review", &["review", "review-rust", "alpha", "beta"], true);
        check("revi", &["review-rust", "review", "alpha", "beta"], false);
        check("review code", &["beta", "alpha", "review-rust", "review"], true);
        check("review films", &["alpha", "review-rust", "review", "beta"], true);
        check("other", &["gamma", "beta"], false);
        check("absent", &[], false);
    }

    #[test]
    fn a_query_needs_a_letter_or_digit() {
        assert!(Query::parse("\"*^ --").is_err());
        assert!(Query::parse(&"x".repeat(1001)).is_err());
        assert_eq!(Query::parse("a a A b").unwrap().words, ["a", "b"]);
    }

    proptest! {
        #[test]
        fn the_order_of_what_was_found_does_not_matter(
            order in Just((0..5_usize).collect::<Vec<_>>()).prop_shuffle(),
            text in "(review|other|rust|x|re|films)( (code|x|a))?",
        ) {
            let query = Query::parse(&text).unwrap();
            let found = library();
            let shuffled = order.iter().map(|index| found[*index].clone()).collect();
            prop_assert_eq!(rank(&query, found), rank(&query, shuffled));
        }

        #[test]
        fn ranking_is_a_total_order(keys in proptest::collection::vec((0..3_usize, 0..4_u32, 0..3_i64), 3)) {
            let ranked: Vec<Ranked> = keys.iter().map(|(matched_words, score, at)| Ranked {
                relevance: Relevance { tier: Tier::Words, matched_words: *matched_words, score: *score },
                prompt: prompt("n", "t", "c", *at),
            }).collect();
            let order = |a: usize, b: usize| key(&ranked[a]).cmp(&key(&ranked[b]));
            for (a, b, c) in [(0, 1, 2), (1, 2, 0), (2, 0, 1)] {
                prop_assert!(order(a, b).is_ne());
                prop_assert_eq!(order(a, b), order(b, a).reverse());
                if order(a, b) == order(b, c) {
                    prop_assert_eq!(order(a, c), order(a, b));
                }
            }
        }
    }
}
