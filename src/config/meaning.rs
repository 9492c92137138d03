//! The setting of the model that search by meaning uses.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PathBufValueParser;

use super::ConfigError;
use super::setting::{Setting, deferred, optional};

/// The name of the model's file where no setting names it.
const FILE_NAME: &str = "meaning.bin";

/// The settings of search by meaning, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Library")]
pub struct MeaningSettings {
    /// The model of meanings [default: promptdb/meaning.bin in the user's data folder, then
    /// meaning.bin beside the program]
    #[arg(long, env, global = true, value_name = "FILE",
          value_parser = deferred(PathBufValueParser::new()))]
    model_path: Option<Setting<PathBuf>>,
}

/// Where the model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelPath {
    /// At the path of the setting, whether or not there is a file.
    Given(PathBuf),
    /// At a default path, where there is a file.
    Found(PathBuf),
    /// Nowhere: search goes by words alone.
    Absent,
}

impl MeaningSettings {
    /// Returns the path that is set, or else the first default path that has a file.
    pub fn validate(&self) -> Result<ModelPath, ConfigError> {
        Ok(match optional(self.model_path.as_ref())? {
            Some(path) => ModelPath::Given(path),
            None => find(default_paths()),
        })
    }
}

/// The model's file in the user's data folder; `None` for a user without a home folder.
pub fn default_model_path() -> Option<PathBuf> {
    dirs::data_dir().map(|folder| folder.join("promptdb").join(FILE_NAME))
}

fn default_paths() -> impl Iterator<Item = PathBuf> {
    let program = std::env::current_exe().ok().map(|program| program.with_file_name(FILE_NAME));
    default_model_path().into_iter().chain(program)
}

fn find(mut paths: impl Iterator<Item = PathBuf>) -> ModelPath {
    paths.find(|path| path.is_file()).map_or(ModelPath::Absent, ModelPath::Found)
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;

    #[test]
    fn a_path_that_is_set_is_taken_as_it_is() {
        let settings = parse(&["--model-path", "/no/such/model.bin"]);
        let path = PathBuf::from("/no/such/model.bin");
        assert_eq!(settings.meaning.validate().unwrap(), ModelPath::Given(path));
    }

    #[test]
    fn the_first_default_path_with_a_file_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("folder")).unwrap();
        std::fs::write(path("second"), "").unwrap();
        std::fs::write(path("third"), "").unwrap();
        let found = |names: &[&str]| find(names.iter().map(|name| path(name)));
        let names = ["missing", "folder", "second", "third"];
        assert_eq!(found(&names), ModelPath::Found(path("second")));
        assert_eq!(found(&["missing", "folder"]), ModelPath::Absent);
    }
}
