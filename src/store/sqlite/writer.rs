//! The writer: runs all waiting jobs in one transaction (group commit), each in a savepoint of its
//! own, and answers after the commit. So an answer means that the write is on disk, and the waiting
//! writes share the cost of one `fsync`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use super::error::failure;
use super::files;
use crate::store::{StoreError, StoreResult};
use crate::telemetry::metrics::{BATCH_SECONDS, BATCH_SIZE, Held, SQLITE_WRITES_WAITING};

/// Maximum number of writes in one commit.
const BATCH_MAX: usize = 256;
/// Growth of the write-ahead log, in bytes, after which it is truncated. SQLite itself tries from
/// 4 MB on.
const LOG_STEP: u64 = 32 * 1024 * 1024;
/// How long a truncation of the log waits for readers, and the writes with it.
const LOG_WAIT: Duration = Duration::from_millis(200);

/// A task in the queue.
pub(super) enum Task {
    /// A write, for the transaction that it shares with others.
    Write(Box<dyn WriteJob>),
    /// Work that cannot be part of a transaction.
    Alone(AloneJob),
}

/// Work on the connection itself, or on the failure that the file is another one.
type AloneJob = Box<dyn FnOnce(rusqlite::Result<&Connection>) + Send>;

/// The one connection that writes.
pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    file: FileIdentity,
    wait: Duration,
    log_step: u64,
    log_max: u64,
}

impl Writer {
    /// A writer on a connection that is ready for use.
    pub(super) fn new(connection: Connection, path: &Path, wait: Duration) -> Self {
        Self {
            file: FileIdentity::of(path),
            path: path.to_owned(),
            connection,
            wait,
            log_step: LOG_STEP,
            log_max: LOG_STEP,
        }
    }

    /// Runs jobs until the queue is closed and empty.
    pub(super) fn run(&mut self, tasks: &flume::Receiver<Task>) {
        while let Ok(first) = tasks.recv() {
            let mut batch = Vec::new();
            let mut alone = None;
            for task in std::iter::once(first).chain(tasks.try_iter()) {
                match task {
                    Task::Write(job) if job.is_abandoned() => {}
                    Task::Write(job) => batch.push(job),
                    Task::Alone(work) => alone = Some(work),
                }
                if alone.is_some() || batch.len() == BATCH_MAX {
                    break;
                }
            }
            if !batch.is_empty() {
                self.write_and_answer(batch);
            }
            if let Some(work) = alone {
                work(self.check_file().map(|()| &self.connection));
            }
        }
    }

    /// SQLite would continue to write to a file that no path leads to.
    fn check_file(&self) -> rusqlite::Result<()> {
        if FileIdentity::of(&self.path) == self.file {
            Ok(())
        } else {
            Err(sqlite_failure(ffi::SQLITE_READONLY_DBMOVED))
        }
    }

    fn write_and_answer(&mut self, mut batch: Vec<Box<dyn WriteJob>>) {
        let started = Instant::now();
        let size = u32::try_from(batch.len()).unwrap_or(u32::MAX);
        let commit = self.write(&mut batch);
        BATCH_SIZE.record(size.into());
        BATCH_SECONDS.record(started.elapsed().as_secs_f64());
        for job in batch {
            job.answer(&commit);
        }
        if let Err(error) = self.shorten_log() {
            tracing::warn!(%error, "the write-ahead log was not shortened");
        }
    }

    fn write(&mut self, batch: &mut [Box<dyn WriteJob>]) -> rusqlite::Result<()> {
        self.check_file()?;
        let transaction = TransactionBehavior::Immediate;
        let mut transaction = self.connection.transaction_with_behavior(transaction)?;
        for job in batch {
            run_in_savepoint(&mut transaction, job.as_mut())?;
        }
        transaction.commit()
    }

    /// Truncates the log when it has grown by [`LOG_STEP`]. SQLite does so by itself only in a moment
    /// without readers, which may not come under load; this waits for the current readers.
    fn shorten_log(&mut self) -> rusqlite::Result<()> {
        let log = self.log_length();
        if log <= self.log_max {
            return Ok(());
        }
        self.connection.busy_timeout(LOG_WAIT)?;
        let shortened =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        self.connection.busy_timeout(self.wait)?;
        self.log_max = self.log_length() + self.log_step;
        shortened
    }

    /// The size of the log in bytes; 0 if there is none.
    fn log_length(&self) -> u64 {
        std::fs::metadata(files::beside(&self.path, "-wal")).map_or(0, |log| log.len())
    }
}

