//! `promptdb get` from a cold start, beside `promptdb --version`, which opens no library.

use std::process::{Command, Stdio};
use std::time::Instant;

use super::{Bench, Measured, PROMPTS, Row, median};

/// How often the two commands take turns; the medians are shown.
const RUNS: usize = 41;

pub(super) fn measure(bench: &Bench) -> Measured {
    let (mut gets, mut versions, mut others) = (Vec::new(), Vec::new(), Vec::new());
    // A server and a chat of the same library, as most of the time: no connection is the last one, so
    // that the end of a command writes no log into the file.
    let server = bench.server()?;
    for run in 0..RUNS {
        let name = &bench.texts[run * 37 % PROMPTS].name;
        versions.push(time(bench, &["--version"])?);
        gets.push(time(bench, &["get", name, "--json"])?);
    }
    drop(server);
    for run in 0..RUNS {
        let name = &bench.texts[run * 41 % PROMPTS].name;
        others.push(time(bench, &["get", name, "--json"])?);
    }
    let (version, get, alone) = (median(&mut versions), median(&mut gets), median(&mut others));
    let row = |what: &str, time: f64| {
        let result = format!("{time:.1} ms; {:.1} of `--version`, {version:.1} ms", time / version);
        Row::new(what, result).aim("< 30 ms", time < 30.0)
    };
    Ok(vec![
        row("`promptdb get`, beside a server", get),
        row("`promptdb get`, with nothing running", alone),
    ])
}

/// Runs a command to its end; returns the milliseconds from its start.
fn time(bench: &Bench, arguments: &[&str]) -> Result<f64, String> {
    let mut command = Command::new(&bench.binary);
    command.arg("--database-path").arg(bench.library()).args(arguments);
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let time = started.elapsed();
    // 1 is the answer where a prompt has variables, for which the bench passes no values.
    let is_done = matches!(output.status.code(), Some(0 | 1)) && !output.stdout.is_empty();
    if !is_done {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(time.as_secs_f64() * 1000.0)
}
