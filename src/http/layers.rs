//! The steps that every request passes on its way to a handler and back.
//!
//! They are one layer and not one for each step: every axum layer costs a boxed future, which holds
//! the request again. Seven layers took 25 of 122 MB at 2,000 requests in flight. So the request id
//! and the span are a step here, too, instead of tower-http's layers for them.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use axum::body::HttpBody;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::access::{authenticate, refuse};
use super::body::check_declared_length;
use super::compression::{Compressed, compress};
use super::cors::AllowedPage;
use super::envelope::ResponsePreferences;
use super::limits::{self, Attempt, LimitExceeded, Limits, Place};
use super::negotiation::Coding;
use super::origin::check_host_and_origin;
use super::page::FindStylesheet;
use super::rule::{Content, LimitClass, Rule};
use super::ticket::Ticket;
use super::{cors, envelope};
use crate::auth::Gate;
use crate::domain::identity::Channel;
use crate::error::ApiError;
use crate::state::AppState;
use crate::telemetry::Exchange;

/// What the steps need, shared by all routes.
pub(crate) struct Edge {
    pub(super) state: AppState,
    pub(super) limits: Limits,
    pub(super) find_stylesheet: FindStylesheet,
}

impl Edge {
    /// Starts with empty buckets and no request in flight. `find_stylesheet` finds the style sheet of
    /// the pages of problems.
    pub(crate) fn new(state: AppState, find_stylesheet: FindStylesheet) -> Arc<Self> {
        let limits = Limits::new(state.limits(), &state.plans(), Arc::clone(state.clock()));
        Arc::new(Self { state, limits, find_stylesheet })
    }

    /// The state of the handlers behind the edge.
    pub(crate) fn state(&self) -> &AppState {
        &self.state
    }
}

/// The edge of one route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) edge: Arc<Edge>,
    pub(crate) rule: Rule,
}

/// Runs every step around the handler.
pub(crate) async fn pass(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let state = &guard.edge.state;
    let is_quiet = guard.rule.content == Content::File;
    // The request id and its span, problem documents, security headers and the request's line in
    // the log. Outermost, so that every response has them.
    let exchange = Exchange::over_http(&request, state.is_https(), is_quiet);
    let preferences = ResponsePreferences::read(guard.rule, &request);
    let page = AllowedPage::of(state, guard.rule.access, request.headers());
    let is_preflight = page.is_some() && cors::is_preflight(&request);
    // A panic in a handler is a 500 for that request alone. The panic hook logs it.
    let work = AssertUnwindSafe(admit(&guard, is_preflight, preferences.coding, request, next))
        .catch_unwind()
        .map(|outcome| {
            outcome
                .unwrap_or_else(|_| ApiError::Internal("a handler panicked".into()).into_response())
        });
    let mut response = Arc::clone(exchange.record()).during(work).await;
    if let Some(page) = page {
        page.share(response.headers_mut());
    }
    envelope::seal(&guard.edge, guard.rule.content, exchange, &preferences, response)
}

