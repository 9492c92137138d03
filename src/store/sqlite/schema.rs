//! The schema as numbered migrations. A migration, once released, never changes; the number of the
//! last one is the file's `user_version`.

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// Marks the file as ours: `PrDB` in ASCII.
const APPLICATION_ID: i32 = 0x5072_4442;

/// `prompts` holds what has no versions, `versions` what has. `change` numbers every save of the
/// whole file in order, which makes "the latest save first" independent of the clock.
/// `prompt_words` is an index only: it holds the words of living prompts, not their texts. It is
/// given words and spaces, and the tokenizer `ascii` ends a token at ASCII signs alone, so a word is
/// one token in any script. Where in a column a word stands is not kept, for nothing asks for it.
const MIGRATIONS: &[&str] = &["
CREATE TABLE prompts (
    seq          INTEGER PRIMARY KEY,
    id           TEXT NOT NULL UNIQUE,
    owner        TEXT NOT NULL,
    name         TEXT NOT NULL,
    change       INTEGER NOT NULL,
    favorite     INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    deleted_at   INTEGER,
    use_count    INTEGER NOT NULL DEFAULT 0,
    last_used_at INTEGER
) STRICT;
CREATE UNIQUE INDEX prompts_by_name ON prompts (owner, name) WHERE deleted_at IS NULL;
CREATE INDEX prompts_by_change ON prompts (owner, change) WHERE deleted_at IS NULL;
CREATE INDEX prompts_by_use ON prompts (owner, use_count, seq) WHERE deleted_at IS NULL;
CREATE INDEX prompts_deleted ON prompts (owner, deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE versions (
    change      INTEGER PRIMARY KEY AUTOINCREMENT,
    prompt      INTEGER NOT NULL REFERENCES prompts (seq) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    version     INTEGER NOT NULL,
    title       TEXT NOT NULL,
    description TEXT NOT NULL,
    content     TEXT NOT NULL,
    tags        TEXT NOT NULL,
    variables   TEXT NOT NULL,
    source      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    UNIQUE (prompt, version)
) STRICT;
CREATE TRIGGER versions_never_change BEFORE UPDATE ON versions
BEGIN SELECT RAISE(ABORT, 'a version never changes'); END;
CREATE TRIGGER versions_live_with_their_prompt BEFORE DELETE ON versions
WHEN EXISTS (SELECT 1 FROM prompts WHERE seq = OLD.prompt AND deleted_at IS NULL)
BEGIN SELECT RAISE(ABORT, 'a version is never lost'); END;

CREATE TABLE tags (
    owner  TEXT NOT NULL,
    tag    TEXT NOT NULL,
    prompt INTEGER NOT NULL REFERENCES prompts (seq) ON DELETE CASCADE,
    PRIMARY KEY (owner, tag, prompt)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_by_prompt ON tags (prompt);

CREATE TABLE audit (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    owner        TEXT NOT NULL,
    action       TEXT NOT NULL,
    prompt_id    TEXT,
    candidate_id TEXT,
    name         TEXT NOT NULL,
    version      INTEGER,
    client       TEXT NOT NULL,
    at           INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_by_owner ON audit (owner, seq);

CREATE TABLE candidates (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    owner       TEXT NOT NULL,
    name        TEXT NOT NULL,
    title       TEXT NOT NULL,
    description TEXT NOT NULL,
    content     TEXT NOT NULL,
    tags        TEXT NOT NULL,
    variables   TEXT NOT NULL,
    why         TEXT NOT NULL,
    source      TEXT NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX candidates_by_owner ON candidates (owner, seq);

CREATE TABLE idempotency (
    owner       TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    prompt_id   TEXT NOT NULL,
    version     INTEGER NOT NULL,
    changed     INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;

CREATE VIRTUAL TABLE prompt_words USING fts5 (
    owner, name, title, tags, description, content,
    content = '', contentless_delete = 1, detail = column, prefix = '1 2 3',
    tokenize = 'ascii'
);
", "
CREATE TABLE accounts (
    owner      TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    erased_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE ended_sessions (
    owner   TEXT NOT NULL,
    session TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (owner, session)
) STRICT, WITHOUT ROWID;
"];

/// Refuses a file that is not ours, or not ours yet. Writes nothing.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    snapshot_version(connection).map(drop)
}

/// The version in one moment, for another process may be migrating the file.
fn snapshot_version(connection: &Connection) -> Result<usize, OpenError> {
    let snapshot = connection.unchecked_transaction()?;
    version_of(&snapshot)
}

/// Brings the file up to date. Two processes may try at once: the second waits and finds it done.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    if snapshot_version(connection)? == MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = version_of(&transaction)?;
    for migration in &MIGRATIONS[version..] {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
    Ok(transaction.commit()?)
}

/// The number of the last migration that was applied; refuses the files of others.
fn version_of(connection: &Connection) -> Result<usize, OpenError> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let version = usize::try_from(pragma("user_version")?).unwrap_or(usize::MAX);
    let application = pragma("application_id")?;
    let tables: u32 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(OpenError::Foreign);
    }
    if version > MIGRATIONS.len() {
        return Err(OpenError::Newer);
    }
    Ok(version)
}
