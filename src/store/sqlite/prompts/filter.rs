//! SQL conditions for a [`Filter`](crate::store::Filter).

/// Narrows a selection from `prompts` by `:tag` and `:favorite`, each unless it is null.
pub(super) const PROMPTS_FILTER: &str = "AND (:tag IS NULL OR seq IN (SELECT prompt FROM tags WHERE owner = :owner AND tag = :tag)) \
     AND (:favorite IS NULL OR favorite = :favorite)";
