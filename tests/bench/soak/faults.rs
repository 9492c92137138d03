//! What stands between the server and its Convex deployment: a relay that lets calls through, or does
//! to them what networks and deployments do.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::client::{Case, Connection};
use crate::texts::Random;

/// For how long after a fault has ended the server may still feel it: calls that hang hold their
/// places for half of the time that a call may take, 4 s.
pub(super) const RECOVERY: Duration = Duration::from_secs(6);
/// How much later a slow answer comes.
const DELAY: Duration = Duration::from_millis(300);

/// What happens to calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// 503: a conflict of writes, or too much to do.
    Busy,
    /// 429: too many calls at once.
    TooMany,
    /// The connection is closed without an answer, before anything is done.
    Reset,
    /// The answer comes late.
    Slow,
    /// No answer, ever.
    Hang,
    /// The call is carried out, and its answer is lost.
    LostAnswer,
    /// Nobody can be reached.
    Down,
}

impl Fault {
    pub(super) const ALL: [Self; 7] = [
        Self::Busy,
        Self::TooMany,
        Self::Reset,
        Self::Slow,
        Self::Hang,
        Self::LostAnswer,
        Self::Down,
    ];

    /// Of ten calls, how many it happens to.
    fn of_ten(self) -> usize {
        match self {
            Self::Hang => 2,
            Self::Down => 10,
            _ => 5,
        }
    }
}

/// Which fault there is, and what came of it.
pub(super) struct Faults(Mutex<Standing>);

struct Standing {
    /// The database that calls go to.
    world: String,
    fault: Option<Fault>,
    ended_at: Option<Instant>,
    random: Random,
    /// How many calls went through, and how many met a fault.
    calls: (usize, usize),
}

impl Faults {
    pub(super) fn none() -> Arc<Self> {
        let world = String::new();
        let (fault, ended_at, random) = (None, None, Random::new(9));
        Arc::new(Self(Mutex::new(Standing { world, fault, ended_at, random, calls: (0, 0) })))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Standing) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on calls go to another database.
    pub(super) fn enter(&self, world: String) {
        self.with(|standing| standing.world = world);
    }

    /// From now on this happens, or nothing any more.
    pub(super) fn set(&self, fault: Option<Fault>) {
        self.with(|standing| {
            if standing.fault.is_some() {
                standing.ended_at = Some(Instant::now());
            }
            standing.fault = fault;
        });
    }

    /// Whether a request that was sent at `began` may have met a fault.
    pub(super) fn excuse(&self, began: Instant) -> bool {
        self.with(|standing| {
            let may_be_felt = |ended_at: Instant| ended_at + RECOVERY > began;
            standing.fault.is_some() || standing.ended_at.is_some_and(may_be_felt)
        })
    }

    /// How many calls went through, and how many met a fault.
    pub(super) fn calls(&self) -> (usize, usize) {
        self.with(|standing| standing.calls)
    }

    fn next(&self) -> Option<Fault> {
        self.with(|standing| {
            let met = standing.fault.filter(|fault| standing.random.below(10) < fault.of_ten());
            match met {
                None => standing.calls.0 += 1,
                Some(_) => standing.calls.1 += 1,
            }
            met
        })
    }
}

/// Relays calls to the functions at `port`, for ever.
pub(super) async fn relay(listener: TcpListener, faults: Arc<Faults>, port: u16) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, Arc::clone(&faults), port));
    }
}

async fn serve(mut stream: TcpStream, faults: Arc<Faults>, port: u16) {
    let mut functions = None;
    while let Some(request) = read_request(&mut stream).await {
        let answer = match faults.next() {
            Some(Fault::Busy) => refusal(503, "OptimisticConcurrencyControlFailure"),
            Some(Fault::TooMany) => refusal(429, "TooManyConcurrentRequests"),
            Some(Fault::Reset | Fault::Down) => return,
            Some(Fault::Hang) => {
                // Until the client has had enough.
                let _ = stream.read(&mut [0]).await;
                return;
            }
            fault => {
                let world = faults.with(|standing| standing.world.clone());
                let case = Case::raw(request).with_header("x-world", &world);
                let Ok(answer) = pass_on(&mut functions, port, &case).await else { return };
                match fault {
                    Some(Fault::LostAnswer) => return,
                    Some(Fault::Slow) => tokio::time::sleep(DELAY).await,
                    _ => {}
                }
                answer
            }
        };
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn pass_on(
    functions: &mut Option<Connection>,
    port: u16,
    case: &Case,
) -> std::io::Result<Vec<u8>> {
    let connection = match functions {
        Some(connection) if !connection.was_closed() => connection,
        _ => functions.insert(Connection::open(([127, 0, 0, 1], port).into()).await?),
    };
    let answer = connection.send(case).await?;
    Ok(response(answer.status, answer.body))
}

fn refusal(status: u16, code: &str) -> Vec<u8> {
    response(status, format!("{{\"code\":\"{code}\",\"message\":\"try again\"}}").as_bytes())
}

fn response(status: u16, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The next request with a `Content-Length`; `None` at the end.
async fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let head = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(head) = memmem::find(&bytes, b"\r\n\r\n") {
            break head;
        }
    };
    let length = memmem::find(&bytes[..head], b"content-length: ")? + "content-length: ".len();
    let digits = bytes[length..].split(|byte| *byte == b'\r').next()?;
    let length: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(bytes)
}
