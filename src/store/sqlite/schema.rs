//! The schema: numbered migrations, and the rows of its tables as domain values.
//!
//! A released migration never changes; the number of the last one is the file's `user_version`.
//! Rows are read by the names in a list of columns, which are resolved to positions at compile
//! time: a lookup by name would compare strings for each column of each row.

use rusqlite::{Connection, Row, ToSql, TransactionBehavior};

use super::error::OpenError;
use super::values::{read_text, write_text};
use crate::domain::candidate::{Candidate, Findings};
use crate::domain::prompt::{
    Body, Content, Description, Prompt, Stored, Tag, Title, Variable, Version,
};

/// Identifies the file as PromptDB's: `PrDB` in ASCII.
const APPLICATION_ID: i32 = 0x5072_4442;

/// `prompts` holds the fields without versions, `versions` those with. `change` numbers every save
/// of the whole file in order, which makes "the latest save first" independent of the clock.
///
/// A prompt that is removed for good first loses its owner, which hides it from every read; its rows
/// are deleted later, in batches. Versions before `pruned_before` are hidden likewise, and deleted
/// while `is_pruning`.
///
/// `libraries.bytes` and `prompts.bytes` count what is stored. `upkeep` has one row: the removals so
/// far and those of which no text is left in the file, and how far the counting of the rows has come
/// that are older than the counters.
///
/// `subscriptions` has one row for each customer of Stripe; the columns from `subscription` on are null
/// where the customer has none, and `owner` where the user was erased.
///
/// `prompt_terms` is an index only: it holds the terms of living prompts (`prompts/words.rs`), not
/// their texts. Its input consists of terms and spaces, and the tokenizer `ascii` splits at ASCII
/// characters alone, so a term is one token in any script. The index keeps neither columns nor
/// positions, because no search uses them. `prompt_vocabulary` lists its terms. Prompts with a smaller
/// `seq` than `upkeep.unindexed_before` are still to be indexed, unless they were saved since.
///
/// `vectors` has one row for each prompt (`vectors.rs`). `model` is empty, and `vector` null, while its
/// current version has no vector.
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
", "
ALTER TABLE prompts ADD COLUMN pruned_before INTEGER NOT NULL DEFAULT 1;
ALTER TABLE prompts ADD COLUMN is_pruning INTEGER NOT NULL DEFAULT 0;
ALTER TABLE prompts ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX prompts_pruning ON prompts (seq) WHERE is_pruning;
DROP TRIGGER versions_live_with_their_prompt;
CREATE TRIGGER versions_live_with_their_prompt BEFORE DELETE ON versions
WHEN EXISTS (SELECT 1 FROM prompts
             WHERE seq = OLD.prompt AND deleted_at IS NULL AND pruned_before <= OLD.version)
BEGIN SELECT RAISE(ABORT, 'a version is never lost'); END;

CREATE TABLE libraries (
    owner       TEXT PRIMARY KEY,
    bytes       INTEGER NOT NULL DEFAULT 0,
    audit_after INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE upkeep (
    only_row          INTEGER PRIMARY KEY CHECK (only_row = 1),
    removals          INTEGER NOT NULL,
    cleaned           INTEGER NOT NULL,
    counted_version   INTEGER NOT NULL,
    last_version      INTEGER NOT NULL,
    counted_candidate INTEGER NOT NULL,
    last_candidate    INTEGER NOT NULL
) STRICT;
INSERT INTO upkeep SELECT 1, (SELECT count(*) > 0 FROM sqlite_sequence), 0,
    0, (SELECT coalesce(max(change), 0) FROM versions),
    0, (SELECT coalesce(max(seq), 0) FROM candidates);

CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_prompt ON audit (prompt_id) WHERE prompt_id IS NOT NULL AND name <> '';
CREATE INDEX audit_by_candidate ON audit (candidate_id) WHERE candidate_id IS NOT NULL AND name <> '';
CREATE INDEX candidates_by_time ON candidates (created_at);
CREATE INDEX idempotency_by_time ON idempotency (at);
CREATE INDEX idempotency_by_prompt ON idempotency (prompt_id);
UPDATE audit SET name = '' WHERE NOT EXISTS (SELECT 1 FROM prompts WHERE id = prompt_id)
    AND (prompt_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM candidates WHERE id = candidate_id));
