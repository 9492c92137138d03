//! The tool `list_candidates`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::candidates::{describe, explain_cuts, fit_candidates, format_candidates};
use super::lookup::parse_candidate_id;
use super::tool::{Effect, Reply, Tool};
use crate::domain::FieldError;
use crate::domain::identity::Principal;
use crate::domain::paging::{Limit, SealedCursor};
use crate::error::ApiError;
use crate::library::Library;
use crate::rest::candidates::{CandidateResponse, listing_cost};

/// Lists the review queue, or returns one candidate of it.
pub(super) struct ListCandidates;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListCandidatesInput {
    /// Returns only this candidate, with its full text.
    candidate_id: Option<String>,
    /// Maximum number of candidates to return; 20 when absent, and fewer if their texts are long.
    #[schemars(range(min = 1, max = Limit::MAX.get()))]
    limit: Option<i64>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ListCandidatesOutput {
    /// Entries as in `harvest_session`, each with `expires_at`, newest first.
    candidates: Vec<CandidateResponse>,
    /// Pass it as cursor for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Tool for ListCandidates {
    const NAME: &'static str = "list_candidates";
    const TITLE: &'static str = "List prompts waiting for review";
    const DESCRIPTION: &'static str = "Lists the candidates of harvest_session that still wait for \
        review, with what each resembles in the library. Use this when the user wants to review \
        them, or wants to read the full text of one, by its candidate_id.";
    const EFFECT: Effect = Effect::Read;
    const REPEATS_OUTPUT: bool = true;
    const MAY_BE_LONG: bool = true;

    type Input = ListCandidatesInput;
    type Output = ListCandidatesOutput;

    fn cost(input: &ListCandidatesInput) -> u32 {
        if input.candidate_id.is_some() { 0 } else { listing_cost(input.limit) }
    }

    async fn call(
        library: &Library,
        caller: &Principal,
        input: ListCandidatesInput,
    ) -> Result<Reply<ListCandidatesOutput>, ApiError> {
        let ListCandidatesInput { candidate_id, mut limit, cursor } = input;
        if let Some(id) = candidate_id {
            if limit.is_some() || cursor.is_some() {
                let message = "cannot be combined with limit or cursor";
                return Err(FieldError::new("candidate_id", message).into());
            }
            let candidate = library.get_candidate(caller, &parse_candidate_id(&id)?).await?;
            return Ok(reply(vec![describe(candidate)], None));
        }
        loop {
            let page = library.list_candidates(caller, limit, cursor.clone()).await?;
            let found = page.items.len();
            let mut candidates = page.items.into_iter().map(describe).collect();
            fit_candidates(&mut candidates);
            if candidates.len() == found {
                return Ok(reply(candidates, page.next.map(SealedCursor::into_string)));
            }
            // List again with a limit at which the candidates fit, so that the cursor continues right
            // after the last one. The limit shrinks with each turn, to one at the least.
            limit = i64::try_from(candidates.len()).ok();
        }
    }
}

fn reply(
    candidates: Vec<CandidateResponse>,
    next_cursor: Option<String>,
) -> Reply<ListCandidatesOutput> {
    let mut parts: Vec<String> = format_candidates(&candidates).collect();
    if parts.is_empty() {
        parts.push("Nothing waits for review.".to_owned());
    }
    if let Some(cursor) = &next_cursor {
        parts.push(format!("More with cursor {cursor}"));
    }
    let hint = explain_cuts(&candidates);
    Reply::new(parts.join("\n\n"), ListCandidatesOutput { candidates, next_cursor, hint })
}
