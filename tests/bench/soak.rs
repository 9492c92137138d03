//! `make soak`: clients that do everything at half of what the server can take, while it is restarted
//! and killed, and then while its Convex deployment fails in every way. Any promise that is broken
//! ends it with a failure that says which.
//!
//! `cargo bench --bench promptdb -- soak [--seconds N]`; 600 seconds if nobody says otherwise.

mod calls;
mod client;
mod convex;
mod faults;
mod hostile;
mod lane;
mod ledger;
mod memory;
mod sqlite;
mod streams;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use self::client::{Shared, Tally};
use self::lane::{Lane, Pace};
use crate::servers::Server;

/// How long it takes if nobody says otherwise.
pub(crate) const SECONDS: u64 = 600;
/// How long the end of a server may take.
const END: Duration = Duration::from_secs(27);
/// The least that has room for every fault and both kinds of restart.
const SECONDS_MIN: u64 = 20;

/// Where the servers of the soak keep what they need.
struct Setup {
    binary: PathBuf,
    folder: TempDir,
}

impl Setup {
    fn log(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("library.db")
    }
}

impl Setup {
    /// A server at a port, or at any, started beside the clients, whose time goes on.
    async fn start(&self, port: u16, settings: &[(&str, &str)]) -> Result<Server, String> {
        self.start_on(&self.library(), port, settings).await
    }

    /// A server with a library of its own.
    async fn start_on(
        &self,
        library: &Path,
        port: u16,
        settings: &[(&str, &str)],
    ) -> Result<Server, String> {
        let (binary, library, log) = (self.binary.clone(), library.to_owned(), self.log());
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings: Vec<(String, String)> =
            settings.iter().chain(&[("RUST_LOG", "warn")]).map(own).collect();
        let start = move || {
            let settings: Vec<(&str, &str)> =
                settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            Server::start_at(port, &binary, &library, &log, &settings)
        };
        tokio::task::spawn_blocking(start).await.map_err(|error| error.to_string())?
    }

    async fn stop(mut server: Server) -> Result<(), String> {
        server.terminate()?;
        until_ended(&mut server).await
    }
}

/// Waits for the clean end of a server that was told to end.
async fn until_ended(server: &mut Server) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match server.ended()? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("SIGTERM ends the server with {status}")),
            None if began.elapsed() > END => {
                return Err(format!("SIGTERM does not end the server within {} s", END.as_secs()));
            }
            None => sleep(Duration::from_millis(10)).await,
        }
    }
}

/// What a phase brought: lines of what and how much.
type Report = Vec<(String, String)>;

/// Runs the phases: nine twentieths of the time on SQLite, seven on Convex, four beside hostile
/// clients.
pub(crate) fn run(binary: &Path, seconds: u64) -> Result<(), String> {
    if seconds < SECONDS_MIN {
        return Err(format!("a soak takes {SECONDS_MIN} s at the least"));
    }
    let folder = TempDir::new().map_err(|error| error.to_string())?;
    let setup = Setup { binary: binary.to_owned(), folder };
    let time = Duration::from_secs(seconds);
    let outcome = super::block_on(async {
        println!("| soak | result |\n| --- | --- |");
        print_report(&sqlite::run(&setup, time.mul_f64(0.45)).await?);
        print_report(&convex::run(&setup, time.mul_f64(0.35)).await?);
        print_report(&hostile::run(&setup, time.mul_f64(0.2)).await?);
        Ok(())
    });
    outcome.map_err(|failure: String| {
        let log = std::fs::read_to_string(setup.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(20)..];
        format!("{failure}\nthe end of the log:\n{}", last.join("\n"))
    })
}

/// The lines as Markdown, for docs/performance.md.
fn print_report(report: &Report) {
    for (what, result) in report {
        println!("| {what} | {result} |");
    }
}

/// So many clients, each with a few prompts.
async fn gather(clients: usize, shared: &Arc<Shared>) -> Result<Vec<Lane>, String> {
    let lane = |number| Lane::new(number, Arc::clone(shared));
    let mut lanes: Vec<Lane> = (0..clients).map(lane).collect();
    try_join_all(lanes.iter_mut().map(Lane::prepare)).await?;
    Ok(lanes)
}

/// How much the clients get done in `time` if each asks as soon as it was answered, a second.
async fn calibrate(lanes: &mut [Lane], shared: &Shared, time: Duration) -> f64 {
    let began = Instant::now();
    let before = shared.report(|tally| std::mem::take(&mut tally.latencies));
    join_all(lanes.iter_mut().map(|lane| lane.run(Pace::AtOnce, Some(began + time)))).await;
    let done = shared.report(|tally| std::mem::replace(&mut tally.latencies, before).len());
    count(done) / began.elapsed().as_secs_f64()
}

/// The pace at which so many clients ask `per_second` together.
fn pace(per_second: f64, clients: usize) -> Pace {
    Pace::Every(Duration::from_secs_f64(count(clients) / per_second))
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn count(number: usize) -> f64 {
    number as f64
}

/// Fails if a promise was broken.
fn check_unbroken(shared: &Arc<Shared>) -> Result<(), String> {
    shared.report(|Tally { broken, broken_count, .. }| match broken_count {
        0 => Ok(()),
        count => Err(format!("{count} promises were broken:\n{}", broken.join("\n"))),
    })
}

/// Reads everything back that was acknowledged, with every version; how much that was.
async fn verify(lanes: &mut [Lane]) -> Result<String, String> {
    let (mut prompts, mut versions) = (0, 0);
    for lane in lanes {
        let (more_prompts, more_versions) = lane.verify().await?;
        prompts += more_prompts;
        versions += more_versions;
    }
    Ok(format!("{prompts} prompts, {versions} versions, each read back"))
}

/// What the clients did, and how long it took.
fn summarise(tally: &mut Tally) -> Report {
    tally.latencies.sort_unstable();
    let at = |permille: usize| {
        let index = tally.latencies.len().saturating_sub(1) * permille / 1000;
        f64::from(tally.latencies.get(index).copied().unwrap_or_default()) / 1000.0
    };
    let done: Vec<String> =
        tally.done.iter().map(|(what, many)| format!("{many} {what}")).collect();
    let took = format!(
        "p50 {:.1}, p99 {:.1}, p99.9 {:.1}, at most {:.0} ms after it was due",
        at(500),
        at(990),
        at(999),
        at(1000)
    );
    vec![("what was done".into(), done.join(", ")), ("how long it took".into(), took)]
}
