//! The number of requests in flight, and the rate of requests by user and by address.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use governor::RateLimiter;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::rule::LimitClass;
use super::server;
use crate::auth::stream::is_event_stream;
use crate::config;
use crate::domain::Clock;
use crate::domain::identity::{Principal, UserId};
use crate::error::ApiError;
use crate::telemetry::metrics::{
    ADDRESSES_REFUSED, Events, OVERLOAD_REFUSED, PAGES_REFUSED, STREAMS_OPEN, USERS_REFUSED,
};

/// Maximum number of keys per limiter. Beyond it, keys that were seen once and long ago are dropped
/// first.
const KEYS_MAX: usize = 65_536;

/// Requests to pages and assets for each request of the setting.
const PAGE_REQUESTS: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

const FLY_CLIENT_IP: HeaderName = HeaderName::from_static("fly-client-ip");
const RATE_LIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// The buckets of users and addresses, and the places of requests in flight.
pub struct Limits {
    places: Arc<Semaphore>,
    rates: Option<Rates>,
    is_behind_fly: bool,
}

struct Rates {
    users: Rate<UserId>,
    addresses: Rate<IpAddr>,
    pages: Rate<IpAddr>,
}

impl Limits {
    /// Starts with full buckets and no request in flight.
    pub fn new(settings: &config::Limits, clock: Arc<dyn Clock>) -> Self {
        let rates = settings.rate_per_minute.map(|per_minute| Rates {
            users: Rate::new(per_minute, Arc::clone(&clock), &USERS_REFUSED),
            addresses: Rate::new(per_minute, Arc::clone(&clock), &ADDRESSES_REFUSED),
            pages: Rate::new(pages_per_minute(per_minute), clock, &PAGES_REFUSED),
        });
        Self {
            places: Arc::new(Semaphore::new(settings.concurrent_requests)),
            rates,
            is_behind_fly: settings.is_behind_fly,
        }
    }

    /// Refuses a request while the maximum number of requests is in flight.
    pub(super) fn take_place(&self, class: LimitClass) -> Result<Place, ApiError> {
        if class == LimitClass::Exempt {
            return Ok(Place(None));
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            OVERLOAD_REFUSED.count();
            ApiError::Overloaded
        })?;
        Ok(Place(Some(place)))
    }

    /// Counts a request of a user, over REST and MCP alike, and refuses one above the limit. The
    /// local user is known on routes that need no caller, too.
    pub(super) fn count_user(
        &self,
        class: LimitClass,
        request: &Request,
    ) -> Result<Option<Quota>, LimitExceeded> {
        let caller = request.extensions().get::<Arc<Principal>>();
        match (&self.rates, caller) {
            (Some(rates), Some(caller))
                if matches!(class, LimitClass::User | LimitClass::Address) =>
            {
                rates.users.count(&caller.user_id).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Counts a request against its address where its class says so, and refuses one above the
    /// limit.
    pub(super) fn count_address(
        &self,
        class: LimitClass,
        request: &Request,
    ) -> Result<Attempt, LimitExceeded> {
        let Some(rates) = &self.rates else { return Ok(Attempt::Free) };
        let address = self.address(request);
        match class {
            LimitClass::Exempt => Ok(Attempt::Free),
            LimitClass::Address => rates.addresses.count(&address).map(Attempt::Counted),
            LimitClass::Page => rates.pages.count(&address).map(Attempt::Counted),
            LimitClass::User => Ok(Attempt::IfUnauthorized(address)),
            LimitClass::Refused => Ok(Attempt::IfRefused(address)),
        }
    }

    /// The address that a request counts against. Requests without one, as in tests, share one.
    fn address(&self, request: &Request) -> IpAddr {
        let stated = if self.is_behind_fly { stated_address(request.headers()) } else { None };
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let address = stated.or_else(|| peer.map(|ConnectInfo(peer)| peer.ip()));
        network(address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()))
    }
}

/// A page loads a handful of assets, each with a request of its own.
fn pages_per_minute(per_minute: NonZeroU32) -> NonZeroU32 {
    per_minute.saturating_mul(PAGE_REQUESTS)
}

/// The client's address as the proxy of Fly.io states it.
fn stated_address(headers: &HeaderMap) -> Option<IpAddr> {
    headers.get(FLY_CLIENT_IP)?.to_str().ok()?.parse().ok()
}

/// One customer of a provider has one IPv4 address, or 64 bits of IPv6 addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(prefix).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// A place among the requests in flight; a health probe takes none.
pub(super) struct Place(Option<OwnedSemaphorePermit>);

impl Place {
    /// Gives the place up with the head of the response, and for a body that is still being made at
    /// its end. A stream of events, which may last for hours, holds none.
    pub(super) fn hold_for(self, response: Response) -> Response {
        let Self(Some(place)) = self else { return response };
        if is_event_stream(response.headers()) {
            let counted = STREAMS_OPEN.hold();
            return response.map(|body| Body::new(server::hold(body, counted)));
        }
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| Body::new(server::hold(body, place)))
    }
}

