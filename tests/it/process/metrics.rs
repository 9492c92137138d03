//! The metrics of a running server, as `/metrics` exposes them.

use std::collections::{BTreeMap, HashSet};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::client::call_tool;
use super::{Connection, Server, exchange, library};
use crate::convex::fake::{Act, Fake};

/// A server with a metrics endpoint.
pub(super) struct Watched {
    pub(super) server: Server,
    metrics_port: u16,
}

impl Watched {
    #[track_caller]
    pub(super) fn start(file: &std::path::Path, settings: &[(&str, &str)]) -> Self {
        let settings = [&[("METRICS_ADDR", "127.0.0.1:0")], settings].concat();
        let mut server = Server::start(file, &settings);
        let line = server.line();
        let url = line.strip_prefix("Metrics are on http://127.0.0.1:").unwrap();
        let metrics_port = url.strip_suffix("/metrics\n").unwrap().parse().unwrap();
        Self { server, metrics_port }
    }

    /// The metrics now. Fails if they violate the text format.
    #[track_caller]
    pub(super) fn scrape(&self) -> Scrape {
        let answer = Connection::open(self.metrics_port).send("GET", "/metrics", &[], None);
        assert_eq!(answer.status, 200);
        Scrape::parse(&answer.text)
    }
}

/// The values of an exposition, by name and labels as written.
pub(super) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Parses Prometheus's text format strictly: each family has a description and a type, no series
    /// occurs twice, and the buckets of a histogram are cumulative and end with its count.
    #[track_caller]
    fn parse(text: &str) -> Self {
        let (mut helped, mut types, mut series) =
            (HashSet::new(), BTreeMap::new(), BTreeMap::new());
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, text) = help.split_once(' ').unwrap();
                assert!(helped.insert(name) && !text.is_empty(), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(helped.contains(name), "{name} is not described");
                assert!(types.insert(name, kind).is_none(), "{line}");
            } else {
                let (key, value) = line.rsplit_once(' ').unwrap();
                let name = key.split('{').next().unwrap();
                let family = types.iter().find(|(family, kind)| match **kind {
                    "histogram" => ["_bucket", "_sum", "_count"]
                        .iter()
                        .any(|part| name.strip_suffix(part) == Some(**family)),
                    _ => name == **family,
                });
                let (_, kind) = family.unwrap_or_else(|| panic!("{name} has no type"));
                assert_eq!(*kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
                let value = value.parse().unwrap();
                assert!(series.insert(key.to_owned(), value).is_none(), "{key} occurs twice");
            }
        }
        let scrape = Self(series);
        scrape.check_buckets();
        scrape
    }

    #[track_caller]
    fn check_buckets(&self) {
        let buckets = self.0.iter().filter_map(|(key, value)| {
            let (labels, bound) = key.strip_suffix("\"}")?.rsplit_once("le=\"")?;
            Some((labels, bound.parse::<f64>().unwrap(), value))
        });
        let mut histograms: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
        for (labels, bound, value) in buckets {
            histograms.entry(labels).or_default().push((bound, *value));
        }
        for (labels, mut buckets) in histograms {
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.is_sorted_by_key(|(_, count)| *count), "{labels}: {buckets:?}");
            let (bound, all) = buckets.last().unwrap();
            let labels = labels.trim_end_matches([',', '{']).replacen("_bucket", "_count", 1);
            let labels = if labels.contains('{') { labels + "}" } else { labels };
            assert!(bound.is_infinite());
            assert!((self.get(&labels) - all).abs() < 0.5, "{labels}");
        }
    }

    /// The value of a series, 0 if it is absent.
    pub(super) fn get(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or_default()
    }

    /// The value of a series, which must be a whole number.
    #[track_caller]
    fn count(&self, series: &str) -> u64 {
        let count = format!("{}", self.get(series));
        count.parse().unwrap_or_else(|_| panic!("{series} is {count}"))
    }

    /// The names of all series, without labels.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|key| key.split('{').next().unwrap_or_default())
    }

    fn counts(&self, name: &str, cases: &[(&str, u64)]) {
        for (labels, count) in cases {
            assert_eq!(self.count(&format!("{name}{{{labels}}}")), *count, "{name} {labels}");
        }
    }
}

