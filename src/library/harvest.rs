//! The harvest: proposals come in, are checked, redacted and compared, and wait for review.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use super::similar::{Subject, compare_with_prompts, keep_closest};
use super::{Library, LibraryError, Similar, SimilarTo, write_context};
use crate::domain::candidate::{CANDIDATES_MAX, Candidate, CandidateId, WHY_MAX_CHARS};
use crate::domain::harvest::{self, Checked, Proposal};
use crate::domain::identity::Principal;
use crate::domain::prompt::{Prompt, PromptRef, check_chars};
use crate::domain::similarity::{Fingerprint, Verdict};
use crate::domain::{Faults, FieldError};
use crate::store::{NewCandidate, Presence};

/// A candidate with the findings for its reviewer.
#[derive(Debug, Clone)]
pub struct Harvested {
    /// As it waits.
    pub candidate: Candidate,
    /// How it relates to the library, the queue and the proposals before it.
    pub verdict: Verdict,
    /// At most three texts that it resembles, the closest first.
    pub similar: Vec<Similar>,
    /// What was replaced by placeholders, by kind, and how often.
    pub redactions: BTreeMap<&'static str, usize>,
    /// What should be mended before it is saved.
    pub problems: Vec<String>,
}

/// A proposal that was checked, ready to be compared.
struct Prepared {
    checked: Checked,
    subject: Subject,
}

/// What the library holds beside a proposal.
struct Neighbours {
    /// The prompts that search finds nearest to it.
    near: Vec<Prompt>,
    /// The current version of the prompt that has its name.
    holder_version: Option<u32>,
}

/// The findings about a candidate that is not stored yet.
struct Report {
    similar: Vec<Similar>,
    redactions: BTreeMap<&'static str, usize>,
    problems: Vec<String>,
}

impl Library {
    /// Puts 1 to 8 proposals up for review, all or none.
    pub async fn harvest(
        &self,
        caller: &Principal,
        proposals: Vec<Proposal>,
        focus: Option<&str>,
    ) -> Result<Vec<Harvested>, LibraryError> {
        let focus = focus.map(str::to_owned);
        let prepared = self.pool.run(move || prepare_all(&proposals, focus.as_deref())).await??;
        let queue = self.whole_queue(caller).await?;
        // The proposals are looked up at the same time.
        let lookups = prepared.iter().map(|one| self.find_neighbours(caller, one));
        let neighbours = try_join_all(lookups).await?;
        let reviewed = self.pool.run(move || review_all(prepared, neighbours, &queue)).await?;
        let (candidates, reports): (Vec<_>, Vec<_>) = reviewed.into_iter().unzip();
        let write = write_context(caller, None);
        let added = self.store.add_candidates(&caller.library_id, candidates, &write).await;
        let added = added.map_err(|error| self.explain(error))?;
        Ok(added.into_iter().zip(reports).map(Harvested::from).collect())
    }

    async fn find_neighbours(
        &self,
        caller: &Principal,
        prepared: &Prepared,
    ) -> Result<Neighbours, LibraryError> {
        let named = PromptRef::Name(prepared.checked.name.clone());
        let (near, holder) = tokio::try_join!(
            self.find_near(caller, &prepared.subject, None),
            self.store.get_prompt(&caller.library_id, &named, Presence::Living),
        )?;
        Ok(Neighbours { near, holder_version: holder.map(|holder| holder.version) })
    }
}

impl From<(Candidate, Report)> for Harvested {
    fn from((candidate, report): (Candidate, Report)) -> Self {
        let Report { similar, redactions, problems } = report;
        let verdict = similar.first().map_or(Verdict::New, |closest| closest.verdict);
        Self { candidate, verdict, similar, redactions, problems }
    }
}

/// Checks and redacts proposals, or returns every fault of all of them.
fn prepare_all(proposals: &[Proposal], focus: Option<&str>) -> Result<Vec<Prepared>, LibraryError> {
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
    let mut prepared = Vec::with_capacity(proposals.len());
    for (index, proposal) in proposals.iter().enumerate() {
        match harvest::check(proposal) {
            Ok(checked) => {
                let subject = Subject::new(checked.body.content.as_str());
                prepared.push(Prepared { checked, subject });
            }
            Err(invalid) => faults.extend(invalid.within(&format!("candidates[{index}]"))),
        }
    }
    Ok(faults.finish(Some(prepared))?)
}

/// Compares each proposal with its neighbours in the library, the queue, and the proposals before
/// it.
fn review_all(
    prepared: Vec<Prepared>,
    neighbours: Vec<Neighbours>,
    queue: &[Candidate],
) -> Vec<(NewCandidate, Report)> {
    let mut waiting: Vec<(CandidateId, String, Fingerprint)> = queue
        .iter()
        .map(|candidate| {
            let fingerprint = Fingerprint::new(candidate.body.content.as_str());
            (candidate.id.clone(), candidate.body.title.to_string(), fingerprint)
        })
        .collect();
    let mut reviewed = Vec::with_capacity(prepared.len());
    for (Prepared { checked, subject }, neighbours) in prepared.into_iter().zip(neighbours) {
        let Checked { name, body, why, redactions, mut problems } = checked;
        let fingerprint = subject.fingerprint;
        let mut similar = compare_with_prompts(&fingerprint, neighbours.near);
        similar.extend(waiting.iter().filter_map(|(id, title, other)| {
            Similar::of(SimilarTo::Candidate(id.clone()), title, fingerprint.compare(other))
        }));
        if let Some(version) = neighbours.holder_version {
            problems.push(format!(
                "a prompt named {name} exists; choose another name, or pass expected_version: \
                 {version} to save over it"
            ));
        }
        let id = CandidateId::random();
        waiting.push((id.clone(), body.title.to_string(), fingerprint));
        let report = Report { similar: keep_closest(similar), redactions, problems };
        reviewed.push((NewCandidate { id, name, body, why }, report));
    }
    reviewed
}
