//! SQL conditions for a [`Filter`](crate::store::Filter).

/// Narrows a selection from `prompts` by `:tag` and `:favorite`, each unless it is null.
pub(super) const PROMPTS_FILTER: &str = "AND (:tag IS NULL OR seq IN (SELECT prompt FROM tags WHERE owner = :owner AND tag = :tag)) \
     AND (:favorite IS NULL OR favorite = :favorite)";

/// Narrows a selection from `prompt_words` likewise. Columns are qualified, because every table has
/// a `rowid`.
pub(super) const WORDS_FILTER: &str = "AND (:tag IS NULL OR EXISTS \
     (SELECT 1 FROM tags t WHERE t.prompt = prompt_words.rowid AND t.tag = :tag)) \
     AND (:favorite IS NULL OR EXISTS \
     (SELECT 1 FROM prompts f WHERE f.seq = prompt_words.rowid AND f.favorite = :favorite))";
