//! Traces: continued from a caller, propagated to other services, and exported to a collector.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::block_in_place;

use super::stdio::Client;
use super::{Connection, PATIENCE, Server, exchange, library};
use crate::convex::fake::{Act, Fake};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

fn traceparent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

/// An OTLP collector that accepts and keeps every export.
struct Collector {
    url: String,
    taken: Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>,
}

impl Collector {
    async fn run() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taken = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&taken);
        let take = async move |headers: HeaderMap, body: Bytes| {
            assert_eq!(headers["content-type"], "application/x-protobuf");
            notes.lock().unwrap().push((headers, Message::decode(body).unwrap()));
        };
        let router = Router::new()
            .route("/v1/traces", post(async move |headers, body| take(headers, body).await));
        tokio::spawn(promptdb::http::server::serve(listener, router, 64, std::future::pending()));
        Self { url, taken }
    }

    /// All spans so far, in order of export.
    fn spans(&self) -> Vec<Span> {
        let taken = self.taken.lock().unwrap();
        let resources = taken.iter().flat_map(|(_, request)| &request.resource_spans);
        resources
            .flat_map(|spans| &spans.scope_spans)
            .flat_map(|spans| spans.spans.clone())
            .collect()
    }

    /// The only span of this name.
    #[track_caller]
    fn span(&self, name: &str) -> Span {
        let spans = self.spans();
        let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names.iter().filter(|other| **other == name).count(), 1, "{names:?}");
        spans.into_iter().find(|span| span.name == name).unwrap()
    }
}

/// The settings of a server on Convex that exports its spans to a collector.
fn observed<'a>(fake: &'a Fake, collector: &'a Collector) -> Vec<(&'a str, &'a str)> {
    vec![
        ("CONVEX_URL", &fake.url),
        ("CONVEX_API_KEY", "key"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url),
    ]
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

fn texts(attributes: &[KeyValue]) -> Vec<(&str, String)> {
    let text = |attribute: &KeyValue| match attribute.value.clone()?.value? {
        Any::StringValue(text) => Some(text),
        Any::IntValue(number) => Some(number.to_string()),
        _ => None,
    };
    attributes.iter().map(|each| (each.key.as_str(), text(each).unwrap())).collect()
}

/// The attributes without the request's id.
fn attributes(span: &Span) -> Vec<(&str, String)> {
    let mut attributes = texts(&span.attributes);
    attributes.retain(|(name, _)| *name != "promptdb.request.id");
    attributes
}

