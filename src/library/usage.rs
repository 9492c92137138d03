//! Counting uses in memory, so that no read waits for a write.
//!
//! Best effort: what was counted since the last flush is lost when the process is killed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::Timestamp;
use crate::domain::identity::UserId;
use crate::domain::prompt::PromptId;
use crate::store::{Store, StoreError, Use};

/// Uses that are not in the store yet.
#[derive(Default)]
pub(super) struct UsageCounter {
    pending: Mutex<HashMap<(UserId, PromptId), (u64, Timestamp)>>,
}

impl UsageCounter {
    /// Counts one use.
    pub(super) fn count(&self, owner: &UserId, id: &PromptId, at: Timestamp) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, last) = pending.entry((owner.clone(), id.clone())).or_insert((0, at));
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
        let mut by_owner: HashMap<UserId, Vec<Use>> = HashMap::new();
        for ((owner, id), (count, last_used_at)) in pending {
            by_owner.entry(owner).or_default().push(Use { id, count, last_used_at });
        }
        let mut outcome = Ok(());
        for (owner, uses) in by_owner {
            if let Err(error) = store.record_uses(&owner, &uses).await {
                self.take_back(&owner, uses);
                outcome = Err(error);
            }
        }
        outcome
    }

    fn take_back(&self, owner: &UserId, uses: Vec<Use>) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for one in uses {
            let key = (owner.clone(), one.id);
            let (count, last) = pending.entry(key).or_insert((0, one.last_used_at));
            *count += one.count;
            *last = one.last_used_at.max(*last);
        }
    }
}
