//! What the tests share: clocks, temporary libraries, a running app.

use std::sync::atomic::{AtomicI64, Ordering};

use promptdb::domain::{Clock, Timestamp};

/// A clock that stands still until it is set.
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self(AtomicI64::new(1_767_225_600_000))
    }

    /// Moves the time on.
    pub fn advance_days(&self, days: i64) {
        self.0.fetch_add(days * 24 * 60 * 60 * 1000, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}
