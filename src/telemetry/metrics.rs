//! The metrics of this process, under their Prometheus names. No other file names a metric.
//!
//! Label values come from fixed sets, never from a client. Nothing is recorded before [`install`];
//! a handle that is used earlier records nothing for the rest of the process.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Label, SharedString, Unit, counter, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of the buckets of a duration, from a lookup in memory to the deadline of a request.
const SECONDS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];
/// Bounds of the buckets of a batch, up to the maximum number of writes that share a commit.
const BATCH_SIZES: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
const BATCH_SIZE_NAME: &str = "promptdb_sqlite_write_batch_size";

static IS_INSTALLED: AtomicBool = AtomicBool::new(false);

/// Requests over HTTP, by route, method and class of status.
pub(super) static HTTP_REQUESTS: Timings = Timings {
    total: "promptdb_http_requests_total",
    seconds: "promptdb_http_request_duration_seconds",
    labels: ["route", "method", "status"],
    subject: "requests over HTTP, to the head of the response",
};
/// MCP requests of every transport, by method, tool and outcome.
pub(super) static MCP_CALLS: Timings = Timings {
    total: "promptdb_mcp_calls_total",
    seconds: "promptdb_mcp_call_duration_seconds",
    labels: ["method", "tool", "outcome"],
    subject: "MCP requests over every transport",
};
/// Calls to other services, by service, kind of call and outcome.
pub(crate) static UPSTREAM_CALLS: Timings = Timings {
    total: "promptdb_upstream_calls_total",
    seconds: "promptdb_upstream_call_duration_seconds",
    labels: ["service", "kind", "outcome"],
    subject: "calls to other services, each repetition by itself",
};
/// Runs of background jobs, by job and outcome; the third label is not used.
pub(crate) static JOB_RUNS: Timings = Timings {
    total: "promptdb_job_runs_total",
    seconds: "promptdb_job_duration_seconds",
    labels: ["job", "outcome", ""],
    subject: "runs of background jobs",
};
const TIMINGS: [&Timings; 4] = [&HTTP_REQUESTS, &MCP_CALLS, &UPSTREAM_CALLS, &JOB_RUNS];

/// Requests without the head of a response yet.
pub(super) static REQUESTS_IN_FLIGHT: Level = Level::new(|| {
    let what = "Requests over HTTP without the head of a response yet";
    described_gauge("promptdb_http_requests_in_flight", what, Vec::new())
});
/// Open connections of clients.
pub(crate) static CONNECTIONS_OPEN: Level = Level::new(|| {
    described_gauge("promptdb_http_connections_open", "Open connections of clients", Vec::new())
});
/// Open streams of events of both MCP transports.
pub(crate) static STREAMS_OPEN: Level = Level::new(|| {
    let what = "Open streams of events of both MCP transports";
    described_gauge("promptdb_sse_streams_open", what, Vec::new())
});
/// Queries that wait for their turn at Convex.
pub(crate) static CONVEX_QUERIES_WAITING: Level = Level::new(|| queue_depth("convex_queries"));
/// Mutations that wait for their turn at Convex.
pub(crate) static CONVEX_MUTATIONS_WAITING: Level = Level::new(|| queue_depth("convex_mutations"));
/// Writes that wait for the writer of SQLite.
pub(crate) static SQLITE_WRITES_WAITING: Level = Level::new(|| queue_depth("sqlite_writes"));
/// Jobs that wait for a thread of the pool for processor work.
pub(crate) static POOL_JOBS_WAITING: Level = Level::new(|| {
    let what = "Jobs that wait for a thread of the pool for processor work";
    described_gauge("promptdb_pool_jobs_waiting", what, Vec::new())
});
/// Whether the model is there by which prompts are found by meaning.
pub(crate) static MODEL_LOADED: Reading = Reading::new(|| {
    let what = "Whether there is a model, by which prompts are found by meaning";
    described_gauge("promptdb_model_loaded", what, Vec::new())
});
/// Prompts without a vector, as of the last look of the job that embeds them.
pub(crate) static PROMPTS_UNEMBEDDED: Reading = Reading::new(|| {
    let what = "Prompts that the model has still to embed";
    described_gauge("promptdb_prompts_unembedded", what, Vec::new())
});
const READINGS: [&Reading; 2] = [&MODEL_LOADED, &PROMPTS_UNEMBEDDED];

