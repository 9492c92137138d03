//! What is measured, section by section, and the rows that it gives.

mod convex;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use promptdb::domain::SystemClock;
use promptdb::domain::identity::UserId;
use promptdb::domain::prompt::PromptId;
use promptdb::store::sqlite::SqliteStore;
use promptdb::store::{NewPrompt, Store, WriteContext};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::client::{Amount, Case, Connection, Outcome, run};
use super::requests::{self, Revision};
use super::servers::{Role, Server};
use super::texts::{self, Author, Text};

type Measured = Result<Vec<Row>, String>;
type Section = (&'static str, fn(&Bench) -> Measured);

/// The sections in their order: what changes the library comes last.
pub(crate) const ALL: [Section; 8] = [
    ("start", measure_start),
    ("reads", measure_reads),
    ("calls", measure_calls),
    ("crowd", measure_crowd),
    ("streams", measure_streams),
    ("convex", convex::measure),
    ("tokens", tokens::measure),
    ("saves", measure_saves),
];

const PROMPTS: usize = 10_000;
const CONNECTIONS: usize = 64;
const CROWD: usize = 2000;
const STREAMS: usize = 1000;
/// How often bare and real server take turns; the medians of the rounds are shown.
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(1);
const STARTS: usize = 7;
/// Requests of each kind that are sent one after the other.
const SERIES: usize = 200;
const HARVESTS: usize = 40;
const SAVES: usize = 200;
const SAVES_AT_ONCE: usize = 3200;

/// A line of the table.
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) result: String,
    pub(crate) aim: String,
}

impl Row {
    fn new(what: impl Into<String>, result: impl Into<String>) -> Self {
        Self { what: what.into(), result: result.into(), aim: String::new() }
    }

    fn aim(self, text: &str, met: bool) -> Self {
        Self { aim: format!("{text}: {}", if met { "met" } else { "missed" }), ..self }
    }
}

/// A filled library and what is needed to serve it.
pub(crate) struct Bench {
    binary: PathBuf,
    folder: TempDir,
    texts: Vec<Text>,
}

