//! The request of a harvest, whose entries are read and refused one by one.

use std::fmt;

use schemars::JsonSchema;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use super::proposed::Proposed;
use crate::domain::candidate::{CANDIDATES_MAX, WHY_MAX_CHARS};
use crate::domain::harvest::{Proposal, RUBRIC};
use crate::domain::prompt::{
    CONTENT_MAX_BYTES, DESCRIPTION_MAX_CHARS, TAGS_MAX, TITLE_MAX_CHARS, VARIABLES_MAX,
};
use crate::library::Proposals;
use crate::rest::prompts::{VariableRequest, draft_variables};

/// The name of the list of [`HarvestRequest`] whose items fail alone.
pub(super) const CANDIDATES: &str = "candidates";

/// The candidates that a model proposes after a session.
#[derive(Debug, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HarvestRequest {
    #[schemars(
        with = "Vec<CandidateRequest>",
        length(min = 1, max = CANDIDATES_MAX),
        // Read by the tools: a malformed candidate does not refuse the others.
        extend("x-items-fail-alone" = true),
        description = format!("The best prompts of this session, 1 to 8. {RUBRIC}")
    )]
    #[schema(value_type = Vec<CandidateRequest>)]
    pub(crate) candidates: Candidates,
    /// What the user asked to look for, if they said so; at most 500 characters.
    #[schemars(length(min = 0, max = WHY_MAX_CHARS))]
    pub(crate) focus: Option<String>,
}

#[derive(Debug, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CandidateRequest {
    /// A short title that says what the prompt does, at most 120 characters.
    #[schemars(length(max = TITLE_MAX_CHARS))]
    pub(super) title: String,
    /// The prompt as it should be used in a fresh chat, at most 65,536 bytes: the whole
    /// instruction, with {{name}} in place of whatever changes from use to use. Never a transcript.
    #[schemars(length(max = CONTENT_MAX_BYTES))]
    pub(super) content: String,
    /// What it is for and when to use it, at most 1,024 characters.
    #[schemars(length(min = 0, max = DESCRIPTION_MAX_CHARS))]
    pub(super) description: Option<String>,
    /// What to pass for the variables, and their defaults.
    #[schemars(length(max = VARIABLES_MAX))]
    pub(super) variables: Option<Vec<VariableRequest>>,
    /// At most 10 topics, each kept as a-z, 0-9 and -.
    #[schemars(length(max = TAGS_MAX))]
    pub(super) tags: Option<Vec<String>>,
    /// In a sentence, what makes it worth keeping; at most 500 characters.
    #[schemars(length(max = WHY_MAX_CHARS))]
    pub(super) why: String,
}

/// The entries of a harvest. Those that are too many are counted and not kept: a body may have more
/// than 100,000, each with an error that is many times as long.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// At most [`CANDIDATES_MAX`].
    entries: Vec<Proposed>,
    /// The number of all.
    count: usize,
}

impl<'de> Deserialize<'de> for Candidates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Candidates;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Candidates, A::Error> {
                let mut entries = Vec::new();
                while entries.len() < CANDIDATES_MAX {
                    let Some(entry) = list.next_element()? else {
                        return Ok(Candidates { count: entries.len(), entries });
                    };
                    entries.push(entry);
                }
                let mut count = entries.len();
                while list.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Candidates { entries, count })
            }
        }

        deserializer.deserialize_seq(Entries)
    }
}

impl From<Candidates> for Proposals {
    fn from(candidates: Candidates) -> Self {
        let Candidates { entries, count } = candidates;
        Self { entries: entries.into_iter().map(Proposed::into).collect(), count }
    }
}

/// The bytes of text for each unit of the caller's rate limit that a harvest costs beside its request:
/// checking, redacting and comparing 16 KiB takes about as long as an ordinary request.
const BYTES_PER_UNIT: usize = 16 * 1024;

impl HarvestRequest {
    /// The units that the harvest costs beside its request. They follow from its texts alone, so that
    /// REST and MCP cost the same.
    pub(crate) fn cost(&self) -> u32 {
        let focus = self.focus.as_ref().map_or(0, String::len);
        let bytes = focus + self.candidates.entries.iter().map(Proposed::bytes).sum::<usize>();
        u32::try_from(bytes / BYTES_PER_UNIT).unwrap_or(u32::MAX)
    }
}

impl CandidateRequest {
    /// The bytes of all its texts, in UTF-8.
    pub(super) fn bytes(&self) -> usize {
        let Self { title, content, description, variables, tags, why } = self;
        let variables = variables.iter().flatten().flat_map(|variable| {
            let VariableRequest { name, description, default } = variable;
            [Some(name), description.as_ref(), default.as_ref()]
        });
        let texts = [Some(title), Some(content), description.as_ref(), Some(why)];
        let texts = texts.into_iter().chain(variables).flatten().chain(tags.iter().flatten());
        texts.map(String::len).sum()
    }
}

impl From<CandidateRequest> for Proposal {
    fn from(request: CandidateRequest) -> Self {
        Self {
            title: request.title,
            content: request.content,
            description: request.description,
            variables: draft_variables(request.variables),
            tags: request.tags,
            why: request.why,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn candidates_that_are_too_many_are_counted_and_not_kept() {
        for (given, kept) in [(0, 0), (7, 7), (8, 8), (9, 8), (100_000, 8)] {
            let text = json!({ "candidates": vec![0; given] }).to_string();
            let request: HarvestRequest = serde_json::from_str(&text).unwrap();
            assert_eq!(request.candidates.entries.len(), kept);
            assert_eq!(request.candidates.count, given);
            assert_eq!(request.cost(), 0);
        }
    }
}
