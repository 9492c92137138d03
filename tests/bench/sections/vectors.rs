//! What search by meaning costs: queries in libraries of two sizes, saves, and the embedding of a library.
//! Needs the model at `MODEL_PATH`, or where `make model` puts it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use promptdb::domain::SystemClock;
use promptdb::domain::identity::{LibraryId, UserId};
use promptdb::domain::prompt::PromptId;
use promptdb::domain::vector::{DIMENSIONS, Embedding, Vector};
use promptdb::library::Library;
use promptdb::meaning::Encoder;
use promptdb::store::sqlite::SqliteStore;
use promptdb::store::{NewPrompt, PromptStore, WriteContext};
use serde_json::json;
use tokio::task::JoinSet;

use super::{Bench, Measured, ROUNDS, Row, SAVES, SERIES, latencies, median, starts};
use crate::client::{Amount, Case, run};
use crate::requests::{self, Revision};
use crate::servers::Server;
use crate::texts::{self, Author, Random, Text};

/// Numbers of prompts, and the aim of the 90th percentile of a query in milliseconds.
const LIBRARIES: [(usize, f64); 2] = [(10_000, 10.0), (100_000, 40.0)];
/// Number of prompts that are embedded, and the aim of how many a second: 10,000 in 5 minutes.
const EMBEDDED: usize = 300;
const EMBEDDED_PER_SECOND: f64 = 10_000.0 / 300.0;

pub(super) fn measure(bench: &Bench) -> Measured {
    let Some(model) = find_model() else {
        return Ok(vec![Row::new("search by meaning", "no model: run `make model`")]);
    };
    let encoder = Arc::new(Encoder::open(&model).map_err(|error| error.to_string())?);
    let mut rows = Vec::new();
    for (prompts, aim) in LIBRARIES {
        let file = bench.folder.path().join(format!("meaning-{prompts}.db"));
        let texts = texts::library(prompts);
        eprintln!("filling a library with {prompts} prompts and their vectors");
        crate::block_on(fill(&file, &texts, Some(&encoder)))?;
        rows.extend(measure_library(bench, &model, &file, &texts, aim)?);
    }
    let file = bench.folder.path().join("unembedded.db");
    let texts = texts::library(EMBEDDED);
    crate::block_on(fill(&file, &texts, None))?;
    rows.push(crate::block_on(measure_embedding(&file, encoder))?);
    Ok(rows)
}

#[expect(clippy::disallowed_methods, reason = "the bench has no settings of its own")]
fn find_model() -> Option<PathBuf> {
    let given = std::env::var_os("MODEL_PATH").map(PathBuf::from);
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/model/meaning.bin");
    Some(given.unwrap_or(made)).filter(|path| path.is_file())
}

fn measure_library(bench: &Bench, model: &Path, file: &Path, texts: &[Text], aim: f64) -> Measured {
    let size = texts.len();
    let path = model.to_str().ok_or("the path of the model is no text")?;
    let settings = [("MODEL_PATH", path)];
    let mut rows = Vec::new();
    let [start, memory] = starts(bench, file, &settings)?;
    let row = Row::new(format!("start with the model, {size} prompts"), format!("{start:.1} ms"));
    rows.push(row.aim("< 100 ms", start < 100.0));
    if memory > 0.0 {
        let row = Row::new("memory after it", format!("{memory:.1} MB"));
        rows.push(row.aim("< 35 MB", memory < 35.0));
    }
    let server = Server::start(&bench.binary, file, &bench.log(), &settings)?;
    rows.extend(measure_searches(&server, size, aim)?);
    let by_words = Server::start(&bench.binary, file, &bench.log(), &[])?;
    rows.push(compare_reads(&server, &by_words, texts)?);
    rows.push(compare_saves(&server, &by_words, size)?);
    Ok(rows)
}

fn measure_searches(server: &Server, size: usize, aim: f64) -> Measured {
    let mut author = Author::new(5);
    let search = |id| {
        let arguments =
            json!({ "query": format!("{} {}", author.word().to_owned(), author.word()) });
        Revision::V2025.tool(id, "list_prompts", &arguments, vec!["\"prompts\":[{".to_owned()])
    };
    let searches: Arc<[Case]> = (0..SERIES).map(search).collect();
    let mut rows = Vec::new();
    let outcome = run(server.address, 1, &searches, Amount::EachOnce).without_failure()?;
    let met = outcome.percentile(90) < aim;
    let row = Row::new(format!("search by meaning, {size} prompts"), latencies(&outcome));
    rows.push(row.aim(&format!("p90 < {aim} ms"), met));
    if let Some((now, _)) = server.memory() {
        let row =
            Row::new(format!("memory after searches, {size} prompts"), format!("{now:.1} MB"));
        rows.push(if size == LIBRARIES[0].0 { row.aim("< 80 MB", now < 80.0) } else { row });
    }
    Ok(rows)
}

