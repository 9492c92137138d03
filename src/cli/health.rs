//! The command `health`, for containers and supervisors.

use super::CommandError;
use super::probe::probe;
use crate::config::Settings;

/// Requests `/health` of the server at `HOST` and `PORT`, and fails unless the answer is 200.
pub(super) async fn check_health(settings: &Settings) -> Result<(), CommandError> {
    let address = settings.server.listen()?;
    let reason = match probe(address).await {
        Ok(answer) if answer.is_ok() => return Ok(()),
        Ok(_) => "it is not healthy".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(CommandError(format!("no PromptDB answers at {address}: {reason}")))
}
