//! Whether a server keeps what it should have let go.

use std::time::Duration;

use tokio::time::{Instant, interval};

use crate::servers::Server;

/// What a server may take more at the end than once it was warm: this share and so many MB.
const SHARE: f64 = 1.1;
const MORE: f64 = 4.0;
const SAMPLE_EVERY: Duration = Duration::from_millis(200);
/// A server that was watched for a shorter time is still getting warm.
const JUDGED_FROM: Duration = Duration::from_mins(1);

/// Resident memory over time, in MB.
#[derive(Default)]
pub(super) struct Memory(Vec<f64>);

impl Memory {
    /// Samples until `end`.
    pub(super) async fn watch(&mut self, server: &Server, end: Instant) {
        let mut ticks = interval(SAMPLE_EVERY);
        while ticks.tick().await < end {
            self.0.extend(server.memory().map(|(now, _)| now));
        }
    }

    /// The level in the first half, after a third of it for warming up, and in the second half.
    fn levels(&self) -> Option<(f64, f64)> {
        let (first, second) = self.0.split_at(self.0.len() / 2);
        Some((median(first.get(first.len() / 3..)?)?, median(second)?))
    }

    /// How it went, if it stayed flat.
    pub(super) fn verdict(&self) -> Result<String, String> {
        let Some((first, second)) = self.levels() else {
            return Ok("not told by this system".into());
        };
        let told = format!("{first:.1} MB in the first half, {second:.1} MB in the second");
        let watched = SAMPLE_EVERY * u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        if watched < JUDGED_FROM {
            return Ok(format!("{told}; too short to judge"));
        }
        if second <= first * SHARE + MORE { Ok(told) } else { Err(format!("memory grows: {told}")) }
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
