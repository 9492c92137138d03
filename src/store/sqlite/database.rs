//! The threads that own the connections: one writer and a few readers, off the async threads.
//!
//! A lookup of one row is done on the thread that asks, with the connection of a reader that has
//! nothing to do: it takes less time than handing it over and waking somebody for the answer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::oneshot;

use super::is_busy;
use super::writer::{self, WriteJob, Writer};
use crate::store::StoreError;

/// Most jobs that wait for a thread; more are turned away as busy.
const QUEUE_MAX: usize = 8192;
/// How often a lock is tried for that SQLite does not wait for.
const LOCK_POLL: Duration = Duration::from_millis(2);

type Outcome<T> = Result<T, StoreError>;
type ReadJob = Box<dyn FnOnce(&Connection) + Send>;

/// A running database.
pub(super) struct Database {
    readers: Option<flume::Sender<ReadJob>>,
    /// The connections of the readers.
    idle: Vec<Arc<Mutex<Connection>>>,
    writer: Option<flume::Sender<Box<dyn WriteJob>>>,
    threads: Vec<JoinHandle<()>>,
    wait: Duration,
}

impl Database {
    /// Starts the threads. `writer` is ready for use; readers open the same file. `maintain` runs
    /// on the writer's thread, as [`Writer::run`] says.
    pub(super) fn start(
        writer: Connection,
        path: &Path,
        wait: Duration,
        maintain: impl Fn(&Connection) -> bool + Send + 'static,
    ) -> rusqlite::Result<Self> {
        let mut writer = Writer::new(writer, path, wait);
        let (read_sender, read_jobs) = flume::bounded::<ReadJob>(QUEUE_MAX);
        let (write_sender, write_jobs) = flume::bounded(QUEUE_MAX);
        let (mut threads, mut idle) = (Vec::new(), Vec::new());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        for _ in 0..cores.clamp(2, 8) {
            let connection = Arc::new(Mutex::new(open_reader(path, wait)?));
            idle.push(Arc::clone(&connection));
            let jobs = read_jobs.clone();
            threads.push(std::thread::spawn(move || {
                for job in jobs {
                    job(&connection.lock().unwrap_or_else(PoisonError::into_inner));
                }
            }));
        }
        threads.push(std::thread::spawn(move || {
            writer.run(&write_jobs, maintain);
        }));
        let (readers, writer) = (Some(read_sender), Some(write_sender));
        Ok(Self { readers, idle, writer, threads, wait })
    }

    /// Runs `work`, which reads a few rows by their keys, at once if a reader has nothing to do,
    /// else when one has. It never waits for a lock of the file on the thread that asks.
    pub(super) async fn look_up<T: Send + 'static>(
        &self,
        work: impl Fn(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        match self.look_up_here(&work) {
            Err(StoreError::Busy) => self.read(work).await,
            done => done,
        }
    }

    fn look_up_here<T>(&self, work: impl Fn(&Connection) -> Outcome<T>) -> Outcome<T> {
        let idle = self.idle.iter().find_map(|connection| connection.try_lock().ok());
        let connection = idle.ok_or(StoreError::Busy)?;
        connection.busy_timeout(Duration::ZERO)?;
        let outcome = guarded(|| work(&connection));
        connection.busy_timeout(self.wait)?;
        outcome
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
        hand_over(self.readers.as_ref(), job)?;
        match tokio::time::timeout(self.wait, answer).await {
            Ok(answer) => answered(answer),
            Err(_) => Err(StoreError::Busy),
        }
    }

    /// Runs `work` in a savepoint of the writer's transaction and answers after the commit; an
    /// `Err` of `work` undoes what it did.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let (job, claim, mut answer) = writer::job(work);
        hand_over(self.writer.as_ref(), job)?;
        match tokio::time::timeout(self.wait, &mut answer).await {
            Ok(answer) => answered(answer),
            Err(_) if claim.take() => Err(StoreError::Busy),
            // It has begun, and holds the lock that it may have waited for.
            Err(_) => answered(answer.await),
        }
    }
}

fn hand_over<J>(queue: Option<&flume::Sender<J>>, job: J) -> Outcome<()> {
    match queue.map(|queue| queue.try_send(job)) {
        Some(Ok(())) => Ok(()),
        Some(Err(flume::TrySendError::Full(_))) => Err(StoreError::Busy),
        Some(Err(flume::TrySendError::Disconnected(_))) | None => {
            Err(StoreError::Unavailable("the database was closed".to_owned()))
        }
    }
}

fn answered<T>(answer: Result<Outcome<T>, oneshot::error::RecvError>) -> Outcome<T> {
    answer.unwrap_or_else(|_| Err(StoreError::Unavailable("a database thread ended".to_owned())))
}

impl Drop for Database {
    fn drop(&mut self) {
        drop((self.readers.take(), self.writer.take(), std::mem::take(&mut self.idle)));
        for thread in self.threads.drain(..) {
            // A thread that panicked has already failed its jobs; nothing is left to do for it.
            let _ = thread.join();
        }
    }
}

/// Opens the file and makes it if it is missing.
pub(super) fn open_writer(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    open(path, wait, OpenFlags::SQLITE_OPEN_CREATE)
}

/// Opens a file that is there, to read it.
pub(super) fn open_reader(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    let connection = open(path, wait, OpenFlags::empty())?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, wait: Duration, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | flags;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// Has statements planned once and kept. By default SQLite looks at bound values while it plans,
/// and plans a kept statement again whenever other values are bound.
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Turns on write-ahead logging, for which SQLite wants the file for itself but does not wait as
/// for other locks; so this does, in case several processes open a new file at once.
pub(super) fn switch_to_wal(connection: &Connection, wait: Duration) -> rusqlite::Result<()> {
    let deadline = Instant::now() + wait;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if is_busy(&error) && Instant::now() < deadline => {
                std::thread::sleep(LOCK_POLL);
            }
            outcome => return outcome,
        }
    }
}

/// Turns a panic of a job into a failure of that job alone.
pub(super) fn guarded<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Internal("a database job panicked".into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_planned_once_whatever_is_bound() {
        let connection = Connection::open_in_memory().unwrap();
        keep_plans(&connection).unwrap();
        connection.execute_batch("CREATE TABLE t (a UNIQUE, b)").unwrap();
        let mut statement = connection.prepare("SELECT 1 FROM t WHERE a = ?1 AND b = ?2").unwrap();
        for value in 0..3 {
            assert!(!statement.exists((value, value)).unwrap());
        }
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0);
    }
}
