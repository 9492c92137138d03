//! What the environment says of the user's terminal. These variables belong to other programs, so they
//! are not settings and have no flags.

use std::ffi::OsString;

/// Returns the command of the user's editor: `VISUAL`, else `EDITOR`.
pub fn editor() -> Option<OsString> {
    read("VISUAL").or_else(|| read("EDITOR"))
}

/// The clipboards within reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clipboards {
    /// The terminal is that of another machine, whose clipboard no program here sets.
    pub is_remote: bool,
    /// There is a Wayland compositor.
    pub has_wayland: bool,
    /// There is an X server.
    pub has_x11: bool,
    /// Linux runs on Windows.
    pub is_wsl: bool,
}

impl Clipboards {
    /// Reads the variables that the systems set.
    pub fn find() -> Self {
        Self {
            is_remote: read("SSH_CONNECTION").is_some() || read("SSH_TTY").is_some(),
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
