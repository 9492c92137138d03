//! The fields of spans in the log: each line carries those of the spans around it.

use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes a line as the JSON format in it does, and adds the fields of the spans around the event to
/// the same object. The format's own options nest them in an object, or a list, below the line's.
pub(super) struct WithSpanFields<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for WithSpanFields<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        // A request's own line has no span around it, and so costs no copy.
        let Some(scope) = ctx.event_scope() else {
            return self.0.format_event(ctx, writer, event);
        };
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        let Some(object) = line.strip_suffix("}\n") else { return writer.write_str(&line) };
        writer.write_str(object)?;
        for span in scope {
            let extensions = span.extensions();
            let fields = extensions.get::<FormattedFields<N>>().map(|fields| fields.as_str());
            let fields = fields.and_then(|text| text.strip_prefix('{')?.strip_suffix('}'));
            if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
                write!(writer, ",{fields}")?;
            }
        }
        writer.write_str("}\n")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_the_fields_of_all_spans_around_it_and_only_those() {
        let lines = Lines::default();
        let writer = lines.clone();
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true);
        let layer = layer.with_current_span(false).with_span_list(false).without_time();
        let layer = layer.with_writer(move || writer.clone()).map_event_format(WithSpanFields);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let outer = tracing::error_span!("outer", id = "a \"quoted\" one");
            let inner = tracing::error_span!(parent: &outer, "inner", number = 7);
            let bare = tracing::error_span!(parent: &inner, "bare");
            bare.in_scope(|| tracing::error!(own = true, "within"));
            outer.in_scope(|| tracing::error!(parent: None, "outside"));
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let mut lines = text.lines().map(|line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().retain(|name, _| name != "level" && name != "target");
            line
        });
        let within =
            json!({ "message": "within", "own": true, "number": 7, "id": "a \"quoted\" one" });
        assert_eq!(lines.next().unwrap(), within);
        assert_eq!(lines.next().unwrap(), json!({ "message": "outside" }));
        assert_eq!(lines.next(), None);
    }
}
