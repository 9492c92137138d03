//! The audit trail: one entry for each write, made in the same transaction.

use super::Timestamp;
use super::candidate::CandidateId;
use super::identity::UserId;
use super::prompt::{Name, PromptId};

/// What a write did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A prompt came into the library.
    Created,
    /// A version was appended.
    Saved,
    /// The name or the favourite mark changed.
    Updated,
    /// An old version was brought back as a new one.
    Restored,
    /// The prompt was deleted.
    Deleted,
    /// The deletion was taken back.
    Undeleted,
    /// A candidate was put up for review.
    Harvested,
    /// A candidate was turned down.
    Rejected,
    /// An import added a prompt, versions of one, or a candidate.
    Imported,
}

impl Action {
    /// Every action with the word that it is stored and served as.
    pub const WORDS: [(Self, &str); 9] = [
        (Self::Created, "created"),
        (Self::Saved, "saved"),
        (Self::Updated, "updated"),
        (Self::Restored, "restored"),
        (Self::Deleted, "deleted"),
        (Self::Undeleted, "undeleted"),
        (Self::Harvested, "harvested"),
        (Self::Rejected, "rejected"),
        (Self::Imported, "imported"),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(action, _)| *action == self).map_or("", |(_, word)| word)
    }

    /// Reads the word for it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, known)| *known == word).map(|(action, _)| *action)
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who wrote.
    pub user_id: UserId,
    /// What it did.
    pub action: Action,
    /// To which prompt, if it was one.
    pub prompt_id: Option<PromptId>,
    /// To which candidate, if one was harvested, rejected or accepted.
    pub candidate_id: Option<CandidateId>,
    /// What the prompt or candidate was called then.
    pub name: Name,
    /// The version of the prompt that was current after the write.
    pub version: Option<u32>,
    /// From which client.
    pub client: String,
    /// When.
    pub at: Timestamp,
}
