//! The settings of metrics and traces.

use std::net::SocketAddr;

use axum::http::{HeaderName, HeaderValue, Uri};
use clap::builder::EnumValueParser;
use clap::{Args, ValueEnum};

use super::setting::{Setting, deferred, optional, required, secret, text};
use super::{ConfigError, Environment, Secret, fault};

/// The settings of metrics and traces, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Observability")]
pub struct ObservabilitySettings {
    /// Address and port of /metrics for Prometheus, such as 127.0.0.1:9091 [default: none]
    #[arg(long, env, global = true, value_name = "ADDRESS", value_parser = text())]
    metrics_addr: Option<Setting<String>>,

    /// The export of traces.
    #[command(flatten)]
    pub traces: TraceSettings,
}

/// The settings of traces, as given.
#[expect(clippy::struct_field_names, reason = "flags and variables are named after the fields")]
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Observability")]
pub struct TraceSettings {
    // An attribute instead of a doc comment: rustdoc wants angle brackets around a URL, and clap
    // would print them.
    #[arg(long, env, global = true, value_name = "URL", value_parser = text(),
          help = "The OpenTelemetry collector that receives traces over HTTP, such as \
                  http://localhost:4318 [default: none]")]
    otel_exporter_otlp_endpoint: Option<Setting<String>>,

    /// Headers for the collector: name=value, comma-separated, percent-encoded
    #[arg(long, env, global = true, value_name = "HEADERS", hide_env_values = true,
          value_parser = secret())]
    otel_exporter_otlp_headers: Option<Setting<Secret>>,

    /// Which traces are exported
    #[arg(long, env, global = true, default_value = "parentbased_always_on",
          value_parser = deferred(EnumValueParser::<TraceSampler>::new()))]
    otel_traces_sampler: Setting<TraceSampler>,

    /// The share of traces that the ratio samplers export, from 0 to 1 [default: 1]
    #[arg(long, env, global = true, value_name = "SHARE", value_parser = text())]
    otel_traces_sampler_arg: Option<Setting<String>>,
}

/// Which traces are exported, by the names of OpenTelemetry. A parent-based sampler follows the
/// decision of a caller that takes part in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceSampler {
    /// All traces
    #[value(name = "always_on")]
    AlwaysOn,
    /// No traces
    #[value(name = "always_off")]
    AlwaysOff,
    /// A share of the traces
    #[value(name = "traceidratio")]
    TraceIdRatio,
    /// As the caller decided, otherwise all
    #[value(name = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// As the caller decided, otherwise none
    #[value(name = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// As the caller decided, otherwise a share
    #[value(name = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

/// The export of traces.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The collector's URL for traces.
    pub endpoint: String,
    /// Headers that every export carries.
    pub headers: Vec<(String, Secret)>,
    /// Which traces are exported.
    pub sampler: TraceSampler,
    /// The share of traces that the ratio samplers export, from 0 to 1.
    pub share: f64,
    /// The kind of deployment that the traces name as their source.
    pub environment: Environment,
}

impl ObservabilitySettings {
    /// The address of `/metrics`; `None` if metrics are off.
    pub fn metrics_address(&self) -> Result<Option<SocketAddr>, ConfigError> {
        let address = optional(self.metrics_addr.as_ref())?;
        address.as_deref().map(parse_socket_address).transpose()
    }
}

impl TraceSettings {
    /// The export of traces; `None` without a collector. The other settings of traces are checked
    /// all the same.
    pub fn validate(&self, environment: Environment) -> Result<Option<Traces>, ConfigError> {
        let headers = optional(self.otel_exporter_otlp_headers.as_ref())?;
        let headers = parse_headers(headers.as_ref().map_or("", Secret::expose))?;
        let share = optional(self.otel_traces_sampler_arg.as_ref())?;
        let share = share.as_deref().map_or(Ok(1.0), parse_share)?;
        let sampler = required(&self.otel_traces_sampler)?;
        let Some(endpoint) = optional(self.otel_exporter_otlp_endpoint.as_ref())? else {
            return Ok(None);
        };
        let endpoint = traces_url(&endpoint)?;
        Ok(Some(Traces { endpoint, headers, sampler, share, environment }))
    }
}

