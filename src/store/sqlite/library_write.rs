//! One write to a library: its owner, its context and its time.

use crate::domain::Timestamp;
use crate::domain::candidate::CANDIDATE_DAYS;
use crate::domain::identity::LibraryId;
use crate::domain::prompt::RESTORABLE_DAYS;
use crate::store::WriteContext;

/// What every write needs. The aggregates' files add the writes as functions of a connection inside
/// the writer's transaction.
pub(super) struct LibraryWrite {
    pub(super) library: LibraryId,
    pub(super) context: WriteContext,
    pub(super) now: Timestamp,
}

impl LibraryWrite {
    pub(super) fn new(library: &LibraryId, context: &WriteContext, now: Timestamp) -> Self {
        Self { library: library.clone(), context: context.clone(), now }
    }

    /// Deletions up to this moment can no longer be restored.
    pub(super) fn deleted_since(&self) -> Timestamp {
        self.now.plus_days(-RESTORABLE_DAYS)
    }

    /// Candidates up to this moment have expired.
    pub(super) fn candidates_since(&self) -> Timestamp {
        self.now.plus_days(-CANDIDATE_DAYS)
    }
}
