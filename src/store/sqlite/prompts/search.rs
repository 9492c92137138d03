//! Searching prompts by their names, words and trigrams.
//!
//! No search reads all prompts with a frequent word: each lookup in the index reads a bounded number of
//! rows, the newest first, and stops. `ranking` orders the result.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, named_params};

use super::filter::PROMPTS_FILTER;
use super::selection::{Place, Selection};
use super::words::{BEGINNING_MAX_CHARS, Kind, Terms};
use crate::domain::identity::LibraryId;
use crate::domain::prompt::Prompt;
use crate::domain::ranking::{MATCHES_MAX, Match, NAMES_MAX, Query};
use crate::domain::trigrams::Trigrams;
use crate::domain::vector::Embedding;
use crate::store::sqlite::schema::{PROMPT_COLUMNS, read_prompt};
use crate::store::sqlite::vectors::Matrices;
use crate::store::sqlite::vectors::nearest::{Found, find_nearest, measure};
use crate::store::{Filter, Matches, Search, StoreResult};

/// Maximum number of rows that are read for one word of a query. Below it, frequencies are exact; a word
/// of more prompts is frequent, however many they are.
const ROWS_OF_WORD_MAX: usize = 250;
/// Maximum number of rows that are read for one trigram, and of trigrams that are looked up.
const ROWS_OF_TRIGRAM_MAX: usize = 100;
const TRIGRAMS_MAX: usize = 32;
/// Maximum number of words that a half-typed word may stand for, in each kind of term.
const ENDINGS_MAX: usize = 24;
/// Maximum number of rows that are read for one word of a text.
const SHARING_MAX: usize = 100;

