//! The writer of the log: it collects lines in memory, and a thread writes them to stderr in blocks.
//! A system call for each line costs more than the line itself, and a log reader that stalls must
//! not stop the server.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Maximum time that a line waits for others.
const GATHERING: Duration = Duration::from_millis(20);
/// Maximum time that the end of the process waits for the log reader.
const CLOSING: Duration = Duration::from_secs(1);
/// Maximum number of bytes in memory; further lines are counted and left out.
const WAITING_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Collects the lines; cloning it is cheap.
#[derive(Clone)]
pub(super) struct LogWriter(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    left_out: usize,
    is_closed: bool,
    is_done: bool,
}

/// Writes the rest of the log when it is dropped.
#[must_use]
pub struct LogGuard(Arc<Shared>);

impl LogWriter {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> (Self, LogGuard) {
        let shared = Arc::new(Shared { waiting: Mutex::default(), changed: Condvar::new() });
        let ours = Arc::clone(&shared);
        std::thread::spawn(move || ours.write_on(out));
        (Self(Arc::clone(&shared)), LogGuard(shared))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes blocks until the log is closed and empty.
    fn write_on(&self, mut out: impl Write) {
        let mut block = Vec::new();
        loop {
            let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.is_closed;
            let waiting = self.changed.wait_while(self.lock(), idle);
            let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
            let open = |waiting: &mut Waiting| !waiting.is_closed;
            let gathered = self.changed.wait_timeout_while(waiting, GATHERING, open);
            let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            let is_closed = waiting.is_closed;
            let left_out = std::mem::take(&mut waiting.left_out);
            std::mem::swap(&mut waiting.lines, &mut block);
            drop(waiting);
            if left_out > 0 {
                let note = format!("{left_out} lines were left out: the log was not read\n");
                block.extend_from_slice(note.as_bytes());
            }
            // A log that cannot be written leaves no place to report that.
            let _ = out.write_all(&block).and_then(|()| out.flush());
            block.clear();
            if is_closed {
                self.lock().is_done = true;
                self.changed.notify_all();
                return;
            }
        }
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &LogWriter {
    /// Appends a line; the subscriber writes each with one call.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.lock();
        if waiting.is_done {
            // The thread has ended: the last lines of the process are written here.
            drop(waiting);
            return io::stderr().write(line);
        }
        let was_empty = waiting.lines.is_empty();
        if waiting.lines.len() + line.len() > WAITING_MAX_BYTES {
            waiting.left_out += 1;
        } else {
            waiting.lines.extend_from_slice(line);
        }
        drop(waiting);
        if was_empty {
            self.0.changed.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogGuard {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.is_closed = true;
        self.0.changed.notify_all();
        let unfinished = |waiting: &mut Waiting| !waiting.is_done;
        // A log reader that stalls does not keep the process, so the outcome does not matter.
        drop(self.0.changed.wait_timeout_while(waiting, CLOSING, unfinished));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Passes each block to the test, which decides when to take it.
    struct Blocks(mpsc::SyncSender<Vec<u8>>);

    impl Write for Blocks {
        fn write(&mut self, block: &[u8]) -> io::Result<usize> {
            self.0.send(block.to_vec()).map_err(io::Error::other)?;
            Ok(block.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn every_line_is_written_in_its_order_when_the_log_is_closed() {
        let (blocks, written) = mpsc::sync_channel(1000);
        let (writer, guard) = LogWriter::start(Blocks(blocks));
        let lines: Vec<String> = (0..1000).map(|number| format!("line {number}\n")).collect();
        for line in &lines {
            (&writer).write_all(line.as_bytes()).unwrap();
        }
        drop(guard);
        let written: Vec<u8> = written.try_iter().flatten().collect();
        assert_eq!(String::from_utf8(written).unwrap(), lines.concat());
    }

    #[test]
    fn a_reader_that_stalls_stops_no_writer_and_the_log_counts_the_lines_left_out() {
        let (blocks, written) = mpsc::sync_channel(0);
        let (writer, guard) = LogWriter::start(Blocks(blocks));
        let line = [b'x'; 1024];
        for _ in 0..3 * WAITING_MAX_BYTES / line.len() {
            (&writer).write_all(&line).unwrap();
        }
        let reader = std::thread::spawn(move || written.iter().flatten().collect::<Vec<u8>>());
        drop(guard);
        let written = reader.join().unwrap();
        assert!(written.len() <= 2 * WAITING_MAX_BYTES + 100, "{}", written.len());
        let text = String::from_utf8(written).unwrap();
        assert!(text.contains(" lines were left out"));
    }
}
