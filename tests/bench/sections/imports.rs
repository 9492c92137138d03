//! How long `promptdb import` takes, and what it holds meanwhile.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::servers::read_memory;
use super::super::texts;
use super::{Bench, Measured, PROMPTS, Row};

/// How many times as many prompts the second file has.
const FACTOR: usize = 4;
/// The time between two looks at the memory.
const PAUSE: Duration = Duration::from_millis(5);

/// What an import took.
struct Taken {
    seconds: f64,
    /// The most that was resident.
    megabytes: f64,
}

pub(super) fn measure(bench: &Bench) -> Measured {
    let few = import(bench, PROMPTS)?;
    let many = import(bench, FACTOR * PROMPTS)?;
    let ratio = many.megabytes / few.megabytes;
    let result = format!(
        "{:.1} s, {:.0} MB; {} of them: {:.1} s, {:.0} MB",
        few.seconds,
        few.megabytes,
        FACTOR * PROMPTS,
        many.seconds,
        many.megabytes,
    );
    let aim = "< 10 s, memory of four times as many < 1.5 times";
    let row = Row::new(format!("`promptdb import`, {PROMPTS} prompts of 1.5 KB as CSV"), result);
    Ok(vec![row.aim(aim, few.seconds < 10.0 && ratio < 1.5)])
}

fn import(bench: &Bench, count: usize) -> Result<Taken, String> {
    let file = bench.folder.path().join(format!("import-{count}.csv"));
    let library = bench.folder.path().join(format!("import-{count}.db"));
    write_table(&file, count).map_err(|error| error.to_string())?;
    let begun = Instant::now();
    let mut import = Command::new(&bench.binary)
        .arg("--database-path")
        .arg(&library)
        .arg("import")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut megabytes = 0.0;
    let status = loop {
        // The last look is the one before the end; the peak only rises.
        megabytes = read_memory(import.id()).map_or(megabytes, |(_, peak)| peak);
        if let Some(status) = import.try_wait().map_err(|error| error.to_string())? {
            break status;
        }
        std::thread::sleep(PAUSE);
    };
    let seconds = begun.elapsed().as_secs_f64();
    if status.success() { Ok(Taken { seconds, megabytes }) } else { Err(status.to_string()) }
}

fn write_table(file: &Path, count: usize) -> Result<(), csv::Error> {
    let mut table = csv::Writer::from_path(file)?;
    table.write_record(["act", "prompt", "description", "tags"])?;
    for text in texts::library(count) {
        let tags = text.tags.join(", ");
        table.write_record([&text.name, &text.content, &text.description, &tags])?;
    }
    table.flush()?;
    Ok(())
}
