//! Pages of prompts, versions and tags.

use rusqlite::{Connection, OptionalExtension, ToSql, named_params};

use super::filter::PROMPTS_FILTER;
use crate::domain::Timestamp;
use crate::domain::identity::LibraryId;
use crate::domain::paging::{Cursor, Limit, Page, PageRequest};
use crate::domain::prompt::{Prompt, Tag, Version};
use crate::store::sqlite::paging::{falling_number, falling_numbers, number, open, read_page};
use crate::store::sqlite::schema::{PROMPT_COLUMNS, VERSION_COLUMNS, read_prompt, read_version};
use crate::store::{Filter, Sort, StoreResult, TAG_COUNT_MAX, TagCount};

/// A page of prompts.
pub(super) fn list_prompts(
    db: &Connection,
    library: &LibraryId,
    filter: &Filter,
    sort: Sort,
    page: &PageRequest,
    deleted_since: Timestamp,
) -> StoreResult<Page<Prompt>> {
    let listing = Listing { db, library, filter, limit: page.limit };
    let cursor = page.cursor.as_ref();
    match sort {
        _ if filter.deleted => listing.deleted(cursor, deleted_since),
        Sort::Recent => listing.by_change(cursor, Direction::LatestFirst),
        Sort::Oldest => listing.by_change(cursor, Direction::LatestLast),
        Sort::Name => listing.by_name(cursor),
        Sort::Used => listing.by_use(cursor),
    }
}

/// The direction of a listing by saves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    LatestFirst,
    LatestLast,
}

struct Listing<'a> {
    db: &'a Connection,
    library: &'a LibraryId,
    filter: &'a Filter,
    limit: Limit,
}

impl Listing<'_> {
    /// By the latest save, as of the moment when the first page was read. Prompts that were saved
    /// since keep the place that they had then.
    fn by_change(
        &self,
        cursor: Option<&Cursor>,
        direction: Direction,
    ) -> StoreResult<Page<Prompt>> {
        let (kind, start, follows, order) = match direction {
            Direction::LatestFirst => ("recent", i64::MAX, "<", "DESC"),
            Direction::LatestLast => ("oldest", 0, ">", "ASC"),
        };
        let (watermark, after) = if let Some([watermark, after]) = open(cursor, kind)? {
            (number(&watermark)?, number(&after)?)
        } else {
            let newest = "SELECT coalesce(max(change), 0) AS newest FROM versions";
            let mut statement = self.db.prepare_cached(newest)?;
            (statement.query_row([], |row| row.get("newest"))?, start)
        };
        let keys = format!(
            "SELECT * FROM (SELECT seq, change AS key FROM prompts \
             WHERE owner = :owner AND deleted_at IS NULL \
             AND change {follows} :after AND change <= :watermark {{filter}} \
             ORDER BY change {order} LIMIT :limit) \
             UNION ALL SELECT seq, (SELECT max(change) FROM versions \
             WHERE prompt = seq AND change <= :watermark) AS key FROM prompts \
             WHERE owner = :owner AND deleted_at IS NULL AND change > :watermark \
             AND key {follows} :after {{filter}}"
        );
        self.page(
            &keys,
            &format!("k.key {order}"),
            &[(":watermark", &watermark), (":after", &after)],
            |_, key| Cursor::encode(kind, &[&watermark.to_string(), &key.to_string()]),
        )
    }

    fn by_name(&self, cursor: Option<&Cursor>) -> StoreResult<Page<Prompt>> {
        let [after] = open(cursor, "name")?.unwrap_or_default();
        self.page(
            "SELECT seq, seq AS key FROM prompts \
             WHERE owner = :owner AND deleted_at IS NULL AND name > :after {filter} \
             ORDER BY name LIMIT :limit",
            "p.name",
            &[(":after", &after)],
            |prompt, _| Cursor::encode("name", &[prompt.name.as_str()]),
        )
    }

    fn by_use(&self, cursor: Option<&Cursor>) -> StoreResult<Page<Prompt>> {
        let (count, seq) = falling_numbers(cursor, "used")?;
        self.page(
            "SELECT seq, seq AS key FROM prompts \
             WHERE owner = :owner AND deleted_at IS NULL \
             AND (use_count, seq) < (:count, :seq) {filter} \
             ORDER BY use_count DESC, seq DESC LIMIT :limit",
            "p.use_count DESC, p.seq DESC",
            &[(":count", &count), (":seq", &seq)],
            |prompt, key| {
                Cursor::encode("used", &[&prompt.use_count.to_string(), &key.to_string()])
            },
        )
    }

    /// The latest deletion first.
    fn deleted(&self, cursor: Option<&Cursor>, since: Timestamp) -> StoreResult<Page<Prompt>> {
        let (at, seq) = falling_numbers(cursor, "deleted")?;
        self.page(
            "SELECT seq, seq AS key FROM prompts \
             WHERE owner = :owner AND deleted_at > :since \
             AND (deleted_at, seq) < (:at, :seq) {filter} \
             ORDER BY deleted_at DESC, seq DESC LIMIT :limit",
            "p.deleted_at DESC, p.seq DESC",
            &[(":since", &since), (":at", &at), (":seq", &seq)],
            |prompt, key| {
                let at = prompt.deleted_at.map_or(0, Timestamp::as_millis);
                Cursor::encode("deleted", &[&at.to_string(), &key.to_string()])
            },
        )
    }

    /// Reads the prompts that `keys` selects as `(seq, key)`. The keys are sorted before any text is
    /// read, because a sort of whole rows would hold them all.
    fn page(
        &self,
        keys: &str,
        order: &str,
        params: &[(&str, &dyn ToSql)],
        seal: impl Fn(&Prompt, i64) -> Cursor,
    ) -> StoreResult<Page<Prompt>> {
        let sql = format!(
            "SELECT k.seq, k.key FROM ({}) k JOIN prompts p ON p.seq = k.seq \
             ORDER BY {order} LIMIT :limit",
            keys.replace("{filter}", PROMPTS_FILTER),
        );
        // One transaction, because the rows that one statement finds are read by the next.
        let db = &*self.db.unchecked_transaction()?;
        let tag = self.filter.tag.as_ref().map(Tag::as_str);
        let limit = self.limit.get() + 1;
        let mut all: Vec<(&str, &dyn ToSql)> = vec![
            (":owner", self.library),
            (":tag", &tag),
            (":favorite", &self.filter.favorite),
            (":limit", &limit),
        ];
        all.extend_from_slice(params);
        let mut statement = db.prepare_cached(&sql)?;
        let keys = statement.query_map(&*all, |row| Ok((row.get("seq")?, row.get("key")?)))?;
        let keys: Vec<(i64, i64)> = keys.collect::<Result<_, _>>()?;
        let mut read = db.prepare_cached(&format!(
            "SELECT {PROMPT_COLUMNS} FROM prompts p JOIN versions v ON v.change = p.change \
             WHERE p.seq = ?1"
        ))?;
        let rows = keys
            .into_iter()
            .map(|(seq, key)| read.query_row([seq], read_prompt).map(|prompt| (prompt, key)));
        read_page(rows, self.limit, seal)
    }
}

