//! The settings of what operators see.

use std::net::SocketAddr;

use axum::http::{HeaderName, HeaderValue, Uri};
use clap::{Args, ValueEnum};

use super::{ConfigError, Secret, fault};

/// The settings as they come from the command line and the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Observability")]
pub(super) struct ObservabilitySettings {
    /// Address and port of /metrics for Prometheus, such as 127.0.0.1:9091 [default: none]
    #[arg(long, env, global = true, value_name = "ADDRESS")]
    metrics_addr: Option<String>,

    /// The OpenTelemetry collector that takes traces over HTTP, such as <http://localhost:4318>
    /// [default: none]
    #[arg(long, env, global = true, value_name = "URL")]
    otel_exporter_otlp_endpoint: Option<String>,

    /// Headers for the collector: name=value, comma-separated, percent-encoded
    #[arg(long, env, global = true, value_name = "HEADERS", hide_env_values = true)]
    otel_exporter_otlp_headers: Option<Secret>,

    /// Which traces are exported
    #[arg(long, env, global = true, value_enum, default_value_t = TraceSampler::ParentBasedAlwaysOn)]
    otel_traces_sampler: TraceSampler,

    /// The share of traces that the samplers by ratio export, from 0 to 1 [default: 1]
    #[arg(long, env, global = true, value_name = "SHARE")]
    otel_traces_sampler_arg: Option<String>,
}

/// Which traces are exported, by the names of OpenTelemetry. Those that heed a parent do as a caller
/// did who takes part in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceSampler {
    /// All.
    #[value(name = "always_on")]
    AlwaysOn,
    /// None.
    #[value(name = "always_off")]
    AlwaysOff,
    /// A share.
    #[value(name = "traceidratio")]
    TraceIdRatio,
    /// As the caller did, else all.
    #[value(name = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// As the caller did, else none.
    #[value(name = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// As the caller did, else a share.
    #[value(name = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

/// Where traces are exported to, and which.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The URL that takes them.
    pub endpoint: String,
    /// What the collector wants to be sent along.
    pub headers: Vec<(String, Secret)>,
    /// Which.
    pub sampler: TraceSampler,
    /// The share, for the samplers that take one.
    pub share: f64,
}

/// What operators see.
#[derive(Debug, Clone)]
pub struct Observability {
    /// Where `/metrics` is served; `None` for nowhere, and then nothing is counted.
    pub metrics_address: Option<SocketAddr>,
    /// `None` for no export of traces.
    pub traces: Option<Traces>,
}

impl ObservabilitySettings {
    /// Checks every setting.
    pub(super) fn validate(self) -> Result<Observability, ConfigError> {
        let metrics_address = self.metrics_addr.filter(|address| !address.is_empty());
        let endpoint = self.otel_exporter_otlp_endpoint.filter(|url| !url.is_empty());
        let headers = self.otel_exporter_otlp_headers.as_ref().map_or("", Secret::expose);
        let (headers, share) = (
            headers_of(headers)?,
            share(self.otel_traces_sampler_arg.as_deref().unwrap_or_default())?,
        );
        let sampler = self.otel_traces_sampler;
        let traces = |endpoint: String| {
            Ok(Traces { endpoint: traces_url(&endpoint)?, headers, sampler, share })
        };
        Ok(Observability {
            metrics_address: metrics_address.as_deref().map(socket).transpose()?,
            traces: endpoint.map(traces).transpose()?,
        })
    }
}

/// Where a collector takes traces, by the base of its URLs (OTLP specification, endpoint URLs).
fn traces_url(endpoint: &str) -> Result<String, ConfigError> {
    let has_password = |uri: &Uri| uri.authority().is_some_and(|name| name.as_str().contains('@'));
    let is_url = endpoint.parse::<Uri>().is_ok_and(|uri| {
        let is_http = matches!(uri.scheme_str(), Some("http" | "https"));
        is_http && uri.query().is_none() && !has_password(&uri)
    });
    if !is_url {
        // Not what was set: it may hold a password.
        let message = "must be like http://localhost:4318; credentials belong into \
            OTEL_EXPORTER_OTLP_HEADERS";
        return Err(fault("OTEL_EXPORTER_OTLP_ENDPOINT", message));
    }
    Ok(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
}

fn headers_of(text: &str) -> Result<Vec<(String, Secret)>, ConfigError> {
    // Pairs as in a query, but that commas stand between them and a plus is one.
    let query = text.replace('&', "%26").replace('+', "%2B").replace(',', "&");
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    let pairs = pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
    let pairs: Vec<(String, String)> = pairs.collect();
    let is_header = |(name, value): &(String, String)| {
        HeaderName::try_from(name).is_ok() && HeaderValue::try_from(value).is_ok()
    };
    if !pairs.iter().all(is_header) {
        let message = "must be like name=value,other=value, percent-encoded";
        return Err(fault("OTEL_EXPORTER_OTLP_HEADERS", message));
    }
    Ok(pairs.into_iter().map(|(name, value)| (name, value.into())).collect())
}

fn share(text: &str) -> Result<f64, ConfigError> {
    if text.is_empty() {
        return Ok(1.0);
    }
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| {
        let message = format!("is {text}, but must be a share from 0 to 1, such as 0.1");
        fault("OTEL_TRACES_SAMPLER_ARG", message)
    })
}

fn socket(address: &str) -> Result<SocketAddr, ConfigError> {
    address.parse().map_err(|_| {
        let message =
            format!("is {address}, but must be an IP address and a port, such as 127.0.0.1:9091");
        fault("METRICS_ADDR", message)
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{check, parse};

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

    #[test]
    fn a_collector_is_named_as_everywhere() {
        let traces = |flags: &[&str]| parse(flags).validate().unwrap().observability.traces;
        assert!(traces(&["--otel-exporter-otlp-endpoint", ""]).is_none());
        let flags = [
            "--otel-exporter-otlp-endpoint",
            "https://otel.example/base/",
            "--otel-exporter-otlp-headers",
            "authorization=Basic%20aGk+Lw==, x-team=a%2Cb",
        ];
        let traces = traces(&flags).unwrap();
        assert_eq!(traces.endpoint, "https://otel.example/base/v1/traces");
        let headers: Vec<(&str, &str)> =
            traces.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(headers, [("authorization", "Basic aGk+Lw=="), ("x-team", "a,b")]);
        assert!(!format!("{traces:?}").contains("aGk"));
    }
}
