//! [`AuditStore`]: reading the audit trail, which the writes of the other aggregates append to.

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::audit::AuditEntry;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};

/// Days for which an entry is kept.
pub const AUDIT_DAYS: i64 = 400;

/// Reads the audit trail. There is no method to write it: each write appends its own entry.
///
/// Laws: an entry is removed after [`AUDIT_DAYS`]. Once the text that an entry is about is removed for
/// good, the entry has no name: that of a prompt when it is purged or the version of the entry pruned,
/// that of a candidate when it is accepted, rejected or expired. An acceptance has the name of the prompt that it saved.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// A page of the audit trail, the newest entry first. Pages end as those of
    /// [`PromptStore`](super::PromptStore) do.
    async fn list_audit(
        &self,
        library: &LibraryId,
        page: &PageRequest,
    ) -> StoreResult<Page<AuditEntry>>;

    /// Marks the present state of a library, to be compared with a later one.
    ///
    /// Law: a mark [shows](WriteMark::shows_other_writer_since) every write of another process to a prompt
    /// since an earlier one, and no use alone. A store that does not distinguish processes and kinds of
    /// writes also shows those of this process and of candidates; any other shows none of them.
    async fn mark_writes(&self, library: &LibraryId) -> StoreResult<WriteMark>;

    /// Whether each mark is a call that is billed, as on Convex.
    fn bills_marks(&self) -> bool {
        false
    }
}

/// A state of a library, as far as writes change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteMark {
    /// A number that differs after each write to a prompt, and perhaps after others; 0 before the first
    /// one.
    pub entry: i64,
    /// A number that differs from an earlier one if another process has written anything.
    pub others: i64,
}

impl WriteMark {
    /// Whether another process has written to the library since an earlier mark. A write of this
    /// process together with uses that another one recorded counts as one as well.
    pub fn shows_other_writer_since(self, earlier: Self) -> bool {
        self.entry != earlier.entry && self.others != earlier.others
    }
}
