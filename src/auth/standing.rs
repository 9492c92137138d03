//! Whether a user and their session are still welcome: asked of the library at most every minute,
//! and known at once where this machine saw the end of it.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::watch;

use crate::domain::identity::UserId;
use crate::domain::{Clock, Timestamp};
use crate::error::ApiError;
use crate::library::Library;
use crate::telemetry::metrics::{STANDINGS_KNOWN, STANDINGS_UNKNOWN};

/// For how long an answer of the library holds.
const HOLDS_FOR: Duration = Duration::from_mins(1);
/// How many answers are remembered, and how many ends.
const REMEMBERED: usize = 100_000;

/// A user in one session, by what a credential says.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) user_id: UserId,
    pub(super) session_id: Option<String>,
    /// Both in one, to be looked up by; ids have no blanks.
    key: Arc<str>,
}

impl Holder {
    pub(super) fn new(user_id: UserId, session_id: Option<String>) -> Self {
        let key = match &session_id {
            Some(session_id) => format!("{user_id} {session_id}"),
            None => user_id.to_string(),
        };
        Self { user_id, session_id, key: key.into() }
    }
}

/// Who is welcome.
pub(super) struct Standings {
    library: Arc<Library>,
    clock: Arc<dyn Clock>,
    /// When the library last said yes.
    welcome: Cache<Arc<str>, Timestamp>,
    /// Sessions that have ended and users who have left, as this machine saw.
    gone: Cache<Arc<str>, ()>,
    /// Stirs whenever there is a new one.
    news: watch::Sender<()>,
}

impl Standings {
    pub(super) fn new(library: Arc<Library>, clock: Arc<dyn Clock>) -> Self {
        let (welcome, gone) = (Cache::new(REMEMBERED), Cache::new(REMEMBERED));
        Self { library, clock, welcome, gone, news: watch::Sender::new(()) }
    }

    /// Passes a holder who is welcome; their first sight makes their account.
    pub(super) async fn check(&self, holder: &Holder) -> Result<(), ApiError> {
        if self.gone.contains_key(&*holder.key) || self.gone.contains_key(holder.user_id.as_str()) {
            return Err(ended());
        }
        let now = self.clock.now();
        let said_at = self.welcome.get(&*holder.key);
        if said_at.is_some_and(|at| at <= now && now < at.plus(HOLDS_FOR)) {
            STANDINGS_KNOWN.count();
            return Ok(());
        }
        STANDINGS_UNKNOWN.count();
        self.library.ensure_account(&holder.user_id).await?;
        if let Some(session_id) = &holder.session_id
            && self.library.is_session_ended(&holder.user_id, session_id).await?
        {
            self.note_gone(Arc::clone(&holder.key));
            return Err(ended());
        }
        self.welcome.insert(Arc::clone(&holder.key), now);
        Ok(())
    }

    /// Ends a session, here at once and everywhere within a minute.
    pub(super) async fn end(&self, holder: &Holder) -> Result<(), ApiError> {
        self.note_gone(Arc::clone(&holder.key));
        if let Some(session_id) = &holder.session_id {
            self.library.end_session(&holder.user_id, session_id).await?;
        }
        Ok(())
    }

    /// Erases a user, and lets nobody in any more who was them.
    pub(super) async fn erase(&self, user_id: &UserId) -> Result<(), ApiError> {
        self.library.erase_account(user_id).await?;
        self.note_gone(user_id.as_str().into());
        Ok(())
    }

    fn note_gone(&self, key: Arc<str>) {
        self.gone.insert(key, ());
        self.news.send_replace(());
    }

    /// Resolves when the holder is not welcome any more: at once where this machine sees the end,
    /// within a minute where another does.
    pub(super) async fn until_gone(&self, holder: &Holder) {
        let mut news = self.news.subscribe();
        while !matches!(self.check(holder).await, Err(ApiError::Unauthorized(_))) {
            // Without news the library is asked again when its last answer holds no more.
            let _ = tokio::time::timeout(HOLDS_FOR, news.changed()).await;
        }
    }
}

fn ended() -> ApiError {
    ApiError::Unauthorized("this session has ended; sign in again")
}
