//! The audit trail in Convex: the functions of `convex/audit.ts`.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::ConvexStore;
use super::paging::CursorOf;
use super::wire::Whole;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::candidate::CandidateId;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::prompt::{Name, PromptId};
use crate::store::{AuditStore, StoreError, StoreResult, WriteMark};

#[async_trait]
impl AuditStore for ConvexStore {
    async fn list_audit(
        &self,
        library: &LibraryId,
        page: &PageRequest,
    ) -> StoreResult<Page<AuditEntry>> {
        let cursor = CursorOf { kind: "audit", fields: ["seq"] };
        let found = self.page::<WireAuditEntry, 1>(library, "audit:list", json!({}), page, cursor);
        let (items, next) = found.await?.unwrap_or_default();
        let items: Option<Vec<AuditEntry>> =
            items.into_iter().map(|entry| entry.into_entry(library)).collect();
        let items = items.ok_or_else(|| {
            StoreError::Internal("the audit trail has an action of a later release".into())
        })?;
        Ok(Page { items, next })
    }

    async fn mark_writes(&self, library: &LibraryId) -> StoreResult<WriteMark> {
        let writes: Whole = self.query(library.as_str(), "audit:mark", json!({})).await?;
        // A deployment does not distinguish processes.
        Ok(WriteMark { entry: writes.number(), others: writes.number() })
    }

    fn bills_marks(&self) -> bool {
        true
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAuditEntry {
    action: String,
    prompt_id: Option<String>,
    candidate_id: Option<String>,
    name: String,
    version: Option<Whole>,
    client: String,
    at: Whole,
}

impl WireAuditEntry {
    /// `None` for an action of a later release.
    fn into_entry(self, library: &LibraryId) -> Option<AuditEntry> {
        Some(AuditEntry {
            library_id: library.clone(),
            action: Action::parse(&self.action)?,
            prompt_id: self.prompt_id.map(PromptId::from_store),
            candidate_id: self.candidate_id.map(CandidateId::from_store),
            name: Some(self.name).filter(|name| !name.is_empty()).map(Name::from_store),
            version: self.version.map(Whole::version),
            client: self.client,
            at: self.at.at(),
        })
    }
}
