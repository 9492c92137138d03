//! Everything that runs beside requests: started in one place, stopped by one tracker, and seen in
//! the metrics.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::auth::Authenticator;
use crate::billing::Billing;
use crate::error::{Cause, chain};
use crate::http::exposition::Exposition;
use crate::library::Library;
use crate::telemetry::metrics::JOB_RUNS;

/// The time between two purges; half of what is left of a minute after [`SETTLE`] and a run.
const PURGE_EVERY: Duration = Duration::from_secs(20);
/// The time from a notification to the run that follows it.
const SETTLE: Duration = Duration::from_secs(5);

/// The time between two looks for writes of other processes. Clients are notified within 5 s; on
/// Convex each look is a call that is billed.
const LOOK_EVERY: Duration = Duration::from_secs(4);

/// The time between two looks for prompts without a vector, which other processes write. Where there are
/// none a look takes less than a millisecond.
const EMBED_EVERY: Duration = Duration::from_mins(1);

type Run = Pin<Box<dyn Future<Output = Result<(), Cause>> + Send>>;

/// Work that is repeated for as long as the process runs.
pub struct Job {
    /// Its name in the log and in the metrics.
    name: &'static str,
    /// The time between two runs. The first one is at the start.
    every: Duration,
    /// Whether it runs once more at the stop, for what would be lost otherwise.
    runs_at_stop: bool,
    /// Whether the stop ends a run in progress, which the next process then does anew.
    ends_at_stop: bool,
    /// Notified when there is work before the next tick.
    wake: Option<Arc<Notify>>,
    run: Box<dyn Fn() -> Run + Send + Sync>,
}

impl Job {
    fn new<F>(
        name: &'static str,
        every: Duration,
        run: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), Cause>> + Send + 'static,
    {
        let run = Box::new(move || Box::pin(run()) as Run);
        Self { name, every, runs_at_stop: false, ends_at_stop: false, wake: None, run }
    }

    fn also_at_stop(self) -> Self {
        Self { runs_at_stop: true, ..self }
    }

    /// Lets the stop end a run between any two of its steps.
    fn ending_at_stop(self) -> Self {
        Self { ends_at_stop: true, ..self }
    }

    fn also_after(self, wake: Arc<Notify>) -> Self {
        Self { wake: Some(wake), ..self }
    }

    /// Returns [`SETTLE`] after a notification, so that one run does the work of several.
    async fn is_woken(&self) {
        match &self.wake {
            Some(wake) => {
                wake.notified().await;
                tokio::time::sleep(SETTLE).await;
                // The run sees the work of the notifications since then.
                let _ = wake.notified().now_or_never();
            }
            None => std::future::pending().await,
        }
    }

    /// Runs once. A failure or a panic ends this run alone.
    async fn run_once(&self) {
        let started = Instant::now();
        let outcome = match AssertUnwindSafe((self.run)()).catch_unwind().await {
            Ok(Ok(())) => "ok",
            Ok(Err(error)) => {
                tracing::warn!(error = %chain(&*error), "a job failed; it runs again");
                "failed"
            }
            // The panic hook has logged it.
            Err(_) => "panicked",
        };
        JOB_RUNS.record([self.name, outcome, ""], started.elapsed());
    }

    /// Runs once, until the stop if it may end this run.
    async fn run_until(&self, stop: &CancellationToken) {
        if self.ends_at_stop {
            // What is dropped here is neither a success nor a failure.
            let _ = stop.run_until_cancelled(self.run_once()).await;
        } else {
            self.run_once().await;
        }
    }

    /// Runs at the start and then at every tick until `stop` is cancelled. A run in progress comes to its
    /// end, unless the stop [ends](Self::ending_at_stop) it.
    async fn repeat(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = ticks.tick() => self.run_until(&stop).await,
                () = self.is_woken() => self.run_until(&stop).await,
            }
        }
        if self.runs_at_stop {
            self.run_once().await;
        }
    }
}

/// The jobs of every process that holds a library.
pub fn library_jobs(library: &Arc<Library>) -> Vec<Job> {
    let (usage, clients, deleted) = (Arc::clone(library), Arc::clone(library), Arc::clone(library));
    let (watched, embedded) = (Arc::clone(library), Arc::clone(library));
    vec![
        Job::new("usage_flush", Duration::from_secs(10), move || {
            let library = Arc::clone(&usage);
            async move { Ok(library.flush_uses().await?) }
        })
        .also_at_stop(),
        Job::new("client_flush", Duration::from_secs(10), move || {
            let library = Arc::clone(&clients);
            async move { Ok(library.flush_clients().await?) }
        })
        .also_at_stop(),
        // What was removed for good leaves the store within a minute. Where a reader delayed that, or
        // another process removed it, the next run does it.
        Job::new("purge", PURGE_EVERY, move || {
            let library = Arc::clone(&deleted);
            async move { Ok(library.purge().await?) }
        })
        .also_after(library.removals()),
        Job::new("other_writers", LOOK_EVERY, move || {
            let library = Arc::clone(&watched);
            async move { Ok(library.find_other_writers().await?) }
        }),
        // The prompts of a large import take minutes.
        Job::new("embed", EMBED_EVERY, move || {
            let library = Arc::clone(&embedded);
            async move { Ok(library.embed_missing().await?) }
        })
        .also_after(library.unembedded())
        .ending_at_stop(),
    ]
}

