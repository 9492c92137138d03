//! A light client: keep-alive HTTP/1.1 by hand, so that the servers are measured and not it. Every
//! answer is checked.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// A request, and what its answer must hold.
#[derive(Clone)]
pub(crate) struct Case {
    request: Vec<u8>,
    expected: Vec<String>,
}

impl Case {
    /// A JSON body for `path`, with further header lines that each end in CRLF.
    pub(crate) fn post(path: &str, headers: &str, body: &str, expected: Vec<String>) -> Self {
        Self::json("POST", path, headers, body, expected)
    }

    /// The same with another method.
    pub(crate) fn json(
        method: &str,
        path: &str,
        headers: &str,
        body: &str,
        expected: Vec<String>,
    ) -> Self {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: bench/1\r\nAccept: \
             application/json, text/event-stream\r\nContent-Type: application/json\r\n{headers}\
             Content-Length: {length}\r\n\r\n{body}"
        );
        Self { request: request.into_bytes(), expected }
    }

    pub(crate) fn bodiless(method: &str, path: &str, expected: Vec<String>) -> Self {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        Self { request: request.into_bytes(), expected }
    }

    /// A request as it was sent by another client.
    pub(crate) fn raw(request: Vec<u8>) -> Self {
        Self { request, expected: vec![] }
    }

    /// The same request with one more header.
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Some(line) = memmem::find(&self.request, b"\r\n") {
            let header = format!("\r\n{name}: {value}");
            self.request.splice(line..line, header.into_bytes());
        }
        self
    }

    /// The request as it is sent.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.request
    }

    /// Whether an answer is the expected one.
    fn check(&self, answer: &Answer<'_>) -> Result<(), String> {
        let missing =
            self.expected.iter().find(|part| memmem::find(answer.body, part.as_bytes()).is_none());
        if (200..300).contains(&answer.status) && missing.is_none() {
            return Ok(());
        }
        let body: String = String::from_utf8_lossy(answer.body).chars().take(600).collect();
        Err(format!("status {}, missing {missing:?}: {body}", answer.status))
    }
}

/// What came back.
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
    /// Whether the server closes the connection now.
    pub(crate) is_last: bool,
}

/// An open connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends a request and reads its answer, which must say its length.
    pub(crate) async fn send(&mut self, case: &Case) -> io::Result<Answer<'_>> {
        self.write(case).await?;
        let (head, status, length, is_last) = loop {
            self.read_more().await?;
            if let Some(head) = memmem::find(&self.buffer, b"\r\n\r\n") {
                let lines = &self.buffer[..head + 2];
                let (status, length) = read_head(lines)?;
                let is_last = memmem::find(lines, b"\r\nconnection: close\r\n").is_some();
                break (head + 4, status, length, is_last);
            }
        };
        while self.buffer.len() < head + length {
            self.read_more().await?;
        }
        Ok(Answer { status, body: &self.buffer[head..head + length], is_last })
    }

    /// Sends a request and checks its answer.
    pub(crate) async fn call(&mut self, case: &Case) -> Result<Answer<'_>, String> {
        let answer = self.send(case).await.map_err(|error| error.to_string())?;
        case.check(&answer)?;
        Ok(answer)
    }

    /// Sends a request whose answer has no end, and reads until `part` has come.
    pub(crate) async fn open_stream(&mut self, case: &Case, part: &[u8]) -> io::Result<()> {
        self.write(case).await?;
        self.read_until(part).await.map(|_| ())
    }

    /// Reads on until `part` has come; everything that has come since the request was sent.
    pub(crate) async fn read_until(&mut self, part: &[u8]) -> io::Result<&[u8]> {
        while memmem::find(&self.buffer, part).is_none() {
            self.read_more().await?;
        }
        Ok(&self.buffer)
    }

    /// What has come of an answer so far.
    pub(crate) fn so_far(&self) -> &[u8] {
        &self.buffer
    }

    /// Whether the server has closed the connection while it was not used.
    pub(crate) fn was_closed(&self) -> bool {
        let nothing_yet = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        !self.stream.try_read(&mut [0]).is_err_and(|error| nothing_yet(&error))
    }

    async fn write(&mut self, case: &Case) -> io::Result<()> {
        self.buffer.clear();
        self.stream.write_all(&case.request).await
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// Status and content length of a head whose every line ends in CRLF.
fn read_head(head: &[u8]) -> io::Result<(u16, usize)> {
    let broken = || io::Error::other("an answer without status or length");
    let number = |digits: &[u8]| std::str::from_utf8(digits).ok()?.trim().parse::<usize>().ok();
    let status = head.get(9..12).and_then(number).ok_or_else(broken)?;
    let status = u16::try_from(status).map_err(|_| broken())?;
    if status == 204 {
        return Ok((status, 0));
    }
    let length = memmem::find(head, b"content-length:").ok_or_else(broken)?;
    let rest = &head[length + "content-length:".len()..];
    let end = memmem::find(rest, b"\r\n").ok_or_else(broken)?;
    Ok((status, number(&rest[..end]).ok_or_else(broken)?))
}

/// How much a load sends.
#[derive(Clone, Copy)]
pub(crate) enum Amount {
    /// The cases again and again, for a time.
    For(Duration),
    /// Each case once.
    EachOnce,
}

/// What a load brought.
pub(crate) struct Outcome {
    /// How long each good answer took, in microseconds, in ascending order.
    pub(crate) latencies: Vec<u32>,
    /// What went wrong, in the first few words of each kind.
    pub(crate) failures: Vec<String>,
    pub(crate) elapsed: Duration,
}

impl Outcome {
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency in milliseconds that `percent` of the answers stayed within.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let Some(last) = self.latencies.len().checked_sub(1) else { return f64::NAN };
        f64::from(self.latencies[last * percent / 100]) / 1000.0
    }

    /// The outcome, if nothing went wrong.
    pub(crate) fn without_failure(self) -> Result<Self, String> {
        match self.failures.first() {
            None if !self.latencies.is_empty() => Ok(self),
            None => Err("no request was sent".to_owned()),
            Some(first) => Err(format!("{} requests failed: {first}", self.failures.len())),
        }
    }
}

