//! The record of one request on its way: the layers and handlers note in it what they find out, and
//! at the end it is the request's line in the log.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};

use super::call::{Call, OTHER, Outcome};
use super::metrics::{HTTP_REQUESTS, Held, MCP_CALLS, REQUESTS_IN_FLIGHT};
use crate::domain::identity::Principal;

/// The methods of RFC 9110 and RFC 5789.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::DELETE,
    Method::CONNECT,
    Method::OPTIONS,
    Method::TRACE,
    Method::PATCH,
];

/// The status of a request whose client went away before the answer, as nginx logs it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The classes of RFC 9110, section 15, by the first digit of a status.
const STATUS_CLASSES: [&str; 6] = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The route of a request to a path that there is not.
const NO_ROUTE: &str = "-";

tokio::task_local! {
    static CURRENT: Arc<Record>;
}

/// What is known of one request so far.
#[derive(Debug)]
pub struct Record {
    id: [u8; 32],
    started: Instant,
    caller: OnceLock<Arc<Principal>>,
    call: OnceLock<Call>,
    outcome: OnceLock<Outcome>,
}

impl Record {
    fn begin(id: [u8; 32]) -> Arc<Self> {
        Arc::new(Self {
            id,
            started: Instant::now(),
            caller: OnceLock::new(),
            call: OnceLock::new(),
            outcome: OnceLock::new(),
        })
    }

    /// The id of the request, which its response carries: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        // They are ASCII.
        std::str::from_utf8(&self.id).unwrap_or_default()
    }

    /// Does the work of the request, which finds this record as the current one.
    pub async fn during<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Notes something in the current record, if there is one.
    pub fn note(what: impl FnOnce(&Self)) {
        // Work that belongs to no request is noted nowhere.
        let _ = CURRENT.try_with(|record| what(record));
    }

    /// Who asks. The first word counts, here as below.
    pub fn set_caller(&self, caller: &Arc<Principal>) {
        self.caller.get_or_init(|| Arc::clone(caller));
    }

    /// What the message asks for.
    pub fn set_call(&self, call: Call) {
        self.call.get_or_init(|| call);
    }

    /// How the message was answered.
    pub fn set_outcome(&self, outcome: Outcome) {
        self.outcome.get_or_init(|| outcome);
    }

    fn user(&self) -> Option<&str> {
        self.caller.get().map(|caller| caller.user_id.as_str())
    }

    fn mcp(&self) -> [Option<&'static str>; 3] {
        let Some(call) = self.call.get() else { return [None; 3] };
        [Some(call.method()), call.tool(), Some(self.outcome().as_str())]
    }

    fn outcome(&self) -> Outcome {
        self.outcome.get().copied().unwrap_or(Outcome::Abandoned)
    }
}

/// A request, from the moment it is there until its answer is; dropped before, it counts as given up
/// by its client.
pub struct Exchange {
    record: Arc<Record>,
    http: Option<Http>,
    _in_flight: Option<Held>,
}

/// What HTTP tells of a request.
struct Http {
    method: &'static str,
    route: Option<MatchedPath>,
    status: u16,
}

impl Exchange {
    /// A request over HTTP, whose head was read; it gets an id of its own.
    pub fn over_http(request: &Request) -> Self {
        // A client may send any word as its method.
        let method = METHODS.iter().find(|method| *method == request.method());
        let http = Http {
            method: method.map_or(OTHER, Method::as_str),
            route: request.extensions().get().cloned(),
            status: CLIENT_CLOSED_REQUEST,
        };
        let in_flight = Some(REQUESTS_IN_FLIGHT.hold());
        Self { record: Record::begin(new_id()), http: Some(http), _in_flight: in_flight }
    }

    /// A message over a lasting connection.
    pub fn on_connection(caller: &Arc<Principal>, call: Call) -> Self {
        let record = Record::begin(new_id());
        record.set_caller(caller);
        record.set_call(call);
        Self { record, http: None, _in_flight: None }
    }

    /// What is found out about the request.
    pub fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// Ends with the head of a response over HTTP.
    pub fn respond(mut self, status: StatusCode) {
        if let Some(http) = &mut self.http {
            http.status = status.as_u16();
        }
    }

    fn count(&self, duration: Duration) {
        if let Some(Http { method, route, status }) = &self.http {
            let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
            let class = STATUS_CLASSES[usize::from(status / 100).min(STATUS_CLASSES.len() - 1)];
            HTTP_REQUESTS.record([route, method, class], duration);
        }
        let outcome = self.record.outcome();
        // What is accepted is answered elsewhere, and counted there, or not at all.
        if let Some(call) = self.record.call.get()
            && outcome != Outcome::Accepted
        {
            let tool = call.tool().unwrap_or_default();
            MCP_CALLS.record([call.method(), tool, outcome.as_str()], duration);
        }
    }
}

impl Drop for Exchange {
    /// Counts the request and writes its line: never the path, the query or a body, for they hold names and texts of
    /// users.
    fn drop(&mut self) {
        let record = &self.record;
        let took = record.started.elapsed();
        self.count(took);
        // JSON has no numbers of 128 bits.
        let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (request_id, user) = (record.id(), record.user());
        let [mcp_method, mcp_tool, mcp_outcome] = record.mcp();
        if let Some(Http { method, route, status }) = &self.http {
            let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
            tracing::info!(
                method,
                route,
                status,
                duration_us,
                request_id,
                user,
                mcp_method,
                mcp_tool,
                mcp_outcome,
                "request"
            );
        } else {
            tracing::info!(
                mcp_method,
                mcp_tool,
                mcp_outcome,
                duration_us,
                request_id,
                user,
                "call"
            );
        }
    }
}

fn new_id() -> [u8; 32] {
    let mut id = [0; 32];
    uuid::Uuid::new_v4().simple().encode_lower(&mut id);
    id
}
