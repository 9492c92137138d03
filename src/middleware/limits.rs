//! How many requests are in flight at a time, and how many each user, and each address that nobody
//! is signed in at, may make in a minute. Questions about health are never refused.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::auth::Door;
use super::auth::stream::is_event_stream;
use crate::app::AppState;
use crate::config;
use crate::domain::Clock;
use crate::domain::identity::{Principal, UserId};
use crate::error::ApiError;
use crate::server;
use crate::telemetry::metrics::{
    ADDRESSES_REFUSED, Events, OVERLOAD_REFUSED, STREAMS_OPEN, USERS_REFUSED,
};

/// Of how many users, and of how many addresses, it is known how often they asked. Beyond that,
/// those are forgotten first who asked once and a while ago.
const KEYS_MAX: usize = 65_536;

const FLY_CLIENT_IP: HeaderName = HeaderName::from_static("fly-client-ip");
const RATE_LIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// What is taken on, and what was.
pub struct Limits {
    places: Arc<Semaphore>,
    rates: Option<Rates>,
    is_behind_fly: bool,
}

struct Rates {
    users: Rate<UserId>,
    addresses: Rate<IpAddr>,
}

impl Limits {
    /// Nothing is in flight yet, and nobody has asked.
    pub fn new(settings: &config::Limits, clock: Arc<dyn Clock>) -> Self {
        let rates = settings.rate_per_minute.map(|per_minute| Rates {
            users: Rate::new(per_minute, Arc::clone(&clock), &USERS_REFUSED),
            addresses: Rate::new(per_minute, clock, &ADDRESSES_REFUSED),
        });
        Self {
            places: Arc::new(Semaphore::new(settings.concurrent_requests)),
            rates,
            is_behind_fly: settings.is_behind_fly,
        }
    }

    /// The address that a request counts for; those who have none, as in tests, share one.
    fn address(&self, request: &Request) -> IpAddr {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let told = || request.headers().get(FLY_CLIENT_IP)?.to_str().ok()?.parse().ok();
        let address = self.is_behind_fly.then(told).flatten();
        let address = address.or_else(|| peer.map(|ConnectInfo(peer)| peer.ip()));
        network(address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()))
    }
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

/// A place among the requests in flight; questions about health need none.
pub(super) struct Place(Option<OwnedSemaphorePermit>);

/// Refuses a request while as many are in flight as may be.
pub(super) fn take_place(state: &AppState, request: &Request) -> Result<Place, ApiError> {
    if is_about_health(request) {
        return Ok(Place(None));
    }
    let place = Arc::clone(&state.limits().places).try_acquire_owned().map_err(|_| {
        OVERLOAD_REFUSED.count();
        ApiError::Overloaded
    })?;
    Ok(Place(Some(place)))
}

