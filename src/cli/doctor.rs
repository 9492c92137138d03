//! The command `doctor`: one check for each part that a client needs, with what to do about what does
//! not work.
//!
//! It changes no file, starts no program but its own, and calls no address but those of this machine.

mod clients;
mod library;
mod port;
mod report;
mod round_trip;

use clap::Args;

use self::report::Report;
use super::{CommandError, print};
use crate::config::DoctorSettings;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Makes every check, prints the report, and fails if a check failed.
pub(super) async fn examine(
    args: &DoctorArgs,
    settings: &DoctorSettings,
) -> Result<(), CommandError> {
    let (library, found) = library::check_library(settings).await;
    let (model, model_id) = library::check_model(settings);
    let mut checks = vec![library, model];
    checks.extend(library::check_vectors(&found, model_id.as_ref()));
    checks.push(port::check_port(settings).await);
    checks.push(round_trip::check_round_trip(settings, &found).await);
    checks.extend(clients::check_clients(settings).await);
    let report = Report::new(checks);
    print(&if args.json { report.to_json() } else { report.to_text() })?;
    match report.failed_names().as_slice() {
        [] => Ok(()),
        [name] => Err(CommandError::failed(format!("the check of {name} failed"))),
        names => Err(CommandError::failed(format!("these checks failed: {}", names.join(", ")))),
    }
}