/// The jobs of a server with sign-in.
pub fn sign_in_jobs(authenticator: &Arc<Authenticator>) -> Vec<Job> {
    let authenticator = Arc::clone(authenticator);
    vec![Job::new("key_refresh", Duration::from_mins(1), move || {
        let authenticator = Arc::clone(&authenticator);
        async move {
            authenticator.refresh_keys().await;
            Ok(())
        }
    })]
}

/// The time between two looks for customers whose state was not compared for a day.
const COMPARE_EVERY: Duration = Duration::from_mins(15);
/// The time between two looks for customers of erased users, beside those that are known to this process:
/// they are tried at once. On Convex each look is a call that is billed.
const ERASE_EVERY: Duration = Duration::from_mins(15);

/// The jobs of a server that sells subscriptions.
///
/// A run may wait for Stripe for minutes, and each of its steps can be repeated: the stop ends it.
pub fn billing_jobs(billing: &Arc<Billing>) -> Vec<Job> {
    let (compared, erased) = (Arc::clone(billing), Arc::clone(billing));
    vec![
        Job::new("billing_compare", COMPARE_EVERY, move || {
            let billing = Arc::clone(&compared);
            async move { Ok(billing.compare_customers().await?) }
        })
        .ending_at_stop(),
        Job::new("billing_erase", ERASE_EVERY, move || {
            let billing = Arc::clone(&erased);
            async move { Ok(billing.erase_customers().await?) }
        })
        .also_after(billing.deletions())
        .ending_at_stop(),
    ]
}

/// The job of a process that records metrics.
pub fn metrics_job(exposition: &Arc<Exposition>) -> Job {
    let exposition = Arc::clone(exposition);
    Job::new("metrics_upkeep", Duration::from_secs(5), move || {
        let exposition = Arc::clone(&exposition);
        async move {
            exposition.run_upkeep();
            Ok(())
        }
    })
}

/// The jobs that run, until they are [stopped](Self::stop).
#[must_use]
pub struct Jobs {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Jobs {
    /// Starts jobs. Must be called inside a tokio runtime.
    pub fn start(jobs: impl IntoIterator<Item = Job>) -> Self {
        let (tracker, stop) = (TaskTracker::new(), CancellationToken::new());
        for job in jobs {
            let span = tracing::info_span!("job", job = job.name);
            tracker.spawn(job.repeat(stop.clone()).instrument(span));
        }
        Self { tracker, stop }
    }

    /// Adds blocking work that ends by itself.
    pub fn add_blocking(&self, work: impl FnOnce() + Send + 'static) {
        self.tracker.spawn_blocking(work);
    }

    /// Adds work that ends once its token is cancelled.
    pub fn add<F>(&self, work: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.tracker.spawn(work(self.stop.clone()));
    }

    /// Stops all jobs, and waits for the runs in progress and the last ones.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn counted(runs: &Arc<AtomicUsize>, outcome: fn() -> Result<(), Cause>) -> Job {
        let runs = Arc::clone(runs);
        Job::new("test", Duration::from_secs(10), move || {
            runs.fetch_add(1, Ordering::SeqCst);
            async move { outcome() }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_goes_on_after_a_failure_and_after_a_panic() {
        for outcome in [|| Err("a test's own".into()), || panic!("a test's own")] {
            let runs = Arc::new(AtomicUsize::new(0));
            let jobs = Jobs::start([counted(&runs, outcome)]);
            tokio::time::sleep(Duration::from_secs(25)).await;
            assert_eq!(runs.load(Ordering::SeqCst), 3);
            jobs.stop().await;
            assert_eq!(runs.load(Ordering::SeqCst), 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_runs_soon_after_it_is_woken_and_once_for_several_times() {
        let runs = Arc::new(AtomicUsize::new(0));
        let wake = Arc::new(Notify::new());
        let counted = counted(&runs, || Ok(()));
        let slow = Job { every: Duration::from_hours(1), ..counted }.also_after(Arc::clone(&wake));
        let jobs = Jobs::start([slow]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        for expected in [2, 3] {
            for _ in 0..3 {
                wake.notify_one();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            tokio::time::sleep(SETTLE).await;
            assert_eq!(runs.load(Ordering::SeqCst), expected);
        }
        jobs.stop().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_would_be_lost_runs_once_more_at_the_stop() {
        let runs = Arc::new(AtomicUsize::new(0));
        let jobs = Jobs::start([counted(&runs, || Ok(())).also_at_stop()]);
        tokio::time::sleep(Duration::from_secs(5)).await;
        jobs.stop().await;
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    /// Stops a job during a run of 3 s, and returns whether the run came to its end.
    async fn is_finished_after_a_stop(change: fn(Job) -> Job) -> bool {
        let ended = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&ended);
        let job = Job::new("test", Duration::from_secs(10), move || {
            let ended = Arc::clone(&seen);
            async move {
                tokio::time::sleep(Duration::from_secs(3)).await;
                ended.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        });
        let jobs = Jobs::start([change(job)]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        jobs.stop().await;
        ended.load(Ordering::SeqCst) == 1
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_the_run_in_progress_unless_it_may_end_it() {
        assert!(is_finished_after_a_stop(|job| job).await);
        assert!(!is_finished_after_a_stop(Job::ending_at_stop).await);
    }
}
