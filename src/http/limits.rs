//! The number of requests in flight, and the rate of requests by user and by address.

mod rate;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use self::rate::Rate;
pub(super) use self::rate::{LimitExceeded, Quota, add_rate_limit_headers};
use super::budget::{Budget, Holder, Reservation, Shares};
use super::compression::Prepared;
use super::rule::LimitClass;
use super::server;
use super::ticket::{Budgets, Ticket};
use crate::auth::stream::is_event_stream;
use crate::config;
use crate::domain::Clock;
use crate::domain::identity::{Principal, UserId, Via};
use crate::domain::plan::Plan;
use crate::error::ApiError;
use crate::library::{Bucket, Meter};
use crate::telemetry::metrics::{
    ADDRESSES_REFUSED, OVERLOAD_REFUSED, PAGES_REFUSED, STREAMS_OPEN, USERS_REFUSED,
};

/// Requests to pages and assets for each request of the setting.
const PAGE_REQUESTS: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");

/// The part of the places that requests without a user may hold: one in so many.
const UNVOUCHED_PART: usize = 4;
/// The part of the places that requests of one address without a user may hold: one in so many.
const ADDRESS_PART: usize = 32;
/// The part of the places that requests may hold while their credential is verified: one in so many.
/// Addresses have no share: a hosted client sends the tokens of all its users from a few, and after
/// a start of the server all of them are new to it.
const AUTHENTICATING_PART: usize = 2;

const FLY_CLIENT_IP: HeaderName = HeaderName::from_static("fly-client-ip");

/// The buckets of users and addresses, and the places of requests in flight.
pub struct Limits {
    places: Arc<Semaphore>,
    /// The places of requests without a user.
    unvouched: Arc<Budget>,
    /// The places of requests whose credential is being verified.
    authenticating: Semaphore,
    budgets: Arc<Budgets>,
    users: Vec<Arc<UserRates>>,
    addresses: Option<AddressRates>,
    is_behind_fly: bool,
}

/// The buckets of the users whose plans have one rate. A user whose plan changes has the buckets of the
/// new rate from the next request on, which are full at first.
struct UserRates {
    per_minute: NonZeroU32,
    tokens: Rate<UserId>,
    /// Requests by cookie, so that a page that polls takes nothing from the user's chats.
    cookies: Rate<UserId>,
}

impl UserRates {
    fn new(per_minute: NonZeroU32, clock: &Arc<dyn Clock>) -> Self {
        let rate = || Rate::new(per_minute, Arc::clone(clock), &USERS_REFUSED);
        Self { per_minute, tokens: rate(), cookies: rate() }
    }

    /// The buckets that count the requests of a caller.
    fn of(&self, caller: &Principal) -> &Rate<UserId> {
        match caller.via {
            Via::Cookie => &self.cookies,
            _ => &self.tokens,
        }
    }
}

/// The buckets of requests without a user.
struct AddressRates {
    requests: Rate<IpAddr>,
    pages: Rate<IpAddr>,
}

/// The bucket of the caller of a request.
struct UserBucket {
    rates: Arc<UserRates>,
    caller: Arc<Principal>,
}

impl Bucket for UserBucket {
    fn take(&self, units: NonZeroU32) -> Result<(), u32> {
        let charged = self.rates.of(&self.caller).charge(&self.caller.user_id, units);
        charged.map_err(|refusal| refusal.retry_after_seconds())
    }

    fn take_spare(&self) -> Result<(), Duration> {
        self.rates.of(&self.caller).take_spare(&self.caller.user_id)
    }
}

/// A place among the requests in flight; a health probe takes none.
pub(super) struct Place(Option<OwnedSemaphorePermit>);

