//! Uses are counted in memory, so that no read waits for a write.
//!
//! Best effort: the uses since the last flush are lost if the process is killed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::Timestamp;
use crate::domain::identity::LibraryId;
use crate::domain::prompt::PromptId;
use crate::store::{Store, StoreError, Use};

/// The uses since the last flush.
#[derive(Default)]
pub(super) struct UsageCounter {
    pending: Mutex<HashMap<(LibraryId, PromptId), (u64, Timestamp)>>,
}

impl UsageCounter {
    /// Counts one use.
    pub(super) fn count(&self, library: &LibraryId, id: &PromptId, at: Timestamp) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = pending.entry((library.clone(), id.clone())).or_insert((0, at));
        *count += 1;
        *last = at.max(*last);
    }

    /// Records everything that was counted in the store. What the store refuses is counted again,
    /// for the next flush; the last refusal is returned.
    pub(super) async fn flush(&self, store: &dyn Store) -> Result<(), StoreError> {
        let pending = {
            let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *pending)
        };
        let mut by_library: HashMap<LibraryId, Vec<Use>> = HashMap::new();
        for ((library, id), (count, last_used_at)) in pending {
            by_library.entry(library).or_default().push(Use { id, count, last_used_at });
        }
        let mut outcome = Ok(());
        for (library, uses) in by_library {
            if let Err(error) = store.record_uses(&library, &uses).await {
                self.count_again(&library, uses);
                outcome = Err(error);
            }
        }
        outcome
    }

    fn count_again(&self, library: &LibraryId, uses: Vec<Use>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for one in uses {
            let key = (library.clone(), one.id);
            let (count, last) = pending.entry(key).or_insert((0, one.last_used_at));
            *count += one.count;
            *last = one.last_used_at.max(*last);
        }
    }
}
