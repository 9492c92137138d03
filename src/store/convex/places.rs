//! The places of calls in flight: bounded in all, and for each owner by a share of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use crate::domain::identity::UserId;

/// The owners with a call in flight or waiting.
type Owners = Mutex<HashMap<String, Owner>>;

/// The places of one owner's share, and the number of its calls in flight or waiting.
struct Owner {
    share: Arc<Semaphore>,
    calls: usize,
}

/// The places of one kind of call.
///
/// An owner has at most half of the places, so that one import, export or flood of requests leaves the
/// others room. The local user, who has no others, may have all. Both queues are fair: first the owner's own, then that of all, where no owner has more
/// calls than its share.
pub(super) struct Places {
    all: Semaphore,
    max: usize,
    owners: Owners,
}

/// A place in flight. Dropping it frees the place.
pub(super) struct Place<'a> {
    _of_all: SemaphorePermit<'a>,
    _owner: Turn<'a>,
}

/// A call of an owner, waiting or in flight. Its permit is one of the owner's share.
struct Turn<'a> {
    owners: &'a Owners,
    owner: &'a str,
    share: Arc<Semaphore>,
    is_taken: bool,
}

impl Places {
    /// `max` places, at least one.
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { all: Semaphore::new(max), max, owners: Owners::default() }
    }

    /// Waits for a place. Dropping the future leaves the queues.
    pub(super) async fn take<'a>(&'a self, owner: &'a str) -> Result<Place<'a>, AcquireError> {
        let mut turn = self.queue(owner);
        turn.share.acquire().await?.forget();
        turn.is_taken = true;
        Ok(Place { _of_all: self.all.acquire().await?, _owner: turn })
    }

    fn queue<'a>(&'a self, owner: &'a str) -> Turn<'a> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let known = owners.entry(owner.to_owned()).or_insert_with(|| {
            let is_alone = owner == UserId::local().as_str();
            let share = if is_alone { self.max } else { self.max.div_ceil(2) };
            Owner { share: Arc::new(Semaphore::new(share)), calls: 0 }
        });
        known.calls += 1;
        let share = Arc::clone(&known.share);
        Turn { owners: &self.owners, owner, share, is_taken: false }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_taken {
            self.share.add_permits(1);
        }
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = owners.get_mut(self.owner) {
            owner.calls -= 1;
            if owner.calls == 0 {
                owners.remove(self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// Polls a future once, without a runtime.
    fn poll_once<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    fn try_take<'a>(places: &'a Places, owner: &'a str) -> Option<Place<'a>> {
        poll_once(pin!(places.take(owner))).map(Result::unwrap)
    }

    #[test]
    fn one_owner_has_at_most_half_of_the_places() {
        for (max, share) in [(0, 1), (1, 1), (2, 1), (3, 2), (16, 8)] {
            let places = Places::new(max);
            let held: Vec<_> = std::iter::from_fn(|| try_take(&places, "ann")).collect();
            assert_eq!(held.len(), share, "of {max}");
        }
        let places = Places::new(16);
        let anns: Vec<_> = std::iter::from_fn(|| try_take(&places, "ann")).collect();
        let bobs: Vec<_> = std::iter::from_fn(|| try_take(&places, "bob")).collect();
        assert_eq!((anns.len(), bobs.len()), (8, 8));
        assert!(try_take(&places, "cleo").is_none(), "all places are taken");
    }

    #[test]
    fn the_local_user_may_have_all_places() {
        let places = Places::new(16);
        let held: Vec<_> = std::iter::from_fn(|| try_take(&places, "local")).collect();
        assert_eq!(held.len(), 16);
    }

    #[test]
    fn the_calls_of_an_owner_above_its_share_wait_in_no_other_queue() {
        let places = Places::new(4);
        let anns = [try_take(&places, "ann"), try_take(&places, "ann")];
        let mut third = pin!(places.take("ann"));
        let mut fourth = pin!(places.take("ann"));
        assert!(poll_once(third.as_mut()).is_none());
        assert!(poll_once(fourth.as_mut()).is_none());
        let bobs = [try_take(&places, "bob"), try_take(&places, "bob")];
        assert!(bobs.iter().all(Option::is_some));
        drop(anns);
        assert!(poll_once(third.as_mut()).is_some(), "first come, first served");
    }

    #[test]
    fn an_owner_without_calls_is_forgotten() {
        let places = Places::new(2);
        {
            let _held = try_take(&places, "ann");
            let mut waiting = Box::pin(places.take("ann"));
            assert!(poll_once(waiting.as_mut()).is_none());
            drop(waiting);
            assert_eq!(places.owners.lock().unwrap().len(), 1, "the first call is in flight");
        }
        assert_eq!(places.owners.lock().unwrap().len(), 0);
        assert!(try_take(&places, "ann").is_some(), "the place is free again");
    }
}
