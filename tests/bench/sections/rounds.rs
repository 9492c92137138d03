//! Loads that take turns on several servers, and what each kind of call brought over the rounds.

use std::sync::Arc;
use std::time::Duration;

use super::{Row, median};
use crate::client::{Amount, Case, Outcome, run};
use crate::servers::Server;

/// What one load brought.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    /// The latencies in milliseconds that 50, 90 and 99 % of the answers stayed within.
    pub(crate) percentiles: [f64; 3],
    pub(crate) requests: u32,
}

impl From<Outcome> for Load {
    fn from(outcome: Outcome) -> Self {
        Self {
            per_second: outcome.per_second(),
            percentiles: [50, 90, 99].map(|percent| outcome.percentile(percent)),
            requests: u32::try_from(outcome.latencies.len()).unwrap_or(u32::MAX),
        }
    }
}

/// A kind of call to one server, and its loads.
pub(super) struct Kind<'a> {
    server: &'a Server,
    cases: Arc<[Case]>,
    loads: Vec<Load>,
    processor_time: Option<Duration>,
}

impl<'a> Kind<'a> {
    pub(super) fn new(server: &'a Server, cases: Arc<[Case]>) -> Self {
        Self { server, cases, loads: Vec::new(), processor_time: None }
    }

    /// Asks for so many answers, each of which must be right; this warms the server up, too.
    pub(super) fn check(&self, answers: usize, connections: usize) -> Result<(), String> {
        let cases: Arc<[Case]> = self.cases.iter().take(answers).cloned().collect();
        let outcome = run(self.server.address, connections, &cases, Amount::EachOnce);
        outcome.without_failure().map(|_| ())
    }

    /// Loads the server once.
    fn load(
        &mut self,
        load: &impl Fn(&Server, &Arc<[Case]>) -> Result<Load, String>,
    ) -> Result<(), String> {
        let before = self.server.processor_time();
        self.loads.push(load(self.server, &self.cases)?);
        let spent = self.server.processor_time().zip(before);
        let spent = spent.map(|(after, before)| after.saturating_sub(before));
        self.processor_time = spent.map(|spent| spent + self.processor_time.unwrap_or_default());
        Ok(())
    }

    fn of_loads(&self, value: impl Fn(&Load) -> f64) -> f64 {
        median(&mut self.loads.iter().map(value).collect::<Vec<_>>())
    }

    /// The median of the rounds in milliseconds, by the index in [`Load::percentiles`].
    pub(super) fn percentile(&self, index: usize) -> f64 {
        self.of_loads(|load| load.percentiles[index])
    }

    /// Processor time of the server a request, in microseconds.
    pub(super) fn cost(&self) -> Option<f64> {
        let requests: f64 = self.loads.iter().map(|load| f64::from(load.requests)).sum();
        Some(self.processor_time?.as_secs_f64() * 1e6 / requests)
    }

    /// How much of the other's throughput this is, by the median of the rounds.
    pub(super) fn share(&self, bare: &Self) -> f64 {
        let rounds = self.loads.iter().zip(&bare.loads);
        median(&mut rounds.map(|(own, bare)| own.per_second / bare.per_second).collect::<Vec<_>>())
    }

    pub(super) fn result(&self) -> String {
        let per_second = self.of_loads(|load| load.per_second);
        let [p50, p90, p99] = [0, 1, 2].map(|index| self.percentile(index));
        let cost = self.cost().map(|cost| format!("; {cost:.0} µs of processor time"));
        let cost = cost.unwrap_or_default();
        format!("{per_second:.0}/s; p50 {p50:.2}, p90 {p90:.2}, p99 {p99:.2} ms{cost}")
    }

    /// The result beside that of the bare handler.
    pub(super) fn row(&self, what: String, bare: &Self) -> Row {
        let of_time = bare.cost().zip(self.cost()).map(|(bare, own)| bare / own);
        let of_time = of_time.map(|share| format!(" ({share:.2} by processor time)"));
        let (result, share) = (self.result(), self.share(bare));
        Row::new(what, format!("{result}; {share:.2} of bare{}", of_time.unwrap_or_default()))
    }
}

/// Loads each kind in turn, so many times.
pub(super) fn take_turns(
    kinds: &mut [Kind<'_>],
    rounds: usize,
    load: impl Fn(&Server, &Arc<[Case]>) -> Result<Load, String>,
) -> Result<(), String> {
    for _ in 0..rounds {
        for kind in &mut *kinds {
            kind.load(&load)?;
        }
    }
    Ok(())
}
