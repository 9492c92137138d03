//! The threads that own the connections: one writer and a few readers, off the async threads.
//!
//! The writer gathers what is waiting into one transaction (group commit), each job in a savepoint
//! of its own, and answers after the commit. So an answer means that the write is on disk, and the
//! cost of `fsync` is shared by everybody who waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::failure;
use crate::store::StoreError;

/// Most writes that share a commit.
const BATCH_MAX: usize = 256;
/// Most jobs that wait for a thread; more are turned away as busy.
const QUEUE_MAX: usize = 8192;
/// How often the writer looks after the database.
const MAINTENANCE_EVERY: Duration = Duration::from_hours(1);

type Outcome<T> = Result<T, StoreError>;
type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// A running database.
pub(super) struct Database {
    readers: Option<flume::Sender<ReadJob>>,
    writer: Option<flume::Sender<Box<dyn WriteJob>>>,
    threads: Vec<JoinHandle<()>>,
    wait: Duration,
}

impl Database {
    /// Starts the threads. `writer` is ready for use; readers open the same file. `maintain` runs
    /// at once and then every hour on the writer's thread.
    pub(super) fn start(
        writer: Connection,
        path: &Path,
        wait: Duration,
        maintain: impl Fn(&Connection) + Send + 'static,
    ) -> rusqlite::Result<Self> {
        let (read_sender, read_jobs) = flume::bounded::<ReadJob>(QUEUE_MAX);
        let (write_sender, write_jobs) = flume::bounded(QUEUE_MAX);
        let mut threads = Vec::new();
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..cores.clamp(2, 8) {
            let connection = open_reader(path, wait)?;
            let jobs = read_jobs.clone();
            threads.push(std::thread::spawn(move || {
                for job in jobs {
                    job(&connection);
                }
            }));
        }
        threads.push(std::thread::spawn(move || {
            run_writer(writer, &write_jobs, maintain);
        }));
        Ok(Self { readers: Some(read_sender), writer: Some(write_sender), threads, wait })
    }

    /// Runs `work` on a reader's connection.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (reply, answer) = oneshot::channel();
        let job: ReadJob = Box::new(move |connection| {
            if !reply.is_closed() {
                // A caller that has gone away needs no answer.
                let _ = reply.send(guarded(|| work(connection)));
            }
        });
        self.hand_over(self.readers.as_ref(), job, answer).await
    }

    /// Runs `work` in a savepoint of the writer's transaction and answers after the commit; an
    /// `Err` of `work` undoes what it did.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Write { work: Some(work), outcome: None, reply });
        self.hand_over(self.writer.as_ref(), job, answer).await
    }

    async fn hand_over<J, T>(
        &self,
        queue: Option<&flume::Sender<J>>,
        job: J,
        answer: oneshot::Receiver<Outcome<T>>,
    ) -> Outcome<T> {
        match queue.map(|queue| queue.try_send(job)) {
            Some(Ok(())) => {}
            Some(Err(flume::TrySendError::Full(_))) => return Err(StoreError::Busy),
            Some(Err(flume::TrySendError::Disconnected(_))) | None => {
                return Err(StoreError::Unavailable("the database was closed".to_owned()));
            }
        }
        match tokio::time::timeout(self.wait, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StoreError::Unavailable("a database thread ended".to_owned())),
            Err(_) => Err(StoreError::Busy),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        drop((self.readers.take(), self.writer.take()));
        for thread in self.threads.drain(..) {
            // A thread that panicked has already failed its jobs; nothing is left to do for it.
            let _ = thread.join();
        }
    }
}

fn open_reader(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Turns a panic of a job into a failure of that job alone.
fn guarded<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Internal("a database job panicked".into())))
}

/// A write in the queue, whatever its result type.
trait WriteJob: Send {
    /// Whether the caller has gone away; such a write is not begun.
    fn is_abandoned(&self) -> bool;
    /// Does the work and says whether it is to be kept.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Answers: with the outcome of the work if `commit` succeeded, else with its failure.
    fn answer(self: Box<Self>, commit: &Result<(), rusqlite::Error>);
}

struct Write<T, F> {
    work: Option<F>,
    outcome: Option<Outcome<T>>,
    reply: oneshot::Sender<Outcome<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Outcome<T> + Send> WriteJob for Write<T, F> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> bool {
        self.outcome = self.work.take().map(|work| guarded(|| work(connection)));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, commit: &Result<(), rusqlite::Error>) {
        let outcome = match (commit, self.outcome) {
            // A refusal stands, whatever became of the others' transaction.
            (_, Some(Err(error))) => Err(error),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Ok(()), None) => Err(StoreError::Busy),
            (Err(error), _) => Err(failure(error)),
        };
        let _ = self.reply.send(outcome);
    }
}

fn run_writer(
    mut connection: Connection,
    jobs: &flume::Receiver<Box<dyn WriteJob>>,
    maintain: impl Fn(&Connection),
) {
    maintain(&connection);
    loop {
        match jobs.recv_timeout(MAINTENANCE_EVERY) {
            Ok(first) => {
                let mut batch = vec![first];
                batch.extend(jobs.try_iter().take(BATCH_MAX - 1));
                batch.retain(|job| !job.is_abandoned());
                let commit = write_batch(&mut connection, &mut batch);
                for job in batch {
                    job.answer(&commit);
                }
            }
            Err(flume::RecvTimeoutError::Timeout) => maintain(&connection),
            Err(flume::RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn write_batch(
    connection: &mut Connection,
    batch: &mut [Box<dyn WriteJob>],
) -> Result<(), rusqlite::Error> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for job in batch {
        run_in_savepoint(&mut transaction, job.as_mut())?;
    }
    transaction.commit()
}

fn run_in_savepoint(
    transaction: &mut Transaction<'_>,
    job: &mut dyn WriteJob,
) -> Result<(), rusqlite::Error> {
    let savepoint = transaction.savepoint()?;
    let keep = job.run(&savepoint);
    // A full disk or an I/O error may have ended the whole transaction by itself; to go on would
    // be to write without one.
    if savepoint.is_autocommit() {
        return Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
            Some("the transaction was rolled back".to_owned()),
        ));
    }
    if keep { savepoint.commit() } else { savepoint.finish() }
}