impl Place {
    /// Gives the place up when the head of the answer is there, and for a body that is still being
    /// made at its end. A stream of events, which may last for hours, holds none.
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

/// Refuses a user who asks too often, over REST and MCP alike.
pub(super) fn count_user(state: &AppState, request: &Request) -> Result<Option<Standing>, Refusal> {
    let caller = request.extensions().get::<Arc<Principal>>();
    match (&state.limits().rates, caller) {
        (Some(rates), Some(caller)) if !is_about_health(request) => {
            rates.users.count(&caller.user_id).map(Some)
        }
        _ => Ok(None),
    }
}

/// Adds to the response how much may still be asked.
pub(super) fn tell(standing: Option<Standing>, mut response: Response) -> Response {
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    response
}

/// How a request counts for its address.
pub(super) enum Attempt {
    /// Not at all.
    Free,
    /// As one.
    Counted(Standing),
    /// As one if it fails at being somebody's.
    IfFailed { address: IpAddr, is_webhook: bool },
}

/// Refuses an address that asks too often for what needs no caller.
pub(super) fn count_address(state: &AppState, request: &Request) -> Result<Attempt, Refusal> {
    let limits = state.limits();
    // The local user is known at every address.
    let is_open_to_all = state.authenticator().is_some();
    let (Some(rates), true) = (&limits.rates, is_open_to_all && !is_about_health(request)) else {
        return Ok(Attempt::Free);
    };
    let address = limits.address(request);
    let path = request.uri().path();
    let is_webhook = path.starts_with("/webhooks/");
    if Door::of(path) == Door::Open && !is_webhook {
        return rates.addresses.count(&address).map(Attempt::Counted);
    }
    Ok(Attempt::IfFailed { address, is_webhook })
}

impl Attempt {
    /// Refuses an address that fails too often at being somebody. A failure is counted when it is
    /// known, so that those who share an address with somebody who guesses are still let in.
    pub(super) fn end(self, state: &AppState, response: Response) -> Response {
        match (self, &state.limits().rates) {
            (Self::Counted(standing), _) => tell(Some(standing), response),
            (Self::IfFailed { address, is_webhook }, Some(rates)) => {
                let status = response.status();
                // What comes with a good signature comes as often as its sender has something to
                // tell.
                let failed =
                    status == StatusCode::UNAUTHORIZED || is_webhook && status.is_client_error();
                match failed.then(|| rates.addresses.count(&address)) {
                    Some(Err(refusal)) => refusal.into_response(),
                    _ => response,
                }
            }
            _ => response,
        }
    }
}

fn is_about_health(request: &Request) -> bool {
    matches!(request.uri().path(), "/health" | "/health/ready")
}

/// How much somebody may still ask, as the three header fields of
/// draft-ietf-httpapi-ratelimit-headers-06, which clients know.
pub(super) struct Standing {
    limit: u32,
    remaining: u32,
    /// After how many seconds more is allowed: all of it, or, when nothing remains, one request.
    reset_seconds: u32,
}

impl Standing {
    fn write(&self, headers: &mut HeaderMap) {
        headers.insert(RATE_LIMIT_LIMIT, HeaderValue::from(self.limit));
        headers.insert(RATE_LIMIT_REMAINING, HeaderValue::from(self.remaining));
        headers.insert(RATE_LIMIT_RESET, HeaderValue::from(self.reset_seconds));
    }
}

/// Somebody asked too often.
pub(super) struct Refusal(Standing);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(standing) = self;
        let error = ApiError::RateLimited { retry_after_seconds: standing.reset_seconds };
        let mut response = error.into_response();
        standing.write(response.headers_mut());
        response
    }
}

/// How often each of many asks: a bucket of as many requests as a minute allows, which fills again
/// evenly.
struct Rate<K: Hash + Eq + Clone> {
    per_minute: NonZeroU32,
    clock: Elapsed,
    refused: &'static Events,
    limiter: RateLimiter<K, Counts<K>, Elapsed, StateInformationMiddleware>,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    fn new(per_minute: NonZeroU32, clock: Arc<dyn Clock>, refused: &'static Events) -> Self {
        let clock = Elapsed(clock);
        let quota = Quota::per_minute(per_minute);
        let counts = Counts(Cache::new(KEYS_MAX));
        let limiter = RateLimiter::new(quota, counts, clock.clone());
        Self { per_minute, clock, refused, limiter }
    }

    /// Counts a request, which is not counted when it is refused.
    fn count(&self, key: &K) -> Result<Standing, Refusal> {
        let limit = self.per_minute.get();
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = limit.saturating_sub(remaining);
                Ok(Standing { limit, remaining, reset_seconds: (used * 60).div_ceil(limit) })
            }
            Err(until) => {
                self.refused.count();
                let wait = until.wait_time_from(governor::clock::Clock::now(&self.clock));
                let seconds = wait.as_millis().div_ceil(1000).max(1);
                let reset_seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
                Err(Refusal(Standing { limit, remaining: 0, reset_seconds }))
            }
        }
    }
}

/// The time as the limiter asks for it.
#[derive(Clone)]
struct Elapsed(Arc<dyn Clock>);

impl governor::clock::Clock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What is known of each key. The maps that come with the limiter grow with every key until they
/// are swept; this one never holds more than [`KEYS_MAX`], and a flood of new keys does not push
/// out those that come again and again.
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
    fn what_is_known_of_many_keys_takes_no_more_than_its_room() {
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
