//! A line about the progress of a command, on a terminal only.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Minimum time between two changes of the line.
const INTERVAL: Duration = Duration::from_millis(100);

/// The line, on standard error.
pub(super) struct Progress {
    is_terminal: bool,
    /// When the line changed last; `None` while there is no line.
    shown_at: Option<Instant>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), shown_at: None }
    }

    /// Replaces the line, unless it changed a moment ago.
    pub(super) fn show(&mut self, text: fmt::Arguments<'_>) {
        let is_due = self.shown_at.is_none_or(|shown_at| shown_at.elapsed() >= INTERVAL);
        if self.is_terminal && is_due {
            // A failure is ignored: a closed terminal needs no progress. `\r\x1b[K` returns to the
            // first column and erases the line (ECMA-48, EL).
            let _ = write!(io::stderr().lock(), "\r\x1b[K{text} ...");
            self.shown_at = Some(Instant::now());
        }
    }

    /// Erases the line, so that other output can follow.
    pub(super) fn clear(&mut self) {
        if self.shown_at.take().is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
