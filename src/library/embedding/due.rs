//! The libraries whose prompts may have no vector, one by one, for a store that cannot list those of all
//! libraries.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use quick_cache::sync::Cache;

use crate::domain::identity::LibraryId;

/// Maximum number of libraries that are remembered: 1.5 MB. One that is forgotten is looked at again,
/// which costs a call of the store.
const SEEN_MAX: usize = 10_000;
/// Maximum number of libraries that wait. The owner's next search adds one that found no place.
const WAITING_MAX: usize = 1000;

pub(super) struct Due {
    seen: Cache<LibraryId, ()>,
    waiting: Mutex<VecDeque<LibraryId>>,
}

impl Default for Due {
    fn default() -> Self {
        Self { seen: Cache::new(SEEN_MAX), waiting: Mutex::default() }
    }
}

impl Due {
    /// Adds a library at the first search of its owner, and returns whether it did.
    pub(super) fn add_once(&self, library: &LibraryId) -> bool {
        self.seen.get(library).is_none() && self.add(library)
    }

    /// Adds a library that has new prompts without a vector. Returns whether there was room.
    pub(super) fn add(&self, library: &LibraryId) -> bool {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if !waiting.contains(library) {
            if waiting.len() == WAITING_MAX {
                return false;
            }
            waiting.push_back(library.clone());
        }
        self.seen.insert(library.clone(), ());
        true
    }

    /// Takes the library that has waited longest.
    pub(super) fn take(&self) -> Option<LibraryId> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Looks at every library again, at the next search of its owner: a save may have failed to embed.
    pub(super) fn forget_seen(&self) {
        self.seen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::UserId;

    fn library(number: usize) -> LibraryId {
        LibraryId::of_user(&UserId::parse(&format!("user_{number}")).unwrap())
    }

    #[test]
    fn a_library_is_due_once_until_it_has_new_prompts_or_all_are_forgotten() {
        let due = Due::default();
        assert!(due.add_once(&library(1)));
        assert!(!due.add_once(&library(1)));
        assert_eq!((due.take(), due.take()), (Some(library(1)), None));
        assert!(!due.add_once(&library(1)));
        assert!(due.add(&library(1)) && due.add(&library(1)));
        assert_eq!((due.take(), due.take()), (Some(library(1)), None));
        due.forget_seen();
        assert!(due.add_once(&library(1)));
    }

    #[test]
    fn a_library_without_room_is_due_at_the_next_search() {
        let due = Due::default();
        assert!((0..WAITING_MAX).all(|number| due.add(&library(number))));
        assert!(!due.add_once(&library(WAITING_MAX)));
        due.take();
        assert!(due.add_once(&library(WAITING_MAX)));
    }
}
