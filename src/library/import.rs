//! The import: each item of a file creates a prompt or a candidate, extends one, changes nothing, or
//! is refused with a reason. An import only adds, so repeating it is always safe.

mod names;
mod plan;
mod planning;
mod report;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use self::names::{Names, Namesakes};
use self::plan::{Findings, Plan};
pub use self::report::{Counted, ItemOutcome, ItemReport};
use super::{Library, LibraryError, Meter, write_context};
use crate::domain::excerpt::{Excerpt, Message};
use crate::domain::identity::Principal;
use crate::domain::plan::Full;
use crate::domain::plan::Quota;
use crate::domain::prompt::Name;
use crate::domain::transfer::{Item, ItemContent, ReadError, Source};
use crate::domain::{Invalid, Timestamp};
use crate::error::chain;
use crate::store::{StoreError, WriteContext};

/// Maximum number of items that are written together, so that they share a commit.
const BATCH_MAX: usize = 64;
/// Maximum number of items that are read ahead.
const READ_AHEAD: usize = BATCH_MAX;
/// The number of written items that cost their caller a unit.
const ITEMS_PER_UNIT: usize = 20;
/// Maximum time between two looks at whether an import that waits for units must end.
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// Maximum number of attempts at an item that another client changes at the same time.
const ATTEMPTS_MAX: usize = 3;

/// The options of an import.
pub struct ImportOptions<'a> {
    /// Writes nothing and reports the effect that each item would have.
    pub dry_run: bool,
    /// Charged a unit for every 20 items that are written; the import waits for it. Items that change
    /// nothing, and dry runs, cost nothing, so that an import that is repeated gets further.
    pub meter: Meter,
    /// Called between items with the number of those that are done. A reason ends the import.
    pub stop: &'a (dyn Fn(u64) -> Option<String> + Sync),
}

/// Why an item was not imported.
enum Failure {
    /// The item is not importable, for this reason.
    Refused(String),
    /// The library is full.
    Full(Full),
    /// Another client changed the library at the same time.
    Overtaken,
    /// The store failed, so that no further item can be imported.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NameTaken { .. }
            | StoreError::VersionConflict { .. }
            | StoreError::NotFound => Self::Overtaken,
            StoreError::QuotaExceeded { limit } => Self::Full(Full::Prompts(limit)),
            StoreError::BytesExceeded { limit } => Self::Full(Full::Bytes(limit)),
            StoreError::QueueFull { limit } => Self::Refused(over_queue(limit)),
            StoreError::IdempotencyMismatch
            | StoreError::NotDeleted
            | StoreError::InvalidCursor
            | StoreError::AccountErased
            | StoreError::Busy
            | StoreError::Unavailable(_)
            | StoreError::CustomerTaken
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
    /// Imports the items of `source` and reports each as soon as it is done.
    pub async fn import(
        &self,
        caller: &Principal,
        source: Source,
        options: ImportOptions<'_>,
        mut report: impl FnMut(ItemReport),
    ) -> Result<ImportEnd, LibraryError> {
        let (sender, items) = mpsc::channel(READ_AHEAD);
        let mut turn = self.pool.turn();
        // Parsing and unpacking take a turn on the pool; waiting for the items before does not.
        let reading = tokio::task::spawn_blocking(move || {
            turn.take();
            let mut sink = |item| match sender.try_send(item) {
                Ok(()) => true,
                Err(TrySendError::Closed(_)) => false,
                Err(TrySendError::Full(item)) => {
                    turn.give_back();
                    let is_sent = sender.blocking_send(item).is_ok();
                    turn.take();
                    is_sent
                }
            };
            let mut notes = Vec::new();
            let read = source.read_with_notes(&mut sink, &mut notes);
            (read, notes)
        });
        let ImportOptions { dry_run, meter, stop } = options;
        let run = Run::new(self, caller, dry_run, meter).await?;
        let ended = run.import_all(items, stop, &mut report).await;
        if run.wrote_anything() {
            self.announce_change(&caller.library_id);
            self.note_unembedded(&caller.library_id);
        }
        let (read, notes) = reading.await.map_err(|error| StoreError::Internal(error.into()))?;
        let broken = match ended {
            // A failure before the first item is a failure of the import.
            Err(Ended { at: None, cause: Cause::Store(error) }) => return Err(error.into()),
            Err(Ended { at: None, cause: Cause::Stopped(_) }) => {
                return Err(StoreError::Busy.into());
            }
            Err(ended) => Some(ended.into()),
            Ok(()) => read.err(),
        };
        Ok(ImportEnd { notes, broken })
    }
}

