//! The health of the store, checked at most once a second whatever the number of probes.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Library;
use crate::error::chain;
use crate::store::Store;

/// How long a result stays valid.
const FRESH: Duration = Duration::from_secs(1);

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreHealth {
    /// Whether the store answered.
    pub works: bool,
    /// The time until the answer.
    pub latency: Duration,
}

/// The last result and its time. The first caller that finds it stale checks again; the others wait
/// for that check.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, StoreHealth)>>);

impl Readiness {
    async fn check(&self, store: &dyn Store) -> StoreHealth {
        let mut last = self.0.lock().await;
        if let Some((_, health)) = last.filter(|(at, _)| at.elapsed() < FRESH) {
            return health;
        }
        let began = Instant::now();
        let answer = store.ping().await;
        if let Err(error) = &answer {
            tracing::warn!(error = %chain(error), "the store is not ready");
        }
        let health = StoreHealth { works: answer.is_ok(), latency: began.elapsed() };
        *last = Some((Instant::now(), health));
        health
    }
}

impl Library {
    /// Checks whether the store answers. The result may be a second old.
    pub async fn check_store(&self) -> StoreHealth {
        self.readiness.check(&*self.store).await
    }
}
