//! The report of an import: what became of each item, and how many of each outcome.

use crate::domain::excerpt::{Excerpt, Message};
use crate::domain::transfer::ItemKind;

/// The effect of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemOutcome {
    /// It is new in the library.
    Created,
    /// A prompt has a new version or mark, or its deletion was undone.
    Updated,
    /// The library held all of it already.
    Unchanged,
    /// Nothing was written.
    Refused,
}

/// The report of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemReport {
    /// Its place in the file.
    pub at: Excerpt,
    /// A prompt or a candidate.
    pub kind: ItemKind,
    /// Its name, as far as it is known.
    pub name: Option<Excerpt>,
    /// Its effect.
    pub outcome: ItemOutcome,
    /// The reason of a refusal.
    pub reason: Option<Message>,
    /// The names of the variables that were found; empty if nothing was written.
    pub variables: Vec<Excerpt>,
    /// Sentences on what was changed, cut or passed over on the way, whatever the outcome is; and for what
    /// was written, on what stays text although it looks like a placeholder, and on what was left out.
    pub notes: Vec<Message>,
}

/// The number of items by effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// [`ItemOutcome::Created`]
    pub created: u64,
    /// [`ItemOutcome::Updated`]
    pub updated: u64,
    /// [`ItemOutcome::Unchanged`]
    pub unchanged: u64,
    /// [`ItemOutcome::Refused`]
    pub refused: u64,
}

impl Counted {
    /// Counts one item.
    pub fn count(&mut self, outcome: ItemOutcome) {
        *match outcome {
            ItemOutcome::Created => &mut self.created,
            ItemOutcome::Updated => &mut self.updated,
            ItemOutcome::Unchanged => &mut self.unchanged,
            ItemOutcome::Refused => &mut self.refused,
        } += 1;
    }

    /// The number of all items.
    pub fn total(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.refused
    }
}
