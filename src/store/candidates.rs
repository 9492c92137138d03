//! [`CandidateStore`]: the review queue.

use async_trait::async_trait;

use super::error::StoreResult;
use super::write::WriteContext;
use crate::domain::candidate::{Candidate, CandidateId, Findings};
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::prompt::{Body, Name};

/// Keeps candidates that wait for review.
///
/// Law: a candidate that is accepted, rejected or older than
/// [`CANDIDATE_DAYS`](crate::domain::candidate::CANDIDATE_DAYS) days is unknown to every method. A
/// creation or save of a prompt accepts one through [`WriteContext::accepts`].
#[async_trait]
pub trait CandidateStore: Send + Sync {
    /// Adds candidates, all or none. At most [`QUEUE_MAX`](crate::domain::candidate::QUEUE_MAX)
    /// wait in one library ([`QueueFull`](super::StoreError::QueueFull)).
    async fn add_candidates(
        &self,
        library: &LibraryId,
        candidates: Vec<NewCandidate>,
        write: &WriteContext,
    ) -> StoreResult<Vec<Candidate>>;

    /// Adds an imported candidate with its own time and source; it expires by that time. The id is
    /// kept or replaced as by [`import_prompt`](super::PromptStore::import_prompt), and the queue is
    /// bounded as by [`add_candidates`](Self::add_candidates).
    async fn import_candidate(
        &self,
        library: &LibraryId,
        candidate: Candidate,
        write: &WriteContext,
    ) -> StoreResult<Candidate>;

    /// A page of the waiting candidates, the newest first.
    async fn list_candidates(
        &self,
        library: &LibraryId,
        page: &PageRequest,
    ) -> StoreResult<Page<Candidate>>;

    /// A waiting candidate.
    async fn get_candidate(
        &self,
        library: &LibraryId,
        id: &CandidateId,
    ) -> StoreResult<Option<Candidate>>;

    /// Removes a waiting candidate. Its text leaves the files of the store within 60 s, as does that of
    /// an accepted or expired one.
    async fn reject_candidate(
        &self,
        library: &LibraryId,
        id: &CandidateId,
        write: &WriteContext,
    ) -> StoreResult<()>;
}

/// A candidate to add.
#[derive(Debug, Clone)]
pub struct NewCandidate {
    /// Fresh and random.
    pub id: CandidateId,
    /// The proposed name.
    pub name: Name,
    /// The proposed body.
    pub body: Body,
    /// The reason for keeping it.
    pub why: String,
    /// What its check found.
    pub findings: Findings,
}
