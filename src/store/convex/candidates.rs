//! The review queue in Convex: the functions of `convex/candidates.ts`.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::ConvexStore;
use super::paging::{CursorOf, domain_page};
use super::wire::Whole;
use crate::domain::candidate::{Candidate, CandidateId, Findings};
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::prompt::{Body, Name, Stored};
use crate::store::{CandidateStore, NewCandidate, StoreResult, WriteContext};

#[async_trait]
impl CandidateStore for ConvexStore {
    async fn add_candidates(
        &self,
        library: &LibraryId,
        candidates: Vec<NewCandidate>,
        write: &WriteContext,
    ) -> StoreResult<Vec<Candidate>> {
        let candidates: Vec<_> = candidates
            .iter()
            .map(|new| {
                json!({
                    "id": new.id.as_str(),
                    "name": new.name,
                    "body": new.body,
                    "why": new.why,
                    "findings": new.findings,
                })
            })
            .collect();
        let args = json!({ "candidates": candidates });
        let added: Vec<WireCandidate> =
            self.mutation(library, "candidates:add", args, write).await?;
        Ok(added.into_iter().map(Candidate::from).collect())
    }

    async fn import_candidate(
        &self,
        library: &LibraryId,
        candidate: Candidate,
        write: &WriteContext,
    ) -> StoreResult<Candidate> {
        let (derived, fresh) = (candidate.id.derived(library), CandidateId::random());
        let args = json!({
            "ids": [candidate.id.as_str(), derived.as_str(), fresh.as_str()],
            "name": candidate.name.as_str(),
            "body": candidate.body,
            "why": candidate.why,
            "findings": candidate.findings,
            "source": candidate.source,
            "createdAt": candidate.created_at.as_millis(),
        });
        let added: WireCandidate =
            self.mutation(library, "imports:addCandidate", args, write).await?;
        Ok(added.into())
    }

    async fn list_candidates(
        &self,
        library: &LibraryId,
        page: &PageRequest,
    ) -> StoreResult<Page<Candidate>> {
        let cursor = CursorOf { kind: "candidates", fields: ["seq"] };
        let found = self.page(library, "candidates:list", json!({}), page, cursor).await?;
        Ok(domain_page::<WireCandidate, _>(found))
    }

    async fn get_candidate(
        &self,
        library: &LibraryId,
        id: &CandidateId,
    ) -> StoreResult<Option<Candidate>> {
        let args = json!({ "id": id.as_str() });
        let found: Option<WireCandidate> =
            self.query(library.as_str(), "candidates:get", args).await?;
        Ok(found.map(Candidate::from))
    }

    async fn reject_candidate(
        &self,
        library: &LibraryId,
        id: &CandidateId,
        write: &WriteContext,
    ) -> StoreResult<()> {
        let args = json!({ "id": id.as_str() });
        self.mutation(library, "candidates:reject", args, write).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireCandidate {
    id: String,
    name: String,
    body: Stored<Body>,
    why: String,
    /// Absent in rows from before findings were kept.
    #[serde(default)]
    findings: WireFindings,
    source: String,
    created_at: Whole,
}

#[derive(Default, Deserialize)]
struct WireFindings {
    redactions: BTreeMap<String, Whole>,
    problems: Vec<String>,
}

impl From<WireFindings> for Findings {
    fn from(findings: WireFindings) -> Self {
        let WireFindings { redactions, problems } = findings;
        let count = |count: Whole| count.number().unsigned_abs();
        let redactions = redactions.into_iter().map(|(kind, found)| (kind, count(found)));
        Self { redactions: redactions.collect(), problems }
    }
}

impl From<WireCandidate> for Candidate {
    fn from(candidate: WireCandidate) -> Self {
        Self {
            id: CandidateId::from_store(candidate.id),
            name: Name::from_store(candidate.name),
            body: candidate.body.0,
            why: candidate.why,
            findings: candidate.findings.into(),
            source: candidate.source,
            created_at: candidate.created_at.at(),
        }
    }
}
