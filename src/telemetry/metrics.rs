//! What is counted and timed, by its Prometheus names. The only place that names metrics.
//!
//! Labels have values of fixed sets. Handles are kept, for the recorder would hash a name and its
//! labels at each request. Until [`install`] nothing is recorded.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Label, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// From a lookup in memory to the deadline of a request.
const SECONDS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Up to the most writes that share a commit.
const BATCH_SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Requests over HTTP: their route, method and class of status.
pub(super) static HTTP_REQUESTS: Timings = Timings::new(
    ["promptdb_http_requests_total", "promptdb_http_request_duration_seconds"],
    ["route", "method", "status"],
    "requests over HTTP, to the head of the response",
);
/// MCP requests, whatever the transport: their method, tool and outcome.
pub(super) static MCP_CALLS: Timings = Timings::new(
    ["promptdb_mcp_calls_total", "promptdb_mcp_call_duration_seconds"],
    ["method", "tool", "outcome"],
    "MCP requests over every transport",
);
/// Calls to other services: the service, the kind of call and the outcome.
pub(crate) static UPSTREAM_CALLS: Timings = Timings::new(
    ["promptdb_upstream_calls_total", "promptdb_upstream_call_duration_seconds"],
    ["service", "kind", "outcome"],
    "calls to other services, each repetition by itself",
);

/// Runs of background jobs: the job and the outcome.
pub(crate) static JOB_RUNS: Timings = Timings::new(
    ["promptdb_job_runs_total", "promptdb_job_duration_seconds"],
    ["job", "outcome", ""],
    "runs of background jobs",
);

/// Requests without the head of a response yet.
pub(super) static REQUESTS_IN_FLIGHT: Level = Level::new(
    "promptdb_http_requests_in_flight",
    "Requests over HTTP without the head of a response yet",
);
/// Connections of clients.
pub(crate) static CONNECTIONS_OPEN: Level =
    Level::new("promptdb_http_connections_open", "Connections of clients");
/// Streams of events.
pub(crate) static STREAMS_OPEN: Level =
    Level::new("promptdb_sse_streams_open", "Streams of events of both MCP transports");
/// Queries that wait for their turn at Convex.
pub(crate) static CONVEX_QUERIES_WAITING: Level = Level::queue("convex_queries");
/// Mutations that wait for their turn at Convex.
pub(crate) static CONVEX_MUTATIONS_WAITING: Level = Level::queue("convex_mutations");
/// Writes that wait for the writer of SQLite.
pub(crate) static SQLITE_WRITES_WAITING: Level = Level::queue("sqlite_writes");

/// Jobs that wait for a thread of the pool for processor work.
pub(crate) static POOL_JOBS_WAITING: Level = Level::new(
    "promptdb_pool_jobs_waiting",
    "Jobs that wait for a thread of the pool for processor work",
);

/// Requests of users who asked too often.
pub(crate) static USERS_REFUSED: Events = Events::refusal("user_rate");
/// Requests from addresses that asked too often.
pub(crate) static ADDRESSES_REFUSED: Events = Events::refusal("address_rate");
/// Requests for pages and assets above the limit of their address.
pub(crate) static PAGES_REFUSED: Events = Events::refusal("page_rate");
/// Requests beyond those that may be in flight.
pub(crate) static OVERLOAD_REFUSED: Events = Events::refusal("concurrency");
/// Bearer tokens that were seen before.
pub(crate) static TOKENS_KNOWN: Events = Events::lookup("tokens", "hit");
/// Bearer tokens that had to be verified.
pub(crate) static TOKENS_UNKNOWN: Events = Events::lookup("tokens", "miss");
/// Users who were known to be welcome.
pub(crate) static STANDINGS_KNOWN: Events = Events::lookup("standings", "hit");
/// Users about whom the store was asked.
pub(crate) static STANDINGS_UNKNOWN: Events = Events::lookup("standings", "miss");

/// How many writes share a commit of SQLite.
pub(crate) static BATCH_SIZE: Sizes =
    Sizes::new("promptdb_sqlite_write_batch_size", "Writes that share a commit of SQLite");
/// How long such a commit takes, in seconds.
pub(crate) static BATCH_SECONDS: Sizes = Sizes::new(
    "promptdb_sqlite_write_batch_duration_seconds",
    "From taking the writes of a batch to their commit",
);

const LEVELS: [&Level; 7] = [
    &POOL_JOBS_WAITING,
    &REQUESTS_IN_FLIGHT,
    &CONNECTIONS_OPEN,
    &STREAMS_OPEN,
    &CONVEX_QUERIES_WAITING,
    &CONVEX_MUTATIONS_WAITING,
    &SQLITE_WRITES_WAITING,
];
const EVENTS: [&Events; 8] = [
    &USERS_REFUSED,
    &ADDRESSES_REFUSED,
    &PAGES_REFUSED,
    &OVERLOAD_REFUSED,
    &TOKENS_KNOWN,
    &TOKENS_UNKNOWN,
    &STANDINGS_KNOWN,
    &STANDINGS_UNKNOWN,
];

/// What goes up and down.
pub(crate) struct Level {
    name: &'static str,
    what: &'static str,
    queue: Option<&'static str>,
    handle: OnceLock<Gauge>,
}

impl Level {
    const fn new(name: &'static str, what: &'static str) -> Self {
        Self { name, what, queue: None, handle: OnceLock::new() }
    }

    const fn queue(queue: &'static str) -> Self {
        Self {
            name: "promptdb_store_queue_depth",
            what: "Calls of the store that wait for their turn, by queue",
            queue: Some(queue),
            handle: OnceLock::new(),
        }
    }

