//! The review queue: candidates wait, and reach the library only by being accepted.

use super::{Library, LibraryError, SaveOptions, SavedPrompt, write_context};
use crate::domain::audit::Action;
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::draft::Draft;
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, Page, PageRequest, SealedCursor};
use crate::domain::prompt::{PromptId, PromptRef};
use crate::store::{Change, NewPrompt, StoreError};

impl Library {
    /// Lists the waiting candidates, the newest first.
    pub async fn list_candidates(
        &self,
        caller: &Principal,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<Page<Candidate, SealedCursor>, LibraryError> {
        let page = self.page_request(caller, limit, cursor)?;
        Ok(self.seal_page(caller, self.store.list_candidates(&caller.library_id, &page).await?))
    }

    /// Saves a candidate with the caller's changes: over the prompt of its name if
    /// `expected_version` is given, else as a new prompt. The candidate is removed.
    pub async fn accept_candidate(
        &self,
        caller: &Principal,
        id: &CandidateId,
        changes: Draft,
        options: SaveOptions,
    ) -> Result<SavedPrompt, LibraryError> {
        let candidate = self.store.get_candidate(&caller.library_id, id).await?;
        let candidate = candidate.ok_or_else(|| unknown_candidate(id))?;
        // A new title leads to a new name, unless the caller chooses one.
        let name = changes.name()?.unwrap_or_else(|| candidate.name.clone());
        let proposed = candidate.body.into_current_syntax()?;
        let (_, body) = Draft { name: None, ..changes }.amend(&proposed)?;
        let mut write = write_context(caller, options.idempotency);
        write.accepts = Some(id.clone());
        let library = &caller.library_id;
        let (saved, created) = if let Some(expected_version) = options.expected_version {
            let current = self.get_prompt(caller, &PromptRef::Name(name)).await?;
            let favorite = options.favorite;
            let action = Action::Saved;
            let change = Change { expected_version, body, name: None, favorite, action };
            (self.store.save_prompt(library, &current.id, change, &write).await, false)
        } else {
            let favorite = options.favorite.unwrap_or_default();
            let new = NewPrompt { id: PromptId::random(), name, body, favorite };
            (self.store.create_prompt(library, new, &write).await, true)
        };
        let saved = saved.map_err(|error| self.explain(error))?;
        self.removals.notify_one();
        self.complete_save(caller, saved.prompt, created).await
    }

    /// Rejects a candidate.
    pub async fn reject_candidate(
        &self,
        caller: &Principal,
        id: &CandidateId,
    ) -> Result<(), LibraryError> {
        let write = write_context(caller, None);
        let rejected = self.store.reject_candidate(&caller.library_id, id, &write).await;
        self.removals.notify_one();
        rejected.map_err(|error| match error {
            StoreError::NotFound => unknown_candidate(id),
            other => other.into(),
        })
    }

    pub(super) async fn whole_queue(
        &self,
        caller: &Principal,
    ) -> Result<Vec<Candidate>, LibraryError> {
        let mut queue = Vec::new();
        let mut cursor = None;
        loop {
            let request = PageRequest { limit: Limit::MAX, cursor };
            let page = self.store.list_candidates(&caller.library_id, &request).await?;
            queue.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(queue);
            }
        }
    }
}

fn unknown_candidate(id: &CandidateId) -> LibraryError {
    LibraryError::NotFound(format!(
        "there is no candidate {id}: it was accepted, rejected, or older than 7 days"
    ))
}