/// Reads prompts by their names, from a server with the model and one without it by turns.
fn compare_reads(with: &Server, without: &Server, texts: &[Text]) -> Result<Row, String> {
    let cases = Revision::V2025.get_prompts(&texts[..SERIES]);
    let mut medians = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (server, medians) in [with, without].into_iter().zip(&mut medians) {
            let outcome = run(server.address, 1, &cases, Amount::EachOnce).without_failure()?;
            medians.push(outcome.percentile(50));
        }
    }
    let [with, without] = medians.map(|mut of_rounds| median(&mut of_rounds));
    let row = Row::new(
        format!("`get_prompt` by name with the model, {} prompts", texts.len()),
        format!("p50 {with:.3} ms; {without:.3} without it"),
    );
    Ok(row.aim("1.1 of that", with <= 1.1 * without))
}

/// Saves prompts with their vectors, and then as many without, on a server that has no model: the other
/// one would embed them meanwhile.
fn compare_saves(with: &Server, without: &Server, size: usize) -> Result<Row, String> {
    let mut author = Author::new(6);
    let mut first = size;
    let mut save = |server: &Server| {
        let saved: Vec<Text> = (first..first + SAVES).map(|number| author.prompt(number)).collect();
        first += SAVES;
        run(server.address, 1, &requests::saves(&saved), Amount::EachOnce).without_failure()
    };
    let (with, without) = (save(with)?, save(without)?);
    let row = Row::new(
        format!("`save_prompt` with its vector, {size} prompts"),
        format!(
            "{}; {:.2} ms more than without",
            latencies(&with),
            with.percentile(50) - without.percentile(50)
        ),
    );
    let more = with.percentile(50) - 1.1 * without.percentile(50);
    Ok(row.aim("a vector (30 ms) and a tenth more", more < 30.0))
}

/// Fills a library; with a model, each prompt has a vector of it that means nothing.
async fn fill(file: &Path, texts: &[Text], encoder: Option<&Arc<Encoder>>) -> Result<(), String> {
    let store = Arc::new(open(file)?);
    let mut random = Random::new(7);
    for texts in texts.chunks(500) {
        let mut saves = JoinSet::new();
        for text in texts {
            let (name, body) = text.draft().into_new().map_err(|error| error.to_string())?;
            let embedding = encoder.map(|encoder| Embedding {
                model: encoder.model_id().clone(),
                vector: random_vector(&mut random),
            });
            let id = PromptId::random();
            let new = NewPrompt { id, name, body, favorite: false, embedding };
            let store = Arc::clone(&store);
            saves.spawn(async move {
                let write = WriteContext { client: "bench".to_owned(), ..WriteContext::default() };
                let library = LibraryId::of_user(&UserId::local());
                store.create_prompt(&library, new, &write).await.map(|_| ())
            });
        }
        for saved in saves.join_all().await {
            saved.map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

fn random_vector(random: &mut Random) -> Vector {
    let bytes: Vec<u8> =
        (0..DIMENSIONS).map(|_| u8::try_from(random.below(128)).unwrap_or_default()).collect();
    Vector::from_bytes(&bytes).expect("every byte is a component")
}

fn open(file: &Path) -> Result<SqliteStore, String> {
    let wait = Duration::from_mins(1);
    SqliteStore::open(file, wait, Arc::new(SystemClock)).map_err(|error| error.to_string())
}

async fn measure_embedding(file: &Path, encoder: Arc<Encoder>) -> Result<Row, String> {
    let library = Library::new(Arc::new(open(file)?), Arc::new(SystemClock));
    let library = library.with_encoder(Some(encoder));
    let started = Instant::now();
    let embedded = library.embed_missing().await;
    embedded.map_err(|error| error.to_string())?;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let rate = EMBEDDED as f64 / started.elapsed().as_secs_f64();
    let row = Row::new("embedding of prompts in the background", format!("{rate:.0}/s"));
    Ok(row.aim("10,000 within 5 minutes", rate >= EMBEDDED_PER_SECOND))
}