/// The fields of the `traceparent` header in a request head: version, trace, parent and flags (Trace
/// Context, section 3.2).
#[track_caller]
fn traceparent_fields(head: &str) -> Vec<&str> {
    let line = head.lines().find_map(|line| line.strip_prefix("traceparent: ")).expect(head);
    line.split('-').collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_collector_a_trace_is_propagated_and_logged_but_none_is_started() {
    let fake = Fake::run(vec![Act::Return(Value::Null)]).await;
    let (_dir, file) = library();
    let settings =
        [("CONVEX_URL", fake.url.as_str()), ("CONVEX_API_KEY", "key"), ("LOG_FORMAT", "json")];
    let server = Server::start(&file, &settings);
    let ask = |parent: &str| {
        let headers = [("traceparent", parent), ("tracestate", "rojo=1")];
        server.connect().send("GET", "/api/prompts/poem", &headers, None);
    };
    block_in_place(|| {
        ask(&traceparent("01"));
        ask("00-hunter2");
    });
    let heads = fake.heads();
    let [version, trace, span, flags] = traceparent_fields(&heads[0])[..] else {
        panic!("{}", heads[0])
    };
    assert_eq!((version, trace, flags), ("00", TRACE, "01"));
    assert!(span.len() == 16 && span != CALLER);
    assert!(heads[0].contains("tracestate: rojo=1"));
    assert!(!heads[1].contains("trace"), "{}", heads[1]);
    let log = block_in_place(|| server.stop()).2;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["trace_id"], TRACE);
    assert_eq!(lines[1]["trace_id"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_calls_are_spans_under_the_callers_span() {
    let null = || Act::Return(Value::Null);
    let no_matches = json!({ "prompts": [], "rows": 0, "withWord": [] });
    let nothing = vec![null(), null(), Act::Return(no_matches)];
    let (fake, collector) = (Fake::run(nothing).await, Collector::run().await);
    let (_dir, file) = library();
    let more =
        [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20aGk="), ("APP_ENV", "staging")];
    let settings = [observed(&fake, &collector), more.to_vec()].concat();
    let server = Server::start(&file, &settings);
    block_in_place(|| {
        let headers = [("traceparent", &*traceparent("01")), ("tracestate", "rojo=1")];
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "get_prompt", "arguments": { "name": "hunter2" } } });
        server.connect().send("POST", "/mcp", &headers, Some(&message));
        server.stop()
    });
    let request = collector.span("tools/call get_prompt");
    assert_eq!(
        (hex(&request.trace_id), hex(&request.parent_span_id)),
        (TRACE.into(), CALLER.into())
    );
    assert_eq!((request.kind(), request.trace_state.as_str()), (SpanKind::Server, "rojo=1"));
    let expected = [
        ("http.request.method", "POST"),
        ("http.response.status_code", "200"),
        ("url.scheme", "http"),
        ("http.route", "/mcp"),
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "get_prompt"),
        ("gen_ai.operation.name", "execute_tool"),
        ("error.type", "tool_error"),
    ];
    assert_eq!(attributes(&request), expected.map(|(name, value)| (name, value.to_owned())));
    assert_eq!(request.status.clone().unwrap().code(), StatusCode::Error);

    // A query for the prompt, one for a deleted prompt, and one for prompts of a similar name.
    let calls: Vec<Span> =
        collector.spans().into_iter().filter(|span| span.name == "convex query").collect();
    let heads = fake.heads();
    assert_eq!(calls.len(), heads.len());
    let (address, port) = fake.url.strip_prefix("http://").unwrap().split_once(':').unwrap();
    let expected = [
        ("service.peer.name", "convex"),
        ("http.request.method", "POST"),
        ("server.address", address),
        ("server.port", port),
        ("http.response.status_code", "200"),
    ];
    for (call, head) in calls.iter().zip(&heads) {
        assert_eq!(call.kind(), SpanKind::Client);
        assert_eq!(attributes(call), expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(call.parent_span_id, request.span_id);
        assert_eq!(traceparent_fields(head)[1..], [TRACE, &*hex(&call.span_id), "01"]);
        assert!(request.start_time_unix_nano <= call.start_time_unix_nano);
        assert!(call.start_time_unix_nano < call.end_time_unix_nano);
        assert!(call.end_time_unix_nano <= request.end_time_unix_nano);
    }
    let taken = collector.taken.lock().unwrap();
    assert_eq!(taken[0].0["authorization"], "Basic aGk=");
    let resource = taken[0].1.resource_spans[0].resource.as_ref().unwrap();
    let expected = [
        ("service.name", "promptdb"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("deployment.environment.name", "staging"),
    ];
    let mut exported = texts(&resource.attributes);
    exported.sort_by_key(|(name, _)| expected.iter().position(|(other, _)| other == name));
    assert_eq!(exported, expected.map(|(name, value)| (name, value.to_owned())));
    assert!(!format!("{taken:?}").contains("hunter2"), "no export holds text from a client");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_trace_starts_one_with_its_own_id() {
    let collector = Collector::run().await;
    let (_dir, file) = library();
    let server = Server::start(&file, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url)]);
    let log = block_in_place(|| {
        exchange(server.port, "GET", "/api/prompts/hunter2", None);
        exchange(server.port, "HUNTER2", "/hunter2", None);
        server.stop().2
    });
    let span = collector.span("GET /api/prompts/{prompt}");
    assert_eq!(span.parent_span_id, [0_u8; 0]);
    assert_eq!(
        span.status.clone().unwrap().code(),
        StatusCode::Unset,
        "a 404 is the caller's fault"
    );
    let id = hex(&span.trace_id);
    assert!(texts(&span.attributes).contains(&("promptdb.request.id", id.clone())));
    assert_eq!(log.matches(&id).count(), 2, "request_id and trace_id: {log}");
    let other = collector.span("HTTP");
    assert!(attributes(&other).contains(&("http.request.method", "_OTHER".to_owned())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_trace_context_joins_the_trace_on_every_transport() {
    let (fake, collector) =
        (Fake::run(vec![Act::Return(Value::Null)]).await, Collector::run().await);
    let (_dir, file) = library();
    let settings = observed(&fake, &collector);
    let with_meta = |method: &str, mut params: Value| {
        params["_meta"] = json!({ "traceparent": traceparent("01") });
        json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
    };
    let poem = json!({ "name": "poem" });
    let get = json!({ "name": "get_prompt", "arguments": { "name": "poem" } });
    block_in_place(|| {
        let server = Server::start(&file, &settings);
        exchange(server.port, "POST", "/mcp", Some(&with_meta("tools/call", get.clone())));
        exchange(server.port, "POST", "/mcp", Some(&with_meta("prompts/get", poem)));
        server.stop();
        let mut client = Client::connect(&file, &settings);
        let mut params = get;
        params["_meta"] = json!({ "traceparent": traceparent("01") });
        client.ask(2, "tools/call", &params);
        client.close();
    });
    for head in fake.heads() {
        assert_eq!(traceparent_fields(&head)[1], TRACE);
    }
    let spans = collector.spans();
    let calls = ["tools/call get_prompt", "prompts/get", "tools/call get_prompt"];
    let of_caller = spans.iter().filter(|span| hex(&span.parent_span_id) == CALLER);
    assert_eq!(of_caller.map(|span| span.name.as_str()).collect::<Vec<_>>(), calls);
    let is_call = |span: &&Span| span.kind() == SpanKind::Client;
    assert!(spans.iter().filter(is_call).count() >= 3);
    for span in spans.iter().filter(is_call) {
        let parent = spans.iter().find(|other| other.span_id == span.parent_span_id).unwrap();
        assert!(calls.contains(&parent.name.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sampler_decides_which_traces_are_exported() {
    for (sampler, flags, exported) in [
        ("parentbased_always_on", Some("01"), true),
        ("parentbased_always_on", Some("00"), false),
        ("parentbased_always_on", None, true),
        ("parentbased_traceidratio", Some("01"), true),
        ("parentbased_traceidratio", None, false),
        ("traceidratio", Some("01"), false),
        ("always_on", Some("00"), true),
        ("always_off", Some("01"), false),
    ] {
        let collector = Collector::run().await;
        let (_dir, file) = library();
        let settings = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url.as_str()),
            ("OTEL_TRACES_SAMPLER", sampler),
            ("OTEL_TRACES_SAMPLER_ARG", "0"),
        ];
        let server = Server::start(&file, &settings);
        block_in_place(|| {
            let parent = flags.map(traceparent);
            let headers: Vec<(&str, &str)> =
                parent.iter().map(|parent| ("traceparent", parent.as_str())).collect();
            server.connect().send("GET", "/health", &headers, None);
            server.stop()
        });
        assert_eq!(collector.spans().len(), usize::from(exported), "{sampler} {flags:?}");
    }
}

#[test]
fn a_collector_that_is_down_costs_one_warning() {
    let (_dir, file) = library();
    let server = Server::start(&file, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]);
    let mut connection = Connection::open(server.port);
    for _ in 0..2000 {
        assert_eq!(connection.send("GET", "/health", &[], None).status, 200);
    }
    let began = std::time::Instant::now();
    let (code, _, log) = server.stop();
    assert_eq!(code, Some(0));
    assert!(began.elapsed() < PATIENCE);
    let warnings: Vec<&str> = log.lines().filter(|line| !line.contains("request ")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("spans cannot be exported"), "{warnings:?}");
}
