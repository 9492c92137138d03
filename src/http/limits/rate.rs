//! Token buckets: the rate of requests by user and by address.

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{InsufficientCapacity, NotUntil, RateLimiter};
use quick_cache::sync::Cache;

use crate::domain::Clock;
use crate::error::ApiError;
use crate::telemetry::metrics::Events;

/// Maximum number of keys per limiter. Beyond it, keys that were seen once and long ago are dropped
/// first.
const KEYS_MAX: usize = 65_536;

const RATE_LIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// Adds the `RateLimit-*` headers.
pub(crate) fn add_rate_limit_headers(quota: Option<Quota>, mut response: Response) -> Response {
    if let Some(quota) = quota {
        quota.write(response.headers_mut());
    }
    response
}

/// The state of a bucket, as the three header fields of draft-ietf-httpapi-ratelimit-headers-06.
pub(crate) struct Quota {
    limit: u32,
    remaining: u32,
    /// Seconds until the bucket is full again or, if nothing remains, until the next request.
    reset_seconds: u32,
}

impl Quota {
    fn write(&self, headers: &mut HeaderMap) {
        headers.insert(RATE_LIMIT_LIMIT, HeaderValue::from(self.limit));
        headers.insert(RATE_LIMIT_REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RATE_LIMIT_RESET, HeaderValue::from(self.reset_seconds));
    }
}

/// A request above the limit: 429 with the state of its bucket.
pub(crate) struct LimitExceeded(Quota);

impl LimitExceeded {
    /// Seconds until the request is admitted.
    pub(super) fn retry_after_seconds(&self) -> u32 {
        self.0.reset_seconds
    }
}

impl IntoResponse for LimitExceeded {
    fn into_response(self) -> Response {
        let Self(quota) = self;
        let error = ApiError::RateLimited { retry_after_seconds: quota.reset_seconds };
        let mut response = error.into_response();
        quota.write(response.headers_mut());
        response
    }
}

/// A token bucket for each key. A full one holds the requests of a minute, and it refills evenly.
pub(super) struct Rate<K: Hash + Eq + Clone> {
    per_minute: NonZeroU32,
    clock: Elapsed,
    refused: &'static Events,
    limiter: RateLimiter<K, Counts<K>, Elapsed, StateInformationMiddleware>,
    /// Takes of the same buckets, and leaves half of each.
    spare: RateLimiter<K, Counts<K>, Elapsed, StateInformationMiddleware>,
    /// Decides as `limiter` does, and counts nothing.
    preview: RateLimiter<K, Preview<K>, Elapsed, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    pub(super) fn new(
        per_minute: NonZeroU32,
        clock: Arc<dyn Clock>,
        refused: &'static Events,
    ) -> Self {
        let clock = Elapsed(clock);
        let quota = governor::Quota::per_minute(per_minute);
        let counts = Arc::new(Cache::new(KEYS_MAX));
        let preview = RateLimiter::new(quota, Preview(Arc::clone(&counts)), clock.clone());
        // A bucket is the time at which it is full again. With the same refill, a smaller burst admits
        // what leaves the rest of the larger one.
        let half = NonZeroU32::new(per_minute.get() / 2).unwrap_or(NonZeroU32::MIN);
        let spare =
            RateLimiter::new(quota.allow_burst(half), Counts(Arc::clone(&counts)), clock.clone());
        let limiter = RateLimiter::new(quota, Counts(counts), clock.clone());
        Self { per_minute, clock, refused, limiter, spare, preview }
    }

    /// Counts a request against its bucket. A refused request is not counted.
    pub(super) fn count(&self, key: &K) -> Result<Quota, LimitExceeded> {
        let limit = self.per_minute.get();
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = limit.saturating_sub(remaining);
                Ok(Quota { limit, remaining, reset_seconds: (used * 60).div_ceil(limit) })
            }
            Err(until) => Err(self.refuse(&until)),
        }
    }

    /// Takes more units for a request that was counted, or none if the bucket has fewer. The most that
    /// is taken is what a full bucket has left beside the request.
    pub(super) fn charge(&self, key: &K, units: NonZeroU32) -> Result<(), LimitExceeded> {
        let units = units.get().min(self.per_minute.get() - 1);
        let Some(units) = NonZeroU32::new(units) else { return Ok(()) };
        match self.limiter.check_key_n(key, units) {
            Ok(Err(until)) => Err(self.refuse(&until)),
            // The bucket holds more than `units`.
            Ok(Ok(_)) | Err(InsufficientCapacity(_)) => Ok(()),
        }
    }

    /// Takes a unit if half of the bucket is left then. The error is the time until it is.
    pub(super) fn take_spare(&self, key: &K) -> Result<(), Duration> {
        self.spare.check_key(key).map(drop).map_err(|until| self.wait_for(&until))
    }

    /// Refuses a request whose bucket is empty, without counting it.
    pub(super) fn check(&self, key: &K) -> Result<(), LimitExceeded> {
        self.preview.check_key(key).map(drop).map_err(|until| self.refuse(&until))
    }

    fn refuse(&self, until: &NotUntil<Duration>) -> LimitExceeded {
        self.refused.count();
        let seconds = self.wait_for(until).as_millis().div_ceil(1000).max(1);
        let reset_seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
        LimitExceeded(Quota { limit: self.per_minute.get(), remaining: 0, reset_seconds })
    }

    fn wait_for(&self, until: &NotUntil<Duration>) -> Duration {
        until.wait_time_from(governor::clock::Clock::now(&self.clock))
    }
}

