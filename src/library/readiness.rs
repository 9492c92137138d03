//! Whether the store works, asked at most once a second however many ask.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::Library;
use crate::store::Store;

/// How long an answer of the store is believed.
const FRESH: Duration = Duration::from_secs(1);

/// What the store answered when it was last asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreHealth {
    /// Whether it works.
    pub works: bool,
    /// How long it took to answer.
    pub latency: Duration,
}

/// The last answer, and when it came. Who finds it stale asks; the others wait for that answer.
#[derive(Default)]
pub(super) struct Readiness(Mutex<Option<(Instant, StoreHealth)>>);

impl Readiness {
    async fn ask(&self, store: &dyn Store) -> StoreHealth {
        let mut last = self.0.lock().await;
        if let Some((_, health)) = last.filter(|(at, _)| at.elapsed() < FRESH) {
            return health;
        }
        let began = Instant::now();
        let answer = store.ping().await;
        if let Err(error) = &answer {
            tracing::warn!(%error, "the store is not ready");
        }
        let health = StoreHealth { works: answer.is_ok(), latency: began.elapsed() };
        *last = Some((Instant::now(), health));
        health
    }
}

impl Library {
    /// Whether the store answers; the answer may be a second old.
    pub async fn check_store(&self) -> StoreHealth {
        self.readiness.ask(&*self.store).await
    }
}
