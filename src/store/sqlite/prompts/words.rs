//! The full-text index of a prompt's words, and its tags.

use rusqlite::{Connection, named_params};

use crate::domain::identity::LibraryId;
use crate::domain::prompt::{Prompt, Tag};
use crate::domain::words::split_words;
use crate::store::StoreResult;

/// The owner as one word of the index, whatever characters the id contains.
pub(super) fn owner_word(library: &LibraryId) -> String {
    library.as_str().bytes().fold("o".to_owned(), |word, byte| format!("{word}{byte:02x}"))
}

/// Replaces the tags and the words of a prompt. A deleted prompt has no words, so that no search
/// finds it.
pub(super) fn index(
    db: &Connection,
    library: &LibraryId,
    seq: i64,
    prompt: &Prompt,
) -> StoreResult<()> {
    db.prepare_cached("DELETE FROM tags WHERE prompt = ?1")?.execute([seq])?;
    db.prepare_cached("DELETE FROM prompt_words WHERE rowid = ?1")?.execute([seq])?;
    let body = &prompt.body;
    for tag in &body.tags {
        db.prepare_cached("INSERT INTO tags (owner, tag, prompt) VALUES (?1, ?2, ?3)")?
            .execute((library, tag, seq))?;
    }
    if prompt.deleted_at.is_some() {
        return Ok(());
    }
    let tags = body.tags.iter().map(Tag::as_str).collect::<Vec<_>>().join(" ");
    db.prepare_cached(
        "INSERT INTO prompt_words (rowid, owner, name, title, tags, description, content) \
         VALUES (:seq, :owner, :name, :title, :tags, :description, :content)",
    )?
    .execute(named_params! {
        ":seq": seq,
        ":owner": owner_word(library),
        ":name": spaced_words(prompt.name.as_str()),
        ":title": spaced_words(body.title.as_str()),
        ":tags": spaced_words(&tags),
        ":description": spaced_words(body.description.as_str()),
        ":content": spaced_words(body.content.as_str()),
    })?;
    Ok(())
}

fn spaced_words(text: &str) -> String {
    split_words(text).join(" ")
}
