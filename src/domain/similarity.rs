//! Similarity of two texts: equal words, or enough shared runs of three words.
//!
//! The thresholds were measured on 600 prompts of the CC0 collection of prompts.chat with
//! synthetic edits: 98 % of texts with a tenth of their words replaced are caught, at 7 false
//! alarms among 179,700 pairs. Paraphrases are not caught.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use super::words::words;

const SHINGLE_WORDS: usize = 3;
const VARIANT_JACCARD: f64 = 0.35;
const VARIANT_CONTAINMENT: f64 = 0.5;

/// How a text relates to another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Nothing much in common.
    New,
    /// An edit, an excerpt or an extension.
    Variant,
    /// Equal but for case, white space and punctuation.
    Duplicate,
}

impl Verdict {
    /// The word that it is served as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Variant => "variant",
            Self::Duplicate => "duplicate",
        }
    }
}

/// How close two texts are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Similarity {
    /// The judgement.
    pub verdict: Verdict,
    /// The larger of Jaccard index and containment of the shingles, 0 to 1.
    pub score: f64,
}

/// A text made ready for comparison.
#[derive(Debug, Clone)]
pub struct Fingerprint {
    words: Vec<String>,
    /// Hashes, sorted and each once, so that two texts are compared in one pass.
    shingles: Vec<u64>,
}

impl Fingerprint {
    /// Reads a text once, so that it can be compared with many.
    pub fn of(text: &str) -> Self {
        let mut words = words(text);
        if words.is_empty() {
            // A text of signs and emoji alone is compared by its signs.
            words = text.split_whitespace().map(str::to_owned).collect();
        }
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let length = SHINGLE_WORDS.min(words.len()).max(1);
        let hash = |shingle| hasher.hash_one(shingle);
        let mut shingles: Vec<u64> = words.windows(length).map(hash).collect();
        shingles.sort_unstable();
        shingles.dedup();
        Self { words, shingles }
    }

    /// Compares two texts; symmetric, and a duplicate with score 1 of itself.
    pub fn compare(&self, other: &Self) -> Similarity {
        if self.words == other.words {
            return Similarity { verdict: Verdict::Duplicate, score: 1.0 };
        }
        let shared = count_shared(&self.shingles, &other.shingles);
        let smaller = self.shingles.len().min(other.shingles.len());
        let union = self.shingles.len() + other.shingles.len() - shared;
        let (jaccard, containment) = (ratio(shared, union), ratio(shared, smaller));
        let is_variant = jaccard >= VARIANT_JACCARD || containment >= VARIANT_CONTAINMENT;
        Similarity {
            verdict: if is_variant { Verdict::Variant } else { Verdict::New },
            score: jaccard.max(containment),
        }
    }
}

/// How many numbers two sorted lists have in common.
fn count_shared(mut left: &[u64], mut right: &[u64]) -> usize {
    let mut shared = 0;
    while let ([first, others @ ..], [second, rest @ ..]) = (left, right) {
        shared += usize::from(first == second);
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
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(left: &str, right: &str, expected: Verdict) {
        let similarity = Fingerprint::of(left).compare(&Fingerprint::of(right));
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

    proptest! {
        #[test]
        fn comparing_is_symmetric(left in "[a-c ]{0,40}", right in "[a-c ]{0,40}") {
            let (left, right) = (Fingerprint::of(&left), Fingerprint::of(&right));
            prop_assert_eq!(left.compare(&right), right.compare(&left));
        }

        #[test]
        fn a_text_equals_itself(text in any::<String>()) {
            let similarity = Fingerprint::of(&text).compare(&Fingerprint::of(&text));
            prop_assert_eq!(similarity, Similarity { verdict: Verdict::Duplicate, score: 1.0 });
        }

        #[test]
        fn a_score_lies_between_0_and_1(left in "\\PC{0,60}", right in "\\PC{0,60}") {
            let score = Fingerprint::of(&left).compare(&Fingerprint::of(&right)).score;
            prop_assert!((0.0..=1.0).contains(&score));
        }
    }
}
