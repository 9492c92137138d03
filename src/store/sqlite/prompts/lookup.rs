//! Reading one prompt or version by its keys.

use rusqlite::{Connection, OptionalExtension, named_params};

use crate::domain::Timestamp;
use crate::domain::identity::LibraryId;
use crate::domain::prompt::{Prompt, PromptId, PromptRef, Version};
use crate::store::sqlite::schema::{PROMPT_COLUMNS, VERSION_COLUMNS, read_prompt, read_version};

/// A living prompt, or one that was deleted after `deleted_since`.
pub(super) fn find_prompt(
    db: &Connection,
    library: &LibraryId,
    prompt: &PromptRef,
    deleted_since: Option<Timestamp>,
) -> rusqlite::Result<Option<Prompt>> {
    let condition = match (prompt, deleted_since) {
        (PromptRef::Id(_), _) => "p.id = :key AND coalesce(p.deleted_at > :since, TRUE)",
        (PromptRef::Name(_), None) => {
            "p.name = :key AND p.deleted_at IS NULL AND :since IS NOT NULL"
        }
        // One statement. With two, a prompt that is restored between them would be missed by both.
        (PromptRef::Name(_), Some(_)) => {
            "p.seq = (SELECT coalesce(\
             (SELECT seq FROM prompts \
             WHERE owner = :owner AND name = :key AND deleted_at IS NULL), \
             (SELECT seq FROM prompts \
             WHERE owner = :owner AND name = :key AND deleted_at > :since \
             ORDER BY deleted_at DESC LIMIT 1)))"
        }
    };
    let sql = format!(
        "SELECT {PROMPT_COLUMNS} FROM prompts p JOIN versions v ON v.change = p.change \
         WHERE p.owner = :owner AND {condition}"
    );
    let since = deleted_since.map_or(i64::MAX, Timestamp::as_millis);
    let params = named_params! { ":owner": library, ":key": prompt.as_str(), ":since": since };
    db.prepare_cached(&sql)?.query_row(params, read_prompt).optional()
}

/// The row id of a living prompt, or of one that was deleted after `deleted_since`.
pub(super) fn find_seq(
    db: &Connection,
    library: &LibraryId,
    id: &PromptId,
    deleted_since: Timestamp,
) -> rusqlite::Result<Option<i64>> {
    let sql = "SELECT seq FROM prompts \
        WHERE id = :id AND owner = :owner AND coalesce(deleted_at > :since, TRUE)";
    let params = named_params! { ":id": id, ":owner": library, ":since": deleted_since };
    db.prepare_cached(sql)?.query_row(params, |row| row.get("seq")).optional()
}

pub(super) fn find_version(
    db: &Connection,
    library: &LibraryId,
    id: &PromptId,
    version: u32,
) -> rusqlite::Result<Option<Version>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM prompts p JOIN versions v ON v.prompt = p.seq \
         WHERE p.id = :id AND p.owner = :owner AND v.version = :version \
         AND v.version >= p.pruned_before"
    );
    let params = named_params! { ":id": id, ":owner": library, ":version": version };
    db.prepare_cached(&sql)?.query_row(params, read_version).optional()
}
