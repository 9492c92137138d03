//! On Convex: the real functions, and before them a relay that does to calls what networks and
//! deployments do, one fault after the other.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, sleep_until};

use super::client::Shared;
use super::faults::{Fault, Faults, RECOVERY, relay};
use super::memory::Memory;
use super::{Report, Setup, calibrate, check_unbroken, count, gather, pace, summarise, verify};

const LANES: usize = 8;
const KEY: &str = "the-key-of-the-soak-0123456789abcdef";
/// Most requests a second: the functions run in a test harness, which reads all documents for every
/// query.
const PER_SECOND_MAX: f64 = 60.0;
/// How long clients ask one database, for the same reason.
const ROUND: Duration = Duration::from_mins(2);

pub(super) async fn run(setup: &Setup, time: Duration) -> Result<Report, String> {
    let functions = Functions::start()?;
    let faults = Faults::none();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|error| error.to_string())?;
    let url = format!("http://{}", listener.local_addr().map_err(|error| error.to_string())?);
    tokio::spawn(relay(listener, Arc::clone(&faults), functions.port));
    let settings = [("CONVEX_URL", url.as_str()), ("CONVEX_API_KEY", KEY)];
    let server = setup.start(0, &settings).await?;
    let shared = Shared::new(server.address, Some(Arc::clone(&faults)));
    let mut memory = Memory::default();
    let mut kept = Vec::new();
    let mut rate = None;
    let rounds = u32::try_from(time.as_secs() / ROUND.as_secs()).unwrap_or(1).max(1);
    for round in 1..=rounds {
        faults.enter(uuid::Uuid::new_v4().to_string());
        let mut lanes = gather(LANES, &shared).await?;
        let full = calibrate(&mut lanes, &shared, time / rounds / 20).await;
        let per_second = *rate.get_or_insert((full / 2.0).min(PER_SECOND_MAX));
        eprintln!("on Convex: {per_second:.0} requests a second, round {round} of {rounds}");
        let pace = pace(per_second, LANES);
        let end = Instant::now() + (time / rounds).mul_f64(0.95);
        let work = join_all(lanes.iter_mut().map(|lane| lane.run(pace, Some(end))));
        tokio::join!(work, disturb(&faults, end), memory.watch(&server, end));
        check_unbroken(&shared)?;
        // What was sent last may still feel the last fault.
        sleep(RECOVERY).await;
        kept.push(verify(&mut lanes).await?);
    }
    Setup::stop(server).await?;

    let (through, met) = faults.calls();
    let troubles = shared.report(|tally| format!("{:?}", tally.troubles));
    let mut report = vec![
        (
            "on Convex".to_owned(),
            format!("{:.0} requests a second for {} s", rate.unwrap_or_default(), time.as_secs()),
        ),
        (
            "calls of functions".into(),
            format!(
                "{through} went through, {met} met a fault; what clients heard of it: {troubles}"
            ),
        ),
    ];
    report.extend(shared.report(summarise));
    report.push(("what was acknowledged".into(), kept.join("; ")));
    report.push(("memory".into(), memory.verdict()?));
    Ok(report)
}

/// One fault after the other until `end`, with time to recover after each.
async fn disturb(faults: &Faults, end: Instant) {
    let began = Instant::now();
    // The first of these parts is undisturbed.
    let part = (end - began).div_f64(count(Fault::ALL.len() + 1));
    for (fault, number) in Fault::ALL.into_iter().zip(1..) {
        sleep_until(began + part * number).await;
        faults.set(Some(fault));
        sleep(part.mul_f64(0.4)).await;
        faults.set(None);
    }
    sleep_until(end).await;
}

/// The functions of `convex/`, in a process that ends with this one.
struct Functions {
    process: Child,
    port: u16,
}

impl Functions {
    fn start() -> Result<Self, String> {
        let mut process = Command::new("node")
            .arg("tests/convex/server.mjs")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PROMPTDB_API_KEY", KEY)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the functions need Node: {error}"))?;
        let mut line = String::new();
        let stdout = process.stdout.take().ok_or("the functions say nothing")?;
        BufReader::new(stdout).read_line(&mut line).map_err(|error| error.to_string())?;
        let port = line.trim().parse().map_err(|_| "the functions need `npm ci`")?;
        Ok(Self { process, port })
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        // It ends by itself when its standard input closes, but not before it is waited for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
