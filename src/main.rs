//! Parses the arguments, runs the command, and maps its outcome to an exit code.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use promptdb::cli::{Cli, CommandError};
use promptdb::http::server;

// Faster than glibc's allocator for many small requests.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the end of the process waits for blocking tasks. A read of standard input may never
/// end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A standard error that takes nothing must not change the exit code.
            let _ = writeln!(std::io::stderr().lock(), "promptdb: {error}");
            error.exit_code()
        }
    }
}

fn run() -> Result<(), CommandError> {
    let cli = Cli::parse_arguments()?;
    let runtime =
        if cli.is_parallel() { server::runtime()? } else { server::single_thread_runtime()? };
    let outcome = runtime.block_on(cli.run());
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    outcome
}