", "
ALTER TABLE versions ADD COLUMN syntax INTEGER NOT NULL DEFAULT 1;
ALTER TABLE candidates ADD COLUMN syntax INTEGER NOT NULL DEFAULT 1;
", "
ALTER TABLE candidates ADD COLUMN findings TEXT NOT NULL DEFAULT '{}';
", "
DROP TABLE prompt_words;
CREATE VIRTUAL TABLE prompt_terms USING fts5 (
    terms,
    content = '', contentless_delete = 1, detail = none, tokenize = \"ascii tokenchars '-_'\"
);
CREATE VIRTUAL TABLE prompt_vocabulary USING fts5vocab (prompt_terms, instance);
ALTER TABLE upkeep ADD COLUMN unindexed_before INTEGER NOT NULL DEFAULT 0;
UPDATE upkeep SET unindexed_before = (SELECT coalesce(max(seq), 0) + 1 FROM prompts);
", "
CREATE TABLE clients (
    owner         TEXT NOT NULL,
    name          TEXT NOT NULL,
    via           TEXT NOT NULL,
    first_seen_at INTEGER NOT NULL,
    last_seen_at  INTEGER NOT NULL,
    PRIMARY KEY (owner, name, via)
) STRICT, WITHOUT ROWID;
", "
CREATE TABLE subscriptions (
    customer       TEXT PRIMARY KEY,
    owner          TEXT UNIQUE,
    due_at         INTEGER NOT NULL,
    sequence       INTEGER NOT NULL DEFAULT 0,
    kept_sequence  INTEGER NOT NULL DEFAULT 0,
    subscription   TEXT,
    status         TEXT,
    price          TEXT,
    amount         INTEGER,
    currency       TEXT,
    recurs         TEXT,
    is_live        INTEGER,
    started_at     INTEGER,
    period_end     INTEGER,
    ends_at        INTEGER,
    past_due_since INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX subscriptions_to_compare ON subscriptions (due_at) WHERE owner IS NOT NULL;
CREATE INDEX subscriptions_to_erase ON subscriptions (due_at) WHERE owner IS NULL;

CREATE TABLE stripe_events (
    event TEXT PRIMARY KEY,
    at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stripe_events_by_time ON stripe_events (at);
", "
CREATE TABLE vectors (
    prompt INTEGER PRIMARY KEY REFERENCES prompts (seq) ON DELETE CASCADE,
    owner  TEXT NOT NULL,
    change INTEGER NOT NULL,
    model  TEXT NOT NULL,
    vector BLOB
) STRICT;
CREATE INDEX vectors_by_owner ON vectors (owner, change);
CREATE INDEX vectors_by_model ON vectors (model);
INSERT INTO vectors SELECT seq, owner, 0, '', NULL FROM prompts WHERE owner > '';
CREATE INDEX prompts_favorite ON prompts (owner) WHERE favorite AND deleted_at IS NULL;
ALTER TABLE libraries ADD COLUMN vector_change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE libraries ADD COLUMN vectors_forgotten INTEGER NOT NULL DEFAULT 0;
"];

/// Refuses the file of another program or of a later release. Writes nothing.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    snapshot_version(connection).map(drop)
}

/// The version, read in one transaction, because another process may be migrating the file.
fn snapshot_version(connection: &Connection) -> Result<usize, OpenError> {
    let snapshot = connection.unchecked_transaction()?;
    version_of(&snapshot)
}

/// Whether every migration was applied.
pub(super) fn is_current(connection: &Connection) -> Result<bool, OpenError> {
    Ok(snapshot_version(connection)? == MIGRATIONS.len())
}

/// Applies the missing migrations. Of two processes the second waits, and finds nothing to apply.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    if is_current(connection)? {
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

/// The number of the last applied migration; refuses the file of another program.
fn version_of(connection: &Connection) -> Result<usize, OpenError> {
    let version: i32 =
        connection.pragma_query_value(None, "user_version", |row| row.get("user_version"))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get("application_id"))?;
    let tables: u32 =
        connection.query_row("SELECT count(*) AS tables FROM sqlite_schema", [], |row| {
            row.get("tables")
        })?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(OpenError::Foreign);
    }
    if version > MIGRATIONS.len() {
        return Err(OpenError::Newer);
    }
    Ok(version)
}

write_text!(Content, Description, Title);
read_text!(Content, Description, Title);

/// The columns of a body, in the tables `versions` and `candidates`.
macro_rules! body_columns {
    () => {
        "title, description, content, tags, variables, syntax"
    };
}

pub(super) const BODY_COLUMNS: &str = body_columns!();

/// The parameters of a statement that writes [`BODY_COLUMNS`]; see [`BodyParams`].
pub(super) const BODY_VALUES: &str = ":title, :description, :content, :tags, :variables, :syntax";

