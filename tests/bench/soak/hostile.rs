//! Hostile clients beside honest ones, on a server with sign-in and its default limits: the honest
//! ones keep their latency, and memory keeps its bound.
//!
//! All clients connect from one address. Every attack is bounded in connections and in pace, so that
//! the attackers do not take the processor from the server that they share a machine with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use promptdb::domain::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::calls::{Door, Reply};
use super::client::{Client, Shared};
use super::{Report, Setup, check_unbroken, count};
use crate::requests::Revision;
use crate::servers::Server;
use crate::servers::issuer::Issuer;

/// Number of honest users, each with one client.
const HONEST: usize = 24;
/// The interval of an honest client: 100 requests a minute, below the default limit of 120.
const HONEST_EVERY: Duration = Duration::from_millis(600);
/// The share of the time in which the honest clients are alone.
const ALONE: f64 = 0.35;
/// Maximum resident memory in MB. The smallest machine of the deployment has 512.
const MEMORY_MAX: f64 = 256.0;
/// The latency of the honest clients is judged if they are alone for at least this long.
const JUDGED_FROM: Duration = Duration::from_secs(30);
/// How much the p99 of the honest clients may grow: this factor and so many milliseconds.
const FACTOR: f64 = 2.0;
const MORE_MS: f64 = 25.0;
/// The pause of an attacker between two attempts. The attacks are on memory and places: without a pause,
/// refusals alone would take the processor that both sides share.
const PAUSE: Duration = Duration::from_secs(10);
/// The time in which the connections of an attack are opened.
const RAMP: Duration = Duration::from_secs(2);
/// Number of versions of the prompt that slow readers read, and the size of each in bytes.
const VERSIONS: u32 = 20;
const VERSION_BYTES: usize = 60_000;

/// The user of the slow readers.
const SLOW_READER: &str = "user_01KSLOWREADER000000000000";
const WEBHOOK_SECRET: &str = "the-webhook-secret-of-the-soak-0123456789";

/// An attack: its name, and the number of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Attack {
    UnfinishedHeads,
    UnfinishedBodies,
    UnfinishedImports,
    SlowReaders,
    Streams,
    JunkTokens,
}

impl Attack {
    const ALL: [(Self, usize); 6] = [
        (Self::UnfinishedHeads, 1000),
        (Self::UnfinishedBodies, 2500),
        (Self::UnfinishedImports, 64),
        (Self::SlowReaders, 60),
        (Self::Streams, 80),
        (Self::JunkTokens, 8),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::UnfinishedHeads => "unfinished heads",
            Self::UnfinishedBodies => "unfinished bodies of webhooks",
            Self::UnfinishedImports => "imports of one byte",
            Self::SlowReaders => "slow readers",
            Self::Streams => "streams",
            Self::JunkTokens => "junk tokens",
        }
    }
}

/// The end of an attempt: a status, or a closed connection.
type Outcomes = BTreeMap<(Attack, String), usize>;

/// What the attackers share.
struct Target {
    server: Server,
    issuer: Issuer,
    end: Instant,
    outcomes: Mutex<Outcomes>,
}

pub(super) async fn run(setup: &Setup, time: Duration) -> Result<Report, String> {
    let issuer = Issuer::start()?;
    let webhooks = ("WORKOS_WEBHOOK_SECRET", WEBHOOK_SECRET);
    let settings = [&issuer.settings()[..], &[webhooks]].concat();
    let library = setup.folder.path().join("hostile.db");
    let server = setup.start_on(&library, 0, &settings).await?;
    eprintln!("hostile clients, for {} s", time.as_secs());

    let shared = Shared::new(server.address, None);
    let end = Instant::now() + time;
    let attacked_from = Instant::now() + time.mul_f64(ALONE);
    let target = Target { server, issuer, end, outcomes: Mutex::default() };
    prepare_big_prompt(&target, &shared).await?;
    let honest = join_all(
        (0..HONEST).map(|number| Honest::new(number, &target, &shared).run(attacked_from, end)),
    );
    let target = Arc::new(target);
    // On a thread of its own, so that the honest clients measure the server and not the attackers.
    let attack = {
        let target = Arc::clone(&target);
        tokio::task::spawn_blocking(move || crate::block_on(attack(&target, attacked_from)))
    };
    let (latencies, attacked) = tokio::join!(honest, attack);
    attacked.map_err(|error| error.to_string())?;
    check_unbroken(&shared)?;
    let memory = target.server.memory().map(|(_, most)| most);
    let target = Arc::into_inner(target).ok_or("the attackers go on")?;
    let Target { server, outcomes, .. } = target;
    Setup::stop(server).await?;

    let (alone, beside) = latencies.into_iter().fold((vec![], vec![]), |mut all, one| {
        all.0.extend(one.0);
        all.1.extend(one.1);
        all
    });
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(vec![
        ("beside hostile clients".into(), format!("{HONEST} users for {} s", time.as_secs())),
        ("attempts".into(), describe(&outcomes)),
        ("latency of the honest".into(), judge_latency(alone, beside, time.mul_f64(ALONE))?),
        ("memory at most".into(), judge_memory(memory)?),
    ])
}