impl Limits {
    /// Starts with full buckets and no request in flight. `plans` are those that callers can have.
    pub fn new(settings: &config::Limits, plans: &[Plan], clock: Arc<dyn Clock>) -> Self {
        let mut users: Vec<Arc<UserRates>> = Vec::new();
        for per_minute in plans.iter().filter_map(|plan| plan.requests_per_minute) {
            if find_rate(&users, per_minute).is_none() {
                users.push(Arc::new(UserRates::new(per_minute, &clock)));
            }
        }
        let addresses = settings.rate_per_minute.map(|per_minute| AddressRates {
            requests: Rate::new(per_minute, Arc::clone(&clock), &ADDRESSES_REFUSED),
            pages: Rate::new(pages_per_minute(per_minute), clock, &PAGES_REFUSED),
        });
        let places = settings.concurrent_requests;
        let unvouched = places.div_ceil(UNVOUCHED_PART);
        Self {
            places: Arc::new(Semaphore::new(places)),
            unvouched: Budget::new(Shares {
                total: unvouched,
                user: 0,
                addresses: unvouched,
                address: places.div_ceil(ADDRESS_PART),
                is_fair: false,
            }),
            authenticating: Semaphore::new(places.div_ceil(AUTHENTICATING_PART)),
            budgets: Arc::new(Budgets::new()),
            users,
            addresses,
            is_behind_fly: settings.is_behind_fly,
        }
    }

    /// Refuses a request while the maximum number of requests is in flight.
    pub(super) fn take_place(&self, class: LimitClass) -> Result<Place, ApiError> {
        if class == LimitClass::Exempt {
            return Ok(Place(None));
        }
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| overloaded())?;
        Ok(Place(Some(place)))
    }

    /// Takes one of the places for requests without a user. They are a part of all, and those of an
    /// address a part of that, so that a signed-in user finds one whatever strangers send.
    pub(super) fn take_unvouched_place(&self, address: IpAddr) -> Result<Reservation, ApiError> {
        self.unvouched.reserve(Holder::Address(address), 1).map_err(|_| overloaded())
    }

    /// Takes one of the places for requests whose credential is not verified yet. They are a part of
    /// all, so that a caller who is known already finds one.
    pub(super) fn begin_authentication(&self) -> Result<SemaphorePermit<'_>, ApiError> {
        self.authenticating.try_acquire().map_err(|_| overloaded())
    }

    /// Gives a request the ticket on which everything that it holds is counted.
    pub(super) fn issue_ticket(
        &self,
        Place(place): Place,
        unvouched: Option<Reservation>,
        caller: Option<Arc<Principal>>,
        address: IpAddr,
        body_max_bytes: usize,
    ) -> Arc<Ticket> {
        let places = (place, unvouched);
        Arc::new(Ticket::new(&self.budgets, caller, address, body_max_bytes, places))
    }

    /// Counts a request of a user, over REST and MCP alike, and refuses one above the limit. The
    /// local user is known on routes that need no caller, too.
    pub(super) fn count_user(
        &self,
        class: LimitClass,
        request: &Request,
    ) -> Result<Option<Quota>, LimitExceeded> {
        let caller = request.extensions().get::<Arc<Principal>>();
        let caller = caller.filter(|_| matches!(class, LimitClass::User | LimitClass::Address));
        match caller.and_then(|caller| Some((caller, self.rates_of(caller)?))) {
            Some((caller, rates)) => rates.of(caller).count(&caller.user_id).map(Some),
            None => Ok(None),
        }
    }

    /// The buckets of the rate of a caller's plan; `None` for a plan without a limit.
    fn rates_of(&self, caller: &Principal) -> Option<&Arc<UserRates>> {
        find_rate(&self.users, caller.plan.requests_per_minute?)
    }

    /// Returns the meter of a request's caller, for work that costs more than the request.
    pub(super) fn meter(&self, class: LimitClass, request: &Request) -> Option<Meter> {
        let caller = request.extensions().get::<Arc<Principal>>()?;
        let rates = self.rates_of(caller).filter(|_| class == LimitClass::User)?;
        let bucket = UserBucket { rates: Arc::clone(rates), caller: Arc::clone(caller) };
        Some(Meter::new(Arc::new(bucket)))
    }

    /// Counts a request against its address where its class says so, before any work, and refuses
    /// one above the limit.
    pub(super) fn count_address(
        &self,
        class: LimitClass,
        method: &Method,
        address: IpAddr,
    ) -> Result<Attempt, LimitExceeded> {
        let Some(rates) = &self.addresses else { return Ok(Attempt::Free) };
        match class {
            LimitClass::Exempt => Ok(Attempt::Free),
            LimitClass::Address => rates.requests.count(&address).map(Attempt::Counted),
            LimitClass::SignIn if !method.is_safe() => Ok(Attempt::IfUnauthorized(address)),
            LimitClass::Page | LimitClass::SignIn => {
                rates.pages.count(&address).map(Attempt::Counted)
            }
            LimitClass::User => Ok(Attempt::IfUnauthorized(address)),
            LimitClass::Refused => {
                rates.requests.check(&address).map(|()| Attempt::IfRefused(address))
            }
        }
    }

    /// The address that a request counts against. Requests without one, as in tests, share one.
    pub(super) fn find_address(&self, request: &Request) -> IpAddr {
        let stated = if self.is_behind_fly { stated_address(request.headers()) } else { None };
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let address = stated.or_else(|| peer.map(|ConnectInfo(peer)| peer.ip()));
        network(address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()))
    }
}

