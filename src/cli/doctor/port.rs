//! The check of the address on which `serve` listens.

use std::io::ErrorKind;
use std::net::SocketAddr;

use super::report::Check;
use crate::cli::probe::probe;
use crate::config::DoctorSettings;
use crate::http::server::Listener;

/// The version of this program.
const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Checks whether the address is free, has a PromptDB, or has another program. None of these stops a
/// client that starts PromptDB itself, so none is a failure.
pub(super) async fn check_port(settings: &DoctorSettings) -> Check {
    let name = "port";
    let address = match settings.listen.address() {
        Ok(address) if address.port() == 0 => {
            return Check::ok(name, "PORT is 0: the server takes any free port");
        }
        Ok(address) => address,
        Err(error) => {
            let advice = "Only `promptdb serve` uses it, and does not start with it. Unset it, or pass \
                --host and --port.";
            return Check::note(name, error.to_string(), advice);
        }
    };
    match probe(address).await {
        Ok(answer) => match answer.promptdb_version() {
            Some(version) if version == OWN_VERSION => {
                Check::ok(name, format!("PromptDB {version} runs at {address}"))
            }
            Some(version) => {
                let detail = format!("PromptDB {version} runs at {address}; this is {OWN_VERSION}");
                Check::note(name, detail, "Restart that server with this program.")
            }
            None => taken(address),
        },
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => check_free(address).await,
        Err(_) => taken_or_unusable(address).await,
    }
}

fn taken(address: SocketAddr) -> Check {
    let detail = format!("another program uses {address}");
    Check::note("port", detail, "To serve, set PORT to another port, or end that program.")
}

async fn check_free(address: SocketAddr) -> Check {
    match Listener::bind_loopback(address).await {
        Ok(_) => Check::ok("port", format!("{address} is free")),
        Err(error) => unusable(address, &error),
    }
}

/// An address that does not answer as HTTP does: either a program has it, or nothing can.
async fn taken_or_unusable(address: SocketAddr) -> Check {
    match Listener::bind_loopback(address).await {
        Err(error) if error.kind() != ErrorKind::AddrInUse => unusable(address, &error),
        _ => taken(address),
    }
}

fn unusable(address: SocketAddr, error: &std::io::Error) -> Check {
    let detail = format!("the server cannot listen on {address}: {error}");
    Check::note("port", detail, "To serve, set HOST and PORT to an address of this machine.")
}
