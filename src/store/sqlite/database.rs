//! The threads that own the connections: one writer and a few readers, off the async threads.
//!
//! A lookup of a few rows by key runs on the calling thread, with the connection of an idle reader:
//! it takes less time than passing it to another thread and waking the caller for the result.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::connection::open_reader;
use super::writer::{self, Task, Writer, catch_panics};
use crate::store::{Outage, StoreError, StoreResult};

/// Maximum number of jobs in the queue of a kind of thread; further ones are busy.
const QUEUE_MAX: usize = 8192;

type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// A running database.
pub(super) struct Database {
    readers: Option<flume::Sender<ReadJob>>,
    /// The connections of the readers.
    idle: Vec<Arc<Mutex<Connection>>>,
    reader_threads: Vec<JoinHandle<()>>,
    writer: Option<flume::Sender<Task>>,
    writer_thread: Option<JoinHandle<()>>,
    wait: Duration,
}

impl Database {
    /// Starts the threads. `writer` is ready for use; readers open the same file at `path`. `wait`
    /// bounds a call, from its place in the queue to its result.
    pub(super) fn start(writer: Connection, path: &Path, wait: Duration) -> rusqlite::Result<Self> {
        let mut writer = Writer::new(writer, path, wait);
        let (read_sender, read_jobs) = flume::bounded::<ReadJob>(QUEUE_MAX);
        let (write_sender, write_jobs) = flume::bounded(QUEUE_MAX);
        let (mut reader_threads, mut idle) = (Vec::new(), Vec::new());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..cores.clamp(2, 8) {
            let connection = Arc::new(Mutex::new(open_reader(path, wait)?));
            idle.push(Arc::clone(&connection));
            let jobs = read_jobs.clone();
            reader_threads.push(std::thread::spawn(move || {
                for job in jobs {
                    job(&connection.lock().unwrap_or_else(PoisonError::into_inner));
                }
            }));
        }
        let writer_thread = Some(std::thread::spawn(move || writer.run(&write_jobs)));
        let (readers, writer) = (Some(read_sender), Some(write_sender));
        Ok(Self { readers, idle, reader_threads, writer, writer_thread, wait })
    }

    /// Runs `work`, which reads a few rows by their keys: at once if a reader is idle, else on the
    /// next free reader. The calling thread never waits for a lock of the file.
    pub(super) async fn look_up<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        match self.look_up_here(&work) {
            Err(StoreError::Busy) => self.read(work).await,
            result => result,
        }
    }

    fn look_up_here<T>(&self, work: impl Fn(&Connection) -> StoreResult<T>) -> StoreResult<T> {
        let idle = self.idle.iter().find_map(|connection| connection.try_lock().ok());
        let connection = idle.ok_or(StoreError::Busy)?;
        connection.busy_timeout(Duration::ZERO)?;
        let result = catch_panics(|| work(&connection));
        connection.busy_timeout(self.wait)?;
        result
    }

    /// Runs `work` on a reader's connection.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (reply, answer) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| {
            if !reply.is_closed() {
                // A failed send means that the caller no longer waits.
                let _ = reply.send(catch_panics(|| work(connection)));
            }
        });
        enqueue(self.readers.as_ref(), job)?;
        match tokio::time::timeout(self.wait, answer).await {
            Ok(answer) => unwrap_answer(answer),
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// Runs `work` in a savepoint of the writer's transaction and returns after the commit; an `Err`
    /// of `work` undoes its own changes alone.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (job, claim, mut answer) = writer::job(work);
        enqueue(self.writer.as_ref(), Task::Write(job))?;
        match tokio::time::timeout(self.wait, &mut answer).await {
            Ok(answer) => unwrap_answer(answer),
            Err(_) if claim.take() => Err(StoreError::Busy),
            // The write has begun. It already holds the lock, so its answer comes soon.
            Err(_) => unwrap_answer(answer.await),
        }
    }
}

impl Database {
    /// Runs `work` on the writer's connection outside of any transaction, however long it takes.
    pub(super) async fn run_alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    ) -> StoreResult<T> {
        let (reply, answer) = oneshot::channel();
        let job = Task::Alone(Box::new(move |connection| {
            let done = catch_panics(|| work(connection?));
            // A failed send means that the caller no longer waits.
            let _ = reply.send(done);
        }));
        enqueue(self.writer.as_ref(), job)?;
        unwrap_answer(answer.await)
    }
}

fn enqueue<J>(queue: Option<&flume::Sender<J>>, job: J) -> StoreResult<()> {
    match queue.map(|queue| queue.try_send(job)) {
        Some(Ok(())) => Ok(()),
        Some(Err(flume::TrySendError::Full(_))) => Err(StoreError::Busy),
        Some(Err(flume::TrySendError::Disconnected(_))) | None => {
            Err(StoreError::Unavailable(Outage::Closed))
        }
    }
}

/// The answer of a thread; a thread that ended without one has closed the database.
fn unwrap_answer<T>(answer: Result<StoreResult<T>, oneshot::error::RecvError>) -> StoreResult<T> {
    answer.unwrap_or(Err(StoreError::Unavailable(Outage::Closed)))
}

impl Drop for Database {
    /// Closes the connection of the writer last. The last connection to be closed copies the log to
    /// the file and removes it, which those of readers cannot, and which none does while another one is
    /// being closed (sqlite.org/wal.html).
    fn drop(&mut self) {
        drop((self.readers.take(), std::mem::take(&mut self.idle)));
        // A panic has already failed the jobs of its thread, so there is nothing to report.
        for thread in self.reader_threads.drain(..) {
            let _ = thread.join();
        }
        drop(self.writer.take());
        if let Some(thread) = self.writer_thread.take() {
            let _ = thread.join();
        }
    }
}