const LEVELS: [&Level; 7] = [
    &REQUESTS_IN_FLIGHT,
    &CONNECTIONS_OPEN,
    &STREAMS_OPEN,
    &CONVEX_QUERIES_WAITING,
    &CONVEX_MUTATIONS_WAITING,
    &SQLITE_WRITES_WAITING,
    &POOL_JOBS_WAITING,
];

/// Requests above the limit of their user.
pub(crate) static USERS_REFUSED: Events = Events::new(|| refusals("user_rate"));
/// Requests above the limit of their address.
pub(crate) static ADDRESSES_REFUSED: Events = Events::new(|| refusals("address_rate"));
/// Requests for pages and assets above the limit of their address.
pub(crate) static PAGES_REFUSED: Events = Events::new(|| refusals("page_rate"));
/// Requests above the maximum number in flight.
pub(crate) static OVERLOAD_REFUSED: Events = Events::new(|| refusals("concurrency"));
/// Bearer tokens found in the cache.
pub(crate) static TOKENS_KNOWN: Events = Events::new(|| lookups("tokens", "hit"));
/// Bearer tokens that had to be verified.
pub(crate) static TOKENS_UNKNOWN: Events = Events::new(|| lookups("tokens", "miss"));
/// Users whose standing was in the cache.
pub(crate) static STANDINGS_KNOWN: Events = Events::new(|| lookups("standings", "hit"));
/// Users whose standing was read from the store.
pub(crate) static STANDINGS_UNKNOWN: Events = Events::new(|| lookups("standings", "miss"));
/// Prompts that the job embedded.
pub(crate) static PROMPTS_EMBEDDED: Events = Events::new(|| {
    let name = "promptdb_prompts_embedded_total";
    metrics::describe_counter!(name, "Prompts that were embedded in the background");
    counter!(name)
});
const EVENTS: [&Events; 9] = [
    &PROMPTS_EMBEDDED,
    &USERS_REFUSED,
    &ADDRESSES_REFUSED,
    &PAGES_REFUSED,
    &OVERLOAD_REFUSED,
    &TOKENS_KNOWN,
    &TOKENS_UNKNOWN,
    &STANDINGS_KNOWN,
    &STANDINGS_UNKNOWN,
];

/// Number of writes that share a commit of SQLite.
pub(crate) static BATCH_SIZE: Sizes = Sizes::new(|| {
    metrics::describe_histogram!(BATCH_SIZE_NAME, "Writes that share a commit of SQLite");
    histogram!(BATCH_SIZE_NAME)
});
/// Duration of such a commit, in seconds.
pub(crate) static BATCH_SECONDS: Sizes = Sizes::new(|| {
    let name = "promptdb_sqlite_write_batch_duration_seconds";
    let what = "From taking the writes of a batch to their commit";
    metrics::describe_histogram!(name, Unit::Seconds, what);
    histogram!(name)
});

fn described_gauge(name: &'static str, what: &'static str, labels: Vec<Label>) -> Gauge {
    metrics::describe_gauge!(name, what);
    gauge!(name, labels)
}

fn queue_depth(queue: &'static str) -> Gauge {
    let what = "Calls of the store that wait for their turn, by queue";
    let labels = vec![Label::from_static_parts("queue", queue)];
    described_gauge("promptdb_store_queue_depth", what, labels)
}

fn refusals(limit: &'static str) -> Counter {
    let name = "promptdb_http_requests_refused_total";
    metrics::describe_counter!(name, "Requests that a limit refused, by limit");
    counter!(name, "limit" => limit)
}

