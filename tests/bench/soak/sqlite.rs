//! On SQLite: restarts of both kinds in the first half, and an undisturbed server in the second,
//! whose memory must stay flat.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, sleep, timeout};

use super::client::{Client, Sent, Shared};
use super::memory::Memory;
use super::{
    Report, Setup, calibrate, check_unbroken, gather, pace, streams, summarise, until_ended, verify,
};
use crate::client::Case;
use crate::servers::Server;

const LANES: usize = 32;
const STREAMS: usize = 4;
/// How many restarts there are, every other one by `kill -9`.
const RESTARTS: u32 = 10;
/// How long it may take until the port of a server is free.
const PORT_IS_FREE: Duration = Duration::from_secs(5);
/// How often `/health` is asked, and how soon it must answer.
const HEALTH_EVERY: Duration = Duration::from_millis(200);
const HEALTH_WITHIN: Duration = Duration::from_secs(3);

pub(super) async fn run(setup: &Setup, time: Duration) -> Result<Report, String> {
    let server = setup.start(0, &[]).await?;
    let shared = Shared::new(server.address, None);
    let mut lanes = gather(LANES, &shared).await?;
    eprintln!("on SQLite: how much the server can take");
    let full = calibrate(&mut lanes, &shared, time / 20).await;
    let pace = pace(full / 2.0, LANES);
    eprintln!(
        "on SQLite: {:.0} requests a second, half of that, for {} s",
        full / 2.0,
        time.as_secs()
    );

    let work = join_all(lanes.iter_mut().map(|lane| lane.run(pace, None)));
    let listening = join_all((0..STREAMS).map(|_| streams::run(Arc::clone(&shared))));
    let disturb = async {
        let outcome = disturb(setup, &shared, server, time).await;
        shared.end();
        outcome
    };
    let (.., outcome) = tokio::join!(work, listening, ask_for_health(&shared), disturb);
    let (restarts, memory, server) = outcome?;
    check_unbroken(&shared)?;
    let kept = verify(&mut lanes).await?;
    Setup::stop(server).await?;

    let mut report = vec![(
        "on SQLite".to_owned(),
        format!("{:.0} of {full:.0} requests a second for {} s", full / 2.0, time.as_secs()),
    )];
    report.push((
        "restarts".into(),
        format!(
            "{restarts}; {} requests cut off by `kill -9`, none otherwise",
            shared.report(|tally| tally.cut)
        ),
    ));
    report.extend(shared.report(summarise));
    report.push(("what was acknowledged".into(), kept));
    report.push(("memory, undisturbed".into(), memory.verdict()?));
    Ok(report)
}

/// Restarts the server for half of the time and watches it for the other; how it went, and the last
/// server.
async fn disturb(
    setup: &Setup,
    shared: &Arc<Shared>,
    mut server: Server,
    time: Duration,
) -> Result<(String, Memory, Server), String> {
    let began = Instant::now();
    let mut longest = Duration::ZERO;
    for number in 1..=RESTARTS {
        tokio::time::sleep_until(began + time / 2 / RESTARTS * number).await;
        if let Some(status) = server.ended()? {
            return Err(format!("a server ended by itself with {status}"));
        }
        let gap = Instant::now();
        let port = server.address.port();
        let old = if number % 2 == 1 {
            close_port(&server).await?;
            Some(server)
        } else {
            shared.note_kill();
            drop(server);
            None
        };
        shared.note_start();
        server = setup.start(port, &[]).await?;
        longest = longest.max(gap.elapsed());
        // Meanwhile it answers what it has begun.
        if let Some(mut old) = old {
            until_ended(&mut old).await?;
        }
    }
    let mut memory = Memory::default();
    memory.watch(&server, began + time).await;
    let half = RESTARTS / 2;
    let told = format!(
        "{half} by SIGTERM and {half} by `kill -9`, the next server there after {:.0} ms at most",
        longest.as_secs_f64() * 1000.0
    );
    Ok((told, memory, server))
}

/// Asks a server to end, and waits until it lets nobody in any more.
async fn close_port(server: &Server) -> Result<(), String> {
    server.terminate()?;
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let refused = timeout(PORT_IS_FREE, refused).await;
    refused.map_err(|_| "SIGTERM does not close the port".to_owned())
}

/// Asks for the health of the server as whoever watches it does, on a new connection each time.
async fn ask_for_health(shared: &Arc<Shared>) {
    let case = Case::bodiless("GET", "/health", vec![]);
    let mut ticks = interval(HEALTH_EVERY);
    while !shared.is_over() {
        ticks.tick().await;
        let mut client = Client::new(Arc::clone(shared));
        let connected = client.connect().await.map(|open| client.keep(open));
        let asked = async { connected.map(|()| client.send(&case))?.await };
        match timeout(HEALTH_WITHIN, asked).await {
            Ok(Ok(Sent::Answered(200, _))) => {
                shared.report_done("ask for health", None);
            }
            Ok(Ok(Sent::Cut)) => {}
            Ok(Ok(Sent::Answered(status, _))) => {
                shared.report_broken(format!("/health is {status}"));
            }
            Ok(Err(broken)) => shared.report_broken(format!("/health: {broken}")),
            Err(_) => shared.report_broken("/health does not answer".to_owned()),
        }
    }
}
