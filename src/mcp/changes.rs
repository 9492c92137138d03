//! The changes of one caller's library, as every transport reports them to its client.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use crate::domain::identity::LibraryId;
use crate::error::chain;
use crate::library::{Library, Watch};

/// A subscription to the changes of one library, by this process and by others.
pub(super) struct Changes {
    /// `None` where changes are not reported.
    subscription: Option<Subscription>,
}

struct Subscription {
    library: Arc<Library>,
    receiver: broadcast::Receiver<LibraryId>,
    watch: Watch,
    has_begun: bool,
}

impl Changes {
    /// Subscribes to the changes by this process from now on, and to those by others from the first
    /// call of [`next`](Self::next) on.
    pub(super) fn subscribe(library: &Arc<Library>, watched: LibraryId) -> Self {
        let subscription = Subscription {
            library: Arc::clone(library),
            receiver: library.changes(),
            watch: library.watch(watched),
            has_begun: false,
        };
        Self { subscription: Some(subscription) }
    }

    /// Returns the changes of a client that is not notified: none.
    pub(super) fn none() -> Self {
        Self { subscription: None }
    }

    /// Waits for the next change of the library. Returns `None` once no change can come.
    ///
    /// A receiver that lagged behind has lost changes, perhaps of this library, so it reports one:
    /// a client that lists again without need is harmless, one with an outdated list is not.
    ///
    /// Cancel safe: a change that was not returned yet is returned by the next call.
    pub(super) async fn next(&mut self) -> Option<()> {
        let Some(subscription) = &mut self.subscription else {
            return std::future::pending().await;
        };
        subscription.begin().await;
        loop {
            match subscription.receiver.recv().await {
                Ok(changed) if changed != *subscription.watch.library() => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return Some(()),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Subscription {
    async fn begin(&mut self) {
        if self.has_begun {
            return;
        }
        if let Err(error) = self.library.begin_watch(&self.watch).await {
            // The next look takes the state instead, and is a job that reports its own failure.
            tracing::debug!(error = %chain(&error), "the watch for other processes begins later");
        }
        self.has_begun = true;
    }
}
