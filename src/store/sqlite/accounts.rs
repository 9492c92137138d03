//! Accounts and ended sessions in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::prompts::removal;
use super::subscriptions::{SUBSCRIPTION_COLUMNS, read_subscription};
use super::{SqliteStore, audit, subscriptions};
use crate::domain::Timestamp;
use crate::domain::identity::{LibraryId, UserId};
use crate::store::{
    Account, AccountStore, ERASURE_DAYS, PURGE_MAX, SESSION_DAYS, StoreError, StoreResult,
};

#[async_trait]
impl AccountStore for SqliteStore {
    async fn ensure_account(&self, user: &UserId) -> StoreResult<Account> {
        let (reading, writing, now) = (user.clone(), user.clone(), self.clock.now());
        // Nearly every account exists already, and a read waits for no write.
        match self.database.read(move |db| find(db, &reading)).await? {
            Some(account) => Ok(account),
            None => self.database.write(move |db| ensure(db, &writing, now)).await,
        }
    }

    async fn erase_account(&self, user: &UserId) -> StoreResult<()> {
        let (user, now) = (user.clone(), self.clock.now());
        self.database.write(move |db| Ok(erase(db, &user, now)?)).await
    }

    async fn end_session(&self, user: &UserId, session_id: &str) -> StoreResult<()> {
        let (user, session_id, now) = (user.clone(), session_id.to_owned(), self.clock.now());
        self.database.write(move |db| Ok(end_session(db, &user, &session_id, now)?)).await
    }

    async fn is_session_ended(&self, user: &UserId, session_id: &str) -> StoreResult<bool> {
        let (user, session_id) = (user.clone(), session_id.to_owned());
        self.database.read(move |db| Ok(is_ended(db, &user, &session_id)?)).await
    }
}

fn find(db: &Connection, user: &UserId) -> StoreResult<Option<Account>> {
    let sql = format!(
        "SELECT a.created_at, a.erased_at, {SUBSCRIPTION_COLUMNS} FROM accounts a \
         LEFT JOIN subscriptions s ON s.owner = a.owner WHERE a.owner = ?1"
    );
    let read = |row: &Row<'_>| {
        let erased_at: Option<Timestamp> = row.get("erased_at")?;
        let account =
            Account { created_at: row.get("created_at")?, subscription: read_subscription(row)? };
        Ok(erased_at.is_none().then_some(account))
    };
    match db.prepare_cached(&sql)?.query_row([user], read).optional()? {
        Some(None) => Err(StoreError::AccountErased),
        Some(account) => Ok(account),
        None => Ok(None),
    }
}

fn ensure(db: &Connection, user: &UserId, now: Timestamp) -> StoreResult<Account> {
    db.prepare_cached("INSERT OR IGNORE INTO accounts (owner, created_at) VALUES (?1, ?2)")?
        .execute((user, now))?;
    find(db, user)?.ok_or_else(|| StoreError::Internal("an account was not kept".into()))
}

/// Refuses a write to the library of an erased account, so that a request in flight restores
/// nothing. A library has the id of its user.
pub(super) fn check_not_erased(db: &Connection, library: &LibraryId) -> StoreResult<()> {
    let mut statement =
        db.prepare_cached("SELECT 1 FROM accounts WHERE owner = ?1 AND erased_at IS NOT NULL")?;
    if statement.exists([library])? { Err(StoreError::AccountErased) } else { Ok(()) }
}

/// Hides everything of a user at once. What takes long to delete, the prompts and the audit trail, is
/// deleted later in batches; the rest is bounded and small.
fn erase(db: &Connection, user: &UserId, now: Timestamp) -> rusqlite::Result<()> {
    let library = LibraryId::of_user(user);
    removal::disown_all(db, &library)?;
    db.execute("DELETE FROM candidates WHERE owner = ?1", [&library])?;
    db.execute("DELETE FROM idempotency WHERE owner = ?1", [&library])?;
    db.execute("DELETE FROM clients WHERE owner = ?1", [&library])?;
    subscriptions::disown(db, user, now)?;
    audit::hide_all(db, &library)?;
    // The local user is never erased, only what they keep: their sessions stay ended.
    if *user != UserId::local() {
        db.execute("DELETE FROM ended_sessions WHERE owner = ?1", [user])?;
        db.execute(
            "INSERT INTO accounts (owner, created_at, erased_at) VALUES (?1, ?2, ?2) \
             ON CONFLICT (owner) DO UPDATE SET created_at = ?2, erased_at = ?2 \
             WHERE erased_at IS NULL",
            (user, now),
        )?;
    }
    Ok(())
}

fn end_session(
    db: &Connection,
    user: &UserId,
    session_id: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR IGNORE INTO ended_sessions (owner, session, at) VALUES (?1, ?2, ?3)",
        (user, session_id, now),
    )?;
    Ok(())
}

fn is_ended(db: &Connection, user: &UserId, session_id: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM ended_sessions WHERE owner = ?1 AND session = ?2")?
        .exists((user, session_id))
}

/// Removes ended sessions and erased accounts that no valid token can refer to; returns whether there
/// may be more.
pub(super) fn purge(db: &Connection, now: Timestamp) -> rusqlite::Result<bool> {
    let sessions = db.execute(
        "DELETE FROM ended_sessions WHERE (owner, session) IN \
         (SELECT owner, session FROM ended_sessions WHERE at < ?1 LIMIT ?2)",
        (now.plus_days(-SESSION_DAYS), PURGE_MAX),
    )?;
    let accounts = db.execute(
        "DELETE FROM accounts WHERE owner IN \
         (SELECT owner FROM accounts WHERE erased_at < ?1 LIMIT ?2)",
        (now.plus_days(-ERASURE_DAYS), PURGE_MAX),
    )?;
    Ok(sessions == PURGE_MAX || accounts == PURGE_MAX)
}
