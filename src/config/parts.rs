//! The parts of the settings: what each kind of command uses. A command that gets a part can neither
//! read nor check anything else.

use clap::Args;

use super::{
    AccessTokenSettings, AddressSettings, DeploymentSettings, ListenSettings, MeaningSettings,
    Settings, SignInSwitch, StorageSettings, TimeoutSettings, ToolSettings, TraceSettings,
};

/// The settings of a command that opens the library.
#[derive(Debug, Clone, Args)]
pub struct LibrarySettings {
    /// The place that keeps the prompts.
    #[command(flatten)]
    pub storage: StorageSettings,

    /// The maximum duration of a call of the store.
    #[command(flatten)]
    pub timeout: TimeoutSettings,
}

/// The settings of a command on prompts, such as `get` and `save`.
#[derive(Debug, Clone, Args)]
pub struct PromptSettings {
    /// The library.
    #[command(flatten)]
    pub library: LibrarySettings,

    /// Search by meaning, and the vectors of what is saved.
    #[command(flatten)]
    pub meaning: MeaningSettings,
}

/// The settings of `stdio`.
#[derive(Debug, Clone, Args)]
pub struct StdioSettings {
    /// The library.
    #[command(flatten)]
    pub library: LibrarySettings,

    /// Search by meaning.
    #[command(flatten)]
    pub meaning: MeaningSettings,

    /// The address of the pages that the tools for OpenAI cite.
    #[command(flatten)]
    pub address: AddressSettings,

    /// The tools that are offered.
    #[command(flatten)]
    pub tools: ToolSettings,

    /// The deployment that traces name.
    #[command(flatten)]
    pub deployment: DeploymentSettings,

    /// The export of traces.
    #[command(flatten)]
    pub traces: TraceSettings,
}

/// The settings of `connect`.
#[derive(Debug, Clone, Args)]
pub struct ConnectSettings {
    /// The library that a client opens.
    #[command(flatten)]
    pub storage: StorageSettings,

    /// The model that it uses.
    #[command(flatten)]
    pub meaning: MeaningSettings,

    /// The server that a client calls.
    #[command(flatten)]
    pub address: AddressSettings,

    /// Whether that server requires sign-in.
    #[command(flatten)]
    pub sign_in: SignInSwitch,

    /// Whether it asks for an access token.
    #[command(flatten)]
    pub access: AccessTokenSettings,
}

/// The settings of `doctor`, which reports invalid ones instead of refusing them.
#[derive(Debug, Clone, Args)]
pub struct DoctorSettings {
    /// The library.
    #[command(flatten)]
    pub storage: StorageSettings,

    /// The model.
    #[command(flatten)]
    pub meaning: MeaningSettings,

    /// The socket of the server.
    #[command(flatten)]
    pub listen: ListenSettings,
}

impl From<&Settings> for LibrarySettings {
    fn from(settings: &Settings) -> Self {
        Self { storage: settings.storage.clone(), timeout: settings.limits.timeout.clone() }
    }
}

impl From<&Settings> for PromptSettings {
    fn from(settings: &Settings) -> Self {
        Self { library: settings.into(), meaning: settings.meaning.clone() }
    }
}

impl From<&Settings> for StdioSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            library: settings.into(),
            meaning: settings.meaning.clone(),
            address: settings.into(),
            tools: settings.server.tools.clone(),
            deployment: settings.server.deployment.clone(),
            traces: settings.observability.traces.clone(),
        }
    }
}

impl From<&Settings> for ConnectSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            storage: settings.storage.clone(),
            meaning: settings.meaning.clone(),
            address: settings.into(),
            sign_in: settings.identity.sign_in.switch.clone(),
            access: settings.identity.access.clone(),
        }
    }
}

impl From<&Settings> for DoctorSettings {
    fn from(settings: &Settings) -> Self {
        Self {
            storage: settings.storage.clone(),
            meaning: settings.meaning.clone(),
            listen: settings.into(),
        }
    }
}

impl From<&Settings> for AddressSettings {
    fn from(settings: &Settings) -> Self {
        settings.server.address.clone()
    }
}

impl From<&Settings> for ListenSettings {
    fn from(settings: &Settings) -> Self {
        settings.server.address.listen.clone()
    }
}
