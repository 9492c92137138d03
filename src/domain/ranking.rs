//! The order of search results: one pure function over the matches of a store, so that every store
//! returns them in the same order.
//!
//! The score of a prompt is `meaning + 0.3 words + 0.2 title + name`. The meaning is the cosine between
//! the vectors of the prompt and the query, where there is a model. The words of a query weigh by their
//! rarity, so that frequent words decide nothing. A word in a long text weighs less than in a short one, as
//! in BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009). The trigrams of the
//! title find what was typed with a typo.

mod occurrences;
mod query;
mod score;
mod stop_words;
mod weights;
mod winner;

use std::cmp::Reverse;
use std::iter;

use self::occurrences::{count_occurrences, share_of};
pub use self::query::{QUERY_WORDS_MAX, Query};
pub use self::score::Score;
pub use self::weights::{Frequencies, estimate, may_resemble, weigh_by_rarity};
pub use self::winner::find_clear_winner;
use super::prompt::Prompt;
use super::trigrams::{Trigrams, dice};
use super::words::split_words;

/// Maximum number of matches by name and words that a store passes to [`rank`], and of those by meaning.
pub const MATCHES_MAX: usize = 50;
/// Maximum number of those that are found by a prefix of their name.
pub const NAMES_MAX: usize = MATCHES_MAX / 2;
/// Maximum number of prompts among which a query without a clear winner lets its caller choose.
pub const SUGGESTED_MAX: usize = 5;
/// The part of the query's words in a score.
const WORDS_WEIGHT: f64 = 0.3;
/// The part of the title's resemblance in a score.
const TITLE_WEIGHT: f64 = 0.2;
/// The score of a name that begins with the query.
const NAME_PREFIX_SCORE: f64 = 0.1;
/// The score of a name that is the query. It exceeds all other parts together.
const EXACT_NAME_SCORE: f64 = 1.0;

/// Minimum cosine of a prompt that matches by its meaning alone. Whatever a query is, some prompts are
/// nearest to it; below this they have nothing to do with it (`docs/search.md`).
const MEANING_MIN: f64 = 0.2;

/// Minimum resemblance of a title without any of the query's words: this Dice coefficient, or this
/// part of the query's trigrams, which a long title does not lower.
const RESEMBLANCE_MIN: f64 = 0.3;
const SHARED_TRIGRAMS_MIN: f64 = 1.0 / 3.0;

/// A prompt that a store found.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// The prompt.
    pub prompt: Prompt,
    /// The cosine between its vector and the meaning of the query; `None` without either.
    pub cosine: Option<f64>,
}

impl From<Prompt> for Match {
    /// A match by words alone.
    fn from(prompt: Prompt) -> Self {
        Self { prompt, cosine: None }
    }
}

/// A prompt with its score.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// How well it matches the query.
    pub score: Score,
    /// The prompt.
    pub prompt: Prompt,
}

/// Sorts the matches of a store, the best first, and drops those that match nothing.
///
/// `weights` has one weight for each word of the query, as from [`Frequencies::to_weights`] or
/// [`weigh_by_rarity`]. The order is by score, then the latest save, then the id. It does not depend on
/// the order of `found`. Takes time linear in the length of the texts.
pub fn rank(query: &Query, weights: &[f64], found: Vec<Match>) -> Vec<Ranked> {
    let is_by_meaning = found.iter().any(|one| one.cosine.is_some());
    // A long query is a sentence more often where there is a model, and its stop words resemble titles that
    // begin with the same ones.
    let trigrams = if is_by_meaning {
        Trigrams::of(&query.telling_words())
    } else {
        Trigrams::of(&query.words)
    };
    let mut ranked: Vec<Ranked> = found
        .into_iter()
        .filter_map(|Match { prompt, cosine }| {
            let mut score = measure(query, weights, &trigrams, &prompt, cosine)?;
            if is_by_meaning && cosine.is_none() {
                score.stand_in = score.words + score.title;
            }
            Some(Ranked { score, prompt })
        })
        .collect();
    ranked.sort_by(|left, right| sort_key(right).cmp(&sort_key(left)));
    ranked
}

/// The key of a total order: two prompts of one library never compare equal, because their ids
/// differ. Pages of results depend on that.
fn sort_key(ranked: &Ranked) -> impl Ord + '_ {
    (ranked.score.millionths(), ranked.prompt.updated_at, Reverse(ranked.prompt.id.as_str()))
}

