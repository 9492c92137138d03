//! The harvest: proposals come in, are checked, redacted and compared, and wait for review.

use futures_util::future::try_join_all;

use super::review::{Neighbours, Relations, Waiting, compare};
use super::similar::Subject;
use super::{Library, LibraryError, Reviewed, write_context};
use crate::domain::candidate::{CANDIDATES_MAX, CandidateId, Findings, WHY_MAX_CHARS};
use crate::domain::excerpt::Excerpt;
use crate::domain::harvest::{self, Checked, Proposal};
use crate::domain::identity::Principal;
use crate::domain::prompt::check_chars;
use crate::domain::redaction::Redactor;
use crate::domain::{Faults, FieldError, Invalid};
use crate::store::NewCandidate;

/// The outcome of one proposal.
#[derive(Debug, Clone)]
pub enum Harvested {
    /// It waits for review.
    Waiting(Box<Reviewed>),
    /// It has faults, and was not added to the queue.
    Refused(Refused),
}

/// A proposal with faults.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The start and end of its title, redacted.
    pub title: String,
    /// The start and end of its reason, redacted.
    pub why: String,
    /// Its faults, with fields relative to the proposal.
    pub invalid: Invalid,
}

/// A proposal of another shape, by the parts of it that can be read. Nothing is redacted yet, which
/// takes time.
#[derive(Debug)]
pub struct Malformed {
    /// The start and end of its title.
    pub title: Excerpt,
    /// The start and end of its reason.
    pub why: Excerpt,
    /// Its faults, with fields relative to the proposal.
    pub invalid: Invalid,
}

/// The proposals of a session.
#[derive(Debug)]
pub struct Proposals {
    /// The first ones; those after [`CANDIDATES_MAX`] may be missing.
    pub entries: Vec<Result<Proposal, Malformed>>,
    /// The number of all.
    pub count: usize,
}

impl From<Malformed> for Refused {
    /// Redacts the parts that can be read.
    fn from(malformed: Malformed) -> Self {
        let Malformed { title, why, invalid } = malformed;
        let mut redactor = Redactor::new([title.as_str(), why.as_str()], []);
        let (title, why) = (redactor.redact(&title), redactor.redact(&why));
        Self { title, why, invalid }
    }
}

/// A proposal that was checked, ready to be compared.
struct Prepared {
    checked: Checked,
    subject: Subject,
}

impl Library {
    /// Puts 1 to 8 proposals up for review. Returns an outcome for each, in their order: one with
    /// faults, or one that has none to be checked, is refused and keeps no other from being added.
    pub async fn harvest(
        &self,
        caller: &Principal,
        proposals: Proposals,
        focus: Option<&str>,
    ) -> Result<Vec<Harvested>, LibraryError> {
        check_batch(proposals.count, focus)?;
        let prepare = move || proposals.entries.into_iter().map(prepare).collect::<Vec<_>>();
        let prepared = self.pool.run(prepare).await?;
        let (mut good, mut outcomes) = (Vec::new(), Vec::new());
        for one in prepared {
            outcomes.push(one.map(|prepared| good.push(prepared)));
        }
        let mut added = self.add_prepared(caller, good).await?.into_iter();
        let outcomes = outcomes.into_iter().map(|outcome| match outcome {
            Ok(()) => added.next().map(|added| Harvested::Waiting(Box::new(added))),
            Err(refused) => Some(Harvested::Refused(refused)),
        });
        Ok(outcomes.flatten().collect())
    }

    /// Compares proposals without faults and adds them to the queue, all or none.
    async fn add_prepared(
        &self,
        caller: &Principal,
        prepared: Vec<Prepared>,
    ) -> Result<Vec<Reviewed>, LibraryError> {
        if prepared.is_empty() {
            return Ok(Vec::new());
        }
        let queue = self.read_waiting(caller, None).await?;
        // The proposals are looked up at the same time.
        let lookups = prepared.iter().map(|Prepared { checked, subject }| {
            self.find_neighbours(caller, &checked.name, &checked.body, subject)
        });
        let neighbours = try_join_all(lookups).await?;
        let compared = self.pool.run(move || compare_all(prepared, neighbours, queue)).await?;
        let (candidates, relations): (Vec<_>, Vec<_>) = compared.into_iter().unzip();
        let write = write_context(caller, None);
        let added = self.store.add_candidates(&caller.library_id, candidates, &write).await;
        let added = added.map_err(|error| self.explain(error))?;
        Ok(added.into_iter().zip(relations).map(Reviewed::from).collect())
    }
}

/// Checks what the proposals have in common.
fn check_batch(count: usize, focus: Option<&str>) -> Result<(), LibraryError> {
    let mut faults = Faults::default();
    faults.check("focus", check_chars(focus.unwrap_or_default(), WHY_MAX_CHARS));
    match count {
        0 => faults
            .push("candidates", format!("is empty; propose at least one. {}", harvest::RUBRIC)),
        1..=CANDIDATES_MAX => {}
        count => {
            let message = format!("has {count} entries; propose the best {CANDIDATES_MAX} at most");
            return Err(FieldError::new("candidates", message).into());
        }
    }
    Ok(faults.finish(Some(()))?)
}

/// Checks and redacts a proposal.
fn prepare(proposal: Result<Proposal, Malformed>) -> Result<Prepared, Refused> {
    let proposal = proposal?;
    let checked = harvest::check(&proposal).map_err(|invalid| {
        let (title, why) = (Excerpt::new(&proposal.title), Excerpt::new(&proposal.why));
        Malformed { title, why, invalid }
    })?;
    let subject = Subject::new(checked.body.content.as_str());
    Ok(Prepared { checked, subject })
}

/// Compares each proposal with its neighbours in the library, the queue, and the proposals before
/// it.
fn compare_all(
    prepared: Vec<Prepared>,
    neighbours: Vec<Neighbours>,
    mut waiting: Vec<Waiting>,
) -> Vec<(NewCandidate, Relations)> {
    let mut compared = Vec::with_capacity(prepared.len());
    for (Prepared { checked, subject }, neighbours) in prepared.into_iter().zip(neighbours) {
        let Checked { name, body, why, redactions, problems } = checked;
        let relations = compare(&subject.fingerprint, neighbours, &waiting);
        let id = CandidateId::random();
        waiting.push(Waiting {
            id: id.clone(),
            title: body.title.to_string(),
            fingerprint: subject.fingerprint,
        });
        let findings = Findings::new(redactions, problems);
        compared.push((NewCandidate { id, name, body, why, findings }, relations));
    }
    compared
}
