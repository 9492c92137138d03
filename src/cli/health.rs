//! The command `health`, for containers and supervisors.

use super::CommandError;
use super::probe::probe;
use crate::config::ListenSettings;

/// Requests `/health` of the server at `HOST` and `PORT`, and fails unless the answer is 200.
pub(super) async fn check_health(settings: &ListenSettings) -> Result<(), CommandError> {
    let address = settings.address()?;
    let reason = match probe(address).await {
        Ok(answer) if answer.is_ok() => return Ok(()),
        Ok(_) => "it is not healthy".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(CommandError::failed(format!("no PromptDB answers at {address}: {reason}")))
}
