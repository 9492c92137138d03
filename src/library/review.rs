//! The harvest and the review queue: candidates come in checked and redacted, wait, and reach the
//! library only by being accepted.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::alike::closest;
use super::{
    Library, LibraryError, Outcome, SaveOptions, SavedPrompt, Similar, SimilarTo, page_request,
    write_context,
};
use crate::domain::audit::Action;
use crate::domain::candidate::{CANDIDATES_MAX, Candidate, CandidateId, WHY_MAX_CHARS};
use crate::domain::draft::Draft;
use crate::domain::harvest::{self, Checked, Proposal};
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, Page, PageRequest};
use crate::domain::prompt::{Prompt, PromptId, PromptRef, check_chars};
use crate::domain::similarity::{Fingerprint, Verdict};
use crate::domain::{Faults, FieldError};
use crate::store::{Change, NewCandidate, NewPrompt, Presence};

/// A candidate with what a reviewer should know of it.
#[derive(Debug, Clone)]
pub struct Harvested {
    /// As it waits.
    pub candidate: Candidate,
    /// How it relates to the library, the queue and its neighbours.
    pub verdict: Verdict,
    /// At most three texts that it resembles, the closest first.
    pub similar: Vec<Similar>,
    /// What was replaced by placeholders, by kind, and how often.
    pub redactions: BTreeMap<&'static str, usize>,
    /// What should be mended before it is saved.
    pub problems: Vec<String>,
}

/// What the library holds beside a candidate.
struct LookedUp {
    fingerprint: Fingerprint,
    /// The prompts that resemble it.
    similar: Vec<Similar>,
    /// The prompt that has its name.
    holder: Option<Prompt>,
}

impl Library {
    /// Puts 1 to 8 proposals up for review, all or none.
    pub async fn harvest(
        &self,
        caller: &Principal,
        proposals: Vec<Proposal>,
        focus: Option<&str>,
    ) -> Outcome<Vec<Harvested>> {
        let checked = check_all(proposals, focus)?;
        let queue = self.whole_queue(caller).await?;
        let mut known: Vec<(SimilarTo, String, Fingerprint)> = queue
            .into_iter()
            .map(|waiting| {
                let fingerprint = Fingerprint::new(waiting.body.content.as_str());
                (SimilarTo::Candidate(waiting.id), waiting.body.title.to_string(), fingerprint)
            })
            .collect();

        let mut reports = Vec::with_capacity(checked.len());
        let mut candidates = Vec::with_capacity(checked.len());
        let found = try_join_all(checked.iter().map(|one| self.look_up(caller, one))).await?;
        for (one, found) in checked.into_iter().zip(found) {
            let Checked { name, body, why, redactions, mut problems } = one;
            let LookedUp { fingerprint, mut similar, holder } = found;
            let id = CandidateId::random();
            similar.extend(known.iter().filter_map(|(to, title, other)| {
                Similar::of(to.clone(), title, fingerprint.compare(other))
            }));
            let similar = closest(similar);
            if let Some(holder) = holder {
                problems.push(format!(
                    "a prompt named {name} exists; choose another name, or pass \
                     expected_version: {} to save over it",
                    holder.version
                ));
            }
            known.push((SimilarTo::Candidate(id.clone()), body.title.to_string(), fingerprint));
            reports.push((similar, redactions, problems));
            candidates.push(NewCandidate { id, name, body, why });
        }
        let write = write_context(caller, None);
        let added = self.store.add_candidates(&caller.user_id, candidates, &write).await?;
        let report = |(candidate, (similar, redactions, problems)): (_, (Vec<Similar>, _, _))| {
            let verdict = similar.first().map_or(Verdict::New, |closest| closest.verdict);
            Harvested { candidate, verdict, similar, redactions, problems }
        };
        Ok(added.into_iter().zip(reports).map(report).collect())
    }

