//! The record of a request: the facts that are established while it is handled, and the span that
//! gives its id to every line of the log.
//!
//! When the request ends, the facts become its own line, its metrics and its exported span. They
//! never hold a path, a query or a body.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use futures_util::future::Either;
use metrics::SharedString;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanKind, TraceId};
use tracing::{Instrument, Metadata, error_span};

use super::call::{Call, CallStatus, OTHER};
use super::metrics::{HTTP_REQUESTS, Held, MCP_CALLS, REQUESTS_IN_FLIGHT};
use super::outbound::CallSpan;
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

/// The status of a request whose client closed the connection before the response, as in nginx.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The classes of RFC 9110, section 15, by the first digit of a status.
const STATUS_CLASSES: [&str; 6] = ["0xx", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The route of a request whose path matches none.
const NO_ROUTE: &str = "-";

tokio::task_local! {
    static CURRENT: Arc<Record>;
}

/// The facts about one request that are known so far. Each is set once; later values are dropped.
#[derive(Debug)]
pub struct Record {
    id: [u8; 32],
    span: tracing::Span,
    started: Instant,
    /// Fixed at its first use; `None` if the request belongs to no trace.
    trace: OnceLock<Option<Trace>>,
    caller: OnceLock<Arc<Principal>>,
    call: OnceLock<Call>,
    status: OnceLock<CallStatus>,
}

impl Record {
    fn begin() -> Arc<Self> {
        let id = new_id();
        // At the highest level, so that the filter of `RUST_LOG` never leaves the span out while it
        // lets a line through. The span holds the id alone: a field that is set later would format
        // all fields again, and the request's own line has the others under the same id.
        let span = error_span!(parent: None, "request", request_id = text_of(&id));
        Arc::new(Self {
            id,
            span,
            started: Instant::now(),
            trace: OnceLock::new(),
            caller: OnceLock::new(),
            call: OnceLock::new(),
            status: OnceLock::new(),
        })
    }

    /// The id of the request, which its response carries: 32 hexadecimal digits.
    pub fn id(&self) -> &str {
        text_of(&self.id)
    }

    /// Runs the work of the request. Meanwhile this is the current record, and every line of the log
    /// carries its id.
    pub fn during<F: Future>(self: Arc<Self>, work: F) -> impl Future<Output = F::Output> {
        let work = work.instrument(self.span.clone());
        CURRENT.scope(self, work)
    }

    /// The same for synchronous work, if there is a record.
    pub fn during_sync<T>(record: Option<Arc<Self>>, work: impl FnOnce() -> T) -> T {
        match record {
            Some(record) => {
                let span = record.span.clone();
                CURRENT.sync_scope(record, || span.in_scope(work))
            }
            None => work(),
        }
    }

    /// The record of the request that this task works for.
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Takes the current record along to another task, in which `work` runs.
    pub fn carry<F: Future>(work: F) -> impl Future<Output = F::Output> {
        Self::resume(Self::current(), work)
    }

    /// Runs work for a request in a task that is not its own, if there is a record.
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
        Self::current()?.trace().map(|trace| CallSpan::begin(trace.part()))
    }

    /// Joins the trace that an MCP message names (SEP-414). The trace of the HTTP headers, or one
    /// that is in use already, has precedence.
    pub fn set_parent(&self, traceparent: Option<&str>, tracestate: Option<&str>) {
        if let Some(caller) = traceparent.and_then(|parent| trace::caller(parent, tracestate)) {
            self.join(&caller);
        }
    }

    fn join(&self, caller: &SpanContext) {
        self.trace.get_or_init(|| Some(Trace::of_caller(caller)));
    }

    /// The request's operation in its trace. A trace that begins here has the id of the request.
    fn trace(&self) -> Option<&Trace> {
        let trace = self.trace.get_or_init(|| {
            let id = TraceId::from_hex(self.id()).unwrap_or(TraceId::INVALID);
            spans::is_on().then(|| Trace::begin(id))
        });
        trace.as_ref()
    }

    /// Sets facts of the current record, if there is one.
    pub fn note(what: impl FnOnce(&Self)) {
        // Jobs and start-up belong to no request.
        let _ = CURRENT.try_with(|record| what(record));
    }

    /// Sets the authenticated caller.
    pub fn set_caller(&self, caller: &Arc<Principal>) {
        self.caller.get_or_init(|| Arc::clone(caller));
    }

    /// Sets the method and the tool of an MCP message.
    pub fn set_call(&self, call: Call) {
        self.call.get_or_init(|| call);
    }

    /// Sets how an MCP message was answered.
    pub fn set_status(&self, status: CallStatus) {
        self.status.get_or_init(|| status);
    }

    fn user(&self) -> Option<&str> {
        self.caller.get().map(|caller| caller.user_id.as_str())
    }

    fn mcp(&self) -> [Option<&'static str>; 3] {
        let Some(call) = self.call.get() else { return [None; 3] };
        [Some(call.method()), call.tool(), Some(self.status().as_str())]
    }

    fn status(&self) -> CallStatus {
        self.status.get().copied().unwrap_or(CallStatus::Abandoned)
    }
}

