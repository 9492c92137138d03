//! Similarity of two texts: equal words, or enough shared shingles.
//!
//! A shingle is a run of three consecutive words (Broder, "On the resemblance and containment of
//! documents", 1997). Two sets of shingles are compared by the Jaccard index, which is the size of
//! their intersection by that of their union, and by containment, which is the size of the
//! intersection by that of the smaller set. Containment also detects an excerpt of a long text.
//!
//! The thresholds were measured on 600 prompts of the CC0 collection of prompts.chat with
//! synthetic edits: 98 % of texts with a tenth of their words replaced are detected, at 7 false
//! positives among 179,700 pairs. Paraphrases are detected by their meaning alone.

use super::words::for_each_word;

/// Bytes for which a text is assumed to have one word, when room is made for them.
const TYPICAL_WORD_BYTES: usize = 6;
/// Words in a shingle. A text of fewer words is one shingle.
const SHINGLE_WORDS: usize = 3;
/// Minimum Jaccard index of a variant.
const VARIANT_JACCARD: f64 = 0.35;
/// Minimum containment of a variant.
const VARIANT_CONTAINMENT: f64 = 0.5;

/// Minimum cosine of the meanings of related texts.
const RELATED_COSINE: f64 = 0.70;

/// The relation of a text to another one, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Too few shared shingles.
    New,
    /// Other words of a near meaning.
    Related,
    /// An edit, an excerpt or an extension.
    Variant,
    /// The same words, whatever their case, white space and punctuation.
    Duplicate,
}

impl Verdict {
    /// The name of the verdict in responses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Related => "related",
            Self::Variant => "variant",
            Self::Duplicate => "duplicate",
        }
    }
}

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// The relation of the two texts.
    pub verdict: Verdict,
    /// The larger of Jaccard index and containment of the shingles, from 0 to 1; of related texts the
    /// cosine of their meanings.
    pub score: f64,
}

impl Similarity {
    /// Adds what the cosine between the meanings of the two texts shows: it relates texts that share too
    /// few shingles, and changes no other verdict.
    #[must_use]
    pub fn with_meaning(self, cosine: Option<f64>) -> Self {
        match cosine.filter(|cosine| *cosine >= RELATED_COSINE) {
            Some(score) if self.verdict == Verdict::New => {
                Self { verdict: Verdict::Related, score }
            }
            _ => self,
        }
    }
}

/// A text prepared for comparison.
#[derive(Debug, Clone)]
pub struct Fingerprint {
    /// Hashes of the words in order. They are compared instead of the words, which would be an
    /// allocation each; two different texts of equal hashes do not occur by chance.
    words: Vec<u64>,
    /// Hashes of the distinct shingles in ascending order, so that one pass compares two texts.
    shingles: Vec<u64>,
}

impl Fingerprint {
    /// Prepares a text. Takes time linear in its length but for the sorting of the hashes, so that
    /// a text is prepared once and compared with many.
    pub fn new(text: &str) -> Self {
        let mut words = Vec::with_capacity(text.len() / TYPICAL_WORD_BYTES);
        for_each_word(text, |word| words.push(hash_word(word)));
        if words.is_empty() {
            // A text of punctuation and emoji alone has no words, and every two such texts would be
            // duplicates. It is compared by its runs between white space instead.
            words.extend(text.split_whitespace().map(hash_word));
        }
        // `windows` panics on a length of 0, and returns nothing if the length exceeds the words.
        let length = SHINGLE_WORDS.min(words.len()).max(1);
        let mut shingles: Vec<u64> = words.windows(length).map(combine).collect();
        shingles.sort_unstable();
        shingles.dedup();
        Self { words, shingles }
    }

    /// Compares two texts in time linear in their lengths. Symmetric; a text is a duplicate of itself
    /// with score 1.
    pub fn compare(&self, other: &Self) -> Similarity {
        if self.words == other.words {
            return Similarity { verdict: Verdict::Duplicate, score: 1.0 };
        }
        let shared = count_shared(&self.shingles, &other.shingles);
        let smaller = self.shingles.len().min(other.shingles.len());
        // Inclusion and exclusion: what both have would count twice.
        let union = self.shingles.len() + other.shingles.len() - shared;
        let (jaccard, containment) = (ratio(shared, union), ratio(shared, smaller));
        let is_variant = jaccard >= VARIANT_JACCARD || containment >= VARIANT_CONTAINMENT;
        Similarity {
            verdict: if is_variant { Verdict::Variant } else { Verdict::New },
            score: jaccard.max(containment),
        }
    }
}

/// Hashes a word eight bytes at a time: the same hash in every process. Words that are made to collide
/// would only confuse their owner's own comparison.
fn hash_word(word: &str) -> u64 {
    let (chunks, rest) = word.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    // The length, which comes first, tells a word from one that ends with zeros.
    let parts = chunks.iter().chain([&last]).map(|part| u64::from_le_bytes(*part));
    let hash = parts.fold(word.len() as u64, mix);
    hash ^ (hash >> 32)
}

