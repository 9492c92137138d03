//! Searching prompts by their names and words.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, named_params};

use super::filter::{PROMPTS_FILTER, WORDS_FILTER};
use super::words::owner_word;
use crate::domain::identity::LibraryId;
use crate::domain::prompt::Prompt;
use crate::domain::ranking::{MATCHES_MAX, NAMES_MAX, Query};
use crate::store::sqlite::schema::{PROMPT_COLUMNS, read_prompt};
use crate::store::{Filter, Search, StoreResult};

/// The indexed columns with texts, and of those the ones that `ranking` weighs most.
const TEXTS: &str = "{name title tags description content}";
const HEADING: &str = "{name title tags}";

/// Maximum number of prompts that are read for one word of a text.
const SHARING_MAX: usize = 100;

pub(super) fn search_prompts(
    db: &Connection,
    library: &LibraryId,
    search: &Search,
    filter: &Filter,
) -> StoreResult<Vec<Prompt>> {
    // One transaction, because the rows that one statement finds are read by the next.
    let db = &*db.unchecked_transaction()?;
    let words = WordSearch { db, library, filter };
    match search {
        Search::Alike { words: shared, most } => {
            words.prompts(&words.sharing(&quoted(shared), *most)?)
        }
        Search::Query(query) => {
            let mut found = find_by_name(db, library, query, filter)?;
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

/// The prompt with this name, then those whose name begins with it.
fn find_by_name(
    db: &Connection,
    library: &LibraryId,
    query: &Query,
    filter: &Filter,
) -> StoreResult<Vec<Prompt>> {
    let Some(name) = &query.name else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "SELECT {PROMPT_COLUMNS} FROM prompts p JOIN versions v ON v.change = p.change \
         WHERE p.owner = :owner AND p.deleted_at IS NULL \
         AND p.name >= :from AND p.name < :to {PROMPTS_FILTER} ORDER BY p.name LIMIT :limit"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(
        named_params! {
            ":owner": library,
            ":from": name,
            // `{` is the character after `z`, the last of a name.
            ":to": format!("{name}{{"),
            ":tag": filter.tag,
            ":favorite": filter.favorite,
            ":limit": NAMES_MAX,
        },
        read_prompt,
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Finds the living prompts of a library by their words. Terms are words in quotes, optionally
/// followed by `*`.
///
/// No query reads all prompts with a frequent word: each reads a bounded number of rows, the newest
/// first. `ranking` orders the result.
struct WordSearch<'a> {
    db: &'a Connection,
    library: &'a LibraryId,
    filter: &'a Filter,
}

impl WordSearch<'_> {
    /// At most [`MATCHES_MAX`] prompts with all of the terms, the last one also as the beginning of
    /// a word. Of more, the ones that `ranking` prefers: with a term in name, title or tags, then
    /// with the last term as a whole word, then the newest.
    fn with_all(&self, terms: &[String]) -> StoreResult<Vec<i64>> {
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

    /// The `most` prompts that share the rarest terms, and of equals the newest. For each term only
    /// the newest [`SHARING_MAX`] prompts with it count.
    fn sharing(&self, terms: &[String], most: usize) -> StoreResult<Vec<i64>> {
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
    fn newest(&self, expression: &str, most: usize) -> StoreResult<Vec<i64>> {
        let sql = format!(
            "SELECT rowid FROM prompt_words WHERE prompt_words MATCH :match {WORDS_FILTER} \
             ORDER BY rowid DESC LIMIT :limit"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let owner = owner_word(self.library);
        let rows = statement.query_map(
            named_params! {
                ":match": format!("owner : \"{owner}\" AND {TEXTS} : ({expression})"),
                ":tag": self.filter.tag,
                ":favorite": self.filter.favorite,
                ":limit": most,
            },
            |row| row.get("rowid"),
        )?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Reads the library's own prompts by their row ids, in that order. The index may still have words
    /// of a prompt that was removed.
    fn prompts(&self, seqs: &[i64]) -> StoreResult<Vec<Prompt>> {
        let sql = format!(
            "SELECT {PROMPT_COLUMNS} FROM prompts p JOIN versions v ON v.change = p.change \
             WHERE p.seq = ?1 AND p.owner = ?2 AND p.deleted_at IS NULL"
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let found =
            seqs.iter().map(|seq| statement.query_row((seq, self.library), read_prompt).optional());
        Ok(found.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }
}

fn extend_new(found: &mut Vec<i64>, more: Vec<i64>) {
    for seq in more {
        if !found.contains(&seq) {
            found.push(seq);
        }
    }
}

/// Words as FTS5 string literals. Words hold no quotes, so nothing of a query is ever syntax.
fn quoted(words: &[String]) -> Vec<String> {
    words.iter().map(|word| format!("\"{word}\"")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::domain::SystemClock;
    use crate::domain::draft::Draft;
    use crate::domain::identity::UserId;
    use crate::domain::prompt::PromptId;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{NewPrompt, PromptStore, WriteContext};

    fn local() -> LibraryId {
        LibraryId::of_user(&UserId::local())
    }

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
            let write = WriteContext { client: "test".to_owned(), ..WriteContext::default() };
            store.create_prompt(&local(), new, &write).await.unwrap();
        }
        (dir, store)
    }

    async fn titles(store: &SqliteStore, search: Search) -> Vec<String> {
        let found = store.search_prompts(&local(), &search, &Filter::default()).await;
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
