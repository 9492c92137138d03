//! The writer: gathers what is waiting into one transaction (group commit), each job in a savepoint
//! of its own, and answers after the commit. So an answer means that the write is on disk, and the
//! cost of `fsync` is shared by everybody who waits for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior, ffi};
use tokio::sync::oneshot;

use super::database::guarded;
use super::{Outcome, failure};
use crate::store::StoreError;
use crate::telemetry::metrics::{BATCH_SECONDS, BATCH_SIZE, Held, SQLITE_WRITES_WAITING};

/// Most writes that share a commit.
const BATCH_MAX: usize = 256;
/// How often the writer looks after the database.
const MAINTENANCE_EVERY: Duration = Duration::from_hours(1);
/// By how many bytes the log may grow before it is emptied; SQLite itself tries from 4 MB on.
const LOG_STEP: u64 = 32 * 1024 * 1024;
/// How long the writes wait for readers so that the log can be emptied.
const LOG_WAIT: Duration = Duration::from_millis(200);

/// The one connection that writes.
pub(super) struct Writer {
    connection: Connection,
    path: PathBuf,
    file: FileIdentity,
    wait: Duration,
    maintenance_every: Duration,
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
            maintenance_every: MAINTENANCE_EVERY,
            log_step: LOG_STEP,
            log_max: LOG_STEP,
        }
    }

    /// Writes until the queue is closed and empty. `maintain` runs at once and then every hour;
    /// while it returns that there is more to do, it runs again after the writes that wait.
    pub(super) fn run(
        &mut self,
        jobs: &flume::Receiver<Box<dyn WriteJob>>,
        maintain: impl Fn(&Connection) -> bool,
    ) {
        let mut maintenance_at = Instant::now();
        loop {
            if Instant::now() >= maintenance_at && !maintain(&self.connection) {
                maintenance_at = Instant::now() + self.maintenance_every;
            }
            match jobs.recv_deadline(maintenance_at) {
                Ok(first) => {
                    let mut batch = vec![first];
                    batch.extend(jobs.try_iter().take(BATCH_MAX - 1));
                    batch.retain(|job| !job.is_abandoned());
                    if !batch.is_empty() {
                        self.write_and_answer(batch);
                    }
                }
                Err(flume::RecvTimeoutError::Timeout) => {}
                Err(flume::RecvTimeoutError::Disconnected) => return,
            }
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
        // SQLite would go on writing to a file that nobody finds any more.
        if FileIdentity::of(&self.path) != self.file {
            return Err(sqlite_failure(ffi::SQLITE_READONLY_DBMOVED));
        }
        let transaction = TransactionBehavior::Immediate;
        let mut transaction = self.connection.transaction_with_behavior(transaction)?;
        for job in batch {
            run_in_savepoint(&mut transaction, job.as_mut())?;
        }
        transaction.commit()
    }

    /// Empties the log when it has grown long. SQLite does so by itself only in a moment without
    /// readers, which may not come under load; this waits for those who read now.
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

    /// The bytes of the log, 0 if there is none.
    fn log_length(&self) -> u64 {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        std::fs::metadata(log).map_or(0, |log| log.len())
    }
}

/// What a path names, `None` if nothing.
#[derive(PartialEq, Eq)]
struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino())))
    }

    /// Here nobody can move a file that is open.
    #[cfg(not(unix))]
    fn of(_path: &Path) -> Self {
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
    // A full disk or an I/O error may have ended the whole transaction by itself; to go on would
    // be to write without one.
    if savepoint.is_autocommit() {
        return Err(sqlite_failure(ffi::SQLITE_IOERR));
    }
    if keep { savepoint.commit() } else { savepoint.finish() }
}

/// Decides between the writer, who is about to begin a write, and the caller, who is about to give
/// it up: whoever takes it first. So a write that was reported as busy is never done afterwards.
#[derive(Clone, Default)]
pub(super) struct Claim(Arc<AtomicBool>);

impl Claim {
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// A job for the queue, the claim on it, and where its answer will be.
pub(super) fn job<T: Send + 'static>(
    work: impl FnOnce(&Connection) -> Outcome<T> + Send + 'static,
) -> (Box<dyn WriteJob>, Claim, oneshot::Receiver<Outcome<T>>) {
    let (reply, answer) = oneshot::channel();
    let claim = Claim::default();
    let waiting = Some(SQLITE_WRITES_WAITING.hold());
    let job = Write { work: Some(work), outcome: None, claim: claim.clone(), reply, waiting };
    (Box::new(job), claim, answer)
}

/// A write in the queue, whatever its result type.
pub(super) trait WriteJob: Send {
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
    waiting: Option<Held>,
}

