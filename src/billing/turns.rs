//! One call at a time for each user.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::domain::identity::UserId;

/// The calls that run or wait, of this process. A user without any takes no memory.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<UserId, Weak<Turn<()>>>>);

impl Turns {
    /// Waits until no other call of the user holds what this returns. Calls come in their order.
    pub(super) async fn take(&self, user: &UserId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let running = turns.get(user).and_then(Weak::upgrade);
            running.unwrap_or_else(|| {
                let turn = Arc::default();
                turns.insert(user.clone(), Arc::downgrade(&turn));
                turn
            })
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_user_waits_for_no_other_and_nothing_is_left() {
        let turns = Turns::default();
        let [ann, bob] = ["user_ann", "user_bob"].map(|id| UserId::parse(id).unwrap());
        let first = turns.take(&ann).await;
        let other = turns.take(&bob).await;
        let mut second = Box::pin(turns.take(&ann));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        let second = second.await;
        drop((second, other));
        drop(turns.take(&bob).await);
        assert_eq!(
            turns.0.lock().unwrap().len(),
            1,
            "ann's is gone, bob's goes with the next call"
        );
    }
}
