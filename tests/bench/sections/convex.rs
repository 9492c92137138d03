//! The server on Convex: what it adds to the deployment's delay, and how it takes a spike.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use super::{Bench, CONNECTIONS, CROWD, Measured, Row, take_turns};
use crate::client::{Case, Connection};
use crate::requests::{self, Revision};
use crate::servers::convex::{KEY, PROMPTS, direct_calls};
use crate::servers::{Role, Server};
use crate::texts::Text;

const DELAY_MS: u64 = 25;
const ROUND: Duration = Duration::from_millis(500);
/// Calls in flight by default.
const PLACES: u32 = 16;
/// Those who come while the crowd is served, and when.
const LATE: u32 = 100;
const LATE_AFTER: Duration = Duration::from_secs(1);
const LATE_EVERY: Duration = Duration::from_millis(10);

pub(super) fn measure(bench: &Bench) -> Measured {
    let texts = &bench.texts[..PROMPTS];
    let mut rows = measure_at(bench, texts, 0)?;
    rows.extend(measure_at(bench, texts, DELAY_MS)?);
    rows.extend(measure_spike(bench, texts)?);
    Ok(rows)
}

fn deployment(bench: &Bench, delay_ms: u64) -> Result<Server, String> {
    Server::start_role(&Role::FakeConvex { delay_ms }, &bench.log())
}

/// The deployment itself, the bare handler and the real server, each at its fastest.
fn measure_at(bench: &Bench, texts: &[Text], delay_ms: u64) -> Measured {
    let deployment = deployment(bench, delay_ms)?;
    let url = deployment.url();
    let server = bench.server_with(&[
        ("CONVEX_URL", &url),
        ("CONVEX_API_KEY", KEY),
        ("CONVEX_MAX_CONCURRENCY", "4096"),
    ])?;
    let relay = Role::Relay { bytes: bench.answer_bytes(&server)?, url };
    let relay = Server::start_role(&relay, &bench.log())?;
    let kinds = [
        (&relay, requests::bare_calls(texts)),
        (&server, Revision::V2025.get_prompts(texts)),
        (&deployment, direct_calls(texts)),
    ];
    let [mut bare, mut real, mut direct] = take_turns(&kinds, ROUND)?;
    let what = |who: &str| format!("{who}, Convex at {delay_ms} ms, {CONNECTIONS} connections");
    let mut rows = vec![
        Row::new(what("the deployment alone"), direct.result()),
        Row::new(what("bare axum handler"), bare.result()),
        real.row(what("`get_prompt`"), &bare, 0.6),
    ];
    if delay_ms > 0 {
        let upstream = direct.median_latency();
        let [bare, real] = [bare, real].map(|mut rounds| rounds.median_latency() - upstream);
        let result = format!("{real:.2} ms more than the deployment alone; bare {bare:.2} ms more");
        rows.push(Row::new("the server's own time a call, p50", result));
    }
    Ok(rows)
}

/// Everybody at once, with as many calls in flight as the Free plan takes, and some who come while
/// the others wait.
fn measure_spike(bench: &Bench, texts: &[Text]) -> Measured {
    let deployment = deployment(bench, DELAY_MS)?;
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