/// Sends the cases over so many connections at once, from half of the machine's cores.
pub(crate) fn run(
    address: SocketAddr,
    connections: usize,
    cases: &Arc<[Case]>,
    amount: Amount,
) -> Outcome {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (cores / 2).clamp(1, connections);
    let handles: Vec<_> = (0..threads)
        .map(|thread| {
            let cases = Arc::clone(cases);
            let plan = move || run_thread(address, connections, threads, thread, &cases, amount);
            std::thread::spawn(plan)
        })
        .collect();
    let mut all = Outcome { latencies: vec![], failures: vec![], elapsed: Duration::ZERO };
    for handle in handles {
        let part = handle.join().expect("a thread of the client does not panic");
        all.latencies.extend(part.latencies);
        all.failures.extend(part.failures);
        all.elapsed = all.elapsed.max(part.elapsed);
    }
    all.latencies.sort_unstable();
    all
}

/// The share of one thread: every `threads`-th connection.
fn run_thread(
    address: SocketAddr,
    connections: usize,
    threads: usize,
    thread: usize,
    cases: &Arc<[Case]>,
    amount: Amount,
) -> Outcome {
    super::block_on(async {
        let mut open = Vec::new();
        let mut failures = Vec::new();
        for number in (thread..connections).step_by(threads) {
            match Connection::open(address).await {
                Ok(connection) => open.push((number, connection)),
                Err(error) => failures.push(format!("connecting: {error}")),
            }
        }
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for (number, connection) in open {
            let cases = Arc::clone(cases);
            tasks.spawn(drive(connection, number, connections, cases, amount, started));
        }
        let mut latencies = Vec::new();
        while let Some(done) = tasks.join_next().await {
            let (times, failed) = done.expect("a task of the client does not panic");
            latencies.extend(times);
            failures.extend(failed);
        }
        Outcome { latencies, failures, elapsed: started.elapsed() }
    })
}

/// Sends every `step`-th case, one after the other; a failure ends the connection.
async fn drive(
    mut connection: Connection,
    first: usize,
    step: usize,
    cases: Arc<[Case]>,
    amount: Amount,
    started: Instant,
) -> (Vec<u32>, Option<String>) {
    let mut latencies = Vec::with_capacity(4096);
    let mut next = first;
    loop {
        let goes_on = match amount {
            Amount::For(time) => started.elapsed() < time,
            Amount::EachOnce => next < cases.len(),
        };
        if !goes_on {
            return (latencies, None);
        }
        let sent = Instant::now();
        if let Err(failure) = connection.call(&cases[next % cases.len()]).await {
            return (latencies, Some(failure));
        }
        latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        next += step;
    }
}
