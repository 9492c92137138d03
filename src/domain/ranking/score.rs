//! How well a prompt matches a query.

/// How well a prompt matches a query, part by part; the greater the better.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    /// The cosine between the vectors of the prompt and the query: -1 to 1; `None` without one of them.
    pub meaning: Option<f64>,
    /// What counts instead, for a prompt without a vector among others that have one: `words` and `title`
    /// once more. Until its vector is made, it would come after all of them.
    pub stand_in: f64,
    /// The occurrences of the query's words: 0 to 0.3.
    pub words: f64,
    /// The resemblance of the title, or of the name, to the query: 0 to 0.2.
    pub title: f64,
    /// 1 for a name that is the query as a slug, 0.1 for a name that begins with it.
    pub name: f64,
    /// The part of the query's weight whose words are in name, title or tags, from 0 to 1. It is part
    /// of no sum: a winner by words needs it.
    pub headed: f64,
    /// The part of the query's weight whose words are in any text, likewise.
    pub covered: f64,
}

impl Score {
    /// The sum of the parts.
    pub fn total(self) -> f64 {
        self.meaning.unwrap_or(self.stand_in) + self.words + self.title + self.name
    }

    /// The total in millionths. Equal on every processor, although its logarithms may differ in the
    /// last bits.
    #[expect(clippy::cast_possible_truncation, reason = "a score is less than 3")]
    pub(super) fn millionths(self) -> i64 {
        (self.total() * 1e6).round() as i64
    }
}
