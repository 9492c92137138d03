//! The command `completions`, which prints a shell's completion script.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, CommandError, print};

/// Prints the script, which depends on no setting.
pub(super) fn print_completions(shell: Shell) -> Result<(), CommandError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "promptdb", &mut script);
    print(&String::from_utf8_lossy(&script))
}