impl<T: Send, F: FnOnce(&Connection) -> Outcome<T> + Send> WriteJob for Write<T, F> {
    fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(&mut self, connection: &Connection) -> bool {
        drop(self.waiting.take());
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::super::database::{open_writer, switch_to_wal};
    use super::*;

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

    type Insertion = Box<dyn FnOnce(&Connection) -> Outcome<usize> + Send>;

    fn insert(length: usize) -> Insertion {
        Box::new(move |db| Ok(db.execute("INSERT INTO texts VALUES (?1)", ["x".repeat(length)])?))
    }

    /// Runs works in one batch.
    fn run(writer: &mut Writer, works: Vec<Insertion>) -> Vec<Outcome<usize>> {
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

    fn is_unavailable(outcome: &Outcome<usize>) -> bool {
        matches!(outcome, Err(StoreError::Unavailable(_)))
    }

    #[test]
    fn a_refusal_undoes_its_own_write_alone() {
        let (_dir, mut writer) = writer(1000);
        let refuse: Insertion = Box::new(|db| {
            insert(10)(db)?;
            Err(StoreError::NotFound)
        });
        let panics: Insertion = Box::new(|_| panic!("on purpose"));
        let outcomes = run(&mut writer, vec![insert(1), refuse, panics, insert(2)]);
        assert!(
            matches!(
                outcomes[..],
                [Ok(1), Err(StoreError::NotFound), Err(StoreError::Internal(_)), Ok(1)]
            ),
            "{outcomes:?}"
        );
        assert_eq!(count(&writer), 2);
    }

    #[test]
    fn what_a_full_disk_undoes_is_reported_as_undone_and_the_next_batch_works() {
        let (_dir, mut writer) = writer(20);
        let refuse: Insertion = Box::new(|_| Err(StoreError::NotFound));
        let full = insert(200_000);
        let outcomes = run(&mut writer, vec![insert(1), refuse, full, insert(2)]);
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(count(&writer) as usize, written, "{outcomes:?}");
        assert!(is_unavailable(&outcomes[2]), "{outcomes:?}");
        let outcomes = run(&mut writer, vec![insert(1)]);
        assert!(matches!(outcomes[..], [Ok(1)]), "{outcomes:?}");
    }

    #[test]
    fn when_the_transaction_is_lost_nobody_is_told_otherwise() {
        let (_dir, mut writer) = writer(1000);
        let lost: Insertion = Box::new(|db| {
            db.execute_batch("ROLLBACK")?;
            Err(StoreError::Unavailable("the disk is full".to_owned()))
        });
        let taken: Insertion = Box::new(|_| Err(StoreError::NotFound));
        let outcomes = run(&mut writer, vec![insert(1), taken, lost, insert(2)]);
        assert!(outcomes.iter().all(is_unavailable), "{outcomes:?}");
        assert!(outcomes[2].as_ref().unwrap_err().to_string().contains("disk is full"));
        assert_eq!(count(&writer), 0);
    }

    #[test]
    fn maintenance_comes_round_though_writes_never_pause() {
        let (_dir, mut writer) = writer(1000);
        writer.maintenance_every = Duration::from_millis(1);
        let (jobs, queue) = flume::bounded(4);
        let rounds = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&rounds);
        let running = std::thread::spawn(move || {
            writer.run(&queue, move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                false
            });
        });
        let started = Instant::now();
        while rounds.load(Ordering::SeqCst) < 5 {
            assert!(started.elapsed() < WAIT, "no maintenance while writes come");
            let (job, _, answer) = job(insert(1));
            jobs.send(job).unwrap();
            answer.blocking_recv().unwrap().unwrap();
        }
        drop(jobs);
        running.join().unwrap();
    }

    #[test]
    fn maintenance_that_is_not_done_goes_on_between_the_writes() {
        let (_dir, mut writer) = writer(1000);
        let (jobs, queue) = flume::bounded(4);
        let (job, _, mut answer) = job(insert(1));
        jobs.send(job).unwrap();
        drop(jobs);
        let rounds = AtomicU32::new(0);
        writer.run(&queue, |_| rounds.fetch_add(1, Ordering::SeqCst) < 2);
        assert!(answer.try_recv().unwrap().is_ok());
        assert!(rounds.load(Ordering::SeqCst) >= 2);
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
                let outcomes = run(&mut writer, vec![insert(500_000)]);
                assert!(outcomes[0].is_ok(), "{outcomes:?}");
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
        let outcomes = run(&mut writer, vec![insert(1)]);
        assert!(is_unavailable(&outcomes[0]), "{outcomes:?}");
        std::fs::copy(&elsewhere, &writer.path).unwrap();
        let outcomes = run(&mut writer, vec![insert(1)]);
        assert!(outcomes[0].as_ref().unwrap_err().to_string().contains("restart"), "{outcomes:?}");
        std::fs::rename(&elsewhere, &writer.path).unwrap();
        let outcomes = run(&mut writer, vec![insert(1)]);
        assert!(matches!(outcomes[..], [Ok(1)]), "{outcomes:?}");
    }
}
