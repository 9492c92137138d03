//! Revocation: whether a user and their session are still valid, and what the user has subscribed to.
//!
//! The library is consulted at most once a minute for each user and each session. A change on this
//! machine takes effect at once, one on another machine within that minute.

use std::array;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;
use tokio::sync::watch;

use crate::domain::identity::UserId;
use crate::domain::subscription::Subscription;
use crate::domain::{Clock, Timestamp};
use crate::error::ApiError;
use crate::library::Library;
use crate::telemetry::metrics::{STANDINGS_KNOWN, STANDINGS_UNKNOWN};

/// How long a check is valid.
const CHECK_VALID_FOR: Duration = Duration::from_mins(1);
/// Maximum number of cached accounts, of cached checks of sessions, and of cached revocations.
const CACHE_MAX: usize = 100_000;
/// The number of [`Changes`]: one for each value of a byte of a hash.
const CHANGE_NUMBERS: usize = 256;

/// The subject of a credential: a user and, if the credential names one, a session (the claims
/// `sub` and `sid`).
#[derive(Debug, Clone)]
pub(super) struct Subject {
    pub(super) user_id: UserId,
    pub(super) session_id: Option<String>,
    /// The key of the caches, made once. A user id has no blanks, so the key is unambiguous.
    key: Arc<str>,
}

impl Subject {
    pub(super) fn new(user_id: UserId, session_id: Option<String>) -> Self {
        let key = match &session_id {
            Some(session_id) => format!("{user_id} {session_id}"),
            None => user_id.to_string(),
        };
        Self { user_id, session_id, key: key.into() }
    }
}

/// The revoked sessions and users, cached in front of the library.
pub(super) struct Revocations {
    library: Arc<Library>,
    clock: Arc<dyn Clock>,
    /// The accounts, as the library last returned them.
    accounts: Cache<UserId, Standing>,
    /// The changes of accounts that this process has made known.
    changed_accounts: Changes,
    /// When the library last confirmed that a session has not ended.
    checked_at: Cache<Arc<str>, Timestamp>,
    /// Sessions that ended and users who were erased, as far as this machine was involved.
    revoked: Cache<Arc<str>, ()>,
    /// Notified on every revocation.
    changes: watch::Sender<()>,
}

/// An account that is not erased.
#[derive(Clone)]
struct Standing {
    checked_at: Timestamp,
    subscription: Option<Arc<Subscription>>,
}

/// Numbers of changes of accounts, each for the users of one hash, so that they take bounded memory and
/// a change stops the reads of few other users from being cached. An account is cached under the lock
/// of its number, and only if that is the one from before the read.
struct Changes([Mutex<u64>; CHANGE_NUMBERS]);

impl Changes {
    fn new() -> Self {
        Self(array::from_fn(|_| Mutex::default()))
    }

