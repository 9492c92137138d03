//! The library that is measured: prompts that read like prompts, the same on every run.
//!
//! Words follow Zipf's law, as in real text: a few are in nearly every prompt, most in few.

use std::fmt::Write as _;

use promptdb::domain::draft::Draft;

/// How long a content is, in bytes.
const CONTENT_BYTES: usize = 1500;
/// How many words there are to choose from.
const VOCABULARY: usize = 6000;

/// The words that texts use most, in that order; the rest of the vocabulary is put together.
const COMMON: &str = "the and to a of in for is that with as on be it or by this from are not an at \
    your you if each their which all use one when more only than other into also any what how \
    should must write review explain list answer text code example question reader sentence tone \
    format table step result short clear data name task point reason error test user team product \
    summary report email plan draft idea risk cost price market customer design model system \
    function module request response query index column value number date time week month story \
    chapter scene character dialogue poem title headline paragraph keyword audience budget goal \
    metric deadline meeting agenda note decision owner action lesson topic quiz exercise recipe \
    ingredient garden travel city hotel flight museum weather history science biology physics \
    chemistry algebra geometry statistics probability translation grammar vocabulary spelling";

const SYLLABLES: [&str; 40] = [
    "al", "ba", "cor", "den", "el", "fa", "gra", "hol", "in", "ja", "ker", "lo", "mar", "ne", "or",
    "pla", "qui", "ran", "sol", "ter", "un", "ver", "wil", "yo", "zan", "bre", "cli", "dro", "fen",
    "gil", "hum", "ist", "kal", "len", "mon", "nor", "pos", "rel", "sti", "tur",
];

/// A small generator of random numbers (`SplitMix64`), so that every run measures the same texts.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or_default()
    }

    /// A fraction of 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are as many as a fraction has")]
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A prompt to be saved.
pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) tags: Vec<String>,
    pub(crate) content: String,
}

impl Text {
    /// What stands at the end of the content, and of no other.
    pub(crate) fn mark(&self) -> String {
        format!("Sign the answer with {}.", self.name)
    }

    /// What a client would send to save it.
    pub(crate) fn draft(&self) -> Draft {
        Draft {
            name: Some(self.name.clone()),
            title: Some(self.title.clone()),
            description: Some(self.description.clone()),
            content: Some(self.content.clone()),
            tags: Some(self.tags.clone()),
            variables: None,
        }
    }
}

/// The first prompts of the library.
pub(crate) fn library(count: usize) -> Vec<Text> {
    let mut author = Author::new(1);
    (0..count).map(|number| author.prompt(number)).collect()
}

/// Writes texts.
pub(crate) struct Author {
    words: Vec<String>,
    /// The running sum of the words' frequencies.
    cumulative: Vec<f64>,
    random: Random,
}

impl Author {
    pub(crate) fn new(seed: u64) -> Self {
        // The vocabulary is everybody's; only what is written with it depends on the seed.
        let mut random = Random::new(7);
        let mut words: Vec<String> = COMMON.split_whitespace().map(str::to_owned).collect();
        while words.len() < VOCABULARY {
            let syllables = 2 + random.below(3);
            words.push((0..syllables).map(|_| SYLLABLES[random.below(SYLLABLES.len())]).collect());
        }
        let mut sum = 0.0;
        let frequency = |rank: usize| 1.0 / (f64::from(u32::try_from(rank).unwrap_or(0)) + 2.7);
        let cumulative = (0..words.len()).map(|rank| {
            sum += frequency(rank);
            sum
        });
        Self { cumulative: cumulative.collect(), words, random: Random::new(seed) }
    }

    /// A word of the text at hand.
    pub(crate) fn word(&mut self) -> &str {
        let total = self.cumulative.last().copied().unwrap_or_default();
        let point = self.random.fraction() * total;
        let rank = self.cumulative.partition_point(|sum| *sum < point);
        &self.words[rank.min(self.words.len() - 1)]
    }

    /// A word that few texts hold.
    pub(crate) fn rare_word(&mut self) -> &str {
        let rank = VOCABULARY / 2 + self.random.below(VOCABULARY / 2);
        &self.words[rank]
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word().to_owned()).collect::<Vec<_>>().join(" ")
    }

    fn sentence(&mut self) -> String {
        let length = 6 + self.random.below(12);
        let mut sentence = self.words(length);
        sentence[..1].make_ascii_uppercase();
        sentence.push('.');
        sentence
    }

    /// A prompt with a name that ends in `number`.
    pub(crate) fn prompt(&mut self, number: usize) -> Text {
        let topic = self.rare_word().to_owned();
        let title = format!("{} {topic} {number}", self.words(3));
        let mut text = Text {
            name: format!("{topic}-{number}"),
            description: self.sentence(),
            tags: (0..2).map(|_| self.word().to_owned()).collect(),
            title,
            content: String::with_capacity(CONTENT_BYTES + 100),
        };
        text.tags.dedup();
        text.content.push_str("You help with {{topic}} in a {{tone}} tone.\n\n");
        while text.content.len() < CONTENT_BYTES {
            let sentence = self.sentence();
            let _ = match self.random.below(8) {
                0 => write!(text.content, "\n\n- {sentence}"),
                1 => write!(text.content, " \"{sentence}\""),
                _ => write!(text.content, " {sentence}"),
            };
        }
        let mark = text.mark();
        let _ = write!(text.content, "\n\n{mark}");
        text
    }
}
