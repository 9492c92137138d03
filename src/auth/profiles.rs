//! The names and addresses of users, which their tokens do not have: fetched from WorkOS, and kept in
//! memory for a while. They are shown to the user in person alone, and never logged.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;

use crate::clients::workos::WorkOsClient;
use crate::domain::identity::{Principal, UserId};
use crate::domain::{Clock, Timestamp};

/// Maximum number of users whose profile is kept.
const PROFILES_MAX: usize = 1000;
/// How long a profile is kept, or that it could not be fetched.
const KEPT: Duration = Duration::from_mins(5);
/// How long a request waits for a profile. It is answered without one then.
const WAIT: Duration = Duration::from_secs(1);

/// The profile of a user at the identity provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Given and family name.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

/// The profiles of the users who called of late.
pub(super) struct Profiles {
    workos: Arc<WorkOsClient>,
    clock: Arc<dyn Clock>,
    kept: Cache<UserId, (Timestamp, Profile)>,
}

impl Profiles {
    pub(super) fn new(workos: Arc<WorkOsClient>, clock: Arc<dyn Clock>) -> Self {
        Self { workos, clock, kept: Cache::new(PROFILES_MAX) }
    }

    /// Returns the profile of a caller in person; an empty one for a program, and while WorkOS fails.
    pub(super) async fn find(&self, caller: &Principal) -> Profile {
        if !caller.via.is_in_person() {
            return Profile::default();
        }
        let (user, now) = (&caller.user_id, self.clock.now());
        if let Some((fetched_at, profile)) = self.kept.get(user)
            && now < fetched_at.plus(KEPT)
        {
            return profile;
        }
        let fetched = tokio::time::timeout(WAIT, self.workos.get_user(user.as_str())).await;
        let profile = match fetched {
            Ok(Ok(Some(user))) => {
                let names = [user.first_name, user.last_name];
                let name =
                    names.iter().flatten().map(|name| name.trim()).collect::<Vec<_>>().join(" ");
                Profile { name: filled(Some(name)), email: filled(user.email) }
            }
            // Deleted there a moment ago; the event that ends the sessions is on its way.
            Ok(Ok(None)) => Profile::default(),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the profile of a user cannot be fetched");
                Profile::default()
            }
            Err(_) => {
                tracing::warn!("WorkOS takes too long for the profile of a user");
                Profile::default()
            }
        };
        self.kept.insert(user.clone(), (now, profile.clone()));
        profile
    }

    /// Forgets a user.
    pub(super) fn forget(&self, user: &UserId) {
        self.kept.remove(user);
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
