//! The use cases: what a person does with their library. Every front door calls only this.

mod accounts;
mod bulk;
mod clients;
mod completion;
mod embedding;
mod error;
mod export;
mod harvest;
mod import;
mod meter;
mod other_writers;
mod paging;
mod pool;
mod prompts;
mod readiness;
mod review;
mod search;
mod similar;
mod skills;
mod tags;
mod trash;
mod usage;

use std::sync::Arc;

use tokio::sync::{Notify, broadcast};

pub use self::bulk::{BULK_MAX, BulkAction, BulkOutcome};
use self::clients::ClientLog;
pub use self::completion::Completions;
use self::embedding::Meaning;
pub use self::embedding::{EmbedError, TextEncoder};
pub use self::error::LibraryError;
pub use self::export::{Export, ExportedFiles};
pub use self::harvest::{Harvested, Malformed, Proposals, Refused};
pub use self::import::{Counted, ImportEnd, ImportOptions, ItemOutcome, ItemReport};
pub use self::meter::{Bucket, Meter};
pub use self::other_writers::Watch;
use self::other_writers::Watched;
use self::paging::CursorSeal;
use self::pool::Pool;
pub use self::prompts::{RestoredPrompt, SaveOptions, SavedPrompt};
use self::readiness::Readiness;
pub use self::readiness::StoreHealth;
pub use self::review::{Reviewed, Suggestion};
pub use self::search::{Found, ListOptions, Listing, SortOrder};
pub use self::similar::{Similar, SimilarTo};
use self::usage::UsageCounter;
use crate::domain::Clock;
use crate::domain::audit::AuditEntry;
use crate::domain::identity::{LibraryId, Principal};
use crate::domain::paging::{Page, SealedCursor};
use crate::domain::plan::Full;
use crate::domain::prompt::Name;
use crate::store::{Counts, Idempotency, Store, StoreError, WriteContext};

/// The number of changes that a slow listener may fall behind before it misses some.
const CHANGES_KEPT: usize = 64;

/// The use cases, on top of a store.
pub struct Library {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    usage: UsageCounter,
    clients: ClientLog,
    changes: broadcast::Sender<LibraryId>,
    watched: Arc<Watched>,
    readiness: Readiness,
    pool: Pool,
    meaning: Meaning,
    removals: Arc<Notify>,
    public_url: Option<String>,
    cursors: CursorSeal,
}

impl Library {
    /// Creates the use cases of a store.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        let changes = broadcast::Sender::new(CHANGES_KEPT);
        Self {
            store,
            clock,
            usage: UsageCounter::default(),
            clients: ClientLog::default(),
            changes,
            watched: Arc::default(),
            readiness: Readiness::default(),
            pool: Pool::default(),
            meaning: Meaning::default(),
            removals: Arc::default(),
            public_url: None,
            cursors: CursorSeal::random(),
        }
    }

    /// Sets the origin of the pages, without a trailing slash. Refusals and citations name them.
    #[must_use]
    pub fn with_public_url(self, public_url: String) -> Self {
        Self { public_url: Some(public_url), ..self }
    }

    /// The origin of the pages, without a trailing slash, if the server has pages.
    pub(crate) fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref()
    }

    /// Notified when something was removed for good, so that [`purge`](Self::purge) has work.
    pub fn removals(&self) -> Arc<Notify> {
        Arc::clone(&self.removals)
    }

    /// Turns the refusal of a write that adds into an error that says where to make room.
    fn explain(&self, error: StoreError) -> LibraryError {
        let full = match error {
            StoreError::QuotaExceeded { limit } => Full::Prompts(limit),
            StoreError::BytesExceeded { limit } => Full::Bytes(limit),
            other => return other.into(),
        };
        LibraryError::Full { full, trash_url: self.trash_url() }
    }

    /// The page where users make room, if the server has pages.
    fn trash_url(&self) -> Option<String> {
        self.public_url().map(|url| format!("{url}/app/trash"))
    }

    /// Returns the address of a prompt's page, if the server has pages.
    pub fn page_of(&self, prompt: &Name) -> Option<String> {
        self.public_url().map(|url| format!("{url}/app/p/{prompt}"))
    }

    /// Subscribes to the ids of libraries whose list of prompts changes through this process, or
    /// for which [`find_other_writers`](Self::find_other_writers) finds that another one changed it.
    pub fn changes(&self) -> broadcast::Receiver<LibraryId> {
        self.changes.subscribe()
    }

    /// Notifies the subscribers of a change.
    fn announce_change(&self, library: &LibraryId) {
        // An error means that there are no subscribers.
        let _ = self.changes.send(library.clone());
    }

    /// Runs work of the processor off the async threads, when one of the pool's is free.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where too much work waits already.
    pub async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, LibraryError> {
        Ok(self.pool.run(work).await?)
    }

    /// Lists the audit trail, the newest entry first.
    pub async fn list_audit(
        &self,
        caller: &Principal,
        limit: Option<i64>,
        cursor: Option<String>,
    ) -> Result<Page<AuditEntry, SealedCursor>, LibraryError> {
        let page = self.page_request(caller, limit, cursor)?;
        Ok(self.seal_page(caller, self.store.list_audit(&caller.library_id, &page).await?))
    }

    /// Counts what the caller's library holds.
    pub async fn count_library(&self, caller: &Principal) -> Result<Counts, LibraryError> {
        Ok(self.store.count_library(&caller.library_id).await?)
    }

    /// Records the uses that were counted since the last flush. What could not be recorded waits for
    /// the next one.
    pub async fn flush_uses(&self) -> Result<(), LibraryError> {
        Ok(self.usage.flush(&*self.store).await?)
    }

    /// Removes what was removed for good or can no longer be restored, in batches between which other
    /// writes go on.
    pub async fn purge(&self) -> Result<(), LibraryError> {
        while self.store.purge().await?.has_more {}
        Ok(())
    }
}

fn write_context(caller: &Principal, idempotency: Option<Idempotency>) -> WriteContext {
    WriteContext {
        client: caller.client.as_str().to_owned(),
        quota: caller.plan.quota,
        idempotency,
        accepts: None,
    }
}
