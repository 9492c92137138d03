//! What is measured, section by section, and the rows that it gives.

mod convex;
mod imports;
mod matrix;
mod meaning;
mod rounds;
mod terminal;
mod tokens;
mod vectors;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use promptdb::domain::SystemClock;
use promptdb::domain::identity::{LibraryId, UserId};
use promptdb::domain::prompt::PromptId;
use promptdb::store::sqlite::SqliteStore;
use promptdb::store::{NewPrompt, PromptStore, WriteContext};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::client::{Amount, Case, Connection, Outcome, run};
use super::requests::{self, Revision};
use super::servers::issuer::Issuer;
use super::servers::{Role, Server};
use super::texts::{self, Author, Text};

pub(crate) use self::rounds::Load;

type Measured = Result<Vec<Row>, String>;
type Section = (&'static str, fn(&Bench) -> Measured);

/// The sections in their order: what changes the library comes last.
pub(crate) const ALL: [Section; 11] = [
    ("start", measure_start),
    ("terminal", terminal::measure),
    ("reads", measure_reads),
    ("matrix", matrix::measure),
    ("meaning", meaning::measure),
    ("streams", measure_streams),
    ("convex", convex::measure),
    ("tokens", tokens::measure),
    ("vectors", vectors::measure),
    ("imports", imports::measure),
    ("saves", measure_saves),
];

const PROMPTS: usize = 10_000;
const CONNECTIONS: usize = 64;
const CROWD: usize = 2000;
const STREAMS: usize = 1000;
/// Number of streams of one user, as many as the free plan has.
const STREAMS_OF_USER: usize = 16;
/// How often bare and real server take turns; the medians of the rounds are shown.
const ROUNDS: usize = 5;
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
                let new = NewPrompt {
                    id: PromptId::random(),
                    name,
                    body,
                    favorite: false,
                    embedding: None,
                };
                let store = Arc::clone(&store);
                let library = LibraryId::of_user(&UserId::local());
                saves.spawn(async move {
                    let client = "bench".to_owned();
                    let write = WriteContext { client, ..WriteContext::default() };
                    store.create_prompt(&library, new, &write).await.map(|_| ())
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
        self.server_with(&[])
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
    let [start, memory] = starts(bench, &bench.library(), &[])?;
    let row = Row::new("start to the first `/health`", format!("{start:.1} ms"));
    let mut rows = vec![row.aim("< 50 ms", start < 50.0)];
    if memory > 0.0 {
        let row = Row::new("memory after the start", format!("{memory:.1} MB"));
        rows.push(row.aim("< 25 MB", memory < 25.0));
    }
    Ok(rows)
}

/// Starts a server again and again. Returns the median of the times to its first answer, in milliseconds,
/// and the resident memory then, in MB; 0 where it is unknown.
fn starts(bench: &Bench, library: &Path, settings: &[(&str, &str)]) -> Result<[f64; 2], String> {
    let mut times = Vec::new();
    let mut memory = 0.0;
    for _ in 0..STARTS {
        let started = Server::start_timed(&bench.binary, library, &bench.log(), settings)?;
        let (server, time) = started;
        times.push(time.as_secs_f64() * 1000.0);
        memory = server.memory().map_or(0.0, |(now, _)| now);
    }
    Ok([median(&mut times), memory])
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

fn measure_streams(bench: &Bench) -> Measured {
    let issuer = Issuer::start()?;
    let server = bench.server_with(&issuer.settings())?;
    let public_url = format!("http://localhost:{}", server.address.port());
    // Each user has a plan's number of streams.
    let cases: Vec<Case> = (0..STREAMS)
        .step_by(STREAMS_OF_USER)
        .map(|number| {
            let token = issuer.token(&public_url, &format!("user_01KSTREAM{number:018}"), number);
            let open = Case::bodiless("GET", "/sse", vec![]);
            open.with_header("Authorization", &format!("Bearer {token}"))
        })
        .collect();
    let before = server.memory();
    super::block_on(async {
        let mut streams = Vec::new();
        for number in 0..STREAMS {
            let open_one = async {
                let mut stream = Connection::open(server.address).await?;
                stream.open_stream(&cases[number / STREAMS_OF_USER], b"sessionId=").await?;
                Ok::<_, std::io::Error>(stream)
            };
            streams.push(open_one.await.map_err(|error| format!("/sse: {error}"))?);
        }
        let more = server.memory().zip(before).map(|((after, _), (before, _))| after - before);
        let row = more.map(|more| {
            let users = STREAMS.div_ceil(STREAMS_OF_USER);
            let what = format!("memory for {STREAMS} idle `/sse` streams of {users} users");
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