/// Returns whether this is the span of a request.
pub(super) fn is_request_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == module_path!()
}

/// A request from its arrival to its response. Dropped earlier, it counts as abandoned by its client.
pub struct Exchange {
    record: Arc<Record>,
    http: Option<Http>,
    _in_flight: Option<Held>,
}

/// The facts about a request that only HTTP has.
struct Http {
    is_https: bool,
    is_quiet: bool,
    method: &'static str,
    route: Option<MatchedPath>,
    status: u16,
}

impl Exchange {
    /// Begins a request over HTTP, whose head was read. `is_https` is about the client's connection,
    /// which may end at a proxy. The line of a quiet request is at the level `debug`, unless it fails.
    pub fn over_http(request: &Request, is_https: bool, is_quiet: bool) -> Self {
        // A client may send any word as its method.
        let method = METHODS.iter().find(|method| *method == request.method());
        let http = Http {
            is_https,
            is_quiet,
            method: method.map_or(OTHER, Method::as_str),
            route: request.extensions().get().cloned(),
            status: CLIENT_CLOSED_REQUEST,
        };
        let record = Record::begin();
        if let Some(caller) = trace::caller_of(request.headers()) {
            record.join(&caller);
        }
        let in_flight = Some(REQUESTS_IN_FLIGHT.hold());
        Self { record, http: Some(http), _in_flight: in_flight }
    }

    /// Begins a message over a lasting connection.
    pub fn on_connection(caller: &Arc<Principal>, call: Call) -> Self {
        let record = Record::begin();
        record.set_caller(caller);
        record.set_call(call);
        Self { record, http: None, _in_flight: None }
    }

    /// The record of the request.
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
            let status = self.record.status();
            let failed = !matches!(status, CallStatus::Ok | CallStatus::Accepted);
            error = error.or(failed.then(|| status.as_str().into()));
        }
        let is_error = error.is_some();
        attributes.extend(error.map(|error: Cow<'static, str>| KeyValue::new("error.type", error)));
        Span { kind: SpanKind::Server, name, trace, duration, attributes, is_error }
    }

    fn count(&self, duration: Duration) {
        if let Some(Http { method, route, status, .. }) = &self.http {
            let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
            let class = STATUS_CLASSES[usize::from(status / 100).min(STATUS_CLASSES.len() - 1)];
            let values: [SharedString; 3] =
                [route.to_owned().into(), (*method).into(), class.into()];
            HTTP_REQUESTS.record(values, duration);
        }
        let status = self.record.status();
        // Notifications and responses are accepted; they are not requests.
        if let Some(call) = self.record.call.get()
            && status != CallStatus::Accepted
        {
            let tool = call.tool().unwrap_or_default();
            MCP_CALLS.record([call.method(), tool, status.as_str()], duration);
        }
    }
}

impl Drop for Exchange {
    /// Counts the request, exports its span and writes its line.
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
        if let Some(Http { method, route, status, is_quiet, .. }) = &self.http {
            let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
            // The level of an event is a constant, so each has its own call.
            macro_rules! write_line {
                ($level:ident) => {
                    // Without a parent: the line has the id as a field of its own.
                    tracing::$level!(
                        parent: None,
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
                    )
                };
            }
            if *is_quiet && *status < 400 { write_line!(debug) } else { write_line!(info) }
        } else {
            tracing::info!(
                parent: None,
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

/// A request id: 128 random bits in hexadecimal, which are also a valid trace id.
fn new_id() -> [u8; 32] {
    let mut id = [0; 32];
    let bytes = trace::new_trace_id().to_bytes();
    uuid::Uuid::from_bytes(bytes).simple().encode_lower(&mut id);
    id
}

fn text_of(id: &[u8; 32]) -> &str {
    // The digits are ASCII.
    std::str::from_utf8(id).unwrap_or_default()
}