/// Our clock, as the limiter reads it.
#[derive(Clone)]
struct Elapsed(Arc<dyn Clock>);

impl governor::clock::Clock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// The buckets. The maps of the limiter's crate grow with every key until they are swept. This one
/// never holds more than [`KEYS_MAX`], and a flood of new keys does not evict the frequent ones.
struct Counts<K>(Arc<Cache<K, Arc<InMemoryState>>>);

impl<K: Hash + Eq + Clone> StateStore for Counts<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Ok(state) =
            self.0.get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(Arc::default()));
        state.measure_and_replace(&NotKeyed::NonKey, decide)
    }
}

/// The same buckets, of which nothing is taken.
struct Preview<K>(Arc<Cache<K, Arc<InMemoryState>>>);

impl<K: Hash + Eq + Clone> StateStore for Preview<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let Some(state) = self.0.get(key) else { return decide(None).map(|(outcome, _)| outcome) };
        // The state gives its value to a decision alone. One that fails replaces nothing, so the
        // outcome leaves as the error.
        let decided = state.measure_and_replace(&NotKeyed::NonKey, |counted| {
            Err::<(std::convert::Infallible, Nanos), _>(decide(counted))
        });
        match decided {
            Err(outcome) => outcome.map(|(outcome, _)| outcome),
            Ok(never) => match never {},
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{SystemClock, Timestamp};
    use crate::telemetry::metrics::USERS_REFUSED;

    /// A clock that stands still, so that no bucket refills.
    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(0)
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }

    #[test]
    fn a_flood_of_keys_neither_grows_the_map_nor_evicts_a_frequent_key() {
        let per_minute = NonZeroU32::new(2).unwrap();
        let rate = Rate::new(per_minute, Arc::new(SystemClock), &USERS_REFUSED);
        let heavy = u32::MAX;
        assert!(rate.count(&heavy).is_ok() && rate.count(&heavy).is_ok());
        for key in 0..100_000 {
            assert!(rate.count(&key).is_ok());
            assert!(rate.count(&heavy).is_err(), "forgotten after {key} others");
        }
        let kept = rate.limiter.into_state_store().0.len();
        assert!((1..=KEYS_MAX).contains(&kept), "{kept}");
    }

    #[test]
    fn a_charge_takes_all_its_units_or_none_and_a_spare_unit_leaves_half() {
        let units = |count| NonZeroU32::new(count).unwrap();
        let rate = Rate::new(units(20), Arc::new(Still), &USERS_REFUSED);
        let left = |key: u32| (0..1000).take_while(|_| rate.count(&key).is_ok()).count();
        assert!(rate.charge(&1, units(17)).is_ok() && rate.charge(&1, units(17)).is_err());
        assert_eq!(left(1), 3);
        // After the request itself, more than a bucket holds is all that it has.
        assert!(rate.count(&2).is_ok() && rate.charge(&2, units(1000)).is_ok());
        assert_eq!(left(2), 0);
        assert_eq!((0..1000).take_while(|_| rate.take_spare(&3).is_ok()).count(), 10);
        assert!(rate.take_spare(&3).unwrap_err() <= Duration::from_secs(3));
        assert_eq!(left(3), 10);
        assert!(rate.take_spare(&3).unwrap_err() > Duration::from_secs(30));

        let least = Rate::new(units(1), Arc::new(Still), &USERS_REFUSED);
        assert!(least.charge(&1, units(1)).is_ok() && least.take_spare(&1).is_ok());
    }

    #[test]
    fn a_check_counts_nothing_and_refuses_as_a_count_does() {
        let per_minute = NonZeroU32::new(2).unwrap();
        let rate = Rate::new(per_minute, Arc::new(SystemClock), &USERS_REFUSED);
        for _ in 0..5 {
            assert!(rate.check(&1).is_ok());
        }
        assert!(rate.count(&1).is_ok() && rate.check(&1).is_ok() && rate.count(&1).is_ok());
        assert!(rate.check(&1).is_err() && rate.count(&1).is_err() && rate.check(&2).is_ok());
    }
}
