//! The embedding model: its start, its vectors, and the search among them, on one core.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use promptdb::domain::vector::{DIMENSIONS, Matrix, Vector};
use promptdb::meaning::Encoder;

use super::{Bench, Measured, PROMPTS, Row, median};

/// How often each thing is measured; the median is shown.
const ROUNDS: usize = 101;
const QUERY: &str = "help me plan a week of meals";
/// The length of a prompt's text that its vector is made of.
const TEXT_CHARS: usize = 400;
const NEAREST: usize = 50;

pub(super) fn measure(bench: &Bench) -> Measured {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/model/meaning.bin");
    let open = || Encoder::open(&model).map_err(|error| format!("{}: {error}", model.display()));
    let encoder = open()?;
    let text: String =
        bench.texts.iter().flat_map(|text| text.content.chars()).take(TEXT_CHARS).collect();
    let embed = |text: &str| encoder.embed_query(text).map_err(|error| error.to_string());
    let query = embed(QUERY)?;
    let mut matrix = Matrix::with_capacity(PROMPTS);
    (0..PROMPTS).for_each(|row| matrix.push(&turned(&query, row)));

    Ok(vec![
        row("opening the model", 10.0, || open().map(drop))?,
        row("the vector of a query", 3.0, || embed(black_box(QUERY)).map(drop))?,
        row("the vector of 400 characters", 30.0, || embed(black_box(&text)).map(drop))?,
        row("the 50 nearest of 10,000 vectors", 3.0, || {
            black_box(matrix.nearest(black_box(&query), NEAREST, |_| true));
            Ok(())
        })?,
    ])
}

/// Returns a vector with the same components in other places.
fn turned(vector: &Vector, by: usize) -> Vector {
    let mut components = vector.to_components();
    components.rotate_left(by % DIMENSIONS);
    Vector::quantise(&components)
}

/// Measures one thing. The aim is in milliseconds.
fn row(what: &str, aim: f64, mut step: impl FnMut() -> Result<(), String>) -> Result<Row, String> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        step()?;
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    let median = median(&mut times);
    let row = Row::new(what, format!("{median:.2} ms"));
    Ok(row.aim(&format!("< {aim} ms"), median < aim))
}
