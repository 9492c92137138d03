//! The command `completions`, which prints a shell's completion script.

use clap_complete::Shell;

use super::{CommandError, build_command, print};

/// Prints the script, which depends on no setting.
pub(super) fn print_completions(shell: Shell) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut build_command(), "promptdb", &mut script);
    print(&String::from_utf8_lossy(&script))
}
