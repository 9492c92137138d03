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
}