/// How a request counts against its address.
pub(super) enum Attempt {
    /// Not at all.
    Free,
    /// It was counted.
    Counted(Quota),
    /// It counts if its credential is refused.
    IfUnauthorized(IpAddr),
    /// It counts if the handler refuses it.
    IfRefused(IpAddr),
}

impl Attempt {
    /// Counts a request that failed, and refuses an address that fails too often. A failure counts
    /// only once it is known, so that others who share the address are still admitted.
    pub(super) fn end(self, limits: &Limits, response: Response) -> Response {
        let status = response.status();
        let (address, failed) = match self {
            Self::Free => return response,
            Self::Counted(quota) => return add_rate_limit_headers(Some(quota), response),
            Self::IfUnauthorized(address) => (address, status == StatusCode::UNAUTHORIZED),
            Self::IfRefused(address) => (address, status.is_client_error()),
        };
        match &limits.rates {
            Some(rates) if failed => match rates.addresses.count(&address) {
                Ok(_) => response,
                Err(refusal) => refusal.into_response(),
            },
            _ => response,
        }
    }
}

/// Adds the `RateLimit-*` headers.
pub(super) fn add_rate_limit_headers(quota: Option<Quota>, mut response: Response) -> Response {
    if let Some(quota) = quota {
        quota.write(response.headers_mut());
    }
    response
}

/// The state of a bucket, as the three header fields of draft-ietf-httpapi-ratelimit-headers-06.
pub(super) struct Quota {
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
pub(super) struct LimitExceeded(Quota);

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
struct Rate<K: Hash + Eq + Clone> {
    per_minute: NonZeroU32,
    clock: Elapsed,
    refused: &'static Events,
    limiter: RateLimiter<K, Counts<K>, Elapsed, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    fn new(per_minute: NonZeroU32, clock: Arc<dyn Clock>, refused: &'static Events) -> Self {
        let clock = Elapsed(clock);
        let quota = governor::Quota::per_minute(per_minute);
        let counts = Counts(Cache::new(KEYS_MAX));
        let limiter = RateLimiter::new(quota, counts, clock.clone());
        Self { per_minute, clock, refused, limiter }
    }

    /// Counts a request against its bucket. A refused request is not counted.
    fn count(&self, key: &K) -> Result<Quota, LimitExceeded> {
        let limit = self.per_minute.get();
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = limit.saturating_sub(remaining);
                Ok(Quota { limit, remaining, reset_seconds: (used * 60).div_ceil(limit) })
            }
            Err(until) => {
                self.refused.count();
                let wait = until.wait_time_from(governor::clock::Clock::now(&self.clock));
                let seconds = wait.as_millis().div_ceil(1000).max(1);
                let reset_seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
                Err(LimitExceeded(Quota { limit, remaining: 0, reset_seconds }))
            }
        }
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
struct Counts<K>(Cache<K, Arc<InMemoryState>>);

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemClock;

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
    fn a_network_of_ipv6_counts_as_one_address() {
        let parse = |text: &str| text.parse::<IpAddr>().unwrap();
        for (address, expected) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::6", "2001:db8:1:3::"),
        ] {
            assert_eq!(network(parse(address)), parse(expected), "{address}");
        }
    }
}
