//! The full-text index of a prompt's words, and its tags.
//!
//! A row of the index is a set of terms. Each term begins with its kind and its library, so a lookup
//! reads the rows of one library alone, however many share the file.

use rusqlite::{Connection, named_params};
use sha2::{Digest, Sha256};

use crate::domain::identity::LibraryId;
use crate::domain::prompt::{Prompt, Tag};
use crate::domain::to_hex;
use crate::domain::trigrams::Trigrams;
use crate::domain::words::{for_each_word, split_words};
use crate::store::sqlite::batch::Batch;
use crate::store::sqlite::schema::{PROMPT_COLUMNS, read_prompt};

/// Maximum length of the text of a term, in characters. Longer words, which are rather data than words,
/// are cut in the index and in queries alike.
const TERM_MAX_CHARS: usize = 64;
/// Maximum length of the beginnings of words in the index, in characters.
pub(super) const BEGINNING_MAX_CHARS: usize = 3;

/// What a term means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A word of any text.
    Word,
    /// A word of name, title or tags.
    Heading,
    /// The first 1 to [`BEGINNING_MAX_CHARS`] characters of a longer word of name, title or tags.
    Beginning,
    /// A trigram of name or title.
    Trigram,
    /// A whole tag.
    Tag,
    /// The mark of a favourite; its text is empty.
    Favorite,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::Word => 'w',
            Self::Heading => 'h',
            Self::Beginning => 'b',
            Self::Trigram => 'g',
            Self::Tag => 't',
            Self::Favorite => 'f',
        }
    }
}

/// Writes the terms of one library.
pub(super) struct Terms {
    /// A hash of the library's id, which may hold characters that the tokenizer would split at.
    scope: String,
}

impl Terms {
    /// The terms of the library with this id.
    pub(super) fn of(owner: &str) -> Self {
        let hash = Sha256::digest(owner);
        // A collision would only cost reads: what a search finds is read by its owner.
        Self { scope: to_hex(&hash[..8]) }
    }

    /// A term. It consists of letters, digits, marks, `_` and `-`, which the tokenizer keeps together.
    pub(super) fn term(&self, kind: Kind, text: &str) -> String {
        let mut term = String::with_capacity(self.scope.len() + 2 + text.len());
        self.push(&mut term, kind, text);
        term
    }

    fn push(&self, terms: &mut String, kind: Kind, text: &str) {
        let end = text.char_indices().nth(TERM_MAX_CHARS).map_or(text.len(), |(end, _)| end);
        terms.push(kind.letter());
        terms.push_str(&self.scope);
        terms.push('_');
        terms.push_str(&text[..end]);
    }

    /// All terms of a prompt, separated by spaces. The words come in ascending order, which is how the
    /// index keeps them.
    fn all(&self, prompt: &Prompt) -> String {
        let body = &prompt.body;
        let title = split_words(body.title.as_str());
        let name = split_words(prompt.name.as_str());
        let tags = body.tags.iter().flat_map(|tag| split_words(tag.as_str()));
        let headings: Vec<String> = distinct(title.iter().chain(&name).cloned().chain(tags));
        let beginnings: Vec<&str> = distinct(headings.iter().flat_map(|word| beginnings(word)));
        let trigrams: Vec<String> = if name == title {
            Trigrams::of(&title).terms().collect()
        } else {
            distinct(Trigrams::of(&title).terms().chain(Trigrams::of(&name).terms()))
        };
        let mut words = headings.clone();
        for text in [body.description.as_str(), body.content.as_str()] {
            for_each_word(text, |word| words.push(word.to_owned()));
        }

        let words = distinct(words.into_iter());
        let kinds: [(Kind, Vec<&str>); 5] = [
            (Kind::Word, words.iter().map(String::as_str).collect()),
            (Kind::Heading, headings.iter().map(String::as_str).collect()),
            (Kind::Beginning, beginnings),
            (Kind::Trigram, trigrams.iter().map(String::as_str).collect()),
            (Kind::Tag, body.tags.iter().map(Tag::as_str).collect()),
        ];
        let mut terms = String::new();
        for (kind, texts) in kinds {
            for text in texts {
                self.push(&mut terms, kind, text);
                terms.push(' ');
            }
        }
        if prompt.favorite {
            self.push(&mut terms, Kind::Favorite, "");
        }
        terms
    }
}

