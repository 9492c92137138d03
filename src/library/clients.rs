//! The programs that call for a library: noted in memory, and recorded beside requests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Library, LibraryError};
use crate::domain::Timestamp;
use crate::domain::identity::{
    CLIENTS_MAX, Channel, Client, ConnectedClient, LibraryId, Principal,
};
use crate::error::chain;
use crate::store::{ClientCall, Store, StoreError};

/// The time between two writes about one client.
const RECORD_EVERY: Duration = Duration::from_mins(1);
/// Maximum number of libraries whose clients are noted between two flushes. Those of more are noted
/// once others are recorded.
const LIBRARIES_MAX: usize = 10_000;

/// The clients that called of late.
#[derive(Default)]
pub(super) struct ClientLog {
    by_library: Mutex<HashMap<LibraryId, Vec<Entry>>>,
}

struct Entry {
    call: ClientCall,
    /// When it was last written to the store.
    recorded_at: Option<Timestamp>,
    /// Whether the store has the latest call.
    is_recorded: bool,
}

impl Entry {
    /// Whether it may be written to the store now.
    fn is_due(&self, now: Timestamp) -> bool {
        !self.is_recorded && self.is_interval_over(now)
    }

    fn is_interval_over(&self, now: Timestamp) -> bool {
        self.recorded_at.is_none_or(|at| at.plus(RECORD_EVERY) <= now)
    }
}

impl ClientLog {
    /// Notes a call. Allocates nothing for a client that called of late.
    fn note_call(&self, library: &LibraryId, name: &Client, via: Channel, at: Timestamp) {
        let mut by_library = self.lock();
        if !by_library.contains_key(library) {
            if by_library.len() >= LIBRARIES_MAX {
                return;
            }
            by_library.insert(library.clone(), Vec::new());
        }
        let Some(entries) = by_library.get_mut(library) else { return };
        let known =
            entries.iter_mut().find(|entry| entry.call.via == via && entry.call.name == *name);
        if let Some(entry) = known {
            (entry.call.at, entry.is_recorded) = (at, false);
            return;
        }
        if entries.len() >= CLIENTS_MAX
            && let Some(oldest) = (0..entries.len()).min_by_key(|index| entries[*index].call.at)
        {
            entries.swap_remove(oldest);
        }
        let call = ClientCall { name: name.clone(), via, at };
        entries.push(Entry { call, recorded_at: None, is_recorded: false });
    }

    /// Takes what is to be recorded of a library, and forgets what has not called since.
    fn take_due(&self, library: &LibraryId, now: Timestamp) -> Vec<ClientCall> {
        let mut by_library = self.lock();
        let Some(entries) = by_library.get_mut(library) else { return Vec::new() };
        entries.retain(|entry| !entry.is_recorded || !entry.is_interval_over(now));
        let due = entries.iter_mut().filter(|entry| entry.is_due(now)).map(|entry| {
            (entry.recorded_at, entry.is_recorded) = (Some(now), true);
            entry.call.clone()
        });
        let due = due.collect();
        if entries.is_empty() {
            by_library.remove(library);
        }
        due
    }

    /// Marks calls that could not be recorded as due.
    fn mark_unrecorded(&self, library: &LibraryId, due: &[ClientCall]) {
        let mut by_library = self.lock();
        let Some(entries) = by_library.get_mut(library) else { return };
        for entry in entries.iter_mut().filter(|entry| due.contains(&entry.call)) {
            (entry.recorded_at, entry.is_recorded) = (None, false);
        }
    }

    fn libraries(&self) -> Vec<LibraryId> {
        self.lock().keys().cloned().collect()
    }

    /// Forgets the clients of a library.
    pub(super) fn forget(&self, library: &LibraryId) {
        self.lock().remove(library);
    }

    /// Records the clients of a library that are due.
    async fn flush(
        &self,
        store: &dyn Store,
        library: &LibraryId,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let due = self.take_due(library, now);
        if due.is_empty() {
            return Ok(());
        }
        let recorded = store.record_clients(library, &due).await;
        recorded.inspect_err(|_| self.mark_unrecorded(library, &due))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<LibraryId, Vec<Entry>>> {
        // No critical section leaves an entry half changed.
        self.by_library.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Library {
    /// Notes a call of a program. It is written to the store later, at most once a minute.
    pub fn record_client_call(&self, caller: &Principal, via: Channel) {
        self.clients.note_call(&caller.library_id, &caller.client, via, self.clock.now());
    }

    /// Lists the programs that called for the caller's library, the latest call first.
    pub async fn list_clients(
        &self,
        caller: &Principal,
    ) -> Result<Vec<ConnectedClient>, LibraryError> {
        let library = &caller.library_id;
        // A client that has just connected is in the list. The others are listed without it.
        if let Err(error) = self.clients.flush(&*self.store, library, self.clock.now()).await {
            tracing::warn!(error = %chain(&error), "the latest calls of clients were not recorded");
        }
        Ok(self.store.list_clients(library).await?)
    }

    /// Records the clients that called since the last flush. What could not be recorded waits for the
    /// next one; the last failure is returned.
    pub async fn flush_clients(&self) -> Result<(), LibraryError> {
        let mut outcome = Ok(());
        for library in self.clients.libraries() {
            let flushed = self.clients.flush(&*self.store, &library, self.clock.now()).await;
            if let Err(error) = flushed {
                outcome = Err(error.into());
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::identity::UserId;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn library(user: &str) -> LibraryId {
        LibraryId::of_user(&UserId::parse(user).unwrap())
    }

    #[test]
    fn a_client_is_recorded_at_once_and_then_once_a_minute() {
        let (log, ann, name) = (ClientLog::default(), library("ann"), Client::named("cursor"));
        let times = |due: Vec<ClientCall>| due.iter().map(|call| call.at).collect::<Vec<_>>();
        for second in [0, 1, 2] {
            log.note_call(&ann, &name, Channel::Mcp, at(second));
        }
        assert_eq!(times(log.take_due(&ann, at(2))), [at(2)]);
        log.note_call(&ann, &name, Channel::Mcp, at(30));
        assert!(log.take_due(&ann, at(61)).is_empty());
        assert_eq!(times(log.take_due(&ann, at(62))), [at(30)]);
        assert!(log.take_due(&ann, at(121)).is_empty());
        assert_eq!(log.libraries().len(), 1);
        assert!(log.take_due(&ann, at(122)).is_empty());
        assert!(log.libraries().is_empty(), "nothing is kept of a client that is silent");
    }

    #[test]
    fn what_was_not_recorded_is_due_again() {
        let (log, ann, name) = (ClientLog::default(), library("ann"), Client::named("cursor"));
        log.note_call(&ann, &name, Channel::Mcp, at(0));
        let due = log.take_due(&ann, at(1));
        log.mark_unrecorded(&ann, &due);
        assert_eq!(log.take_due(&ann, at(2)), due);
    }

    #[test]
    fn what_is_kept_in_memory_is_bounded() {
        let log = ClientLog::default();
        let ann = library("ann");
        for number in 0..1000 {
            log.note_call(&ann, &Client::named(&format!("c{number}")), Channel::Api, at(number));
        }
        let due = log.take_due(&ann, at(1000));
        assert_eq!(due.len(), CLIENTS_MAX);
        assert!(due.iter().all(|call| call.at >= at(1000 - 50)), "the oldest go");
        for number in 0..=LIBRARIES_MAX {
            log.note_call(
                &library(&format!("u{number}")),
                &Client::named("x"),
                Channel::Api,
                at(0),
            );
        }
        assert_eq!(log.libraries().len(), LIBRARIES_MAX);
    }
}