    /// What the library holds beside a candidate. The candidates of a harvest are looked up at the
    /// same time.
    async fn look_up(&self, caller: &Principal, checked: &Checked) -> Outcome<LookedUp> {
        let content = checked.body.content.as_str();
        let fingerprint = Fingerprint::new(content);
        let named = PromptRef::Name(checked.name.clone());
        let (similar, holder) = tokio::try_join!(
            self.alike(caller, content, &fingerprint, None),
            self.store.get_prompt(&caller.user_id, &named, Presence::Living),
        )?;
        Ok(LookedUp { fingerprint, similar, holder })
    }

    /// The candidates that wait, the newest first.
    pub async fn list_candidates(
        &self,
        caller: &Principal,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Outcome<Page<Candidate>> {
        let page = page_request(limit, cursor)?;
        Ok(self.store.list_candidates(&caller.user_id, &page).await?)
    }

    /// Saves a candidate with the caller's changes: over the prompt of its name if
    /// `expected_version` is given, else as a new prompt. The candidate is gone then.
    pub async fn accept_candidate(
        &self,
        caller: &Principal,
        id: &CandidateId,
        changes: Draft,
        options: SaveOptions,
    ) -> Outcome<SavedPrompt> {
        let candidate = self.store.get_candidate(&caller.user_id, id).await?;
        let candidate = candidate.ok_or_else(|| unknown_candidate(id))?;
        // A new title brings a new name along, unless a name is chosen.
        let name = changes.name()?.unwrap_or_else(|| candidate.name.clone());
        let (_, body) = Draft { name: None, ..changes }.amend(&candidate.body)?;
        let mut write = write_context(caller, options.idempotency);
        write.accepts = Some(id.clone());
        let owner = &caller.user_id;
        let (saved, created) = if let Some(expected_version) = options.expected_version {
            let current = self.get_prompt(caller, &PromptRef::Name(name)).await?;
            let favorite = options.favorite;
            let action = Action::Saved;
            let change = Change { expected_version, body, name: None, favorite, action };
            (self.store.save_prompt(owner, &current.id, change, &write).await, false)
        } else {
            let favorite = options.favorite.unwrap_or_default();
            let new = NewPrompt { id: PromptId::random(), name, body, favorite };
            let quota = caller.plan.prompt_limit;
            (self.store.create_prompt(owner, new, quota, &write).await, true)
        };
        self.with_similar(caller, saved?.prompt, created).await
    }

    /// Turns a candidate down.
    pub async fn reject_candidate(&self, caller: &Principal, id: &CandidateId) -> Outcome<()> {
        let write = write_context(caller, None);
        let rejected = self.store.reject_candidate(&caller.user_id, id, &write).await;
        rejected.map_err(|error| match error {
            crate::store::StoreError::NotFound => unknown_candidate(id),
            other => other.into(),
        })
    }

    pub(super) async fn whole_queue(&self, caller: &Principal) -> Outcome<Vec<Candidate>> {
        let mut queue = Vec::new();
        let mut cursor = None;
        loop {
            let request = PageRequest { limit: Limit::MAX, cursor };
            let page = self.store.list_candidates(&caller.user_id, &request).await?;
            queue.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(queue);
            }
        }
    }
}

fn check_all(proposals: Vec<Proposal>, focus: Option<&str>) -> Outcome<Vec<Checked>> {
    let mut faults = Faults::default();
    faults.check("focus", check_chars(focus.unwrap_or_default(), WHY_MAX_CHARS));
    match proposals.len() {
        0 => faults
            .push("candidates", format!("is empty; propose at least one. {}", harvest::RUBRIC)),
        1..=CANDIDATES_MAX => {}
        count => {
            let message = format!("has {count} entries; propose the best {CANDIDATES_MAX} at most");
            return Err(FieldError::new("candidates", message).into());
        }
    }
    let mut checked = Vec::with_capacity(proposals.len());
    for (index, proposal) in proposals.into_iter().enumerate() {
        match harvest::check(&proposal) {
            Ok(good) => checked.push(good),
            Err(invalid) => faults.extend(invalid.within(&format!("candidates[{index}]"))),
        }
    }
    Ok(faults.finish(Some(checked))?)
}

fn unknown_candidate(id: &CandidateId) -> LibraryError {
    LibraryError::NotFound(format!(
        "there is no candidate {id}: it was accepted, rejected, or older than 7 days"
    ))
}
