//! Whether the best match is clearly the one that was meant.

use super::stop_words::is_stop_word;
use super::{EXACT_NAME_SCORE, Query, Ranked, Score};

/// Minimum score of a clear winner with a vector, and its minimum lead over the next prompt. Queries that
/// no prompt of the measured library answers stay below (`docs/search.md`).
const MEANT_SCORE_MIN: f64 = 0.50;
const MEANT_LEAD_MIN: f64 = 0.06;

/// Minimum score of a clear winner by words alone, and its minimum lead. On 138 labelled queries 0.98 of
/// the winners are right (`docs/search.md`). A word that occurs once, in the content of a single prompt,
/// stays below the minimum.
const WORDS_SCORE_MIN: f64 = 0.18;
const WORDS_LEAD_MIN: f64 = 0.04;
/// Minimum parts of the query's weight that are in the name, title and tags of a winner by words, and in
/// any of its texts. Without them a prompt that mentions one of the words in passing would win where no
/// other has it.
const HEADED_MIN: f64 = 0.2;
const COVERED_MIN: f64 = 0.5;
/// Minimum resemblance of a title that means the query without such words, which may have typos.
const TITLE_MIN: f64 = 0.14;

/// Returns the index of the best match if it stands out: its name is the query, or its score and its
/// lead over the next are high enough. A single weak match does not win, and neither does a match of
/// stop words alone.
pub fn find_clear_winner(query: &Query, ranked: &[Ranked]) -> Option<usize> {
    let best = ranked.first()?.score;
    let next = ranked.get(1).map(|second| second.score).unwrap_or_default();
    let lead = best.total() - next.total();
    let is_named = best.name >= EXACT_NAME_SCORE;
    let stands_out = match best.meaning {
        Some(_) => best.total() >= MEANT_SCORE_MIN && lead >= MEANT_LEAD_MIN,
        None => wins_by_words(best, lead),
    };
    let has_sense = !query.words.iter().all(|word| is_stop_word(word));
    (is_named || has_sense && stands_out).then_some(0)
}

/// Whether a prompt wins by words alone: its texts have enough of them, or its title resembles the query.
fn wins_by_words(score: Score, lead: f64) -> bool {
    let has_words = score.headed >= HEADED_MIN && score.covered >= COVERED_MIN;
    let is_meant = has_words || score.title >= TITLE_MIN;
    is_meant && score.total() - score.stand_in >= WORDS_SCORE_MIN && lead >= WORDS_LEAD_MIN
}

#[cfg(test)]
mod tests {
    use super::super::tests::{prompt, search};
    use super::super::{Match, rank, weigh_by_rarity};
    use super::*;

    /// Whether the best of two prompts wins that match by meaning alone.
    fn wins(query: &str, cosines: [f64; 2]) -> bool {
        let query = Query::parse(query).unwrap();
        let found = cosines.into_iter().zip(["one", "two"]);
        let found = found
            .map(|(cosine, name)| Match {
                prompt: prompt(name, name, "x", 1),
                cosine: Some(cosine),
            })
            .collect();
        let ranked = rank(&query, &weigh_by_rarity(&query, |_| 4.0), found);
        find_clear_winner(&query, &ranked).is_some()
    }

    #[test]
    fn a_winner_by_meaning_has_a_high_score_and_a_lead() {
        assert!(wins("elsewhere", [0.501, 0.44]));
        assert!(!wins("elsewhere", [0.499, 0.1]), "the score");
        assert!(!wins("elsewhere", [0.8, 0.75]), "the lead");
        assert!(wins("one", [0.1, 0.9]), "the name");
        assert!(!wins("how do i do this", [0.9, 0.1]), "stop words");
    }

    /// As while an import waits for its vectors.
    #[test]
    fn a_winner_without_a_vector_has_enough_words() {
        let query = Query::parse("rooftop pool").unwrap();
        let with = |content: &str| Match::from(prompt("pool", "Rooftop pool", content, 1));
        let other = Match { prompt: prompt("other", "Other", "x", 2), cosine: Some(0.3) };
        let ranked = |first: Match| {
            rank(&query, &weigh_by_rarity(&query, |_| 4.0), vec![first, other.clone()])
        };
        assert_eq!(find_clear_winner(&query, &ranked(with("x"))), Some(0));
        let passing = Match::from(prompt("hall", "Town hall", "It has a pool and a rooftop.", 1));
        assert_eq!(find_clear_winner(&query, &ranked(passing)), None);
    }

    /// Each query has one match, which shares a word with it and is about something else.
    #[test]
    fn a_lonely_weak_match_is_no_winner() {
        let prompts = || {
            vec![
                prompt(
                    "simple",
                    "Explain like I am five",
                    "Explain as you would to a child five years old this year.",
                    1,
                ),
                prompt(
                    "pool",
                    "Rooftop pool",
                    "A person with a tattoo relaxes by the water. No removal of clouds.",
                    2,
                ),
            ]
        };
        for query in [
            "year end tax",
            "tattoo removal",
            "tattoo",
            "water damage",
            "child",
            "like",
            "what i like",
            "person",
            "to be or not to be",
            "not",
        ] {
            let ranked = search(query, prompts());
            let parsed = Query::parse(query).unwrap();
            assert_eq!(find_clear_winner(&parsed, &ranked), None, "{query}: {:?}", ranked[0].score);
        }
        for query in ["rooftop pool", "explain like five", "Rooftop pol", "my rooftop pool prompt"]
        {
            let ranked = search(query, prompts());
            let parsed = Query::parse(query).unwrap();
            assert_eq!(
                find_clear_winner(&parsed, &ranked),
                Some(0),
                "{query}: {:?}",
                ranked[0].score
            );
        }
    }
}
