//! [`AuditStore`]: reading the audit trail, which the writes of the other aggregates append to.

use async_trait::async_trait;

use super::error::StoreResult;
use crate::domain::audit::AuditEntry;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};

/// Days for which an audit entry is kept.
pub const AUDIT_DAYS: i64 = 400;

/// Reads the audit trail. There is no method to write it: each write appends its own entry.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// A page of the audit trail, the newest entry first.
    async fn list_audit(
        &self,
        library: &LibraryId,
        page: &PageRequest,
    ) -> StoreResult<Page<AuditEntry>>;
}
