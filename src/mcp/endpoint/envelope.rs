//! The members of a JSON-RPC message that decide its way, read before the message as a whole.

use std::borrow::Cow;

use rmcp::model::{MetaObject, RequestId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::mcp::tools;
use crate::telemetry::{Call, Record};

/// The members of a message. What is absent is left for rmcp to reject.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    #[serde(borrow)]
    pub(super) jsonrpc: Option<Cow<'a, str>>,
    pub(super) id: Option<RequestId>,
    #[serde(borrow)]
    pub(super) method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) params: Option<&'a RawValue>,
}

/// The parameters that telemetry reads.
#[derive(Default, Deserialize)]
struct RecordedParams<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(rename = "_meta")]
    meta: Option<MetaObject>,
}

impl<'a> Envelope<'a> {
    /// Parses a body. Returns `None` for anything but a JSON object with members of these types.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        // JSON is UTF-8 (RFC 8259, section 8.1). The whole body is checked here, for serde skips
        // the members outside the struct, whatever their bytes.
        let text = std::str::from_utf8(body).ok()?;
        // Serde reads a struct from an array as well, and would take a batch for a message.
        if !text.trim_ascii_start().starts_with('{') {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// Notes the method, the tool and the trace of the message (SEP-414).
    pub(super) fn note(&self, record: &Record) {
        let params = self.params.map_or("{}", RawValue::get);
        let params = serde_json::from_str::<RecordedParams<'_>>(params).unwrap_or_default();
        record.set_call(match self.method.as_deref().unwrap_or_default() {
            "tools/call" => tools::record_call(params.name.as_deref().unwrap_or_default()),
            method => Call::of_method(method),
        });
        if let Some(meta) = params.meta {
            record.set_parent(meta.get_traceparent(), meta.get_tracestate());
        }
    }
}
