//! The audit trail: one entry for each write, made in the same transaction.

use super::Timestamp;
use super::candidate::CandidateId;
use super::identity::LibraryId;
use super::paging::Item;
use super::prompt::{Name, PromptId};
use super::size::{ITEM_FRAME, json_bytes};

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A prompt was added.
    Created,
    /// A version was appended.
    Saved,
    /// The name or the favourite mark changed.
    Updated,
    /// An old version was appended as a new one.
    Restored,
    /// The prompt was deleted.
    Deleted,
    /// The deletion was undone.
    Undeleted,
    /// A candidate was added to the review queue.
    Harvested,
    /// A candidate was rejected.
    Rejected,
    /// An import added a prompt, versions of one, or a candidate.
    Imported,
    /// A deleted prompt was removed for good.
    Purged,
    /// Old versions of a prompt were removed.
    Pruned,
}

impl Action {
    /// Every action with the word for it in stores and responses.
    pub const WORDS: [(Self, &str); 11] = [
        (Self::Created, "created"),
        (Self::Saved, "saved"),
        (Self::Updated, "updated"),
        (Self::Restored, "restored"),
        (Self::Deleted, "deleted"),
        (Self::Undeleted, "undeleted"),
        (Self::Harvested, "harvested"),
        (Self::Rejected, "rejected"),
        (Self::Imported, "imported"),
        (Self::Purged, "purged"),
        (Self::Pruned, "pruned"),
    ];

    /// The word for it in stores and responses.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(action, _)| *action == self).map_or("", |(_, word)| word)
    }

    /// The action for a word; `None` for an unknown word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(action, _)| *action)
    }
}

/// One write to a library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// The library. While each user has a library of their own, this is also who wrote.
    pub library_id: LibraryId,
    /// What the write did.
    pub action: Action,
    /// The prompt that was written, if any.
    pub prompt_id: Option<PromptId>,
    /// The candidate that was harvested, rejected or accepted, if any.
    pub candidate_id: Option<CandidateId>,
    /// The name of the prompt or candidate at that time. Absent once its text is removed for good,
    /// because a name repeats the title.
    pub name: Option<Name>,
    /// The current version of the prompt after the write.
    pub version: Option<u32>,
    /// The client that wrote.
    pub client: String,
    /// The time of the write.
    pub at: Timestamp,
}

impl Item for AuditEntry {
    fn page_bytes(&self) -> usize {
        json_bytes(&self.client) + ITEM_FRAME
    }
}