impl Bench {
    /// Fills a library.
    pub(crate) fn prepare(binary: PathBuf) -> Result<Self, String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let bench = Self { binary, folder, texts: texts::library(PROMPTS) };
        eprintln!("filling a library with {PROMPTS} prompts");
        super::block_on(bench.fill())?;
        Ok(bench)
    }

    async fn fill(&self) -> Result<(), String> {
        let wait = Duration::from_mins(1);
        let store = SqliteStore::open(&self.library(), wait, Arc::new(SystemClock))
            .map_err(|error| error.to_string())?;
        let store = Arc::new(store);
        for texts in self.texts.chunks(500) {
            let mut saves = JoinSet::new();
            for text in texts {
                let (name, body) = text.draft().into_new().map_err(|error| error.to_string())?;
                let new = NewPrompt { id: PromptId::random(), name, body, favorite: false };
                let store = Arc::clone(&store);
                saves.spawn(async move {
                    let client = "bench".to_owned();
                    let write = WriteContext { client, idempotency: None, accepts: None };
                    store.create_prompt(&UserId::local(), new, None, &write).await.map(|_| ())
                });
            }
            for saved in saves.join_all().await {
                saved.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("library.db")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log.txt")
    }

    /// The real server with settings that are not the default.
    fn server_with(&self, settings: &[(&str, &str)]) -> Result<Server, String> {
        Server::start(&self.binary, &self.library(), &self.log(), settings)
    }

    fn server(&self) -> Result<Server, String> {
        Server::start_timed(&self.binary, &self.library(), &self.log()).map(|(server, _)| server)
    }

    /// A bare server whose answers are as long as those of `get_prompt`.
    fn bare_server(&self, server: &Server) -> Result<Server, String> {
        Server::start_role(&Role::Bare { bytes: self.answer_bytes(server)? }, &self.log())
    }

    /// How long the answers of `get_prompt` are.
    fn answer_bytes(&self, server: &Server) -> Result<usize, String> {
        let cases = Revision::V2025.get_prompts(&self.texts[..20]);
        super::block_on(async {
            let mut connection =
                Connection::open(server.address).await.map_err(|error| error.to_string())?;
            let mut total = 0;
            for case in &*cases {
                total += connection.call(case).await?.body.len();
            }
            Ok(total / cases.len())
        })
    }
}

fn measure_start(bench: &Bench) -> Measured {
    let mut times = Vec::new();
    let mut memory = None;
    for _ in 0..STARTS {
        let (server, time) = Server::start_timed(&bench.binary, &bench.library(), &bench.log())?;
        times.push(time.as_secs_f64() * 1000.0);
        memory = server.memory();
    }
    let time = median(&mut times);
    let start = Row::new("start to the first `/health`", format!("{time:.1} ms"));
    let mut rows = vec![start.aim("< 50 ms", time < 50.0)];
    if let Some((now, _)) = memory {
        let row = Row::new("memory after the start", format!("{now:.1} MB"));
        rows.push(row.aim("< 25 MB", now < 25.0));
    }
    Ok(rows)
}

fn measure_reads(bench: &Bench) -> Measured {
    let server = bench.server()?;
    let mut rows = Vec::new();
    let mut series = |what: &str, cases: Arc<[Case]>, aim: f64| -> Result<(), String> {
        let outcome = run(server.address, 1, &cases, Amount::EachOnce).without_failure()?;
        let met = outcome.percentile(90) < aim;
        let row = Row::new(what, latencies(&outcome));
        rows.push(row.aim(&format!("p90 < {aim} ms"), met));
        Ok(())
    };
    let common: Vec<&str> = "the and to write review explain of a".split(' ').collect();
    let mut author = Author::new(2);
    let search = |queries: Vec<String>| -> Arc<[Case]> {
        let case = |(id, query): (usize, &String)| {
            let arguments = json!({ "query": query });
            Revision::V2025.tool(id, "list_prompts", &arguments, vec!["\"prompts\":[{".to_owned()])
        };
        queries.iter().enumerate().map(case).collect()
    };
    let rare = (0..SERIES).map(|_| author.rare_word().to_owned()).collect();
    series("search, a rare word", search(rare), 5.0)?;
    let single = |number: usize| common[number % common.len()].to_owned();
    series(
        "search, a word of nearly every prompt",
        search((0..SERIES).map(single).collect()),
        5.0,
    )?;
    let pair = |number: usize| {
        format!("{} {}", common[number % common.len()], common[(number / 8 + number + 1) % 8])
    };
    series("search, two such words", search((0..SERIES).map(pair).collect()), 5.0)?;
    let mixed = (0..SERIES).map(|_| format!("{} {}", author.word().to_owned(), author.word()));
    series("search, two words as they come in texts", search(mixed.collect()), 5.0)?;
    let name = |number: usize| bench.texts[number * 37 % PROMPTS].name.clone();
    series("search, a name", search((0..SERIES).map(name).collect()), 5.0)?;
    let prefix = |number: usize| name(number).chars().take(2 + number % 3).collect();
    series("search, 2 to 4 first letters", search((0..SERIES).map(prefix).collect()), 5.0)?;
    let list = |id| {
        let expected = vec!["\"next_cursor\"".to_owned()];
        Revision::V2025.tool(id, "list_prompts", &json!({ "limit": 20 }), expected)
    };
    series("`list_prompts`, a page of 20", (0..SERIES).map(list).collect(), 5.0)?;
    let pages = Revision::V2025.prompt_pages(&bench.texts, SERIES);
    series("`prompts/list`, a page of 100", pages, 5.0)?;

    let outcome = super::block_on(harvest_often(&server))?.without_failure()?;
    let row = Row::new("`harvest_session`, 8 candidates", latencies(&outcome));
    rows.push(row.aim("p90 < 50 ms", outcome.percentile(90) < 50.0));
    Ok(rows)
}

/// Harvests again and again; the candidates are rejected in between, for the queue is bounded.
async fn harvest_often(server: &Server) -> Result<Outcome, String> {
    let mut author = Author::new(3);
    let mut connection =
        Connection::open(server.address).await.map_err(|error| error.to_string())?;
    let mut latencies = Vec::new();
    let started = Instant::now();
    for round in 0..HARVESTS {
        let texts: Vec<Text> = (0..8).map(|number| author.prompt(round * 8 + number)).collect();
        let case = requests::harvest(round, &texts);
        let sent = Instant::now();
        let answer = connection.call(&case).await?;
        latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        let answer: Value =
            serde_json::from_slice(answer.body).map_err(|error| error.to_string())?;
        let candidates = &answer["result"]["structuredContent"]["candidates"];
        for candidate in candidates.as_array().into_iter().flatten() {
            let id = candidate["candidate_id"].as_str().unwrap_or_default();
            let path = format!("/api/candidates/{id}");
            connection.call(&Case::bodiless("DELETE", &path, vec![])).await?;
        }
    }
    latencies.sort_unstable();
    Ok(Outcome { latencies, failures: vec![], elapsed: started.elapsed() })
}

/// What one kind of call brought over the rounds.
#[derive(Default)]
struct Rounds {
    per_second: Vec<f64>,
    shares: Vec<f64>,
    percentiles: [Vec<f64>; 3],
    requests: u32,
    processor_time: Option<Duration>,
}

impl Rounds {
    fn add(&mut self, outcome: &Outcome, bare_per_second: f64, processor_time: Option<Duration>) {
        self.per_second.push(outcome.per_second());
        self.shares.push(outcome.per_second() / bare_per_second);
        for (values, percent) in self.percentiles.iter_mut().zip([50, 90, 99]) {
            values.push(outcome.percentile(percent));
        }
        self.requests += u32::try_from(outcome.latencies.len()).unwrap_or(u32::MAX);
        self.processor_time =
            processor_time.map(|time| time + self.processor_time.unwrap_or_default());
    }

    fn share(&mut self) -> f64 {
        median(&mut self.shares)
    }

    /// Processor time of the server a request, in microseconds.
    fn cost(&self) -> Option<f64> {
        Some(self.processor_time?.as_secs_f64() * 1e6 / f64::from(self.requests))
    }

    /// In milliseconds.
    fn median_latency(&mut self) -> f64 {
        median(&mut self.percentiles[0])
    }

    fn result(&mut self) -> String {
        let per_second = median(&mut self.per_second);
        let [p50, p90, p99] = self.percentiles.each_mut().map(|values| median(values));
        let cost = self.cost().map(|cost| format!("; {cost:.0} µs of processor time"));
        let cost = cost.unwrap_or_default();
        format!("{per_second:.0}/s; p50 {p50:.2}, p90 {p90:.2}, p99 {p99:.2} ms{cost}")
    }

    /// A row that compares with the bare handler.
    fn row(&mut self, what: String, bare: &Rounds, aim: f64) -> Row {
        let share = self.share();
        let of_time = self.cost().zip(bare.cost()).map(|(cost, bare)| bare / cost);
        let of_time = of_time.map(|share| format!(" ({share:.2} by processor time)"));
        let of_time = of_time.unwrap_or_default();
        let result = format!("{}; {share:.2} of bare{of_time}", self.result());
        Row::new(what, result).aim(&format!("{aim} of bare"), share >= aim)
    }
}

/// Sends each kind of call in turn over [`CONNECTIONS`], for [`ROUNDS`] times `round`. Shares are of
/// the first kind.
fn take_turns<const N: usize>(
    kinds: &[(&Server, Arc<[Case]>); N],
    round: Duration,
) -> Result<[Rounds; N], String> {
    for (server, cases) in kinds {
        run(server.address, CONNECTIONS, cases, Amount::For(round / 3)).without_failure()?;
    }
    let mut rounds: [Rounds; N] = std::array::from_fn(|_| Rounds::default());
    for _ in 0..ROUNDS {
        let mut first_per_second = None;
        for ((server, cases), rounds) in kinds.iter().zip(&mut rounds) {
            let before = server.processor_time();
            let outcome = run(server.address, CONNECTIONS, cases, Amount::For(round));
            let outcome = outcome.without_failure()?;
            let spent = server
                .processor_time()
                .zip(before)
                .map(|(after, before)| after.saturating_sub(before));
            let per_second = outcome.per_second();
            rounds.add(&outcome, *first_per_second.get_or_insert(per_second), spent);
        }
    }
    Ok(rounds)
}

fn measure_calls(bench: &Bench) -> Measured {
    let server = bench.server()?;
    let bare = bench.bare_server(&server)?;
    let bare_cases = requests::bare_calls(&bench.texts);
    let [old, new] = Revision::ALL.map(|revision| revision.get_prompts(&bench.texts));
    let kinds: [(&Server, Arc<[Case]>); 4] = [
        (&bare, bare_cases),
        (&server, old),
        (&server, new),
        (&server, Revision::V2025.health_checks()),
    ];
    let [mut bare, mut old, mut new, mut health] = take_turns(&kinds, ROUND)?;
    let mut rows = vec![Row::new("bare axum handler, 64 connections", bare.result())];
    let what = |revision: Revision| format!("`get_prompt`, 64 connections, {}", revision.as_str());
    rows.push(old.row(what(Revision::V2025), &bare, 0.6));
    rows.push(new.row(what(Revision::V2026), &bare, 0.6));
    let what = "`health_check`, 64 connections, 2025-11-25".to_owned();
    rows.push(health.row(what, &bare, 0.7));
    if let Some((_, peak)) = server.memory() {
        rows.push(Row::new("memory at 64 connections, at most", format!("{peak:.1} MB")));
    }
    Ok(rows)
}

fn measure_crowd(bench: &Bench) -> Measured {
    let server = bench.server()?;
    let bare = bench.bare_server(&server)?;
    let time = Amount::For(ROUND * 3);
    let bare_outcome = run(bare.address, CROWD, &requests::bare_calls(&bench.texts), time);
    let what = format!("bare axum handler, {CROWD} connections");
    let result = format!("{:.0}/s; {}", bare_outcome.per_second(), latencies(&bare_outcome));
    let mut rows = vec![Row::new(what, result)];
    for revision in Revision::ALL {
        let outcome = run(server.address, CROWD, &revision.get_prompts(&bench.texts), time);
        let outcome = outcome.without_failure()?;
        let (per_second, p90) = (outcome.per_second(), outcome.percentile(90));
        let share = per_second / bare_outcome.per_second();
        let what = format!("`get_prompt`, {CROWD} connections, {}", revision.as_str());
        let result =
            format!("{per_second:.0}/s; {}; no failure; {share:.2} of bare", latencies(&outcome));
        rows.push(Row::new(what, result).aim("p90 < 200 ms", p90 < 200.0));
    }
    if let Some((_, peak)) = server.memory() {
        let what = format!("memory at {CROWD} connections, at most");
        rows.push(Row::new(what, format!("{peak:.1} MB")));
    }
    Ok(rows)
}

fn measure_streams(bench: &Bench) -> Measured {
    let server = bench.server()?;
    let before = server.memory();
    let open = Case::bodiless("GET", "/sse", vec![]);
    super::block_on(async {
        let mut streams = Vec::new();
        for _ in 0..STREAMS {
            let open_one = async {
                let mut stream = Connection::open(server.address).await?;
                stream.open_stream(&open, b"sessionId=").await?;
                Ok::<_, std::io::Error>(stream)
            };
            streams.push(open_one.await.map_err(|error| format!("/sse: {error}"))?);
        }
        let more = server.memory().zip(before).map(|((after, _), (before, _))| after - before);
        let row = more.map(|more| {
            let what = format!("memory for {STREAMS} idle `/sse` streams");
            Row::new(what, format!("{more:.1} MB more")).aim("< 40 MB more", more < 40.0)
        });
        Ok(row.into_iter().collect())
    })
}

fn measure_saves(bench: &Bench) -> Measured {
    let server = bench.server()?;
    let mut author = Author::new(4);
    let mut rows = Vec::new();
    let mut first = PROMPTS;
    for (connections, count) in [(1, SAVES), (CONNECTIONS, SAVES_AT_ONCE)] {
        let texts: Vec<Text> = (first..first + count).map(|number| author.prompt(number)).collect();
        first += count;
        let outcome = run(server.address, connections, &requests::saves(&texts), Amount::EachOnce);
        let outcome = outcome.without_failure()?;
        let what = match connections {
            1 => "`save_prompt`, one after the other".to_owned(),
            many => format!("`save_prompt`, {many} connections"),
        };
        let result = format!("{:.0}/s; {}", outcome.per_second(), latencies(&outcome));
        rows.push(Row::new(what, result));
    }
    Ok(rows)
}

fn latencies(outcome: &Outcome) -> String {
    let [p50, p90, p99] = [50, 90, 99].map(|percent| outcome.percentile(percent));
    format!("p50 {p50:.2}, p90 {p90:.2}, p99 {p99:.2} ms")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