/// Returns the score of a prompt, or `None` if neither its meaning, nor its name, nor a word, nor its
/// title matches.
fn measure(
    query: &Query,
    weights: &[f64],
    trigrams: &Trigrams,
    prompt: &Prompt,
    cosine: Option<f64>,
) -> Option<Score> {
    let title_words = split_words(prompt.body.title.as_str());
    let name_words = split_words(prompt.name.as_str());
    let occurrences = count_occurrences(query, &title_words, &name_words, prompt);
    let words = WORDS_WEIGHT * occurrences.weigh(weights);
    let [headed, covered] = [&occurrences.in_heading, &occurrences.of_word]
        .map(|found| share_of(weights, |index| found[index] > 0.0));
    // A name mostly repeats the title.
    let names = (name_words != title_words).then_some(name_words.as_slice());
    let headings = iter::once(title_words.as_slice()).chain(names);
    let resemblance = measure_resemblance(trigrams, headings);
    let name = match &query.name {
        Some(name) if *name == prompt.name => EXACT_NAME_SCORE,
        Some(name) if prompt.name.as_str().starts_with(name.as_str()) => NAME_PREFIX_SCORE,
        _ => 0.0,
    };
    let has_words = words > 0.0 || name > 0.0;
    let is_meant = cosine.is_some_and(|cosine| cosine >= MEANING_MIN);
    let counts = has_words || is_meant;
    let resemblance = resemblance.filter(|(_, is_near)| counts || *is_near);
    let title = TITLE_WEIGHT * resemblance.map(|(dice, _)| dice).unwrap_or_default();
    let score = Score { meaning: cosine, stand_in: 0.0, words, title, name, headed, covered };
    (counts || title > 0.0).then_some(score)
}

