//! What only the owner of a library may do, and only after a sign-in of the last minutes.

use crate::auth::Gate;
use crate::domain::identity::Principal;
use crate::error::{ApiError, TRASH_LOGIN_URL};
use crate::state::AppState;

/// Checks that the caller signed in lately, where there is a sign-in. `action` is the subject of a
/// sentence.
pub(super) fn check_recent_sign_in(
    state: &AppState,
    caller: &Principal,
    action: &'static str,
    login_url: &'static str,
) -> Result<(), ApiError> {
    if state.gate().has_signed_in_recently(caller, state.clock().now()) {
        return Ok(());
    }
    Err(ApiError::ReauthenticationRequired { action, login_url })
}

/// Checks before a removal for good that a person with an access token signed in lately: their
/// session lasts for weeks, and nothing else stands between a browser left open and their texts.
pub(super) fn check_removal(state: &AppState, caller: &Principal) -> Result<(), ApiError> {
    match state.gate() {
        // The library refuses a program.
        Gate::AccessToken(_) if caller.via.is_in_person() => {
            check_recent_sign_in(state, caller, "removing for good", TRASH_LOGIN_URL)
        }
        _ => Ok(()),
    }
}
