//! The import: each item of a file is created, appended to what is there, passed over as already
//! there, or refused with its reason. An import adds and never takes away, so that repeating it is
//! always safe.

mod deciding;
mod plan;

use std::collections::{HashMap, HashSet};
use std::hash::RandomState;
use std::sync::{Mutex, PoisonError};

use futures_util::future::join_all;
use tokio::sync::mpsc;

use self::plan::Plan;
use super::{Library, LibraryError, write_context};
use crate::domain::identity::Principal;
use crate::domain::prompt::Name;
use crate::domain::transfer::{Item, ItemContent, ItemKind, ReadError, Source};
use crate::domain::{Invalid, Timestamp};
use crate::store::{StoreError, WriteContext};

/// How many items are written at a time, so that they share a commit.
const BATCH_MAX: usize = 64;
/// How many items are read ahead.
const READ_AHEAD: usize = BATCH_MAX;
/// How often an item is tried that somebody else changes at the same time.
const ATTEMPTS_MAX: usize = 3;

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemOutcome {
    /// It is new in the library.
    Created,
    /// A prompt that was there has a new version, a new mark, or lives again.
    Updated,
    /// Everything that it says was there.
    Unchanged,
    /// Nothing was written.
    Refused,
}

/// What became of an item, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemReport {
    /// Where it stands in the file.
    pub at: String,
    /// What it is.
    pub kind: ItemKind,
    /// What it is called, as far as that is known.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// Why it was refused.
    pub reason: Option<String>,
}

/// How many items had which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// [`ItemOutcome::Created`]
    pub created: u64,
    /// [`ItemOutcome::Updated`]
    pub updated: u64,
    /// [`ItemOutcome::Unchanged`]
    pub unchanged: u64,
    /// [`ItemOutcome::Refused`]
    pub refused: u64,
}

impl Counted {
    /// Counts one item.
    pub fn count(&mut self, outcome: ItemOutcome) {
        *match outcome {
            ItemOutcome::Created => &mut self.created,
            ItemOutcome::Updated => &mut self.updated,
            ItemOutcome::Unchanged => &mut self.unchanged,
            ItemOutcome::Refused => &mut self.refused,
        } += 1;
    }

    /// How many items there were.
    pub fn total(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.refused
    }
}

/// How an import is to go.
pub struct ImportOptions<'a> {
    /// Write nothing, and report what would become of each item.
    pub dry_run: bool,
    /// Asked between items with the number of those that are done; the reason for ending early.
    pub stop: &'a (dyn Fn(u64) -> Option<String> + Sync),
}

/// Why an item was not imported.
enum Failure {
    /// It cannot be, for this reason.
    Refused(String),
    /// Somebody else changed the library at the same time.
    Overtaken,
    /// No item can be, for now.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken { .. }
            | StoreError::VersionConflict { .. }
            | StoreError::NotFound => Self::Overtaken,
            StoreError::QuotaExceeded { limit } => Self::Refused(over_quota(limit)),
            StoreError::QueueFull { limit } => Self::Refused(over_queue(limit)),
            StoreError::IdempotencyMismatch
            | StoreError::InvalidCursor
            | StoreError::AccountErased
            | StoreError::Busy
            | StoreError::Unavailable(_)
            | StoreError::Internal(_) => Self::Store(error),
        }
    }
}

impl From<Invalid> for Failure {
    fn from(invalid: Invalid) -> Self {
        Self::Refused(invalid.to_string())
    }
}