/// Combines the hashes of the words of a shingle. Their order counts.
fn combine(shingle: &[u64]) -> u64 {
    shingle.iter().fold(0, |hash, word| mix(hash, *word))
}

fn mix(hash: u64, value: u64) -> u64 {
    /// An odd number without a pattern in its bits: 2^64 divided by the golden ratio.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    (hash.rotate_left(29) ^ value).wrapping_mul(SPREAD)
}

/// Returns how many numbers two strictly ascending lists have in common.
fn count_shared(mut left: &[u64], mut right: &[u64]) -> usize {
    let mut shared = 0;
    while let ([first, others @ ..], [second, rest @ ..]) = (left, right) {
        shared += usize::from(first == second);
        // The smaller of the two cannot occur in the other list any more; equal ones both advance.
        if first <= second {
            left = others;
        }
        if second <= first {
            right = rest;
        }
    }
    shared
}

#[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^52 shingles")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(left: &str, right: &str, expected: Verdict) {
        let similarity = Fingerprint::new(left).compare(&Fingerprint::new(right));
        assert_eq!(similarity.verdict, expected, "{left:?} / {right:?}: {similarity:?}");
    }

    #[test]
    fn verdicts() {
        let text = "Review the following code for bugs, then suggest three clear improvements.";
        check(text, &text.to_uppercase().replace(',', " ;"), Verdict::Duplicate);
        check(text, &text.replace("three", "two"), Verdict::Variant);
        check(
            text,
            &format!("You are an expert. {text} Answer in French, please."),
            Verdict::Variant,
        );
        check(text, "Write a poem about the sea in the style of a sailor.", Verdict::New);
        check("翻译以下文本成英文，保持语气。", "翻译以下文本成英文 保持语气", Verdict::Duplicate);
        check("翻译以下文本成英文，保持语气。", "翻译以下文本成法文，保持语气。", Verdict::Variant);
        check("翻译以下文本成英文，保持语气。", "写一首关于大海的诗。", Verdict::New);
        check("🎉 🎉", "🎉", Verdict::New);
    }

    #[test]
    fn a_near_meaning_relates_texts_of_other_words_alone() {
        let text = "Review the following code for bugs, then suggest improvements.";
        let of = |other: &str| Fingerprint::new(text).compare(&Fingerprint::new(other));
        let paraphrase = of("Find the faults of a program and tell what would make it better.");
        for (cosine, expected) in [
            (None, Verdict::New),
            (Some(RELATED_COSINE - 0.001), Verdict::New),
            (Some(RELATED_COSINE), Verdict::Related),
        ] {
            assert_eq!(paraphrase.with_meaning(cosine).verdict, expected, "{cosine:?}");
        }
        assert_eq!(of(text).with_meaning(Some(0.9)), of(text));
        let variant = of(&text.replace("then", "and"));
        assert_eq!(variant.verdict, Verdict::Variant);
        assert_eq!(variant.with_meaning(Some(0.9)), variant);
        assert!(Verdict::New < Verdict::Related && Verdict::Related < Verdict::Variant);
    }

    #[test]
    fn words_of_any_length_have_hashes_of_their_own() {
        let words =
            ["", "a", "b", "ab", "ba", "a\0", "abcdefgh", "abcdefgh\0", "abcdefghi", "ihgfedcba"];
        let hashes: HashSet<u64> = words.into_iter().map(hash_word).collect();
        assert_eq!(hashes.len(), words.len());
    }

    /// Texts of few distinct words, so that two of them share runs of words as often as not.
    fn repetitive_text() -> impl Strategy<Value = String> {
        let word = prop::sample::select(vec!["a", "b", "c", "Ä", "翻", "🎉", "-"]);
        prop::collection::vec(word, 0..12).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn comparing_is_symmetric(left in repetitive_text(), right in repetitive_text()) {
            let (left, right) = (Fingerprint::new(&left), Fingerprint::new(&right));
            prop_assert_eq!(left.compare(&right), right.compare(&left));
        }

        #[test]
        fn a_text_is_a_duplicate_of_itself(text in prop_oneof![repetitive_text(), any::<String>()]) {
            let similarity = Fingerprint::new(&text).compare(&Fingerprint::new(&text));
            prop_assert_eq!(similarity, Similarity { verdict: Verdict::Duplicate, score: 1.0 });
        }

        #[test]
        fn a_score_lies_between_0_and_1(left in repetitive_text(), right in repetitive_text()) {
            let score = Fingerprint::new(&left).compare(&Fingerprint::new(&right)).score;
            prop_assert!((0.0..=1.0).contains(&score));
        }

        #[test]
        fn shingles_are_counted_as_sets_are(left in repetitive_text(), right in repetitive_text()) {
            let (left, right) = (Fingerprint::new(&left), Fingerprint::new(&right));
            let others: HashSet<u64> = right.shingles.iter().copied().collect();
            let shared = left.shingles.iter().filter(|shingle| others.contains(shingle)).count();
            prop_assert_eq!(count_shared(&left.shingles, &right.shingles), shared);
        }
    }
}