/// Device and inode of the file at a path; `None` if there is none.
#[derive(PartialEq, Eq)]
pub(super) struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    /// Whether there is a file, where the system tells files apart.
    pub(super) fn exists(&self) -> bool {
        self.0.is_some()
    }

    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino())))
    }

    /// An open file cannot be moved on this system.
    #[cfg(not(unix))]
    pub(super) fn of(_path: &Path) -> Self {
        Self(None)
    }
}

fn sqlite_failure(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

fn run_in_savepoint(
    transaction: &mut Transaction<'_>,
    job: &mut dyn WriteJob,
) -> Result<(), rusqlite::Error> {
    let savepoint = transaction.savepoint()?;
    let keep = job.run(&savepoint);
    // A full disk or an I/O error may have rolled back the whole transaction. Further statements
    // would then run, and commit, one by one.
    if savepoint.is_autocommit() {
        return Err(sqlite_failure(ffi::SQLITE_IOERR));
    }
    if keep { savepoint.commit() } else { savepoint.finish() }
}

/// Arbitrates between the writer that is about to begin a write and the caller that is about to
/// give it up: the first to take the claim wins. So a write that was reported as busy never runs.
#[derive(Clone, Default)]
pub(super) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Returns whether this call was the first.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// A job for the queue, the claim on it, and the receiver of its answer.
pub(super) fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
) -> (Box<dyn WriteJob>, Claim, oneshot::Receiver<StoreResult<T>>) {
    let (reply, answer) = oneshot::channel();
    let claim = Claim::default();
    let waiting = Some(SQLITE_WRITES_WAITING.hold());
    let job = Write { work: Some(work), result: None, claim: claim.clone(), reply, waiting };
    (Box::new(job), claim, answer)
}

/// A write in the queue, whatever its result type.
pub(super) trait WriteJob: Send {
    /// Whether the caller no longer waits; such a write does not begin.
    fn is_abandoned(&self) -> bool;
    /// Runs the work; returns whether its savepoint is to be committed.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Answers with the result of the work if `commit` succeeded, else with the failure.
    fn answer(self: Box<Self>, commit: &Result<(), rusqlite::Error>);
}

struct Write<T, F> {
    work: Option<F>,
    result: Option<StoreResult<T>>,
    claim: Claim,
    reply: oneshot::Sender<StoreResult<T>>,
    waiting: Option<Held>,
}

impl<T: Send, F: FnOnce(&Connection) -> StoreResult<T> + Send> WriteJob for Write<T, F> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> bool {
        drop(self.waiting.take());
        if !self.is_abandoned() && self.claim.take() {
            self.result = self.work.take().map(|work| catch_panics(|| work(connection)));
        }
        matches!(self.result, Some(Ok(_)))
    }

    fn answer(self: Box<Self>, commit: &Result<(), rusqlite::Error>) {
        let result = match (commit, self.result) {
            (Ok(()), Some(result)) => result,
            (Ok(()), None) => Err(StoreError::Busy),
            // The write's own failure is more specific than that of the transaction.
            (Err(_), Some(Err(own @ (StoreError::Unavailable(_) | StoreError::Internal(_))))) => {
                Err(own)
            }
            // A refusal does not stand: its reason may be a write that was rolled back as well.
            (Err(error), _) => Err(failure(error)),
        };
        // A failed send means that the caller no longer waits.
        let _ = self.reply.send(result);
    }
}

/// Turns a panic of a job into a failure of that job alone.
pub(super) fn catch_panics<T>(work: impl FnOnce() -> StoreResult<T>) -> StoreResult<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(StoreError::Internal("a database job panicked".into())))
}

#[cfg(test)]
mod tests {
    use super::super::connection::{open_writer, switch_to_wal};
    use super::*;
    use crate::store::Outage;

    const WAIT: Duration = Duration::from_secs(5);

    /// A writer with one table and room for `pages` pages.
    fn writer(pages: u32) -> (tempfile::TempDir, Writer) {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("file");
        let connection = open_writer(&path, WAIT).unwrap();
        switch_to_wal(&connection, WAIT).unwrap();
        connection.execute_batch("CREATE TABLE texts (text TEXT NOT NULL)").unwrap();
        connection.pragma_update(None, "max_page_count", pages).unwrap();
        (dir, Writer::new(connection, &path, WAIT))
    }

    type Insertion = Box<dyn FnOnce(&Connection) -> StoreResult<usize> + Send>;

    fn insert(length: usize) -> Insertion {
        Box::new(move |db| Ok(db.execute("INSERT INTO texts VALUES (?1)", ["x".repeat(length)])?))
    }

