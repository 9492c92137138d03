//! Readiness and the purge of what has expired.

use async_trait::async_trait;

use super::{SqliteStore, accounts, candidates, prompts};
use crate::store::{PURGE_MAX, Purge, Store, StoreResult};

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
        self.database
            .write(move |db| {
                candidates::purge(db, now)?;
                accounts::purge(db, now)?;
                let prompts = prompts::purge(db, now, PURGE_MAX)?;
                Ok(Purge { prompts, has_more: prompts == PURGE_MAX })
            })
            .await
    }
}