fn describe(outcomes: &Outcomes) -> String {
    let lines = Attack::ALL.into_iter().map(|(attack, connections)| {
        let ends = outcomes.iter().filter(|((of, _), _)| *of == attack);
        let ends: Vec<String> = ends.map(|((_, end), count)| format!("{count} {end}")).collect();
        format!("{connections} {}: {}", attack.name(), ends.join(", "))
    });
    lines.collect::<Vec<_>>().join("; ")
}

/// The p99 in milliseconds; `None` without a request.
fn p99(mut latencies: Vec<u32>) -> Option<f64> {
    latencies.sort_unstable();
    let last = latencies.len().checked_sub(1)?;
    Some(f64::from(latencies[last * 99 / 100]) / 1000.0)
}

fn judge_latency(alone: Vec<u32>, beside: Vec<u32>, time: Duration) -> Result<String, String> {
    let counts = (alone.len(), beside.len());
    let (Some(alone), Some(beside)) = (p99(alone), p99(beside)) else {
        return Err("the honest clients got no answer".to_owned());
    };
    let result = format!(
        "p99 {alone:.1} ms alone, {beside:.1} ms beside the attacks; {} and {} requests, none \
         refused",
        counts.0, counts.1
    );
    if time < JUDGED_FROM {
        return Ok(format!("{result}; too short to judge"));
    }
    if beside <= alone * FACTOR + MORE_MS {
        Ok(result)
    } else {
        Err(format!("honest clients are slowed down: {result}"))
    }
}

fn judge_memory(memory: Option<f64>) -> Result<String, String> {
    match memory {
        None => Ok("not reported by this system".to_owned()),
        Some(most) if most <= MEMORY_MAX => Ok(format!("{most:.0} MB")),
        Some(most) => Err(format!("{most:.0} MB of memory, over {MEMORY_MAX} MB")),
    }
}

/// An honest user, who reads and saves one prompt at a steady pace.
struct Honest {
    number: usize,
    client: Client,
    authorization: String,
    steps: usize,
    version: u32,
}

impl Honest {
    fn new(number: usize, target: &Target, shared: &Arc<Shared>) -> Self {
        let authorization = target.authorization(&format!("user_01KHONEST{number:015}"));
        let client = Client::new(Arc::clone(shared));
        Self { number, client, authorization, steps: 0, version: 0 }
    }

    /// Returns the latencies in microseconds before `attacked_from` and after it.
    async fn run(mut self, attacked_from: Instant, end: Instant) -> (Vec<u32>, Vec<u32>) {
        let (mut alone, mut beside) = (Vec::new(), Vec::new());
        let offset = HONEST_EVERY.mul_f64(count(self.number) / count(HONEST));
        let mut due = Instant::now() + offset;
        while due < end {
            sleep_until(due).await;
            if let Err(broken) = self.step().await {
                let broken = format!("honest client {}: {broken}", self.number);
                self.client.shared.report_broken(broken);
            }
            let took = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
            if due < attacked_from {
                alone.push(took);
            } else {
                beside.push(took);
            }
            due += HONEST_EVERY;
        }
        (alone, beside)
    }

    /// Saves every fourth time, else reads and compares with the last save.
    async fn step(&mut self) -> Result<(), String> {
        let is_save = self.steps.is_multiple_of(4);
        self.steps += 1;
        let content = |version| format!("Honest text {version} about {{{{topic}}}}.");
        if is_save {
            let mut arguments = json!({ "name": "own", "content": content(self.version + 1) });
            if self.version > 0 {
                arguments["expected_version"] = self.version.into();
            }
            let saved = self.call("save_prompt", &arguments).await?;
            self.version += 1;
            return expect(&saved["version"], &json!(self.version));
        }
        let found = self.call("get_prompt", &json!({ "name": "own" })).await?;
        expect(&found["version"], &json!(self.version))
    }

    async fn call(&mut self, tool: &str, arguments: &Value) -> Result<Value, String> {
        let door = Door::Mcp(Revision::V2025);
        let case = Revision::V2025.tool(1, tool, arguments, vec![]);
        let case = case.with_header("Authorization", &self.authorization);
        match self.client.ask(door, &case).await? {
            Reply::Done(found) => Ok(found),
            other => Err(format!("{tool} answers {other:?}")),
        }
    }
}

fn expect(found: &Value, expected: &Value) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{found} instead of {expected}")) }
}

impl Target {
    fn authorization(&self, user: &str) -> String {
        let public_url = format!("http://localhost:{}", self.server.address.port());
        format!("Bearer {}", self.issuer.token(&public_url, user, 0))
    }

    fn count(&self, attack: Attack, end: String) {
        let mut outcomes = self.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        *outcomes.entry((attack, end)).or_default() += 1;
    }

