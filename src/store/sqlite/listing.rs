//! Reading many prompts: pages and searches.

use std::collections::HashMap;

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
            |_, key| Cursor::encode(kind, &[&watermark.to_string(), &key.to_string()]),
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
            |prompt, _| Cursor::encode("name", &[prompt.name.as_str()]),
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
            |prompt, key| {
                Cursor::encode("used", &[&prompt.use_count.to_string(), &key.to_string()])
            },
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
                Cursor::encode("deleted", &[&at.to_string(), &key.to_string()])
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
    let seal = |_: &Version, key: i64| Cursor::encode(&kind, &[&key.to_string()]);
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
    let seal = |_: &Candidate, key: i64| Cursor::encode("candidates", &[&key.to_string()]);
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
    let seal = |_: &AuditEntry, key: i64| Cursor::encode("audit", &[&key.to_string()]);
    Ok(paged(rows.collect::<Result<_, _>>()?, page.limit.get(), seal))
}

pub(super) fn search_prompts(
    connection: &Connection,
    owner: &UserId,
    search: &Search,
    filter: &Filter,
) -> Outcome<Vec<Prompt>> {
    // Rows that are found in one statement are read in the next: as of one moment.
    let connection = &*connection.unchecked_transaction()?;
    let words = WordSearch { connection, owner, filter };
    match search {
        Search::Alike { words: shared, most } => {
            words.prompts(&words.sharing(&quoted(shared), *most)?)
        }
        Search::Query(query) => {
            let mut found = find_by_name(connection, owner, query, filter)?;
            let mut terms = quoted(&query.words);
            let seqs = words.with_all(&terms)?;
            let mut by_words = words.prompts(&seqs)?;
            if by_words.is_empty() && found.is_empty() && terms.len() > 1 {
                if let Some(last) = terms.last_mut() {
                    last.push('*');
                }
                by_words = words.prompts(&words.sharing(&terms, MATCHES_MAX)?)?;
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

/// Finds the living prompts of an owner by their words. Terms are words in quotes, perhaps with a
/// `*` behind.
///
/// Nothing here looks at all prompts that hold a frequent word: rows come newest first, and only
/// so many of them. Which of them are the best is decided by `ranking`.
struct WordSearch<'a> {
    connection: &'a Connection,
    owner: &'a UserId,
    filter: &'a Filter,
}

impl WordSearch<'_> {
    /// At most [`MATCHES_MAX`] prompts with all of the terms, the last one also as the beginning of
    /// a word. Where there are more, those come first that `ranking` puts first: with a term in
    /// name, title or tags, then with the last term as a whole word, then the newest.
    fn with_all(&self, terms: &[String]) -> Outcome<Vec<i64>> {
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        let (whole, any_whole) = (terms.join(" AND "), terms.join(" OR "));
        let (begun, any_begun) = (format!("{whole}*"), format!("{any_whole}*"));
        let all = self.newest(&begun, MATCHES_MAX)?;
        if all.len() < MATCHES_MAX {
            return Ok(all);
        }
        let mut found = Vec::new();
        for expression in [
            format!("({whole}) AND {HEADING} : ({any_whole})"),
            format!("({begun}) AND {HEADING} : ({any_begun})"),
            whole,
        ] {
            if found.len() < MATCHES_MAX {
                extend_new(&mut found, self.newest(&expression, MATCHES_MAX)?);
            }
        }
        extend_new(&mut found, all);
        found.truncate(MATCHES_MAX);
        Ok(found)
    }

    /// The `most` prompts that share the rarest terms, and of equals the newest. A prompt counts
    /// for a term if it is among the newest [`SHARING_MAX`] that hold it.
    fn sharing(&self, terms: &[String], most: usize) -> Outcome<Vec<i64>> {
        let mut weights: HashMap<i64, f64> = HashMap::new();
        for term in terms {
            let seqs = self.newest(term, SHARING_MAX)?;
            let weight = 1.0 / f64::from(u32::try_from(seqs.len()).unwrap_or(u32::MAX));
            for seq in seqs {
                *weights.entry(seq).or_default() += weight;
            }
        }
        let mut sharing: Vec<(i64, f64)> = weights.into_iter().collect();
        sharing.sort_unstable_by(|(a, a_weight), (b, b_weight)| {
            b_weight.total_cmp(a_weight).then(b.cmp(a))
        });
        Ok(sharing.into_iter().take(most).map(|(seq, _)| seq).collect())
    }

    /// The newest prompts that match an expression of terms.
    fn newest(&self, expression: &str, most: usize) -> Outcome<Vec<i64>> {
        let sql = format!(
            "SELECT rowid FROM prompt_words WHERE prompt_words MATCH :match {WORDS_FILTER} \
             ORDER BY rowid DESC LIMIT :limit"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let owner = owner_token(self.owner);
        let rows = statement.query_map(
            named_params! {
                ":match": format!("owner : \"{owner}\" AND {TEXTS} : ({expression})"),
                ":tag": self.filter.tag.as_ref().map(Tag::as_str),
                ":favorite": self.filter.favorite,
                ":limit": most,
            },
            |row| row.get(0),
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads prompts by their rows.
    fn prompts(&self, seqs: &[i64]) -> Outcome<Vec<Prompt>> {
        let sql = format!(
            "SELECT {PROMPT_COLUMNS} FROM prompts p JOIN versions v ON v.change = p.change \
             WHERE p.seq = ?1"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let read = |seq: &i64| Ok(statement.query_row([seq], rows::prompt)?);
        seqs.iter().map(read).collect()
    }
}

fn extend_new(found: &mut Vec<i64>, more: Vec<i64>) {
    for seq in more {
        if !found.contains(&seq) {
            found.push(seq);
        }
    }
}

/// The columns of a prompt's texts, and of those the ones that `ranking` weighs most.
const TEXTS: &str = "{name title tags description content}";
const HEADING: &str = "{name title tags}";

/// How many prompts with one word are looked at when many share words with a text.
const SHARING_MAX: usize = 100;

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
    cursor.map(|cursor| cursor.decode(kind).ok_or(StoreError::InvalidCursor)).transpose()
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::SqliteStore;
    use super::*;
    use crate::domain::SystemClock;
    use crate::domain::draft::Draft;
    use crate::store::{NewPrompt, Store, WriteContext};

    /// A library of titles and contents, the oldest first.
    async fn library(texts: &[(&str, &str)]) -> (tempfile::TempDir, SqliteStore) {
        let dir = tempfile::TempDir::new().unwrap();
        let wait = Duration::from_secs(10);
        let store =
            SqliteStore::open(&dir.path().join("file"), wait, Arc::new(SystemClock)).unwrap();
        for (number, (title, content)) in texts.iter().enumerate() {
            let (name, body) = Draft {
                name: Some(format!("p-{number}")),
                title: Some((*title).to_owned()),
                content: Some((*content).to_owned()),
                ..Draft::default()
            }
            .into_new()
            .unwrap();
            let new = NewPrompt { id: PromptId::random(), name, body, favorite: false };
            let write =
                WriteContext { client: "test".to_owned(), idempotency: None, accepts: None };
            store.create_prompt(&UserId::local(), new, None, &write).await.unwrap();
        }
        (dir, store)
    }

    async fn titles(store: &SqliteStore, search: Search) -> Vec<String> {
        let found = store.search_prompts(&UserId::local(), &search, &Filter::default()).await;
        found.unwrap().iter().map(|prompt| prompt.body.title.to_string()).collect()
    }

    #[tokio::test]
    async fn a_title_is_found_among_many_newer_contents_with_its_word() {
        let mut texts = vec![("Common tongue", "x")];
        texts.extend([("Other", "a common text"); MATCHES_MAX + 10]);
        let (_dir, store) = library(&texts).await;
        for query in ["common", "comm"] {
            let search = Search::Query(Query::parse(query).unwrap());
            let found = titles(&store, search).await;
            assert_eq!(found.len(), MATCHES_MAX, "{query}");
            assert_eq!(found[0], "Common tongue", "{query}");
        }
    }

    #[tokio::test]
    async fn a_rare_word_outweighs_many_frequent_ones() {
        let mut texts = vec![("Rare", "zebra")];
        texts.extend([("Other", "common words here"); SHARING_MAX + 10]);
        let (_dir, store) = library(&texts).await;
        let words = ["common", "words", "here", "zebra"].map(str::to_owned).to_vec();
        assert_eq!(titles(&store, Search::Alike { words, most: 3 }).await[0], "Rare");
        let search = Search::Query(Query::parse("common zebra").unwrap());
        assert_eq!(titles(&store, search).await[0], "Rare");
    }

    /// A tokenizer that knew fewer letters than `words` would make phrases of such words, which the
    /// index cannot look up.
    #[tokio::test]
    async fn a_word_with_letters_of_any_age_is_one_token() {
        let texts = [("Adlam", "\u{1e922}a\u{1e923}"), ("Circled", "a\u{1f150}b")];
        let (_dir, store) = library(&texts).await;
        for (title, content) in texts {
            let search = Search::Query(Query::parse(content).unwrap());
            assert_eq!(titles(&store, search).await, [title], "{content}");
        }
    }
}
