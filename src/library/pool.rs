//! A bounded pool for work of the processor, so that no async thread computes for long.
//!
//! Redaction, similarity, ranking of large sets and compression take up to 250 ms. On a machine
//! with one core an async thread that computes leaves every other request waiting, health probes
//! included; a thread of the pool shares the core with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tracing::Span;

use crate::store::StoreError;
use crate::telemetry::metrics::POOL_JOBS_WAITING;

/// Maximum number of jobs that wait for a thread; more are refused as busy.
const WAITING_MAX: usize = 1024;

/// Maximum size of the texts, in bytes, that are worked on by the async thread itself: about a
/// millisecond of work, which is less than two changes of threads cost on a busy machine.
const WORKED_HERE_MAX_BYTES: usize = 64 * 1024;

/// How long a job of the background waits for those of requests. It goes on then, so that it ends under
/// any load.
const PATIENCE: Duration = Duration::from_millis(250);

/// One thread for each core, and a bounded queue.
pub(super) struct Pool {
    threads: Arc<Semaphore>,
    places: Arc<Semaphore>,
    requests: Arc<Requests>,
}

/// The jobs of requests that run or wait.
#[derive(Default)]
struct Requests {
    count: AtomicUsize,
    /// Notified when there are none.
    none: Notify,
}

impl Requests {
    /// Counts a job until the returned value is dropped.
    fn hold(self: &Arc<Self>) -> RequestHeld {
        self.count.fetch_add(1, Ordering::AcqRel);
        RequestHeld(Arc::clone(self))
    }

    async fn are_none(&self) {
        loop {
            let none = self.none.notified();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            none.await;
        }
    }
}

struct RequestHeld(Arc<Requests>);

impl Drop for RequestHeld {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            threads: Arc::new(Semaphore::new(cores)),
            places: Arc::new(Semaphore::new(cores + WAITING_MAX)),
            requests: Arc::default(),
        }
    }
}

impl Pool {
    /// Runs `work` on texts of `bytes` in all: here if they are small, else as [`run`](Self::run) does.
    pub(super) async fn run_sized<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        if bytes <= WORKED_HERE_MAX_BYTES { Ok(work()) } else { self.run(work).await }
    }

    /// Runs `work` on a thread of the pool, in the span of the caller.
    ///
    /// A caller that goes away while it waits takes its job along; a job that has begun runs to its
    /// end and keeps its thread until then.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where the queue is full, [`StoreError::Internal`] where the runtime is
    /// shutting down.
    ///
    /// # Panics
    /// If `work` does: a panic is the caller's own.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let held = self.requests.hold();
        let work = move || {
            let _held = held;
            work()
        };
        self.run_now(work).await
    }

    /// Runs the `work` of a background job: once no request has a job here, or after [`PATIENCE`]. Else
    /// as [`run`](Self::run).
    pub(super) async fn run_later<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        // An elapsed timeout means that there are always requests.
        let _ = tokio::time::timeout(PATIENCE, self.requests.are_none()).await;
        self.run_now(work).await
    }

    async fn run_now<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| StoreError::Busy)?;
        let waiting = POOL_JOBS_WAITING.hold();
        let thread = Arc::clone(&self.threads).acquire_owned().await;
        drop(waiting);
        let thread = thread.map_err(|error| StoreError::Internal(error.into()))?;
        let span = Span::current();
        let job = tokio::task::spawn_blocking(move || {
            // Given back when the work ends, even if its caller has gone.
            let _held = (place, thread);
            span.in_scope(work)
        });
        match job.await {
            Ok(done) => Ok(done),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(StoreError::Internal(error.into())),
            },
        }
    }
}

/// A thread of the pool that blocking work holds while it computes, and gives back while it waits.
pub(super) struct Turn {
    threads: Arc<Semaphore>,
    thread: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// Prepares a turn for work that runs on a blocking thread of its own.
    pub(super) fn turn(&self) -> Turn {
        Turn { threads: Arc::clone(&self.threads), thread: None }
    }
}

impl Turn {
    /// Waits for a thread of the pool. Must be called on a blocking thread of a tokio runtime.
    pub(super) fn take(&mut self) {
        if self.thread.is_none() {
            // An error means that the pool is gone, and with it whatever the work could disturb.
            self.thread =
                Handle::current().block_on(Arc::clone(&self.threads).acquire_owned()).ok();
        }
    }

    /// Gives the thread back.
    pub(super) fn give_back(&mut self) {
        self.thread = None;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn small(threads: usize, places: usize) -> Arc<Pool> {
        Arc::new(Pool {
            threads: Arc::new(Semaphore::new(threads)),
            places: Arc::new(Semaphore::new(places)),
            requests: Arc::default(),
        })
    }

    #[tokio::test]
    async fn work_leaves_the_async_thread_free() {
        let pool = small(1, 1);
        let (open, gate) = mpsc::channel::<()>();
        let running = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(move || gate.recv().is_ok()).await })
        };
        // The runtime of this test has one thread: it could not get here while the job holds it.
        tokio::task::yield_now().await;
        open.send(()).unwrap();
        assert!(running.await.unwrap().unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_is_busy_and_frees_itself() {
        let pool = small(1, 2);
        let (open, gate) = mpsc::channel::<()>();
        let first = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(move || gate.recv().is_ok()).await })
        };
        let second = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(|| true).await })
        };
        while pool.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert!(matches!(pool.run(|| true).await, Err(StoreError::Busy)));
        open.send(()).unwrap();
        assert!(first.await.unwrap().unwrap() && second.await.unwrap().unwrap());
        assert!(pool.run(|| true).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn background_work_waits_for_the_jobs_of_requests_but_not_forever() {
        let pool = small(2, 4);
        let (open, gate) = mpsc::channel::<()>();
        let request = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(move || gate.recv().is_ok()).await })
        };
        while pool.requests.count.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let background = || {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run_later(|| true).await })
        };
        let waiting = background();
        tokio::task::yield_now().await;
        assert_eq!(pool.places.available_permits(), 3, "a thread is free, but a request has a job");
        tokio::time::advance(PATIENCE).await;
        assert!(waiting.await.unwrap().unwrap());

        let waiting = background();
        tokio::task::yield_now().await;
        assert_eq!(pool.places.available_permits(), 3);
        open.send(()).unwrap();
        assert!(request.await.unwrap().unwrap());
        assert!(waiting.await.unwrap().unwrap());
    }

    #[tokio::test]
    async fn a_turn_holds_a_thread_only_between_taking_and_giving_back() {
        let pool = small(1, 1);
        let mut turn = pool.turn();
        let turn = tokio::task::spawn_blocking(move || {
            turn.take();
            turn
        });
        let mut turn = turn.await.unwrap();
        assert_eq!(pool.threads.available_permits(), 0);
        turn.give_back();
        assert!(pool.run(|| true).await.unwrap());
    }

    #[tokio::test]
    async fn a_job_that_panicked_gives_its_thread_back() {
        let pool = small(1, 1);
        let panicked = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(|| -> bool { panic!("a test's own") }).await })
        };
        assert!(panicked.await.unwrap_err().is_panic());
        assert!(pool.run(|| true).await.unwrap());
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_the_queue() {
        let pool = small(1, 2);
        let (open, gate) = mpsc::channel::<()>();
        let running = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(move || gate.recv().is_ok()).await })
        };
        let waiting = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(|| true).await })
        };
        while pool.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(pool.places.available_permits(), 1);
        open.send(()).unwrap();
        assert!(running.await.unwrap().unwrap());
    }
}