/// Returns the collector's URL for traces, from the base of its URLs ([OTLP exporter
/// specification](https://opentelemetry.io/docs/specs/otel/protocol/exporter/), endpoint URLs).
fn traces_url(endpoint: &str) -> Result<String, ConfigError> {
    if !endpoint.parse::<Uri>().is_ok_and(|uri| is_base_url(&uri)) {
        // The message does not repeat the value, which may hold a password.
        let message = "must be like http://localhost:4318; put credentials into \
            OTEL_EXPORTER_OTLP_HEADERS";
        return Err(fault("OTEL_EXPORTER_OTLP_ENDPOINT", message));
    }
    Ok(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
}

/// Returns whether a path can be appended to the URL, and it holds no credentials.
fn is_base_url(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.query().is_none()
        && !uri.authority().is_some_and(|authority| authority.as_str().contains('@'))
}

fn parse_headers(text: &str) -> Result<Vec<(String, Secret)>, ConfigError> {
    // The format is that of a query (W3C Baggage, section 3.2, without properties), except that a
    // comma separates the pairs and a plus sign means itself.
    let query = text.replace('&', "%26").replace('+', "%2B").replace(',', "&");
    let mut headers = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let (name, value) = (name.trim(), value.trim());
        if HeaderName::try_from(name).is_err() || HeaderValue::try_from(value).is_err() {
            let message = "must be like name=value,other=value, percent-encoded";
            return Err(fault("OTEL_EXPORTER_OTLP_HEADERS", message));
        }
        headers.push((name.to_owned(), value.to_owned().into()));
    }
    Ok(headers)
}

fn parse_share(text: &str) -> Result<f64, ConfigError> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| {
        let message = format!("is {text}, but must be a share from 0 to 1, such as 0.1");
        fault("OTEL_TRACES_SAMPLER_ARG", message)
    })
}

fn parse_socket_address(address: &str) -> Result<SocketAddr, ConfigError> {
    address.parse().map_err(|_| {
        let message =
            format!("is {address}, but must be an IP address and a port, such as 127.0.0.1:9091");
        fault("METRICS_ADDR", message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, parse};
    use super::{Environment, Traces};

    #[test]
    fn the_address_of_the_metrics_is_an_address_with_a_port() {
        for address in ["127.0.0.1:9091", "0.0.0.0:9091", "[::]:9091", "127.0.0.1:0", ""] {
            check(&["--metrics-addr", address], Ok(()));
        }
        for address in ["9091", ":9091", "127.0.0.1", "localhost:9091", "127.0.0.1:65536"] {
            check(&["--metrics-addr", address], Err("METRICS_ADDR is"));
        }
    }

    #[test]
    fn the_settings_of_traces_must_be_usable() {
        let url = "--otel-exporter-otlp-endpoint";
        for bad in [
            "localhost:4318",
            "grpc://localhost:4317",
            "http://localhost/?a=b",
            "http://a:b@localhost",
        ] {
            check(&[url, bad], Err("OTEL_EXPORTER_OTLP_ENDPOINT must"));
        }
        for bad in ["-0.1", "1.1", "half", "NaN"] {
            let flag = format!("--otel-traces-sampler-arg={bad}");
            check(&[&flag], Err("OTEL_TRACES_SAMPLER_ARG is"));
        }
        let bad = ["--otel-exporter-otlp-headers", "a name=hunter2"];
        check(&bad, Err("OTEL_EXPORTER_OTLP_HEADERS must be like"));
    }

    fn traces(flags: &[&str]) -> Option<Traces> {
        parse(flags).observability.traces.validate(Environment::Staging).unwrap()
    }

    #[test]
    fn a_collector_is_named_as_everywhere() {
        assert!(traces(&["--otel-exporter-otlp-endpoint", ""]).is_none());
        let traces = traces(&[
            "--otel-exporter-otlp-endpoint",
            "https://otel.example/base/",
            "--otel-exporter-otlp-headers",
            "authorization=Basic%20aGk+Lw==, x-team=a%2Cb",
        ])
        .unwrap();
        assert_eq!(traces.endpoint, "https://otel.example/base/v1/traces");
        let headers: Vec<(&str, &str)> =
            traces.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(headers, [("authorization", "Basic aGk+Lw=="), ("x-team", "a,b")]);
        assert!(!format!("{traces:?}").contains("aGk"));
    }
}
