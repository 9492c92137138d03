//! Candidates: prompts that a model proposed and that wait for a person's review.

use super::Timestamp;
use super::paging::Item;
use super::prompt::{Body, Name};
use super::size::{ITEM_FRAME, json_bytes};

/// Days until an unreviewed candidate expires.
pub const CANDIDATE_DAYS: i64 = 7;
/// Maximum number of candidates in one harvest.
pub const CANDIDATES_MAX: usize = 8;
/// Maximum number of waiting candidates in one library.
pub const QUEUE_MAX: u32 = 200;
/// Maximum number of characters of a candidate's reason, and of a harvest's focus.
pub const WHY_MAX_CHARS: usize = 500;

super::opaque_id! {
    /// An opaque, unguessable id: `cnd_` and 32 hexadecimal digits.
    CandidateId, "cnd_"
}

/// A waiting proposal. Accepting it saves exactly this text, so the saved text is the reviewed text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Never changes.
    pub id: CandidateId,
    /// The name that an acceptance uses unless it names another.
    pub name: Name,
    /// The body of version 1, with secrets and personal data replaced.
    pub body: Body,
    /// The model's reason for keeping it.
    pub why: String,
    /// The client that proposed it.
    pub source: String,
    /// The time of the proposal.
    pub created_at: Timestamp,
}

impl Item for Candidate {
    fn page_bytes(&self) -> usize {
        let texts = [&self.why, &self.source].map(|text| json_bytes(text));
        self.body.json_bytes() + texts.iter().sum::<usize>() + ITEM_FRAME
    }
}

impl Candidate {
    /// When it expires if it is neither accepted nor rejected.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus_days(CANDIDATE_DAYS)
    }
}
