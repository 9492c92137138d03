//! The tool `health_check`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tool::{Effect, Reply, Tool};
use crate::domain::identity::Principal;
use crate::error::ApiError;
use crate::library::Library;

/// Checks the store.
pub(super) struct HealthCheck;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HealthCheckInput {}

#[derive(Serialize, JsonSchema)]
pub(super) struct HealthCheckOutput {
    /// ok, or degraded when the library cannot be reached.
    status: &'static str,
}

impl Tool for HealthCheck {
    const NAME: &'static str = "health_check";
    const TITLE: &'static str = "Check PromptDB";
    const DESCRIPTION: &'static str =
        "Reports whether PromptDB works. Use this when another tool fails unexpectedly.";
    const EFFECT: Effect = Effect::Read;

    type Input = HealthCheckInput;
    type Output = HealthCheckOutput;

    async fn call(
        library: &Library,
        _caller: &Principal,
        _input: HealthCheckInput,
    ) -> Result<Reply<HealthCheckOutput>, ApiError> {
        let status = if library.check_store().await.works { "ok" } else { "degraded" };
        Ok(Reply::new(format!("PromptDB: {status}"), HealthCheckOutput { status }))
    }
}