    /// One more, until what this returns is dropped.
    pub(crate) fn hold(&'static self) -> Held {
        let handle = self.handle.get();
        if let Some(gauge) = handle {
            gauge.increment(1.0);
        }
        Held(handle)
    }
}

/// One that is counted in a [`Level`].
pub(crate) struct Held(Option<&'static Gauge>);

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(gauge) = self.0 {
            gauge.decrement(1.0);
        }
    }
}

/// What happens now and then.
pub(crate) struct Events {
    name: &'static str,
    what: &'static str,
    /// Pairs of a name and a value; those without a name are none.
    labels: [(&'static str, &'static str); 2],
    handle: OnceLock<Counter>,
}

impl Events {
    const fn refusal(limit: &'static str) -> Self {
        Self {
            name: "promptdb_http_requests_refused_total",
            what: "Requests that a limit refused, by limit",
            labels: [("limit", limit), ("", "")],
            handle: OnceLock::new(),
        }
    }

    const fn lookup(cache: &'static str, result: &'static str) -> Self {
        Self {
            name: "promptdb_cache_lookups_total",
            what: "Lookups of bearer tokens and of the standing of users, by result",
            labels: [("cache", cache), ("result", result)],
            handle: OnceLock::new(),
        }
    }

    /// It happened once more.
    pub(crate) fn count(&self) {
        if let Some(counter) = self.handle.get() {
            counter.increment(1);
        }
    }
}

/// What has a size, or takes time, without labels.
pub(crate) struct Sizes {
    name: &'static str,
    what: &'static str,
    handle: OnceLock<Histogram>,
}

impl Sizes {
    const fn new(name: &'static str, what: &'static str) -> Self {
        Self { name, what, handle: OnceLock::new() }
    }

    /// One of this size.
    pub(crate) fn record(&self, size: f64) {
        if let Some(histogram) = self.handle.get() {
            histogram.record(size);
        }
    }
}

/// What is counted and timed, by three labels.
pub(crate) struct Timings {
    total: &'static str,
    seconds: &'static str,
    labels: [&'static str; 3],
    what: &'static str,
}

thread_local! {
    /// The handles of all timings that this thread has seen, so that none is waited for.
    static HANDLES: RefCell<HashMap<Key<'static>, (Counter, Histogram)>> = RefCell::default();
}

/// A name of a counter and the values of its labels.
type Key<'a> = (&'static str, [&'a str; 3]);

impl Timings {
    const fn new(
        [total, seconds]: [&'static str; 2],
        labels: [&'static str; 3],
        what: &'static str,
    ) -> Self {
        Self { total, seconds, labels, what }
    }

    /// One that took so long. The values must be of a fixed set; an empty one is none.
    pub(crate) fn record(&self, values: [&str; 3], took: Duration) {
        if !is_installed() {
            return;
        }
        HANDLES.with(|handles| {
            let key: Key<'_> = (self.total, values);
            if let Some((total, seconds)) = handles.borrow().get(&key) {
                total.increment(1);
                seconds.record(took.as_secs_f64());
                return;
            }
            let values = values.map(interned);
            let (total, seconds) = self.handles(values);
            total.increment(1);
            seconds.record(took.as_secs_f64());
            handles.borrow_mut().insert((self.total, values), (total, seconds));
        });
    }

    fn handles(&self, values: [&'static str; 3]) -> (Counter, Histogram) {
        let labels = labels_of(self.labels.into_iter().zip(values));
        let total = metrics::counter!(self.total, labels.clone());
        (total, metrics::histogram!(self.seconds, labels))
    }
}

/// The same text for as long as the process runs. Routes have to be remembered so, which come with
/// the requests; there are as many as the server has.
fn interned(text: &str) -> &'static str {
    static KNOWN: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(known) = known.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(text.into());
    known.insert(text);
    text
}

fn labels_of(pairs: impl IntoIterator<Item = (&'static str, &'static str)>) -> Vec<Label> {
    let there = pairs.into_iter().filter(|(name, value)| !name.is_empty() && !value.is_empty());
    there.map(|(name, value)| Label::from_static_parts(name, value)).collect()
}

fn is_installed() -> bool {
    BATCH_SIZE.handle.get().is_some()
}

/// Records from now on, for the whole process; what comes back renders it. To be called once.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let sizes = Matcher::Full(BATCH_SIZE.name.to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &SECONDS)?
        .set_buckets_for_metric(sizes, &BATCH_SIZES)?
        .install_recorder()?;
    for Timings { total, seconds, what, .. } in
        [&HTTP_REQUESTS, &MCP_CALLS, &UPSTREAM_CALLS, &JOB_RUNS]
    {
        metrics::describe_counter!(*total, format!("Number of {what}"));
        metrics::describe_histogram!(*seconds, Unit::Seconds, format!("Duration of {what}"));
    }
    for level in LEVELS {
        metrics::describe_gauge!(level.name, level.what);
        let labels = labels_of(level.queue.map(|queue| ("queue", queue)));
        level.handle.get_or_init(|| metrics::gauge!(level.name, labels));
    }
    for events in EVENTS {
        metrics::describe_counter!(events.name, events.what);
        let labels = labels_of(events.labels);
        events.handle.get_or_init(|| metrics::counter!(events.name, labels));
    }
    metrics::describe_histogram!(BATCH_SECONDS.name, Unit::Seconds, BATCH_SECONDS.what);
    metrics::describe_histogram!(BATCH_SIZE.name, BATCH_SIZE.what);
    for sizes in [&BATCH_SECONDS, &BATCH_SIZE] {
        sizes.handle.get_or_init(|| metrics::histogram!(sizes.name));
    }
    let build = "promptdb_build_info";
    metrics::describe_gauge!(build, "Always 1, with the version");
    metrics::gauge!(build, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}
