//! The server on Convex: what it adds to the deployment's delay, and how it takes a spike.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::{Bench, CONNECTIONS, CROWD, Measured, Row, take_turns};
use crate::client::{Case, Connection};
use crate::requests::{self, Revision};
use crate::servers::convex::{KEY, PROMPTS, direct_calls};
use crate::servers::{Role, Server};
use crate::texts::Text;

const DELAY_MS: u64 = 25;
const ROUND: Duration = Duration::from_millis(600);
/// Calls in flight by default.
const IN_FLIGHT: u32 = 16;

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

/// Everybody at once, with as many calls in flight as the Free plan takes.
fn measure_spike(bench: &Bench, texts: &[Text]) -> Measured {
    let deployment = deployment(bench, DELAY_MS)?;
    let server =
        bench.server_with(&[("CONVEX_URL", &deployment.url()), ("CONVEX_API_KEY", KEY)])?;
    let cases = Revision::V2025.get_prompts(&texts[..CROWD]);
    let mut spans = crate::block_on(send_at_once(&server, &cases))?;
    spans.sort_unstable_by_key(|span| span.sent);
    let mut overtakings: Vec<usize> = spans
        .iter()
        .enumerate()
        .map(|(index, span)| spans[index..].iter().filter(|later| later.done < span.done).count())
        .collect();
    overtakings.sort_unstable();
    let mut done: Vec<f64> = spans.iter().map(|span| span.done.as_secs_f64()).collect();
    done.sort_unstable_by(f64::total_cmp);

    let percentile = |percent: usize| done[(CROWD - 1) * percent / 100];
    let drained = percentile(100);
    // As many calls one after the other as each place in flight has to take.
    let calls = u32::try_from(CROWD).unwrap_or(u32::MAX).div_ceil(IN_FLIGHT);
    let ideal = (Duration::from_millis(DELAY_MS) * calls).as_secs_f64();
    let result = format!(
        "drained in {drained:.2} s ({ideal:.2} s of delays); answered p50 {:.2}, p99 {:.2} s; no \
         failure",
        percentile(50),
        percentile(99),
    );
    let what = format!("{CROWD} `get_prompt` at once, Convex at {DELAY_MS} ms, {IN_FLIGHT} places");
    let spike = Row::new(what, result).aim("no failure, 1.2 of the delays", drained < ideal * 1.2);

    let [p50, p99] = [50, 99].map(|percent| overtakings[(CROWD - 1) * percent / 100]);
    let most = CROWD / 10;
    let result = format!("p50 {p50}, p99 {p99} of {CROWD}");
    let fair = Row::new("later requests that were answered earlier", result)
        .aim(&format!("p99 < {most}"), p99 < most);
    Ok(vec![spike, fair])
}

/// When a request was sent and its answer there, from the first request on.
struct Span {
    sent: Duration,
    done: Duration,
}

/// Sends each case over a connection of its own.
async fn send_at_once(server: &Server, cases: &Arc<[Case]>) -> Result<Vec<Span>, String> {
    let mut connections = Vec::new();
    for _ in 0..cases.len() {
        let connection = Connection::open(server.address).await;
        connections.push(connection.map_err(|error| format!("connecting: {error}"))?);
    }
    let started = Instant::now();
    let mut calls = JoinSet::new();
    for (number, mut connection) in connections.into_iter().enumerate() {
        let cases = Arc::clone(cases);
        calls.spawn(async move {
            let sent = started.elapsed();
            connection.call(&cases[number]).await?;
            Ok(Span { sent, done: started.elapsed() })
        });
    }
    calls.join_all().await.into_iter().collect()
}
