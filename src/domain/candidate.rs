//! Candidates: prompts that a model proposed and that wait for a person's review.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
/// Maximum number of problems that are kept of one candidate. A reviewer corrects a text with more of
/// them as a whole, and all of them stand in every listing of the queue.
pub const PROBLEMS_MAX: usize = 10;
/// Maximum number of kinds of replacements of one candidate: more than there are kinds.
pub const REDACTION_KINDS_MAX: usize = 32;
/// Maximum number of characters of the name of a kind of replacements.
pub const REDACTION_KIND_MAX_CHARS: usize = 32;

super::opaque_id! {
    /// An opaque, unguessable id: `cnd_` and 32 hexadecimal digits.
    CandidateId, "cnd_"
}

/// What the check of a proposal found, for its reviewer. It is kept, because the redacted text does not
/// show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// The number of replacements by kind, repetitions included.
    pub redactions: BTreeMap<String, u64>,
    /// Sentences on what to correct before saving; at most [`PROBLEMS_MAX`].
    pub problems: Vec<String>,
}

impl Findings {
    /// Creates the findings of a check. Problems beyond [`PROBLEMS_MAX`] are counted in the last one.
    pub fn new(redactions: BTreeMap<&'static str, usize>, mut problems: Vec<String>) -> Self {
        if problems.len() > PROBLEMS_MAX {
            let others = problems.len() - (PROBLEMS_MAX - 1);
            problems.truncate(PROBLEMS_MAX - 1);
            problems.push(format!("{others} more phrases or places like these"));
        }
        let redactions = redactions.into_iter();
        Self {
            redactions: redactions.map(|(kind, count)| (kind.to_owned(), count as u64)).collect(),
            problems,
        }
    }
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
    /// What its check found. Empty for one from before findings were kept.
    pub findings: Findings,
    /// The client that proposed it.
    pub source: String,
    /// The time of the proposal.
    pub created_at: Timestamp,
}

impl Item for Candidate {
    fn page_bytes(&self) -> usize {
        let texts = [&self.why, &self.source].into_iter().chain(&self.findings.problems);
        let texts: usize = texts.map(|text| json_bytes(text)).sum();
        self.body.json_bytes() + texts + ITEM_FRAME
    }
}

impl Candidate {
    /// When it expires if it is neither accepted nor rejected.
    pub fn expires_at(&self) -> Timestamp {
        self.created_at.plus_days(CANDIDATE_DAYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_beyond_the_maximum_are_counted() {
        let problems = |count: usize| (0..count).map(|number| number.to_string()).collect();
        let kept = |count| Findings::new(BTreeMap::new(), problems(count)).problems;
        assert_eq!(kept(PROBLEMS_MAX).len(), PROBLEMS_MAX);
        let many = kept(PROBLEMS_MAX + 5);
        assert_eq!(many.len(), PROBLEMS_MAX);
        assert_eq!(many[PROBLEMS_MAX - 1], "6 more phrases or places like these");
    }
}
