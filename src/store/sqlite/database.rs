//! The threads that own the connections: one writer and a few readers, off the async threads.
//!
//! The writer gathers what is waiting into one transaction (group commit), each job in a savepoint
//! of its own, and answers after the commit. So an answer means that the write is on disk, and the
//! cost of `fsync` is shared by everybody who waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{failure, is_busy};
use crate::store::StoreError;

/// Most writes that share a commit.
const BATCH_MAX: usize = 256;
/// Most jobs that wait for a thread; more are turned away as busy.
const QUEUE_MAX: usize = 8192;
/// How often a lock is tried for that SQLite does not wait for.
const LOCK_POLL: Duration = Duration::from_millis(2);
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
    /// on the writer's thread, at once and then every hour; while it returns that there is more to
    /// do, it runs again after the writes that wait.
    pub(super) fn start(
        writer: Connection,
        path: &Path,
        wait: Duration,
        maintain: impl Fn(&Connection) -> bool + Send + 'static,
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
            run_writer(writer, &write_jobs, MAINTENANCE_EVERY, maintain);
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
        let (reply, mut answer) = oneshot::channel();
        let claim = Claim::default();
        let job = Write { work: Some(work), outcome: None, claim: claim.clone(), reply };
        hand_over(self.writer.as_ref(), Box::new(job) as Box<dyn WriteJob>)?;
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

/// Decides between the writer, who is about to begin a write, and the caller, who is about to give
/// it up: whoever takes it first. So a write that was reported as busy is never done afterwards.
#[derive(Clone, Default)]
struct Claim(Arc<AtomicBool>);

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
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

/// Opens the file and makes it if it is missing.
pub(super) fn open_writer(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    open(path, wait, OpenFlags::SQLITE_OPEN_CREATE)
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

fn open_reader(path: &Path, wait: Duration) -> rusqlite::Result<Connection> {
    let connection = open(path, wait, OpenFlags::empty())?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn open(path: &Path, wait: Duration, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | flags;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(wait)?;
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
    claim: Claim,
    reply: oneshot::Sender<Outcome<T>>,
}

impl<T: Send, F: FnOnce(&Connection) -> Outcome<T> + Send> WriteJob for Write<T, F> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> bool {
        if !self.is_abandoned() && self.claim.take() {
            self.outcome = self.work.take().map(|work| guarded(|| work(connection)));
        }
        matches!(self.outcome, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, commit: &Result<(), rusqlite::Error>) {
        let outcome = match (commit, self.outcome) {
            (Ok(()), Some(outcome)) => outcome,
            (Ok(()), None) => Err(StoreError::Busy),
            // What this write met itself says more than what became of the transaction.
            (Err(_), Some(Err(own @ (StoreError::Unavailable(_) | StoreError::Internal(_))))) => {
                Err(own)
            }
            // A refusal does not stand: it may be for a write that was rolled back as well.
            (Err(error), _) => Err(failure(error)),
        };
        let _ = self.reply.send(outcome);
    }
}

fn run_writer(
    mut connection: Connection,
    jobs: &flume::Receiver<Box<dyn WriteJob>>,
    maintenance_every: Duration,
    maintain: impl Fn(&Connection) -> bool,
) {
    let mut maintenance_at = Instant::now();
    loop {
        if Instant::now() >= maintenance_at && !maintain(&connection) {
            maintenance_at = Instant::now() + maintenance_every;
        }
        match jobs.recv_deadline(maintenance_at) {
            Ok(first) => {
                let mut batch = vec![first];
                batch.extend(jobs.try_iter().take(BATCH_MAX - 1));
                batch.retain(|job| !job.is_abandoned());
                if batch.is_empty() {
                    continue;
                }
                let commit = write_batch(&mut connection, &mut batch);
                for job in batch {
                    job.answer(&commit);
                }
            }
            Err(flume::RecvTimeoutError::Timeout) => {}
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
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR),
            Some("the transaction was rolled back".to_owned()),
        ));
    }
    if keep { savepoint.commit() } else { savepoint.finish() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    const WAIT: Duration = Duration::from_secs(5);

    /// A writer with one table and room for `pages` pages, and the queue in front of it.
    fn writer(pages: u32) -> (tempfile::TempDir, Connection) {
        let dir = tempfile::TempDir::new().unwrap();
        let connection = open_writer(&dir.path().join("file"), WAIT).unwrap();
        connection.execute_batch("CREATE TABLE texts (text TEXT NOT NULL)").unwrap();
        connection.pragma_update(None, "max_page_count", pages).unwrap();
        (dir, connection)
    }

    type Insertion = Box<dyn FnOnce(&Connection) -> Outcome<usize> + Send>;

    fn insert(length: usize) -> Insertion {
        Box::new(move |db| Ok(db.execute("INSERT INTO texts VALUES (?1)", ["x".repeat(length)])?))
    }

    /// Runs works in one batch.
    fn run(connection: &mut Connection, works: Vec<Insertion>) -> Vec<Outcome<usize>> {
        let (mut batch, mut answers) = (Vec::new(), Vec::new());
        for work in works {
            let (reply, answer) = oneshot::channel();
            let job = Write { work: Some(work), outcome: None, claim: Claim::default(), reply };
            batch.push(Box::new(job) as Box<dyn WriteJob>);
            answers.push(answer);
        }
        let commit = write_batch(connection, &mut batch);
        for job in batch {
            job.answer(&commit);
        }
        answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect()
    }

    fn count(connection: &Connection) -> u32 {
        connection.query_row("SELECT count(*) FROM texts", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_refusal_undoes_its_own_write_alone() {
        let (_dir, mut connection) = writer(1000);
        let refuse: Insertion = Box::new(|db| {
            insert(10)(db)?;
            Err(StoreError::NotFound)
        });
        let panics: Insertion = Box::new(|_| panic!("on purpose"));
        let outcomes = run(&mut connection, vec![insert(1), refuse, panics, insert(2)]);
        assert!(
            matches!(
                outcomes[..],
                [Ok(1), Err(StoreError::NotFound), Err(StoreError::Internal(_)), Ok(1)]
            ),
            "{outcomes:?}"
        );
        assert_eq!(count(&connection), 2);
    }

    #[test]
    fn what_a_full_disk_undoes_is_reported_as_undone_and_the_next_batch_works() {
        let (_dir, mut connection) = writer(20);
        let refuse: Insertion = Box::new(|_| Err(StoreError::NotFound));
        let full = insert(200_000);
        let outcomes = run(&mut connection, vec![insert(1), refuse, full, insert(2)]);
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(count(&connection) as usize, written, "{outcomes:?}");
        assert!(matches!(outcomes[2], Err(StoreError::Unavailable(_))), "{outcomes:?}");
        let outcomes = run(&mut connection, vec![insert(1)]);
        assert!(matches!(outcomes[..], [Ok(1)]), "{outcomes:?}");
    }

    #[test]
    fn when_the_transaction_is_lost_nobody_is_told_otherwise() {
        let (_dir, mut connection) = writer(1000);
        let lost: Insertion = Box::new(|db| {
            db.execute_batch("ROLLBACK")?;
            Err(StoreError::Unavailable("the disk is full".to_owned()))
        });
        let taken: Insertion = Box::new(|_| Err(StoreError::NotFound));
        let outcomes = run(&mut connection, vec![insert(1), taken, lost, insert(2)]);
        let lost = |outcome: &Outcome<usize>| matches!(outcome, Err(StoreError::Unavailable(_)));
        assert!(outcomes.iter().all(lost), "{outcomes:?}");
        assert!(outcomes[2].as_ref().unwrap_err().to_string().contains("disk is full"));
        assert_eq!(count(&connection), 0);
    }

    #[test]
    fn maintenance_comes_round_though_writes_never_pause() {
        let (_dir, connection) = writer(1000);
        let (jobs, queue) = flume::bounded::<Box<dyn WriteJob>>(4);
        let rounds = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&rounds);
        let running = std::thread::spawn(move || {
            run_writer(connection, &queue, Duration::from_millis(1), move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                false
            });
        });
        let started = Instant::now();
        while rounds.load(Ordering::SeqCst) < 5 {
            assert!(started.elapsed() < WAIT, "no maintenance while writes come");
            let (reply, answer) = oneshot::channel();
            let work = Some(insert(1));
            let job = Write { work, outcome: None, claim: Claim::default(), reply };
            jobs.send(Box::new(job)).unwrap();
            answer.blocking_recv().unwrap().unwrap();
        }
        drop(jobs);
        running.join().unwrap();
    }

    #[test]
    fn maintenance_that_is_not_done_goes_on_between_the_writes() {
        let (_dir, connection) = writer(1000);
        let (jobs, queue) = flume::bounded::<Box<dyn WriteJob>>(4);
        let (reply, mut answer) = oneshot::channel();
        let work = Some(insert(1));
        let job = Write { work, outcome: None, claim: Claim::default(), reply };
        jobs.send(Box::new(job)).unwrap();
        drop(jobs);
        let rounds = AtomicU32::new(0);
        run_writer(connection, &queue, WAIT, |_| rounds.fetch_add(1, Ordering::SeqCst) < 2);
        assert!(answer.try_recv().unwrap().is_ok());
        assert!(rounds.load(Ordering::SeqCst) >= 2);
    }
}
