//! Trigrams: the runs of three characters of a title, by which a word with a typo resembles the right
//! one.

use super::words::is_unspaced;

/// Stands for the start and the end of a word in a trigram of an index, where a space would end it.
pub const WORD_EDGE: char = '_';

/// The distinct trigrams of a text, in ascending order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigrams(Vec<[char; 3]>);

impl Trigrams {
    /// The trigrams of words as they are written: between spaces, except in scripts without spaces.
    pub fn of<S: AsRef<str>>(words: &[S]) -> Self {
        let mut text = vec![' '];
        let mut last_is_unspaced = false;
        for word in words.iter().map(AsRef::as_ref) {
            let first_is_unspaced = word.chars().next().is_some_and(is_unspaced);
            if text.len() > 1 && !(last_is_unspaced && first_is_unspaced) {
                text.push(' ');
            }
            text.extend(word.chars());
            last_is_unspaced = word.chars().last().is_some_and(is_unspaced);
        }
        text.push(' ');
        let mut trigrams: Vec<[char; 3]> =
            text.windows(3).map(|run| [run[0], run[1], run[2]]).collect();
        trigrams.sort_unstable();
        trigrams.dedup();
        Self(trigrams)
    }

    /// The number of distinct trigrams.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none, as for no words.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many trigrams both have.
    pub fn count_shared(&self, other: &Self) -> usize {
        let (mut shared, mut others) = (0, other.0.as_slice());
        for trigram in &self.0 {
            // Both are in ascending order, so what is smaller cannot occur any more.
            others = &others[others.iter().take_while(|other| *other < trigram).count()..];
            shared += usize::from(others.first() == Some(trigram));
        }
        shared
    }

    /// The trigrams within single words, as terms of an index: [`WORD_EDGE`] replaces the space.
    pub fn terms(&self) -> impl Iterator<Item = String> + '_ {
        let within = self.0.iter().filter(|[_, middle, _]| *middle != ' ');
        within.map(|run| run.iter().map(|c| if *c == ' ' { WORD_EDGE } else { *c }).collect())
    }
}

/// Returns the Dice coefficient: twice what two sets share, by the sum of their sizes. From 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^52 trigrams")]
pub fn dice(left: &Trigrams, right: &Trigrams) -> f64 {
    let sizes = left.len() + right.len();
    if sizes == 0 { 0.0 } else { 2.0 * left.count_shared(right) as f64 / sizes as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::words::split_words;

    fn trigrams(text: &str) -> Trigrams {
        Trigrams::of(&split_words(text))
    }

    #[test]
    fn words_have_edges_and_characters_of_unspaced_scripts_have_none() {
        let terms = |text| trigrams(text).terms().collect::<Vec<_>>();
        assert_eq!(terms("Ab cde"), ["_ab", "_cd", "ab_", "cde", "de_"]);
        assert_eq!(terms("翻译成"), ["_翻译", "翻译成", "译成_"]);
        assert_eq!(terms("a"), ["_a_"]);
        assert!(trigrams("").is_empty());
    }

    #[test]
    fn a_typo_leaves_most_trigrams() {
        let near = dice(&trigrams("kubernets"), &trigrams("Kubernetes"));
        assert!(near > 0.7, "{near}");
        assert!(dice(&trigrams("kubernets"), &trigrams("Haiku about spring")) < 0.1);
        assert!((dice(&trigrams("Code review"), &trigrams("code-review")) - 1.0).abs() < 1e-9);
        assert!(dice(&trigrams(""), &trigrams("")) < 1e-9);
    }
}
