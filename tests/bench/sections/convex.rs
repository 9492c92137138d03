//! How the server on Convex takes a spike.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::{Bench, CROWD, Measured, Row};
use crate::client::{Case, Connection};
use crate::requests::Revision;
use crate::servers::convex::{KEY, PROMPTS};
use crate::servers::{Role, Server};

const DELAY_MS: u64 = 25;
/// Calls in flight by default.
const PLACES: u32 = 16;
/// Those who come while the crowd is served, and when.
const LATE: u32 = 100;
const LATE_AFTER: Duration = Duration::from_secs(1);
const LATE_EVERY: Duration = Duration::from_millis(10);

/// Everybody at once, with as many calls in flight as the Free plan takes, and some who come while
/// the others wait.
pub(super) fn measure(bench: &Bench) -> Measured {
    let texts = &bench.texts[..PROMPTS];
    let deployment = Server::start_role(&Role::FakeConvex { delay_ms: DELAY_MS }, &bench.log())?;
    let server =
        bench.server_with(&[("CONVEX_URL", &deployment.url()), ("CONVEX_API_KEY", KEY)])?;
    let at_once = vec![Duration::ZERO; CROWD];
    let late = (0..LATE).map(|number| LATE_AFTER + LATE_EVERY * number);
    let plan: Vec<Duration> = at_once.into_iter().chain(late).collect();
    let cases = Revision::V2025.get_prompts(&texts[..plan.len()]);
    let done = crate::block_on(send_by_plan(&server, &cases, &plan))?;
    let (crowd, late) = done.split_at(CROWD);

    let mut seconds: Vec<f64> = crowd.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_unstable_by(f64::total_cmp);
    let [p50, p99, drained] = [50, 99, 100].map(|percent| seconds[(CROWD - 1) * percent / 100]);
    // As many calls one after the other as each place has to take.
    let calls = u32::try_from(CROWD).unwrap_or(u32::MAX).div_ceil(PLACES);
    let ideal = (Duration::from_millis(DELAY_MS) * calls).as_secs_f64();
    let what = format!("{CROWD} `get_prompt` at once, Convex at {DELAY_MS} ms, {PLACES} calls");
    let result =
        format!("p50 {p50:.2}, p99 {p99:.2}, all in {drained:.2} s; a fair queue: {ideal:.2} s");
    let spike = Row::new(what, result).aim("no failure, 1.2 of that", drained < ideal * 1.2);

    let overtaken = |at: &Duration| crowd.iter().filter(|earlier| at < *earlier).count();
    let most = late.iter().map(overtaken).max().unwrap_or_default();
    let what = format!("{LATE} more from {} s on", LATE_AFTER.as_secs());
    let fair = Row::new(what, format!("each was answered before at most {most} of those"))
        // What is in flight may end in any order.
        .aim(&format!("at most {PLACES}"), most <= PLACES as usize);
    Ok(vec![spike, fair])
}

/// Sends each case over a connection of its own, when the plan says so; returns when the answers
/// were there.
async fn send_by_plan(
    server: &Server,
    cases: &[Case],
    plan: &[Duration],
) -> Result<Vec<Duration>, String> {
    let mut connections = Vec::new();
    for _ in plan {
        let connection = Connection::open(server.address).await;
        connections.push(connection.map_err(|error| format!("connecting: {error}"))?);
    }
    let started = Instant::now();
    let calls = connections.into_iter().zip(plan).zip(cases.iter()).map(
        async |((mut connection, after), case)| {
            tokio::time::sleep(*after).await;
            connection.call(case).await?;
            Ok(started.elapsed())
        },
    );
    try_join_all(calls).await
}
