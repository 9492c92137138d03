//! The model of meanings at the start of a server. Without one the server starts all the same.

use std::sync::Arc;

use crate::config::{ConfigError, MeaningSettings, ModelPath};
use crate::library::TextEncoder;
use crate::meaning::Encoder;

/// What was found where the model should be.
pub(super) enum Model {
    /// It works.
    Loaded(Arc<dyn TextEncoder>),
    /// There is none, and no setting names one.
    Absent,
    /// The file cannot be used; the text names it and says what to do.
    Unusable(String),
}

impl Model {
    /// Opens the model that the settings name, or one at a default path.
    pub(super) fn open(settings: &MeaningSettings) -> Result<Self, ConfigError> {
        let path = match settings.validate()? {
            ModelPath::Absent => return Ok(Self::Absent),
            ModelPath::Given(path) | ModelPath::Found(path) => path,
        };
        Ok(match Encoder::open(&path) {
            Ok(encoder) => Self::Loaded(Arc::new(encoder)),
            Err(error) => Self::Unusable(format!("MODEL_PATH: {}: {error}", path.display())),
        })
    }

    /// Returns the encoder of a model that works.
    pub(super) fn encoder(&self) -> Option<Arc<dyn TextEncoder>> {
        match self {
            Self::Loaded(encoder) => Some(Arc::clone(encoder)),
            Self::Absent | Self::Unusable(_) => None,
        }
    }

    /// Describes in one line how prompts are found.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Loaded(_) => "Search finds prompts by meaning and by words".to_owned(),
            Self::Absent => {
                "Search finds prompts by words alone; `make model` makes the model of meanings"
                    .to_owned()
            }
            Self::Unusable(why) => format!("Search finds prompts by words alone. {why}"),
        }
    }
}
