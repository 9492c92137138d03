//! The load of the matrix, by [wrk](https://github.com/wg/wrk): a generator that others wrote, and
//! that takes less of the machine than ours. It counts failures by status; that the answers are
//! right, ours has checked before.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use super::client::Case;
use super::sections::Load;

/// How long an answer may take before wrk counts it as lost.
const TIMEOUT: &str = "30s";

/// What the script prints at the end.
#[derive(Deserialize)]
struct Report {
    requests: u32,
    microseconds: f64,
    percentiles: [f64; 3],
    failures: u64,
}

/// Whether wrk is there, and how to get it.
pub(crate) fn find() -> Result<(), String> {
    match Command::new("wrk").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "wrk, which makes the load of the matrix, cannot be run ({error}); install it, as with \
             `apt install wrk` or `brew install wrk`"
        )),
    }
}

/// Sends the cases in turn over so many connections for whole seconds. Any failure is an error.
pub(crate) fn run(
    address: SocketAddr,
    connections: usize,
    cases: &[Case],
    time: Duration,
    folder: &Path,
) -> Result<Load, String> {
    let script = folder.join("requests.lua");
    fs::write(&script, script_of(cases)).map_err(|error| error.to_string())?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / 2).clamp(1, connections);
    let output = Command::new("wrk")
        .args(["--threads", &threads.to_string(), "--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", time.as_secs().max(1)), "--timeout", TIMEOUT])
        .arg("--script")
        .arg(&script)
        .arg(format!("http://{address}/"))
        .output()
        .map_err(|error| format!("wrk: {error}"))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let report = printed.lines().find(|line| line.starts_with('{'));
    let report = report.and_then(|line| serde_json::from_str::<Report>(line).ok());
    let report = report.ok_or_else(|| format!("wrk did not report: {output:?}"))?;
    if report.failures > 0 || report.requests == 0 {
        return Err(format!(
            "{} of {} requests failed: {printed}",
            report.failures, report.requests
        ));
    }
    Ok(Load {
        per_second: f64::from(report.requests) / (report.microseconds / 1e6),
        percentiles: report.percentiles,
        requests: report.requests,
    })
}

/// A script that sends the requests as they stand, each thread from a place of its own, and prints a
/// [`Report`].
fn script_of(cases: &[Case]) -> String {
    let mut script = "local requests = {\n".to_owned();
    for case in cases {
        script.push('"');
        for byte in case.bytes() {
            match byte {
                b'"' | b'\\' | b'\r' | b'\n' | 0x7f.. => {
                    // Three digits, so that one that follows is no part of it.
                    let _ = write!(script, "\\{byte:03}");
                }
                byte => script.push(char::from(*byte)),
            }
        }
        script.push_str("\",\n");
    }
    script.push_str(
        r#"}
local threads, next = 0, 0
function setup(thread)
  thread:set("first", threads * 7919)
  threads = threads + 1
end
function init(args)
  next = first
end
function request()
  next = next + 1
  return requests[next % #requests + 1]
end
function done(summary, latency, all)
  local errors = summary.errors
  local failures = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format('{"requests":%d,"microseconds":%d,"percentiles":[%f,%f,%f],"failures":%d}',
    summary.requests, summary.duration, latency:percentile(50) / 1000,
    latency:percentile(90) / 1000, latency:percentile(99) / 1000, failures))
end
"#,
    );
    script
}
