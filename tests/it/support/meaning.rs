//! A made-up model: it knows which words mean the same, and needs no file.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use promptdb::domain::vector::{DIMENSIONS, Embedding, ModelId, Vector};
use promptdb::library::TextEncoder;
use promptdb::meaning::ModelError;
use tokio_util::sync::CancellationToken;

/// Words of one meaning; the first one is its topic. Any other word is a topic of its own.
const TOPICS: [&[&str]; 3] = [
    &["sport", "fit", "gym", "personal", "trainer", "workout"],
    &["travel", "trip", "reise", "rom", "rome", "planen", "vacation"],
    &["cooking", "recipe", "dinner", "kochen"],
];

/// The id of a model that differs for each number.
pub(crate) fn model(number: u64) -> ModelId {
    ModelId::parse(&format!("{number:016x}")).unwrap()
}

/// A vector of the topics of the words. Texts without a common topic have a cosine near 0.
pub(crate) fn vector(text: &str) -> Vector {
    let mut sum = [0.0_f32; DIMENSIONS];
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        let topic = TOPICS.iter().find(|words| words.contains(&word.as_str()));
        let mut state = hash(topic.map_or(word.as_str(), |words| words[0]));
        for component in &mut sum {
            // A step of xorshift64 for each sign.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *component += if state & 1 == 0 { 1.0 } else { -1.0 };
        }
    }
    let length = sum.iter().map(|component| component * component).sum::<f32>().sqrt();
    Vector::quantise(&sum.map(|component| if length > 0.0 { component / length } else { 0.0 }))
}

/// FNV-1a, never 0.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }) | 1
}

/// The embedding of a text by model 1.
pub(crate) fn embedding(text: &str) -> Embedding {
    Embedding { model: model(1), vector: vector(text) }
}

/// The model, which counts what it embeds and can be made to fail.
pub(crate) struct MadeUpEncoder {
    model: ModelId,
    queries: AtomicUsize,
    prompts: AtomicUsize,
    fails: AtomicBool,
    stop: OnceLock<(usize, CancellationToken)>,
}

impl MadeUpEncoder {
    pub(crate) fn new(number: u64) -> Self {
        let (queries, prompts) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let fails = AtomicBool::new(false);
        Self { model: model(number), queries, prompts, fails, stop: OnceLock::new() }
    }

    /// The number of queries that it embedded.
    pub(crate) fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }

    /// The number of prompts that it embedded.
    pub(crate) fn prompts(&self) -> usize {
        self.prompts.load(Ordering::SeqCst)
    }

    /// Makes every call fail, or none.
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// Cancels `stop` when so many prompts are embedded.
    pub(crate) fn cancel_after(&self, prompts: usize, stop: &CancellationToken) {
        self.stop.set((prompts, stop.clone())).unwrap();
    }

    fn embed(&self, text: &str, count: &AtomicUsize) -> Result<Vector, ModelError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(ModelError::Damaged);
        }
        count.fetch_add(1, Ordering::SeqCst);
        Ok(vector(text))
    }
}

impl TextEncoder for MadeUpEncoder {
    fn model_id(&self) -> &ModelId {
        &self.model
    }

    fn embed_query(&self, text: &str) -> Result<Vector, ModelError> {
        self.embed(text, &self.queries)
    }

    fn embed_prompt(
        &self,
        title: &str,
        description: &str,
        content: &str,
    ) -> Result<Vector, ModelError> {
        let made = self.embed(&format!("{title} {description} {content}"), &self.prompts);
        if let Some((_, stop)) = self.stop.get().filter(|(prompts, _)| *prompts == self.prompts()) {
            stop.cancel();
        }
        made
    }

    fn rarity(&self, _word: &str) -> f64 {
        4.0
    }
}