impl Library {
    /// Imports what `source` holds and reports each item as soon as it is done.
    ///
    /// `Ok(Some(_))` is a source that could not be read to its end, or an import that had to end
    /// early: what was reported is done, what comes behind it is not.
    pub async fn import(
        &self,
        caller: &Principal,
        source: Source,
        options: ImportOptions<'_>,
        mut report: impl FnMut(ItemReport),
    ) -> Result<Option<ReadError>, LibraryError> {
        let (sender, items) = mpsc::channel(READ_AHEAD);
        let reading = tokio::task::spawn_blocking(move || {
            source.read(&mut |item| sender.blocking_send(item).is_ok())
        });
        let run = Run::new(self, caller, options.dry_run).await?;
        let ended = run.all(items, options.stop, &mut report).await;
        if run.wrote_anything() {
            self.announce_change(&caller.library_id);
        }
        let read = reading.await.map_err(|error| StoreError::Internal(error.into()))?;
        match ended {
            // A failure before anything was done is a failure of the whole.
            Err(Ended { at: None, cause: Cause::Store(error) }) => Err(error.into()),
            Err(Ended { at: None, cause: Cause::Stopped(_) }) => Err(StoreError::Busy.into()),
            Err(ended) => Ok(Some(ended.into())),
            Ok(()) => Ok(read.err()),
        }
    }
}

/// An import that ended early.
struct Ended {
    /// Behind which item; absent when none was done.
    at: Option<String>,
    cause: Cause,
}

enum Cause {
    Store(StoreError),
    Stopped(String),
}

impl From<Ended> for ReadError {
    fn from(ended: Ended) -> Self {
        let at = ended.at.map_or_else(|| "the start".to_owned(), |at| format!("after {at}"));
        let reason = match ended.cause {
            Cause::Stopped(reason) => reason,
            Cause::Store(StoreError::Busy) => "the store is busy".to_owned(),
            Cause::Store(error) => {
                tracing::error!(error = ?error, "an import ended early");
                "the store failed".to_owned()
            }
        };
        let what_to_do = "import the file again: what is there already is passed over";
        Self { at, reason: format!("{reason}; {what_to_do}") }
    }
}

/// One import.
struct Run<'a> {
    library: &'a Library,
    caller: &'a Principal,
    /// Whether nothing is written.
    dry: bool,
    write: WriteContext,
    now: Timestamp,
    state: Mutex<State>,
    hasher: RandomState,
}

/// What an import knows of the items before.
#[derive(Default)]
struct State {
    /// The names of living prompts that were imported, with a hash of what they said.
    names: HashMap<String, u64>,
    /// The ids of prompts and candidates that were imported.
    ids: HashSet<String>,
    /// For a dry run, how many prompts would live and how many candidates would wait.
    living: u64,
    waiting: u64,
    wrote: bool,
}

