//! The order of search results: one pure function over the matches of a store, so that every store
//! returns them in the same order.

use std::cmp::Reverse;

use super::prompt::{Name, Prompt, Tag};
use super::words::{for_each_word, split_words};

/// Maximum number of matches that a store passes to [`rank`].
pub const MATCHES_MAX: usize = 50;
/// Maximum number of those that are found by a prefix of their name.
pub const NAMES_MAX: usize = MATCHES_MAX / 2;
/// Maximum number of distinct words in a query; later ones are ignored. Convex's search accepts no
/// more terms than this.
pub const QUERY_WORDS_MAX: usize = 16;
/// Maximum length of a query, in characters.
const QUERY_MAX_CHARS: usize = 1000;

// The weight of one occurrence, by field.
const NAME_WEIGHT: u32 = 10;
const TITLE_WEIGHT: u32 = 10;
const TAGS_WEIGHT: u32 = 6;
const DESCRIPTION_WEIGHT: u32 = 4;
const CONTENT_WEIGHT: u32 = 1;

/// Points of an exact occurrence of a word, before the weight of its field.
const EXACT_POINTS: u32 = 2;
/// Points of an occurrence of the last word as a mere prefix.
const PREFIX_POINTS: u32 = 1;
/// Maximum points of a word in one field: three exact occurrences. Without a limit, a long content
/// would outrank a title.
const FIELD_POINTS_MAX: u32 = 3 * EXACT_POINTS;

/// A search in the user's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// The text as a slug, for exact and prefix matches of names.
    pub name: Option<Name>,
    /// The distinct words, at most [`QUERY_WORDS_MAX`]. The last one also matches as a prefix, as
    /// it may be half typed.
    pub words: Vec<String>,
}

impl Query {
    /// Parses a query, which must contain at least one letter or digit.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > QUERY_MAX_CHARS {
            return Err(format!("must have at most {QUERY_MAX_CHARS} characters"));
        }
        let query = Self { name: Name::read(text), words: keep_distinct(split_words(text)) };
        if query.words.is_empty() && query.name.is_none() {
            return Err("must contain at least one letter or digit".to_owned());
        }
        Ok(query)
    }
}

/// Returns the first [`QUERY_WORDS_MAX`] distinct words, in their order.
fn keep_distinct(words: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for word in words {
        if kept.len() < QUERY_WORDS_MAX && !kept.contains(&word) {
            kept.push(word);
        }
    }
    kept
}

/// How well a prompt matches a query; the greater the better. The derived order compares the fields
/// from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Relevance {
    /// Matches of the name come first.
    pub tier: Tier,
    /// The number of the query's words that occur.
    pub matched_words: usize,
    /// The sum of the words' points, each weighted by its field.
    pub score: u32,
}

/// The part of a prompt that matched, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Words in name, title, tags, description or content.
    Words,
    /// The query as a slug is a prefix of the name.
    NamePrefix,
    /// The query as a slug is the name.
    ExactName,
}

/// A prompt with its relevance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranked {
    /// How well it matches the query.
    pub relevance: Relevance,
    /// The prompt.
    pub prompt: Prompt,
}

/// Sorts the matches of a store, the best first, and drops those that match nothing.
///
/// The order is by relevance, then the latest save, then the id. It does not depend on the order of
/// `found`. Takes time linear in the length of the texts.
pub fn rank(query: &Query, found: Vec<Prompt>) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = found
        .into_iter()
        .filter_map(|prompt| {
            measure_relevance(query, &prompt).map(|relevance| Ranked { relevance, prompt })
        })
        .collect();
    ranked.sort_by(|left, right| sort_key(right).cmp(&sort_key(left)));
    ranked
}

/// The key of a total order: two prompts of one library never compare equal, because their ids
/// differ. Pages of results depend on that.
fn sort_key(ranked: &Ranked) -> impl Ord + '_ {
    (ranked.relevance, ranked.prompt.updated_at, Reverse(ranked.prompt.id.as_str()))
}

