//! The context of a trace (W3C Trace Context): parsed from a caller, begun here, and passed on.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

use super::spans;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Maximum size of a trace state that is passed on: every system must accept as much (section
/// 3.3.1.5).
const STATE_MAX_BYTES: usize = 512;

/// One operation in a trace.
#[derive(Debug)]
pub(crate) struct Trace {
    /// The operation.
    pub(super) context: SpanContext,
    /// The operation above it, [`SpanId::INVALID`] at the root of a trace.
    pub(super) parent: SpanId,
    /// Whether that operation belongs to another process.
    pub(super) has_remote_parent: bool,
}

impl Trace {
    /// The root of a new trace.
    pub(super) fn begin(trace_id: TraceId) -> Self {
        let flags = flags(spans::is_sampled(trace_id, None));
        let context =
            SpanContext::new(trace_id, new_span_id(), flags, false, TraceState::default());
        Self { context, parent: SpanId::INVALID, has_remote_parent: false }
    }

    /// An operation below that of a caller. While nothing is exported, the caller's sampling flag is
    /// passed on.
    pub(super) fn of_caller(caller: &SpanContext) -> Self {
        let is_sampled = if spans::is_on() {
            spans::is_sampled(caller.trace_id(), Some(caller))
        } else {
            caller.is_sampled()
        };
        Self { has_remote_parent: true, ..Self::below(caller, flags(is_sampled)) }
    }

    /// A new operation below this one.
    pub(super) fn part(&self) -> Self {
        Self::below(&self.context, self.context.trace_flags())
    }

    fn below(parent: &SpanContext, flags: TraceFlags) -> Self {
        let (trace_id, state) = (parent.trace_id(), parent.trace_state().clone());
        let context = SpanContext::new(trace_id, new_span_id(), flags, false, state);
        Self { context, parent: parent.span_id(), has_remote_parent: false }
    }

    /// The headers that name this operation to another service.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let context = &self.context;
        let (trace_id, span_id) = (context.trace_id(), context.span_id());
        let parent = format!("00-{trace_id}-{span_id}-{:02x}", context.trace_flags().to_u8());
        let state = context.trace_state().header();
        let state = (!state.is_empty()).then_some((TRACESTATE, state));
        for (name, value) in [(TRACEPARENT, parent)].into_iter().chain(state) {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
        headers
    }
}

/// A new random trace id (section 3.2.2.3).
pub(super) fn new_trace_id() -> TraceId {
    RandomIdGenerator::default().new_trace_id()
}

fn new_span_id() -> SpanId {
    RandomIdGenerator::default().new_span_id()
}

fn flags(is_sampled: bool) -> TraceFlags {
    if is_sampled { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED }
}

/// The caller's operation by the headers of a request, if they name a valid one.
pub(super) fn caller_of(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let parent = parents.next()?.to_str().ok()?;
    // Only one is allowed; neither of two can be trusted (section 3.2).
    if parents.next().is_some() {
        return None;
    }
    // Several `tracestate` lines are one list (RFC 9110, section 5.3).
    let states = headers.get_all(TRACESTATE).iter();
    let states: Option<Vec<&str>> = states.map(|state| state.to_str().ok()).collect();
    caller(parent, states.map(|states| states.join(",")).as_deref())
}

/// The caller's operation by its `traceparent` and `tracestate`; `None` if the first is malformed
/// (sections 3.2.2 and 4.3). The SDK's propagator also accepts spaces around it, signs, and ids that
/// are too short.
pub(super) fn caller(traceparent: &str, tracestate: Option<&str>) -> Option<SpanContext> {
    let hex = |range: std::ops::Range<usize>| {
        let part = traceparent.get(range)?;
        part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(part)
    };
    let (version, trace_id, span_id, flags) = (hex(0..2)?, hex(3..35)?, hex(36..52)?, hex(53..55)?);
    let dashes = [2, 35, 52].map(|at| traceparent.as_bytes()[at]);
    // A later version may append fields after another dash; version ff is invalid (section 3.2.2.1).
    let ends_well = match version {
        "00" => traceparent.len() == 55,
        "ff" => false,
        _ => traceparent.len() == 55 || traceparent.as_bytes()[55] == b'-',
    };
    if dashes != *b"---" || !ends_well {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let (trace_id, span_id) = (TraceId::from_hex(trace_id).ok()?, SpanId::from_hex(span_id).ok()?);
    let state = tracestate.filter(|state| state.len() <= STATE_MAX_BYTES);
    let state = state.and_then(|state| TraceState::from_str(state).ok()).unwrap_or_default();
    let context = SpanContext::new(trace_id, span_id, flags, true, state);
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_is_parsed_as_strictly_as_specified() {
        let context = caller(GOOD, None).unwrap();
        assert_eq!(context.trace_id().to_string(), TRACE);
        assert_eq!(context.span_id().to_string(), "00f067aa0ba902b7");
        assert!(context.is_sampled() && context.is_remote());
        assert!(!caller(&GOOD.replace("-01", "-00"), None).unwrap().is_sampled());
        assert!(caller(&GOOD.replace("-01", "-ff"), None).unwrap().is_sampled());
        let later = format!("cc{}", &GOOD[2..]);
        assert!(caller(&later, None).is_some());
        assert!(caller(&format!("{later}-what-the-future-will-be-like"), None).is_some());
        for malformed in [
            "",
            "hunter2",
            &GOOD[..54],
            &format!("{GOOD}0"),
            &format!("{GOOD}-00"),
            &format!(" {GOOD}"),
            &format!("{later}.what"),
            &format!("ff{}", &GOOD[2..]),
            &format!("+0{}", &GOOD[2..]),
            &GOOD.to_uppercase(),
            &GOOD.replace(TRACE, &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replacen("-00f0", "_00f0", 1),
            &GOOD.replace("-01", "-0x"),
            &GOOD.replacen("4bf9", "éf9", 1),
        ] {
            assert!(caller(malformed, None).is_none(), "{malformed:?}");
        }
    }

    #[test]
    fn a_valid_trace_state_is_passed_on() {
        let state = |state: &str| caller(GOOD, Some(state)).unwrap().trace_state().header();
        assert_eq!(state("rojo=00f067aa0ba902b7,congo=t61"), "rojo=00f067aa0ba902b7,congo=t61");
        assert_eq!(state("hunter2"), "");
        assert_eq!(state(&format!("a={}", "x".repeat(600))), "");
    }

    #[test]
    fn an_operation_below_another_has_its_trace_in_its_headers() {
        let trace = Trace::of_caller(&caller(GOOD, Some("rojo=1")).unwrap());
        let part = trace.part();
        assert_eq!(part.parent, trace.context.span_id());
        let headers = part.headers();
        assert_eq!(headers["tracestate"], "rojo=1");
        let passed_on = caller_of(&headers).unwrap();
        assert_eq!(passed_on.trace_id().to_string(), TRACE);
        assert_eq!(passed_on.span_id(), part.context.span_id());
        assert!(passed_on.is_sampled());
        let mut twice = headers.clone();
        twice.append(TRACEPARENT, headers[TRACEPARENT].clone());
        assert!(caller_of(&twice).is_none());
    }
}
