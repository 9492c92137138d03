//! Calls to other services, as parts of the trace of a request.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use opentelemetry::KeyValue;
use opentelemetry::trace::SpanKind;
use reqwest::Url;

use super::spans::Span;
use super::trace::Trace;

/// The operation of one call.
pub struct CallSpan {
    trace: Trace,
    request: OnceLock<[KeyValue; 3]>,
    status: OnceLock<StatusCode>,
}

impl CallSpan {
    pub(super) fn begin(trace: Trace) -> Self {
        Self { trace, request: OnceLock::new(), status: OnceLock::new() }
    }

    /// The headers that pass the trace on.
    pub(crate) fn headers(&self) -> HeaderMap {
        self.trace.headers()
    }

    /// Sets the method and the server. URLs may hold ids, so the path is not kept.
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

    /// Sets the status of the response.
    pub(crate) fn note_status(&self, status: StatusCode) {
        self.status.get_or_init(|| status);
    }

    /// Ends the call; the labels are the service, the kind of call and its outcome.
    pub(crate) fn end(&self, [service, kind, outcome]: [&'static str; 3], duration: Duration) {
        if !self.trace.context.is_sampled() {
            return;
        }
        // A refusal is a valid response.
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
