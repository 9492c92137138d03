//! The clipboard: by a program of the platform, else by a sequence that the terminal obeys.
//!
//! A program such as `wl-copy` keeps what it copied after this process has ended, which a clipboard of
//! X11 or Wayland requires. Over SSH only the terminal reaches the clipboard of the person, by OSC 52.

use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::CommandError;
use crate::config::Clipboard;

/// A program that copies its standard input, and how it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Program {
    name: &'static str,
    arguments: &'static [&'static str],
    /// Whether it reads UTF-16 with a byte order mark, as programs of Windows do.
    reads_utf16: bool,
}

impl Program {
    const fn new(name: &'static str, arguments: &'static [&'static str]) -> Self {
        Self { name, arguments, reads_utf16: false }
    }
}

const MACOS: Program = Program::new("pbcopy", &[]);
const WAYLAND: Program = Program::new("wl-copy", &[]);
const X11: Program = Program::new("xclip", &["-selection", "clipboard"]);
const X11_OTHER: Program = Program::new("xsel", &["--clipboard", "--input"]);
const WINDOWS: Program = Program { name: "clip.exe", arguments: &[], reads_utf16: true };

/// Returns the programs to try, in order. None reaches the clipboard of a remote person.
fn list_programs(system: &str, found: Clipboard) -> Vec<Program> {
    let Clipboard::Local { has_wayland, has_x11, is_wsl } = found else { return Vec::new() };
    let desktops: [(bool, &[Program]); 3] =
        [(is_wsl, &[WINDOWS]), (has_wayland, &[WAYLAND]), (has_x11, &[X11, X11_OTHER])];
    match system {
        "macos" => vec![MACOS],
        "windows" => vec![WINDOWS],
        _ => desktops
            .iter()
            .filter(|(is_there, _)| *is_there)
            .flat_map(|(_, all)| *all)
            .copied()
            .collect(),
    }
}

/// Copies a text. Returns where it is now, in words for a person.
pub(super) fn copy(text: &str) -> Result<&'static str, CommandError> {
    for program in list_programs(std::env::consts::OS, Clipboard::find()) {
        match run(program, text) {
            Ok(()) => return Ok("the clipboard"),
            // The next one may be there.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let message = format!("the text was not copied: {}: {error}", program.name);
                return Err(CommandError::failed(message));
            }
        }
    }
    if send_to_terminal(text)? {
        return Ok("the clipboard of the terminal");
    }
    Err(CommandError::failed(
        "the text was not copied: there is no terminal, and none of pbcopy, wl-copy, xclip, xsel and \
         clip.exe; leave --copy out and use a pipe",
    ))
}

fn run(program: Program, text: &str) -> io::Result<()> {
    let mut command = Command::new(program.name);
    // A program that stays to serve the clipboard must not hold this command's outputs open.
    command.args(program.arguments).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn()?;
    let bytes = if program.reads_utf16 { encode_utf16(text) } else { text.as_bytes().to_vec() };
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&bytes));
    let status = child.wait()?;
    if !status.success() {
        return Err(io::Error::other(format!("it ended with {status}")));
    }
    written
}

fn encode_utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// Sends OSC 52 to the terminal of this process. Returns `false` if there is none.
fn send_to_terminal(text: &str) -> Result<bool, CommandError> {
    let sequence = write_osc_52(text);
    let failed = |error: io::Error| CommandError::at("the terminal", &error);
    if io::stdout().is_terminal() {
        let mut out = io::stdout().lock();
        out.write_all(sequence.as_bytes()).and_then(|()| out.flush()).map_err(failed)?;
    } else if io::stderr().is_terminal() {
        io::stderr().lock().write_all(sequence.as_bytes()).map_err(failed)?;
    } else {
        let Ok(mut terminal) = std::fs::OpenOptions::new().write(true).open("/dev/tty") else {
            return Ok(false);
        };
        terminal.write_all(sequence.as_bytes()).map_err(failed)?;
    }
    Ok(true)
}

/// Writes the sequence that sets the clipboard (xterm control sequences, Operating System Command 52).
fn write_osc_52(text: &str) -> String {
    format!("\x1b]52;c;{}\x07", BASE64_STANDARD.encode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(system: &str, found: Clipboard, expected: &[&str]) {
        let names: Vec<&str> =
            list_programs(system, found).iter().map(|program| program.name).collect();
        assert_eq!(names, expected, "{system} {found:?}");
    }

    #[test]
    fn the_programs_are_those_of_the_platform_and_none_over_ssh() {
        let local =
            |has_wayland, has_x11, is_wsl| Clipboard::Local { has_wayland, has_x11, is_wsl };
        let none = local(false, false, false);
        check("macos", none, &["pbcopy"]);
        check("windows", none, &["clip.exe"]);
        check("linux", none, &[]);
        check("linux", local(true, true, false), &["wl-copy", "xclip", "xsel"]);
        check("linux", local(false, false, true), &["clip.exe"]);
        for system in ["macos", "windows", "linux"] {
            check(system, Clipboard::Remote, &[]);
        }
    }

    #[test]
    fn a_text_is_written_in_the_forms_of_windows_and_of_terminals() {
        assert_eq!(encode_utf16("é"), [0xFF, 0xFE, 0xE9, 0x00]);
        assert_eq!(write_osc_52("hi\u{1b}"), "\x1b]52;c;aGkb\x07");
    }
}
