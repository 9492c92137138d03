//! Reading many prompts: pages and searches.

use rusqlite::{Connection, ToSql, named_params};

use super::rows::{self, CANDIDATE_COLUMNS, PROMPT_COLUMNS, VERSION_COLUMNS};
use super::{Outcome, owner_token};
use crate::domain::Timestamp;
use crate::domain::audit::{Action, AuditEntry};
use crate::domain::candidate::{Candidate, CandidateId};
use crate::domain::identity::UserId;
use crate::domain::paging::{Cursor, Page, PageRequest};
use crate::domain::prompt::{Name, Prompt, PromptId, Tag, Version};
use crate::domain::ranking::{MATCHES_MAX, NAMES_MAX, Query};
use crate::store::{Filter, Search, Sort, StoreError};

/// A page of prompts.
pub(super) fn list_prompts(
    connection: &Connection,
    owner: &UserId,
    filter: &Filter,
    sort: Sort,
    page: &PageRequest,
    deleted_since: Timestamp,
) -> Outcome<Page<Prompt>> {
    let listing = Listing { connection, owner, filter, limit: page.limit.get() };
    let cursor = page.cursor.as_ref();
    match sort {
        _ if filter.deleted => listing.deleted(cursor, deleted_since),
        Sort::Recent => listing.by_change(cursor, Direction::LatestFirst),
        Sort::Oldest => listing.by_change(cursor, Direction::LatestLast),
        Sort::Name => listing.by_name(cursor),
        Sort::Used => listing.by_use(cursor),
    }
}

/// Which end of the order of saves comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    LatestFirst,
    LatestLast,
}

struct Listing<'a> {
    connection: &'a Connection,
    owner: &'a UserId,
    filter: &'a Filter,
    limit: usize,
}

impl Listing<'_> {
    /// By the latest save, as of the moment when the first page was read: prompts that were saved
    /// since stand where they stood then.
    fn by_change(&self, cursor: Option<&Cursor>, direction: Direction) -> Outcome<Page<Prompt>> {
        let (kind, start, follows, order) = match direction {
            Direction::LatestFirst => ("recent", i64::MAX, "<", "DESC"),
            Direction::LatestLast => ("oldest", 0, ">", "ASC"),
        };
        let (watermark, after) = if let Some([watermark, after]) = open(cursor, kind)? {
            (number(&watermark)?, number(&after)?)
        } else {
            let newest = "SELECT coalesce(max(change), 0) FROM versions";
            let mut statement = self.connection.prepare_cached(newest)?;
            (statement.query_row([], |row| row.get(0))?, start)
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
            |_, key| Cursor::seal(kind, &[&watermark.to_string(), &key.to_string()]),
        )
    }

    fn by_name(&self, cursor: Option<&Cursor>) -> Outcome<Page<Prompt>> {
        let [after] = open(cursor, "name")?.unwrap_or_default();
        self.page(
            "SELECT seq, seq AS key FROM prompts \
             WHERE owner = :owner AND deleted_at IS NULL AND name > :after {filter} \
             ORDER BY name LIMIT :limit",
            "p.name",
            &[(":after", &after)],
            |prompt, _| Cursor::seal("name", &[prompt.name.as_str()]),
        )
    }

    fn by_use(&self, cursor: Option<&Cursor>) -> Outcome<Page<Prompt>> {
        let (count, seq) = numbers(cursor, "used")?;
        self.page(
            "SELECT seq, seq AS key FROM prompts \
             WHERE owner = :owner AND deleted_at IS NULL \
             AND (use_count, seq) < (:count, :seq) {filter} \
             ORDER BY use_count DESC, seq DESC LIMIT :limit",
            "p.use_count DESC, p.seq DESC",
            &[(":count", &count), (":seq", &seq)],
            |prompt, key| Cursor::seal("used", &[&prompt.use_count.to_string(), &key.to_string()]),
        )
    }

    /// The latest deletion first.
    fn deleted(&self, cursor: Option<&Cursor>, since: Timestamp) -> Outcome<Page<Prompt>> {
        let (at, seq) = numbers(cursor, "deleted")?;
        self.page(
            "SELECT seq, seq AS key FROM prompts \
             WHERE owner = :owner AND deleted_at > :since \
             AND (deleted_at, seq) < (:at, :seq) {filter} \
             ORDER BY deleted_at DESC, seq DESC LIMIT :limit",
            "p.deleted_at DESC, p.seq DESC",
            &[(":since", &since.as_millis()), (":at", &at), (":seq", &seq)],
            |prompt, key| {
                let at = prompt.deleted_at.map_or(0, Timestamp::as_millis);
                Cursor::seal("deleted", &[&at.to_string(), &key.to_string()])
            },
        )
    }

    /// Reads the prompts that `keys` selects as `(seq, key)`, one more than the page holds.
    fn page(
        &self,
        keys: &str,
        order: &str,
        params: &[(&str, &dyn ToSql)],
        seal: impl Fn(&Prompt, i64) -> Cursor,
    ) -> Outcome<Page<Prompt>> {
        let sql = format!(
            "SELECT {PROMPT_COLUMNS}, k.key FROM ({}) k JOIN prompts p ON p.seq = k.seq \
             JOIN versions v ON v.change = p.change ORDER BY {order} LIMIT :limit",
            keys.replace("{filter}", FILTER),
        );
        let tag = self.filter.tag.as_ref().map(Tag::as_str);
        let limit = self.limit + 1;
        let mut all: Vec<(&str, &dyn ToSql)> = vec![
            (":owner", self.owner),
            (":tag", &tag),
            (":favorite", &self.filter.favorite),
            (":limit", &limit),
        ];
        all.extend_from_slice(params);
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map(&*all, |row| Ok((rows::prompt(row)?, row.get(15)?)))?;
        Ok(paged(rows.collect::<Result<_, _>>()?, self.limit, seal))
    }
}