impl<'a> Run<'a> {
    async fn new(
        library: &'a Library,
        caller: &'a Principal,
        dry_run: bool,
    ) -> Result<Self, LibraryError> {
        let mut state = State::default();
        if dry_run {
            state.living = library.count_prompts(caller).await?.prompts;
            state.waiting = library.whole_queue(caller).await?.len() as u64;
        }
        Ok(Self {
            library,
            caller,
            dry: dry_run,
            write: write_context(caller, None),
            now: library.clock.now(),
            state: Mutex::new(state),
            hasher: RandomState::new(),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrote_anything(&self) -> bool {
        self.state().wrote
    }

    async fn all(
        &self,
        mut items: mpsc::Receiver<Item>,
        stop: &(dyn Fn(u64) -> Option<String> + Sync),
        report: &mut impl FnMut(ItemReport),
    ) -> Result<(), Ended> {
        // Where the quota may run out, or is only counted along, the order of the items decides.
        let in_order = self.dry || self.caller.plan.prompt_limit.is_some();
        let batch_max = if in_order { 1 } else { BATCH_MAX };
        let mut last: Option<String> = None;
        let mut done = 0;
        let mut held: Option<Item> = None;
        loop {
            let mut batch: Vec<Item> = Vec::new();
            let mut keys = HashSet::new();
            while batch.len() < batch_max {
                let next = match held.take() {
                    Some(item) => Some(item),
                    // Whatever has been read already is written together; nothing is waited for.
                    None if batch.is_empty() => items.recv().await,
                    None => items.try_recv().ok(),
                };
                let Some(item) = next else { break };
                let own = keys_of(&item);
                if own.iter().any(|key| keys.contains(key)) {
                    held = Some(item);
                    break;
                }
                keys.extend(own);
                batch.push(item);
            }
            if batch.is_empty() {
                return Ok(());
            }
            if let Some(reason) = stop(done) {
                return Err(Ended { at: last, cause: Cause::Stopped(reason) });
            }
            let mut failed = None;
            let outcomes = self.together(&batch).await;
            for outcome in outcomes {
                match outcome {
                    Ok(one) => {
                        done += 1;
                        if failed.is_none() {
                            last = Some(one.at.clone());
                        }
                        report(one);
                    }
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
            if let Some(error) = failed {
                let at =
                    if done > 0 { last.or_else(|| Some("some items".to_owned())) } else { None };
                return Err(Ended { at, cause: Cause::Store(error) });
            }
        }
    }

    /// Imports a batch: what is to become of each is read at the same time, and then written in the
    /// order of the items, which becomes that of the library.
    async fn together(&self, batch: &[Item]) -> Vec<Result<ItemReport, StoreError>> {
        let plans = join_all(batch.iter().map(|item| self.decide(item))).await;
        let mut all = Vec::with_capacity(batch.len());
        let mut waiting = Vec::new();
        for (plan, item) in plans.into_iter().zip(batch) {
            // What takes several writes is written between what stands before and behind it.
            let stands_alone = plan.as_ref().is_ok_and(|plan| plan.steps.len() > 1);
            if stands_alone {
                all.extend(join_all(waiting.drain(..)).await);
            }
            waiting.push(self.attempt(item, plan));
            if stands_alone {
                all.extend(join_all(waiting.drain(..)).await);
            }
        }
        all.extend(join_all(waiting).await);
        all
    }

    /// Carries a plan out, and decides anew where somebody else was faster.
    async fn attempt(
        &self,
        item: &Item,
        mut plan: Result<Plan, Failure>,
    ) -> Result<ItemReport, StoreError> {
        for _ in 1..ATTEMPTS_MAX {
            match self.carry_out(plan).await {
                Err(Failure::Overtaken) => plan = self.decide(item).await,
                other => return reported(item, other),
            }
        }
        reported(item, self.carry_out(plan).await)
    }

    async fn decide(&self, item: &Item) -> Result<Plan, Failure> {
        match &item.content {
            Err(invalid) => Err(Failure::Refused(invalid.to_string())),
            Ok(ItemContent::Draft(found)) => self.draft(found).await,
            Ok(ItemContent::History(history)) => self.history(history).await,
            Ok(ItemContent::Candidate(candidate)) => self.candidate(candidate).await,
        }
    }
}

/// What was done, and the name of what it was done to.
type Done = (ItemOutcome, Option<Name>);

/// The report of an attempt; `Err` where no item can be imported.
fn reported(item: &Item, attempt: Result<Done, Failure>) -> Result<ItemReport, StoreError> {
    let (outcome, name, reason) = match attempt {
        Ok((outcome, name)) => (outcome, name, None),
        Err(Failure::Refused(reason)) => (ItemOutcome::Refused, None, Some(reason)),
        Err(Failure::Overtaken) => {
            let reason = "was changed by somebody else at the same time; import it again";
            (ItemOutcome::Refused, None, Some(reason.to_owned()))
        }
        Err(Failure::Store(error)) => return Err(error),
    };
    let name = name.map(|name| name.to_string()).or_else(|| item.name.clone());
    Ok(ItemReport { at: item.at.clone(), kind: item.kind, name, outcome, reason })
}

/// What no two items of a batch may share.
fn keys_of(item: &Item) -> Vec<String> {
    match &item.content {
        Err(_) => Vec::new(),
        Ok(ItemContent::Draft(found)) => {
            let draft = &found.draft;
            let name = draft.name().ok().flatten();
            let name = name.or_else(|| draft.clone().into_new().ok().map(|(name, _)| name));
            name.iter().map(Name::to_string).collect()
        }
        Ok(ItemContent::History(history)) => {
            vec![history.name.to_string(), history.id.to_string()]
        }
        Ok(ItemContent::Candidate(candidate)) => vec![candidate.id.to_string()],
    }
}

fn over_quota(limit: u32) -> String {
    format!("the library holds {limit} prompts, as many as the plan allows")
}

fn over_queue(limit: u32) -> String {
    format!("{limit} candidates wait for review, as many as may")
}
