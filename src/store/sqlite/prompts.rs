//! Prompts in SQLite: each method runs one function on a reader or on the writer.

mod filter;
pub(super) mod idempotency;
mod imports;
mod listing;
mod lookup;
pub(super) mod removal;
mod search;
mod selection;
pub(super) mod words;
mod writes;

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, named_params};

use super::library_write::LibraryWrite;
use super::{SqliteStore, accounting};
use crate::domain::Timestamp;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Page, PageRequest};
use crate::domain::prompt::{Name, Prompt, PromptId, PromptRef, Tag, Version};
use crate::store::{
    Change, Counts, Filter, Idempotency, ImportedPrompt, Matches, NewPrompt, Presence, PromptStore,
    Removed, Saved, Search, Sort, StoreResult, TagCount, Use, WriteContext,
};

#[async_trait]
impl PromptStore for SqliteStore {
    async fn create_prompt(
        &self,
        library: &LibraryId,
        new: NewPrompt,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        self.database.write(move |db| write.create_prompt(db, new)).await
    }

    async fn save_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        change: Change,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| write.save_prompt(db, &id, change)).await
    }

    async fn mark_favorite(
        &self,
        library: &LibraryId,
        id: &PromptId,
        favorite: bool,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| write.mark_favorite(db, &id, favorite)).await
    }

    async fn delete_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        expected_version: Option<u32>,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| write.delete_prompt(db, &id, expected_version)).await
    }

    async fn undelete_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| write.undelete_prompt(db, &id)).await
    }

    async fn purge_prompt(
        &self,
        library: &LibraryId,
        id: &PromptId,
        write: &WriteContext,
    ) -> StoreResult<()> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| write.purge_prompt(db, &id)).await
    }

    async fn empty_trash(&self, library: &LibraryId, write: &WriteContext) -> StoreResult<Removed> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        self.database.write(move |db| write.empty_trash(db)).await
    }

    async fn prune_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        before: u32,
        write: &WriteContext,
    ) -> StoreResult<Removed> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| write.prune_versions(db, &id, before)).await
    }

    async fn recall(
        &self,
        library: &LibraryId,
        idempotency: &Idempotency,
    ) -> StoreResult<Option<Saved>> {
        let (library, idempotency) = (library.clone(), idempotency.clone());
        let since = self.deleted_since();
        self.database.read(move |db| idempotency::recall(db, &library, &idempotency, since)).await
    }

    async fn get_prompt(
        &self,
        library: &LibraryId,
        prompt: &PromptRef,
        presence: Presence,
    ) -> StoreResult<Option<Prompt>> {
        let (library, prompt) = (library.clone(), prompt.clone());
        let since = match presence {
            Presence::Living => None,
            Presence::LivingOrDeleted => Some(self.deleted_since()),
        };
        self.database
            .look_up(move |db| Ok(lookup::find_prompt(db, &library, &prompt, since)?))
            .await
    }

    async fn list_deleted_ids(
        &self,
        library: &LibraryId,
        name: &Name,
        most: usize,
    ) -> StoreResult<Vec<PromptId>> {
        let (library, name, since) = (library.clone(), name.clone(), self.deleted_since());
        let list_ids = move |db: &Connection| {
            let sql = "SELECT id FROM prompts \
                       WHERE owner = ?1 AND deleted_at > ?2 AND name = ?3 \
                       ORDER BY deleted_at DESC, seq DESC LIMIT ?4";
            let mut statement = db.prepare_cached(sql)?;
            let ids = statement.query_map((library, since, name, most), |row| row.get("id"))?;
            Ok(ids.collect::<Result<_, _>>()?)
        };
        self.database.read(list_ids).await
    }

    async fn get_version(
        &self,
        library: &LibraryId,
        id: &PromptId,
        version: u32,
    ) -> StoreResult<Option<Version>> {
        let (library, id) = (library.clone(), id.clone());
        self.database.look_up(move |db| Ok(lookup::find_version(db, &library, &id, version)?)).await
    }

    async fn list_prompts(
        &self,
        library: &LibraryId,
        filter: &Filter,
        sort: Sort,
        page: &PageRequest,
    ) -> StoreResult<Page<Prompt>> {
        let (library, filter, page) = (library.clone(), filter.clone(), page.clone());
        let since = self.deleted_since();
        self.database
            .read(move |db| listing::list_prompts(db, &library, &filter, sort, &page, since))
            .await
    }

    async fn search_prompts(
        &self,
        library: &LibraryId,
        search: &Search,
        filter: &Filter,
    ) -> StoreResult<Matches> {
        let (library, search, filter) = (library.clone(), search.clone(), filter.clone());
        let matrices = Arc::clone(&self.matrices);
        self.database
            .read(move |db| search::search_prompts(db, &matrices, &library, &search, &filter))
            .await
    }

    async fn list_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        page: &PageRequest,
    ) -> StoreResult<Option<Page<Version>>> {
        let (library, id, page) = (library.clone(), id.clone(), page.clone());
        let since = self.deleted_since();
        self.database
            .read(move |db| {
                let seq = lookup::find_seq(db, &library, &id, since)?;
                seq.map(|seq| listing::list_versions(db, seq, &page)).transpose()
            })
            .await
    }

    async fn import_prompt(
        &self,
        library: &LibraryId,
        prompt: ImportedPrompt,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        self.database.write(move |db| write.import_prompt(db, &prompt)).await
    }

    async fn append_versions(
        &self,
        library: &LibraryId,
        id: &PromptId,
        versions: Vec<Version>,
        write: &WriteContext,
    ) -> StoreResult<Saved> {
        let write = LibraryWrite::new(library, write, self.clock.now());
        let id = id.clone();
        self.database.write(move |db| write.append_versions(db, &id, &versions)).await
    }

    async fn list_tags(
        &self,
        library: &LibraryId,
        prefix: &str,
        most: usize,
    ) -> StoreResult<Vec<Tag>> {
        let (library, prefix) = (library.clone(), prefix.to_owned());
        self.database.read(move |db| Ok(listing::list_tags(db, &library, &prefix, most)?)).await
    }

    async fn count_tags(
        &self,
        library: &LibraryId,
        after: Option<&Tag>,
        most: usize,
    ) -> StoreResult<Vec<TagCount>> {
        let (library, after) = (library.clone(), after.cloned());
        self.database
            .read(move |db| Ok(listing::count_tags(db, &library, after.as_ref(), most)?))
            .await
    }

    async fn count_library(&self, library: &LibraryId) -> StoreResult<Counts> {
        let library = library.clone();
        let (deleted, candidates) = (self.deleted_since(), self.candidates_since());
        self.database.read(move |db| Ok(count(db, &library, deleted, candidates)?)).await
    }

    async fn record_uses(&self, library: &LibraryId, uses: &[Use]) -> StoreResult<()> {
        let (library, uses) = (library.clone(), uses.to_vec());
        self.database.write(move |db| Ok(writes::record_uses(db, &library, &uses)?)).await
    }
}

fn count(
    db: &Connection,
    library: &LibraryId,
    deleted_since: Timestamp,
    candidates_since: Timestamp,
) -> rusqlite::Result<Counts> {
    // One transaction, so that the counts are of one moment.
    let db = &*db.unchecked_transaction()?;
    let sql = "SELECT \
        (SELECT count(*) FROM prompts WHERE owner = :owner AND deleted_at IS NULL) AS living, \
        (SELECT count(*) FROM prompts WHERE owner = :owner AND deleted_at > :deleted) AS deleted, \
        (SELECT count(*) FROM candidates WHERE owner = :owner AND created_at > :candidates) \
        AS candidates";
    let params = named_params! {
        ":owner": library,
        ":deleted": deleted_since,
        ":candidates": candidates_since,
    };
    let bytes = accounting::count_bytes(db, library)?;
    db.prepare_cached(sql)?.query_row(params, |row| {
        Ok(Counts {
            prompts: row.get("living")?,
            deleted: row.get("deleted")?,
            candidates: row.get("candidates")?,
            bytes,
        })
    })
}