/// The versions of a prompt that is known to be the owner's, the newest first.
pub(super) fn list_versions(
    connection: &Connection,
    seq: i64,
    page: &PageRequest,
) -> Outcome<Page<Version>> {
    let kind = format!("versions {seq}");
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM versions v WHERE v.prompt = :prompt AND v.version < :after \
         ORDER BY v.version DESC LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":prompt": seq,
            ":after": position(page, &kind)?,
            ":limit": page.limit.get() + 1,
        },
        |row| Ok((rows::version(row)?, row.get(0)?)),
    )?;
    let seal = |_: &Version, key: i64| Cursor::seal(&kind, &[&key.to_string()]);
    Ok(paged(rows.collect::<Result<_, _>>()?, page.limit.get(), seal))
}

/// The candidates that wait since after `since`, the newest first.
pub(super) fn list_candidates(
    connection: &Connection,
    owner: &UserId,
    page: &PageRequest,
    since: Timestamp,
) -> Outcome<Page<Candidate>> {
    let sql = format!(
        "SELECT {CANDIDATE_COLUMNS} FROM candidates \
         WHERE owner = :owner AND created_at > :since AND seq < :after \
         ORDER BY seq DESC LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":owner": owner,
            ":since": since.as_millis(),
            ":after": position(page, "candidates")?,
            ":limit": page.limit.get() + 1,
        },
        |row| Ok((rows::candidate(row)?, row.get(0)?)),
    )?;
    let seal = |_: &Candidate, key: i64| Cursor::seal("candidates", &[&key.to_string()]);
    Ok(paged(rows.collect::<Result<_, _>>()?, page.limit.get(), seal))
}

/// The tags of living prompts; those of deleted ones stay for the listing of deletions.
pub(super) fn list_tags(
    connection: &Connection,
    owner: &UserId,
    prefix: &str,
    most: usize,
) -> rusqlite::Result<Vec<Tag>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT tag FROM tags WHERE owner = :owner AND tag >= :from AND tag < :to \
         AND EXISTS (SELECT 1 FROM prompts WHERE seq = tags.prompt AND deleted_at IS NULL) \
         ORDER BY tag LIMIT :limit",
    )?;
    let params = named_params! {
        ":owner": owner,
        ":from": prefix,
        ":to": format!("{prefix}{{"),
        ":limit": most,
    };
    statement.query_map(params, |row| Ok(Tag::from_store(row.get(0)?)))?.collect()
}

pub(super) fn list_audit(
    connection: &Connection,
    owner: &UserId,
    page: &PageRequest,
) -> Outcome<Page<AuditEntry>> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, action, prompt_id, candidate_id, name, version, client, at FROM audit \
         WHERE owner = :owner AND seq < :after ORDER BY seq DESC LIMIT :limit",
    )?;
    let rows = statement.query_map(
        named_params! {
            ":owner": owner,
            ":after": position(page, "audit")?,
            ":limit": page.limit.get() + 1,
        },
        |row| {
            let word = row.get_ref(1)?.as_str()?;
            let action = Action::parse(word).ok_or(rusqlite::Error::InvalidQuery)?;
            let entry = AuditEntry {
                user_id: owner.clone(),
                action,
                prompt_id: row.get::<_, Option<_>>(2)?.map(PromptId::from_store),
                candidate_id: row.get::<_, Option<_>>(3)?.map(CandidateId::from_store),
                name: Name::from_store(row.get(4)?),
                version: row.get(5)?,
                client: row.get(6)?,
                at: Timestamp::from_millis(row.get(7)?),
            };
            Ok((entry, row.get(0)?))
        },
    )?;
    let seal = |_: &AuditEntry, key: i64| Cursor::seal("audit", &[&key.to_string()]);
    Ok(paged(rows.collect::<Result<_, _>>()?, page.limit.get(), seal))
}

