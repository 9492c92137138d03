//! Changes of a library that another process makes, such as a server beside a connection over stdio.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Library, LibraryError};
use crate::domain::identity::LibraryId;
use crate::store::WriteMark;

/// Looks for the writes of other processes to one library.
pub struct OtherWriters {
    library: Arc<Library>,
    watched: LibraryId,
    /// The state at the last poll.
    last: Mutex<Option<WriteMark>>,
}

impl OtherWriters {
    /// Watches a library from the first poll on.
    pub fn new(library: &Arc<Library>, watched: LibraryId) -> Self {
        Self { library: Arc::clone(library), watched, last: Mutex::default() }
    }

    /// Notifies the subscribers of [`Library::changes`] if another process has written since the last
    /// poll. Without subscribers it does nothing.
    pub async fn poll(&self) -> Result<(), LibraryError> {
        if self.library.changes.receiver_count() == 0 {
            return Ok(());
        }
        let Some(mark) = self.library.store.mark_writes(&self.watched).await? else {
            return Ok(());
        };
        let earlier = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.replace(mark)
        };
        if earlier.is_some_and(|earlier| mark.shows_other_writer_since(earlier)) {
            self.library.announce_change(&self.watched);
        }
        Ok(())
    }
}
