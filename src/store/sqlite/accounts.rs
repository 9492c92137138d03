//! Accounts and sessions: who was seen, who has left, which sign-ins have ended.

use rusqlite::{Connection, OptionalExtension};

use super::Outcome;
use crate::domain::Timestamp;
use crate::domain::identity::UserId;
use crate::store::{Account, ERASURE_DAYS, SESSION_DAYS, StoreError};

pub(super) fn find(db: &Connection, owner: &UserId) -> Outcome<Option<Account>> {
    let found: Option<(i64, Option<i64>)> = db
        .prepare_cached("SELECT created_at, erased_at FROM accounts WHERE owner = ?1")?
        .query_row([owner], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match found {
        Some((_, Some(_))) => Err(StoreError::AccountErased),
        Some((created_at, None)) => {
            Ok(Some(Account { created_at: Timestamp::from_millis(created_at) }))
        }
        None => Ok(None),
    }
}

pub(super) fn ensure(db: &Connection, owner: &UserId, now: Timestamp) -> Outcome<Account> {
    db.prepare_cached("INSERT OR IGNORE INTO accounts (owner, created_at) VALUES (?1, ?2)")?
        .execute((owner, now.as_millis()))?;
    find(db, owner)?.ok_or_else(|| StoreError::Internal("an account was not kept".into()))
}

/// Keeps a write that was on its way from bringing an erased library back.
pub(super) fn check_not_erased(db: &Connection, owner: &UserId) -> Outcome<()> {
    find(db, owner).map(drop)
}

pub(super) fn erase(db: &Connection, owner: &UserId, now: Timestamp) -> rusqlite::Result<()> {
    // Versions and tags go with their prompts.
    for sql in [
        "DELETE FROM prompt_words WHERE rowid IN (SELECT seq FROM prompts WHERE owner = ?1)",
        "DELETE FROM prompts WHERE owner = ?1",
        "DELETE FROM candidates WHERE owner = ?1",
        "DELETE FROM audit WHERE owner = ?1",
        "DELETE FROM idempotency WHERE owner = ?1",
        "DELETE FROM ended_sessions WHERE owner = ?1",
    ] {
        db.execute(sql, [owner])?;
    }
    if *owner != UserId::local() {
        db.execute(
            "INSERT INTO accounts (owner, created_at, erased_at) VALUES (?1, ?2, ?2) \
             ON CONFLICT (owner) DO UPDATE SET created_at = ?2, erased_at = ?2 \
             WHERE erased_at IS NULL",
            (owner, now.as_millis()),
        )?;
    }
    Ok(())
}

pub(super) fn end_session(
    db: &Connection,
    owner: &UserId,
    session_id: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    db.execute(
        "INSERT OR IGNORE INTO ended_sessions (owner, session, at) VALUES (?1, ?2, ?3)",
        (owner, session_id, now.as_millis()),
    )?;
    Ok(())
}

pub(super) fn is_ended(
    db: &Connection,
    owner: &UserId,
    session_id: &str,
) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM ended_sessions WHERE owner = ?1 AND session = ?2")?
        .exists((owner, session_id))
}

/// Forgets what no token reaches back to.
pub(super) fn purge(db: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let before = |days: i64| [now.plus_days(-days).as_millis()];
    db.execute("DELETE FROM ended_sessions WHERE at < ?1", before(SESSION_DAYS))?;
    db.execute("DELETE FROM accounts WHERE erased_at < ?1", before(ERASURE_DAYS))?;
    Ok(())
}
