//! The review queue: candidates wait, and reach the library only by being accepted.

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::similar::{Subject, compare_with_prompts, keep_closest};
use super::{Library, LibraryError, SaveOptions, SavedPrompt, Similar, SimilarTo, write_context};
use crate::domain::audit::Action;
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::draft::Draft;
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, Page, PageRequest, SealedCursor};
use crate::domain::prompt::{Body, Name, PromptId, PromptRef};
use crate::domain::ranking::Match;
use crate::domain::similarity::{Fingerprint, Verdict};
use crate::store::{Change, NewPrompt, Presence, StoreError};

/// Maximum number of candidates of a listing whose neighbours are in memory at the same time: those
/// of one take up to 3 MB.
const REVIEWED_AT_ONCE: usize = 4;

/// Maximum size of the waiting candidates, in bytes of their contents, that a candidate is compared
/// with: as much work as a few large prompts.
const QUEUE_COMPARED_MAX_BYTES: usize = 1024 * 1024;

/// Maximum number of numbered names that are looked up for a candidate whose own is taken, each a read
/// of the store.
const NUMBERED_NAMES_MAX: u32 = 8;

/// A waiting candidate, and how it relates to what is there already.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// As it waits.
    pub candidate: Candidate,
    /// How it relates to the library and to the candidates before it.
    pub verdict: Verdict,
    /// At most three texts that it resembles, the closest first.
    pub similar: Vec<Similar>,
    /// Whether a living prompt has its name.
    pub is_name_taken: bool,
    /// A name like its own that no living prompt has, where its own is taken.
    pub free_name: Option<Name>,
}

/// What a reviewer would most likely do with a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suggestion {
    /// Save it as a new prompt.
    Save {
        /// Its own name, or one like it that is free.
        name: Name,
    },
    /// Save it as a version of the prompt that it is a variant of.
    Update {
        /// The prompt's name.
        name: Name,
        /// The prompt's current version.
        version: u32,
    },
    /// Reject it, because its text is there already.
    Skip,
}

impl Reviewed {
    /// Returns what to do with it.
    pub fn suggestion(&self) -> Suggestion {
        let prompt = self.similar.iter().find_map(|similar| match &similar.to {
            SimilarTo::Prompt { name, version, .. } => Some((name.clone(), *version)),
            SimilarTo::Candidate(_) => None,
        });
        match (self.verdict, prompt) {
            (Verdict::Duplicate, _) => Suggestion::Skip,
            (Verdict::Variant, Some((name, version))) => Suggestion::Update { name, version },
            // A variant of a waiting candidate has no prompt to update.
            (Verdict::Variant | Verdict::Related | Verdict::New, _) => {
                let name = self.free_name.as_ref().unwrap_or(&self.candidate.name);
                Suggestion::Save { name: name.clone() }
            }
        }
    }

    /// Returns sentences on what to correct before it is saved.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = self.candidate.findings.problems.clone();
        let name = &self.candidate.name;
        let replaces =
            matches!(self.suggestion(), Suggestion::Update { name: other, .. } if other == *name);
        if self.is_name_taken && !replaces {
            let other = match &self.free_name {
                Some(free) => format!("choose another name, such as {free}"),
                None => "choose another name".to_owned(),
            };
            problems.push(format!(
                "a prompt named {name} exists; {other}, or read that prompt before saving over it"
            ));
        }
        problems
    }
}

/// How a text relates to what is there already.
pub(super) struct Relations {
    similar: Vec<Similar>,
    is_name_taken: bool,
    free_name: Option<Name>,
}

impl From<(Candidate, Relations)> for Reviewed {
    fn from((candidate, relations): (Candidate, Relations)) -> Self {
        let Relations { similar, is_name_taken, free_name } = relations;
        let verdict = similar.first().map_or(Verdict::New, |closest| closest.verdict);
        Self { candidate, verdict, similar, is_name_taken, free_name }
    }
}

