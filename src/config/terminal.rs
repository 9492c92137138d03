//! What the environment says of the user's terminal and clients. These variables belong to other
//! programs, so they are not settings and have no flags.

use std::ffi::OsString;

/// Returns the command of the user's editor: `VISUAL`, else `EDITOR`.
pub fn editor() -> Option<OsString> {
    read("VISUAL").or_else(|| read("EDITOR"))
}

/// Returns the folders in which a shell looks for a command: `PATH`.
pub fn search_path() -> Option<OsString> {
    read("PATH")
}

/// Returns a variable by which a client finds its files, such as `CODEX_HOME`.
pub fn client_variable(name: &str) -> Option<OsString> {
    read(name)
}

/// The clipboard that programs of this machine reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clipboard {
    /// None: the terminal is that of another machine.
    Remote,
    /// That of the desktops that are there.
    Local {
        /// There is a Wayland compositor.
        has_wayland: bool,
        /// There is an X server.
        has_x11: bool,
        /// Linux runs on Windows.
        is_wsl: bool,
    },
}

impl Clipboard {
    /// Reads the variables that the systems set.
    pub fn find() -> Self {
        if read("SSH_CONNECTION").is_some() || read("SSH_TTY").is_some() {
            return Self::Remote;
        }
        Self::Local {
            has_wayland: read("WAYLAND_DISPLAY").is_some(),
            has_x11: read("DISPLAY").is_some(),
            is_wsl: read("WSL_DISTRO_NAME").is_some(),
        }
    }
}

/// Reads a variable; `None` if it is empty.
#[expect(clippy::disallowed_methods, reason = "`config` is the module that reads the environment")]
fn read(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
