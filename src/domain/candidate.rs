//! Candidates: prompts that a model proposed and a person has yet to review.

use super::Timestamp;
use super::prompt::{Body, Name};

/// How long a candidate waits for its review.
pub const CANDIDATE_DAYS: i64 = 7;
/// Most candidates of one harvest.
pub const CANDIDATES_MAX: usize = 8;
/// Most candidates of one owner that wait at a time.
pub const QUEUE_MAX: u32 = 200;
/// Most characters of the reason for a candidate, and of a harvest's focus.
pub const WHY_MAX_CHARS: usize = 500;

super::opaque_id! {
    /// An opaque, unguessable id, `cnd_` and 32 hexadecimal digits.
    CandidateId, "cnd_"
}

/// A proposal as it waits, and as it will be saved: the text that is reviewed is the text that is
/// kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Never changes.
    pub id: CandidateId,
    /// The name that it will have if nobody chooses another one.
    pub name: Name,
    /// What version 1 will say, with secrets and personal data replaced.
    pub body: Body,
    /// Why the model found it worth keeping.
    pub why: String,
    /// The client that proposed it.
    pub source: String,
    /// When.
    pub created_at: Timestamp,
}

impl Candidate {
    /// When it goes if it is neither accepted nor rejected.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus_days(CANDIDATE_DAYS)
    }
}