/// The distinct values in ascending order.
fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// The first 1 to [`BEGINNING_MAX_CHARS`] characters of a word, each shorter than the word.
fn beginnings(word: &str) -> impl Iterator<Item = &str> {
    word.char_indices().skip(1).take(BEGINNING_MAX_CHARS).map(|(end, _)| &word[..end])
}

/// Replaces the tags and the words of a prompt. A deleted prompt has no words, so that no search
/// finds it.
pub(super) fn index(
    db: &Connection,
    library: &LibraryId,
    seq: i64,
    prompt: &Prompt,
) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM tags WHERE prompt = ?1")?.execute([seq])?;
    for tag in &prompt.body.tags {
        db.prepare_cached("INSERT INTO tags (owner, tag, prompt) VALUES (?1, ?2, ?3)")?
            .execute((library, tag, seq))?;
    }
    index_words(db, library.as_str(), seq, prompt)
}

fn index_words(db: &Connection, owner: &str, seq: i64, prompt: &Prompt) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM prompt_terms WHERE rowid = ?1")?.execute([seq])?;
    if prompt.deleted_at.is_none() {
        let sql = "INSERT INTO prompt_terms (rowid, terms) VALUES (:seq, :terms)";
        let terms = Terms::of(owner).all(prompt);
        db.prepare_cached(sql)?.execute(named_params! { ":seq": seq, ":terms": terms })?;
    }
    Ok(())
}

/// Indexes the words of prompts that were saved before the index existed, the newest first; returns
/// whether there may be more.
pub(in crate::store::sqlite) fn index_older(
    db: &Connection,
    batch: &mut Batch,
) -> rusqlite::Result<bool> {
    let mut before = unindexed_before(db)?;
    if before == 0 {
        return Ok(false);
    }
    let sql = format!(
        "SELECT {PROMPT_COLUMNS}, p.seq, p.owner FROM prompts p JOIN versions v ON v.change = p.change \
         WHERE p.seq < ?1 AND p.deleted_at IS NULL ORDER BY p.seq DESC"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([before])?;
    let mut has_more = false;
    while let Some(row) = rows.next()? {
        let prompt = read_prompt(row)?;
        if !batch.take(prompt.body.bytes()) {
            has_more = true;
            break;
        }
        before = row.get("seq")?;
        let owner: String = row.get("owner")?;
        index_words(db, &owner, before, &prompt)?;
    }
    let before = if has_more { before } else { 0 };
    db.execute("UPDATE upkeep SET unindexed_before = ?1", [before])?;
    Ok(has_more)
}

/// The row id before which prompts are still to be indexed; 0 for none.
pub(in crate::store::sqlite) fn unindexed_before(db: &Connection) -> rusqlite::Result<i64> {
    let mut statement = db.prepare_cached("SELECT unindexed_before FROM upkeep")?;
    statement.query_row([], |row| row.get("unindexed_before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_cut_at_a_character_and_keep_libraries_apart() {
        let [one, other] = ["user_1", "user_2"].map(Terms::of);
        assert_ne!(one.term(Kind::Word, "a"), other.term(Kind::Word, "a"));
        let long = one.term(Kind::Word, &"я".repeat(100));
        assert!(long.ends_with(&format!("_{}", "я".repeat(TERM_MAX_CHARS))));
        assert_eq!(beginnings("cod").collect::<Vec<_>>(), ["c", "co"]);
        assert_eq!(beginnings("codes").collect::<Vec<_>>(), ["c", "co", "cod"]);
    }
}
