//! The settings of what operators see.

use std::net::SocketAddr;

use clap::Args;

use super::{ConfigError, fault};

/// The settings as they come from the command line and the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Observability")]
pub(super) struct ObservabilitySettings {
    /// Address and port of /metrics for Prometheus, such as 127.0.0.1:9091 [default: none]
    #[arg(long, env, global = true, value_name = "ADDRESS")]
    metrics_addr: Option<String>,
}

/// What operators see.
#[derive(Debug, Clone)]
pub struct Observability {
    /// Where `/metrics` is served; `None` for nowhere, and then nothing is counted.
    pub metrics_address: Option<SocketAddr>,
}

impl ObservabilitySettings {
    /// Checks every setting.
    pub(super) fn validate(self) -> Result<Observability, ConfigError> {
        let metrics_address = self.metrics_addr.filter(|address| !address.is_empty());
        Ok(Observability { metrics_address: metrics_address.as_deref().map(socket).transpose()? })
    }
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
    use super::super::tests::check;

    #[test]
    fn the_address_of_the_metrics_is_an_address_with_a_port() {
        for address in ["127.0.0.1:9091", "0.0.0.0:9091", "[::]:9091", "127.0.0.1:0", ""] {
            check(&["--metrics-addr", address], Ok(()));
        }
        for address in ["9091", ":9091", "127.0.0.1", "localhost:9091", "127.0.0.1:65536"] {
            check(&["--metrics-addr", address], Err("METRICS_ADDR is"));
        }
    }
}