    /// Sends `request` on a connection of its own, and reads `chunk` bytes every `pause` until the
    /// server closes the connection or the time is over.
    async fn attempt(&self, attack: Attack, request: &[u8], chunk: usize, pause: Duration) {
        let end = match timeout_at(self.end, self.converse(request, chunk, pause)).await {
            Ok(end) => end,
            Err(_) => "open at the end".to_owned(),
        };
        self.count(attack, end);
    }

    async fn converse(&self, request: &[u8], chunk: usize, pause: Duration) -> String {
        let Ok(mut stream) = TcpStream::connect(self.server.address).await else {
            return "not connected".to_owned();
        };
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(request).await;
        let (mut start, mut buffer) = (Vec::new(), vec![0; chunk]);
        loop {
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(read) if start.len() < 12 => start.extend_from_slice(&buffer[..read.min(12)]),
                Ok(_) => {}
            }
            // A refused request is over; an attacker goes on with the next one.
            if start.get(9) >= Some(&b'4') {
                break;
            }
            sleep(pause).await;
        }
        match start.get(9..12) {
            Some(status) => String::from_utf8_lossy(status).into_owned(),
            None => "closed".to_owned(),
        }
    }

    /// Attacks on one connection after the other until the time is over.
    async fn repeat(&self, attack: Attack, number: usize) {
        let authorization = match attack {
            Attack::SlowReaders => self.authorization(SLOW_READER),
            // So many that every user exceeds the limit of streams.
            Attack::Streams => self.authorization(&format!("user_01KSTREAMS{:015}", number % 4)),
            _ => self.authorization("user_01KIMPORTER00000000000000"),
        };
        let (chunk, pause) = match attack {
            Attack::SlowReaders => (3000, Duration::from_secs(5)),
            _ => (64, Duration::ZERO),
        };
        while Instant::now() < self.end {
            let request = request(attack, &authorization);
            self.attempt(attack, &request, chunk, pause).await;
            sleep(PAUSE).await;
        }
    }
}

/// The request of an attack, as far as the attacker sends it.
fn request(attack: Attack, authorization: &str) -> Vec<u8> {
    let authorization = ("Authorization", authorization);
    let (head, rest) = match attack {
        Attack::UnfinishedHeads => {
            let filler = "x".repeat(61_000);
            return head("GET /health", &[("X-Filler", &filler)]).into_bytes();
        }
        Attack::UnfinishedBodies => {
            let signature = format!("t={}, v1={}", now_ms(), "0".repeat(64));
            let headers = [("WorkOS-Signature", &*signature), ("Content-Length", "65536")];
            (head("POST /webhooks/workos", &headers), "x".repeat(65_535))
        }
        Attack::UnfinishedImports => {
            let json = ("Content-Type", "application/json");
            let headers = [authorization, json, ("Content-Length", "16000000")];
            (head("POST /api/import", &headers), "[".to_owned())
        }
        Attack::SlowReaders => {
            let line = "GET /api/prompts/big/versions?limit=100";
            (head(line, &[authorization]), String::new())
        }
        Attack::Streams => (head("GET /sse", &[authorization]), String::new()),
        Attack::JunkTokens => {
            let token = format!("Bearer eyJhbGciOiJSUzI1NiJ9.e30.{}", now_ms());
            (head("GET /api/me", &[("Authorization", &token)]), String::new())
        }
    };
    format!("{head}\r\n{rest}").into_bytes()
}

/// The head of a request, without the empty line that ends it.
fn head(line: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head
}

/// All attacks, from `begin` until the time is over.
async fn attack(target: &Target, begin: Instant) {
    join_all(Attack::ALL.into_iter().flat_map(|(attack, connections)| {
        (0..connections).map(move |number| async move {
            // The connections of an attack are opened one after the other, so that the burst of
            // connecting does not hide what the attack itself does.
            sleep_until(begin + RAMP.mul_f64(count(number) / count(connections))).await;
            target.repeat(attack, number).await;
        })
    }))
    .await;
}

/// Saves the prompt that slow readers read.
async fn prepare_big_prompt(target: &Target, shared: &Arc<Shared>) -> Result<(), String> {
    let mut client = Client::new(Arc::clone(shared));
    let authorization = target.authorization(SLOW_READER);
    for version in 0..VERSIONS {
        let content = format!("{version} {}", "x".repeat(VERSION_BYTES));
        let mut arguments = json!({ "name": "big", "content": content });
        if version > 0 {
            arguments["expected_version"] = version.into();
        }
        let case = Revision::V2025.tool(1, "save_prompt", &arguments, vec![]);
        let case = case.with_header("Authorization", &authorization);
        match client.ask(Door::Mcp(Revision::V2025), &case).await? {
            Reply::Done(_) => {}
            other => return Err(format!("a large prompt is answered by {other:?}")),
        }
    }
    Ok(())
}

fn now_ms() -> i64 {
    SystemClock.now().as_millis()
}