/// What an import reports after its items.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ImportEnd {
    /// Sentences on what was passed over beside the items.
    pub notes: Vec<Message>,
    /// A source that could not be read to its end, or an import that ended early: the reported items are
    /// done, the ones after them are not.
    pub broken: Option<ReadError>,
}

/// An import that ended early.
struct Ended {
    /// The last item that was done; absent if none was.
    at: Option<Excerpt>,
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
            // There is nothing left to import into.
            Cause::Store(StoreError::AccountErased) => {
                return Self::new(at, "the account was erased, and so is what was imported before");
            }
            Cause::Stopped(reason) => reason,
            Cause::Store(StoreError::Busy) => "the store is busy".to_owned(),
            Cause::Store(error) => {
                tracing::error!(error = %chain(&error), "an import ended early");
                "the store failed".to_owned()
            }
        };
        let what_to_do = "import the file again: what is there already is passed over";
        Self::new(at, format!("{reason}; {what_to_do}"))
    }
}

/// One import.
struct Run<'a> {
    library: &'a Library,
    caller: &'a Principal,
    /// Whether nothing is written.
    writes_nothing: bool,
    meter: Meter,
    write: WriteContext,
    now: Timestamp,
    state: Mutex<State>,
}

/// The state that earlier items of the file leave for later ones.
#[derive(Default)]
struct State {
    /// The names of living prompts that were imported.
    names: Names,
    /// The prompts of the library that have a name of an item and a number.
    namesakes: HashMap<Name, Arc<Namesakes>>,
    /// The ids of prompts and candidates that were imported.
    ids: HashSet<String>,
    /// The number of living prompts and of waiting candidates that a dry run would lead to.
    living: u64,
    waiting: u64,
    /// The bytes that a dry run would lead to; `None` while the store has not counted them.
    bytes: Option<u64>,
    /// The number of items whose writes have begun.
    charged: usize,
    wrote: bool,
}

impl<'a> Run<'a> {
    async fn new(
        library: &'a Library,
        caller: &'a Principal,
        dry_run: bool,
        meter: Meter,
    ) -> Result<Self, LibraryError> {
        let mut state = State::default();
        if dry_run {
            let counts = library.count_library(caller).await?;
            state.living = counts.prompts;
            state.bytes = counts.bytes;
            state.waiting = library.whole_queue(caller).await?.len() as u64;
        }
        Ok(Self {
            library,
            caller,
            writes_nothing: dry_run,
            meter,
            write: write_context(caller, None),
            now: library.clock.now(),
            state: Mutex::new(state),
        })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wrote_anything(&self) -> bool {
        self.state().wrote
    }

    async fn import_all(
        &self,
        mut items: mpsc::Receiver<Item>,
        stop: &(dyn Fn(u64) -> Option<String> + Sync),
        report: &mut impl FnMut(ItemReport),
    ) -> Result<(), Ended> {
        // The order of the items decides which of them meet a quota, and in a dry run every count.
        let in_order = self.writes_nothing || self.caller.plan.quota != Quota::default();
        let batch_max = match self.meter.is_free() {
            _ if in_order => 1,
            true => BATCH_MAX,
            // No batch needs two units, one of which would be lost if the other did not come in time.
            false => ITEMS_PER_UNIT,
        };
        let mut last: Option<Excerpt> = None;
        let mut done = 0;
        let mut held: Option<Item> = None;
        loop {
            let mut batch: Vec<Item> = Vec::new();
            let mut keys = HashSet::new();
            while batch.len() < batch_max {
                let next = match held.take() {
                    Some(item) => Some(item),
                    // Items that are read already are written together, without waiting for more.
                    None if batch.is_empty() => items.recv().await,
                    None => items.try_recv().ok(),
                };
                let Some(item) = next else { break };
                let own = keys_of(&item);
                // An item whose name an earlier one has may get any other name, so it stands alone.
                let is_taken = own.iter().any(|key| self.state().names.has(key));
                if !batch.is_empty() && (is_taken || own.iter().any(|key| keys.contains(key))) {
                    held = Some(item);
                    break;
                }
                keys.extend(own);
                batch.push(item);
                if is_taken {
                    break;
                }
            }
            if batch.is_empty() {
                return Ok(());
            }
            if let Some(reason) = stop(done) {
                return Err(Ended { at: last, cause: Cause::Stopped(reason) });
            }
            let outcomes = match self.import_batch(&batch, &|| stop(done)).await {
                Ok(outcomes) => outcomes,
                Err(reason) => return Err(Ended { at: last, cause: Cause::Stopped(reason) }),
            };
            let mut failed = None;
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
                let at = if done > 0 { last.or_else(|| Some("some items".into())) } else { None };
                return Err(Ended { at, cause: Cause::Store(error) });
            }
        }
    }

