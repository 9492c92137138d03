//! The settings of the place that keeps the prompts: a SQLite file or a Convex deployment.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PathBufValueParser;

use super::convex::ConvexSettings;
use super::setting::{Setting, deferred, optional};
use super::{ConfigError, Convex, fault};

/// The settings of the storage, as given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Library")]
pub struct StorageSettings {
    /// The library's SQLite file [default: promptdb/promptdb.db in the user's data folder]
    #[arg(long, env, global = true, value_name = "FILE",
          value_parser = deferred(PathBufValueParser::new()))]
    database_path: Option<Setting<PathBuf>>,

    #[command(flatten)]
    convex: ConvexSettings,
}

/// Where the prompts are.
#[derive(Debug, Clone)]
pub enum Storage {
    /// In a SQLite file, which need not exist yet.
    File(PathBuf),
    /// In a Convex deployment.
    Convex(Convex),
}

impl Storage {
    /// The place, for people: a path, or the origin of the deployment.
    pub fn describe(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Convex(convex) => format!("Convex at {}", convex.origin()),
        }
    }
}

impl StorageSettings {
    /// Selects Convex if its settings are complete, and a file if there are none of them.
    ///
    /// Half of the settings of Convex is an error, and so is a missing `DATABASE_PATH` for a user
    /// without a home folder.
    pub fn validate(&self) -> Result<Storage, ConfigError> {
        if let Some(convex) = self.convex.validate()? {
            return Ok(Storage::Convex(convex));
        }
        let path = optional(self.database_path.as_ref())?.or_else(default_database_path);
        let missing = "is missing, and there is no home folder; set it to the library's file";
        let path = path.ok_or_else(|| fault("DATABASE_PATH", missing))?;
        Ok(Storage::File(path))
    }
}

/// The library's file without `DATABASE_PATH`; `None` for a user without a home folder.
pub fn default_database_path() -> Option<PathBuf> {
    dirs::data_dir().map(|folder| folder.join("promptdb").join("promptdb.db"))
}