fn lookups(cache: &'static str, result: &'static str) -> Counter {
    let name = "promptdb_cache_lookups_total";
    let what = "Lookups of bearer tokens and of the standing of users, by result";
    metrics::describe_counter!(name, what);
    counter!(name, "cache" => cache, "result" => result)
}

/// A number that goes up and down.
pub(crate) struct Level(LazyLock<Gauge>);

impl Level {
    const fn new(register: fn() -> Gauge) -> Self {
        Self(LazyLock::new(register))
    }

    /// Adds one, until the returned value is dropped.
    pub(crate) fn hold(&'static self) -> Held {
        self.0.increment(1.0);
        Held(&self.0)
    }
}

/// One that is counted in a [`Level`].
pub(crate) struct Held(&'static Gauge);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

/// A number that is measured from time to time.
pub(crate) struct Reading(LazyLock<Gauge>);

impl Reading {
    const fn new(register: fn() -> Gauge) -> Self {
        Self(LazyLock::new(register))
    }

    /// Replaces the number.
    pub(crate) fn set(&self, value: f64) {
        self.0.set(value);
    }
}

/// A counter of events.
pub(crate) struct Events(LazyLock<Counter>);

impl Events {
    const fn new(register: fn() -> Counter) -> Self {
        Self(LazyLock::new(register))
    }

    /// Counts one event.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    /// Counts several events.
    pub(crate) fn add(&self, count: u64) {
        self.0.increment(count);
    }
}

/// A histogram without labels.
pub(crate) struct Sizes(LazyLock<Histogram>);

impl Sizes {
    const fn new(register: fn() -> Histogram) -> Self {
        Self(LazyLock::new(register))
    }

    /// Adds one value.
    pub(crate) fn record(&self, value: f64) {
        self.0.record(value);
    }
}

/// A counter and a histogram of durations, with the same labels.
pub(crate) struct Timings {
    total: &'static str,
    seconds: &'static str,
    labels: [&'static str; 3],
    subject: &'static str,
}

impl Timings {
    /// Counts one and its duration. The values must be of a fixed set; a label whose value is empty
    /// is left out.
    pub(crate) fn record<V: Into<SharedString>>(&self, values: [V; 3], duration: Duration) {
        if !IS_INSTALLED.load(Ordering::Relaxed) {
            return;
        }
        let values = values.map(Into::into);
        let pairs = self.labels.into_iter().zip(values).filter(|(_, value)| !value.is_empty());
        let labels: Vec<Label> = pairs.map(|(name, value)| Label::new(name, value)).collect();
        counter!(self.total, labels.clone()).increment(1);
        histogram!(self.seconds, labels).record(duration.as_secs_f64());
    }
}

/// Starts to record, for the whole process. Must be called once, before anything is counted.
pub(crate) fn install() -> Result<PrometheusHandle, BuildError> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    let sizes = Matcher::Full(BATCH_SIZE_NAME.to_owned());
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(seconds, &SECONDS)?
        .set_buckets_for_metric(sizes, &BATCH_SIZES)?
        .install_recorder()?;
    IS_INSTALLED.store(true, Ordering::Relaxed);
    for Timings { total, seconds, subject, .. } in TIMINGS {
        metrics::describe_counter!(*total, format!("Number of {subject}"));
        metrics::describe_histogram!(*seconds, Unit::Seconds, format!("Duration of {subject}"));
    }
    // Series without labels of a request are there from the start, as zeros.
    for Level(gauge) in LEVELS {
        LazyLock::force(gauge);
    }
    for Reading(gauge) in READINGS {
        LazyLock::force(gauge);
    }
    for Events(counter) in EVENTS {
        LazyLock::force(counter);
    }
    for Sizes(histogram) in [&BATCH_SIZE, &BATCH_SECONDS] {
        LazyLock::force(histogram);
    }
    let version = vec![Label::from_static_parts("version", env!("CARGO_PKG_VERSION"))];
    described_gauge("promptdb_build_info", "Always 1, with the version", version).set(1.0);
    Ok(handle)
}
