//! `make bench`: the real binary on a library of 10,000 prompts, beside a bare axum handler. Prints
//! one table; any wrong answer ends it with a failure.
//!
//! `cargo bench --bench promptdb -- [--binary FILE] [SECTION]...` measures another build, or only
//! some sections: start, terminal, reads, matrix, meaning, streams, convex, tokens, vectors, imports,
//! saves.
//! `-- soak` is `make soak`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is for people")]

mod client;
mod requests;
mod sections;
mod servers;
#[cfg(unix)]
mod soak;
mod texts;
mod wrk;

use std::path::PathBuf;
use std::process::ExitCode;

use self::sections::{Bench, Row};
use self::servers::Role;

// Both servers and the client use the allocator of the real binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let outcome = match Role::parse(std::env::args().skip(1)) {
        Some(role) => serve(role),
        None => run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("the bench failed: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn serve(role: Role) -> Result<(), String> {
    let runtime = promptdb::http::server::runtime().map_err(|error| error.to_string())?;
    runtime.block_on(role.serve())
}

fn run() -> Result<(), String> {
    let mut binary = PathBuf::from(env!("CARGO_BIN_EXE_promptdb"));
    let mut wanted = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo adds it.
            "--bench" => {}
            #[cfg(unix)]
            "soak" => return soak::run(&binary, soak_seconds(arguments)?),
            "--binary" => binary = arguments.next().ok_or("--binary needs a file")?.into(),
            section => wanted.push(section.to_owned()),
        }
    }
    let bench = Bench::prepare(binary)?;
    let mut rows = Vec::new();
    for (name, measure) in sections::ALL {
        if wanted.is_empty() || wanted.iter().any(|one| one == name) {
            eprintln!("measuring {name}");
            rows.extend(measure(&bench)?);
        }
    }
    print_table(&rows);
    Ok(())
}

/// How long a soak takes: `--seconds N`.
#[cfg(unix)]
fn soak_seconds(mut arguments: impl Iterator<Item = String>) -> Result<u64, String> {
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(soak::SECONDS),
        (Some("--seconds"), Some(seconds)) => {
            seconds.parse().map_err(|_| format!("{seconds} is no number of seconds"))
        }
        _ => Err("a soak takes `--seconds N` and nothing else".to_owned()),
    }
}

/// The table as Markdown, for docs/performance.md.
fn print_table(rows: &[Row]) {
    let line = |cells: [&str; 3]| {
        println!("| {:<46} | {:<82} | {:<24} |", cells[0], cells[1], cells[2]);
    };
    line(["measured", "result", "aim"]);
    line(["---"; 3]);
    for row in rows {
        line([&row.what, &row.result, &row.aim]);
    }
}

/// Runs a future on a runtime of this thread alone.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime needs only a few file descriptors").block_on(future)
}