/// The size of the [`BODY_COLUMNS`] of a row, as by [`Body::bytes`]. `octet_length` reads no text.
pub(super) const BODY_BYTES: &str = "(octet_length(title) + octet_length(description) \
    + octet_length(content) + octet_length(replace(tags, ' ', '')) \
    + CASE variables WHEN '[]' THEN 0 ELSE (SELECT coalesce(sum(octet_length(value ->> 'name') \
    + coalesce(octet_length(value ->> 'description'), 0) \
    + coalesce(octet_length(value ->> 'default'), 0)), 0) FROM json_each(variables)) END)";

/// The columns that [`read_version`] reads, from `versions` as `v`.
pub(super) const VERSION_COLUMNS: &str =
    concat!(body_columns!(), ", version, source, v.created_at AS saved_at");

/// The columns that [`read_prompt`] reads, from `prompts` as `p` and `versions` as `v`. They begin
/// with [`VERSION_COLUMNS`].
pub(super) const PROMPT_COLUMNS: &str = concat!(
    body_columns!(),
    ", version, source, v.created_at AS saved_at, p.id, p.name, p.favorite, p.created_at, \
     p.deleted_at, p.use_count, p.last_used_at"
);

/// The columns that [`read_candidate`] reads, from `candidates`.
pub(super) const CANDIDATE_COLUMNS: &str =
    concat!(body_columns!(), ", source, created_at, id, name, why, findings");

/// The position of a named column in a list, resolved at compile time. A name that the list lacks
/// does not compile.
macro_rules! column {
    ($columns:expr, $name:literal) => {
        const { position($columns, $name) }
    };
}

const fn position(columns: &str, name: &str) -> usize {
    let (columns, name) = (columns.as_bytes(), name.as_bytes());
    let (mut index, mut end) = (0, 0);
    while end <= columns.len() {
        if end == columns.len() || columns[end] == b',' {
            if ends_with_word(columns, end, name) {
                return index;
            }
            index += 1;
        }
        end += 1;
    }
    panic!("the list has no column of this name")
}

/// Whether `name` is the last word of `text` up to `end`, as in `p.name` and `x AS name`.
const fn ends_with_word(text: &[u8], end: usize, name: &[u8]) -> bool {
    if end < name.len() {
        return false;
    }
    let start = end - name.len();
    let mut offset = 0;
    while offset < name.len() {
        if text[start + offset] != name[offset] {
            return false;
        }
        offset += 1;
    }
    start == 0 || matches!(text[start - 1], b'.' | b' ')
}

fn read_body(row: &Row<'_>) -> rusqlite::Result<Body> {
    Ok(Body {
        title: row.get(column!(BODY_COLUMNS, "title"))?,
        description: row.get(column!(BODY_COLUMNS, "description"))?,
        content: row.get(column!(BODY_COLUMNS, "content"))?,
        tags: read_tags(row.get_ref(column!(BODY_COLUMNS, "tags"))?.as_str()?),
        variables: read_variables(row, column!(BODY_COLUMNS, "variables"))?,
        syntax: row.get(column!(BODY_COLUMNS, "syntax"))?,
    })
}

/// Reads [`VERSION_COLUMNS`].
pub(super) fn read_version(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        version: row.get(column!(VERSION_COLUMNS, "version"))?,
        body: read_body(row)?,
        source: row.get(column!(VERSION_COLUMNS, "source"))?,
        created_at: row.get(column!(VERSION_COLUMNS, "saved_at"))?,
    })
}

/// Reads [`PROMPT_COLUMNS`].
pub(super) fn read_prompt(row: &Row<'_>) -> rusqlite::Result<Prompt> {
    let current = read_version(row)?;
    Ok(Prompt {
        id: row.get(column!(PROMPT_COLUMNS, "id"))?,
        name: row.get(column!(PROMPT_COLUMNS, "name"))?,
        favorite: row.get(column!(PROMPT_COLUMNS, "favorite"))?,
        created_at: row.get(column!(PROMPT_COLUMNS, "created_at"))?,
        deleted_at: row.get(column!(PROMPT_COLUMNS, "deleted_at"))?,
        use_count: row.get::<_, i64>(column!(PROMPT_COLUMNS, "use_count"))?.unsigned_abs(),
        last_used_at: row.get(column!(PROMPT_COLUMNS, "last_used_at"))?,
        version: current.version,
        body: current.body,
        source: current.source,
        updated_at: current.created_at,
    })
}

