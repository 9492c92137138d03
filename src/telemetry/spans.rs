//! The export of spans over OTLP: requests, and calls to other services.
//!
//! A span is built when its operation ends, and handed to the SDK's bounded queue; a thread of the
//! SDK sends it in batches. While the collector is down spans are lost, with one warning a minute.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanContext, SpanKind, Status, TraceContextExt, TraceId};
use opentelemetry::{Context, InstrumentationScope, KeyValue};
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{Protocol, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingDecision, ShouldSample, SpanData,
    SpanEvents, SpanExporter, SpanLinks, SpanProcessor,
};

use super::trace::Trace;
use crate::config::{TraceSampler, Traces};

/// Timeout of a batch, its repetitions included.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout of the last spans when the process stops.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(6);
/// Maximum number of spans in the queue; further ones are lost.
const QUEUE_MAX: usize = 8192;
/// Minimum time between two warnings about lost spans.
const WARN_EVERY: Duration = Duration::from_mins(1);

static EXPORTING: OnceLock<Exporting> = OnceLock::new();

struct Exporting {
    processor: BatchSpanProcessor,
    sampler: Sampler,
    scope: InstrumentationScope,
}

/// An operation that has ended.
pub(super) struct Span<'a> {
    pub(super) kind: SpanKind,
    pub(super) name: Cow<'static, str>,
    pub(super) trace: &'a Trace,
    pub(super) duration: Duration,
    pub(super) attributes: Vec<KeyValue>,
    pub(super) is_error: bool,
}

/// The export of spans, until it is [closed](Self::close).
#[must_use]
pub struct SpanExport(());

impl SpanExport {
    /// Starts to export, if the settings name a collector. Must be called once in a process, inside
    /// a tokio runtime. `connect` builds the HTTP client for the collector; its argument is the
    /// timeout of each call.
    pub fn start<C: HttpClient + 'static, E: Display>(
        traces: Option<&Traces>,
        connect: impl FnOnce(Duration) -> Result<C, E>,
    ) -> Result<Option<Self>, String> {
        let Some(traces) = traces else { return Ok(None) };
        let client = connect(EXPORT_TIMEOUT).map_err(|error| error.to_string())?;
        let exporter = exporter(traces, client)?;
        let batches = BatchConfigBuilder::default().with_max_queue_size(QUEUE_MAX).build();
        let exporter = Forgiving { exporter, warned: Mutex::default(), lost: AtomicU64::new(0) };
        let mut processor = BatchSpanProcessor::new(exporter, batches);
        let resource = Resource::builder_empty().with_service_name(env!("CARGO_PKG_NAME"));
        let resource = resource.with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("deployment.environment.name", traces.environment.as_str()),
        ]);
        processor.set_resource(&resource.build());
        let sampler = sampler_of(traces);
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        EXPORTING.get_or_init(|| Exporting { processor, sampler, scope });
        Ok(Some(Self(())))
    }

    /// Sends the spans in the queue and stops, within 6 s.
    pub async fn close(self) {
        // The SDK's thread sends on this runtime, so waiting for it must not block an async thread.
        let flushing = tokio::task::spawn_blocking(|| {
            EXPORTING.get().map(|it| it.processor.shutdown_with_timeout(FLUSH_TIMEOUT))
        });
        match flushing.await {
            Ok(None | Some(Ok(()))) => {}
            Ok(Some(Err(error))) => tracing::warn!(%error, "the last spans were not exported"),
            Err(error) => tracing::error!(%error, "the export of spans failed"),
        }
    }
}

fn exporter(
    traces: &Traces,
    client: impl HttpClient + 'static,
) -> Result<opentelemetry_otlp::SpanExporter, String> {
    let headers = traces.headers.iter();
    let headers: HashMap<String, String> =
        headers.map(|(name, value)| (name.clone(), value.expose().to_owned())).collect();
    opentelemetry_otlp::SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(&traces.endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .with_headers(headers)
        .build()
        .map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT: {error}"))
}

/// The SDK's sampler for a setting of `OTEL_TRACES_SAMPLER`.
fn sampler_of(traces: &Traces) -> Sampler {
    let by_ratio = Sampler::TraceIdRatioBased(traces.share);
    match traces.sampler {
        TraceSampler::AlwaysOn => Sampler::AlwaysOn,
        TraceSampler::AlwaysOff => Sampler::AlwaysOff,
        TraceSampler::TraceIdRatio => by_ratio,
        TraceSampler::ParentBasedAlwaysOn => Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
        TraceSampler::ParentBasedAlwaysOff => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
        TraceSampler::ParentBasedTraceIdRatio => Sampler::ParentBased(Box::new(by_ratio)),
    }
}

/// Returns whether spans are exported.
pub(super) fn is_on() -> bool {
    EXPORTING.get().is_some()
}

/// Returns whether the spans of a trace are exported.
pub(super) fn is_sampled(trace_id: TraceId, caller: Option<&SpanContext>) -> bool {
    let Some(Exporting { sampler, .. }) = EXPORTING.get() else { return false };
    let parent = caller.map(|caller| Context::new().with_remote_span_context(caller.clone()));
    let parent = parent.as_ref();
    let sampled = sampler.should_sample(parent, trace_id, "", &SpanKind::Server, &[], &[]);
    sampled.decision == SamplingDecision::RecordAndSample
}

impl Span<'_> {
    /// Hands the span to the queue. Its trace must be sampled.
    pub(super) fn export(self) {
        let Some(exporting) = EXPORTING.get() else { return };
        let Trace { context, parent, has_remote_parent } = self.trace;
        #[expect(
            clippy::disallowed_methods,
            reason = "a `Clock` has milliseconds, spans have nanoseconds, and nothing is decided by them"
        )]
        let end_time = SystemTime::now();
        let description = Cow::Borrowed("");
        exporting.processor.on_end(SpanData {
            span_context: context.clone(),
            parent_span_id: *parent,
            parent_span_is_remote: *has_remote_parent,
            span_kind: self.kind,
            name: self.name,
            start_time: end_time - self.duration,
            end_time,
            attributes: self.attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if self.is_error { Status::Error { description } } else { Status::Unset },
            instrumentation_scope: exporting.scope.clone(),
        });
    }
}

/// An exporter that logs at most one failure a minute, instead of one for each batch.
#[derive(Debug)]
struct Forgiving<E> {
    exporter: E,
    warned: Mutex<Option<Instant>>,
    lost: AtomicU64,
}

impl<E: SpanExporter> SpanExporter for Forgiving<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let size = batch.len();
        if let Err(error) = self.exporter.export(batch).await {
            let lost = self.lost.fetch_add(size as u64, Ordering::Relaxed) + size as u64;
            let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
            if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
                *warned = Some(Instant::now());
                tracing::warn!(%error, lost, "spans cannot be exported, and are lost");
            }
        }
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}