    /// Runs works in one batch.
    fn run(writer: &mut Writer, works: Vec<Insertion>) -> Vec<StoreResult<usize>> {
        let (mut batch, mut answers) = (Vec::new(), Vec::new());
        for work in works {
            let (job, _, answer) = job(work);
            batch.push(job);
            answers.push(answer);
        }
        writer.write_and_answer(batch);
        answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect()
    }

    fn count(writer: &Writer) -> u32 {
        let sql = "SELECT count(*) FROM texts";
        writer.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn is_unavailable(result: &StoreResult<usize>) -> bool {
        matches!(result, Err(StoreError::Unavailable(_)))
    }

    #[test]
    fn a_refusal_undoes_its_own_write_alone() {
        let (_dir, mut writer) = writer(1000);
        let refuse: Insertion = Box::new(|db| {
            insert(10)(db)?;
            Err(StoreError::NotFound)
        });
        let panics: Insertion = Box::new(|_| panic!("on purpose"));
        let results = run(&mut writer, vec![insert(1), refuse, panics, insert(2)]);
        assert!(
            matches!(
                results[..],
                [Ok(1), Err(StoreError::NotFound), Err(StoreError::Internal(_)), Ok(1)]
            ),
            "{results:?}"
        );
        assert_eq!(count(&writer), 2);
    }

    #[test]
    fn what_a_full_disk_undoes_is_reported_as_undone_and_the_next_batch_works() {
        let (_dir, mut writer) = writer(20);
        let refuse: Insertion = Box::new(|_| Err(StoreError::NotFound));
        let full = insert(200_000);
        let results = run(&mut writer, vec![insert(1), refuse, full, insert(2)]);
        let written = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(count(&writer) as usize, written, "{results:?}");
        assert!(is_unavailable(&results[2]), "{results:?}");
        let results = run(&mut writer, vec![insert(1)]);
        assert!(matches!(results[..], [Ok(1)]), "{results:?}");
    }

    #[test]
    fn no_write_of_a_lost_transaction_is_reported_as_done() {
        let (_dir, mut writer) = writer(1000);
        let lost: Insertion = Box::new(|db| {
            db.execute_batch("ROLLBACK")?;
            Err(StoreError::Unavailable(Outage::DiskFull))
        });
        let taken: Insertion = Box::new(|_| Err(StoreError::NotFound));
        let results = run(&mut writer, vec![insert(1), taken, lost, insert(2)]);
        assert!(results.iter().all(is_unavailable), "{results:?}");
        assert!(results[2].as_ref().unwrap_err().to_string().contains("disk is full"));
        assert_eq!(count(&writer), 0);
    }

    #[test]
    fn the_log_stays_short_though_there_is_always_a_reader() {
        let (_dir, mut writer) = writer(1_000_000);
        writer.log_step = 6 << 20;
        writer.log_max = writer.log_step;
        let done = AtomicBool::new(false);
        let path = writer.path.clone();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let reader = Connection::open(&path).unwrap();
                    while !done.load(Ordering::SeqCst) {
                        reader.execute_batch("BEGIN; SELECT count(*) FROM texts").unwrap();
                        // A read that lasts, so that one always does.
                        std::thread::sleep(Duration::from_millis(3));
                        reader.execute_batch("COMMIT").unwrap();
                    }
                });
            }
            let mut longest = 0;
            for _ in 0..60 {
                let results = run(&mut writer, vec![insert(500_000)]);
                assert!(results[0].is_ok(), "{results:?}");
                longest = writer.log_length().max(longest);
            }
            done.store(true, Ordering::SeqCst);
            assert!(longest < 3 * writer.log_step, "{longest} bytes");
        });
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_was_moved_or_replaced_is_not_written_to() {
        let (dir, mut writer) = writer(1000);
        let elsewhere = dir.path().join("elsewhere");
        std::fs::rename(&writer.path, &elsewhere).unwrap();
        let results = run(&mut writer, vec![insert(1)]);
        assert!(is_unavailable(&results[0]), "{results:?}");
        std::fs::copy(&elsewhere, &writer.path).unwrap();
        let results = run(&mut writer, vec![insert(1)]);
        assert!(results[0].as_ref().unwrap_err().to_string().contains("restart"), "{results:?}");
        std::fs::rename(&elsewhere, &writer.path).unwrap();
        let results = run(&mut writer, vec![insert(1)]);
        assert!(matches!(results[..], [Ok(1)]), "{results:?}");
    }
}