#[test]
fn requests_are_counted_and_timed_by_route_method_and_class() {
    let (_dir, file) = library();
    let watched = Watched::start(&file, &[]);
    let port = watched.server.port;
    let prompt = json!({ "name": "poem", "content": "x" });
    exchange(port, "POST", "/api/prompts", Some(&prompt));
    for _ in 0..3 {
        exchange(port, "GET", "/api/prompts/poem", None);
    }
    exchange(port, "GET", "/api/prompts/hunter2", None);
    exchange(port, "GET", "/hunter2", None);
    exchange(port, "HUNTER2", "/health", None);
    let scrape = watched.scrape();
    let cases = [
        (r#"route="/api/prompts",method="POST",status="2xx""#, 1),
        (r#"route="/api/prompts/{prompt}",method="GET",status="2xx""#, 3),
        (r#"route="/api/prompts/{prompt}",method="GET",status="4xx""#, 1),
        (r#"route="-",method="GET",status="4xx""#, 1),
        (r#"route="/health",method="other",status="4xx""#, 1),
    ];
    scrape.counts("promptdb_http_requests_total", &cases);
    scrape.counts("promptdb_http_request_duration_seconds_count", &cases);
    let created = r#"promptdb_http_request_duration_seconds_sum{route="/api/prompts",method="POST",status="2xx"}"#;
    assert!((0.0..5.0).contains(&scrape.get(created)) && scrape.get(created) > 0.0);
    assert!(
        !scrape.0.keys().any(|key| key.contains("unter2")),
        "no label holds text from a client"
    );
}

#[test]
fn mcp_requests_are_counted_by_method_tool_and_outcome_over_every_transport() {
    let (_dir, file) = library();
    let watched = Watched::start(&file, &[]);
    let port = watched.server.port;
    call_tool(port, "health_check", &json!({}));
    call_tool(port, "get_prompt", &json!({ "name": "nothing" }));
    call_tool(port, "hunter2", &json!({}));
    let message =
        |method: &str| json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": {} });
    exchange(port, "POST", "/mcp", Some(&message("tools/list")));
    exchange(port, "POST", "/mcp", Some(&message("hunter2")));
    let notification = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    exchange(port, "POST", "/mcp", Some(&notification));

    let mut stream = watched.server.connect();
    stream.write("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let path = stream.event().unwrap();
    let mut hello = message("initialize");
    hello["params"] = json!({ "protocolVersion": "2024-11-05", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" } });
    exchange(port, "POST", &path, Some(&hello));
    stream.event().unwrap();

    let scrape = watched.scrape();
    let cases = [
        (r#"method="tools/call",tool="health_check",outcome="ok""#, 1),
        (r#"method="tools/call",tool="get_prompt",outcome="tool_error""#, 1),
        (r#"method="tools/call",tool="other",outcome="protocol_error""#, 1),
        (r#"method="tools/list",outcome="ok""#, 1),
        (r#"method="other",outcome="protocol_error""#, 1),
        (r#"method="initialize",outcome="ok""#, 1),
    ];
    scrape.counts("promptdb_mcp_calls_total", &cases);
    scrape.counts("promptdb_mcp_call_duration_seconds_count", &cases);
    let calls = |key: &&String| key.starts_with("promptdb_mcp_calls_total");
    assert_eq!(scrape.0.keys().filter(calls).count(), cases.len(), "no other series");
}

#[test]
fn gauges_follow_requests_streams_and_connections_in_flight() {
    let (_dir, file) = library();
    let watched = Watched::start(&file, &[("MAX_CONCURRENT_REQUESTS", "1")]);
    let levels = |scrape: &Scrape| {
        ["http_requests_in_flight", "sse_streams_open", "http_connections_open"]
            .map(|name| scrape.count(&format!("promptdb_{name}")))
    };
    assert_eq!(levels(&watched.scrape()), [0, 0, 0]);
    let mut stream = watched.server.connect();
    stream.write("GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.event().unwrap();
    assert_eq!(levels(&watched.scrape()), [0, 1, 1]);

    let mut slow = watched.server.connect();
    slow.write(
        "POST /api/prompts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 9\r\nExpect: 100-continue\r\n\r\n",
    );
    slow.head().unwrap();
    assert_eq!(exchange(watched.server.port, "GET", "/api/me", None).0, 503);
    let scrape = watched.scrape();
    assert_eq!(levels(&scrape)[..2], [1, 1]);
    scrape.counts("promptdb_http_requests_refused_total", &[(r#"limit="concurrency""#, 1)]);
    drop((stream, slow));
    watched.until(|scrape| levels(scrape) == [0, 0, 0]);
    let given_up = [(r#"route="/api/prompts",method="POST",status="4xx""#, 1)];
    watched.scrape().counts("promptdb_http_requests_total", &given_up);
}

impl Watched {
    /// Scrapes until `expected` holds. Fails after [`PATIENCE`](super::PATIENCE).
    #[track_caller]
    fn until(&self, expected: impl Fn(&Scrape) -> bool) {
        let began = std::time::Instant::now();
        while !expected(&self.scrape()) {
            assert!(began.elapsed() < super::PATIENCE, "the expected values did not appear");
        }
    }
}

#[test]
fn requests_above_the_rate_limit_are_counted() {
    let (_dir, file) = library();
    let watched = Watched::start(&file, &[("RATE_LIMIT_PER_MINUTE", "1")]);
    let ask = || exchange(watched.server.port, "GET", "/api/me", None).0;
    assert_eq!([ask(), ask(), ask()], [200, 429, 429]);
    let refused = [(r#"limit="user_rate""#, 2), (r#"limit="address_rate""#, 0)];
    watched.scrape().counts("promptdb_http_requests_refused_total", &refused);
}

#[test]
fn write_batches_are_counted_and_the_process_uses_the_standard_names() {
    let (_dir, file) = library();
    let watched = Watched::start(&file, &[]);
    // The purge at the start is a write, too.
    let purges = r#"promptdb_job_runs_total{job="purge",outcome="ok"}"#;
    watched.until(|scrape| scrape.count(purges) > 0);
    let before = watched.scrape();
    for number in 0..5 {
        let prompt = json!({ "name": format!("p-{number}"), "content": "x" });
        exchange(watched.server.port, "POST", "/api/prompts", Some(&prompt));
    }
    let scrape = watched.scrape();
    for series in [
        "promptdb_sqlite_write_batch_size_sum",
        "promptdb_sqlite_write_batch_duration_seconds_count",
    ] {
        assert_eq!(scrape.count(series) - before.count(series), 5, "{series}");
    }
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(scrape.count(&format!("promptdb_build_info{{version=\"{version}\"}}")), 1);
    if cfg!(target_os = "linux") {
        assert!(scrape.get("process_resident_memory_bytes") > 1e6);
        assert!(scrape.get("process_open_fds") > 5.0);
        assert!(scrape.get("process_start_time_seconds") > 1.7e9);
        assert!(scrape.0.contains_key("process_cpu_seconds_total"));
    }
}

#[test]
fn background_jobs_are_counted_and_timed_and_the_pool_is_measured() {
    let (_dir, file) = library();
    let watched = Watched::start(&file, &[]);
    let labels = r#"{job="usage_flush",outcome="ok"}"#;
    let runs = format!("promptdb_job_runs_total{labels}");
    // Each job runs once at the start.
    watched.until(|scrape| scrape.count(&runs) > 0);
    let scrape = watched.scrape();
    assert!(scrape.count(&format!("promptdb_job_duration_seconds_count{labels}")) > 0);
    assert_eq!(scrape.0.get("promptdb_pool_jobs_waiting"), Some(&0.0));
    assert_eq!(scrape.0.get("promptdb_model_loaded"), Some(&0.0));
}

#[test]
fn waiting_writes_are_counted_until_they_are_done() {
    let (_dir, file) = library();
    let watched = Watched::start(&file, &[]);
    let depth = r#"promptdb_store_queue_depth{queue="sqlite_writes"}"#;
    // The purge at the start is a write, too.
    let purged = r#"promptdb_job_runs_total{job="purge",outcome="ok"}"#;
    watched.until(|scrape| scrape.count(purged) > 0);
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut writers: Vec<Connection> = (0..3).map(|_| watched.server.connect()).collect();
    for (number, writer) in writers.iter_mut().enumerate() {
        let body = json!({ "name": format!("p-{number}"), "content": "x" }).to_string();
        writer.write(&format!(
            "POST /api/prompts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    }
    watched.until(|scrape| scrape.count(depth) == 3);
    other.execute_batch("ROLLBACK").unwrap();
    for writer in &mut writers {
        assert_eq!(writer.answer().unwrap().status, 201);
    }
    assert_eq!(watched.scrape().count(depth), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_convex_are_counted_and_timed_by_kind_and_outcome() {
    let acts = vec![
        Act::Return(Value::Null),
        Act::Throw(json!({ "code": "NOT_FOUND" })),
        Act::Fail,
        // The store retries this call twice.
        Act::Close,
        Act::Close,
        Act::Close,
        Act::Hang,
    ];
    let fake = Fake::run(acts).await;
    let (_dir, file) = library();
    let settings = [
        ("CONVEX_URL", fake.url.as_str()),
        ("CONVEX_API_KEY", "key"),
        ("CONVEX_MAX_CONCURRENCY", "1"),
    ];
    let watched = Watched::start(&file, &settings);
    tokio::task::block_in_place(|| {
        for _ in 0..4 {
            exchange(watched.server.port, "GET", "/api/prompts/poem", None);
        }
        let scrape = watched.scrape();
        let cases = [
            (r#"service="convex",kind="query",outcome="ok""#, 1),
            (r#"service="convex",kind="query",outcome="refused""#, 1),
            (r#"service="convex",kind="query",outcome="failed""#, 1),
            (r#"service="convex",kind="query",outcome="unreachable""#, 3),
        ];
        scrape.counts("promptdb_upstream_calls_total", &cases);
        scrape.counts("promptdb_upstream_call_duration_seconds_count", &cases);

        let ask = "GET /api/prompts/poem HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut waiting: Vec<Connection> = (0..3).map(|_| watched.server.connect()).collect();
        for connection in &mut waiting {
            connection.write(ask);
        }
        let depth = r#"promptdb_store_queue_depth{queue="convex_queries"}"#;
        watched.until(|scrape| scrape.count(depth) == 2);
        drop(waiting);
        let abandoned =
            r#"promptdb_upstream_calls_total{service="convex",kind="query",outcome="abandoned"}"#;
        watched.until(|scrape| scrape.count(depth) == 0 && scrape.count(abandoned) > 0);
    });
}

#[test]
fn metrics_are_served_until_the_end_of_the_drain_and_do_not_delay_it() {
    let (_dir, file) = library();
    let mut watched = Watched::start(&file, &[]);
    let mut idle = Connection::open(watched.metrics_port);
    assert_eq!(idle.send("GET", "/metrics", &[], None).status, 200);
    assert_eq!(idle.send("GET", "/hunter2", &[], None).status, 404);
    let mut slow = watched.server.connect();
    slow.write(
        "POST /api/prompts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\nExpect: 100-continue\r\n\r\n",
    );
    slow.head().unwrap();
    let mut quiet = watched.server.connect();
    assert_eq!(quiet.send("GET", "/health", &[], None).status, 200);
    watched.server.process.signal(Signal::TERM);
    assert_eq!(quiet.rest(), "", "the drain has begun");
    assert_eq!(watched.scrape().count("promptdb_http_requests_in_flight"), 1);
    slow.write("{}");
    assert_eq!(slow.answer().unwrap().status, 422);
    assert_eq!(watched.server.process.end().0, Some(0));
    assert_eq!(idle.rest(), "");
}

#[test]
fn the_metrics_are_not_read_under_a_foreign_name() {
    let (_dir, file) = library();
    let watched = Watched::start(&file, &[]);
    for (target, hosts, expected) in [
        ("/metrics", "Host: localhost\r\n", 200),
        ("/metrics", "Host: 127.0.0.1:9091\r\n", 200),
        ("http://localhost/metrics", "Host: localhost\r\n", 200),
        ("/metrics", "Host: evil.example\r\n", 403),
        ("/metrics", "Host: evil\r\n", 403),
        ("/metrics", "Host: localhost.evil.example\r\n", 403),
        ("/metrics", "Host: localhost@evil.example\r\n", 403),
        ("/metrics", "Host: evil@localhost\r\n", 403),
        ("/metrics", "Host: 192.0.2.7\r\n", 403),
        ("/nothing", "Host: evil.example\r\n", 403),
        ("http://evil.example/metrics", "Host: localhost\r\n", 403),
        ("http://localhost/metrics", "Host: evil.example\r\n", 403),
        ("/metrics", "Host: \r\n", 400),
        ("/metrics", "Host: localhost\r\nHost: localhost\r\n", 400),
        ("/metrics", "", 400),
    ] {
        let mut connection = Connection::open(watched.metrics_port);
        connection.write(&format!("GET {target} HTTP/1.1\r\n{hosts}\r\n"));
        assert_eq!(connection.answer().unwrap().status, expected, "{target} {hosts:?}");
        let mut connection = watched.server.connect();
        let target = target.replace("/metrics", "/health");
        connection.write(&format!("GET {target} HTTP/1.1\r\n{hosts}\r\n"));
        assert_eq!(connection.answer().unwrap().status, expected, "{target} {hosts:?}");
    }
}