async fn admit(
    guard: &Guard,
    is_preflight: bool,
    coding: Option<Coding>,
    mut request: Request,
    next: Next,
) -> Response {
    let Guard { edge, rule } = guard;
    let Edge { state, limits, .. } = &**edge;
    let Entry { place, address, attempt } = match enter(guard, is_preflight, &request) {
        Ok(entry) => entry,
        Err(refusal) => return refusal.into_response(),
    };
    if is_preflight {
        return attempt.unwrap_or(Attempt::Free).end(limits, cors::answer_preflight());
    }
    // Authenticate. Earlier refusals need no caller. A credential that is known already is found at
    // once; one that has to be verified may wait.
    let (authentication, admitted) = {
        let mut authenticating = pin!(authenticate(state, rule.access, &mut request));
        match authenticating.as_mut().now_or_never() {
            Some(outcome) => outcome,
            None => match limits.begin_authentication() {
                Ok(_place) => authenticating.await,
                Err(error) => return error.into_response(),
            },
        }
    };
    let caller = authentication.caller();
    let attempt = match (attempt, caller) {
        (Some(attempt), _) => attempt,
        (None, Some(_)) => Attempt::Free,
        (None, None) => match limits.count_address(rule.limit, request.method(), address) {
            Ok(attempt) => attempt,
            Err(refusal) => return refusal.into_response(),
        },
    };
    let unvouched = match caller {
        None if rule.limit != LimitClass::Exempt => match limits.take_unvouched_place(address) {
            Ok(unvouched) => Some(unvouched),
            Err(error) => return error.into_response(),
        },
        _ => None,
    };
    let caller = caller.cloned();
    let ticket = limits.issue_ticket(place, unvouched, caller, address, rule.body_max_bytes);
    let response = match admitted {
        // Rate limit by user.
        Ok(()) => match limits.count_user(rule.limit, &request) {
            Ok(quota) => {
                if rule.access.accepts_cookie()
                    && let Some(caller) = authentication.caller()
                {
                    state.library().record_client_call(caller, Channel::of_rest(caller.via));
                }
                if let Some(meter) = limits.meter(rule.limit, &request) {
                    request.extensions_mut().insert(meter);
                }
                let response = run(state, *rule, &ticket, request, next).await;
                limits::add_rate_limit_headers(quota, response)
            }
            Err(refusal) => refusal.into_response(),
        },
        Err(error) => refuse(state, *rule, &request, error),
    };
    let response = attempt.end(limits, authentication.complete(state, response));
    let response = match compress(state.library(), &ticket, coding, response) {
        Compressed::Now(response) => response,
        Compressed::Later(response) => response.await,
    };
    limits::attach_ticket(ticket, response)
}

/// A request that may be authenticated.
struct Entry {
    place: Place,
    /// The network of the client.
    address: IpAddr,
    /// How it counts against its address; `None` if that depends on who the caller is.
    attempt: Option<Attempt>,
}

/// Why a request is refused before it is authenticated.
enum Refusal {
    Error(ApiError),
    Limit(LimitExceeded),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

impl From<LimitExceeded> for Refusal {
    fn from(exceeded: LimitExceeded) -> Self {
        Self::Limit(exceeded)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Error(error) => error.into_response(),
            Self::Limit(exceeded) => exceeded.into_response(),
        }
    }
}

/// The steps that need no caller.
fn enter(guard: &Guard, is_preflight: bool, request: &Request) -> Result<Entry, Refusal> {
    let Guard { edge, rule } = guard;
    let Edge { state, limits, .. } = &**edge;
    // More requests than the machine can bear are refused before they cost anything.
    let place = limits.take_place(rule.limit)?;
    // DNS rebinding: a page in the user's browser must not reach the library under its own name.
    check_host_and_origin(state, rule.access, request)?;
    // Rate limit by address.
    let address = limits.find_address(request);
    let count = |class| limits.count_address(class, request.method(), address);
    let attempt = match state.gate() {
        // Every request is the local user's.
        Gate::Loopback => Some(Attempt::Free),
        // A preflight has no caller to count.
        _ if is_preflight => Some(count(LimitClass::Address)?),
        // The owner is never counted, and shares the address of a proxy with strangers.
        Gate::AccessToken(_) => None,
        Gate::WorkOs(_) => Some(count(rule.limit)?),
    };
    Ok(Entry { place, address, attempt })
}

/// Runs the handler under the deadline of its rule.
async fn run(
    state: &AppState,
    rule: Rule,
    ticket: &Arc<Ticket>,
    mut request: Request,
    next: Next,
) -> Response {
    // Before the handler, for some read no body, and others do so late.
    if let Err(error) = check_declared_length(request.headers(), rule.body_max_bytes) {
        return error.into_response();
    }
    if !request.body().is_end_stream() {
        request.extensions_mut().insert(Arc::clone(ticket));
    }
    let response = if rule.has_own_deadline {
        next.run(request).await
    } else {
        let mut running = pin!(next.run(request));
        match tokio::time::timeout(state.request_timeout(), running.as_mut()).await {
            Ok(response) => response,
            Err(_) if ticket.is_receiving() => ApiError::BodyTimeout.into_response(),
            Err(_) => ApiError::Timeout.into_response(),
        }
    };
    ticket.release_body();
    response
}
