//! A pseudo terminal, on which a command runs as a person runs it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, ExitStatus, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// Runs a command on a terminal of so many columns, and returns what the terminal gets.
pub(crate) fn run_on_terminal(command: &mut Command, columns: u16) -> String {
    run_with_keys(command, columns, "").1
}

/// As [`run_on_terminal`], while a person presses these keys; returns the outcome, too. The terminal
/// shows the keys.
pub(crate) fn run_with_keys(
    command: &mut Command,
    columns: u16,
    keys: &str,
) -> (ExitStatus, String) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap();
    let terminal = File::options().read(true).write(true).open(OsStr::from_bytes(name.to_bytes()));
    let terminal = terminal.unwrap();
    let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let clone = || OwnedFd::from(terminal.try_clone().unwrap());
    let mut child = command.stdin(clone()).stdout(clone()).stderr(clone()).spawn().unwrap();
    // The reading ends when every handle of the other side is closed.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(terminal);
    let mut controller = File::from(controller);
    controller.write_all(keys.as_bytes()).unwrap();
    let mut shown = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match controller.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => shown.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // EIO: the other side is closed.
            Err(_) => break,
        }
    }
    let status = child.wait().unwrap();
    (status, String::from_utf8(shown).unwrap().replace("\r\n", "\n"))
}