/// There are as many rates as plans, so that a search is faster than a map.
fn find_rate(rates: &[Arc<UserRates>], per_minute: NonZeroU32) -> Option<&Arc<UserRates>> {
    rates.iter().find(|rates| rates.per_minute == per_minute)
}

fn overloaded() -> ApiError {
    OVERLOAD_REFUSED.count();
    ApiError::Overloaded
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
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let prefix = address.to_bits() & !u128::from(u64::MAX);
            Ipv6Addr::from_bits(prefix).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// Attaches the ticket of a request to its response, which holds it until the client has taken the
/// body. A finished body is charged by its size, unless it is [`Prepared`], and a stream of events takes a
/// seat instead of a place.
pub(super) fn attach_ticket(ticket: Arc<Ticket>, response: Response) -> Response {
    let is_prepared = response.extensions().get::<Prepared>().is_some();
    let (ticket, mut response) = match response.body().size_hint().exact() {
        Some(_) if is_prepared => (ticket, response),
        Some(bytes) => {
            let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
            let charged = ticket.charge_answer(bytes);
            (ticket, charged.map_or_else(IntoResponse::into_response, |()| response))
        }
        None if is_event_stream(response.headers()) => match ticket.take_seat() {
            Ok(seat) => {
                let held = (seat, STREAMS_OPEN.hold());
                (
                    Arc::new(ticket.of_stream()),
                    response.map(|body| Body::new(server::hold(body, held))),
                )
            }
            Err(error) => (ticket, error.into_response()),
        },
        None => {
            let held = Arc::clone(&ticket);
            (ticket, response.map(|body| Body::new(server::hold(body, held))))
        }
    };
    response.extensions_mut().insert(ticket);
    response
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
        match &limits.addresses {
            Some(rates) if failed => match rates.requests.count(&address) {
                Ok(_) => response,
                Err(refusal) => refusal.into_response(),
            },
            _ => response,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_whose_bytes_are_shared_takes_nothing_from_other_answers() {
        let budgets = Arc::new(Budgets::new());
        let address = IpAddr::from([192, 0, 2, 7]);
        let answer = |is_prepared: bool| {
            let ticket = Arc::new(Ticket::new(&budgets, None, address, 0, (None, None)));
            let mut response = Response::new(Body::from(vec![0; 1024 * 1024]));
            if is_prepared {
                response.extensions_mut().insert(Prepared);
            }
            attach_ticket(ticket, response)
        };
        let unread: Vec<Response> = (0..100).map(|_| answer(true)).collect();
        assert!(unread.iter().all(|response| response.status() == StatusCode::OK));
        let _first = answer(false);
        assert_eq!(answer(false).status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer(true).status(), StatusCode::OK);
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