/// Reads [`CANDIDATE_COLUMNS`].
pub(super) fn read_candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        body: read_body(row)?,
        source: row.get(column!(CANDIDATE_COLUMNS, "source"))?,
        created_at: row.get(column!(CANDIDATE_COLUMNS, "created_at"))?,
        id: row.get(column!(CANDIDATE_COLUMNS, "id"))?,
        name: row.get(column!(CANDIDATE_COLUMNS, "name"))?,
        why: row.get(column!(CANDIDATE_COLUMNS, "why"))?,
        findings: read_findings(row, column!(CANDIDATE_COLUMNS, "findings"))?,
    })
}

/// Reads the column `findings`, a JSON object.
fn read_findings(row: &Row<'_>, column: usize) -> rusqlite::Result<Findings> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, error.into())
    })
}

/// A body as the parameters [`BODY_VALUES`].
pub(super) struct BodyParams<'a> {
    body: &'a Body,
    tags: String,
    variables: String,
}

impl<'a> BodyParams<'a> {
    pub(super) fn new(body: &'a Body) -> Self {
        let tags = body.tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(" ");
        let variables =
            serde_json::to_string(&body.variables).expect("a list of texts always makes JSON");
        Self { body, tags, variables }
    }

    /// The parameters of the body followed by `others`.
    pub(super) fn with<'p>(
        &'p self,
        others: &[(&'p str, &'p dyn ToSql)],
    ) -> Vec<(&'p str, &'p dyn ToSql)> {
        let mut params: Vec<(&str, &dyn ToSql)> = vec![
            (":title", &self.body.title),
            (":description", &self.body.description),
            (":content", &self.body.content),
            (":tags", &self.tags),
            (":variables", &self.variables),
            (":syntax", &self.body.syntax),
        ];
        params.extend_from_slice(others);
        params
    }
}

/// Reads the column `tags`: tags joined by spaces, which no tag contains.
fn read_tags(text: &str) -> Vec<Tag> {
    text.split_whitespace().map(|tag| Tag::from_store(tag.to_owned())).collect()
}

/// Reads the column `variables`, a JSON array.
fn read_variables(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Variable>> {
    let text = row.get_ref(column)?.as_str()?;
    // Most prompts have no variables, and this is the hottest read.
    if text == "[]" {
        return Ok(Vec::new());
    }
    serde_json::from_str(text).map(Stored::list).map_err(|error| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(column, kind, error.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_row_is_that_of_its_body() {
        use crate::domain::draft::{Draft, VariableDraft};

        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE t (title, description, content, tags, variables, syntax)")
            .unwrap();
        let variable =
            |name: &str, description: Option<&str>, default: Option<&str>| VariableDraft {
                name: name.to_owned(),
                description: description.map(str::to_owned),
                default: default.map(str::to_owned),
            };
        let variables = vec![
            variable("a", Some("Überschrift \"標題\""), Some("\u{1}\\\n🎉")),
            variable("bc", None, Some("")),
            variable("d", Some("only a description"), None),
        ];
        let drafts = [
            Draft { content: Some("é".to_owned()), ..Draft::default() },
            Draft {
                title: Some("Ünïcode".to_owned()),
                description: Some("two\nlines".to_owned()),
                content: Some("{{a}} {{bc}} {{d}} {{plain}}".to_owned()),
                tags: Some(vec!["one".to_owned(), "two-three".to_owned()]),
                variables: Some(variables),
                ..Draft::default()
            },
        ];
        for draft in drafts {
            let (_, body) = draft.into_new().unwrap();
            db.execute("DELETE FROM t", []).unwrap();
            let sql = format!("INSERT INTO t ({BODY_COLUMNS}) VALUES ({BODY_VALUES})");
            db.execute(&sql, &*BodyParams::new(&body).with(&[])).unwrap();
            let sql = format!("SELECT {BODY_BYTES} AS size FROM t");
            let size: u64 = db.query_row(&sql, [], |row| row.get("size")).unwrap();
            assert_eq!(size, body.bytes());
        }
    }

    #[test]
    fn a_column_is_found_by_its_last_word() {
        assert_eq!(position("a, b.c, d AS e, name", "a"), 0);
        assert_eq!(position("a, b.c, d AS e, name", "c"), 1);
        assert_eq!(position("a, b.c, d AS e, name", "e"), 2);
        assert_eq!(position("rename, name", "name"), 1);
        assert_eq!(column!(PROMPT_COLUMNS, "source"), column!(VERSION_COLUMNS, "source"));
    }
}
