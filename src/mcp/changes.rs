//! The changes of one caller's library, as every transport reports them to its client.

use tokio::sync::broadcast::{self, error::RecvError};

use crate::domain::identity::LibraryId;
use crate::library::Library;

/// A subscription to the changes of one library.
pub(super) struct Changes {
    receiver: broadcast::Receiver<LibraryId>,
    watched: LibraryId,
}

impl Changes {
    /// Subscribes to the changes from now on.
    pub(super) fn subscribe(library: &Library, watched: LibraryId) -> Self {
        Self { receiver: library.changes(), watched }
    }

    /// Waits for the next change of the library. Returns `None` once no change can come.
    ///
    /// A receiver that lagged behind has lost changes, perhaps of this library, so it reports one:
    /// a client that lists again without need is harmless, one with an outdated list is not.
    ///
    /// Cancel safe: a change that was not returned yet is returned by the next call.
    pub(super) async fn next(&mut self) -> Option<()> {
        loop {
            match self.receiver.recv().await {
                Ok(changed) if changed != self.watched => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return Some(()),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}