pub(super) fn search_prompts(
    db: &Connection,
    matrices: &Matrices,
    library: &LibraryId,
    search: &Search,
    filter: &Filter,
) -> StoreResult<Matches> {
    // One transaction, because the rows that one statement finds are read by the next.
    let db = &*db.unchecked_transaction()?;
    let index = Index { db, library, terms: Terms::of(library.as_str()), filter };
    let by_meaning =
        |meaning: &Embedding, most| find_nearest(db, matrices, library, meaning, filter, most);
    match search {
        Search::Alike { words, meaning, most } => {
            let prompts = index.read(&index.find_sharing(words, *most)?)?;
            let matches = match meaning {
                Some(meaning) => index.join(prompts, meaning, &by_meaning(meaning, *most)?)?,
                None => prompts.into_iter().map(Match::from).collect(),
            };
            Ok(Matches { matches, ..Matches::default() })
        }
        Search::Query { query, meaning } => {
            let mut prompts = find_by_name(db, library, query, filter)?;
            let selection = index.select(query)?;
            let frequencies = selection.frequencies();
            let weights = frequencies.to_weights(query);
            let mut by_words = index.read(&selection.best(&weights, MATCHES_MAX))?;
            by_words.retain(|prompt| prompts.iter().all(|known| known.id != prompt.id));
            prompts.extend(by_words);
            prompts.truncate(MATCHES_MAX);
            let matches = match meaning {
                Some(meaning) => {
                    index.join(prompts, meaning, &by_meaning(meaning, MATCHES_MAX)?)?
                }
                None => prompts.into_iter().map(Match::from).collect(),
            };
            Ok(Matches { matches, frequencies })
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

/// Finds the living prompts of a library by the terms of the index.
struct Index<'a> {
    db: &'a Connection,
    library: &'a LibraryId,
    terms: Terms,
    filter: &'a Filter,
}

impl Index<'_> {
    /// Finds the rows with any word of a query. What no heading has may have a typo: its trigrams are
    /// looked up.
    fn select(&self, query: &Query) -> StoreResult<Selection> {
        let words = &query.words;
        let mut selection = Selection::new(words.len(), Trigrams::of(words).len());
        let mut unknown: Vec<String> = Vec::new();
        for (number, word) in words.iter().enumerate() {
            let headings = self.newest(&self.quoted(Kind::Heading, word), ROWS_OF_WORD_MAX)?;
            let texts = self.newest(&self.quoted(Kind::Word, word), ROWS_OF_WORD_MAX)?;
            selection.add_word(number, Place::Heading, &headings);
            selection.add_word(number, Place::Text, &texts);
            if number + 1 == words.len() {
                selection.add_word(number, Place::Beginning, &self.find_begun(word)?);
            }
            if headings.is_empty() {
                unknown.extend(Trigrams::of(&[word]).terms());
            }
        }
        for trigram in unknown.iter().take(TRIGRAMS_MAX) {
            let trigram = self.quoted(Kind::Trigram, trigram);
            selection.add_trigram(&self.newest(&trigram, ROWS_OF_TRIGRAM_MAX)?);
        }
        Ok(selection)
    }

    /// The newest rows with words that begin with `word` and are longer: in headings, and in any text
    /// as far as [`ENDINGS_MAX`] such words go.
    fn find_begun(&self, word: &str) -> StoreResult<Vec<i64>> {
        let mut terms = self.list_begun(Kind::Word, word)?;
        if word.chars().count() <= BEGINNING_MAX_CHARS {
            terms.push(self.quoted(Kind::Beginning, word));
        } else {
            terms.extend(self.list_begun(Kind::Heading, word)?);
        }
        if terms.is_empty() {
            return Ok(Vec::new());
        }
        self.newest(&format!("({})", terms.join(" OR ")), ROWS_OF_WORD_MAX)
    }

    /// The first [`ENDINGS_MAX`] terms that begin with `word` and are longer, in quotes.
    fn list_begun(&self, kind: Kind, word: &str) -> StoreResult<Vec<String>> {
        let sql = "SELECT term FROM prompt_vocabulary WHERE term >= ?1 LIMIT 1";
        let mut statement = self.db.prepare_cached(sql)?;
        let begun = self.terms.term(kind, word);
        let mut found = Vec::new();
        let mut last = begun.clone();
        while found.len() < ENDINGS_MAX {
            // `!` is before every character of a term, so this is the term after the last one.
            let next: Option<String> =
                statement.query_row([format!("{last}!")], |row| row.get("term")).optional()?;
            let Some(term) = next.filter(|term| term.starts_with(&begun)) else { break };
            found.push(format!("\"{term}\""));
            last = term;
        }
        Ok(found)
    }

    /// The `most` rows that share the rarest words, and of equals the newest. For each word only the
    /// newest [`SHARING_MAX`] rows with it count.
    fn find_sharing(&self, words: &[String], most: usize) -> StoreResult<Vec<i64>> {
        let mut weights: HashMap<i64, f64> = HashMap::new();
        for word in words {
            let seqs = self.newest(&self.quoted(Kind::Word, word), SHARING_MAX)?;
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

    /// A term as a string literal of FTS5. Terms hold no quotes, so nothing of a query is ever syntax.
    fn quoted(&self, kind: Kind, text: &str) -> String {
        format!("\"{}\"", self.terms.term(kind, text))
    }

    /// The newest rows that match an expression and the filter.
    fn newest(&self, expression: &str, most: usize) -> StoreResult<Vec<i64>> {
        let mut expression = expression.to_owned();
        if let Some(tag) = &self.filter.tag {
            expression = format!("{expression} AND {}", self.quoted(Kind::Tag, tag.as_str()));
        }
        if let Some(favorite) = self.filter.favorite {
            let operator = if favorite { "AND" } else { "NOT" };
            // `NOT` binds more tightly than `AND`.
            expression = format!("({expression}) {operator} {}", self.quoted(Kind::Favorite, ""));
        }
        let mut statement = self.db.prepare_cached(
            "SELECT rowid FROM prompt_terms WHERE prompt_terms MATCH ?1 \
             ORDER BY rowid DESC LIMIT ?2",
        )?;
        let rows = statement.query_map((expression, most), |row| row.get("rowid"))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds the prompts that are near to a meaning to those that were found by words, and measures how
    /// near those are.
    fn join(
        &self,
        by_words: Vec<Prompt>,
        meaning: &Embedding,
        nearest: &[Found],
    ) -> StoreResult<Vec<Match>> {
        let mut matches = Vec::with_capacity(by_words.len() + nearest.len());
        let mut known = HashSet::with_capacity(by_words.len());
        for prompt in by_words {
            let (seq, cosine) = measure(self.db, &prompt.id, meaning)?;
            known.insert(seq);
            matches.push(Match { prompt, cosine });
        }
        for found in nearest.iter().filter(|found| !known.contains(&found.seq)) {
            let prompt = self.read(&[found.seq])?.pop();
            matches.extend(prompt.map(|prompt| Match { prompt, cosine: Some(found.cosine) }));
        }
        Ok(matches)
    }

    /// Reads the library's own prompts by their row ids, in that order. The index may still have words
    /// of a prompt that was removed.
    fn read(&self, seqs: &[i64]) -> StoreResult<Vec<Prompt>> {
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
    use crate::store::{NewPrompt, PromptStore, Store, WriteContext};

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
            let new =
                NewPrompt { id: PromptId::random(), name, body, favorite: false, embedding: None };
            let write = WriteContext { client: "test".to_owned(), ..WriteContext::default() };
            store.create_prompt(&local(), new, &write).await.unwrap();
        }
        (dir, store)
    }

    async fn titles(store: &SqliteStore, search: Search) -> Vec<String> {
        let found = store.search_prompts(&local(), &search, &Filter::default()).await;
        found.unwrap().into_prompts().iter().map(|prompt| prompt.body.title.to_string()).collect()
    }

    #[tokio::test]
    async fn a_title_is_found_among_many_newer_contents_with_its_word() {
        let mut texts = vec![("Common tongue", "x")];
        texts.extend([("Other", "a common text"); MATCHES_MAX + 10]);
        let (_dir, store) = library(&texts).await;
        for query in ["common", "comm"] {
            let search = Search::by_words(Query::parse(query).unwrap());
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
        assert_eq!(
            titles(&store, Search::Alike { words, meaning: None, most: 3 }).await[0],
            "Rare"
        );
        let search = Search::by_words(Query::parse("common zebra").unwrap());
        assert_eq!(titles(&store, search).await[0], "Rare");
    }

    /// A tokenizer that knew fewer letters than `words` would make phrases of such words, which the
    /// index cannot look up.
    #[tokio::test]
    async fn a_word_with_letters_of_any_age_is_one_token() {
        let texts = [("Adlam", "\u{1e922}a\u{1e923}"), ("Circled", "a\u{1f150}b")];
        let (_dir, store) = library(&texts).await;
        for (title, content) in texts {
            let search = Search::by_words(Query::parse(content).unwrap());
            assert_eq!(titles(&store, search).await, [title], "{content}");
        }
    }

    #[tokio::test]
    async fn the_rows_that_are_read_for_a_word_do_not_grow_with_the_library() {
        let texts = vec![("Common heading", "a common text"); ROWS_OF_WORD_MAX + 30];
        let (_dir, store) = library(&texts).await;
        for query in ["common", "comm", "commn"] {
            let search = Search::by_words(Query::parse(query).unwrap());
            let found = store.search_prompts(&local(), &search, &Filter::default()).await.unwrap();
            assert_eq!(found.matches.len(), MATCHES_MAX, "{query}");
            assert!(found.frequencies.rows <= ROWS_OF_WORD_MAX, "{query}: {:?}", found.frequencies);
        }
    }

    #[tokio::test]
    async fn prompts_from_before_the_index_are_found_once_they_are_indexed() {
        let texts = vec![("Older", "zebra"); 520];
        let (dir, store) = library(&texts).await;
        drop(store);
        let file = dir.path().join("file");
        Connection::open(&file)
            .unwrap()
            .execute_batch(
                "INSERT INTO prompt_terms (prompt_terms) VALUES ('delete-all'); \
                 UPDATE upkeep SET unindexed_before = 100000",
            )
            .unwrap();
        let wait = Duration::from_secs(10);
        let store = SqliteStore::open(&file, wait, Arc::new(SystemClock)).unwrap();
        let count = async || {
            let sql = "SELECT count(*) AS rows FROM prompt_terms_docsize";
            let count =
                |db: &Connection| Ok(db.query_row(sql, [], |row| row.get::<_, i64>("rows"))?);
            store.database.read(count).await.unwrap()
        };
        assert_eq!(count().await, 500, "the newest are indexed at the start");
        let search = || Search::by_words(Query::parse("zebra").unwrap());
        assert_eq!(titles(&store, search()).await.len(), MATCHES_MAX);
        while store.purge().await.unwrap().has_more {}
        assert_eq!(count().await, 520);
    }
}