/// Returns the resemblance of the query to the nearest of some headings, as a Dice coefficient, and
/// whether it is near enough to count without any word of the query.
#[expect(clippy::cast_precision_loss, reason = "a query has far fewer than 2^52 trigrams")]
fn measure_resemblance<'a>(
    query: &Trigrams,
    headings: impl Iterator<Item = &'a [String]>,
) -> Option<(f64, bool)> {
    if query.is_empty() {
        return None;
    }
    let resemblances = headings.map(|words| {
        let heading = Trigrams::of(words);
        let dice = dice(query, &heading);
        let shared = query.count_shared(&heading) as f64 / query.len() as f64;
        (dice, dice >= RESEMBLANCE_MIN || shared >= SHARED_TRIGRAMS_MIN)
    });
    resemblances.reduce(|best, next| if next.0 > best.0 { next } else { best })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::draft::Draft;
    use crate::domain::prompt::PromptId;

    pub(super) fn prompt(name: &str, title: &str, content: &str, saved_at: i64) -> Prompt {
        let draft = Draft {
            name: Some(name.to_owned()),
            title: Some(title.to_owned()),
            content: Some(content.to_owned()),
            ..Draft::default()
        };
        draft.into_prompt(Timestamp::from_millis(saved_at))
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

    /// The frequencies of a search that read all of `prompts`.
    fn frequencies(query: &Query, prompts: &[Prompt]) -> Frequencies {
        let has = |prompt: &Prompt, word: &str| {
            let body = &prompt.body;
            let texts = [prompt.name.as_str(), body.title.as_str(), body.content.as_str()];
            texts.iter().any(|text| split_words(text).iter().any(|one| one == word))
        };
        Frequencies {
            rows: prompts.iter().filter(|p| query.words.iter().any(|word| has(p, word))).count(),
            with_word: query
                .words
                .iter()
                .map(|word| prompts.iter().filter(|prompt| has(prompt, word)).count())
                .collect(),
        }
    }

    pub(super) fn search(query: &str, prompts: Vec<Prompt>) -> Vec<Ranked> {
        let query = Query::parse(query).unwrap();
        let weights = frequencies(&query, &prompts).to_weights(&query);
        rank(&query, &weights, prompts.into_iter().map(Match::from).collect())
    }

    fn names(ranked: &[Ranked]) -> Vec<&str> {
        ranked.iter().map(|one| one.prompt.name.as_str()).collect()
    }

    #[track_caller]
    fn check(query: &str, expected: &[&str], winner: bool) {
        let ranked = search(query, library());
        assert_eq!(names(&ranked), expected);
        let query = Query::parse(query).unwrap();
        assert_eq!(find_clear_winner(&query, &ranked).is_some(), winner, "{:?}", ranked[0].score);
    }

    #[test]
    fn names_rank_before_words_and_titles_before_contents() {
        check("Review", &["review", "review-rust", "alpha", "beta"], true);
        check("revi", &["review", "review-rust", "alpha", "beta"], true);
        check("review films", &["alpha", "review", "review-rust", "beta"], true);
        check("other", &["gamma", "beta"], false);
        assert!(search("absent", library()).is_empty());
    }

    #[test]
    fn rare_words_decide_and_frequent_ones_do_not() {
        let mut prompts: Vec<Prompt> = (0..40)
            .map(|number| {
                prompt(&format!("p-{number}"), "The best of the rest", "the of a", number)
            })
            .collect();
        prompts.push(prompt("zebra", "Animals", "a zebra", 50));
        let ranked = search("the best of a zebra", prompts);
        assert_eq!(ranked[0].prompt.name.as_str(), "zebra");
        assert!(ranked[0].score.words > 5.0 * ranked[1].score.words, "{ranked:?}");
    }

    #[test]
    fn a_word_that_it_begins_counts_half() {
        let ranked = search(
            "plan trips",
            vec![prompt("a", "Plan trips", "x", 1), prompt("b", "Planner trips", "x", 2)],
        );
        assert_eq!(names(&ranked), ["a", "b"]);
        assert!(ranked[1].score.words > 0.5 * ranked[0].score.words, "{ranked:?}");
        assert!(search("rip pla", vec![prompt("a", "Trips", "x", 1)]).is_empty());
    }

    #[test]
    fn a_title_is_found_despite_a_typo() {
        let prompts = || {
            vec![
                prompt("a", "Kubernetes deployment checklist for the whole team", "x", 1),
                prompt("b", "Review Rust code", "x", 2),
            ]
        };
        assert_eq!(names(&search("kubernets", prompts())), ["a"]);
        assert_eq!(names(&search("rveiew rust", prompts())), ["b"]);
        assert_eq!(names(&search("pfizer", prompts())), Vec::<&str>::new());
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

    fn ranked_prompt((points, saved_at): (u8, i64)) -> Ranked {
        let score = Score { words: f64::from(points) * 0.1, ..Score::default() };
        Ranked { score, prompt: prompt("n", "t", "c", saved_at) }
    }

    /// Ranks the library by a query, with a cosine for each prompt.
    fn search_by_meaning(query: &str, cosines: [Option<f64>; 5]) -> Vec<Ranked> {
        let query = Query::parse(query).unwrap();
        let weights = weigh_by_rarity(&query, |_| 4.0);
        let found = library().into_iter().zip(cosines);
        rank(&query, &weights, found.map(|(prompt, cosine)| Match { prompt, cosine }).collect())
    }

    #[test]
    fn the_score_is_the_sum_of_its_parts_and_decides_the_order() {
        let cosines = [0.1, 0.2, 0.45, 0.05, 0.9].map(Some);
        let ranked = search_by_meaning("review", cosines);
        assert_eq!(names(&ranked), ["review", "gamma", "alpha", "review-rust", "beta"]);
        for one in &ranked {
            let Score { meaning, words, title, name, .. } = one.score;
            let sum = meaning.unwrap() + words + title + name;
            assert!((one.score.total() - sum).abs() < 1e-12);
            assert!((0.0..=0.3).contains(&words) && (0.0..=0.2).contains(&title), "{one:?}");
        }
        assert_eq!(ranked[1].score, Score { meaning: Some(0.9), ..Score::default() });
    }

    #[test]
    fn what_matches_by_its_meaning_alone_has_to_be_near() {
        for (cosine, found) in [(MEANING_MIN, 1), (MEANING_MIN - 0.001, 0), (-1.0, 0)] {
            let ranked = search_by_meaning("elsewhere", [Some(cosine), None, None, None, None]);
            assert_eq!(ranked.len(), found, "{cosine}");
        }
        let far = search_by_meaning("films", [Some(-0.5); 5]);
        assert_eq!(names(&far), ["alpha"], "its title has the word");
    }

    /// As while an import waits for its vectors.
    #[test]
    fn a_prompt_without_a_vector_counts_by_its_words_twice() {
        let cosines = [Some(0.3), Some(0.3), None, Some(0.3), Some(0.3)];
        let ranked = search_by_meaning("review of films", cosines);
        assert_eq!(ranked[0].prompt.name.as_str(), "alpha");
        let Score { words, title, meaning, .. } = ranked[0].score;
        assert_eq!(meaning, None);
        assert!((ranked[0].score.total() - 2.0 * (words + title)).abs() < 1e-12);
        let by_words = search_by_meaning("review of films", [None; 5]);
        assert!((by_words[0].score.total() - words - title).abs() < 0.2, "without any vector once");
        assert!(by_words.iter().all(|one| one.score.stand_in == 0.0));
    }

    #[test]
    fn stop_words_resemble_no_title_where_there_is_a_model() {
        let found = || {
            vec![
                Match { prompt: prompt("a", "Help me get there", "x", 1), cosine: Some(0.3) },
                Match { prompt: prompt("b", "Fitness", "x", 2), cosine: Some(0.3) },
            ]
        };
        for (text, first) in [("help me get fit", "b"), ("help me get", "a")] {
            let query = Query::parse(text).unwrap();
            let ranked = rank(&query, &weigh_by_rarity(&query, |_| 4.0), found());
            assert_eq!(ranked[0].prompt.name.as_str(), first, "{text}: {ranked:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_of_the_matches_does_not_matter(
            order in Just((0..10_usize).collect::<Vec<_>>()).prop_shuffle(),
            text in "(review|other|rust|x|re|films)( (code|x|a))?",
            // Few values, so that ties are frequent.
            cosines in prop::array::uniform10(prop::option::of((0..3_i8).prop_map(|of| f64::from(of) / 4.0))),
        ) {
            let query = Query::parse(&text).unwrap();
            let found = library_with_ties();
            let weights = frequencies(&query, &found).to_weights(&query);
            let found = found.into_iter().zip(cosines);
            let found: Vec<Match> = found.map(|(prompt, cosine)| Match { prompt, cosine }).collect();
            let shuffled = order.iter().map(|index| found[*index].clone()).collect();
            prop_assert_eq!(rank(&query, &weights, found), rank(&query, &weights, shuffled));
        }

        #[test]
        fn ranking_is_a_total_order(
            // Few values for each part, so that ties are frequent.
            keys in prop::array::uniform3((0..3_u8, 0..2_i64)),
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
