//! The command `convert-model`, which makes the model of meanings from its package.

use std::path::PathBuf;

use clap::Args;

use super::{CommandError, print_notice};
use crate::meaning;

#[derive(Debug, Args)]
pub(super) struct ConvertModelArgs {
    /// The package, as `make model` downloads it
    #[arg(value_name = "WHEEL")]
    wheel: PathBuf,
    /// The model to write; an existing one is replaced
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Converts the package. Its licence and a notice come beside the model.
pub(super) fn convert_model(args: &ConvertModelArgs) -> Result<(), CommandError> {
    let (wheel, file) = (args.wheel.display(), args.file.display());
    let id = meaning::convert(&args.wheel, &args.file)
        .map_err(|error| CommandError(format!("{wheel} was not converted to {file}: {error}")))?;
    print_notice(&format!("made the model {id} at {file}"))
}