pub(super) fn search_prompts(
    connection: &Connection,
    owner: &UserId,
    search: &Search,
    filter: &Filter,
) -> Outcome<Vec<Prompt>> {
    match search {
        Search::Alike { words, most } => {
            let any = quoted(words).join(" OR ");
            find_by_words(connection, owner, &any, *most, filter)
        }
        Search::Query(query) => {
            let mut found = find_by_name(connection, owner, query, filter)?;
            let mut terms = quoted(&query.words);
            if let Some(last) = terms.last_mut() {
                last.push('*');
            }
            let all = terms.join(" AND ");
            let mut by_words = find_by_words(connection, owner, &all, MATCHES_MAX, filter)?;
            if by_words.is_empty() && found.is_empty() && terms.len() > 1 {
                by_words =
                    find_by_words(connection, owner, &terms.join(" OR "), MATCHES_MAX, filter)?;
            }
            by_words.retain(|prompt| found.iter().all(|known| known.id != prompt.id));
            found.extend(by_words);
            found.truncate(MATCHES_MAX);
            Ok(found)
        }
    }
}

/// The prompt of the very name, then those whose name begins with it.
fn find_by_name(
    connection: &Connection,
    owner: &UserId,
    query: &Query,
    filter: &Filter,
) -> Outcome<Vec<Prompt>> {
    let Some(name) = &query.name else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "SELECT {PROMPT_COLUMNS} FROM prompts p JOIN versions v ON v.change = p.change \
         WHERE p.owner = :owner AND p.deleted_at IS NULL \
         AND p.name >= :from AND p.name < :to {FILTER} ORDER BY p.name LIMIT :limit"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":owner": owner,
            ":from": name.as_str(),
            // `{` is the character after `z`, the last that a name may hold.
            ":to": format!("{name}{{"),
            ":tag": filter.tag.as_ref().map(Tag::as_str),
            ":favorite": filter.favorite,
            ":limit": NAMES_MAX,
        },
        rows::prompt,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The prompts that best match an expression of quoted words.
fn find_by_words(
    connection: &Connection,
    owner: &UserId,
    expression: &str,
    most: usize,
    filter: &Filter,
) -> Outcome<Vec<Prompt>> {
    if expression.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {PROMPT_COLUMNS} FROM (SELECT rowid AS seq, \
         bm25(prompt_words, 0.0, 10.0, 10.0, 6.0, 4.0, 1.0) AS weight \
         FROM prompt_words WHERE prompt_words MATCH :match {WORDS_FILTER} \
         ORDER BY weight LIMIT :limit) k \
         JOIN prompts p ON p.seq = k.seq JOIN versions v ON v.change = p.change"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":match": format!(
                "owner : \"{}\" AND {{name title tags description content}} : ({expression})",
                owner_token(owner)
            ),
            ":tag": filter.tag.as_ref().map(Tag::as_str),
            ":favorite": filter.favorite,
            ":limit": most,
        },
        rows::prompt,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Narrows a selection from `prompts` by tag and mark.
const FILTER: &str = "AND (:tag IS NULL OR seq IN (SELECT prompt FROM tags WHERE owner = :owner AND tag = :tag)) \
     AND (:favorite IS NULL OR favorite = :favorite)";

/// Narrows a selection from `prompt_words` alike. The names are spelled out, for every table has a
/// `rowid`.
const WORDS_FILTER: &str = "AND (:tag IS NULL OR EXISTS \
     (SELECT 1 FROM tags t WHERE t.prompt = prompt_words.rowid AND t.tag = :tag)) \
     AND (:favorite IS NULL OR EXISTS \
     (SELECT 1 FROM prompts f WHERE f.seq = prompt_words.rowid AND f.favorite = :favorite))";

/// Words as FTS5 string literals. Words hold no quotes, so nothing of a query is ever syntax.
fn quoted(words: &[String]) -> Vec<String> {
    words.iter().map(|word| format!("\"{word}\"")).collect()
}

fn number(text: &str) -> Outcome<i64> {
    text.parse().map_err(|_| StoreError::InvalidCursor)
}

/// The parts of a cursor of the listing `kind`, if one is given.
fn open<const N: usize>(cursor: Option<&Cursor>, kind: &str) -> Outcome<Option<[String; N]>> {
    cursor.map(|cursor| cursor.open(kind).ok_or(StoreError::InvalidCursor)).transpose()
}

/// Where a listing by two falling numbers goes on.
fn numbers(cursor: Option<&Cursor>, kind: &str) -> Outcome<(i64, i64)> {
    let Some([first, second]) = open(cursor, kind)? else {
        return Ok((i64::MAX, i64::MAX));
    };
    Ok((number(&first)?, number(&second)?))
}

/// Where a listing by one falling number goes on.
fn position(page: &PageRequest, kind: &str) -> Outcome<i64> {
    let Some([key]) = open(page.cursor.as_ref(), kind)? else {
        return Ok(i64::MAX);
    };
    number(&key)
}

/// Cuts one row more than a page to the page, with a cursor if that row was there.
fn paged<T>(mut rows: Vec<(T, i64)>, limit: usize, seal: impl Fn(&T, i64) -> Cursor) -> Page<T> {
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|(item, key)| seal(item, *key));
    Page { items: rows.into_iter().map(|(item, _)| item).collect(), next }
}