/// What the library holds beside a candidate.
pub(super) struct Neighbours {
    /// The prompts that search finds nearest to it.
    near: Vec<Match>,
    /// Whether a living prompt has its name.
    is_name_taken: bool,
    /// A name like its own that no living prompt has, where its own is taken.
    free_name: Option<Name>,
}

/// A candidate of the queue, prepared for comparison.
pub(super) struct Waiting {
    pub(super) id: CandidateId,
    pub(super) title: String,
    pub(super) fingerprint: Fingerprint,
}

impl Library {
    /// Lists the waiting candidates, the newest first.
    pub async fn list_candidates(
        &self,
        caller: &Principal,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<Page<Reviewed, SealedCursor>, LibraryError> {
        let page = self.page_request(caller, limit, cursor)?;
        let page = self.store.list_candidates(&caller.library_id, &page).await?;
        let Page { items, next } = self.seal_page(caller, page);
        Ok(Page { items: self.review(caller, items).await?, next })
    }

    /// Returns a waiting candidate.
    pub async fn get_candidate(
        &self,
        caller: &Principal,
        id: &CandidateId,
    ) -> Result<Reviewed, LibraryError> {
        let candidate = self.store.get_candidate(&caller.library_id, id).await?;
        let candidate = candidate.ok_or_else(|| unknown_candidate(id))?;
        let reviewed = self.review(caller, vec![candidate]).await?;
        reviewed.into_iter().next().ok_or_else(|| unknown_candidate(id))
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
        let (_, mut body) = Draft { name: None, ..changes }.amend(&proposed)?;
        let mut write = write_context(caller, options.idempotency.clone());
        write.accepts = Some(id.clone());
        let library = &caller.library_id;
        let is_withheld;
        let (saved, created) = if let Some(expected_version) = options.expected_version {
            let current = match self.get_prompt(caller, &PromptRef::Name(name.clone())).await {
                Err(error) => return Err(self.name_target(caller, error, &name).await),
                Ok(current) => current,
            };
            is_withheld = options.withhold_skill(&mut body, Some(&current.body));
            let favorite = options.favorite;
            let action = Action::Saved;
            let embedding = self.embed_changed(library, &body, &current.body).await;
            let change = Change { expected_version, body, name: None, favorite, action, embedding };
            (self.store.save_prompt(library, &current.id, change, &write).await, false)
        } else {
            is_withheld = options.withhold_skill(&mut body, None);
            let favorite = options.favorite.unwrap_or_default();
            let embedding = self.embed_body(library, &body).await;
            let new = NewPrompt { id: PromptId::random(), name, body, favorite, embedding };
            (self.store.create_prompt(library, new, &write).await, true)
        };
        let saved = saved.map_err(|error| self.explain(error))?;
        self.removals.notify_one();
        let saved = self.complete_save(caller, saved.prompt, created).await?;
        Ok(saved.with_skill_note(is_withheld))
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

    /// Compares consecutive candidates of the queue, the newest first, with the library and with those
    /// that waited before them.
    async fn review(
        &self,
        caller: &Principal,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Reviewed>, LibraryError> {
        let Some(newest) = candidates.first() else { return Ok(Vec::new()) };
        let waiting = Arc::new(self.read_waiting(caller, Some(&newest.id)).await?);
        let mut reviewed = Vec::with_capacity(candidates.len());
        let mut candidates = candidates.into_iter();
        loop {
            let some: Vec<Candidate> = candidates.by_ref().take(REVIEWED_AT_ONCE).collect();
            if some.is_empty() {
                return Ok(reviewed);
            }
            let reviews = some.into_iter().map(|one| self.review_one(caller, one, &waiting));
            reviewed.extend(try_join_all(reviews).await?);
        }
    }

    async fn review_one(
        &self,
        caller: &Principal,
        candidate: Candidate,
        waiting: &Arc<Vec<Waiting>>,
    ) -> Result<Reviewed, LibraryError> {
        let content = candidate.body.content.clone();
        let subject = self.pool.run(move || Subject::new(content.as_str())).await?;
        let neighbours =
            self.find_neighbours(caller, &candidate.name, &candidate.body, &subject).await?;
        let (waiting, id) = (Arc::clone(waiting), candidate.id.clone());
        let compare = move || {
            let place = waiting.iter().position(|other| other.id == id);
            let before = place.map_or(&[][..], |place| &waiting[place + 1..]);
            compare(&subject.fingerprint, neighbours, before)
        };
        let relations = self.pool.run(compare).await?;
        Ok(Reviewed::from((candidate, relations)))
    }

    /// Finds what the library holds beside a text of this name.
    pub(super) async fn find_neighbours(
        &self,
        caller: &Principal,
        name: &Name,
        body: &Body,
        subject: &Subject,
    ) -> Result<Neighbours, LibraryError> {
        let named = PromptRef::Name(name.clone());
        let (near, holder) = tokio::try_join!(
            self.find_near(caller, body, subject, None),
            self.store.get_prompt(&caller.library_id, &named, Presence::Living),
        )?;
        let is_name_taken = holder.is_some();
        let free_name = if is_name_taken { self.find_free_name(caller, name).await? } else { None };
        Ok(Neighbours { near, is_name_taken, free_name })
    }

    /// Finds a name that no living prompt has by appending a number. Returns `None` if the first ones
    /// are all taken.
    async fn find_free_name(
        &self,
        caller: &Principal,
        taken: &Name,
    ) -> Result<Option<Name>, LibraryError> {
        for number in 2..2 + NUMBERED_NAMES_MAX {
            let Some(name) = taken.numbered(number) else { return Ok(None) };
            let prompt = PromptRef::Name(name.clone());
            let presence = Presence::Living;
            if self.store.get_prompt(&caller.library_id, &prompt, presence).await?.is_none() {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// Reads the queue for comparison, from the candidate `first` on if it is given, as far as
    /// [`QUEUE_COMPARED_MAX_BYTES`] reach.
    pub(super) async fn read_waiting(
        &self,
        caller: &Principal,
        first: Option<&CandidateId>,
    ) -> Result<Vec<Waiting>, LibraryError> {
        let (mut queue, mut bytes, mut cursor) = (Vec::new(), 0, None);
        loop {
            let request = PageRequest { limit: Limit::MAX, cursor };
            let page = self.store.list_candidates(&caller.library_id, &request).await?;
            let is_before = |one: &Candidate| first.is_some_and(|first| one.id != *first);
            let skipped = if queue.is_empty() {
                page.items.iter().take_while(|one| is_before(one)).count()
            } else {
                0
            };
            for candidate in page.items.into_iter().skip(skipped) {
                bytes += candidate.body.content.as_str().len();
                queue.push((candidate.id, candidate.body.title, candidate.body.content));
            }
            cursor = page.next;
            if cursor.is_none() || bytes > QUEUE_COMPARED_MAX_BYTES {
                break;
            }
        }
        let prepare = move || {
            let waiting = queue.into_iter().map(|(id, title, content)| Waiting {
                id,
                title: title.to_string(),
                fingerprint: Fingerprint::new(content.as_str()),
            });
            waiting.collect()
        };
        Ok(self.pool.run(prepare).await?)
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

/// Compares a text with its neighbours in the library and in the queue. The processor time is in
/// proportion to their contents.
pub(super) fn compare(
    text: &Fingerprint,
    neighbours: Neighbours,
    waiting: &[Waiting],
) -> Relations {
    let Neighbours { near, is_name_taken, free_name } = neighbours;
    let mut similar = compare_with_prompts(text, near);
    similar.extend(waiting.iter().filter_map(|other| {
        let to = SimilarTo::Candidate(other.id.clone());
        Similar::of(to, &other.title, text.compare(&other.fingerprint))
    }));
    Relations { similar: keep_closest(similar), is_name_taken, free_name }
}

fn unknown_candidate(id: &CandidateId) -> LibraryError {
    LibraryError::NotFound(format!(
        "there is no candidate {id}: it was accepted, rejected, or older than 7 days"
    ))
}