    /// Imports a batch: all plans are made at the same time, paid for, and then carried out in the
    /// order of the items, which becomes the order of the library.
    ///
    /// # Errors
    /// The reason of `stop`, if the batch could not be paid for before; nothing of it is written then.
    async fn import_batch(
        &self,
        batch: &[Item],
        stop: &(dyn Fn() -> Option<String> + Sync),
    ) -> Result<Vec<Result<ItemReport, StoreError>>, String> {
        let plans = join_all(batch.iter().map(|item| self.plan(item))).await;
        let writes = plans.iter().flatten().filter(|plan| !plan.steps.is_empty()).count();
        if !self.writes_nothing {
            self.pay(writes, stop).await?;
        }
        Ok(self.carry_out_all(batch, plans).await)
    }

    /// Waits until the caller has a unit for every 20 items.
    async fn pay(
        &self,
        writes: usize,
        stop: &(dyn Fn() -> Option<String> + Sync),
    ) -> Result<(), String> {
        let (before, after) = {
            let mut state = self.state();
            let before = state.charged;
            state.charged += writes;
            (before, state.charged)
        };
        for _ in before / ITEMS_PER_UNIT..after / ITEMS_PER_UNIT {
            while let Err(wait) = self.meter.take_spare() {
                stop().map_or(Ok(()), Err)?;
                tokio::time::sleep(wait.min(PAUSE_MAX)).await;
            }
        }
        Ok(())
    }

    async fn carry_out_all(
        &self,
        batch: &[Item],
        plans: Vec<Result<Plan, Failure>>,
    ) -> Vec<Result<ItemReport, StoreError>> {
        let mut all = Vec::with_capacity(batch.len());
        let mut waiting = Vec::new();
        for (plan, item) in plans.into_iter().zip(batch) {
            // A plan of several writes is a barrier: the writes before it end first, and the ones
            // after it wait.
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

    /// Carries a plan out, and makes a new one where another client was faster.
    async fn attempt(
        &self,
        item: &Item,
        mut plan: Result<Plan, Failure>,
    ) -> Result<ItemReport, StoreError> {
        for _ in 1..ATTEMPTS_MAX {
            match self.carry_out(plan).await {
                Err(Failure::Overtaken) => plan = self.plan(item).await,
                other => return self.report(item, other),
            }
        }
        self.report(item, self.carry_out(plan).await)
    }

    /// Makes the report of an attempt; `Err` where no further item can be imported.
    fn report(
        &self,
        item: &Item,
        attempt: Result<Done, Failure>,
    ) -> Result<ItemReport, StoreError> {
        let reason = match attempt {
            Ok(Done { outcome, name, findings }) => {
                let name = name.map(|name| Excerpt::new(name.as_str()));
                let Findings { variables, notes: found } = findings;
                let name = name.or_else(|| item.name.clone());
                let (at, kind) = (item.at.clone(), item.kind);
                let notes = item.notes.iter().cloned().chain(found).collect();
                return Ok(ItemReport { at, kind, name, outcome, reason: None, variables, notes });
            }
            Err(Failure::Refused(reason)) => reason,
            Err(Failure::Full(full)) => full.explain(self.library.trash_url().as_deref()),
            Err(Failure::Overtaken) => {
                "was changed by another client at the same time; import it again".to_owned()
            }
            Err(Failure::Store(error)) => return Err(error),
        };
        Ok(ItemReport {
            at: item.at.clone(),
            kind: item.kind,
            name: item.name.clone(),
            outcome: ItemOutcome::Refused,
            reason: Some(reason.into()),
            variables: Vec::new(),
            notes: item.notes.clone(),
        })
    }

    async fn plan(&self, item: &Item) -> Result<Plan, Failure> {
        match &item.content {
            Err(invalid) => Err(Failure::Refused(invalid.to_string())),
            Ok(ItemContent::Draft(found)) => self.plan_draft(found).await,
            Ok(ItemContent::History(history)) => self.plan_history(history).await,
            Ok(ItemContent::Candidate(candidate)) => self.plan_candidate(candidate).await,
        }
    }
}

/// An item that was imported, or would be.
struct Done {
    outcome: ItemOutcome,
    /// The name of its prompt.
    name: Option<Name>,
    findings: Findings,
}

/// The keys that no two items of a batch may share.
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

fn over_queue(limit: u32) -> String {
    format!("the review queue is full ({limit})")
}
