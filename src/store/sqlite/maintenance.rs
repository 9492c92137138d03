//! Readiness, the removal of what has expired, and the counting and indexing of what is older than the
//! counters and the index.

use async_trait::async_trait;
use rusqlite::Connection;

use super::accounting::Upkeep;
use super::batch::Batch;
use super::cleaning::merge_index;
use super::prompts::{idempotency, removal, words};
use super::{SqliteStore, accounting, accounts, audit, candidates, subscriptions};
use crate::domain::Timestamp;
use crate::store::{Purge, Store, StoreResult};

/// A step of the upkeep: one bounded transaction.
type Step = fn(&Connection, Timestamp) -> StoreResult<Purge>;

/// The steps in order. Each is a transaction of its own, so that a fault in one table stops no other.
const STEPS: [Step; 11] = [
    |db, now| Ok(more(candidates::purge(db, now, &mut Batch::new())?)),
    |db, now| Ok(more(idempotency::purge(db, now)?)),
    |db, now| Ok(more(accounts::purge(db, now)?)),
    |db, now| Ok(more(subscriptions::purge(db, now)?)),
    |db, now| Ok(more(audit::purge(db, now)?)),
    |db, _| Ok(more(audit::delete_hidden(db)?)),
    |db, now| Ok(more(removal::disown_expired(db, now)?)),
    |db, _| {
        let removed = removal::delete_disowned(db, &mut Batch::new())?;
        let prompts = usize::try_from(removed.count).unwrap_or(usize::MAX);
        Ok(Purge { prompts, has_more: removed.has_more })
    },
    |db, _| Ok(more(removal::finish_pruning(db, &mut Batch::new())?)),
    |db, _| Ok(more(accounting::count_older(db, &mut Batch::new())?)),
    |db, _| Ok(more(words::index_older(db, &mut Batch::new())?)),
];

fn more(has_more: bool) -> Purge {
    Purge { prompts: 0, has_more }
}

#[async_trait]
impl Store for SqliteStore {
    async fn ping(&self) -> StoreResult<()> {
        self.database
            .look_up(|db| {
                let mut statement = db.prepare_cached("SELECT count(*) FROM sqlite_schema")?;
                Ok(statement.query_row([], |_| Ok(()))?)
            })
            .await
    }

    async fn purge(&self) -> StoreResult<Purge> {
        let now = self.clock.now();
        let mut purged = Purge::default();
        let mut failed = None;
        for step in STEPS {
            match self.database.write(move |db| step(db, now)).await {
                Ok(Purge { prompts, has_more }) => {
                    purged.prompts += prompts;
                    purged.has_more |= has_more;
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        if !purged.has_more {
            self.clean().await?;
        }
        Ok(purged)
    }
}

/// Deletes what is hidden, in one go, and merges the index. For a copy that no other program uses.
pub(super) fn finish_removals(copy: &Connection) -> rusqlite::Result<()> {
    while audit::delete_hidden(copy)? {}
    while removal::delete_disowned(copy, &mut Batch::new())?.has_more {}
    while removal::finish_pruning(copy, &mut Batch::new())? {}
    merge_index(copy)?;
    accounting::note_cleaned(copy, Upkeep::read(copy)?.removals)
}
