//! Changes of libraries that another process makes, such as a server beside a connection over stdio.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Library, LibraryError};
use crate::domain::identity::LibraryId;
use crate::store::WriteMark;

/// The libraries that are watched.
#[derive(Default)]
pub(super) struct Watched(Mutex<HashMap<LibraryId, Entry>>);

#[derive(Default)]
struct Entry {
    /// The number of its watches.
    watches: usize,
    /// Its state at the last look.
    last: Option<WriteMark>,
}

impl Watched {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<LibraryId, Entry>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Keeps a mark; returns whether it shows another writer since the last one.
    fn keep(&self, library: &LibraryId, mark: WriteMark) -> bool {
        let earlier = self.with(|all| all.get_mut(library).and_then(|one| one.last.replace(mark)));
        earlier.is_some_and(|earlier| mark.shows_other_writer_since(earlier))
    }
}

/// Keeps a library watched. Dropping it ends the watch.
pub struct Watch {
    watched: Arc<Watched>,
    library: LibraryId,
}

impl Watch {
    /// The watched library.
    pub fn library(&self) -> &LibraryId {
        &self.library
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watched.with(|all| {
            let Some(entry) = all.get_mut(&self.library) else { return };
            entry.watches -= 1;
            if entry.watches == 0 {
                all.remove(&self.library);
            }
        });
    }
}

impl Library {
    /// Watches a library for the writes of other processes, from the next
    /// [`begin_watch`](Self::begin_watch) or [`find_other_writers`](Self::find_other_writers) on.
    pub fn watch(&self, library: LibraryId) -> Watch {
        self.watched.with(|all| all.entry(library.clone()).or_default().watches += 1);
        Watch { watched: Arc::clone(&self.watched), library }
    }

    /// Whether any number of libraries may be watched. Where each look is billed, one library may,
    /// of the one user of a connection, but not those of all users of a server.
    pub fn can_watch_all(&self) -> bool {
        !self.store.bills_marks()
    }

    /// Takes the state from which the first look finds what other processes write.
    pub async fn begin_watch(&self, watch: &Watch) -> Result<(), LibraryError> {
        let library = &watch.library;
        let is_new =
            self.watched.with(|all| all.get(library).is_some_and(|one| one.last.is_none()));
        if is_new {
            let mark = self.store.mark_writes(library).await?;
            self.watched.with(|all| {
                let Some(entry) = all.get_mut(library) else { return };
                entry.last.get_or_insert(mark);
            });
        }
        Ok(())
    }

    /// Looks at each watched library once, and notifies the subscribers of [`Library::changes`] of
    /// those to which another process has written since the last look. Without a watch it does nothing.
    ///
    /// # Errors
    /// The failure of the last library that could not be looked at. The others were.
    pub async fn find_other_writers(&self) -> Result<(), LibraryError> {
        let libraries: Vec<LibraryId> = self.watched.with(|all| all.keys().cloned().collect());
        let mut outcome = Ok(());
        for library in libraries {
            match self.store.mark_writes(&library).await {
                Ok(mark) if self.watched.keep(&library, mark) => self.announce_change(&library),
                Ok(_) => {}
                Err(error) => outcome = Err(error.into()),
            }
        }
        outcome
    }
}
