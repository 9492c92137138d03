//! A pseudo terminal, on which a command runs as a person runs it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// How long a command may take to hide the keys; a test that passes never waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs a command on a terminal of so many columns, and returns what the terminal gets.
pub(crate) fn run_on_terminal(command: &mut Command, columns: u16) -> String {
    let mut running = Running::start(command, columns);
    running.show()
}

/// Runs a command on a terminal, and presses these keys as soon as the terminal does not show them. Returns
/// the outcome and what the terminal gets.
pub(crate) fn run_with_hidden_keys(command: &mut Command, keys: &str) -> (ExitStatus, String) {
    let mut running = Running::start(command, 80);
    let started = Instant::now();
    while tcgetattr(&running.controller).unwrap().local_modes.contains(LocalModes::ECHO) {
        if let Some(status) = running.child.try_wait().unwrap() {
            return (status, running.show());
        }
        if started.elapsed() > PATIENCE {
            running.child.kill().unwrap();
            panic!("the terminal shows the keys: {}", running.show());
        }
        std::thread::yield_now();
    }
    running.controller.write_all(keys.as_bytes()).unwrap();
    let shown = running.show();
    (running.child.wait().unwrap(), shown)
}

/// A command on a terminal.
struct Running {
    controller: File,
    child: Child,
}

impl Running {
    fn start(command: &mut Command, columns: u16) -> Self {
        let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&controller).unwrap();
        unlockpt(&controller).unwrap();
        let name = ptsname(&controller, Vec::new()).unwrap();
        let name = OsStr::from_bytes(name.to_bytes());
        let terminal = File::options().read(true).write(true).open(name).unwrap();
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).unwrap();
        let clone = || OwnedFd::from(terminal.try_clone().unwrap());
        let child = command.stdin(clone()).stdout(clone()).stderr(clone()).spawn().unwrap();
        // The reading ends when every handle of the other side is closed.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { controller: controller.into(), child }
    }

    /// Returns what the terminal gets until the command ends.
    fn show(&mut self) -> String {
        let mut shown = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            match self.controller.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => shown.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // EIO: the other side is closed.
                Err(_) => break,
            }
        }
        self.child.wait().unwrap();
        String::from_utf8(shown).unwrap().replace("\r\n", "\n")
    }
}
