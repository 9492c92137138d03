//! The whole matrix: store, protocol revision and connections, each beside a bare handler that does
//! the same without us.

use std::time::Duration;

use super::rounds::{Kind, take_turns};
use super::{Bench, Measured, Row};
use crate::requests::{self, Revision};
use crate::servers::convex::{KEY, PROMPTS, direct_calls};
use crate::servers::{Role, Server};
use crate::texts::Text;
use crate::wrk;

const CONNECTIONS: [usize; 2] = [64, 2000];
/// How often the servers take turns; the medians of the rounds are shown.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);
/// How many answers are checked one by one before a load.
const CHECKED: usize = 2000;
/// Calls of Convex in flight: enough for the aim, which 256 are not, for those take 2,000 connections
/// 195 ms a round by the deployment's delay alone.
const CONVEX_CALLS: &str = "384";

/// Where the data is.
#[derive(Clone, Copy)]
enum Data {
    Sqlite,
    Convex { delay_ms: u64 },
}

/// The servers of one store.
struct Stand {
    label: String,
    server: Server,
    bare: Server,
    deployment: Option<Server>,
}

pub(super) fn measure(bench: &Bench) -> Measured {
    wrk::find()?;
    let mut rows = Vec::new();
    for data in [Data::Sqlite, Data::Convex { delay_ms: 0 }, Data::Convex { delay_ms: 25 }] {
        for connections in CONNECTIONS {
            rows.extend(measure_one(bench, data, connections)?);
        }
    }
    Ok(rows)
}

impl Stand {
    fn on(bench: &Bench, data: Data) -> Result<Self, String> {
        match data {
            Data::Sqlite => {
                let server = bench.server()?;
                let bare = bench.bare_server(&server)?;
                Ok(Self { label: "SQLite".to_owned(), server, bare, deployment: None })
            }
            Data::Convex { delay_ms } => {
                let role = Role::FakeConvex { delay_ms };
                let deployment = Server::start_role(&role, &bench.log())?;
                let url = deployment.url();
                let server = bench.server_with(&[
                    ("CONVEX_URL", &url),
                    ("CONVEX_API_KEY", KEY),
                    ("CONVEX_MAX_CONCURRENCY", CONVEX_CALLS),
                ])?;
                let role = Role::Relay { bytes: bench.answer_bytes(&server)?, url };
                let bare = Server::start_role(&role, &bench.log())?;
                let label = format!("Convex at {delay_ms} ms");
                Ok(Self { label, server, bare, deployment: Some(deployment) })
            }
        }
    }
}

/// Fresh servers, so that the memory of one row is not that of another.
fn measure_one(bench: &Bench, data: Data, connections: usize) -> Measured {
    let stand = Stand::on(bench, data)?;
    let texts: &[Text] = match data {
        Data::Sqlite => &bench.texts,
        Data::Convex { .. } => &bench.texts[..PROMPTS],
    };
    let [old, new] = Revision::ALL.map(|revision| revision.get_prompts(texts));
    let mut kinds = vec![
        Kind::new(&stand.bare, requests::bare_calls(texts)),
        Kind::new(&stand.server, old),
        Kind::new(&stand.server, new),
    ];
    match &stand.deployment {
        None => kinds.push(Kind::new(&stand.server, Revision::V2025.health_checks())),
        Some(deployment) => kinds.push(Kind::new(deployment, direct_calls(texts))),
    }
    for kind in &kinds {
        kind.check(CHECKED, CONNECTIONS[0])?;
    }
    take_turns(&mut kinds, ROUNDS, |server, cases| {
        wrk::run(server.address, connections, cases, ROUND, bench.folder.path())
    })?;
    let [bare, old, new, other] = kinds.try_into().map_err(|_| "four kinds were measured")?;
    let what = |name: &str| format!("{}, {connections} connections: {name}", stand.label);
    let aim = match data {
        Data::Sqlite => 0.6,
        Data::Convex { .. } => 0.7,
    };
    let mut rows = vec![Row::new(what("bare axum handler"), bare.result())];
    for (call, revision) in [(&old, Revision::V2025), (&new, Revision::V2026)] {
        let row = call.row(what(&format!("`get_prompt`, {}", revision.as_str())), &bare);
        rows.push(row.aim_at(call, &bare, aim, connections));
    }
    match data {
        Data::Sqlite => {
            let row = other.row(what("`health_check`, 2025-11-25"), &bare);
            rows.push(row.aim_at(&other, &bare, 0.7, connections));
        }
        Data::Convex { .. } => rows.push(Row::new(what("the deployment alone"), other.result())),
    }
    if let (Some((_, peak)), Some((_, bare))) = (stand.server.memory(), stand.bare.memory()) {
        let result = format!("{peak:.1} MB; the bare handler {bare:.1} MB");
        let row = Row::new(what("memory, at most"), result);
        rows.push(match (data, connections) {
            (Data::Convex { .. }, 2000) => row.aim("< 60 MB", peak < 60.0),
            _ => row,
        });
    }
    Ok(rows)
}

impl Row {
    /// With few connections the aim is a share of the bare handler, with many a latency.
    fn aim_at(self, call: &Kind<'_>, bare: &Kind<'_>, aim: f64, connections: usize) -> Self {
        if connections == CONNECTIONS[0] {
            return self.aim(&format!("{aim} of bare"), call.share(bare) >= aim);
        }
        self.aim("p90 < 200 ms", call.percentile(1) < 200.0)
    }
}