/// A page of the versions of a prompt, which must be the library's, the newest first.
pub(super) fn list_versions(
    db: &Connection,
    seq: i64,
    page: &PageRequest,
) -> StoreResult<Page<Version>> {
    let kind = format!("versions {seq}");
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM versions v WHERE v.prompt = :prompt AND v.version < :after \
         AND v.version >= (SELECT pruned_before FROM prompts WHERE seq = :prompt) \
         ORDER BY v.version DESC LIMIT :limit"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":prompt": seq,
            ":after": falling_number(page, &kind)?,
            ":limit": page.limit.get() + 1,
        },
        |row| Ok((read_version(row)?, row.get("version")?)),
    )?;
    read_page(rows, page.limit, |_, version| Cursor::encode(&kind, &[&version.to_string()]))
}

/// The tags of living prompts. The table also has those of deleted prompts, for the filter of
/// their listing.
pub(super) fn list_tags(
    db: &Connection,
    library: &LibraryId,
    prefix: &str,
    most: usize,
) -> rusqlite::Result<Vec<Tag>> {
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT tag FROM tags WHERE owner = :owner AND tag >= :from AND tag < :to \
         AND EXISTS (SELECT 1 FROM prompts WHERE seq = tags.prompt AND deleted_at IS NULL) \
         ORDER BY tag LIMIT :limit",
    )?;
    let params = named_params! {
        ":owner": library,
        ":from": prefix,
        ":to": format!("{prefix}{{"),
        ":limit": most,
    };
    statement.query_map(params, |row| row.get("tag"))?.collect()
}

/// The tags after `after` with the number of their prompts.
pub(super) fn count_tags(
    db: &Connection,
    library: &LibraryId,
    after: Option<&Tag>,
    most: usize,
) -> rusqlite::Result<Vec<TagCount>> {
    // One transaction, because the tags that one statement finds are counted by the other.
    let db = &*db.unchecked_transaction()?;
    // The first tag after another is one step in the index, however many prompts have either.
    let mut next = db.prepare_cached(
        "SELECT tag FROM tags WHERE owner = :owner AND tag > :after ORDER BY tag LIMIT 1",
    )?;
    let mut count = db.prepare_cached(COUNT_TAG)?;
    let mut counts = Vec::new();
    let mut after = after.cloned();
    while counts.len() < most {
        let from = after.as_ref().map_or("", Tag::as_str);
        let params = named_params! { ":owner": library, ":after": from };
        let Some(tag) = next.query_row(params, |row| row.get::<_, Tag>("tag")).optional()? else {
            break;
        };
        let params = named_params! { ":owner": library, ":tag": tag, ":cap": TAG_COUNT_MAX };
        let number: u64 = count.query_row(params, |row| row.get("number"))?;
        if number > 0 {
            counts.push(TagCount { tag: tag.clone(), count: number });
        }
        after = Some(tag);
    }
    Ok(counts)
}

/// Counts the living prompts of a tag. The limit is inside, so that reading ends at it.
const COUNT_TAG: &str = "SELECT count(*) AS number FROM (\
    SELECT 1 FROM tags WHERE owner = :owner AND tag = :tag \
    AND EXISTS (SELECT 1 FROM prompts WHERE seq = tags.prompt AND deleted_at IS NULL) LIMIT :cap)";

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn counting_a_tag_reads_no_more_rows_than_its_limit() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "CREATE TABLE prompts (seq INTEGER PRIMARY KEY, deleted_at INTEGER);
             CREATE TABLE tags (owner, tag, prompt, PRIMARY KEY (owner, tag, prompt)) WITHOUT ROWID;
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers LIMIT 5000)
             INSERT INTO prompts SELECT n, NULL FROM numbers;
             INSERT INTO tags SELECT 'o', 'few', seq FROM prompts LIMIT 20;
             INSERT INTO tags SELECT 'o', 'many', seq FROM prompts;",
        )
        .unwrap();
        let measure = |tag: &str| {
            let mut statement = db.prepare(COUNT_TAG).unwrap();
            let params = named_params! { ":owner": "o", ":tag": tag, ":cap": 10 };
            let number: u64 = statement.query_row(params, |row| row.get("number")).unwrap();
            (number, statement.get_status(StatementStatus::VmStep))
        };
        assert_eq!(measure("many").0, 10);
        assert_eq!(measure("many"), measure("few"));
    }
}