    fn lock(&self, user_id: &UserId) -> MutexGuard<'_, u64> {
        let mut hasher = DefaultHasher::new();
        user_id.hash(&mut hasher);
        let [index, ..] = hasher.finish().to_le_bytes();
        self.0[usize::from(index)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Revocations {
    pub(super) fn new(library: Arc<Library>, clock: Arc<dyn Clock>) -> Self {
        Self {
            library,
            clock,
            accounts: Cache::new(CACHE_MAX),
            changed_accounts: Changes::new(),
            checked_at: Cache::new(CACHE_MAX),
            revoked: Cache::new(CACHE_MAX),
            changes: watch::Sender::new(()),
        }
    }

    /// Checks that a subject is not revoked, and returns the user's subscription. The first check of a
    /// user creates their account.
    ///
    /// Fails with [`ApiError::AccountErased`] if the account was erased, and with
    /// [`ApiError::Unauthorized`] if the session has ended; other errors come from the library.
    pub(super) async fn check(
        &self,
        subject: &Subject,
    ) -> Result<Option<Arc<Subscription>>, ApiError> {
        if self.revoked.contains_key(subject.user_id.as_str()) {
            return Err(ApiError::AccountErased);
        }
        if self.revoked.contains_key(&*subject.key) {
            return Err(session_ended());
        }
        let now = self.clock.now();
        let account = self.accounts.get(&subject.user_id);
        let account = account.filter(|account| is_valid(account.checked_at, now));
        let is_session_valid = self.is_session_known(subject, now);
        if is_session_valid && let Some(account) = account {
            STANDINGS_KNOWN.count();
            return Ok(account.subscription);
        }
        STANDINGS_UNKNOWN.count();
        let account = match account {
            Some(account) => account,
            None => self.read_account(&subject.user_id, now).await?,
        };
        if !is_session_valid {
            self.check_session(subject).await?;
            self.checked_at.insert(Arc::clone(&subject.key), now);
        }
        Ok(account.subscription)
    }

    /// Checks that the session of a subject has not ended, for a user without an account: the local
    /// user.
    pub(super) async fn check_session_of_local_user(
        &self,
        subject: &Subject,
    ) -> Result<(), ApiError> {
        if self.revoked.contains_key(&*subject.key) {
            return Err(session_ended());
        }
        let now = self.clock.now();
        if !self.is_session_known(subject, now) {
            self.check_session(subject).await?;
            self.checked_at.insert(Arc::clone(&subject.key), now);
        }
        Ok(())
    }

    /// Whether the library has confirmed lately that the session of a subject, if any, has not ended.
    fn is_session_known(&self, subject: &Subject, now: Timestamp) -> bool {
        subject.session_id.is_none()
            || self.checked_at.get(&*subject.key).is_some_and(|at| is_valid(at, now))
    }

    async fn read_account(&self, user_id: &UserId, now: Timestamp) -> Result<Standing, ApiError> {
        let before = *self.changed_accounts.lock(user_id);
        let account = self.library.ensure_account(user_id).await?;
        let subscription = account.subscription.map(Arc::new);
        let standing = Standing { checked_at: now, subscription };
        let changes = self.changed_accounts.lock(user_id);
        // What was read may be older than a change meanwhile, after which the next request reads anew.
        if *changes == before {
            self.accounts.insert(user_id.clone(), standing.clone());
        }
        Ok(standing)
    }

    /// Makes a change of an account count from the next request on.
    pub(super) fn note_change(&self, user_id: &UserId) {
        let mut changes = self.changed_accounts.lock(user_id);
        *changes = changes.wrapping_add(1);
        self.accounts.remove(user_id);
    }

    /// Checks that the session of a subject has not ended, whether or not the account was erased.
    pub(super) async fn check_session(&self, subject: &Subject) -> Result<(), ApiError> {
        let Some(session_id) = &subject.session_id else { return Ok(()) };
        if self.revoked.contains_key(&*subject.key) {
            return Err(session_ended());
        }
        if self.library.is_session_ended(&subject.user_id, session_id).await? {
            self.mark_revoked(Arc::clone(&subject.key));
            return Err(session_ended());
        }
        Ok(())
    }

    /// Ends a session: here at once, on other machines within a minute. Idempotent.
    ///
    /// It takes an id of a session: the key of a subject without one is the user's own, and would
    /// revoke every credential of that user.
    pub(super) async fn end_session(
        &self,
        user_id: &UserId,
        session_id: &str,
    ) -> Result<(), ApiError> {
        let subject = Subject::new(user_id.clone(), Some(session_id.to_owned()));
        // Before the library is called: if that fails, the session has ended here at least.
        self.mark_revoked(subject.key);
        Ok(self.library.end_session(user_id, session_id).await?)
    }

    /// Erases the account of a user and revokes all their sessions. Idempotent.
    pub(super) async fn erase_user(&self, user_id: &UserId) -> Result<(), ApiError> {
        // Only then is the user revoked: after a failure every route still takes the credential.
        self.library.erase_account(user_id).await?;
        self.mark_revoked(user_id.as_str().into());
        Ok(())
    }

    fn mark_revoked(&self, key: Arc<str>) {
        self.revoked.insert(key, ());
        self.changes.send_replace(());
    }

    /// Waits until a subject is revoked: returns at once after a revocation on this machine, within
    /// a minute after one elsewhere. Failures of the library are ignored.
    pub(super) async fn wait_for_revocation(&self, subject: &Subject) {
        // Subscribed before the first check, so that no revocation in between is missed.
        let mut changes = self.changes.subscribe();
        while !matches!(
            self.check(subject).await,
            Err(ApiError::Unauthorized(_) | ApiError::AccountErased)
        ) {
            // Either outcome leads to the next check; the library is queried again once the last
            // check is no longer valid.
            let _ = tokio::time::timeout(CHECK_VALID_FOR, changes.changed()).await;
        }
    }
}

/// Whether a check is still valid. One from the future is void: the clock was set back.
fn is_valid(checked_at: Timestamp, now: Timestamp) -> bool {
    checked_at <= now && now < checked_at.plus(CHECK_VALID_FOR)
}

fn session_ended() -> ApiError {
    ApiError::Unauthorized("this session has ended; sign in again")
}
