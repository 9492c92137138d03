//! The record of one request on its way: whoever handles it notes what is found out, and at the end
//! it is the request's line in the log.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method, StatusCode};
use futures_util::future::Either;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind, TraceId};
use reqwest::Url;

use super::call::{Call, OTHER, Outcome};
use super::metrics::{HTTP_REQUESTS, Held, MCP_CALLS, REQUESTS_IN_FLIGHT};
use super::spans::{self, Span};
use super::trace::{self, Trace};
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
    /// Fixed when it is first asked for; `None` where nobody wants to know.
    trace: OnceLock<Option<Trace>>,
    caller: OnceLock<Arc<Principal>>,
    call: OnceLock<Call>,
    outcome: OnceLock<Outcome>,
}

impl Record {
    fn begin(id: [u8; 32]) -> Arc<Self> {
        Arc::new(Self {
            id,
            started: Instant::now(),
            trace: OnceLock::new(),
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
    pub fn during<F: Future>(self: Arc<Self>, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// The record of the request that this task works for.
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Work for the current request that is done in another task.
    pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
        Self::resume(Self::current(), work)
    }

    /// Work for a request whose record was brought here in another way, if it was.
    pub fn resume<F: Future>(
        record: Option<Arc<Self>>,
        work: F,
    ) -> impl Future<Output = F::Output> {
        match record {
            Some(record) => Either::Left(record.during(work)),
            None => Either::Right(work),
        }
    }

    /// Begins a call to another service in the trace of the current request.
    pub(crate) fn begin_call() -> Option<CallSpan> {
        let trace = Self::current()?.trace().map(Trace::part)?;
        Some(CallSpan { trace, request: OnceLock::new(), status: OnceLock::new() })
    }

    /// The trace that the request is part of, as its MCP message tells (SEP-414). What HTTP told, or
    /// was used already, counts more.
    pub fn set_parent(&self, traceparent: Option<&str>, tracestate: Option<&str>) {
        if let Some(caller) = traceparent.and_then(|parent| trace::caller(parent, tracestate)) {
            self.join(&caller);
        }
    }

    fn join(&self, caller: &SpanContext) {
        self.trace.get_or_init(|| Some(Trace::of_caller(caller)));
    }

    /// The place of the request in its trace. A trace that begins here has the id of the request.
    fn trace(&self) -> Option<&Trace> {
        let begin = || Trace::begin(TraceId::from_hex(self.id()).unwrap_or(TraceId::INVALID));
        self.trace.get_or_init(|| spans::is_on().then(begin)).as_ref()
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
    is_https: bool,
    method: &'static str,
    route: Option<MatchedPath>,
    status: u16,
}

impl Exchange {
    /// A request over HTTP, whose head was read; it gets an id of its own. `is_https` is the client's
    /// view, which may be that of a proxy.
    pub fn over_http(request: &Request, is_https: bool) -> Self {
        // A client may send any word as its method.
        let method = METHODS.iter().find(|method| *method == request.method());
        let http = Http {
            is_https,
            method: method.map_or(OTHER, Method::as_str),
            route: request.extensions().get().cloned(),
            status: CLIENT_CLOSED_REQUEST,
        };
        let record = Record::begin(new_id());
        if let Some(caller) = trace::caller_of(request.headers()) {
            record.join(&caller);
        }
        let in_flight = Some(REQUESTS_IN_FLIGHT.hold());
        Self { record, http: Some(http), _in_flight: in_flight }
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

    /// The span, with the attributes of OpenTelemetry's conventions for HTTP and for MCP.
    fn span<'a>(&self, trace: &'a Trace, duration: Duration) -> Span<'a> {
        let mut attributes =
            vec![KeyValue::new("promptdb.request.id", self.record.id().to_owned())];
        let (mut name, mut error) = (Cow::Borrowed("MCP"), None);
        if let Some(http) = &self.http {
            let method = if http.method == OTHER { "_OTHER" } else { http.method };
            attributes.push(KeyValue::new("http.request.method", method));
            attributes.push(KeyValue::new("http.response.status_code", i64::from(http.status)));
            let scheme = if http.is_https { "https" } else { "http" };
            attributes.push(KeyValue::new("url.scheme", scheme));
            name = if http.method == OTHER { "HTTP".into() } else { http.method.into() };
            if let Some(route) = &http.route {
                attributes.push(KeyValue::new("http.route", route.as_str().to_owned()));
                name = format!("{name} {}", route.as_str()).into();
            }
            error = (http.status >= 500).then(|| http.status.to_string().into());
        }
        if let Some(call) = self.record.call.get() {
            attributes.push(KeyValue::new("mcp.method.name", call.method()));
            name = call.method().into();
            if let Some(tool) = call.tool() {
                attributes.push(KeyValue::new("gen_ai.tool.name", tool));
                attributes.push(KeyValue::new("gen_ai.operation.name", "execute_tool"));
                name = format!("{name} {tool}").into();
            }
            let outcome = self.record.outcome();
            let failed = !matches!(outcome, Outcome::Ok | Outcome::Accepted);
            error = error.or(failed.then(|| outcome.as_str().into()));
        }
        let is_error = error.is_some();
        attributes.extend(error.map(|error: Cow<'static, str>| KeyValue::new("error.type", error)));
        Span { kind: SpanKind::Server, name, trace, duration, attributes, is_error }
    }

    fn count(&self, duration: Duration) {
        if let Some(Http { method, route, status, .. }) = &self.http {
            let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
            let class = STATUS_CLASSES[usize::from(status / 100).min(STATUS_CLASSES.len() - 1)];
            HTTP_REQUESTS.record([route, method, class], duration);
        }
        let outcome = self.record.outcome();
        // What is merely accepted was no request.
        if let Some(call) = self.record.call.get()
            && outcome != Outcome::Accepted
        {
            let tool = call.tool().unwrap_or_default();
            MCP_CALLS.record([call.method(), tool, outcome.as_str()], duration);
        }
    }
}

impl Drop for Exchange {
    /// Counts the request, exports its span and writes its line: never the path, the query or a body, for they hold names and texts of
    /// users.
    fn drop(&mut self) {
        let record = &self.record;
        let took = record.started.elapsed();
        self.count(took);
        let trace = record.trace();
        if let Some(trace) = trace.filter(|trace| trace.context.is_sampled()) {
            self.span(trace, took).export();
        }
        let trace_id = trace.map(|trace| tracing::field::display(trace.context.trace_id()));
        // JSON has no numbers of 128 bits.
        let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let (request_id, user) = (record.id(), record.user());
        let [mcp_method, mcp_tool, mcp_outcome] = record.mcp();
        if let Some(Http { method, route, status, .. }) = &self.http {
            let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
            tracing::info!(
                method,
                route,
                status,
                duration_us,
                request_id,
                trace_id,
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
                trace_id,
                user,
                "call"
            );
        }
    }
}

/// An id that also serves for a trace: 128 random bits.
fn new_id() -> [u8; 32] {
    let mut id = [0; 32];
    let bytes = trace::new_trace_id().to_bytes();
    uuid::Uuid::from_bytes(bytes).simple().encode_lower(&mut id);
    id
}

/// A call to another service, as a part of the trace of a request.
pub struct CallSpan {
    trace: Trace,
    request: OnceLock<[KeyValue; 3]>,
    status: OnceLock<StatusCode>,
}

impl CallSpan {
    /// What the other service is told.
    pub(crate) fn headers(&self) -> HeaderMap {
        self.trace.headers()
    }

    /// Notes what is sent where. URLs may hold ids, so none is kept as a whole.
    pub(crate) fn note_request(&self, method: &Method, url: &Url) {
        if self.trace.context.is_sampled() {
            let address = url.host_str().unwrap_or_default().to_owned();
            let port = url.port_or_known_default().unwrap_or_default();
            self.request.get_or_init(|| {
                [
                    KeyValue::new("http.request.method", method.to_string()),
                    KeyValue::new("server.address", address),
                    KeyValue::new("server.port", i64::from(port)),
                ]
            });
        }
    }

    /// Notes how it was answered.
    pub(crate) fn note_status(&self, status: StatusCode) {
        self.status.get_or_init(|| status);
    }

    /// Ends with the service, the kind of call and its outcome.
    pub(crate) fn end(&self, [service, kind, outcome]: [&'static str; 3], duration: Duration) {
        if !self.trace.context.is_sampled() {
            return;
        }
        // What is refused was answered.
        let is_error = !matches!(outcome, "ok" | "refused");
        let mut attributes = vec![KeyValue::new("service.peer.name", service)];
        attributes.extend(self.request.get().into_iter().flatten().cloned());
        let status = self.status.get().map(|status| i64::from(status.as_u16()));
        attributes.extend(status.map(|status| KeyValue::new("http.response.status_code", status)));
        if is_error {
            attributes.push(KeyValue::new("error.type", outcome));
        }
        let name = format!("{service} {kind}").into();
        let kind = SpanKind::Client;
        Span { kind, name, trace: &self.trace, duration, attributes, is_error }.export();
    }
}
