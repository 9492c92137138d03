//! A client that stays: it knocks until it is let in, uses its connection again, and counts every
//! request that was accepted and not answered.

use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::calls::{Door, Reply};
use super::faults::Faults;
use crate::client::{Case, Connection};

/// How long a client knocks at a server that lets nobody in.
const KNOCKING: Duration = Duration::from_secs(20);
const KNOCK_EVERY: Duration = Duration::from_millis(2);
/// How long an answer may take, beyond every deadline of the server.
const PATIENCE: Duration = Duration::from_secs(15);
/// Most broken promises that are told one by one.
const TOLD_MAX: usize = 10;

/// What all clients of a server know, and what they report.
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    /// Which process serves now, and which of them were killed.
    generation: AtomicU32,
    killed: Mutex<HashSet<u32>>,
    /// What stands between the server and its store, if anything does.
    pub(super) faults: Option<Arc<Faults>>,
    is_over: AtomicBool,
    pub(super) tally: Mutex<Tally>,
}

/// What came of the requests.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) done: BTreeMap<&'static str, usize>,
    /// In microseconds, from when the request was due.
    pub(super) latencies: Vec<u32>,
    pub(super) cut: usize,
    pub(super) troubles: BTreeMap<String, usize>,
    pub(super) broken: Vec<String>,
    pub(super) broken_count: usize,
}

impl Shared {
    pub(super) fn new(address: SocketAddr, faults: Option<Arc<Faults>>) -> Arc<Self> {
        Arc::new(Self {
            address,
            generation: AtomicU32::new(0),
            killed: Mutex::default(),
            faults,
            is_over: AtomicBool::new(false),
            tally: Mutex::default(),
        })
    }

    /// The server that runs now is about to be killed.
    pub(super) fn note_kill(&self) {
        let mut killed = self.killed.lock().unwrap_or_else(PoisonError::into_inner);
        killed.insert(self.generation.load(Ordering::SeqCst));
    }

    /// Nobody is let in by the old server any more; the next one is about to start.
    pub(super) fn note_start(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn was_killed(&self, generation: u32) -> bool {
        self.killed.lock().unwrap_or_else(PoisonError::into_inner).contains(&generation)
    }

    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Changes what was reported.
    pub(super) fn report<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        change(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts something that was done, and that took so many microseconds.
    pub(super) fn report_done(&self, what: &'static str, took: Option<u32>) {
        self.report(|tally| {
            *tally.done.entry(what).or_default() += 1;
            tally.latencies.extend(took);
        });
    }

    pub(super) fn report_broken(&self, what: String) {
        self.report(|tally| {
            tally.broken_count += 1;
            if tally.broken.len() < TOLD_MAX {
                tally.broken.push(what);
            }
        });
    }
}

/// One client, with a connection when it needs one.
pub(super) struct Client {
    pub(super) shared: Arc<Shared>,
    open: Option<(Connection, u32)>,
}

/// What became of a request.
pub(super) enum Sent {
    Answered(u16, Vec<u8>),
    /// Its server was killed.
    Cut,
}

impl Client {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, open: None }
    }

    /// A connection, and which process it leads to. One that is refused was not accepted, and is
    /// tried again.
    pub(super) async fn connect(&self) -> Result<(Connection, u32), String> {
        let began = Instant::now();
        loop {
            let generation = self.shared.generation.load(Ordering::SeqCst);
            let outcome = Connection::open(self.shared.address).await;
            let is_known = generation == self.shared.generation.load(Ordering::SeqCst);
            match outcome {
                Ok(connection) if is_known => return Ok((connection, generation)),
                Ok(_) => {}
                Err(error) if began.elapsed() > KNOCKING => {
                    return Err(format!("nobody is let in: {error}"));
                }
                Err(_) => sleep(KNOCK_EVERY).await,
            }
        }
    }

    /// Uses this connection from now on.
    pub(super) fn keep(&mut self, open: (Connection, u32)) {
        self.open = Some(open);
    }

    /// Sends a request; that it is accepted and not answered is a broken promise, unless the server
    /// was killed.
    pub(super) async fn send(&mut self, case: &Case) -> Result<Sent, String> {
        let (mut connection, generation) = match self.open.take() {
            Some((connection, generation)) if !connection.was_closed() => (connection, generation),
            _ => self.connect().await?,
        };
        let why = match timeout(PATIENCE, connection.send(case)).await {
            Ok(Ok(answer)) => {
                let (is_last, sent) =
                    (answer.is_last, Sent::Answered(answer.status, answer.body.to_vec()));
                if !is_last {
                    self.open = Some((connection, generation));
                }
                return Ok(sent);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("nothing came for {} s", PATIENCE.as_secs()),
        };
        if self.shared.was_killed(generation) {
            self.shared.report(|tally| tally.cut += 1);
            return Ok(Sent::Cut);
        }
        Err(format!("a request was accepted and not answered: {why}"))
    }

    /// Sends a request and understands the answer. Trouble is a broken promise where nothing stands
    /// in the way.
    pub(super) async fn ask(&mut self, door: Door, case: &Case) -> Result<Reply, String> {
        let began = Instant::now();
        let reply = match self.send(case).await? {
            Sent::Answered(status, body) => door.read(status, &body)?,
            Sent::Cut => Reply::Cut,
        };
        if let Reply::Trouble(kind) = &reply {
            let faults = self.shared.faults.as_ref();
            if !faults.is_some_and(|faults| faults.excuse(began)) {
                return Err(format!("{kind}, while nothing stands in the way"));
            }
            self.shared.report(|tally| *tally.troubles.entry(kind.clone()).or_default() += 1);
        }
        Ok(reply)
    }
}