/// Returns the index of the best match if it stands out: it is the only match, it is in a better
/// tier than the next, or it has every word of the query and either the next has fewer or its score
/// is at least twice that of the next.
pub fn find_clear_winner(query: &Query, ranked: &[Ranked]) -> Option<usize> {
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

/// Returns the relevance of a prompt, or `None` if neither its name nor a word matches.
fn measure_relevance(query: &Query, prompt: &Prompt) -> Option<Relevance> {
    let tier = match &query.name {
        Some(name) if *name == prompt.name => Tier::ExactName,
        Some(name) if prompt.name.as_str().starts_with(name.as_str()) => Tier::NamePrefix,
        _ => Tier::Words,
    };
    let mut scores = vec![0; query.words.len()];
    let body = &prompt.body;
    let tags: Vec<&str> = body.tags.iter().map(Tag::as_str).collect();
    for (weight, text) in [
        (NAME_WEIGHT, prompt.name.as_str()),
        (TITLE_WEIGHT, body.title.as_str()),
        (TAGS_WEIGHT, tags.join(" ").as_str()),
        (DESCRIPTION_WEIGHT, body.description.as_str()),
        (CONTENT_WEIGHT, body.content.as_str()),
    ] {
        add_scores(&query.words, weight, text, &mut scores);
    }
    let matched_words = scores.iter().filter(|score| **score > 0).count();
    let relevance = Relevance { tier, matched_words, score: scores.iter().sum() };
    (matched_words > 0 || tier > Tier::Words).then_some(relevance)
}

/// Adds the weighted points of one field to the score of each word.
fn add_scores(query_words: &[String], weight: u32, text: &str, scores: &mut [u32]) {
    let Some((last, _)) = query_words.split_last() else {
        return;
    };
    let mut points = vec![0_u32; query_words.len()];
    for_each_word(text, |word| {
        for (points, query_word) in points.iter_mut().zip(query_words) {
            if word == query_word {
                *points += EXACT_POINTS;
            } else if query_word == last && word.starts_with(query_word.as_str()) {
                *points += PREFIX_POINTS;
            }
        }
    });
    for (score, points) in scores.iter_mut().zip(points) {
        *score += weight * points.min(FIELD_POINTS_MAX);
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
        assert_eq!(find_clear_winner(&query, &ranked).is_some(), winner);
    }

    #[test]
    fn names_rank_before_words_and_titles_before_contents() {
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

    /// The library of the tests above, followed by copies of its prompts that tie with them.
    fn library_with_ties() -> Vec<Prompt> {
        let mut prompts = library();
        let copies: Vec<Prompt> = prompts
            .iter()
            .map(|prompt| Prompt { id: PromptId::random(), ..prompt.clone() })
            .collect();
        prompts.extend(copies);
        prompts
    }

    fn ranked_prompt((tier, matched_words, score, saved_at): (Tier, usize, u32, i64)) -> Ranked {
        let relevance = Relevance { tier, matched_words, score };
        Ranked { relevance, prompt: prompt("n", "t", "c", saved_at) }
    }

    proptest! {
        #[test]
        fn the_order_of_the_matches_does_not_matter(
            order in Just((0..10_usize).collect::<Vec<_>>()).prop_shuffle(),
            text in "(review|other|rust|x|re|films)( (code|x|a))?",
        ) {
            let query = Query::parse(&text).unwrap();
            let found = library_with_ties();
            let shuffled = order.iter().map(|index| found[*index].clone()).collect();
            prop_assert_eq!(rank(&query, found), rank(&query, shuffled));
        }

        #[test]
        fn ranking_is_a_total_order(
            // Few values for each part, so that ties are frequent.
            keys in prop::array::uniform3((
                prop::sample::select(vec![Tier::Words, Tier::NamePrefix, Tier::ExactName]),
                0..2_usize,
                0..3_u32,
                0..2_i64,
            )),
        ) {
            let ranked = keys.map(ranked_prompt);
            let order = |a: usize, b: usize| sort_key(&ranked[a]).cmp(&sort_key(&ranked[b]));
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
